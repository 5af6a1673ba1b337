"""Activations and encodings composed of other operators."""

from kerasnp import backend as K
from kerasnp.ops.activation import hard_sigmoid
from kerasnp.ops.elementwise import (
    abs, clip, convert, expm1, floating, log10, maximum, minimum, operands, sigmoid, softplus, sqrt, square,
    stop_gradient, tanh, where,
)  # fmt: skip
from kerasnp.ops.reduce import mean
from kerasnp.ops.reduce import sum as sum_
from kerasnp.ops.shape import one_hot, split


def relu6(x):
    """min(max(x, 0), 6).

    >>> from kerasnp import ops
    >>> ops.relu6([-1.0, 3.0, 9.0])
    array([0., 3., 6.], dtype=float32)
    """
    return clip(floating(x), 0, 6)


def hard_tanh(x):
    """x limited to [-1, 1].

    >>> from kerasnp import ops
    >>> ops.hard_tanh([-3.0, 0.5, 3.0])
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    return clip(x, -1, 1)


def hard_silu(x):
    """x * clip(x / 6 + 1/2, 0, 1) (Howard et al., 2019).

    >>> from kerasnp import ops
    >>> ops.hard_silu([-1.5, 0.0, 1.5, 6.0])
    array([-0.375,  0.   ,  1.125,  6.   ], dtype=float32)
    """
    x = floating(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def tanh_shrink(x):
    """x - tanh(x).

    >>> from kerasnp import ops
    >>> ops.tanh_shrink([-2.0, 0.0, 2.0]).round(3)
    array([-1.036,  0.   ,  1.036], dtype=float32)
    """
    x = floating(x)
    return x - tanh(x)


def hard_shrink(x, threshold=0.5):
    """x where |x| > threshold, 0 elsewhere.

    >>> from kerasnp import ops
    >>> ops.hard_shrink([-2.0, 0.3, 0.7])
    array([-2. ,  0. ,  0.7], dtype=float32)
    """
    x = floating(x)
    return where(stop_gradient(abs(x)) > threshold, x, 0)


def soft_shrink(x, threshold=0.5):
    """x brought towards 0 by threshold, 0 where |x| is smaller.

    >>> from kerasnp import ops
    >>> ops.soft_shrink([-2.0, 0.25, 1.0])
    array([-1.5,  0. ,  0.5], dtype=float32)
    """
    x = floating(x)
    return maximum(x - threshold, 0) + minimum(x + threshold, 0)


def threshold(x, threshold, default_value):
    """x where x > threshold, default_value elsewhere.

    >>> from kerasnp import ops
    >>> ops.threshold([-1.0, 0.5, 2.0], 1.0, default_value=-9.0)
    array([-9., -9.,  2.], dtype=float32)
    """
    x = convert(x)
    return where(stop_gradient(x) > threshold, x, default_value)


def celu(x, alpha=1.0):
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0) (Barron, 2017).

    >>> from kerasnp import ops
    >>> ops.celu([-100.0, -1.0, 2.0], alpha=2.0).round(3)
    array([-2.   , -0.787,  2.   ], dtype=float32)
    """
    x = floating(x)
    return maximum(x, 0) + alpha * expm1(minimum(x, 0) / alpha)


def glu(x, axis=-1):
    """a * sigmoid(b) for the two halves a and b of x along `axis` (Dauphin et al., 2017).

    The axis must be even in length, and comes out half as long.

    >>> from kerasnp import ops
    >>> ops.glu([[1.0, 2.0, 0.0, 100.0]])
    array([[0.5, 2. ]], dtype=float32)
    """
    a, b = split(floating(x), 2, axis)
    return a * sigmoid(b)


def log_sigmoid(x):
    """log(sigmoid(x)) = -log(1 + exp(-x)), which does not underflow.

    >>> from kerasnp import ops
    >>> ops.log_sigmoid([-200.0, 0.0]).round(3)
    array([-200.   ,   -0.693], dtype=float32)
    """
    return -softplus(-floating(x))


def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2 (Barron, 2021).

    >>> from kerasnp import ops
    >>> ops.squareplus([-1.5, 0.0, 1.5])
    array([0.5, 1. , 2. ], dtype=float32)
    """
    x = floating(x)
    return (x + sqrt(square(x) + b)) / 2


def sparse_plus(x):
    """0 for x <= -1, (x + 1)^2 / 4 for -1 < x < 1, x above.

    >>> from kerasnp import ops
    >>> ops.sparse_plus([-2.0, 0.0, 2.0])
    array([0.  , 0.25, 2.  ], dtype=float32)
    """
    x = floating(x)
    return square(clip(x, -1, 1) + 1) / 4 + maximum(x, 1) - 1


def sparse_sigmoid(x):
    """0 for x <= -1, (x + 1) / 2 for -1 < x < 1, 1 above.

    >>> from kerasnp import ops
    >>> ops.sparse_sigmoid([-2.0, 0.5, 2.0])
    array([0.  , 0.75, 1.  ], dtype=float32)
    """
    return clip((floating(x) + 1) / 2, 0, 1)


def sparsemax(x, axis=-1):
    """The nearest point of the probability simplex, which has exact zeros (Martins and Astudillo, 2016).

    >>> from kerasnp import ops
    >>> ops.sparsemax([[1.0, 1.5, -2.0]])
    array([[0.25, 0.75, 0.  ]], dtype=float32)
    """
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
    """A one for each class among the integers along `axis`, zeros for the others.

    >>> from kerasnp import ops
    >>> ops.multi_hot([[0, 2, 2], [1, 1, 1]], num_classes=4)
    array([[1., 0., 1., 0.],
           [0., 1., 0., 0.]], dtype=float32)

    Args:
        inputs: integers (n, k), or (k,).
        num_classes: the length of the new axis.

    Raises: ValueError without `num_classes`.
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified. Received: num_classes=None")
    x = stop_gradient(inputs)
    reduced = 1 if x.ndim > 1 else 0
    return one_hot(x, num_classes, axis, dtype, sparse).max(axis=reduced, initial=0)


def psnr(x1, x2, max_val):
    """The peak signal to noise ratio in decibels, 20 log10(max_val) - 10 log10(mean((x1 - x2)^2)).

    >>> from kerasnp import ops
    >>> round(float(ops.psnr([0.0, 0.5, 1.0], [0.0, 0.5, 0.9], max_val=1.0)), 1)
    24.8

    Raises: ValueError where the shapes differ.
    """
    x1, x2 = operands(floating(x1), floating(x2))
    if x1.shape != x2.shape:
        raise ValueError(
            f"psnr: both images must have the same shape. Received: x1.shape={x1.shape}, x2.shape={x2.shape}"
        )
    peak = log10(K.asarray(max_val, stop_gradient(x1).dtype))
    return 20 * peak - 10 * log10(mean(square(x1 - x2)))
