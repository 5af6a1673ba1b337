"""Convolution with bias and activation as one step."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.activation import activate, fused_activation
from kerasnp.ops.elementwise import convert
from kerasnp.ops.shape import moveaxis, reshape
from kerasnp.utils import check


class Conv(Operator):
    """y = act(conv(x, w) + b).     x (n, *space, c)   w (*kernel, c / groups, f)   b (f,)   ->   y (n, *space', f)"""

    def __init__(self, strides, padding, dilation, groups=1, activation=None):
        self.options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
        self.activation = activation

    def forward(self, x, w, b=None):
        y = K.conv(x, w, b, self.activation, **self.options)
        self.save(x, w, y)
        return y

    def backward(self, dy):
        return K.conv_grad(*self.saved, dy, self.activation, **self.options, wants=tuple(map(self.wants, range(3))))


class ConvMaxPool(Operator):
    """y = act(max_pool(conv(x, w)) + b): the same as pooling act(conv(x, w) + b), as both grow with their argument.

    Bias, activation and their gradients touch the pooled elements only, a quarter of them for a 2 x 2 window.
    """

    def __init__(self, strides, padding, dilation, groups, activation, pool):
        self.options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
        self.activation, self.pool = activation, pool

    def forward(self, x, w, b=None):
        y, won = K.conv_pool(x, w, b, self.activation, **self.options, pool=self.pool, winners=self.recorded)
        self.save(x, w, y, won)
        return y

    def backward(self, dy):
        wants = tuple(map(self.wants, range(3)))
        return K.conv_pool_grad(*self.saved, dy, self.activation, **self.options, pool=self.pool, wants=wants)


class ConvTranspose(Operator):
    """y = act(z + b), where conv(z, w) is shaped like x.     x (n, *s, c)   w (*kernel, f, c)   ->   y (n, *s', f)

    z is what the gradient x of that convolution's output makes of its input, so the three kernels exchange their parts.
    """

    def __init__(self, sizes, strides, padding, dilation, activation=None):
        self.sizes = sizes
        self.options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": 1}
        self.activation = activation

    def forward(self, x, w, b=None):
        y = K.conv_grad_input(x, w, (len(x), *self.sizes, w.shape[-2]), **self.options)
        if b is not None:
            y += b
        if self.activation is not None:
            y = self.activation.forward(y)
        self.save(x, w, y)
        return y

    def backward(self, dy):
        x, w, y = self.saved
        dz = dy if self.activation is None else self.activation.backward(y, dy)
        dx = K.conv(dz, w, **self.options) if self.wants(0) else None
        dw = K.conv_grad_kernel(dz, x, w.shape, **self.options, out=self.out(1)) if self.wants(1) else None
        db = K.sum_rows(dz, out=self.out(2)) if self.wants(2) else None
        return dx, dw, db


def explicit_padding(padding, sizes, kernel, strides, dilation):
    """`"valid"`, `"same"` or `"causal"` as a (before, after) pair per axis."""
    if padding == "valid":
        return ((0, 0),) * len(sizes)
    if padding == "causal":
        return tuple((d * (k - 1), 0) for k, d in zip(kernel, dilation))
    return tuple(K.same_padding(*a) for a in zip(sizes, kernel, strides, dilation))


def conv_operator(x_shape, kernel_shape, strides, padding, dilation, groups, activation, max_pool=None):
    """The operator of a convolution of such shapes, channels last; `activation` is a kernel of `fused_activation`.

    The options are tuples with a number for each spatial axis, and those of `conv`.
    """
    space, window = x_shape[1:-1], kernel_shape[:-2]
    pads = explicit_padding(padding, space, window, strides, dilation)
    if max_pool is None:
        return Conv(strides, pads, dilation, groups, activation)
    size, pool_strides, pool_padding = max_pool
    sizes = [K.output_size(*a) for a in zip(space, window, strides, dilation, pads)]
    pool_pads = explicit_padding(pool_padding, sizes, size, pool_strides, (1,) * len(space))
    return ConvMaxPool(strides, pads, dilation, groups, activation, (size, pool_strides, pool_pads))


def conv(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
    groups=1,
    bias=None,
    activation=None,
    max_pool=None,
):
    """Convolution (cross-correlation) over 1, 2 or 3 spatial axes, with optional bias and activation in the same step.

    y[p] = sum over the window k of x[p * stride + k * dilation] @ kernel[k] + bias. An axis of n becomes one of
    (n - dilation * (size - 1) - 1) // stride + 1, or of ceil(n / stride) with `padding="same"`.

    >>> from kerasnp import ops
    >>> ops.conv(ops.ones((2, 28, 28, 3)), ops.ones((5, 5, 3, 8)), strides=2, padding="same").shape
    (2, 14, 14, 8)
    >>> x = ops.reshape([1.0, 2.0, 4.0, 8.0], (1, 4, 1))
    >>> ops.conv(x, ops.reshape([-1.0, 1.0], (2, 1, 1)))[0, :, 0]
    array([1., 2., 4.], dtype=float32)

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) for `data_format="channels_first"`.
        kernel: (*kernel_size, channels / groups, filters).
        strides, dilation_rate: an int or one per spatial axis.
        padding: `"valid"`, `"same"`, or `"causal"` for one axis.
        groups: the channels are cut into so many groups, each with its own filters; by default as many as fit the kernel.
        bias: (filters,) or None.
        activation: a function of `kerasnp.activations` or None.
        max_pool: (size, strides, padding) of a max-pooling that follows in the same step; the activation must be None or
            one that is fused, and channels come last.

    Raises: ValueError for channels that do not fit the kernel.
    """
    inputs, kernel = convert(inputs), convert(kernel)
    rank = len(kernel.shape) - 2
    channels_first = K.standardize_data_format(data_format) == "channels_first"
    x = move_channels(inputs, last=True) if channels_first else inputs
    if groups == 1 and len(x.shape) == rank + 2 and kernel.shape[-2]:
        groups = max(x.shape[-1] // kernel.shape[-2], 1)
    if len(x.shape) != rank + 2 or x.shape[-1] != kernel.shape[-2] * groups:
        raise ValueError(
            f"conv: the kernel of shape {tuple(kernel.shape)} with groups={groups} expects {rank + 2} axes and "
            f"{kernel.shape[-2] * groups} channels. Received: inputs.shape={tuple(inputs.shape)}"
        )
    strides = check.int_tuple("strides", strides, rank)
    dilation = check.int_tuple("dilation_rate", dilation_rate, rank)
    fused = fused_activation(activation)
    op = conv_operator(x.shape, kernel.shape, strides, padding, dilation, groups, fused, max_pool)
    y = op(x, kernel) if bias is None else op(x, kernel, bias)
    y = y if fused is not None else activate(activation, y)
    return move_channels(y, last=False) if channels_first else y


def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1, bias=None, activation=None):
    """Convolution of every channel by itself, with optional bias and activation in the same step.

    >>> from kerasnp import ops
    >>> ops.depthwise_conv(ops.ones((2, 28, 28, 3)), ops.ones((5, 5, 3, 2))).shape
    (2, 24, 24, 6)

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) for `data_format="channels_first"`.
        kernel: (*kernel_size, channels, multiplier); the outputs of channel 0 come first, then those of channel 1, ...
        strides, padding, dilation_rate: as for `conv`.
        bias: (channels * multiplier,) or None.
    """
    *window, channels, multiplier = convert(kernel).shape
    kernel = reshape(kernel, (*window, 1, channels * multiplier))
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate, channels, bias, activation)


