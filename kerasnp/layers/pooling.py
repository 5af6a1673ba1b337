"""Pooling layers: the largest or the mean value of a window, or of all the space."""

from kerasnp import ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.spatial import SpatialLayer, WindowLayer
from kerasnp.utils import check


class _Pooling(WindowLayer, abstract=True):
    """Base of the windowed ones; subclasses say which operator and how many axes."""

    operator = None

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.pool_size = self._ints("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else self._ints("strides", strides)
        self.padding = check.one_of("padding", padding, ("valid", "same"), self._who)
        self._set_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        return self.operator(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = self._split(input_shape)
        sizes = self._window_output(input_shape, spatial, self.pool_size, self.strides, (1,) * self.rank)
        return self._join(batch, sizes, channels)


class MaxPooling2D(_Pooling, aliases=("MaxPool2D",)):
    """The largest value in each window of an image, channel by channel.

    >>> x = K.arange(16.0).reshape(1, 4, 4, 1)
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


class AveragePooling2D(_Pooling, aliases=("AvgPool2D",)):
    """The mean of each window of an image, channel by channel; padding is not counted.

    >>> x = K.arange(16.0).reshape(1, 4, 4, 1)
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


class _GlobalPooling(SpatialLayer, abstract=True):
    """Base of the ones that reduce all spatial axes; subclasses say how."""

    operator = None

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


class GlobalAveragePooling2D(_GlobalPooling, aliases=("GlobalAvgPool2D",)):
    """The mean of each channel over the whole image (Lin et al., 2013).

    >>> GlobalAveragePooling2D()(K.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]], dtype=float32)

    Args:
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        keepdims: keep the spatial axes, with size one.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, channels)`, or `(batch, 1, 1, channels)`.
    """

    operator = staticmethod(ops.mean)


class GlobalMaxPooling2D(_GlobalPooling, aliases=("GlobalMaxPool2D",)):
    """The largest value of each channel over the whole image.

    >>> GlobalMaxPooling2D()(K.arange(8.0).reshape(1, 2, 2, 2))
    array([[6., 7.]], dtype=float32)

    Args:
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        keepdims: keep the spatial axes, with size one.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, channels)`, or `(batch, 1, 1, channels)`.
    """

    operator = staticmethod(ops.max)
