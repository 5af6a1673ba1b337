"""Pooling to an output of a given size, whatever the size of the input."""

from collections.abc import Callable

from kerasnp import ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.spatial import SpatialLayer


class _AdaptivePooling(SpatialLayer, abstract=True):
    """Base; subclasses say which operator and how many axes."""

    operator: Callable

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = self._ints("output_size", output_size)
        self._set_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        return self.operator(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape):
        batch, _, channels = self._split(input_shape)
        return self._join(batch, self.output_size, channels)


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """The means of `output_size` stretches that cover the sequence.

    >>> AdaptiveAveragePooling1D(2)(ops.arange(5.0).reshape(1, 5, 1)).ravel()
    array([1., 3.], dtype=float32)

    The arguments are those of `AdaptiveAveragePooling2D` with one number.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, output_size, channels)`.
    """

    rank = 1
    operator = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """The means of a grid of windows that cover the image.

    Window i of m along an axis of n goes from floor(i * n / m) to ceil((i + 1) * n / m), so windows may overlap by one.

    >>> AdaptiveAveragePooling2D((2, 3))(ops.ones((1, 5, 7, 4))).shape
    (1, 2, 3, 4)

    Args:
        output_size: the output's height and width, or one number for both.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, *output_size, channels)`.

    Raises: ValueError for sizes that are not positive.
    """

    operator = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """The means of a grid of windows that cover the volume.

    >>> AdaptiveAveragePooling3D(2)(ops.ones((1, 3, 4, 5, 6))).shape
    (1, 2, 2, 2, 6)

    The arguments are those of `AdaptiveAveragePooling2D` with three numbers.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs `(batch, *output_size, channels)`.
    """

    rank = 3
    operator = staticmethod(ops.adaptive_average_pool)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    """The largest values of `output_size` stretches that cover the sequence.

    >>> AdaptiveMaxPooling1D(2)(ops.arange(5.0).reshape(1, 5, 1)).ravel()
    array([2., 4.], dtype=float32)

    The arguments are those of `AdaptiveMaxPooling2D` with one number.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, output_size, channels)`.
    """

    rank = 1
    operator = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    """The largest values of a grid of windows that cover the image.

    Window i of m along an axis of n goes from floor(i * n / m) to ceil((i + 1) * n / m), so windows may overlap by one.

    >>> AdaptiveMaxPooling2D((2, 3))(ops.ones((1, 5, 7, 4))).shape
    (1, 2, 3, 4)

    Args:
        output_size: the output's height and width, or one number for both.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, *output_size, channels)`.

    Raises: ValueError for sizes that are not positive.
    """

    operator = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    """The largest values of a grid of windows that cover the volume.

    >>> AdaptiveMaxPooling3D(2)(ops.ones((1, 3, 4, 5, 6))).shape
    (1, 2, 2, 2, 6)

    The arguments are those of `AdaptiveMaxPooling2D` with three numbers.

    Shapes: inputs `(batch, depth, height, width, channels)`, outputs `(batch, *output_size, channels)`.
    """

    rank = 3
    operator = staticmethod(ops.adaptive_max_pool)
