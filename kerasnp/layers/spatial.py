"""What layers over one, two or three spatial axes share: arguments, the place of the channels, output sizes."""

from kerasnp import backend as K
from kerasnp.layers.input_spec import check_input
from kerasnp.layers.layer import Layer
from kerasnp.utils import check


class _Shaped:
    """A shape, for the checks that read the shape of an input."""

    def __init__(self, shape):
        self.shape = tuple(shape)


class SpatialLayer(Layer, abstract=True):
    """Base of layers for inputs (batch, *space, channels), or (batch, channels, *space) with channels first."""

    rank = 2

    def _ints(self, name, value):
        return check.int_tuple(name, value, self.rank, self._who)

    def _set_data_format(self, data_format):
        self.data_format = K.standardize_data_format(data_format)

    def _axes(self):
        """The spatial axes of an input, and its channel axis."""
        first = self.data_format == "channels_first"
        return tuple(range(1 + first, 1 + first + self.rank)), 1 if first else self.rank + 1

    def _split(self, input_shape):
        """The batch size, spatial sizes and channels of an input shape that meets the input spec."""
        check_input(self.input_spec, _Shaped(input_shape), self)
        spatial, channel = self._axes()
        return input_shape[0], tuple(input_shape[a] for a in spatial), input_shape[channel]

    def _join(self, batch, spatial, channels):
        """The shape in the layer's data format."""
        return (batch, channels, *spatial) if self.data_format == "channels_first" else (batch, *spatial, channels)

    def _refuse_empty(self, input_shape, spatial):
        """Raise ValueError where an output would have no elements along a spatial axis."""
        if any(n is not None and n <= 0 for n in spatial):
            raise ValueError(
                f"{self._who}: Computed output size would be zero or negative, since the input is smaller than the window. "
                f"Received: input shape {tuple(input_shape)}; use a smaller window, larger inputs, or padding='same'."
            )


class WindowLayer(SpatialLayer, abstract=True):
    """Base of convolution and pooling: a window that moves over the spatial axes."""

    def _window_output(self, input_shape, spatial, window, strides, dilation):
        """The spatial sizes after a window has moved over sizes of which some may be None."""
        sizes = []
        for n, k, s, d in zip(spatial, window, strides, dilation):
            reach = (k - 1) * d + 1 if self.padding == "valid" else 1
            sizes.append(None if n is None else (n - reach) // s + 1)
        self._refuse_empty(input_shape, sizes)
        return tuple(sizes)
