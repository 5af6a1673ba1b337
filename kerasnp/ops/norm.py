"""Normalization."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import convert, square, subtract
from kerasnp.ops.reduce import mean


class BatchNormTraining(Operator):
    """y = (x - mean) / sqrt(var + epsilon) * gamma + beta with the mean and var of x over `axes`; also returns both."""

    def __init__(self, axes, epsilon, scale=True, center=True):
        self.axes, self.epsilon, self.scale, self.center = axes, epsilon, scale, center

    def forward(self, x, *parameters):
        kept = tuple(1 if a in self.axes else n for a, n in enumerate(x.shape))
        parameters = [p.reshape(kept) for p in parameters]
        gamma = parameters[0] if self.scale else None
        beta = parameters[-1] if self.center else None
        y, x_hat, inverse_std, mean, variance = K.batch_norm_train(x, gamma, beta, self.axes, self.epsilon)
        self.save(x_hat, inverse_std, gamma)
        return y, mean.reshape(-1), variance.reshape(-1)

    def backward(self, dy, dmean=None, dvariance=None):
        x_hat, inverse_std, gamma = self.saved
        dx, dgamma, dbeta = K.batch_norm_grad(dy, x_hat, inverse_std, gamma, self.axes, self.wants(0))
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
        rest = [K.column_sums(dy, axes).reshape(-1)]
        sum_dy = rest[0].reshape(mean.shape)
        dgamma = None
        if self.wants(2) or (self.scale and self.wants(3)):
            dgamma = (K.column_sums(dy * x, axes).reshape(mean.shape) - sum_dy * mean) * inverse
        dmean = -sum_dy * slope if self.wants(1) else None
        dvariance = dgamma * slope * inverse * -0.5 if self.wants(2) else None
        gradients = [dmean, dvariance] + [dgamma] * self.scale + [sum_dy] * self.center
        return dx, *(None if g is None else g.reshape(-1) for g in gradients)


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, each of them a vector along `axis`."""
    given = [p for p in (scale, offset) if p is not None]
    return BatchNorm(axis, epsilon, scale is not None, offset is not None)(*map(convert, (x, mean, variance, *given)))


def batch_normalization_training(x, axes, scale=None, offset=None, epsilon=1e-3):
    """x normalized by its own mean and variance over `axes`, times `scale`, plus `offset`; and that mean and variance."""
    given = [p for p in (scale, offset) if p is not None]
    return BatchNormTraining(axes, epsilon, scale is not None, offset is not None)(*map(convert, (x, *given)))


def moments(x, axes, keepdims=False, synchronized=False):
    """Mean and (population) variance of x over `axes`.

    Raises: ValueError for `synchronized=True`, which needs several devices.
    """
    if synchronized:
        raise ValueError("moments: synchronized=True needs several devices; use synchronized=False.")
    m = mean(x, axes, keepdims=True)
    variance = mean(square(subtract(x, m)), axes, keepdims)
    return (m if keepdims else mean(x, axes)), variance
