"""Colours: their brightness, and their hue, saturation and value."""

from kerasnp import backend as K
from kerasnp.ops.arrange import get_item
from kerasnp.ops.elementwise import abs, add, cast, clip, convert, divide, floating, maximum, minimum, mod, multiply, where
from kerasnp.ops.image.layout import array_of, check_rank
from kerasnp.ops.linear import tensordot
from kerasnp.ops.shape import expand_dims, stack

_LUMA = (0.2989, 0.5870, 0.1140)


def _channel_axis(images, data_format, channels=(3,)):
    check_rank(images)
    axis = -1 if K.standardize_data_format(data_format) == "channels_last" else -3
    if images.shape[axis] not in channels:
        if channels == (3,):
            raise ValueError(
                f"An RGB image has 3 channels. Received: images with {images.shape[axis]} channels."
            )
        raise ValueError(
            "Invalid channel size: there are 3 in RGB and 1 in grey images. Received input with shape: "
            f"images.shape={tuple(images.shape)}"
        )
    return axis


def rgb_to_grayscale(images, data_format=None):
    """The brightness 0.2989 r + 0.587 g + 0.114 b of each pixel, as one channel.

    >>> rgb_to_grayscale(K.array([[[1.0, 0.0, 0.0]]], "float32"))
    array([[[0.2989]]], dtype=float32)

    Args:
        images: one image or a batch with three channels, or with one, which stays.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Raises: ValueError for another rank or number of channels.
    """
    x = convert(images)
    axis = _channel_axis(x, data_format, (1, 3))
    if x.shape[axis] == 1:
        return x
    dtype = array_of(x).dtype
    y = tensordot(floating(x), K.array(_LUMA, floating(x).dtype), axes=((axis % len(x.shape),), (0,)))
    y = expand_dims(y, axis)
    return y if dtype.kind == "f" else array_of(y).astype(dtype)


def _planes(images, data_format):
    x = convert(images)
    axis = _channel_axis(x, data_format)
    if array_of(x).dtype.kind != "f":
        raise ValueError(f"Invalid images dtype: expected float dtype. Received: images.dtype={array_of(x).dtype}")
    rest = (slice(None),) * (-1 - axis)
    return axis, [get_item(x, (Ellipsis, i, *rest)) for i in range(3)]


def rgb_to_hsv(images, data_format=None):
    """Colours as hue, saturation and value, each from 0 to 1, from red, green and blue from 0 to 1.

    >>> rgb_to_hsv(K.array([[[0.0, 0.5, 0.0]]], "float32")).round(3)
    array([[[0.333, 1.   , 0.5  ]]], dtype=float32)

    Raises: ValueError for another rank or number of channels, or whole numbers.
    """
    axis, planes = _planes(images, data_format)
    tiny = K.finfo(array_of(planes[0]).dtype).eps
    r, g, b = (where(abs(p) < tiny, 0.0, p) for p in planes)
    value = maximum(maximum(r, g), b)
    spread = value - minimum(minimum(r, g), b)
    lit, coloured = array_of(value) > 0, array_of(spread) > 0
    saturation = where(lit, divide(spread, where(lit, value, 1.0)), 0.0)
    norm = 1.0 / (6.0 * where(coloured, spread, 1.0))
    top = array_of(value)
    hue = where(top == array_of(g), norm * (b - r) + 2.0 / 6.0, norm * (r - g) + 4.0 / 6.0)
    hue = where(top == array_of(r), norm * (g - b), hue)
    below = cast(array_of(hue) < 0, array_of(hue).dtype.name)
    return stack([add(where(coloured, hue, 0.0), below), saturation, value], axis=axis)


def hsv_to_rgb(images, data_format=None):
    """Colours as red, green and blue from hue, saturation and value: the inverse of `rgb_to_hsv`.

    >>> from kerasnp import ops
    >>> ops.image.hsv_to_rgb([[[1 / 3, 1.0, 0.5], [0.0, 0.0, 1.0]]]).round(3)
    array([[[0. , 0.5, 0. ],
            [1. , 1. , 1. ]]], dtype=float32)

    Raises: ValueError for another rank or number of channels, or whole numbers.
    """
    axis, (hue, saturation, value) = _planes(images, data_format)
    h = mod(hue, 1.0) * 6.0
    shares = [clip(abs(h - 3.0) - 1.0, 0.0, 1.0), clip(2.0 - abs(h - 2.0), 0.0, 1.0), clip(2.0 - abs(h - 4.0), 0.0, 1.0)]
    pale = 1.0 - saturation
    return stack([multiply(value, pale + saturation * s) for s in shares], axis=axis)
