"""Operators that reduce axes."""

import math

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.variable import install_arithmetic
from kerasnp.ops.elementwise import _floating, cast, convert, maximum, minimum, sqrt, square, stop_gradient, subtract
from kerasnp.ops.shape import ravel


class Reduction(Operator):
    """A reduction over `axis` (None: all of them); subclasses give the kernel and the gradient."""

    def __init__(self, axis=None, keepdims=False):
        self.axis = tuple(axis) if isinstance(axis, list) else axis
        self.keepdims = keepdims

    def spread(self, g, shape):
        """`g` with the reduced axes put back at size one, so that it broadcasts against `shape`."""
        if self.keepdims or self.axis is None:
            return g if self.keepdims else g.reshape((1,) * len(shape))
        return K.expand_dims(
            g, tuple(a % len(shape) for a in ((self.axis,) if isinstance(self.axis, int) else self.axis))
        )


def accumulator(dtype):
    """The type that sums of it have in Keras: small integers become 32 bits wide, and no wider."""
    if dtype.kind in "bi" and dtype.itemsize < 4:
        return K.int32
    return K.uint32 if dtype.kind == "u" and dtype.itemsize < 4 else dtype


class Sum(Reduction):
    """y = sum of x over the axes."""

    def forward(self, x):
        self.save(x.shape)
        return K.asarray(K.sum(x, axis=self.axis, keepdims=self.keepdims, dtype=accumulator(x.dtype)))

    def backward(self, dy):
        (shape,) = self.saved
        return K.broadcast_to(self.spread(dy, shape), shape)


class Mean(Reduction):
    """y = mean of x over the axes."""

    def forward(self, x):
        self.save(x.shape)
        return K.asarray(K.mean(x, axis=self.axis, keepdims=self.keepdims))

    def backward(self, dy):
        (shape,) = self.saved
        share = dy.dtype.type((dy.size or 1) / (math.prod(shape) or 1))
        return K.broadcast_to(self.spread(dy * share, shape), shape)


class Extremum(Reduction):
    """y = the largest or smallest x; on ties the gradient is shared evenly."""

    kernel: object = None
    # What an empty reduction gives, where that is told.
    bound: dict = {}

    def forward(self, x):
        y = K.asarray(type(self).kernel(x, axis=self.axis, keepdims=self.keepdims, **self.bound))
        self.save(x, y)
        return y

    def backward(self, dy):
        x, y = self.saved
        chosen = (x == self.spread(y, x.shape)).astype(dy.dtype)
        axis = self.axis
        return self.spread(dy, x.shape) * chosen / chosen.sum(axis=axis, keepdims=True)


class Max(Extremum):
    """y = max of x over the axes."""

    kernel = staticmethod(K.max)


class Min(Extremum):
    """y = min of x over the axes."""

    kernel = staticmethod(K.min)


class Prod(Reduction):
    """y = product of x over the axes."""

    def forward(self, x):
        self.save(x)
        return K.asarray(K.prod(x, axis=self.axis, keepdims=self.keepdims, dtype=accumulator(x.dtype)))

    def backward(self, dy):
        (x,) = self.saved
        if x.size == 0:
            return K.zeros(x.shape, x.dtype)
        axes = tuple(range(x.ndim)) if self.axis is None else K.array(self.axis).reshape(-1) % x.ndim
        kept = [a for a in range(x.ndim) if a not in axes]
        order = (*kept, *(int(a) for a in axes))
        rows = x.transpose(order).reshape([x.shape[a] for a in kept] + [math.prod(x.shape[int(a)] for a in axes)])
        # The product of all others, from the left times from the right, is right even where some x are zero.
        ones = K.ones((*rows.shape[:-1], 1), x.dtype)
        left = K.concatenate([ones, K.cumprod(rows, -1)[..., :-1]], -1)
        right = K.concatenate([ones, K.cumprod(rows[..., ::-1], -1)[..., :-1]], -1)[..., ::-1]
        others = (left * right).reshape([x.shape[int(a)] for a in order])
        return self.spread(dy, x.shape) * others.transpose([int(a) for a in K.argsort(order)])


class LogSumExp(Reduction):
    """y = log(sum(exp(x))) over the axes, without overflow."""

    def forward(self, x):
        top = K.max(x, axis=self.axis, keepdims=True)
        e = K.exp(x - K.where(K.isfinite(top), top, 0))
        total = K.sum(e, axis=self.axis, keepdims=True)
        self.save(e, total)
        y = K.log(total) + K.where(K.isfinite(top), top, 0)
        return y if self.keepdims else y.reshape(K.sum(x, axis=self.axis).shape)

    def backward(self, dy):
        e, total = self.saved
        return self.spread(dy, e.shape) * (e / total)


class CumSum(Operator):
    """y[i] = x[0] + ... + x[i] along an axis."""

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        return K.cumsum(x, axis=self.axis, dtype=x.dtype if x.dtype.kind != "b" else K.int32)

    def backward(self, dy):
        return K.flip(K.cumsum(K.flip(dy, self.axis), axis=self.axis), self.axis)