def separable_conv(
    inputs,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
    bias=None,
    activation=None,
):
    """A depthwise convolution, then one with a window of one cell, with optional bias and activation.

    >>> from kerasnp import ops
    >>> ops.separable_conv(ops.ones((2, 28, 28, 3)), ops.ones((5, 5, 3, 2)), ops.ones((1, 1, 6, 16))).shape
    (2, 24, 24, 16)

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) for `data_format="channels_first"`.
        depthwise_kernel: (*kernel_size, channels, multiplier).
        pointwise_kernel: (1, ..., 1, channels * multiplier, filters).
        strides, padding, dilation_rate: of the first convolution, as for `conv`.
        bias: (filters,) or None.
    """
    between = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(between, pointwise_kernel, 1, "valid", data_format, 1, 1, bias, activation)


def conv_transpose_size(size, kernel, stride, padding, output_padding, dilation):
    """The length of one axis after a transposed convolution.

    >>> conv_transpose_size(5, 3, 2, "valid", None, 1)
    11
    """
    reach = (kernel - 1) * dilation + 1
    if output_padding is None:
        return size * stride if padding == "same" else size * stride + max(reach - stride, 0)
    pad = reach // 2 if padding == "same" else 0
    return (size - 1) * stride + reach - 2 * pad + output_padding


