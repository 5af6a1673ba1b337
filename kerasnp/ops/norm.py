"""Normalization."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import _floating, abs, cast, clip, convert, divide, maximum, power, square, subtract
from kerasnp.ops.reduce import mean
from kerasnp.ops.reduce import sum as sum_
from kerasnp.ops.shape import moveaxis
from kerasnp.utils import check


class BatchNormTraining(Operator):
    """y = (x - mean) / sqrt(var + epsilon) * gamma + beta with the mean and var of x over `axes`; also returns both."""

    def __init__(self, axes, epsilon, scale=True, center=True):
        self.axes, self.epsilon, self.scale, self.center = axes, epsilon, scale, center

    def forward(self, x, *parameters):
        kept = tuple(1 if a in self.axes else n for a, n in enumerate(x.shape))
        parameters = [p.reshape(kept) for p in parameters]
        gamma = parameters[0] if self.scale else None
        beta = parameters[-1] if self.center else None
        y, mean, variance = K.batch_norm_train(x, gamma, beta, self.axes, self.epsilon)
        self.save(x, mean, variance, gamma)
        return y, mean.reshape(-1), variance.reshape(-1)

    def backward(self, dy, dmean, dvariance):
        x, mean, variance, gamma = self.saved
        dx, dgamma, dbeta = K.batch_norm_grad(
            dy, x, mean, variance, gamma, self.axes, self.epsilon, dmean.reshape(mean.shape),
            dvariance.reshape(mean.shape), self.wants(0),
        )  # fmt: skip
        parameters = [dgamma] * self.scale + [dbeta] * self.center
        return dx, *(g.reshape(-1) for g in parameters)


class BatchNorm(Operator):
    """y = (x - mean) / sqrt(var + epsilon) * gamma + beta.     mean, var, gamma, beta (c,) along `axis` of x"""

    def __init__(self, axis, epsilon, scale=True, center=True):
        self.axis, self.epsilon, self.scale, self.center = axis, epsilon, scale, center

    def forward(self, x, mean, variance, *parameters):
        axis = self.axis % x.ndim
        kept = (-1,) + (1,) * (x.ndim - 1 - axis)
        mean, variance, *parameters = (v.reshape(kept) for v in (mean, variance, *parameters))
        gamma = parameters[0] if self.scale else None
        beta = parameters[-1] if self.center else None
        self.save(x, mean, variance, gamma)
        return K.batch_norm(x, mean, variance, gamma, beta, self.epsilon)

    def backward(self, dy):
        x, mean, variance, gamma = self.saved
        axis = self.axis % x.ndim
        axes = tuple(a for a in range(x.ndim) if a != axis)
        inverse = 1 / K.sqrt(variance + x.dtype.type(self.epsilon))
        slope = inverse if gamma is None else inverse * gamma
        dx = dy * slope if self.wants(0) else None
        dmean = dvariance = dgamma = dbeta = None
        if self.wants(1) or (self.center and self.wants(3 + self.scale)):
            dbeta = K.column_sums(dy, axes).reshape(mean.shape)
        if self.wants(2) or (self.scale and self.wants(3)):
            dgamma = K.column_sums(dy * (x - mean), axes).reshape(mean.shape) * inverse
        if self.wants(1):
            dmean = -dbeta * slope
        if self.wants(2):
            dvariance = dgamma * slope * inverse * -0.5
        gradients = [dmean, dvariance] + [dgamma] * self.scale + [dbeta] * self.center
        return dx, *(None if g is None else g.reshape(-1) for g in gradients)


class LayerNorm(Operator):
    """y = (x - mean) / sqrt(var + epsilon) * gamma + beta, mean and var over `axes`; gamma and beta broadcast."""

    def __init__(self, axes, epsilon, scale=True, center=True):
        self.axes, self.epsilon, self.scale, self.center = axes, epsilon, scale, center

    def forward(self, x, *parameters):
        x_hat, inverse_std = K.standardize(x, self.axes, self.epsilon)
        self.save(x_hat, inverse_std, parameters)
        y = x_hat * parameters[0] if self.scale else x_hat
        y = y + parameters[-1] if self.center else y
        return y if y.dtype is x.dtype else y.astype(x.dtype, copy=False)

    def backward(self, dy):
        x_hat, inverse_std, parameters = self.saved
        gradients = [K.unbroadcast(dy * x_hat, parameters[0].shape) if self.wants(1) else None] if self.scale else []
        gradients += [K.unbroadcast(dy, parameters[-1].shape)] if self.center else []
        dx = None
        if self.wants(0):
            dx = K.standardize_grad(dy * parameters[0] if self.scale else dy, x_hat, inverse_std, self.axes)
        return dx, *gradients


class GroupNorm(Operator):
    """y = (x - mean) / sqrt(var + epsilon) * gamma + beta, mean and var of a group of channels.     x (n, ..., c)"""

    def __init__(self, groups, epsilon, scale=True, center=True):
        self.groups, self.epsilon, self.scale, self.center = groups, epsilon, scale, center

    def forward(self, x, *parameters):
        gamma = parameters[0] if self.scale else None
        beta = parameters[-1] if self.center else None
        y, x_hat, inverse_std = K.group_norm(x, gamma, beta, self.groups, self.epsilon)
        self.save(x_hat, inverse_std, gamma)
        return y

    def backward(self, dy):
        dx, dgamma, dbeta = K.group_norm_grad(dy, *self.saved, self.groups, self.wants(0))
        return dx, *([dgamma] * self.scale), *([dbeta] * self.center)


class RmsNorm(Operator):
    """y = x / sqrt(mean(x^2) + epsilon) * scale, the mean over `axes`; scale broadcasts."""

    def __init__(self, axes, epsilon):
        self.axes, self.epsilon = axes, epsilon

    def forward(self, x, scale=None):
        kind = x.dtype
        if kind.char == "e":
            x = x.astype(K.float32)  # squares of half precision overflow from 256 on
        inverse = 1 / K.sqrt(K.mean(x * x, axis=self.axes, keepdims=True) + x.dtype.type(self.epsilon))
        x_hat = x * inverse
        self.save(x_hat, inverse, scale)
        y = x_hat if scale is None else x_hat * scale
        return y if y.dtype is kind else y.astype(kind, copy=False)

    def backward(self, dy):
        x_hat, inverse, scale = self.saved
        dscale = K.unbroadcast(dy * x_hat, scale.shape) if scale is not None else None
        dy = dy if scale is None else dy * scale
        dx = (dy - x_hat * K.mean(dy * x_hat, axis=self.axes, keepdims=True)) * inverse if self.wants(0) else None
        return dx, dscale


class Normalize(Operator):
    """y = x / sqrt(max(sum(x^2), epsilon^2)), the sum over `axes`."""

    def __init__(self, axes, epsilon):
        self.axes, self.epsilon = axes, epsilon

    def forward(self, x):
        length = K.sqrt(K.sum(x * x, axis=self.axes, keepdims=True))
        inverse = 1 / K.maximum(length, x.dtype.type(self.epsilon))
        y = x * inverse
        self.save(y, inverse, length > self.epsilon)
        return y

    def backward(self, dy):
        y, inverse, long = self.saved
        # Below epsilon the length is a constant.
        return (dy - y * K.where(long, K.sum(dy * y, axis=self.axes, keepdims=True), 0)) * inverse


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, each of them a vector along `axis`.

    >>> from kerasnp import ops
    >>> ops.batch_normalization([[1.0, 10.0], [3.0, 30.0]], mean=[2.0, 20.0], variance=[1.0, 100.0], axis=-1, epsilon=0)
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    """
    given = [p for p in (scale, offset) if p is not None]
    return BatchNorm(axis, epsilon, scale is not None, offset is not None)(*map(convert, (x, mean, variance, *given)))


