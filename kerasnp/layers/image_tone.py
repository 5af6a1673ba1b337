"""Layers that change the tones and the sharpness of images."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.image_layer import ImageLayer, factor_range, named_range, per_image, rescaled, two_sorted


class AutoContrast(ImageLayer):
    """Stretch the tones of each channel of each image over the whole range, in training and inference.

    y = (x - min) / (max - min), in the units of `value_range`; a channel of one tone stays.

    >>> AutoContrast((0, 1))(ops.convert_to_tensor([[[[0.25], [0.5]]]])).ravel()
    array([0., 1.], dtype=float32)

    Args:
        value_range: [low, high], what pixels lie between.

    Shapes: inputs and outputs (batch, height, width, channels) or one image. With channels first the tones are taken over
    height and width too, where Keras takes axes 1 and 2.

    Raises: ValueError for a value_range that is not two numbers.
    """

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self.value_range = two_sorted(value_range)

    def transform_images(self, images, transformation=None, training=True):
        images = self._to_float(images)
        x = rescaled(images, self.value_range, (0, 255))
        axes = self._height_width_axes()
        low, high = ops.min(x, axis=axes, keepdims=True), ops.max(x, axis=axes, keepdims=True)
        flat = ops.equal(high, low)
        scale = 255.0 / ops.where(flat, 1.0, high - low)
        y = rescaled(ops.clip((x - low) * scale, 0.0, 255.0), (0, 255), self.value_range)
        return ops.where(flat, images, y)


class Equalization(ImageLayer):
    """Spread the tones of each channel so that all are about equally frequent, in training.

    Every pixel becomes the share of pixels that are not lighter. As in Keras, the share is taken over the whole batch.

    >>> x = ops.array([[[100.0], [101.0], [102.0]]])
    >>> Equalization()(x, training=True).ravel()
    array([  0., 128., 255.], dtype=float32)

    Args:
        value_range: [low, high], what pixels lie between.
        bins: how many tones are told apart.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image. There is no gradient.

    Raises: ValueError for a value_range that is not two numbers.
    """

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range, self.bins = two_sorted(value_range), bins

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return images
        x = ops.stop_gradient(self._to_float(images))
        channels = [self._equalized(c) for c in K.moveaxis(x, self._channel_axis, 0)]
        return K.moveaxis(K.stack(channels), 0, self._channel_axis)

    def _equalized(self, channel):
        x = rescaled(channel, self.value_range, (0, 255))
        places = K.clip((x * (self.bins - 1) / 255).astype(K.int32), 0, self.bins - 1)
        counts = K.bincount(places.reshape(-1), minlength=self.bins)
        if (counts > 0).sum() <= 1:
            return channel
        below = K.cumsum(counts)
        first = below[below > 0][0]
        table = K.clip(K.rint((below - first) * 255 / max(below[-1] - first, 1)), 0, 255).astype(x.dtype)
        places = K.clip(x / 255 * (self.bins - 1), 0, self.bins - 1).astype(K.int32)
        return rescaled(table[places], (0, 255), self.value_range)


class Solarization(ImageLayer):
    """Invert the light pixels of each image in training: y = x + a below a threshold, and 255 - (x + a) from it on.

    >>> x = ops.array([[[50.0], [200.0]]])
    >>> Solarization(threshold_factor=(0.5, 0.5))(x, training=True).ravel()  # the threshold is 0.5 * 255
    array([50., 55.], dtype=float32)

    Args:
        addition_factor: a is drawn from (0, factor), or from (lower, upper), in [0, 1] of the range.
        threshold_factor: the threshold, likewise.
        value_range: [low, high], what pixels lie between.
        seed: an integer for the same numbers in every run.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor outside [0, 1], or a value_range that is not two numbers.
    """

    def __init__(self, addition_factor=0.0, threshold_factor=0.0, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(**kwargs)
        self.addition_factor = _share(addition_factor, "addition_factor")
        self.threshold_factor = _share(threshold_factor, "threshold_factor")
        self.value_range = two_sorted(value_range)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self._size(data)[0], 1, 1, 1)
        # The lower bounds are in units of the range, the upper ones in 255ths of it: Keras has it so.
        (a0, a1), (t0, t1) = self.addition_factor, self.threshold_factor
        return {
            "additions": self._draw(seed, shape, a0, a1 * 255),
            "thresholds": self._draw(seed, shape, t0, t1 * 255),
        }

    def transform_images(self, images, transformation, training=True):
        images = self._to_float(images)
        if not training or transformation is None:
            return images
        added, threshold = (ops.cast(per_image(transformation[k]), self.compute_dtype) for k in ("additions", "thresholds"))
        x = ops.clip(rescaled(images, self.value_range, (0, 255)) + added, 0, 255)
        return rescaled(ops.where(x < threshold, x, 255 - x), (0, 255), self.value_range)


class RandomPosterization(ImageLayer):
    """Keep only the highest bits of each pixel in training.

    >>> x = ops.array([[[50.0], [200.0]]])
    >>> RandomPosterization(factor=1)(x, training=True).ravel()  # one bit is left
    array([  0., 128.], dtype=float32)

    Args:
        factor: how many bits of eight, at most: drawn from 1 up to, but without, factor; or (lower, upper), upper excluded
            unless both are equal.
        value_range: [low, high], what pixels lie between.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same numbers in every run.

    Shapes: inputs and outputs (batch, height, width, channels) or one image. There is no gradient.

    Raises: ValueError for a factor outside [1, 8].
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, (1, 8))
        self.value_range = two_sorted(value_range)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        shape, (lower, upper) = (self._size(data)[0], 1, 1, 1), self.factor
        bits = K.full(shape, lower) if lower == upper else K.floor(self._draw(seed, shape, lower, upper))
        return {"shift_factor": (8 - bits).astype(K.int32)}

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        x = rescaled(ops.stop_gradient(self._to_float(images)), self.value_range, (0, 255))
        shift = per_image(transformation["shift_factor"]).astype(K.int32)
        x = K.left_shift(K.right_shift(K.clip(x, 0, 255).astype(K.int32), shift), shift)
        return rescaled(x.astype(images.dtype if K.is_float(images.dtype) else K.floatx()), (0, 255), self.value_range)