def conv_transpose(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
    bias=None,
    activation=None,
):
    """Transposed convolution, the gradient of a convolution as a step of its own, with optional bias and activation.

    Without `output_padding` an axis of n becomes one of n * stride (`"same"`), or of
    n * stride + max(dilation * (size - 1) + 1 - stride, 0) (`"valid"`).

    >>> from kerasnp import ops
    >>> ops.conv_transpose(ops.ones((2, 14, 14, 8)), ops.ones((3, 3, 4, 8)), strides=2, padding="same").shape
    (2, 28, 28, 4)

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) for `data_format="channels_first"`.
        kernel: (*kernel_size, filters, channels).
        strides, dilation_rate: an int or one per spatial axis.
        padding: `"valid"` or `"same"`.
        output_padding: None, or how much to add at the end of each axis.
        bias: (filters,) or None.
        activation: a function of `kerasnp.activations` or None.

    Raises: ValueError for channels that do not fit the kernel.
    """
    inputs, kernel = convert(inputs), convert(kernel)
    rank = len(kernel.shape) - 2
    channels_first = K.standardize_data_format(data_format) == "channels_first"
    x = move_channels(inputs, last=True) if channels_first else inputs
    if len(x.shape) != rank + 2 or x.shape[-1] != kernel.shape[-1]:
        raise ValueError(
            f"conv_transpose: the kernel of shape {tuple(kernel.shape)} expects {rank + 2} axes and {kernel.shape[-1]} "
            f"channels. Received: inputs.shape={tuple(inputs.shape)}"
        )
    strides = check.int_tuple("strides", strides, rank)
    dilation = check.int_tuple("dilation_rate", dilation_rate, rank)
    extra = (None,) * rank if output_padding is None else check.int_tuple("output_padding", output_padding, rank, minimum=0)
    window = kernel.shape[:rank]
    sizes = tuple(
        conv_transpose_size(n, k, s, padding, o, d) for n, k, s, o, d in zip(x.shape[1:-1], window, strides, extra, dilation)
    )
    # What is cut off the full output, half of it, rounded down, at the beginning.
    cuts = [max(0, (n - 1) * s + (k - 1) * d + 1 - m) for n, m, k, s, d in zip(x.shape[1:-1], sizes, window, strides, dilation)]
    pads = tuple((cut // 2, cut - cut // 2) for cut in cuts)
    fused = fused_activation(activation)
    op = ConvTranspose(sizes, strides, pads, dilation, fused)
    y = op(x, kernel) if bias is None else op(x, kernel, bias)
    y = y if fused is not None else activate(activation, y)
    return move_channels(y, last=False) if channels_first else y


def move_channels(x, last):
    """Channels moved from axis 1 to the last axis, or back."""
    return moveaxis(x, 1, -1) if last else moveaxis(x, -1, 1)
