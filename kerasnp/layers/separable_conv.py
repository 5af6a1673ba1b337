"""Depthwise and separable convolution layers: space and channels are mixed apart."""

from kerasnp import ops
from kerasnp.layers.conv import ConvLayer
from kerasnp.utils import check


class _DepthwiseConv(ConvLayer, abstract=True):
    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = check.count("depth_multiplier", depth_multiplier, self._who)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_weight("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape):
        channels = self._fix_channels(input_shape)
        self.kernel = self._make_weight("kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")
        self._make_bias(channels * self.depth_multiplier)

    def call(self, inputs):
        return ops.depthwise_conv(
            inputs,
            self.kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.bias,
            self.activation,
        )

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = self._split(input_shape)
        sizes = self._window_output(input_shape, spatial, self.kernel_size, self.strides, self.dilation_rate)
        return self._join(batch, sizes, None if channels is None else channels * self.depth_multiplier)


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution over sequences that treats every channel by itself.

    >>> DepthwiseConv1D(3, depth_multiplier=2)(ops.ones((1, 8, 4))).shape
    (1, 6, 8)

    The arguments are those of `DepthwiseConv2D` with one number per window; `padding` may also be `"causal"`.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, new_steps, channels * depth_multiplier)`; kernel
    `(kernel_size, channels, depth_multiplier)`.
    """

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Convolution over images that treats every channel by itself (Howard et al., 2017).

    y[p, c * depth_multiplier + m] = activation(bias + the sum over window cells i of x[strides * p + dilation * i, c] *
    kernel[i, c, m]).

    >>> DepthwiseConv2D(3, depth_multiplier=2)(ops.ones((1, 8, 8, 4))).shape
    (1, 6, 6, 8)

    Args:
        kernel_size: the window's height and width, or one number for both.
        strides: how far the window moves at a time, likewise.
        padding: `"valid"` or `"same"`.
        depth_multiplier: how many filters each channel has.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        dilation_rate: distance between neighbouring cells of the window.
        activation: a name or function; none by default.
        use_bias: whether a bias is added.
        depthwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss.
        depthwise_constraint, bias_constraint: projections after each update.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, new_height, new_width, channels *
    depth_multiplier)`; kernel `(*kernel_size, channels, depth_multiplier)`, bias `(channels * depth_multiplier,)`.

    Raises: ValueError for arguments out of range, or an input smaller than the window.
    """

    rank = 2


class _SeparableConv(ConvLayer, abstract=True):
    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = check.count("filters", filters, self._who)
        self.depth_multiplier = check.count("depth_multiplier", depth_multiplier, self._who)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_weight("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._set_weight("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)
        self._set_output(activation, use_bias, bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape):
        channels = self._fix_channels(input_shape)
        between = channels * self.depth_multiplier
        self.depthwise_kernel = self._make_weight(
            "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise"
        )
        self.pointwise_kernel = self._make_weight(
            "pointwise_kernel", ((1,) * self.rank + (between, self.filters)), "pointwise"
        )
        self._make_bias(self.filters)

    def call(self, inputs):
        return ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.bias,
            self.activation,
        )

    def compute_output_shape(self, input_shape):
        batch, spatial, _ = self._split(input_shape)
        sizes = self._window_output(input_shape, spatial, self.kernel_size, self.strides, self.dilation_rate)
        return self._join(batch, sizes, self.filters)


class SeparableConv1D(_SeparableConv, aliases=("SeparableConvolution1D",)):
    """A depthwise convolution over sequences, followed by one that mixes the channels of every step.

    >>> SeparableConv1D(8, 3)(ops.ones((1, 8, 4))).shape
    (1, 6, 8)

    The arguments are those of `SeparableConv2D` with one number per window; `padding` may also be `"causal"`.

    Shapes: inputs `(batch, steps, channels)`, outputs `(batch, new_steps, filters)`; depthwise_kernel
    `(kernel_size, channels, depth_multiplier)`, pointwise_kernel `(1, channels * depth_multiplier, filters)`.
    """

    rank = 1


class SeparableConv2D(_SeparableConv, aliases=("SeparableConvolution2D",)):
    """A depthwise convolution over images, followed by one that mixes the channels of every pixel (Chollet, 2017).

    With kernels of k x k cells it has k * k * channels + channels * filters weights, where a Conv2D has
    k * k * channels * filters.

    >>> SeparableConv2D(8, 3)(ops.ones((1, 8, 8, 4))).shape
    (1, 6, 6, 8)

    Args:
        filters: the channels of the output.
        kernel_size: the window's height and width, or one number for both.
        strides: how far the window moves at a time, likewise.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        dilation_rate: distance between neighbouring cells of the window.
        depth_multiplier: how many filters each channel has in the first step.
        activation: a name or function; none by default.
        use_bias: whether a bias is added.
        depthwise_initializer, pointwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: penalties added to the
            loss.
        depthwise_constraint, pointwise_constraint, bias_constraint: projections after each update.

    Shapes: inputs `(batch, height, width, channels)`, outputs `(batch, new_height, new_width, filters)`;
    depthwise_kernel `(*kernel_size, channels, depth_multiplier)`, pointwise_kernel `(1, 1, channels * depth_multiplier,
    filters)`, bias `(filters,)`.

    Raises: ValueError for arguments out of range, or an input smaller than the window.
    """

    rank = 2