class RandomSharpness(ImageLayer):
    """Blur each image a little or sharpen it, by a random amount, in training.

    y = x + (1 - 2 f) (smooth(x) - x): f = 0 is smooth, 0.5 changes nothing, 1 is sharp.

    >>> x = ops.ones((3, 3, 3)) * 100.0
    >>> y = RandomSharpness((0.0, 1.0), seed=1)(x, training=True)
    >>> y[1, 1].round(3)  # where there is no edge, there is nothing to sharpen
    array([100., 100., 100.], dtype=float32)

    Args:
        factor: f is drawn from (0, factor), or from (lower, upper), in [0, 1].
        value_range: [low, high], what pixels lie between.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same amounts in every run.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor outside [0, 1].
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, (0, 1))
        self.value_range = two_sorted(value_range)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"factor": self._draw(seed, (self._size(data)[0], 1, 1, 1), *self.factor)}

    def transform_images(self, images, transformation, training=True):
        images = self._to_float(images)
        if not training:
            return images
        window = K.full((3, 3), 1 / 13)
        window[1, 1] = 5 / 13
        channels = images.shape[self._channel_axis]
        kernel = K.broadcast_to(window[:, :, None, None], (3, 3, channels, 1)).astype(K.storage_dtype(self.compute_dtype))
        smooth = ops.depthwise_conv(images, kernel, padding="same", data_format=self.data_format)
        share = 1.0 - 2.0 * ops.cast(per_image(transformation["factor"]), self.compute_dtype)
        return ops.clip(images + share * (smooth - images), *self.value_range)


class RandomGaussianBlur(ImageLayer):
    """Blur images in training, each with a probability drawn from `factor`.

    >>> x = ops.one_hot(ops.array([1]), 3).reshape(1, 3, 1) * 100.0
    >>> y = RandomGaussianBlur((1.0, 1.0), kernel_size=3, sigma=(1.0, 1.0), seed=1)(x, training=True)
    >>> y.shape, bool(y.max() < 100)
    ((1, 3, 1), True)

    Args:
        factor: the largest probability, or (lower, upper), in [0, 1].
        kernel_size: the size of the window, an odd number or two.
        sigma: the standard deviation of the window is drawn from (0, sigma), or from (lower, upper), in [0, 1] pixels.
        value_range: [low, high], what pixels lie between.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same blur in every run.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor or sigma outside [0, 1], or an even kernel_size.
    """

    def __init__(
        self, factor=1.0, kernel_size=3, sigma=1.0, value_range=(0, 255), data_format=None, seed=None, **kwargs
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, (0, 1))
        sizes = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size, kernel_size)
        if len(sizes) != 2 or not all(isinstance(k, (int, float)) and k % 2 == 1 for k in sizes):
            raise ValueError(f"{self._who}: kernel_size must be an odd number or two. Received: kernel_size={kernel_size}")
        self.kernel_size, self.sigma = sizes, named_range(sigma, "sigma")
        self.value_range = value_range
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        chosen = self._chosen(seed, self._size(data)[0])
        return {"should_apply_blur": chosen, "blur_factor": self._draw(seed, (2,), *self.sigma) + 1e-6}

    def transform_images(self, images, transformation, training=True):
        images = self._to_float(images)
        if not training or transformation is None:
            return images
        blurred = ops.image.gaussian_blur(images, self.kernel_size, transformation["blur_factor"], self.data_format)
        return ops.clip(ops.where(per_image(transformation["should_apply_blur"]), blurred, images), *self.value_range)


def _share(factor, name):
    """(lower, upper) from a number, which stands for (0, number), or from two numbers in [0, 1]."""
    numbers = list(factor) if isinstance(factor, (tuple, list)) else [0, factor]
    if len(numbers) != 2 or not all(isinstance(n, (int, float)) and 0 <= n <= 1 for n in numbers):
        raise ValueError(
            f"addition_factor and threshold_factor must be numbers from 0 to 1, or pairs of them. Received: {name}={factor}"
        )
    return tuple(sorted(numbers))
