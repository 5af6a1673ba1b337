"""Images of another size: resized, scaled and moved, cropped, padded."""

from kerasnp import backend as K
from kerasnp.ops.arrange import get_item
from kerasnp.ops.elementwise import convert, floating
from kerasnp.ops.image.layout import array_of, back_to, check_rank, spatial_axes
from kerasnp.ops.resample import INTERPOLATIONS, Resample, sampling_matrix
from kerasnp.ops.shape import pad, take
from kerasnp.utils import check

_METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), "bilinear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


def resize(
    images,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """The images at another height and width.

    >>> resize(K.array([[[0.0], [2.0]]], "float32"), (1, 4)).ravel()
    array([0. , 0.5, 1.5, 2. ], dtype=float32)

    The numbers are those of Keras on JAX: half-pixel centres, Keys's cubic with a = -1/2, weights scaled to sum to one at
    the border. (On torch Keras's cubic has a = -3/4, and there is no Lanczos.)

    Args:
        images: one image or a batch; integers are rounded back to their type.
        size: (height, width).
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        antialias: widen the window where the image shrinks, so that every pixel counts.
        crop_to_aspect_ratio: cut the images to the proportions of `size` first, around the middle.
        pad_to_aspect_ratio: pad them to the proportions of `size` first, evenly on both sides.
        fill_mode: only `"constant"`.
        fill_value: what padding consists of.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Raises: ValueError for another rank, interpolation or fill_mode, or both of crop and pad.
    """
    check.one_of("interpolation", interpolation, INTERPOLATIONS, "resize")
    if fill_mode != "constant":
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Only `'constant'` is supported. Received: fill_mode={fill_mode}"
        )
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError("Only one of pad_to_aspect_ratio and crop_to_aspect_ratio may be True.")
    if len(size) != 2:
        raise ValueError(f"resize: size must be a pair, (height, width). Received: size={size}")
    if any(isinstance(n, int) and n <= 0 for n in size):
        raise ValueError(f"resize: `size` must have positive height and width, in pixels. Received: size={tuple(size)}")
    size = check.int_tuple("size", size, 2, "resize")
    images = convert(images)
    axes = spatial_axes(images, data_format)
    given = array_of(images).dtype
    if crop_to_aspect_ratio:
        images = _crop_to_ratio(images, size, axes)
    elif pad_to_aspect_ratio:
        images = _pad_to_ratio(images, size, axes, fill_value)
    if interpolation == "nearest":
        for axis, n in zip(axes, size):
            if images.shape[axis] != n:
                # In single precision, as Keras has it, so that ties fall alike.
                places = (K.arange(n, dtype=K.float32) + K.float32(0.5)) * images.shape[axis] / n
                images = take(images, K.floor(places.astype(K.float32)).astype(K.int32), axis)
        return images
    changed = [(axis, n) for axis, n in zip(axes, size) if images.shape[axis] != n]
    if not changed:
        return images
    matrices = [
        sampling_matrix(interpolation, images.shape[axis], n, n / images.shape[axis], 0.0, antialias) for axis, n in changed
    ]
    return back_to(Resample(matrices, [axis for axis, _ in changed])(floating(images)), given)


def proportional(size, target):
    """The largest part of an image of `size` with the proportions of `target`.

    >>> proportional((10, 20), (5, 5))
    (10, 10)
    """
    (height, width), (target_height, target_width) = size, target
    return (
        max(min(height, int(float(width * target_height) / target_width)), 1),
        max(min(width, int(float(height * target_width) / target_height)), 1),
    )


def _crop_to_ratio(images, size, axes):
    given = [images.shape[a] for a in axes]
    key = [slice(None)] * len(images.shape)
    for axis, n, kept in zip(axes, given, proportional(given, size)):
        start = (n - kept) // 2
        key[axis] = slice(start, start + kept)
    return get_item(images, tuple(key))


