"""What functions on images ask of their arguments, and how they see them: as batches with the channels last."""

from kerasnp import backend as K
from kerasnp.autodiff.variable import Variable
from kerasnp.ops.elementwise import convert
from kerasnp.ops.shape import expand_dims, moveaxis, squeeze


def check_rank(images, name="images"):
    """The rank, which must be 3 or 4.

    Raises: ValueError for another.
    """
    rank = len(images.shape)
    if rank not in (3, 4):
        raise ValueError(
            f"Invalid {name} rank: expected rank 3 (single image) or 4 with a batch axis. Received input with shape: "
            f"{name}.shape={tuple(images.shape)}"
        )
    return rank


def spatial_axes(images, data_format):
    """The axes of height and width, counted from the front."""
    rank = check_rank(images)
    return (rank - 2, rank - 1) if K.standardize_data_format(data_format) == "channels_first" else (rank - 3, rank - 2)


class Layout:
    """`batch` is the images as (n, height, width, channels); `restore` brings such a batch back to the user's layout."""

    def __init__(self, images, data_format):
        images = convert(images)
        self.single = check_rank(images) == 3
        self.first = K.standardize_data_format(data_format) == "channels_first"
        x = expand_dims(images, 0) if self.single else images
        self.batch = moveaxis(x, 1, -1) if self.first else x

    def restore(self, y):
        """A batch as the images were given: one image or several, channels first or last."""
        y = moveaxis(y, -1, 1) if self.first else y
        return squeeze(y, 0) if self.single else y


def array_of(x):
    """The array behind an operator input."""
    return x.value if isinstance(x, Variable) else x


def back_to(y, dtype):
    """Computed floats in the type of the images: whole numbers are rounded and kept within the range of their type."""
    if array_of(y).dtype == dtype:
        return y
    if dtype.kind in "iu":
        info = K.iinfo(dtype)
        return K.clip(K.rint(array_of(y)), info.min, info.max).astype(dtype)
    return array_of(y).astype(dtype)
