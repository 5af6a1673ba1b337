"""Layers that bring images to one height and width."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.image_layer import ImageLayer
from kerasnp.ops.image.size import proportional
from kerasnp.ops.resample import INTERPOLATIONS
from kerasnp.utils import check


class _SizedLayer(ImageLayer, abstract=True):
    """Base: images come out `height` by `width`."""

    moves_pixels = True

    def _set_size(self, height, width):
        self.height, self.width = check.positive_int("height", height, self._who), check.positive_int("width", width, self._who)

    def _cut(self, images, starts, sizes):
        """A window of the images."""
        key = [slice(None)] * len(images.shape)
        for axis, start, n in zip(self._height_width_axes(), starts, sizes):
            key[axis] = slice(start, start + n)
        return images[tuple(key)]

    def _space(self, images):
        return tuple(images.shape[a] for a in self._height_width_axes())

    def compute_output_shape(self, input_shape):
        if len(input_shape) not in (3, 4) or isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                "input_shape must be that of an image, with 3 entries, or of a batch, with 4. Received: "
                f"input_shape={input_shape}"
            )
        shape = list(input_shape)
        for axis, n in zip(self._height_width_axes(), (self.height, self.width)):
            shape[axis] = n
        return tuple(shape)


class Resizing(_SizedLayer):
    """Images at another height and width.

    >>> Resizing(2, 2)(ops.ones((1, 4, 6, 3))).shape
    (1, 2, 2, 3)

    Args:
        height, width: the size of the output.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        crop_to_aspect_ratio: cut the images to the proportions of the output first.
        pad_to_aspect_ratio: pad them to the proportions of the output first.
        fill_mode: only `"constant"`.
        fill_value: what padding consists of.
        antialias: widen the window where the image shrinks.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs (batch, height, width, channels) or one image, outputs likewise. Whole numbers are rounded and keep their
    type.

    Raises: ValueError for sizes that are not positive, or another interpolation.
    """

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)
        self.interpolation = check.one_of("interpolation", interpolation, INTERPOLATIONS, self._who)
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, bool(antialias)

    def transform_images(self, images, transformation=None, training=True):
        return self._resized(images, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._resized(segmentation_masks, "nearest")

    def _resized(self, images, interpolation):
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )


class CenterCrop(_SizedLayer):
    """The middle of each image; one that is too small is cut to the output's proportions and enlarged.

    >>> CenterCrop(1, 2)(ops.arange(12.0).reshape(1, 3, 4, 1)).ravel()
    array([5., 6.], dtype=float32)

    Args:
        height, width: the size of the output.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs (batch, height, width, channels) or one image, outputs likewise, as floats.

    Raises: ValueError for sizes that are not positive.
    """

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)

    def transform_images(self, images, transformation=None, training=True):
        images = self._to_float(images)
        size, given = (self.height, self.width), self._space(images)
        if given[0] >= size[0] and given[1] >= size[1]:
            return self._cut(images, [(n - m) // 2 for n, m in zip(given, size)], size)
        kept = proportional(given, size)
        images = self._cut(images, [(n - m) // 2 for n, m in zip(given, kept)], kept)
        return ops.image.resize(images, size, data_format=self.data_format)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self.transform_images(segmentation_masks, transformation, training)


class RandomCrop(_SizedLayer):
    """A window at a random place of the images, one place per batch, in training; inference lets images through as they are.

    An image that is not larger than the window is cut from its middle and enlarged, as Keras does it.

    >>> RandomCrop(2, 2, seed=1)(ops.ones((3, 4, 6, 1)), training=True).shape
    (3, 2, 2, 1)

    Args:
        height, width: the size of the window.
        seed: an integer for the same places in every run.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Shapes: inputs (batch, height, width, channels) or one image, outputs likewise, as floats.

    Raises: ValueError for sizes that are not positive.
    """

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        super().__init__(data_format=data_format, name=name, **kwargs)
        self._set_size(height, width)
        self._set_seed(K.random.make_seed() if seed is None else seed)

    def get_random_transformation(self, data, training=True, seed=None):
        _, height, width = self._size(data)
        if training and height > self.height and width > self.width:
            free = height - self.height + 1, width - self.width + 1
            return tuple(min(int(self._draw(seed, (), 0.0, float(n))), n - 1) for n in free)
        kept = proportional((height, width), (self.height, self.width))
        return (height - kept[0]) // 2, (width - kept[1]) // 2

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = self._cut(self._to_float(images), transformation, (self.height, self.width))
        if self._space(images) != (self.height, self.width):
            images = ops.image.resize(images, (self.height, self.width), data_format=self.data_format)
        return images

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_images(segmentation_masks, transformation, training)