def _pad_to_ratio(images, size, axes, fill_value):
    (height, width), (target_height, target_width) = [images.shape[a] for a in axes], size
    wanted = max(height, int(float(width * target_height) / target_width)), max(
        width, int(float(height * target_width) / target_height)
    )
    widths = [(0, 0)] * len(images.shape)
    for axis, n, m in zip(axes, (height, width), wanted):
        widths[axis] = ((m - n) // 2,) * 2
    return pad(images, widths, constant_values=fill_value)


def scale_and_translate(images, output_shape, scale, translation, spatial_dims, method, antialias=True):
    """Images scaled about their corner and moved: output place o reads the input at (o + 1/2 - t) / s - 1/2.

    >>> from kerasnp import ops
    >>> ops.image.scale_and_translate(ops.array([[1.0, 2.0, 3.0, 4.0]]), (1, 4), [1.0], [1.0], [1], "linear")
    array([[0., 1., 2., 3.]], dtype=float32)

    Args:
        images: an array of any rank.
        output_shape: the shape of the result; it differs from that of `images` along `spatial_dims` only.
        scale, translation: one number for each of `spatial_dims`.
        spatial_dims: the axes to change.
        method: `"linear"`, `"bilinear"`, `"trilinear"`, `"cubic"`, `"bicubic"`, `"tricubic"`, `"lanczos3"` or
            `"lanczos5"`.
        antialias: widen the window where the image shrinks.

    Raises: ValueError for another method.
    """
    if method not in _METHODS:
        raise ValueError(
            f"Invalid value for argument `method`. Expected of one {set(_METHODS)}. Received: method={method}"
        )
    images = convert(images)
    given = array_of(images)
    axes = [d % len(images.shape) for d in spatial_dims]
    matrices = [
        sampling_matrix(_METHODS[method], images.shape[a], int(output_shape[a]), float(s), float(t), antialias)
        for a, s, t in zip(axes, K.asarray(array_of(scale)), K.asarray(array_of(translation)))
    ]
    y = Resample(matrices, axes)(floating(images))
    if given.dtype.kind in "iu":
        return K.clip(K.rint(y), given.min(), given.max()).astype(given.dtype)
    return y


def _margins(what, before, after, target, size, side):
    """(before, after) of an axis from the two of the three that are given."""
    first, last, length = (f"top_{what}", f"bottom_{what}", "target_height") if side == 0 else (
        f"left_{what}", f"right_{what}", "target_width",
    )  # fmt: skip
    if (before, after, target).count(None) != 1:
        raise ValueError(
            f"Must specify exactly two of {first}, {last}, {length}. "
            f"Received: {first}={before}, {last}={after}, {length}={target}"
        )
    for name, value in ((first, before), (last, after), (length, target)):
        if value is not None and value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")
    change = None if target is None else target - size if what == "padding" else size - target
    if before is None:
        before = change - after
    if after is None:
        after = change - before
    for name, value in ((first, before), (last, after)):
        if value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")
    if what == "cropping" and size - before - after < 0:
        raise ValueError(f"{length} must be >= 0. Received: {length}={size - before - after}")
    return before, after


def pad_images(
    images,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """The images with zeros around them; give two of (top, bottom, target height) and two of (left, right, target width).

    >>> pad_images(K.ones((2, 3, 1)), 1, 0, target_height=4, target_width=5).shape
    (4, 5, 1)

    Raises: ValueError for another number of arguments, or a margin below zero.
    """
    images = convert(images)
    check_rank(images)
    axes = spatial_axes(images, data_format)
    widths = [(0, 0)] * len(images.shape)
    given = ((top_padding, bottom_padding, target_height), (left_padding, right_padding, target_width))
    for side, (axis, (before, after, target)) in enumerate(zip(axes, given)):
        widths[axis] = _margins("padding", before, after, target, images.shape[axis], side)
    return pad(images, widths)


def crop_images(
    images,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """The images without their margins; give two of (top, bottom, target height) and two of (left, right, target width).

    >>> crop_images(K.ones((5, 5, 1)), 1, 2, target_height=2, target_width=3).shape
    (2, 3, 1)

    Raises: ValueError for another number of arguments, or a margin below zero.
    """
    images = convert(images)
    check_rank(images)
    axes = spatial_axes(images, data_format)
    key = [slice(None)] * len(images.shape)
    given = ((top_cropping, bottom_cropping, target_height), (left_cropping, right_cropping, target_width))
    for side, (axis, (before, after, target)) in enumerate(zip(axes, given)):
        before, after = _margins("cropping", before, after, target, images.shape[axis], side)
        key[axis] = slice(before, images.shape[axis] - after)
    return get_item(images, tuple(key))
