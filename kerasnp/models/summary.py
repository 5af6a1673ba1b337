"""The summary table."""

import sys

from kerasnp.utils import nest
from kerasnp.utils.io_utils import print_msg


def summarize(model, line_length=None, print_fn=None, expand_nested=False, show_trainable=False):
    """The table of a model's layers, shapes and parameters as text, printed and returned; nothing is cut off."""
    from tabulate import tabulate

    # A stack goes straight down; a graph needs to tell what is connected to what.
    connected = hasattr(model, "_graph") and not model.is_stack()
    header = ["Layer (type)", "Output Shape", "Param #"] + ["Connected to"] * connected + ["Trainable"] * show_trainable
    rows = list(_rows(model, expand_nested, show_trainable, connected))
    lines_of = "simple_outline" if print_fn is not None or _knows_boxes(sys.stdout) else "outline"
    table = tabulate(rows, header, tablefmt=lines_of, colalign=("left", "left", "right", "left", "left")[: len(header)])
    lines = [f'Model: "{model.name}"', table]
    if model.built:
        trainable, frozen = _count(model.trainable_weights), _count(model.non_trainable_weights)
        optimizer = getattr(model, "optimizer", None)
        of_optimizer = _count(optimizer.variables) if getattr(optimizer, "built", False) else []
        lines += [
            f" Total params: {_amount(trainable, frozen, of_optimizer)}",
            f" Trainable params: {_amount(trainable)}",
            f" Non-trainable params: {_amount(frozen)}",
        ]
        if of_optimizer:
            lines.append(f" Optimizer params: {_amount(of_optimizer)}")
    else:
        lines.append(" The model is not built yet: give it an Input, call build(input_shape), or fit it to see its weights.")
    text = "\n".join(lines)
    (print_fn or print_msg)(text)
    return text


def _knows_boxes(stream):
    """Whether the encoding of a stream has the characters of the table's lines."""
    try:
        "┌─┬│┤".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _rows(model, expand_nested, show_trainable, connected, depth=0):
    for layer, shape, sources in _of_graph(model) if hasattr(model, "_graph") else _of_layers(model):
        indent = "   " * depth
        is_layer = hasattr(layer, "count_params")
        count = "0" if not is_layer else f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        trainable = "-" if not is_layer else "Y" if layer.trainable else "N"
        row = [f"{indent}{layer.name} ({type(layer).__name__})", "?" if shape is None else nest.shapes_in_words(shape), count]
        yield row + [", ".join(sources) or "-"] * connected + [trainable] * show_trainable
        if expand_nested and hasattr(layer, "layers"):
            yield from _rows(layer, expand_nested, show_trainable, connected, depth + 1)


def _of_graph(model):
    """(layer or function, shape of its outputs, what it is connected to) of a graph."""
    graph = model._graph
    for layer in model.operations:
        calls = graph.calls_of(layer)
        shapes = [y.shape for y in calls[0].outputs]
        sources = ["{}[{}][{}]".format(*graph.history(x)) for node in calls for x in node.inputs]
        yield layer, shapes[0] if len(shapes) == 1 else shapes, sources


def _of_layers(model):
    """(layer, shape of its output, nothing) of a stack, or of a model that only knows what it holds."""
    stack = hasattr(model, "_output_shape")
    shape = model._build_shape
    for layer in model.layers:
        # Of a layer that takes several tensors, by name.
        shapes = [shape] if stack else [_of_any_batch(s) for s in (layer._build_shapes or {"x": layer._build_shape}).values()]
        try:
            shape = layer.compute_output_shape(*shapes) if shapes[0] is not None else None
        except Exception:
            shape = None
        yield layer, shape, []


def _of_any_batch(shape):
    return (None, *shape[1:]) if isinstance(shape, tuple) and shape else shape


def _count(weights):
    return [(w.size, w.value.nbytes) for w in weights]


def _amount(*counts):
    n = sum(size for part in counts for size, _ in part)
    nbytes = sum(b for part in counts for _, b in part)
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024 or unit == "GB":
            return f"{n:,} ({nbytes:.2f} {unit})"
        nbytes /= 1024
