"""What layers that change images share: one image or a batch, alone or beside labels and masks, the same change for all."""

from kerasnp import backend as K
from kerasnp import ops, random
from kerasnp.layers.layer import Layer
from kerasnp.random import SeedGenerator


class ImageLayer(Layer, abstract=True):
    """Base of the image layers.

    A call on images, or on a dictionary with "images" and any of "labels" and "segmentation_masks", draws a
    transformation and applies it to each entry; what stands under other keys stays. A subclass writes
    `get_random_transformation(data, training, seed)` and `transform_images(images, transformation, training)` for
    batches, and where they change too `transform_labels` and `transform_segmentation_masks`.

    >>> import kerasnp
    >>> class Brighter(ImageLayer):
    ...     def get_random_transformation(self, data, training=True, seed=None):
    ...         return 10.0 if training else 0.0
    ...     def transform_images(self, images, transformation, training=True):
    ...         return images + transformation
    >>> Brighter()(kerasnp.ops.ones((1, 1, 2, 1)), training=True).ravel()
    array([11., 11.], dtype=float32)
    """

    casts_integers = False
    # Whether objects are elsewhere in the image afterwards, so that boxes around them would be wrong.
    moves_pixels = False

    def __init__(self, bounding_box_format=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        self.data_format = K.standardize_data_format(data_format)

    def _set_seed(self, seed):
        self.seed = seed
        self.generator = SeedGenerator(seed)

    # -- what a subclass writes -------------------------------------------------------------------------------------

    def get_random_transformation(self, data, training=True, seed=None):
        """What to do with the images of `data`, drawn at random in training; None where nothing is to be drawn."""
        return None

    def transform_images(self, images, transformation, training=True):
        """The batch of images after the transformation."""
        raise NotImplementedError(f"{self._who}: write transform_images(self, images, transformation, training).")

    def transform_labels(self, labels, transformation, training=True):
        """The labels after the transformation: most leave them as they are."""
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """The masks, one class per pixel, after the transformation: most leave them as they are."""
        return segmentation_masks

    # -- the call ---------------------------------------------------------------------------------------------------

    def call(self, data, training=True):
        transformation = self.get_random_transformation(data, training=training)
        if not isinstance(data, dict):
            return self._whole_or_single(self.transform_images, data, data, transformation, training)
        if "bounding_boxes" in data:
            if self.moves_pixels:
                raise ValueError(
                    f"{self._who}: bounding boxes are not moved along with the pixels here. "
                    f"Received: data with the keys {sorted(data)}; leave out 'bounding_boxes'."
                )
            if not self.bounding_box_format:
                raise ValueError(
                    f"{self._who}: the input has the key 'bounding_boxes', and the layer no format to read them by; give "
                    "bounding_box_format='xyxy' or another."
                )
        methods = {
            "images": self.transform_images,
            "labels": self.transform_labels,
            "segmentation_masks": self.transform_segmentation_masks,
        }
        images = data["images"]
        return {
            name: self._whole_or_single(methods[name], value, images, transformation, training) if name in methods else value
            for name, value in data.items()
        }

    def _whole_or_single(self, method, value, images, transformation, training):
        """`method` on a batch; one image is made a batch of one, and its outcome one image."""
        value = ops.convert_to_tensor(value)
        if self._is_batched(images):
            return method(value, transformation, training=training)
        return ops.squeeze(method(ops.expand_dims(value, 0), transformation, training=training), 0)

    def _is_batched(self, images):
        rank = len(ops.shape(images))
        if rank not in (3, 4):
            raise ValueError(
                f"An image has rank 3, and a batch of images rank 4. Received: data.shape={ops.shape(images)}"
            )
        return rank == 4

    # -- helpers ----------------------------------------------------------------------------------------------------

    def _to_float(self, images):
        return ops.cast(images, self.compute_dtype)

    def _size(self, data):
        """(batch size, height, width) of the images in `data`."""
        shape = ops.shape(data["images"] if isinstance(data, dict) else data)
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{self._who}: Expected the input image to be rank 3 or 4, the latter for a batch. Received: "
                f"inputs.shape={shape}"
            )
        space = shape[-2:] if self.data_format == "channels_first" else shape[-3:-1]
        return (shape[0] if self._is_batched(data["images"] if isinstance(data, dict) else data) else 1, *space)

    def _draw(self, seed, shape, minval=0.0, maxval=1.0):
        """Numbers spread evenly from `seed`, or from the layer's own stream."""
        return random.uniform(shape, minval, maxval, "float32", self.generator if seed is None else seed)

    def _chosen(self, seed, count):
        """Which of the images to change, (n,): each with a probability drawn from `factor`."""
        probability = self._draw(seed, (count,), *self.factor)
        return self._draw(seed, (count,)) < probability

    @property
    def _channel_axis(self):
        return -3 if self.data_format == "channels_first" else -1

    def _height_width_axes(self):
        """The axes of height and width, counted from the end."""
        return (-2, -1) if self.data_format == "channels_first" else (-3, -2)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        """The constructor arguments."""
        config = super().get_config()
        if config["bounding_box_format"] is None:
            del config["bounding_box_format"]
        return config


def factor_range(factor, bounds, message=None):
    """(lower, upper) from a number, which stands for both sides of zero as far as `bounds` reach, or from two numbers.

    Raises: ValueError for anything else, or numbers out of bounds.
    """
    message = message or (
        f"The `factor` argument should be a number, or two of them, in [{bounds[0]}, {bounds[1]}]. Received: factor={factor}"
    )
    if isinstance(factor, (tuple, list)):
        if len(factor) != 2 or factor[0] > bounds[1] or factor[1] < bounds[0]:
            raise ValueError(message)
        return tuple(sorted(factor))
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not bounds[0] <= factor <= bounds[1]:
        raise ValueError(message)
    return max(-abs(factor), bounds[0]), abs(factor)


def named_range(value, name, bounds=(0, 1)):
    """`factor_range` for an argument of another name."""
    return factor_range(
        value,
        bounds,
        f"The `{name}` argument must be a number, or two of them, in [{bounds[0]}, {bounds[1]}]. Received: {name}={value}",
    )


def two_sorted(value_range):
    """The lowest and highest pixel value as a sorted list.

    Raises: ValueError for anything but two numbers.
    """
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise ValueError(
            "The `value_range` argument should be a list of two numbers, the lowest and the highest value. Received: "
            f"value_range={value_range}"
        )
    return sorted(value_range)


def per_image(values):
    """Numbers, one for each image or one for all, in the shape (n, 1, 1, 1)."""
    return K.asarray(getattr(values, "value", values)).reshape(-1, 1, 1, 1)


def rescaled(images, old, new):
    """Images in the range `old` brought to the range `new`."""
    if tuple(old) == tuple(new):
        return images
    return (images - old[0]) / (old[1] - old[0]) * (new[1] - new[0]) + new[0]
