"""Layers that shear, tilt and bend images at random in training."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.image_geometry import GeometricLayer, transforms
from kerasnp.layers.image_layer import factor_range, named_range, per_image


class RandomShear(GeometricLayer):
    """Shift the rows and columns of each image against each other by a random amount in training.

    >>> x = ops.one_hot(ops.array([1, 1, 1]), 3).reshape(3, 3, 1)  # an upright line
    >>> RandomShear((1.0, 1.0), fill_mode="constant", seed=0)(x, training=True)[..., 0].tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]

    Args:
        x_factor: the largest horizontal shift per row, in pixels, or (lower, upper), in [0, 1]; to either side.
        y_factor: the vertical shift per column, likewise.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what comes in from outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        fill_value: for `fill_mode="constant"`.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same shifts in every run.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor outside [0, 1]; NotImplementedError for another fill_mode or interpolation.
    """

    def __init__(
        self,
        x_factor=0.0,
        y_factor=0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.x_factor, self.y_factor = self._shift(x_factor, "x_factor"), self._shift(y_factor, "y_factor")
        self._set_reading(interpolation, fill_value, fill_mode)
        self._set_seed(seed)

    def _shift(self, factor, name):
        numbers = list(factor) if isinstance(factor, (tuple, list)) else [factor]
        # What a configuration has: one number, seen from both sides of zero.
        mirrored = len(numbers) == 2 and isinstance(numbers[1], (int, float)) and numbers[0] == -numbers[1]
        fits = all(isinstance(n, (int, float)) and 0 <= (abs(n) if mirrored else n) <= 1 for n in numbers)
        if not fits or len(numbers) != (2 if isinstance(factor, (tuple, list)) else 1):
            raise ValueError(
                f"The `factor` argument should be a number, or two of them, from 0 to 1. Received: {name}={factor}"
            )
        return tuple(sorted(numbers)) if len(numbers) == 2 else (-factor, factor)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count = self._size(data)[0]
        side = K.where(self._draw(seed, (count,)) > 0.5, -1, 1)
        down = self._draw(seed, (count,), *self.y_factor) * side
        right = self._draw(seed, (count,), *self.x_factor) * side
        return {"shear_factor": K.stack([right, down], axis=1)}

    def _matrix(self, transformation, height, width):
        right, down = K.asarray(transformation["shear_factor"]).T
        return transforms(a1=right, b0=down)


class RandomPerspective(GeometricLayer):
    """Tilt images by moving their corners at random in training, each with a probability drawn from `factor`.

    >>> x = ops.ones((2, 8, 8, 3))
    >>> y = RandomPerspective(scale=0.5, seed=1)(x, training=True)
    >>> y.shape, bool((y == 0).any())  # outside of the tilted image is `fill_value`
    ((2, 8, 8, 3), True)

    Args:
        factor: the largest probability, or (lower, upper), in [0, 1].
        scale: how far corners move, as a share of the image's size, in [0, 1].
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: what comes in from outside.
        seed: an integer for the same tilts in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor or scale outside [0, 1]; NotImplementedError for another interpolation.
    """

    def __init__(
        self, factor=1.0, scale=1.0, interpolation="bilinear", fill_value=0.0, seed=None, data_format=None, **kwargs
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.factor, self.scale = factor_range(factor, (0, 1)), scale
        if not 0.0 <= scale <= 1.0:
            raise ValueError(f"scale must be a number from 0 to 1. Received: scale={scale}")
        self._set_reading(interpolation, fill_value)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, height, width = self._size(data)
        chosen = self._chosen(seed, count)
        moved = self._draw(seed, (count, 4, 2), -0.5 * self.scale, 0.5 * self.scale)
        right, bottom = width - 1.0, height - 1.0
        corners = K.array([[[0, 0], [right, 0], [0, bottom], [right, bottom]]], K.float32)
        start = K.broadcast_to(corners, (count, 4, 2))
        return {"apply_perspective": chosen, "start_points": start, "end_points": start + start * moved}

    def _moved(self, images, transformation, interpolation):
        tilted = ops.image.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation,
            self.fill_value,
            self.data_format,
        )
        return ops.where(per_image(transformation["apply_perspective"]), tilted, images)


class RandomElasticTransform(GeometricLayer):
    """Bend images at random in training, each with a probability drawn from `factor` (Simard et al., 2003).

    >>> x = ops.arange(64.0).reshape(1, 8, 8, 1)
    >>> y = RandomElasticTransform((1.0, 1.0), seed=1)(x, training=True)
    >>> y.shape, bool((y == x).all())
    ((1, 8, 8, 1), False)

    Args:
        factor: the largest probability, or (lower, upper), in [0, 1].
        scale: how strongly they bend: drawn from (0, scale), or from (lower, upper), in [0, 1].
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what comes in from outside: `"reflect"`, `"wrap"`, `"constant"`, `"nearest"` or `"mirror"`.
        fill_value: for `fill_mode="constant"`.
        value_range: [low, high], what pixels lie between.
        seed: an integer for the same bends in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor or scale outside [0, 1]; NotImplementedError for another fill_mode or interpolation.
    """

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.factor, self.scale = factor_range(factor, (0, 1)), named_range(scale, "scale")
        self._set_reading(interpolation, fill_value, None if fill_mode == "mirror" else fill_mode)
        self.fill_mode, self.value_range = fill_mode, value_range
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        chosen = self._chosen(seed, self._size(data)[0])
        strength = float(self._draw(seed, (), *self.scale))
        # Masks bend like their images: the noise has a seed of its own.
        return {"apply_transform": chosen, "distortion_factor": strength, "seed": int(self._draw(seed, (), 0, 2**24))}

    def _moved(self, images, transformation, interpolation):
        if transformation is None:
            return images
        size = [images.shape[a] for a in self._height_width_axes()]
        bent = ops.image.elastic_transform(
            images,
            0.1 * max(size) * transformation["distortion_factor"],
            max(0.05 * min(size) * transformation["distortion_factor"], 1e-6),
            interpolation,
            self.fill_mode,
            self.fill_value,
            transformation["seed"],
            self.data_format,
        )
        return ops.clip(ops.where(per_image(transformation["apply_transform"]), bent, images), *self.value_range)
