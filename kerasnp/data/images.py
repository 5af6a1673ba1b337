"""Image files and Pillow's images as arrays, and back."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

import numpy as np

from kerasnp.utils import check

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
# Gray values that Pillow keeps in more than eight bits.
WIDE_GRAYS = ("L", "I;16", "I")


def pillow(who: str) -> Any:
    """Pillow's module `Image`, or the sentence that says how to get it."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(f"{who} uses Pillow, which is not installed: pip install kerasnp[image]") from None
    return Image


def _format(data_format):
    from kerasnp import backend as K

    return K.standardize_data_format(data_format)


def _floatx():
    from kerasnp import backend as K

    return K.floatx()


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """An array (height, width, channels) as an image of Pillow.

    >>> array_to_img(np.array([[[0.0], [2.0]]]))  # doctest: +ELLIPSIS
    <PIL.Image.Image image mode=L size=2x1 at ...>

    Args:
        x: one, three or four channels.
        data_format: where the channels are; by default the setting of the process.
        scale: spread the values over 0 to 255.
        dtype: the type to compute in; by default the float type of the process.

    Raises: ImportError without Pillow; ValueError for another shape.
    """
    image = pillow("array_to_img")
    first = _format(data_format) == "channels_first"
    x = np.asarray(x, dtype or _floatx())
    if x.ndim != 3:
        raise ValueError(f"array_to_img: expected an array of rank 3, one image. Received: an array of shape {x.shape}")
    x = x.transpose(1, 2, 0) if first else x
    if scale:
        x = x - x.min()
        x = x / x.max() * 255 if x.max() else x  # in this order, so that the brightest is 255 exactly
    channels = x.shape[2]
    if channels not in (1, 3, 4):
        raise ValueError(f"array_to_img: an image has 1, 3 or 4 channels. Received: {channels} channels")
    if channels == 1:
        return image.fromarray(x[:, :, 0].astype("int32" if x.max() > 255 else "uint8"))
    return image.fromarray(x.astype("uint8"))


def img_to_array(img, data_format=None, dtype=None):
    """An image of Pillow as an array of floats, (height, width, channels) or the channels first.

    >>> img_to_array(array_to_img(np.full((2, 3, 3), 7.0), scale=False)).shape
    (2, 3, 3)

    Args:
        img: the image, or an array of two or three axes.
        data_format: where the channels go; by default the setting of the process.
        dtype: by default the float type of the process.

    Raises: ValueError for another number of axes.
    """
    first = _format(data_format) == "channels_first"
    x = np.asarray(img, dtype=dtype or _floatx())
    if x.ndim not in (2, 3):
        raise ValueError(f"img_to_array: expected an image of two or three axes. Received: shape {x.shape}")
    x = x[:, :, None] if x.ndim == 2 else x
    return x.transpose(2, 0, 1) if first else x


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False):
    """An image file as an image of Pillow.

    >>> import kerasnp
    >>> save_img("black.png", kerasnp.ops.zeros((4, 6, 3)))
    >>> load_img("black.png", target_size=(2, 3)).size  # Pillow counts width first
    (3, 2)

    Args:
        path: a path, or an open `io.BytesIO`.
        color_mode: "grayscale", "rgb" or "rgba"; gray values of 16 or 32 bits stay.
        target_size: (height, width), to which the image is resized.
        interpolation: "nearest", "bilinear", "bicubic", "box", "hamming" or "lanczos".
        keep_aspect_ratio: cut what `target_size` has no place for, about the middle, instead of distorting.

    Raises: ImportError without Pillow; TypeError for what is no path; ValueError for another mode or interpolation.
    """
    image = pillow("load_img")
    if not isinstance(path, (str, bytes, os.PathLike, io.BytesIO)):
        raise TypeError(f"load_img: path must be a path or an io.BytesIO. Received: {type(path).__name__}")
    mode = MODES[check.one_of("color_mode", color_mode, tuple(MODES), "load_img")]
    img = image.open(path)
    # Now, so that the file is closed again.
    img.load()
    if img.mode != mode and not (mode == "L" and img.mode in WIDE_GRAYS):
        img = img.convert(mode)
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    ways = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
    way = getattr(image.Resampling, check.one_of("interpolation", interpolation, ways, "load_img").upper())
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        w, h = img.size
        cut_h, cut_w = min(h, w * height // width), min(w, h * width // height)
        top, left = (h - cut_h) // 2, (w - cut_w) // 2
        box = (left, top, left + cut_w, top + cut_h)
    return img.resize((width, height), way, box=box)


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Write an array (height, width, channels) as an image file.

    >>> import kerasnp
    >>> save_img("black.png", kerasnp.ops.zeros((4, 6, 3)))
    >>> img_to_array(load_img("black.png")).shape
    (4, 6, 3)

    Args:
        path: a path, or an open file.
        x, data_format, scale: see `array_to_img`.
        file_format: by default that of the suffix.
        **kwargs: further options of Pillow's `save`.
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(os.fspath(path))[1][1:].lower()
    file_format = {"jpg": "jpeg"}.get(str(file_format).lower(), file_format)
    img = array_to_img(x, data_format=data_format, scale=scale)
    if img.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("A JPEG has no transparency: the RGBA image is written as RGB.", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last", backend_module=None):
    """Images at another size, cut about the middle instead of distorted.

    >>> smart_resize(np.ones((10, 20, 3)), (5, 5)).shape
    (5, 5, 3)

    Args:
        x: an image (height, width, channels) or a batch.
        size: (height, width).
        interpolation: as for `kerasnp.ops.image.resize`.
        data_format: where the channels are.
        backend_module: accepted and not looked at.

    Raises: ValueError for another shape or size.
    """
    from kerasnp.ops import image as images

    if len(size) != 2:
        raise ValueError(f"smart_resize: expected size to be (height, width). Received: {size}")
    if len(np.shape(x)) not in (3, 4):
        raise ValueError(f"smart_resize: expected an image or a batch of images. Received: shape {np.shape(x)}")
    resized = images.resize(x, size, interpolation, data_format=data_format, crop_to_aspect_ratio=True)
    return np.asarray(resized)