def batch_normalization_training(x, axes, scale=None, offset=None, epsilon=1e-3):
    """x normalized by its mean and variance over `axes`, times `scale`, plus `offset`; and that mean and variance.

    >>> from kerasnp import ops
    >>> y, mean, variance = ops.batch_normalization_training([[1.0, 10.0], [3.0, 30.0]], axes=(0,), epsilon=0)
    >>> y, mean, variance
    (array([[-1., -1.],
           [ 1.,  1.]], dtype=float32), array([ 2., 20.], dtype=float32), array([  1., 100.], dtype=float32))
    """
    given = [p for p in (scale, offset) if p is not None]
    return BatchNormTraining(axes, epsilon, scale is not None, offset is not None)(*map(convert, (x, *given)))


def _axes(axis, ndim):
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(check.axis(a, ndim, "normalize") for a in (axis if isinstance(axis, (list, tuple)) else (axis,))))


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None):
    """x normalized by the mean and variance of every sample over `axis`, times gamma, plus beta (Ba et al., 2016).

    Added to the variance is `epsilon`, by default `kerasnp.config.epsilon()`.

    >>> from kerasnp import ops
    >>> ops.layer_normalization([[1.0, 3.0], [10.0, 30.0]]).round(3)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """
    epsilon = K.epsilon() if epsilon is None else epsilon
    x = convert(x)
    given = [convert(p) for p in (gamma, beta) if p is not None]
    return LayerNorm(_axes(axis, len(x.shape)), epsilon, gamma is not None, beta is not None)(x, *given)


