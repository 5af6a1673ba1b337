"""The summary table."""


def summarize(model, line_length=None, print_fn=None, expand_nested=False, show_trainable=False):
    """The table of a model's layers, shapes and parameters as text, printed and returned; nothing is cut off."""
    from tabulate import tabulate

    header = ["Layer (type)", "Output Shape", "Param #"] + ["Trainable"] * show_trainable
    rows = list(_rows(model, expand_nested, show_trainable))
    table = tabulate(rows, header, tablefmt="simple_outline", colalign=("left", "left", "right", "left")[: len(header)])
    lines = [f'Model: "{model.name}"', table]
    if model.built:
        trainable, frozen = _count(model.trainable_weights), _count(model.non_trainable_weights)
        lines += [
            f" Total params: {_amount(trainable, frozen)}",
            f" Trainable params: {_amount(trainable)}",
            f" Non-trainable params: {_amount(frozen)}",
        ]
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and getattr(optimizer, "built", False):
            lines.append(f" Optimizer params: {_amount(_count(optimizer.variables))}")
    else:
        lines.append(" The model is not built yet: give it an Input, call build(input_shape), or fit it to see its weights.")
    text = "\n".join(lines)
    (print_fn or print)(text)
    return text


def _rows(model, expand_nested, show_trainable, depth=0):
    shape = model._build_shape
    for layer in model.layers:
        try:
            shape = layer.compute_output_shape(shape) if shape is not None else None
        except Exception:
            shape = None
        indent = "   " * depth
        count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        row = [f"{indent}{layer.name} ({type(layer).__name__})", "?" if shape is None else _shape(shape), count]
        yield row + (["Y" if layer.trainable else "N"] if show_trainable else [])
        if expand_nested and hasattr(layer, "layers"):
            yield from _rows(layer, expand_nested, show_trainable, depth + 1)


def _shape(shape):
    if isinstance(shape, list):
        return ", ".join(str(tuple(s)) for s in shape)
    return str(tuple(shape))


def _count(weights):
    return [(w.size, w.value.nbytes) for w in weights]


def _amount(*counts):
    n = sum(size for part in counts for size, _ in part)
    nbytes = sum(b for part in counts for _, b in part)
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024 or unit == "GB":
            return f"{n:,} ({nbytes:.2f} {unit})"
        nbytes /= 1024
