"""Layers that enlarge sequences, images and volumes."""

from kerasnp import ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.spatial import SpatialLayer
from kerasnp.ops.resample import INTERPOLATIONS
from kerasnp.utils import check


class _UpSampling(SpatialLayer, abstract=True):
    interpolation = "nearest"
    casts_integers = False

    def __init__(self, size=2, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.size = self._ints("size", size)
        self._set_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        return ops.upsample(inputs, self.size, self._axes()[0], self.interpolation)

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = self._split(input_shape)
        return self._join(batch, tuple(None if n is None else n * s for n, s in zip(spatial, self.size)), channels)


class UpSampling1D(_UpSampling):
    """Every step of a sequence `size` times.

    >>> UpSampling1D(2)(ops.arange(3.0).reshape(1, 3, 1)).ravel()
    array([0., 0., 1., 1., 2., 2.], dtype=float32)

    Args:
        size: how many times, a positive integer.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, steps * size, channels)`.

    Raises: TypeError for a size that is no integer, ValueError for one that is not positive.
    """

    rank = 1

    def __init__(self, size=2, **kwargs):
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f"UpSampling1D: Expected an integer value for `size`. Received: size={size!r}")
        if size <= 0:
            raise ValueError(f"UpSampling1D: `size` should be a positive integer. Received: size={size}")
        super().__init__(size, "channels_last", **kwargs)

    def get_config(self):
        """The constructor arguments."""
        config = {**super().get_config(), "size": self.size[0]}
        del config["data_format"]
        return config


class UpSampling2D(_UpSampling):
    """Images enlarged by whole factors.

    >>> UpSampling2D((2, 3))(ops.ones((1, 4, 5, 3))).shape
    (1, 8, 15, 3)

    Args:
        size: the factors of height and width, or one number for both.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        interpolation: `"nearest"` repeats pixels; `"bilinear"`, `"bicubic"`, `"lanczos3"` and `"lanczos5"` mix
            neighbours.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, height * size[0], width * size[1], channels)`.

    Raises: ValueError for sizes that are not positive, or another interpolation.
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(size, data_format, **kwargs)
        self.interpolation = check.one_of("interpolation", interpolation, INTERPOLATIONS, self._who)
        self.casts_integers = self.interpolation != "nearest"


class UpSampling3D(_UpSampling):
    """Every element of a volume repeated along the three axes.

    >>> UpSampling3D()(ops.ones((1, 2, 3, 4, 5))).shape
    (1, 4, 6, 8, 5)

    Args:
        size: the factors of depth, height and width, or one number for all.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs likewise with multiplied sizes.

    Raises: ValueError for sizes that are not positive.
    """

    rank = 3
