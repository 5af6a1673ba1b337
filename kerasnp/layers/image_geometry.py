"""Layers that flip, turn, move and zoom images at random in training, so that a model learns not to care."""

import math

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.image_layer import ImageLayer, factor_range

INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("reflect", "wrap", "constant", "nearest")


class GeometricLayer(ImageLayer, abstract=True):
    """Base: images are read at other places, masks likewise but without mixing their classes."""

    interpolation = "bilinear"
    moves_pixels = True

    def _set_reading(self, interpolation, fill_value, fill_mode=None):
        for name, value, choices in (("fill_mode", fill_mode, FILL_MODES), ("interpolation", interpolation, INTERPOLATIONS)):
            if value not in choices and not (name == "fill_mode" and value is None):
                raise NotImplementedError(f"{self._who}: unknown `{name}` {value}. Expected of one {choices}.")
        self.interpolation, self.fill_value = interpolation, fill_value
        if fill_mode is not None:
            self.fill_mode = fill_mode

    def transform_images(self, images, transformation, training=True):
        images = self._to_float(images)
        if not training:
            return images
        if len(images.shape) == 3:
            return ops.squeeze(self._moved(ops.expand_dims(images, 0), transformation, self.interpolation), 0)
        return self._moved(images, transformation, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._moved(segmentation_masks, transformation, "nearest") if training else segmentation_masks

    def _moved(self, images, transformation, interpolation):
        """The images read where the transformation says."""
        matrix = self._matrix(transformation, *[images.shape[a] for a in self._height_width_axes()])
        return ops.image.affine_transform(
            images, matrix, interpolation, self.fill_mode, self.fill_value, self.data_format
        )

    def _matrix(self, transformation, height, width):
        """The matrices (n, 8) of a transformation, for `affine_transform`."""
        raise NotImplementedError


class RandomFlip(GeometricLayer):
    """Mirror half of the images, chosen at random, in training.

    >>> x = ops.arange(2.0).reshape(1, 1, 2, 1)
    >>> sorted({tuple(RandomFlip("horizontal", seed=s)(x, training=True).ravel().tolist()) for s in range(9)})
    [(0.0, 1.0), (1.0, 0.0)]

    Args:
        mode: `"horizontal"` (left and right change places), `"vertical"`, or `"horizontal_and_vertical"`: both at once.
        seed: an integer for the same choices in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.
    """

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.mode = mode
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        return {"flips": self._draw(seed, (self._size(data)[0], 1, 1, 1)) <= 0.5}

    def _moved(self, images, transformation, interpolation):
        vertical, horizontal = self._height_width_axes()
        for axis, name in ((horizontal, "horizontal"), (vertical, "vertical")):
            if name in self.mode.split("_and_"):
                images = ops.where(transformation["flips"], ops.flip(images, axis), images)
        return images


class RandomRotation(GeometricLayer):
    """Turn each image about its middle by a random angle in training.

    >>> x = ops.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1)
    >>> RandomRotation((0.25, 0.25))(x, training=True)[..., 0].round(3).tolist()
    [[2.0, 4.0], [1.0, 3.0]]

    Args:
        factor: the largest angle to either side as a share of the full turn, or (lower, upper); positive angles turn
            counter-clockwise.
        fill_mode: what comes in from outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for the same angles in every run.
        fill_value: for `fill_mode="constant"`.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor outside [-1, 1]; NotImplementedError for another fill_mode or interpolation.
    """

    def __init__(
        self, factor, fill_mode="reflect", interpolation="bilinear", seed=None, fill_value=0.0, data_format=None, **kwargs
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, (-1, 1))
        self._set_reading(interpolation, fill_value, fill_mode)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, height, width = self._size(data)
        angle = self._draw(seed, (count,), self.factor[0] * 360.0, self.factor[1] * 360.0)
        return {"angle": angle, "rotation_matrix": turning(height, width, angle)}

    def _matrix(self, transformation, height, width):
        return transformation["rotation_matrix"]


class RandomTranslation(GeometricLayer):
    """Move each image by a random distance in training.

    >>> x = ops.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1)
    >>> RandomTranslation((0.5, 0.5), 0.0, fill_mode="constant")(x, training=True)[..., 0].tolist()
    [[0.0, 0.0], [1.0, 2.0]]

    Args:
        height_factor: the largest distance up and down as a share of the height, or (lower, upper); positive is down.
        width_factor: the same for the width; positive is to the right.
        fill_mode: what comes in from outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for the same distances in every run.
        fill_value: for `fill_mode="constant"`.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor outside [-1, 1]; NotImplementedError for another fill_mode or interpolation.
    """

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height, self._width = _within(height_factor, "height_factor"), _within(width_factor, "width_factor")
        self._set_reading(interpolation, fill_value, fill_mode)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, height, width = self._size(data)
        down = self._draw(seed, (count,), *self._height) * height
        right = self._draw(seed, (count,), *self._width) * width
        return {"translations": K.stack([right, down], axis=1)}

    def _matrix(self, transformation, height, width):
        right, down = K.asarray(transformation["translations"]).T
        return transforms(a2=-right, b2=-down)


class RandomZoom(GeometricLayer):
    """Zoom each image out or in about its middle by a random factor in training.

    >>> x = ops.ones((4, 4, 1))
    >>> y = RandomZoom((1.0, 1.0), fill_mode="constant", interpolation="nearest")(x, training=True)  # twice as much is seen
    >>> float(y.mean())
    0.25

    Args:
        height_factor: the largest share to either side, or (lower, upper): 0.2 shows up to 20 % more (zooming out), -0.2
            up to 20 % less of the height.
        width_factor: the same for the width; None: as the height, which keeps proportions.
        fill_mode: what comes in from outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for the same factors in every run.
        fill_value: for `fill_mode="constant"`.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor outside (-1, 1]; NotImplementedError for another fill_mode or interpolation.
    """

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = _within(height_factor, "height_factor", above=True)
        self._width = None if width_factor is None else _within(width_factor, "width_factor", above=True)
        self._set_reading(interpolation, fill_value, fill_mode)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = self._size(data)[0], 1
        down = self._draw(seed, shape, 1.0 + self._height[0], 1.0 + self._height[1])
        right = down
        if self._width is not None:
            right = self._draw(seed, shape, 1.0 + self._width[0], 1.0 + self._width[1])
        return {"height_zoom": down, "width_zoom": right}

    def _matrix(self, transformation, height, width):
        down, right = (K.asarray(transformation[k]).reshape(-1) for k in ("height_zoom", "width_zoom"))
        return transforms(a0=right, a2=(width - 1) / 2 * (1 - right), b1=down, b2=(height - 1) / 2 * (1 - down))


def _within(factor, name, above=False):
    """(lower, upper) from a number for both sides of zero, or two of them, within [-1, 1] or (-1, 1]."""
    numbers = list(factor) if isinstance(factor, (tuple, list)) else [factor]
    fits = all(isinstance(n, (int, float)) and -1.0 <= n <= 1.0 and not (above and n == -1.0) for n in numbers)
    if not fits or len(numbers) != (2 if isinstance(factor, (tuple, list)) else 1):
        raise ValueError(
            f"The `factor` argument should be a number, or two of them, in {'(' if above else '['}-1.0, 1.0]. Received: "
            f"{name}={factor}"
        )
    return tuple(sorted(factor)) if len(numbers) == 2 else (-abs(factor), abs(factor))


def transforms(a0=1.0, a1=0.0, a2=0.0, b0=0.0, b1=1.0, b2=0.0):
    """Transforms (n, 8) for `affine_transform` from numbers and arrays (n,)."""
    rows = [K.asarray(v, K.float32) for v in (a0, a1, a2, b0, b1, b2, 0.0, 0.0)]
    count = max(r.size for r in rows)
    return K.stack([K.broadcast_to(r, (count,)) for r in rows], axis=1)


def turning(height, width, angle):
    """The matrices (n, 8) that turn images about their middle by angles (n,) in degrees."""
    angle = K.asarray(angle, K.float32) * K.float32(math.pi / 180)
    cos, sin = K.cos(angle), K.sin(angle)
    x, y = 0.5 * (width - 1), 0.5 * (height - 1)
    return transforms(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)
