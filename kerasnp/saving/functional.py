"""How files describe the calls in a graph of layers.

Keras 3 writes a call as `{"args": [...], "kwargs": {...}}` with `{"class_name": "__keras_tensor__", "config":
{"keras_history": [layer, call, output]}}` for each symbolic tensor; Keras 2 as a list of `[layer, call, output, kwargs]`.
"""

from kerasnp.saving.operations import is_operation

MODELS = ("Functional", "Model")
MOST_DEEP = 50


def modern(name, config):
    """(class name, configuration) of a model, without the spellings of old files."""
    if name == "Sequential" and isinstance(config, list):  # Keras before 2.2.3
        return name, {"layers": config}
    if name == "Model" and isinstance(config, dict) and "input_layers" in config:
        return "Functional", config
    return name, config


def entry_name(entry):
    """The name of a layer."""
    return entry.get("name") or entry["config"]["name"]


def is_place(value):
    """Whether a value is `[layer, call, output]`."""
    return (
        isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(value[0], str)
        and all(type(n) is int and n >= 0 for n in value[1:])
    )  # fmt: skip


class Call:
    """One call of a layer in a file.

    Args:
        node: an entry of `inbound_nodes`.
        entries: {name: configuration} of the layers in the graph.

    Raises: ValueError for a call that refers to a layer that is not there.
    """

    def __init__(self, node, entries):
        self.entries, self.places = entries, []
        if isinstance(node, dict):
            self.args, self.kwargs = list(node.get("args") or []), dict(node.get("kwargs") or {})
            self.args = [self._new(a) for a in self.args]
            self.kwargs = {k: self._new(v) for k, v in self.kwargs.items()}
        else:
            self.args, self.kwargs = self._old(node)

    def _place(self, name, number, index):
        if name not in self.entries:
            raise ValueError(f"Invalid Functional model configuration. Missing node: {name}")
        place = Reference((name, number, index))
        self.places.append(place)
        return place

    def _new(self, value, depth=0):
        if depth > MOST_DEEP:
            raise ValueError("the arguments of a call are nested too deep.")
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                history = value["config"]["keras_history"]
                if not is_place(history):
                    raise ValueError(f"a symbolic tensor says that it comes from {history!r}, which is no call.")
                return self._place(*history)
            return {k: self._new(v, depth + 1) for k, v in value.items()}
        return [self._new(v, depth + 1) for v in value] if isinstance(value, list) else value

    def _old(self, node):
        """Arguments of a call in the layout of Keras 2: the first one, and keyword arguments."""
        node = [node] if node and isinstance(node[0], str) else node
        if isinstance(node, dict) or (node and isinstance(node[0], dict)):
            raise ValueError("a call has inputs with names of their own, which is not supported.")
        first, kwargs = [], {}
        for entry in node:
            if entry[0] == "_CONSTANT_VALUE":
                first.append(entry[2])
            else:
                first.append(self._place(entry[0], self._own(entry[0], entry[1]), entry[2]))
            if len(entry) > 3 and isinstance(entry[3], dict):
                kwargs.update({k: self._old_value(v) for k, v in entry[3].items()})
        return [first[0] if len(first) == 1 else first], kwargs

    def _old_value(self, value):
        """A keyword argument; `[layer, call, output]` of a layer in the graph is its tensor."""
        if is_place(value) and value[0] in self.entries:
            return self._place(value[0], self._own(value[0], value[1]), value[2])
        if isinstance(value, dict):
            return {k: self._old_value(v) for k, v in value.items()}
        return [self._old_value(v) for v in value] if isinstance(value, list) else value

    def _own(self, name, number):
        """The number of a call within this graph: Keras 2 counts the call by which a model inside was made."""
        return number - 1 if number and has_own_call(self.entries.get(name, {})) else number

    def filled(self, tensor):
        """(args, kwargs) with `tensor(place)` for every place."""

        def fill(value):
            if isinstance(value, Reference):
                return tensor(value)
            if isinstance(value, dict):
                return {k: fill(v) for k, v in value.items()}
            return [fill(v) for v in value] if isinstance(value, list) else value

        return fill(self.args), fill(self.kwargs)


class Reference(tuple):
    """(layer, number of its call, number of the output)."""


def has_own_call(entry):
    """Whether Keras 2 counted a call of a layer that made it: of models that know their input."""
    config = entry.get("config")
    if entry.get("class_name") in MODELS:
        return True
    layers = config.get("layers") if isinstance(config, dict) else None
    if entry.get("class_name") != "Sequential" or not layers:
        return False
    return layers[0].get("class_name") == "InputLayer" or "batch_input_shape" in (layers[0].get("config") or {})


def end_place(spec, entries):
    """The place of an input or output of the graph, by the number of calls that there are."""
    name, number, index = spec
    if name not in entries:
        raise ValueError(f"Invalid Functional model configuration. Missing node: {name}")
    entry = entries[name]
    nodes = entry.get("inbound_nodes") or []
    keras3 = bool(nodes) and isinstance(nodes[0], dict)
    counted = entry.get("class_name") in MODELS if keras3 else has_own_call(entry)
    # Keras counts from one for a model of a graph.
    return name, number - 1 if counted and number and nodes else number, index


# -- writing for Keras 2 --------------------------------------------------------------------------------------------


def classic(config):
    """The configuration of a graph in the layout of Keras 2 where it can be said in that, which Keras 3 reads too."""
    entries = {entry_name(e): e for e in config["layers"]}
    nodes = {name: _classic_nodes(entry) for name, entry in entries.items()}
    # One layout for all: Keras 2 counts the calls of models inside from one, also where it refers to them.
    told = all(v is not None for v in nodes.values()) and not any(has_own_call(e) for e in entries.values())
    ends = {key: [config[key]] if is_place(config[key]) else config[key] for key in ("input_layers", "output_layers")}
    if not told:
        return config
    return {**config, **ends, "layers": [{**e, "inbound_nodes": nodes[n]} for n, e in entries.items()]}


def _classic_nodes(entry):
    if is_operation(entry):
        return None
    found = []
    for node in entry["inbound_nodes"]:
        kwargs = {k: v for k, v in node["kwargs"].items() if v is not None}
        first = node["args"][0] if len(node["args"]) == 1 else None
        listed = first if isinstance(first, list) and len(first) > 1 else [first]
        plain = all(isinstance(x, dict) and x.get("class_name") == "__keras_tensor__" for x in listed)
        if not plain or not all(isinstance(v, (str, int, float, bool)) for v in kwargs.values()):
            return None
        found.append([[*_history(x), kwargs] for x in listed])
    return found


def _history(tensor):
    return tensor["config"]["keras_history"]
