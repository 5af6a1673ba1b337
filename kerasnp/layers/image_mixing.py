"""Layers that erase parts of images and mix images with others of the batch, in training."""

from kerasnp import backend as K
from kerasnp import ops, random
from kerasnp.layers.image_layer import ImageLayer, factor_range, named_range, per_image


class _BoxLayer(ImageLayer, abstract=True):
    """Base: a rectangle at a random place of each image."""

    def _boxes(self, seed, data, height_share, width_share):
        """(masks that are true within the rectangles, the share of the image outside of them)."""
        count, height, width = self._size(data)
        bounds = []
        for length, share in ((width, width_share), (height, height_share)):
            inside = share * length
            start = self._draw(seed, (count,)) * (length - inside)
            bounds.append((start[:, None], (start + inside)[:, None]))
        (x0, x1), (y0, y1) = bounds
        across, down = K.arange(width), K.arange(height)
        columns, rows = (across >= x0) & (across < x1), (down >= y0) & (down < y1)
        outside = 1.0 - ((x1 - x0) * (y1 - y0) / (width * height))[:, 0]
        return K.expand_dims(rows[:, :, None] & columns[:, None, :], self._channel_axis), outside


class RandomErasing(_BoxLayer):
    """Cover a random rectangle of images in training, each with a probability drawn from `factor` (Zhong et al., 2020).

    >>> x = ops.ones((1, 10, 10, 1))
    >>> y = RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=0.0, seed=1)(x, training=True)
    >>> float(y.mean().round(2))  # a quarter is covered
    0.75

    Args:
        factor: the largest probability, or (lower, upper), in [0, 1].
        scale: the share of the area that a rectangle covers: (lower, upper), in [0, 1].
        fill_value: a number, or one for each of three channels; None for noise.
        value_range: [low, high], what pixels lie between.
        seed: an integer for the same rectangles in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels) or one image.

    Raises: ValueError for a factor or scale outside [0, 1], or another fill_value.
    """

    def __init__(
        self, factor=1.0, scale=(0.02, 0.33), fill_value=None, value_range=(0, 255), seed=None, data_format=None, **kwargs
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.factor, self.scale = factor_range(factor, (0, 1)), named_range(scale, "scale")
        self.fill_value, self.value_range = fill_value, value_range
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        images = data["images"] if isinstance(data, dict) else data
        shares = K.sqrt(self._draw(seed, (self._size(data)[0], 2), *self.scale))
        masks, _ = self._boxes(seed, data, shares[:, 1], shares[:, 0])
        chosen = self._chosen(seed, len(masks))
        shape = images.shape if len(images.shape) == 4 else (1, *images.shape)
        return {"apply_erasing": chosen, "batch_masks": masks, "fill_value": self._fill(shape, seed)}

    def _fill(self, shape, seed):
        fill = self.fill_value
        if fill is None:
            noise = random.normal(shape, dtype="float32", seed=self.generator if seed is None else seed)
            fill = noise * self.value_range[1]
        elif isinstance(fill, (tuple, list)) and len(fill) == 3:
            fill = K.asarray(fill, K.float32).reshape((3, 1, 1) if self.data_format == "channels_first" else 3)
        elif not isinstance(fill, (int, float)):
            raise ValueError(
                f"{self._who}: fill_value must be a number, or three of them, a colour. Received: fill_value={fill}"
            )
        return K.clip(K.asarray(fill, K.float32), *self.value_range)

    def transform_images(self, images, transformation, training=True):
        images = self._to_float(images)
        if not training or transformation is None:
            return images
        covered = transformation["batch_masks"] & per_image(transformation["apply_erasing"])
        return ops.where(covered, ops.cast(transformation["fill_value"], self.compute_dtype), images)


class _MixingLayer(_BoxLayer, abstract=True):
    """Base: images and labels meet those of another sample of the batch."""

    moves_pixels = True

    def _rng(self, seed):
        return random.generator_from(self.generator if seed is None else seed)

    def _others(self, values, transformation):
        return ops.take(values, K.asarray(transformation["permutation_order"]), axis=0)

    def transform_labels(self, labels, transformation, training=True):
        if not training or transformation is None:
            return labels
        labels = ops.cast(labels, self.compute_dtype)
        weight = per_image(transformation["mix_weight"]).reshape(-1, *[1] * (len(labels.shape) - 1))
        weight = ops.cast(weight, self.compute_dtype)
        return weight * labels + (1.0 - weight) * self._others(labels, transformation)


class MixUp(_MixingLayer):
    """Blend each image and its label with another of the batch in training (Zhang et al., 2018).

    y = w x + (1 - w) x', with w from the Beta distribution of `alpha` and `alpha`.

    >>> data = {"images": ops.ones((2, 4, 4, 1)), "labels": ops.one_hot(ops.array([0, 1]), 2)}
    >>> mixed = MixUp(alpha=1.0, seed=1)(data, training=True)
    >>> mixed["labels"].sum(axis=1).round(4)  # still shares of the classes
    array([1., 1.], dtype=float32)

    Args:
        alpha: how strongly: small values leave most images nearly alone.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same blends in every run.

    Shapes: inputs and outputs (batch, height, width, channels); labels (batch, classes) in a dictionary beside "images".
    """

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.alpha = alpha
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        count = self._size(data)[0]
        order = self._rng(seed).permutation(count)
        return {"permutation_order": order, "mix_weight": self._rng(seed).beta(self.alpha, self.alpha, count)}

    def transform_images(self, images, transformation, training=True):
        return self._blended(self._to_float(images), transformation) if training else images

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._blended(self._to_float(segmentation_masks), transformation) if training else segmentation_masks

    def _blended(self, x, transformation):
        weight = ops.cast(per_image(transformation["mix_weight"]), self.compute_dtype)
        return weight * x + (1.0 - weight) * self._others(x, transformation)


class CutMix(_MixingLayer):
    """Paste a rectangle of another image of the batch into each image in training (Yun et al., 2019).

    The labels are mixed in proportion to the areas.

    >>> data = {"images": ops.ones((2, 4, 4, 1)), "labels": ops.one_hot(ops.array([0, 1]), 2)}
    >>> mixed = CutMix(seed=1)(data, training=True)
    >>> mixed["labels"].sum(axis=1).round(4)
    array([1., 1.], dtype=float32)

    Args:
        factor: the parameter of the Beta distribution that the area comes from: drawn from (0, factor), or from
            (lower, upper), in [0, 1].
        seed: an integer for the same rectangles in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs and outputs (batch, height, width, channels); labels (batch, classes) in a dictionary beside "images".

    Raises: ValueError for a factor outside [0, 1].
    """

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, (0, 1))
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or not self._is_batched(data["images"] if isinstance(data, dict) else data):
            return None
        count = self._size(data)[0]
        alpha = float(self._draw(seed, (), *self.factor)) + 1e-6
        side = K.sqrt(1.0 - self._rng(seed).beta(alpha, alpha, count))
        masks, outside = self._boxes(seed, data, side, side)
        return {"permutation_order": self._rng(seed).permutation(count), "batch_masks": masks, "mix_weight": outside}

    def transform_images(self, images, transformation, training=True):
        images = self._to_float(images)
        if not training or transformation is None:
            return images
        return ops.where(transformation["batch_masks"], self._others(images, transformation), images)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_images(segmentation_masks, transformation, training)
