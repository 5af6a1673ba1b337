"""Activations and encodings composed of other operators."""

from kerasnp import backend as K
from kerasnp.ops.elementwise import (
    abs, clip, convert, expm1, floating, log10, maximum, minimum, operands, relu, sigmoid, softplus, sqrt, square,
    stop_gradient, tanh, where,
)  # fmt: skip
from kerasnp.ops.reduce import mean
from kerasnp.ops.reduce import sum as sum_
from kerasnp.ops.shape import one_hot, split

# What `keras.ops.nn` names; those that live elsewhere join this module in ops/__init__.py.
NAMES = (
    "adaptive_average_pool adaptive_max_pool average_pool batch_normalization binary_crossentropy "
    "categorical_crossentropy celu conv conv_transpose ctc_decode ctc_loss depth_to_space depthwise_conv "
    "dot_product_attention elu fold gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh "
    "layer_normalization leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot polar psnr "
    "relu relu6 rms_normalization selu separable_conv sigmoid silu soft_shrink softmax softplus softsign "
    "space_to_depth sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus swish tanh_shrink "
    "threshold unfold"
).split()


def relu6(x):
    """min(max(x, 0), 6)."""
    return clip(x, 0, 6)


def hard_tanh(x):
    """x limited to [-1, 1]."""
    return clip(x, -1, 1)


def hard_silu(x):
    """x * clip(x / 6 + 1/2, 0, 1) (Howard et al., 2019)."""
    x = floating(x)
    return x * clip(x / 6 + 0.5, 0, 1)


hard_swish = hard_silu


def tanh_shrink(x):
    """x - tanh(x)."""
    x = floating(x)
    return x - tanh(x)


def hard_shrink(x, threshold=0.5):
    """x where |x| > threshold, 0 elsewhere."""
    x = floating(x)
    return where(stop_gradient(abs(x)) > threshold, x, 0)


def soft_shrink(x, threshold=0.5):
    """x brought towards 0 by threshold, 0 where |x| is smaller."""
    x = floating(x)
    return maximum(x - threshold, 0) + minimum(x + threshold, 0)


def threshold(x, threshold, default_value):
    """x where x > threshold, default_value elsewhere."""
    x = convert(x)
    return where(stop_gradient(x) > threshold, x, default_value)


def celu(x, alpha=1.0):
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0) (Barron, 2017)."""
    x = floating(x)
    return relu(x) + alpha * expm1(minimum(x, 0) / alpha)


def glu(x, axis=-1):
    """a * sigmoid(b) for the two halves a and b of x along `axis` (Dauphin et al., 2017)."""
    a, b = split(floating(x), 2, axis)
    return a * sigmoid(b)


def log_sigmoid(x):
    """log(sigmoid(x))."""
    return -softplus(-floating(x))


def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2 (Barron, 2021)."""
    x = floating(x)
    return (x + sqrt(square(x) + b)) / 2


def sparse_plus(x):
    """0 for x <= -1, (x + 1)^2 / 4 for -1 < x < 1, x above."""
    x = floating(x)
    return square(clip(x, -1, 1) + 1) / 4 + maximum(x, 1) - 1


def sparse_sigmoid(x):
    """0 for x <= -1, (x + 1) / 2 for -1 < x < 1, 1 above."""
    return clip((floating(x) + 1) / 2, 0, 1)


def sparsemax(x, axis=-1):
    """The nearest point of the probability simplex, which has exact zeros (Martins and Astudillo, 2016)."""
    x = floating(x)
    values = K.moveaxis(stop_gradient(x), axis, -1)
    ordered = K.flip(K.sort(values, axis=-1), -1)
    support = 1 + K.arange(1, values.shape[-1] + 1) * ordered > K.cumsum(ordered, axis=-1)
    size = support.sum(axis=-1, keepdims=True)
    inside = K.moveaxis(values >= K.take_along_axis(ordered, size - 1, -1), -1, axis)
    tau = (sum_(where(inside, x, 0), axis=axis, keepdims=True) - 1) / inside.sum(axis=axis, keepdims=True).astype(
        values.dtype
    )
    return maximum(x - tau, 0)


def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """A one for each class among the integers along `axis`, zeros for the others."""
    num_classes = kwargs.pop("num_tokens", num_classes)
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified. Received: num_classes=None")
    x = stop_gradient(inputs)
    reduced = 1 if x.ndim > 1 else 0
    return one_hot(x, num_classes, axis, dtype, sparse).max(axis=reduced, initial=0)


def psnr(x1, x2, max_val):
    """The peak signal to noise ratio in decibels, 20 log10(max_val) - 10 log10(mean((x1 - x2)^2)).

    Raises: ValueError where the shapes differ.
    """
    x1, x2 = operands(floating(x1), floating(x2))
    if x1.shape != x2.shape:
        raise ValueError(
            f"psnr: both images must have the same shape. Received: x1.shape={x1.shape}, x2.shape={x2.shape}"
        )
    peak = log10(K.asarray(max_val, stop_gradient(x1).dtype))
    return 20 * peak - 10 * log10(mean(square(x1 - x2)))