def sum(x, axis=None, keepdims=False):
    """The sum over the axes, all by default.

    >>> from kerasnp import ops
    >>> ops.sum([[1, 2], [3, 4]]), ops.sum([[1, 2], [3, 4]], axis=0)
    (array(10, dtype=int32), array([4, 6], dtype=int32))
    """
    return Sum(axis, keepdims)(convert(x))


def mean(x, axis=None, keepdims=False):
    """The mean over the axes, all by default.

    >>> from kerasnp import ops
    >>> ops.mean([[1, 2], [3, 6]], axis=1, keepdims=True)
    array([[1.5],
           [4.5]], dtype=float32)
    """
    return Mean(axis, keepdims)(_floating(x))


def max(x, axis=None, keepdims=False, initial=None):
    """The largest element over the axes, all by default; not below `initial` if given.

    >>> from kerasnp import ops
    >>> ops.max([[1, 7], [5, 3]], axis=1)
    array([7, 5], dtype=int32)
    """
    op = Max(axis, keepdims)
    x = convert(x)
    if initial is not None and x.size == 0:
        op.bound = {"initial": initial}
    y = op(x)
    return y if initial is None else maximum(y, initial)


def min(x, axis=None, keepdims=False, initial=None):
    """The smallest element over the axes, all by default; not above `initial` if given.

    >>> from kerasnp import ops
    >>> ops.min([[1, 7], [5, 3]], axis=1)
    array([1, 3], dtype=int32)
    """
    op = Min(axis, keepdims)
    x = convert(x)
    if initial is not None and x.size == 0:
        op.bound = {"initial": initial}
    y = op(x)
    return y if initial is None else minimum(y, initial)


amax, amin = max, min


def prod(x, axis=None, keepdims=False, dtype=None):
    """The product over the axes, all by default.

    >>> from kerasnp import ops
    >>> ops.prod([[1, 2], [3, 4]], axis=0)
    array([3, 8], dtype=int32)
    """
    x = convert(x)
    return Prod(axis, keepdims)(x if dtype is None else cast(x, dtype))


def var(x, axis=None, keepdims=False):
    """The (population) variance mean((x - mean(x))^2) over the axes, all by default.

    >>> from kerasnp import ops
    >>> ops.var([[1.0, 3.0], [2.0, 6.0]], axis=1)
    array([1., 4.], dtype=float32)
    """
    x = _floating(x)
    return mean(square(subtract(x, mean(x, axis, keepdims=True))), axis, keepdims)


def std(x, axis=None, keepdims=False):
    """The (population) standard deviation sqrt(var(x)) over the axes, all by default.

    >>> from kerasnp import ops
    >>> ops.std([[1.0, 3.0], [2.0, 6.0]], axis=1)
    array([1., 2.], dtype=float32)
    """
    return sqrt(var(x, axis, keepdims))


def logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))) over the axes, without overflow.

    >>> from kerasnp import ops
    >>> ops.logsumexp([[0.0, 0.0], [-200.0, -200.0]], axis=1).round(3)
    array([   0.693, -199.307], dtype=float32)
    """
    return LogSumExp(axis, keepdims)(_floating(x))


def cumsum(x, axis=None, dtype=None):
    """Running sums along an axis (of x as one row without an axis).

    >>> from kerasnp import ops
    >>> ops.cumsum([[1, 2, 3], [4, 5, 6]], axis=1)
    array([[ 1,  3,  6],
           [ 4,  9, 15]], dtype=int32)
    """

    x = convert(x) if dtype is None else cast(x, dtype)
    return CumSum(0)(ravel(x)) if axis is None else CumSum(axis)(x)


def argmax(x, axis=None, keepdims=False):
    """Index of the first largest element along an axis (of x as one row without an axis), int32.

    >>> from kerasnp import ops
    >>> ops.argmax([[1, 7, 7], [5, 3, 2]], axis=1)
    array([1, 0], dtype=int32)
    """
    return K.asarray(K.argmax(stop_gradient(x), axis=axis, keepdims=keepdims), K.int32)


def argmin(x, axis=None, keepdims=False):
    """Index of the first smallest element along an axis (of x as one row without an axis), int32.

    >>> from kerasnp import ops
    >>> ops.argmin([[1, 7, 7], [5, 3, 2]], axis=1)
    array([0, 2], dtype=int32)
    """
    return K.asarray(K.argmin(stop_gradient(x), axis=axis, keepdims=keepdims), K.int32)


def argsort(x, axis=-1):
    """The indices that sort x along an axis, equal elements in order, int32.

    >>> from kerasnp import ops
    >>> ops.argsort([30, 10, 20])
    array([1, 2, 0], dtype=int32)
    """
    return K.argsort(stop_gradient(x), axis=axis, kind="stable").astype(K.int32)


install_arithmetic(
    {"sum": sum, "mean": mean, "max": max, "min": min},
    {f.__name__: f for f in (sum, mean, prod, var, std, cumsum, max, min)} | {"amax": max, "amin": min},
)