def group_normalization(x, gamma=None, beta=None, groups=32, axis=-1, epsilon=1e-3):
    """x normalized by the mean and variance of every group of channels of every sample (Wu and He, 2018).

    >>> from kerasnp import ops
    >>> ops.group_normalization([[1.0, 3.0, 10.0, 30.0]], groups=2).round(2)
    array([[-1.,  1., -1.,  1.]], dtype=float32)

    Args:
        gamma, beta: one number per channel, or None.
        groups: a divisor of the number of channels.
        axis: the axis of the channels.
    """
    given = [convert(p) for p in (gamma, beta) if p is not None]
    y = GroupNorm(groups, epsilon, gamma is not None, beta is not None)(moveaxis(x, axis, -1), *given)
    return moveaxis(y, -1, axis)


def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """x divided by its root mean square over `axis`, times scale (Zhang and Sennrich, 2019).

    >>> from kerasnp import ops
    >>> ops.rms_normalization([[3.0, 3.0], [0.0, 10.0]]).round(3)
    array([[1.   , 1.   ],
           [0.   , 1.414]], dtype=float32)
    """
    x = convert(x)
    op = RmsNorm(_axes(axis, len(x.shape)), K.epsilon() if epsilon is None else epsilon)
    return op(x) if scale is None else op(x, convert(scale))


def normalize(x, axis=-1, order=2, epsilon=None):
    """x divided by its length over `axis`, or by epsilon where that is larger; the length is sum(|x|^order)^(1/order).

    >>> from kerasnp import ops
    >>> ops.normalize([[3.0, 4.0], [0.0, 0.0]]).round(3)
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)

    Args:
        axis: an axis, several, or None for all.
        order: an integer from 1, 2 for the Euclidean length.

    Raises: ValueError for another order.
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: Argument `order` must be an int >= 1. Received: order={order!r}")
    x, epsilon = _floating(x), K.epsilon() if epsilon is None else epsilon
    axes = _axes(axis, len(x.shape))
    if order == 2:
        return Normalize(axes, epsilon)(x)
    length = power(sum_(power(abs(x), order), axes, keepdims=True), 1 / order)
    return divide(x, maximum(length, epsilon))


def moments(x, axes, keepdims=False, synchronized=False):
    """Mean and (population) variance of x over `axes`.

    >>> from kerasnp import ops
    >>> ops.moments([[1.0, 2.0], [3.0, 6.0]], axes=[0])
    (array([2., 4.], dtype=float32), array([1., 4.], dtype=float32))

    Raises: ValueError for `synchronized=True`, which needs several devices.
    """
    if synchronized:
        raise ValueError("moments: synchronized=True needs several devices; use synchronized=False.")
    x = _floating(x)
    if x.dtype == "float16":
        # Their squares leave its range.
        limit = float(K.finfo(K.storage_dtype("float16")).max)
        return tuple(cast(clip(y, -limit, limit), "float16") for y in moments(cast(x, "float32"), axes, keepdims))
    m = mean(x, axes, keepdims=True)
    variance = mean(square(subtract(x, m)), axes, keepdims)
    return (m if keepdims else mean(x, axes)), variance
