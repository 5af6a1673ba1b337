"""Functional models whose graph is a straight line, as the Sequential that they are."""


def as_sequential(name, config):
    """(class name, configuration): of a Sequential where a straight-line Functional model or an old spelling is given.

    Raises: ValueError for a graph that branches, listing its layers.
    """
    if name == "Sequential" and isinstance(config, list):  # Keras before 2.2.3
        return name, {"layers": config}
    if name not in ("Functional", "Model") or not isinstance(config, dict) or "input_layers" not in config:
        return name, config
    entries = {entry_name(e): e for e in config["layers"]}
    if len(entries) != len(config["layers"]):
        refuse(config, "two layers have the same name")
    entries = without_mask_computation(config, entries)
    sources = {n: inbound(e) for n, e in entries.items()}
    inputs, outputs = ends(config["input_layers"]), ends(config["output_layers"])
    if len(inputs) != 1 or len(outputs) != 1:
        refuse(config, f"it has {len(inputs)} inputs and {len(outputs)} outputs")
    for layer, calls in sources.items():
        for key, value in options(entries[layer]):
            refuse(config, f"layer {layer!r} is called with {key}={value!r}")
        if len(calls) > 1:
            refuse(config, f"layer {layer!r} is called {len(calls)} times")
        if calls and len(calls[0]) != 1:
            refuse(config, f"layer {layer!r} takes {len(calls[0])} inputs")
    follower = {}
    for layer, calls in sources.items():
        for source in calls[0] if calls else ():
            if source in follower:
                refuse(config, f"the output of layer {source!r} goes to {follower[source]!r} and to {layer!r}")
            follower[source] = layer
    chain, at = [], inputs[0]
    while at is not None and at in entries and len(chain) <= len(entries):
        chain.append(at)
        at = follower.get(at)
    if not chain or chain[-1] != outputs[0] or len(chain) != len(entries):
        refuse(config, "not every layer lies on the way from its input to its output")
    kept = {k: config[k] for k in ("name", "trainable", "dtype") if k in config}
    return "Sequential", {**kept, "layers": [entries[n] for n in chain]}


def refuse(config, why):
    names = [f"{entry_name(e)} ({e.get('class_name')})" for e in config["layers"]]
    listing = ", ".join(names[:50]) + (f" and {len(names) - 50} more" if len(names) > 50 else "")
    raise ValueError(
        f"this Functional model is not a straight line of layers: {why}. kerasnp loads graphs without branches as "
        "Sequential; "
        f"other graphs are not supported yet (say on the issue tracker that you need it). Its layers: {listing}."
    )


def entry_name(entry):
    return entry.get("name") or entry["config"]["name"]


def ends(spec):
    """Names of the input or output layers: one `["name", 0, 0]`, or a list of such."""
    if isinstance(spec, dict):
        spec = list(spec.values())
    if spec and isinstance(spec[0], str):
        spec = [spec]
    return [s[0] for s in spec]


def without_mask_computation(config, entries):
    """The entries without the operations by which Keras 3 computes masks: a stack passes masks on by itself."""
    makes_mask = any(
        e["class_name"] == "Masking" or (e["class_name"] == "Embedding" and e["config"].get("mask_zero"))
        for e in entries.values()
    )
    if not makes_mask:
        return entries
    needed, todo = set(), ends(config["output_layers"])
    while todo:
        name = todo.pop()
        if name in entries and name not in needed:
            needed.add(name)
            todo += [n for call in inbound(entries[name]) for n in call]
    return {n: e for n, e in entries.items() if n in needed or e["class_name"] not in MASK_OPERATIONS}


MASK_OPERATIONS = ("NotEqual", "Any")


def calls(entry):
    """[(positional arguments, keyword arguments)] of every call of a layer, in the layout of Keras 3."""
    for node in entry.get("inbound_nodes") or []:
        if isinstance(node, dict):
            yield list(node.get("args") or []), dict(node.get("kwargs") or {})
        else:  # Keras 2: [["name", 0, 0, {}], ...], or one such without the outer list
            node = [node] if node and isinstance(node[0], str) else node
            tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": t[:3]}} for t in node]
            yield tensors, {k: v for t in node if len(t) > 3 for k, v in t[3].items()}


def inbound(entry):
    """For each call of a layer, the names of the layers whose outputs it takes, masks aside."""
    return [
        [n for value in (*args, *(v for k, v in kwargs.items() if k != "mask")) for n in tensors(value)]
        for args, kwargs in calls(entry)
    ]


def options(entry):
    """(name, value) of arguments other than tensors with which a layer is called and which a stack could not repeat."""
    for args, kwargs in calls(entry):
        given = {**{f"argument {i}": v for i, v in enumerate(args)}, **kwargs}
        yield from ((k, v) for k, v in given.items() if v is not None and v is not False and not tensors(v))


def tensors(value):
    """Names of the layers whose tensors occur in the arguments of a call."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"][0]]
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [n for v in value for n in tensors(v)]
    return []
