"""Layers that change the brightness and contrast of images at random in training."""

from kerasnp import ops
from kerasnp.layers.image_layer import ImageLayer, factor_range, two_sorted


class RandomBrightness(ImageLayer):
    """Make each image lighter or darker by a random amount in training.

    y = clip(x + f * (high - low), low, high), one f per image.

    >>> RandomBrightness((0.1, 0.1))(ops.ones((1, 1, 1, 3)), training=True).ravel()
    array([26.5, 26.5, 26.5], dtype=float32)

    Args:
        factor: the largest f to either side of zero, or (lower, upper), in [-1, 1].
        value_range: [low, high], what pixels lie between.
        seed: an integer for the same amounts in every run.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor out of range, or a value_range that is not two numbers.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor or 0.0, (-1, 1))
        self.value_range = two_sorted(value_range)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        count = self._size(data)[0]
        if not training:
            return {"rgb_delta": ops.zeros((count, 1, 1, 1))}
        low, high = self.value_range
        return {"rgb_delta": self._draw(seed, (count, 1, 1, 1), *self.factor) * (high - low)}

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = self._to_float(images)
        return ops.clip(images + ops.cast(transformation["rgb_delta"], self.compute_dtype), *self.value_range)


class RandomContrast(ImageLayer):
    """Move the pixels of each image away from their mean, or towards it, by a random factor in training.

    y = clip((x - mean) * f + mean, low, high), with the mean of each channel and one f per image from
    [1 - lower, 1 + upper].

    Args:
        factor: `upper`, or (lower, upper), in [0, 1]. One number stands for (0, number), as in Keras.
        value_range: [low, high], what pixels lie between.
        seed: an integer for the same factors in every run.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor out of range.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(factor, (0, 1))
        self.value_range = value_range
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        count = self._size(data)[0]
        if not training:
            return {"contrast_factor": ops.zeros((count, 1, 1, 1))}
        return {"contrast_factor": self._draw(seed, (count, 1, 1, 1), 1.0 - self.factor[0], 1.0 + self.factor[1])}

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = self._to_float(images)
        mean = ops.mean(images, axis=self._height_width_axes(), keepdims=True)
        factor = ops.cast(transformation["contrast_factor"], self.compute_dtype)
        return ops.clip((images - mean) * factor + mean, *self.value_range)
