"""Layers that change the brightness, contrast and colours of images at random in training."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.image_layer import ImageLayer, factor_range, per_image, rescaled, two_sorted


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
        return ops.clip(images + ops.cast(per_image(transformation["rgb_delta"]), self.compute_dtype), *self.value_range)


class RandomContrast(ImageLayer):
    """Move the pixels of each image away from their mean, or towards it, by a random factor in training.

    y = clip((x - mean) * f + mean, low, high), with the mean of each channel and one f per image from
    [1 - lower, 1 + upper].

    >>> x = ops.array([[[100.0], [200.0]]])
    >>> y = RandomContrast(0.5, seed=1)(x, training=True)
    >>> float(y.mean()), bool((y == x).all())  # the mean stays
    (150.0, False)

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
        factor = ops.cast(per_image(transformation["contrast_factor"]), self.compute_dtype)
        return ops.clip((images - mean) * factor + mean, *self.value_range)


class RandomGrayscale(ImageLayer):
    """Turn a share of the images grey in training; they keep their three channels.

    >>> x = ops.array([[[255.0, 0.0, 0.0]]])
    >>> RandomGrayscale(factor=1.0)(x, training=True).round(1)
    array([[[76.2, 76.2, 76.2]]], dtype=float32)

    Args:
        factor: the share, from 0 to 1.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same choices in every run.

    Shapes: inputs and outputs (batch, height, width, 3) or one image.

    Raises: ValueError for a factor outside [0, 1].
    """

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        if not 0 <= factor <= 1:
            raise ValueError(f"{self._who}: factor is a probability, a number from 0 to 1. Received: factor={factor}")
        self.factor = factor
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        return self._draw(seed, (self._size(data)[0], 1, 1, 1)) < self.factor

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        return ops.where(per_image(transformation), ops.image.rgb_to_grayscale(images, self.data_format), images)

    def get_config(self):
        """The constructor arguments without the seed, as Keras has it."""
        config = super().get_config()
        del config["seed"]
        return config


class _Coloured(ImageLayer, abstract=True):
    """Base: one factor per image, drawn between two numbers in [0, 1]."""

    bounds = (0, 1)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, self.bounds)
        self.value_range = two_sorted(value_range)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"factor": self._draw(seed, (self._size(data)[0], 1, 1, 1), *self.factor)}

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        return self._changed(self._to_float(images), ops.cast(per_image(transformation["factor"]), self.compute_dtype))

    def _hsv_changed(self, images, index, change):
        """Images with their hue (0), saturation (1) or value (2) replaced by `change` of it."""
        axis = self._channel_axis
        planes = ops.split(ops.image.rgb_to_hsv(images, self.data_format), 3, axis)
        planes[index] = change(planes[index])
        return ops.image.hsv_to_rgb(ops.concatenate(planes, axis), self.data_format)


