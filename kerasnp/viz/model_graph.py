"""plot_model: a model, or what a Variable was computed from, as a diagram."""

import contextlib

from kerasnp import backend as K
from kerasnp.autodiff.tape import Tape, reachable
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.layer import Layer
from kerasnp.models import Sequential
from kerasnp.models.checking import calling
from kerasnp.models.probe import undisturbed
from kerasnp.utils import nest
from kerasnp.viz.diagram import Diagram, Node

KINDS = (
    ("conv", "convolution"), ("pool", "pooling"), ("norm", "normalization"), ("lstm", "recurrent"), ("gru", "recurrent"),
    ("rnn", "recurrent"), ("bidirectional", "recurrent"), ("flatten", "shape"), ("reshape", "shape"), ("permute", "shape"),
    ("dropout", "shape"), ("padding", "shape"), ("cropping", "shape"), ("upsampling", "shape"), ("repeat", "shape"),
)  # fmt: skip


def plot_model(
    target,
    path=None,
    x=None,
    show_shapes=True,
    show_layer_names=True,
    show_layer_activations=True,
    show_params=True,
    show_dtype=False,
    show_trainable=False,
    expand_nested=False,
    rankdir="TB",
    title=None,
    dpi=150,
):
    """A model as boxes and arrows, or the graph of operators that a Variable was computed by; without Graphviz.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(3, "relu", name="hidden")], name="tiny")
    >>> print(plot_model(model))
    tiny: 15 parameters
    input   Input        (None, 4)
      ↓
    hidden  Dense, relu  (None, 3)  15 parameters

    A Sequential is drawn from its layers, a graph from its calls. Any other model is called once, and the arrows are the
    arrays that went from layer to layer; operators between the layers get boxes of their own.

    The result of a computation under a tape is drawn as a tree, the operators and values that lead to it:

    >>> w = kerasnp.Variable([1.0, 2.0], name="w")
    >>> with kerasnp.Tape(persistent=True) as tape:
    ...     loss = kerasnp.ops.sum(kerasnp.ops.square(w) * 3.0)
    >>> print(plot_model(loss))
    Sum  = 15
    └─ multiply  = [3, 12]
       ├─ square  = [1, 4]
       │  └─ w  = [1, 2]
       └─ 3

    Args:
        target: a model or layer, or a Variable (or several, in a list).
        path: a file to write: `.svg` or `.txt`; `.png`, `.pdf` and others where matplotlib is installed.
        x: one batch, for a model that does not know the shape of its input, such as a subclassed one.
        show_shapes, show_layer_names, show_layer_activations, show_params, show_dtype, show_trainable: what to tell of
            each layer.
        expand_nested: show the layers inside nested models too.
        rankdir: `"TB"` from top to bottom, `"LR"` from left to right.
        title: above the drawing; default: name and parameters of a model.
        dpi: resolution of formats that have one.

    Returns: a Diagram: `print` shows text, a notebook a picture, `.svg()` is the SVG text, `.save(path)` writes a file.

    Raises: ValueError for a Variable that is no recorded result, a model that cannot be followed, or an unknown suffix.
    """
    shown = {
        "shapes": show_shapes, "names": show_layer_names, "activations": show_layer_activations, "params": show_params,
        "dtype": show_dtype, "trainable": show_trainable,
    }  # fmt: skip
    if isinstance(target, Layer):
        nodes = _layers(target, x, shown, expand_nested)
        if title is None:
            title = f"{target.name}: {target.count_params():,} parameters" if target.built and show_params else target.name
        diagram = Diagram(nodes, title, rankdir)
    else:
        results = list(target) if isinstance(target, (list, tuple)) else [target]
        if not results or any(getattr(v, "creator", None) is None for v in results):
            raise ValueError(
                "plot_model: expected a model, a layer, or a Variable computed inside `with kerasnp.Tape(persistent=True):`. "
                f"Received: {target!r}"
            )
        if not all(v.creator.inputs for v in results):
            raise ValueError(
                "plot_model: the tape that recorded this result was used up by tape.gradient; "
                "open it with Tape(persistent=True), or draw first."
            )
        diagram = Diagram(_operators(results, shown), title or "", rankdir, tree=True)
    return diagram if path is None else diagram.save(path, dpi)


# -- operators ------------------------------------------------------------------------------------------------------


def _operators(results, shown):
    """Nodes for the operators and leaves that `results` were computed from."""
    nodes: list = []
    known: dict = {}

    def node_of(x):
        creator = getattr(x, "creator", None)
        if creator is not None and id(creator) in known:
            return known[id(creator)]
        if id(x) not in known:
            known[id(x)] = _leaf(x, shown)
            nodes.append(known[id(x)])
        return known[id(x)]

    outputs = {id(v.creator): v for v in results}
    for result in results:
        for op in reachable(result):
            for x in op.inputs:
                if getattr(x, "creator", None) is not None:
                    outputs.setdefault(id(x.creator), x)
    for result in results:
        for op in reachable(result):
            if id(op) in known:
                continue
            sources = [node_of(x) for x in op.inputs if x is not None]
            value = outputs[id(op)]
            name = value.name or ""
            title = f"{name}: {_operator_name(op)}" if name else _operator_name(op)
            node = Node(title, [_value(value.value, shown)], "operator", [_equals(value.value, shown)])
            node.sources = sources
            known[id(op)] = node
            nodes.append(node)
    return nodes


