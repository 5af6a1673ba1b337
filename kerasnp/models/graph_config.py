"""Graphs as configurations in the layout of Keras 3, and back from that and from Keras 2's."""

from kerasnp import backend as K
from kerasnp.autodiff.history import Function, named
from kerasnp.autodiff.symbolic import KerasTensor, is_keras_tensor
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.layer import Layer
from kerasnp.saving import functional, loading, operations
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object, serialize_value
from kerasnp.utils import nest
from kerasnp.utils.masks import get_mask


def describe(graph):
    """`{"layers", "input_layers", "output_layers"}` of a graph."""
    layers = []
    for operation in graph.operations:
        calls = [node for node in graph.calls_of(operation) if node.inputs]
        if isinstance(operation, Function):
            entry, inbound = _describe_function(operation, calls, graph)
        else:
            entry = serialize_keras_object(operation)
            inbound = [(node.args, node.kwargs) for node in calls]
        entry["name"] = operation.name
        entry["inbound_nodes"] = [
            {"args": [_argument(a, graph) for a in args], "kwargs": {k: _argument(v, graph) for k, v in kwargs.items()}}
            for args, kwargs in inbound
        ]
        layers.append(entry)

    def place(tensor):
        name, number, index = graph.history(tensor)
        # Keras counts the call that a model of a graph was made by.
        return [name, number + isinstance(tensor.node.operation, functional_class()), index]

    ends = {key: nest.map_structure(place, getattr(graph, key)) for key in ("inputs", "outputs")}
    return {"layers": layers, "input_layers": ends["inputs"], "output_layers": ends["outputs"]}


def _describe_function(function, calls, graph):
    found = operations.class_of(function.kind)
    if found is None:
        raise ValueError(
            f"{graph.who}: the function {function.kind} ({function.name!r}) has no counterpart among the operations of Keras, "
            "so the graph cannot be written; put the call into a Layer of your own."
        )
    module, class_name = found
    config, inbound = {}, []
    for node in calls:
        config, args, kwargs = operations.split(function, node.args, node.kwargs)
        inbound.append((args, kwargs))
    if nest.holds(config, is_keras_tensor):
        raise ValueError(
            f"{graph.who}: {function.kind} ({function.name!r}) takes a symbolic tensor for an argument that a configuration "
            "keeps as a plain value; put the call into a Layer of your own."
        )
    config = {"name": function.name, **{k: _argument(v, graph) for k, v in config.items()}}
    return {"module": module, "class_name": class_name, "config": config, "registered_name": class_name}, inbound


def _argument(value, graph):
    """An argument of a call as a plain value."""
    if is_keras_tensor(value):
        history = graph.history(value)
        config = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, Variable):
        raise ValueError(
            f"{graph.who}: a function is called with the Variable {value.name!r}, which a configuration cannot hold: put the "
            "call into a Layer of your own that makes the weight by add_weight."
        )
    if isinstance(value, K.ndarray):
        return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": str(value.dtype)}}
    if isinstance(value, dict):
        return {k: _argument(v, graph) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_argument(v, graph) for v in value]
    return serialize_value(value)


def functional_class():
    """Functional, which is imported when a graph is."""
    from kerasnp.models.functional import Functional

    return Functional


# -- back -----------------------------------------------------------------------------------------------------------


def rebuild(cls, config, custom_objects=None):
    """The model of class `cls` that a configuration of a graph describes, with new weights.

    Raises: ValueError for calls that go round in a loop, or that name a layer or an output that is not there.
    """
    entries = {functional.entry_name(e): e for e in config["layers"]}
    if len(entries) != len(config["layers"]):
        raise ValueError("Invalid Functional model configuration: two layers have the same name.")
    made = {name: _make(entry, custom_objects) for name, entry in entries.items()}
    done: dict = {name: [] for name in made}  # the outputs of every call, by name of the layer
    for name, operation in made.items():
        if not entries[name].get("inbound_nodes"):
            tensor = getattr(operation, "_output", None)
            done[name] = [] if tensor is None else [[tensor]]
    waiting = {
        name: [functional.Call(node, entries) for node in entry["inbound_nodes"]]
        for name, entry in entries.items() if entry.get("inbound_nodes")
    }  # fmt: skip
    while waiting:
        before = sum(map(len, waiting.values()))
        for name in list(waiting):
            calls = waiting[name]
            while calls and all(len(done[n]) > i for n, i, _ in calls[0].places):
                done[name].append(_repeat(made[name], entries[name], calls.pop(0), done))
            if not calls:
                del waiting[name]
        if sum(map(len, waiting.values())) == before:
            raise ValueError(
                "Invalid Functional model configuration: the graph has a loop, or calls that nothing leads to. "
                f"These layers wait for their inputs: {', '.join(list(waiting)[:20])}."
            )
    ends = {}
    for key in ("input_layers", "output_layers"):
        ends[key] = _ends(config[key], entries, done)
    name, trainable = config.get("name"), config.get("trainable")
    rest = {
        k: v for k, v in config.items()
        if k not in ("name", "trainable", "layers", "input_layers", "output_layers", "dtype", "build_input_shape")
    }  # fmt: skip
    trainable = True if trainable is None else trainable
    return cls(inputs=ends["input_layers"], outputs=ends["output_layers"], name=name, trainable=trainable, **rest)