class RandomHue(_Coloured):
    """Turn the hues of each image by a random part of the colour circle in training.

    >>> x = ops.array([[[255.0, 0.0, 0.0]]])
    >>> RandomHue((1.0, 1.0), seed=1)(x, training=True).round(1) + 0.0  # red becomes its complement
    array([[[  0., 255., 255.]]], dtype=float32)

    Args:
        factor: the largest part, or (lower, upper), in [0, 1]; 1 is half of the circle, to either side.
        value_range: [low, high], what pixels lie between.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same parts in every run.

    Shapes: inputs and outputs (batch, height, width, 3) or one image.

    Raises: ValueError for a factor outside [0, 1].
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, data_format, seed, **kwargs)
        self.value_range = value_range

    def get_random_transformation(self, data, training=True, seed=None):
        count = self._size(data)[0]
        side = K.where(self._draw(seed, (count, 1, 1, 1)) > 0.5, -1, 1)
        return {"factor": side * self._draw(seed, (count, 1, 1, 1), *self.factor) * 0.5}

    def _changed(self, images, factor):
        def turned(hue):
            hue = hue + factor
            hue = ops.where(hue > 1.0, hue - 1.0, hue)
            return ops.where(hue < 0.0, hue + 1.0, hue)

        images = self._hsv_changed(rescaled(images, self.value_range, (0, 1)), 0, turned)
        return rescaled(ops.clip(images, 0, 1), (0, 1), self.value_range)


class RandomSaturation(_Coloured):
    """Make the colours of each image paler or stronger by a random factor in training.

    The saturation is multiplied by f / (1 - f): 0.5 changes nothing, 0 leaves grey, 1 gives the purest colours.

    >>> x = ops.array([[[200.0, 100.0, 100.0]]])
    >>> RandomSaturation((0.0, 0.0))(x, training=True).round(1)  # grey, as light as the lightest channel
    array([[[200., 200., 200.]]], dtype=float32)

    Args:
        factor: f is drawn from (-factor, factor), as Keras does it, or from (lower, upper), in [-1, 1]; from below zero all
            colour is lost.
        value_range: [low, high], what the saturation is kept between.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same factors in every run.

    Shapes: inputs and outputs (batch, height, width, 3) or one image.

    Raises: ValueError for a factor outside [-1, 1].
    """

    bounds = (-1, 1)

    def get_random_transformation(self, data, training=True, seed=None):
        factor = super().get_random_transformation(data, training, seed)["factor"]
        return {"factor": factor / (1 - factor + K.epsilon())}

    def _changed(self, images, factor):
        return self._hsv_changed(images, 1, lambda s: ops.clip(s * factor, *self.value_range))


class RandomColorDegeneration(_Coloured):
    """Mix each image with its grey version by a random share in training.

    >>> x = ops.array([[[255.0, 0.0, 0.0]]])
    >>> RandomColorDegeneration((1.0, 1.0))(x, training=True).round(1)  # the grey version alone
    array([[[76.2, 76.2, 76.2]]], dtype=float32)

    Args:
        factor: the share is drawn from (-factor, factor), as Keras does it, or from (lower, upper), in [-1, 1].
        value_range: [low, high], what pixels lie between.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same shares in every run.

    Shapes: inputs and outputs (batch, height, width, 3) or one image.

    Raises: ValueError for a factor outside [-1, 1].
    """

    bounds = (-1, 1)

    def _changed(self, images, factor):
        grey = ops.image.rgb_to_grayscale(images, self.data_format)
        return ops.clip(images + factor * (grey - images), *self.value_range)


class RandomInvert(ImageLayer):
    """Turn images into their negatives in training, each with a probability drawn from `factor`.

    >>> x = ops.array([[[0.0], [100.0]]])
    >>> RandomInvert((1.0, 1.0))(x, training=True).ravel()
    array([255., 155.], dtype=float32)

    Args:
        factor: the largest probability, or (lower, upper), in [0, 1].
        value_range: [low, high], what pixels lie between; y = high - x.
        seed: an integer for the same choices in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor outside [0, 1].
    """

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, (0, 1))
        self.value_range = value_range
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"apply_inversion": self._chosen(seed, self._size(data)[0])} if training else None

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = self._to_float(images)
        return ops.where(per_image(transformation["apply_inversion"]), self.value_range[1] - images, images)


class RandomColorJitter(ImageLayer):
    """Brightness, contrast, saturation and hue changed at random, one after the other, in training.

    >>> x = ops.ones((2, 4, 4, 3)) * 100.0
    >>> y = RandomColorJitter(brightness_factor=0.2, seed=1)(x, training=True)
    >>> y.shape, bool(abs(y - x).max() <= 0.2 * 255)
    ((2, 4, 4, 3), True)

    Args:
        value_range: [low, high], what pixels lie between.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: as for `RandomBrightness`, `RandomContrast`,
            `RandomSaturation` and `RandomHue`; None leaves a step out.
        seed: an integer for the same changes in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, 3) or one image.
    """

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        self._set_seed(seed)
        options = {"value_range": value_range, "seed": seed, "data_format": data_format, "dtype": self.dtype_policy}
        steps = {
            "random_brightness": (RandomBrightness, brightness_factor),
            "random_contrast": (RandomContrast, contrast_factor),
            "random_saturation": (RandomSaturation, saturation_factor),
            "random_hue": (RandomHue, hue_factor),
        }
        for name, (cls, factor) in steps.items():
            setattr(self, name, None if factor is None else cls(factor, **options))

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return images
        images = self._to_float(images)
        for layer in (self.random_brightness, self.random_contrast, self.random_saturation, self.random_hue):
            if layer is not None:
                images = layer.transform_images(images, layer.get_random_transformation(images, seed=self.generator))
        return images
