"""Pooling layers: the largest or the mean value of a window, or of all the space."""

from collections.abc import Callable

from kerasnp import ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.spatial import SpatialLayer, WindowLayer
from kerasnp.ops.conv import explicit_padding
from kerasnp.ops.pool import AveragePool, MaxPool
from kerasnp.utils import check


class _Pooling(WindowLayer, abstract=True):
    """Base of the windowed ones; subclasses say which operator and how many axes."""

    operator: Callable

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.pool_size = self._ints("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else self._ints("strides", strides)
        self.padding = check.one_of("padding", padding, ("valid", "same"), self._who)
        self._set_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def check_shape(self, input_shape):
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        return self.operator(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def operators(self, input_shape, training=True):
        """The pooling, where channels need not be moved before."""
        if self.data_format == "channels_first":
            return None
        pads = explicit_padding(self.padding, input_shape[1:-1], self.pool_size, self.strides, (1,) * self.rank)
        make = MaxPool if self.operator is ops.max_pool else AveragePool
        return [(make(self.pool_size, self.strides, pads), ())]

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = self._split(input_shape)
        sizes = self._window_output(input_shape, spatial, self.pool_size, self.strides, (1,) * self.rank)
        return self._join(batch, sizes, channels)


class MaxPooling1D(_Pooling, aliases=("MaxPool1D",)):
    """The largest value in each stretch of a sequence, channel by channel.

    >>> MaxPooling1D()(ops.arange(6.0).reshape(1, 6, 1)).ravel()
    array([1., 3., 5.], dtype=float32)

    The arguments are those of `MaxPooling2D` with one number per window.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, pooled_steps, channels)`.
    """

    rank = 1
    operator = staticmethod(ops.max_pool)


class MaxPooling2D(_Pooling, aliases=("MaxPool2D",)):
    """The largest value in each window of an image, channel by channel.

    >>> x = ops.arange(16.0).reshape(1, 4, 4, 1)
    >>> MaxPooling2D()(x)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)

    Args:
        pool_size: the window's height and width, or one number for both.
        strides: how far the window moves at a time; the window's size by default.
        padding: `"valid"`, or `"same"` for an output of `ceil(size / stride)`; the padding never wins.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, pooled_height, pooled_width, channels)`.

    Raises: ValueError for sizes that are not positive, or inputs smaller than the window.
    """

    operator = staticmethod(ops.max_pool)


class MaxPooling3D(_Pooling, aliases=("MaxPool3D",)):
    """The largest value in each window of a volume, channel by channel.

    >>> MaxPooling3D()(ops.ones((1, 4, 6, 8, 2))).shape
    (1, 2, 3, 4, 2)

    The arguments are those of `MaxPooling2D` with three numbers per window.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs likewise with pooled sizes.
    """

    rank = 3
    operator = staticmethod(ops.max_pool)


class AveragePooling1D(_Pooling, aliases=("AvgPool1D",)):
    """The mean of each stretch of a sequence, channel by channel.

    >>> AveragePooling1D(2)(ops.arange(6.0).reshape(1, 6, 1)).ravel()
    array([0.5, 2.5, 4.5], dtype=float32)

    The arguments are those of `AveragePooling2D` with one number per window.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, pooled_steps, channels)`.
    """

    rank = 1
    operator = staticmethod(ops.average_pool)


class AveragePooling2D(_Pooling, aliases=("AvgPool2D",)):
    """The mean of each window of an image, channel by channel; padding is not counted.

    >>> x = ops.arange(16.0).reshape(1, 4, 4, 1)
    >>> AveragePooling2D(2)(x)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)

    Args:
        pool_size: the window's height and width, or one number for both.
        strides: how far the window moves at a time; the window's size by default.
        padding: `"valid"`, or `"same"` for an output of `ceil(size / stride)`.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, pooled_height, pooled_width, channels)`.

    Raises: ValueError for sizes that are not positive, or inputs smaller than the window.
    """

    operator = staticmethod(ops.average_pool)


class AveragePooling3D(_Pooling, aliases=("AvgPool3D",)):
    """The mean of each window of a volume, channel by channel.

    >>> AveragePooling3D(2)(ops.ones((1, 4, 6, 8, 2))).shape
    (1, 2, 3, 4, 2)

    The arguments are those of `AveragePooling2D` with three numbers per window.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs likewise with pooled sizes.
    """

    rank = 3
    operator = staticmethod(ops.average_pool)


class _GlobalPooling(SpatialLayer, abstract=True):
    """Base of the ones that reduce all spatial axes; subclasses say how."""

    operator: Callable

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self._set_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        return self.operator(inputs, self._axes()[0], keepdims=self.keepdims)

    def compute_output_shape(self, input_shape):
        batch, _, channels = self._split(input_shape)
        return self._join(batch, (1,) * self.rank if self.keepdims else (), channels)


class GlobalAveragePooling1D(_GlobalPooling, aliases=("GlobalAvgPool1D",)):
    """The mean of each channel over the whole sequence; masked steps are left out.

    >>> x = ops.convert_to_tensor([[[1.0], [3.0], [50.0]]])
    >>> GlobalAveragePooling1D()(x, mask=ops.convert_to_tensor([[True, True, False]]))
    array([[2.]], dtype=float32)

    Args:
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        keepdims: keep the axis of the steps, with size one.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, channels)`, or `(batch, 1, channels)`; a mask is
    `(batch, steps)`.
    """

    rank = 1
    supports_masking = True
    operator = staticmethod(ops.mean)

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        (steps,), channel = self._axes()
        kept = ops.expand_dims(ops.cast(mask, inputs.dtype), channel)
        total = ops.sum(inputs * kept, axis=steps, keepdims=self.keepdims)
        # A sequence without a single step left has mean zero.
        return total / ops.maximum(ops.sum(kept, axis=steps, keepdims=self.keepdims), 1)

    def compute_mask(self, inputs, previous_mask=None):
        """None: no steps are left to mask."""


class GlobalAveragePooling2D(_GlobalPooling, aliases=("GlobalAvgPool2D",)):
    """The mean of each channel over the whole image (Lin et al., 2013).

    >>> GlobalAveragePooling2D()(ops.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]], dtype=float32)

    Args:
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        keepdims: keep the spatial axes, with size one.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, channels)`, or `(batch, 1, 1, channels)`.
    """

    operator = staticmethod(ops.mean)


class GlobalAveragePooling3D(_GlobalPooling, aliases=("GlobalAvgPool3D",)):
    """The mean of each channel over the whole volume.

    >>> GlobalAveragePooling3D()(ops.ones((1, 4, 6, 8, 2))).shape
    (1, 2)

    The arguments are those of `GlobalAveragePooling2D`.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs `(batch, channels)`, or `(batch, 1, 1, 1,
    channels)`.
    """

    rank = 3
    operator = staticmethod(ops.mean)


class GlobalMaxPooling1D(_GlobalPooling, aliases=("GlobalMaxPool1D",)):
    """The largest value of each channel over the whole sequence.

    >>> GlobalMaxPooling1D()(ops.arange(6.0).reshape(1, 3, 2))
    array([[4., 5.]], dtype=float32)

    The arguments are those of `GlobalMaxPooling2D`.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, channels)`, or `(batch, 1, channels)`.
    """

    rank = 1
    operator = staticmethod(ops.max)


class GlobalMaxPooling2D(_GlobalPooling, aliases=("GlobalMaxPool2D",)):
    """The largest value of each channel over the whole image.

    >>> GlobalMaxPooling2D()(ops.arange(8.0).reshape(1, 2, 2, 2))
    array([[6., 7.]], dtype=float32)

    Args:
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        keepdims: keep the spatial axes, with size one.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, channels)`, or `(batch, 1, 1, channels)`.
    """

    operator = staticmethod(ops.max)


class GlobalMaxPooling3D(_GlobalPooling, aliases=("GlobalMaxPool3D",)):
    """The largest value of each channel over the whole volume.

    >>> GlobalMaxPooling3D()(ops.ones((1, 4, 6, 8, 2))).shape
    (1, 2)

    The arguments are those of `GlobalMaxPooling2D`.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs `(batch, channels)`, or `(batch, 1, 1, 1,
    channels)`.
    """

    rank = 3
    operator = staticmethod(ops.max)
