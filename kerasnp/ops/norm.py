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


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, each of them a vector along `axis`."""
    x = convert(x)
    shape = [1] * len(x.shape)
    shape[axis] = x.shape[axis]
    mean, variance = (convert(v).reshape(shape) for v in (mean, variance))
    inverse = 1 / (variance + epsilon) ** 0.5
    if scale is not None:
        inverse = inverse * convert(scale).reshape(shape)
    y = (x - mean) * inverse
    return y if offset is None else y + convert(offset).reshape(shape)


def moments(x, axes, keepdims=False, synchronized=False):
    """Mean and (population) variance of x over `axes`.

    Raises: ValueError for `synchronized=True`, which needs several devices.
    """
    if synchronized:
        raise ValueError("moments: synchronized=True needs several devices; use synchronized=False.")
    m = mean(x, axes, keepdims=True)
    variance = mean(square(subtract(x, m)), axes, keepdims)
    return (m if keepdims else mean(x, axes)), variance