def _make(entry, custom_objects):
    if operations.is_operation(entry):
        kind = operations.kind_of(entry.get("class_name"))
        if kind is None:
            raise ValueError(
                f"the operation {entry.get('class_name')!r} ({functional.entry_name(entry)!r}) has no counterpart among "
                "kerasnp.ops."
            )
        state = loading.current()
        if state is not None:
            state.count_layer()
        return named(kind, functional.entry_name(entry))
    layer = deserialize_keras_object(entry, custom_objects, family="layers")
    if not isinstance(layer, Layer):
        raise ValueError(f"the entry {functional.entry_name(entry)!r} of the graph describes no layer.")
    return layer


def _repeat(operation, entry, call, done):
    """Make one call again; returns the list of its outputs."""
    args, kwargs = call.filled(lambda place: _tensor(place, done))
    args = [_values(a) for a in args]
    kwargs = {k: _values(v) for k, v in kwargs.items()}
    if isinstance(operation, Function):
        config = {k: _values(v) for k, v in (entry.get("config") or {}).items()}
        args, kwargs = operations.join(operation, config, args, kwargs)
        shapes = [x.shape for x in nest.flatten((list(args), dict(kwargs))) if is_keras_tensor(x)]
        operations.check_size(operation, args, kwargs, shapes)
        outputs = operation.on_symbols(*args, **kwargs)
    else:
        first = args[0] if args else None
        if is_keras_tensor(kwargs.get("mask")) and _same(kwargs["mask"], get_mask(first)):
            # Keras writes masks down; they travel by themselves.
            del kwargs["mask"]
        outputs = operation(*args, **kwargs)
    return [y for y in nest.flatten(outputs) if isinstance(y, KerasTensor)]


def _same(a, b):
    """Whether two arguments are equal, symbolic tensors being so where they come from the same calls of functions."""
    if is_keras_tensor(a) and is_keras_tensor(b):
        one, other = a.node, b.node
        if a is b or None in (one, other) or not isinstance(one.operation, Function):
            return a is b
        alike = isinstance(other.operation, Function) and one.operation.kind == other.operation.kind
        return alike and a.index == b.index and _same([*one.args, one.kwargs], [*other.args, other.kwargs])
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    return type(a) is type(b) and not isinstance(a, K.ndarray) and a == b


def _values(value):
    """Plain values of a configuration as arguments, with the symbolic tensors among them as they are."""
    if is_keras_tensor(value):
        return value
    if isinstance(value, list):
        values = [_values(v) for v in value]
        # JSON knows no tuples: a list of slices and numbers is a key.
        return tuple(values) if any(isinstance(v, slice) or v is Ellipsis for v in values) else values
    if isinstance(value, dict) and "class_name" not in value:
        return {k: _values(v) for k, v in value.items()}
    return deserialize_keras_object(value)


def _tensor(place, done):
    name, number, index = place
    outputs = done[name][number]
    if index >= len(outputs):
        raise ValueError(f"Invalid Functional model configuration: layer {name!r} has no output number {index}.")
    return outputs[index]


def _ends(spec, entries, done):
    """The symbolic tensors at one end of the graph."""
    if functional.is_place(spec):
        place = functional.end_place(spec, entries)
        if place[1] and place[1] == len(done[place[0]]):
            # A class of the user's, of which the file does not say that it is a graph.
            place = (place[0], place[1] - 1, place[2])
        if place[1] >= len(done[place[0]]):
            raise ValueError(f"Invalid Functional model configuration: layer {place[0]!r} has no call number {place[1]}.")
        return _tensor(place, done)
    if isinstance(spec, dict):
        return {k: _ends(v, entries, done) for k, v in spec.items()}
    return type(spec)([_ends(v, entries, done) for v in spec])
