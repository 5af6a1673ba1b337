"""What convolutions look for, and what they find."""

from kerasnp import backend as K
from kerasnp.layers.layer import Layer
from kerasnp.utils import check
from kerasnp.viz import inputs
from kerasnp.viz.figures import blank, finish, grid_of, picture, subplots


def show_filters(model, layer=None, channel=None, count=64, title=None, path=None):
    """The kernels of a convolution as images, one for each filter; red is positive, blue negative, white zero.

    Kernels over three channels are drawn in colour, each brought to the full range; over other numbers of channels the
    mean over them is drawn, or the one `channel`. The kernel of a Dense layer right above an image is drawn as images
    of that shape.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((8, 8, 1)), kerasnp.layers.Conv2D(6, 3)])
    >>> len(show_filters(model).axes) - 1        # and a colour bar
    6

    Args:
        model: a model or a layer.
        layer: which layer of the model, by name, index or itself; the first with such a kernel by default.
        channel: the input channel to draw.
        count: how many filters to show at most.
        title: replaces the layer's name and the kernel's shape.
        path: a file to write.

    Returns: a matplotlib Figure.

    Raises: ValueError where there is no such kernel.
    """
    who = "show_filters"
    count = check.positive_int("count", count, who)
    layer, kernel = _kernel_layer(model, layer, who)
    if channel is not None:
        channel = check.integer("channel", channel, who)
        if not 0 <= channel < kernel.shape[2]:
            raise ValueError(f"{who}: {layer._who} has {kernel.shape[2]} input channels. Received: channel={channel}")
    h, w, channels, filters = kernel.shape
    colored = channels == 3 and channel is None
    if not colored:
        kernel = kernel[:, :, channel] if channel is not None else kernel.mean(axis=2)
    number = min(filters, count)
    rows, columns = grid_of(number, 8 if number > 6 else number)
    window = f"{h} × {w}" if getattr(layer, "rank", 2) != 1 else f"{h} channels × {w} steps"
    text = f"{layer.name}: {f'{number} of ' if number < filters else ''}{filters} filters of {window}"
    if channel is not None:
        text += f", channel {channel}"
    elif not colored and channels > 1:
        text += f", mean of {channels} channels"
    flat = w > 3 * h or h > 3 * w
    figure, axes = subplots(rows, columns, (max(4.0, 1.05 * columns + 0.9), max(1.9, 1.05 * rows + 0.6)), title or text)
    limit = float(K.abs(kernel).max()) or 1.0
    image = None
    for i, place in enumerate(a for row in axes for a in row):
        if i >= number:
            blank(place)
        elif colored:
            one = kernel[..., i]
            picture(place, (one - one.min()) / (float(one.max() - one.min()) or 1.0))
        else:
            picture(place, kernel[..., i], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto" if flat else "equal")
            image = place.images[0]
    if image is not None:
        bar = figure.colorbar(image, ax=[a for row in axes for a in row], fraction=0.03, pad=0.02)
        bar.set_label("weight", size=9)
        bar.ax.tick_params(labelsize=8)
        bar.outline.set_visible(False)
    return finish(figure, path)


def show_feature_maps(model, x, layers=None, count=8, title=None, path=None):
    """What the layers make of one image: a row for each layer, some of its channels, the image first.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((8, 8, 1)), kerasnp.layers.Conv2D(4, 3, name="edges")])
    >>> figure = show_feature_maps(model, kerasnp.ops.ones((8, 8, 1)))
    >>> figure.axes[1].get_ylabel()
    'edges'

    Args:
        model: a model on images.
        x: one image, or a batch whose first is taken.
        layers: layers to show, by name, index or themselves; by default all whose outputs are images.
        count: how many channels of each layer to show, those that react most.
        title: above the maps.
        path: a file to write.

    Returns: a matplotlib Figure.

    Raises: ValueError where no layer puts out images.
    """
    who = "show_feature_maps"
    count = check.positive_int("count", count, who)
    x = inputs.array("x", x, who)
    shape = getattr(model, "_build_shape", None)
    if shape is not None and x.ndim == len(shape) - 1 or shape is None and x.ndim == 3:
        x = x[None]
    x = x[:1]
    if layers is None:
        chosen = [layer for layer in model.layers if hasattr(layer, "strides") or hasattr(layer, "data_format")]
        chosen = chosen or list(model.layers)
    else:
        chosen = [_find(model, one) for one in (layers if isinstance(layers, (list, tuple)) else [layers])]
    maps = {}
    for layer in chosen:
        y = model.activations_of(layer, x)
        if y.ndim == 4:
            y = y[0] if getattr(layer, "data_format", None) != "channels_first" else K.moveaxis(y[0], 0, -1)
            maps[layer.name] = y
    if not maps:
        raise ValueError(
            f"{who}: expected layers that put out images (batch, height, width, channels). "
            f"Received: {', '.join(layer.name for layer in chosen) or 'none'}"
        )
    columns = max(min(count, y.shape[-1]) for y in maps.values())
    figure, axes = subplots(
        len(maps), columns + 1, (1.05 * columns + 2.2, 1.1 * len(maps) + 0.6), title,
        gridspec_kw={"width_ratios": [1.15] + [1] * columns},
    )  # fmt: skip
    for r, (name, y) in enumerate(maps.items()):
        if r == 0:
            picture(axes[0][0], inputs.images("x", x, who)[0], "input")
        else:
            blank(axes[r][0])
        strength = K.abs(y).mean(axis=(0, 1))
        order = sorted(K.argsort(-strength, kind="stable")[:count].tolist())
        for place, c in zip(axes[r][1:], order):
            picture(place, y[..., c], f"{c}", cmap="viridis")
        for place in axes[r][len(order) + 1 :]:
            blank(place)
        axes[r][1].set_ylabel(name, size=9 if len(name) < 12 else 7)
        axes[r][1].set_xlabel(f"{y.shape[0]} × {y.shape[1]} × {y.shape[2]}", size=7.5)
    return finish(figure, path)


def _find(model, layer):
    if isinstance(layer, Layer):
        return layer
    return model.get_layer(index=layer) if isinstance(layer, int) else model.get_layer(layer)


def _kernel_layer(model, layer, who):
    """(layer, kernel as (height, width, channels, filters))."""
    if not isinstance(model, Layer):
        raise ValueError(f"{who}: expected a model or a layer. Received: {type(model).__name__}")
    if layer is not None:
        candidates = [_find(model, layer)]
    else:
        candidates = [inner for inner in model._flatten_layers()]
    for candidate in candidates:
        kernel = _as_images(candidate, getattr(model, "_build_shape", None))
        if kernel is not None:
            return candidate, kernel
    raise ValueError(
        f"{who}: expected a built convolution (or a Dense layer on a flattened image). "
        f"Received: {', '.join(c._who for c in candidates if c is not model) or candidates[0]._who}"
    )


def _as_images(layer, model_shape):
    """The kernel of a layer as (height, width, channels, filters), or None."""
    weight = getattr(layer, "kernel", None)
    if weight is None:
        weight = getattr(layer, "depthwise_kernel", None)
    shape = getattr(weight, "shape", ())
    if len(shape) == 4:
        kernel = weight.numpy()
        name = type(layer).__name__
        if "Transpose" in name:
            return K.swapaxes(kernel, 2, 3)
        if "Depthwise" in name or "Separable" in name:
            return kernel.reshape(*shape[:2], 1, -1)
        return kernel
    if len(shape) == 3:
        # Steps across, channels down.
        return K.swapaxes(weight.numpy(), 0, 1)[:, :, None]
    if len(shape) == 2 and model_shape is not None and len(model_shape) in (3, 4):
        size = [d for d in model_shape[1:]]
        if None not in size and size[0] * size[1] * (size[2] if len(size) == 3 else 1) == shape[0]:
            return weight.numpy().reshape(*(size if len(size) == 3 else [*size, 1]), shape[1])
    return None