def _operator_name(op):
    name = getattr(op, "name", None)
    return name if isinstance(name, str) else type(op).__name__


def _leaf(x, shown):
    if isinstance(x, Variable):
        grad = "" if x.grad is None else f"gradient {_value(x.grad, shown)}"
        kind = "weight" if x.trainable else "input"
        return Node(x.path or x.name or "result", [_value(x.value, shown), grad], kind, [_equals(x.value, shown), grad])
    array = K.asarray(x)
    if array.ndim == 0:
        return Node(_value(array, shown), [], "input")
    return Node("constant", [_value(array, shown)], "input", [_equals(array, shown)])


def _value(array, shown):
    """Up to six numbers, or the shape of more."""
    array = K.asarray(array)
    kind = f" {array.dtype.name}" if shown["dtype"] else ""
    if array.size <= 6 and array.ndim < 3 and array.dtype.kind in "fiub":
        return _numbers(array.tolist()) + kind
    return f"{array.shape}{kind}" if shown["shapes"] else ""


def _equals(array, shown):
    text = _value(array, shown)
    return text if text.startswith("(") or not text else f"= {text}"


def _numbers(value):
    if isinstance(value, list):
        return f"[{', '.join(map(_numbers, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# -- layers ---------------------------------------------------------------------------------------------------------


def _layers(model, x, shown, expand):
    if hasattr(model, "_graph"):
        return _graphed(model, shown, expand)[0]
    if not getattr(model, "layers", None) and not model._layers:
        model_layers = [model]
    else:
        model_layers = list(model.layers) if hasattr(model, "layers") else None
    if isinstance(model, Sequential) or model_layers == [model]:
        chain = list(_chain(model_layers, model._build_shape, expand))
        if all(isinstance(layer, Sequential) or not _expands(layer, expand) for layer, _, _ in chain):
            return _chained(model, chain, shown)
    return _traced(model, x, shown, expand)


def _expands(layer, expand):
    return expand and hasattr(layer, "layers")


def _chain(layers, shape, expand, prefix=""):
    """(layer, shape of its output, prefix) along a stack."""
    for layer in layers:
        try:
            after = layer.compute_output_shape(shape) if shape is not None else None
        except Exception:
            after = None
        if expand and isinstance(layer, Sequential):
            yield from _chain(layer.layers, shape, expand, f"{prefix}{layer.name}/")
        else:
            yield layer, after, prefix
        shape = after


def _chained(model, chain, shown):
    shape = model._build_shape
    nodes = []
    if shape is not None:
        kind = getattr(model, "input_dtype", None) or "float32"
        nodes.append(_node("input", "Input", shape, None, "input", shown, dtype=kind))
    for layer, after, prefix in chain:
        node = _layer_node(layer, after, shown, prefix)
        node.sources = nodes[-1:]
        nodes.append(node)
    return nodes


def _graphed(model, shown, expand, sources=None, prefix=""):
    """(nodes, those of the outputs) of the calls in a graph; `sources` are the nodes that its inputs come from."""
    nodes: list = []
    known: dict = {}
    for i, x in enumerate(model.inputs):
        if sources is None:
            nodes.append(_node(x.name, "Input", x.shape, None, "input", shown, dtype=x.dtype))
        known[id(x)] = sources[i] if sources is not None else nodes[-1]
    times: dict = {}
    for call in model._graph.nodes:
        operation = call.operation
        if not call.inputs:
            continue
        feeding = list({id(node): node for node in (known[id(x)] for x in call.inputs)}.values())
        if expand and hasattr(operation, "_graph"):
            given = [known[id(x)] for x in call.inputs]
            inner, ends = _graphed(operation, shown, expand, given, f"{prefix}{operation.name}/")
            nodes += inner
            known.update({id(y): end for y, end in zip(call.outputs, ends)})
            continue
        if expand and isinstance(operation, Sequential):
            for layer, after, inside in _chain(operation.layers, call.inputs[0].shape, expand, f"{prefix}{operation.name}/"):
                nodes.append(_layer_node(layer, after, shown, inside))
                nodes[-1].sources, feeding = feeding, nodes[-1:]
        else:
            shapes = [y.shape for y in call.outputs]
            shape = shapes[0] if len(shapes) == 1 else shapes
            if isinstance(operation, Layer):
                nodes.append(_layer_node(operation, shape, shown, prefix))
            else:
                nodes.append(_node(prefix + operation.name, operation.kind, shape, None, "operator", shown))
            nodes[-1].sources = feeding
            times[id(operation)] = times.get(id(operation), 0) + 1
            if times[id(operation)] > 1:
                nodes[-1].title += f" (call {times[id(operation)]})"
        known.update({id(y): nodes[-1] for y in call.outputs})
    return nodes, [known[id(y)] for y in model.outputs]


