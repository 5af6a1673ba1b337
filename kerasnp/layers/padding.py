"""Layers that add or cut the border of sequences, images and volumes."""

from kerasnp import ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.spatial import SpatialLayer


class _Border(SpatialLayer, abstract=True):
    """Base: a (before, after) pair of lengths for every spatial axis."""

    casts_integers = False

    def _pairs(self, name, value):
        """The pairs, from one number, a number per axis, or a pair per axis."""
        values = (value,) * self.rank if isinstance(value, int) else value
        if isinstance(values, (list, tuple)) and len(values) == self.rank:
            pairs = tuple(
                (v, v) if isinstance(v, int) else tuple(v) if isinstance(v, (list, tuple)) else () for v in values
            )
            if all(len(p) == 2 and all(isinstance(n, int) and n >= 0 for n in p) for p in pairs):
                return pairs
        raise ValueError(
            f"{self._who}: {name} must be a non-negative integer, {self.rank} of them, or {self.rank} pairs "
            f"(before, after). Received: {name}={value!r}"
        )

    def _begin(self, data_format):
        self._set_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)


class _ZeroPadding(_Border, abstract=True):
    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.padding = self._pairs("padding", padding)
        self._begin(data_format)

    def call(self, inputs):
        width = [(0, 0)] * (self.rank + 2)
        for axis, pair in zip(self._axes()[0], self.padding):
            width[axis] = pair
        return ops.pad(inputs, width)

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = self._split(input_shape)
        sizes = tuple(None if n is None else n + sum(pair) for n, pair in zip(spatial, self.padding))
        return self._join(batch, sizes, channels)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence.

    >>> ZeroPadding1D((2, 1))(ops.ones((1, 3, 1))).ravel()
    array([0., 0., 1., 1., 1., 0.], dtype=float32)

    Args:
        padding: the number on both sides, or a pair.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, padded_steps, channels)`.

    Raises: ValueError for anything else.
    """

    rank = 1

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(padding if isinstance(padding, int) else (padding,), data_format, **kwargs)

    def get_config(self):
        """The constructor arguments."""
        return {**super().get_config(), "padding": self.padding[0]}


class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image.

    >>> ZeroPadding2D(((1, 0), (2, 2)))(ops.ones((1, 4, 4, 3))).shape
    (1, 5, 8, 3)

    Args:
        padding: one number for all sides, two for (top and bottom, left and right), or two pairs.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, padded_height, padded_width, channels)`.

    Raises: ValueError for anything else.
    """

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around a volume.

    >>> ZeroPadding3D()(ops.ones((1, 2, 2, 2, 3))).shape
    (1, 4, 4, 4, 3)

    Args:
        padding: one number for all sides, three for the axes, or three pairs.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs likewise with padded sizes.
    """

    rank = 3


class _Cropping(_Border, abstract=True):
    _demand = (
        "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input, or nothing "
        "is left"
    )

    def __init__(self, cropping, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.cropping = self._pairs("cropping", cropping)
        self._begin(data_format)

    def check_shape(self, input_shape):
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        key = [slice(None)] * (self.rank + 2)
        for axis, (before, after) in zip(self._axes()[0], self.cropping):
            key[axis] = slice(before, inputs.shape[axis] - after)
        return inputs[tuple(key)]

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = self._split(input_shape)
        sizes = tuple(None if n is None else n - sum(pair) for n, pair in zip(spatial, self.cropping))
        if any(n is not None and n <= 0 for n in sizes):
            raise ValueError(
                f"{self._who}: {self._demand}, or nothing is left of the axis. "
                f"Received: cropping={self.cropping}, input shape {tuple(input_shape)}"
            )
        return self._join(batch, sizes, channels)


class Cropping1D(_Cropping):
    """Cut steps off a sequence.

    >>> Cropping1D((1, 2))(ops.arange(6.0).reshape(1, 6, 1)).ravel()
    array([1., 2., 3.], dtype=float32)

    Args:
        cropping: the number on both sides, or a pair.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, cropped_steps, channels)`.

    Raises: ValueError for anything else, or where nothing would be left.
    """

    rank = 1
    _demand = "`cropping` parameter of `Cropping1D` layer must be smaller than the inputs are long"

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping if isinstance(cropping, int) else (cropping,), "channels_last", **kwargs)

    def get_config(self):
        """The constructor arguments."""
        config = {**super().get_config(), "cropping": self.cropping[0]}
        del config["data_format"]
        return config


class Cropping2D(_Cropping):
    """Cut rows and columns off an image.

    >>> Cropping2D(((1, 0), (2, 2)))(ops.ones((1, 8, 8, 3))).shape
    (1, 7, 4, 3)

    Args:
        cropping: one number for all sides, two for (top and bottom, left and right), or two pairs.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, cropped_height, cropped_width, channels)`.

    Raises: ValueError for anything else, or where nothing would be left.
    """

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Cut the border off a volume.

    >>> Cropping3D()(ops.ones((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)

    Args:
        cropping: one number for all sides, three for the axes, or three pairs.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs likewise with cropped sizes.
    """

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)