def _layer_node(layer, shape, shown, prefix=""):
    name = type(layer).__name__
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    what = f"{name}, {activation}" if shown["activations"] and activation not in (None, "linear") else name
    kind = next((kind for part, kind in KINDS if part in name.lower()), "layer")
    return _node(prefix + layer.name, what, shape, layer, kind, shown)


def _node(name, what, shape, layer, kind, shown, dtype=None):
    count = f"{layer.count_params():,} parameters" if layer is not None and layer.built and layer.weights else ""
    dtype = dtype or (layer.compute_dtype if layer is not None else "")
    frozen = "" if layer is None or not layer.weights else "trainable" if layer.trainable else "frozen"
    columns = [_shape(shape)] * shown["shapes"] + [dtype] * shown["dtype"] + [count] * shown["params"]
    columns += [frozen] * shown["trainable"]
    if shown["names"]:
        return Node(name, [what, *columns], kind, [what, *columns])
    return Node(what, columns, kind, columns)


def _shape(shape):
    if shape is None:
        return "?"
    return nest.shapes_in_words(shape)


def _traced(model, x, shown, expand):
    """Nodes for the layers that a call runs, joined by the arrays that go from one to the next."""
    inputs = _sample(model, x)
    nodes, known, times, held = [], {}, {}, []
    names = ["input"] if len(inputs) == 1 else [f"input {i}" for i in range(len(inputs))]
    for name, v in zip(names, inputs):
        node = _node(name, "Input", (None, *v.shape[1:]), None, "input", shown, dtype=str(v.dtype))
        nodes.append(node)
        known[_key(v)] = node

    def node_of(v):
        """The node that an array or Variable comes from; operators outside layers become nodes on the way."""
        key = _key(v)
        if key in known:
            return known[key]
        op = getattr(v, "creator", None)
        if op is None:
            # An input that was converted on the way in is another array with the same numbers.
            alike = (i for i in inputs if i.shape == v.shape and (K.asarray(i) == K.asarray(v)).all())
            return next((known[_key(i)] for i in alike), None)
        sources = [node for node in (node_of(i) for i in op.inputs) if node is not None]
        if type(op).__name__ == "Cast" and sources:
            known[key] = sources[0]
            return sources[0]
        node = _node(_operator_name(op), "operator", (None, *v.shape[1:]) if v.shape else (), None, "operator", shown)
        node.sources = sources
        nodes.append(node)
        known[key] = node
        return node

    def make(layer, call):
        def followed(*args, **kwargs):
            sources = [node_of(v) for v in _tensors([args, list(kwargs.values())])]
            y = call(*args, **kwargs)
            outputs = _tensors([y])
            shapes = [(None, *v.shape[1:]) for v in outputs]
            node = _layer_node(layer, shapes[0] if len(shapes) == 1 else shapes, shown)
            times[id(layer)] = times.get(id(layer), 0) + 1
            if times[id(layer)] > 1:
                node.title += f" (call {times[id(layer)]})"
            node.sources = list({id(s): s for s in sources if s is not None}.values())
            nodes.append(node)
            held.extend(outputs)
            known.update({_key(v): node for v in outputs})
            return y

        return followed

    stacks = [inner for inner in model._flatten_layers() if getattr(inner, "fuse", False)]
    with contextlib.ExitStack() as stack:
        for inner in stacks:
            inner.fuse = False
            stack.callback(setattr, inner, "fuse", True)
        stack.enter_context(undisturbed(model))
        stack.enter_context(calling(list(_parts(model, expand)), make))
        stack.enter_context(Tape(persistent=True))
        results = _tensors([model(inputs[0] if len(inputs) == 1 else inputs, training=False)])
        for v in results:
            node_of(v)
    if len(nodes) <= len(inputs):
        raise ValueError(f"plot_model: a call of '{model.name}' runs no layers, so there is nothing to draw.")
    return nodes


def _parts(model, expand):
    for layer in model._layers:
        if _expands(layer, expand):
            yield from _parts(layer, expand)
        else:
            yield layer


def _sample(model, x):
    """The inputs of a call, as Variables where they are floats."""
    if x is None:
        shape = getattr(model, "_build_shape", None)
        if not shape:
            raise ValueError(
                f"plot_model: the input shape of '{model.name}' is not known; give one batch: viz.plot_model(model, x=x)."
            )
        several = isinstance(shape[0], (tuple, list))
        x = [K.zeros([d or 1 for d in s], K.floatx()) for s in (shape if several else [shape])]
    x = [K.asarray(getattr(v, "value", v)) for v in (x if isinstance(x, (list, tuple)) else [x])]
    return [Variable(v[:1].astype(K.floatx())) if v.dtype.kind == "f" else v[:1] for v in x]


def _key(v):
    creator = getattr(v, "creator", None)
    return (id(creator), v.index) if creator is not None else id(v)


def _tensors(structure):
    if isinstance(structure, (list, tuple)):
        return [v for part in structure for v in _tensors(part)]
    if isinstance(structure, dict):
        return _tensors(list(structure.values()))
    return [structure] if isinstance(structure, (Variable, K.ndarray)) else []
