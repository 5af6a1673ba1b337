"""Losses that go element by element, each with its mean over an axis as one operator."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator


class Pointwise(Operator):
    """loss = mean of f(t, x) over `axis` (None: no mean), with t and x broadcast against each other.

    Subclasses write `value(t, x)` and its derivatives `slope_x(t, x)`, `slope_t(t, x)`.
    """

    # Whether the sum over the axis is divided by its length.
    averaged = True

    def __init__(self, axis=-1):
        self.axis = axis

    def forward(self, t, x):
        f = self.value(t, x)
        self.save(t, x, f.shape)
        if self.axis is None:
            return f
        total = f.sum(axis=self.axis)
        return K.asarray(total / f.dtype.type(max(f.shape[self.axis], 1)) if self.averaged else total)

    def backward(self, dy):
        t, x, shape = self.saved
        if self.axis is not None:
            dy = K.expand_dims(dy / dy.dtype.type(shape[self.axis]) if self.averaged else dy, self.axis)
        dt = K.unbroadcast(self.slope_t(t, x) * dy, t.shape) if self.wants(0) else None
        dx = K.unbroadcast(self.slope_x(t, x) * dy, x.shape) if self.wants(1) else None
        return dt, dx

    def value(self, t, x):
        """f(t, x)."""
        raise NotImplementedError

    def slope_x(self, t, x):
        """df/dx."""
        raise NotImplementedError

    def slope_t(self, t, x):
        """df/dt; as it stands, for an f of x - t alone."""
        return -self.slope_x(t, x)


class SquaredError(Pointwise):
    """f = (x - t)^2."""

    def value(self, t, x):
        d = x - t
        return d * d

    def slope_x(self, t, x):
        return 2 * (x - t)


class AbsoluteError(Pointwise):
    """f = |x - t|."""

    def value(self, t, x):
        return K.abs(x - t)

    def slope_x(self, t, x):
        return K.sign(x - t)


class SigmoidCrossEntropy(Pointwise):
    """f = max(x, 0) - x * t + log(1 + exp(-|x|)), the cross-entropy of t with p = sigmoid(x)."""

    def __init__(self, axis=-1, p=None):
        self.axis, self.p = axis, p

    def value(self, t, x):
        return K.sigmoid_cross_entropy(x, t)

    def slope_x(self, t, x):
        return (K.sigmoid(x) if self.p is None else self.p) - t

    def slope_t(self, t, x):
        return -x


class BinaryCrossEntropy(Pointwise):
    """f = -t * log(p) - (1 - t) * log(1 - p), p kept within [eps, 1 - eps]."""

    def value(self, t, x):
        p = K.clip(x, K.epsilon(), 1 - K.epsilon())
        return -(t * K.log(p) + (1 - t) * K.log(1 - p))

    def slope_x(self, t, x):
        p = K.clip(x, K.epsilon(), 1 - K.epsilon())
        return (p - t) / (p * (1 - p)) * (p == x)

    def slope_t(self, t, x):
        p = K.clip(x, K.epsilon(), 1 - K.epsilon())
        return K.log(1 - p) - K.log(p)


class AbsolutePercentageError(Pointwise):
    """f = 100 * |x - t| / max(|t|, eps)."""

    def value(self, t, x):
        return 100 * K.abs(x - t) / K.maximum(K.abs(t), K.epsilon())

    def slope_x(self, t, x):
        return 100 * K.sign(x - t) / K.maximum(K.abs(t), K.epsilon())

    def slope_t(self, t, x):
        size = K.maximum(K.abs(t), K.epsilon())
        return -100 * (K.sign(x - t) + K.abs(x - t) / size * K.sign(t) * (K.abs(t) > K.epsilon())) / size


class SquaredLogarithmicError(Pointwise):
    """f = (log(1 + max(x, eps)) - log(1 + max(t, eps)))^2."""

    def value(self, t, x):
        return K.square(self._gap(t, x))

    def slope_x(self, t, x):
        return 2 * self._gap(t, x) / (1 + x) * (x > K.epsilon())

    def slope_t(self, t, x):
        return -2 * self._gap(t, x) / (1 + t) * (t > K.epsilon())

    def _gap(self, t, x):
        return K.log1p(K.maximum(x, K.epsilon())) - K.log1p(K.maximum(t, K.epsilon()))


class HuberError(Pointwise):
    """f = d^2 / 2 for |d| <= delta, delta * (|d| - delta / 2) beyond, d = x - t."""

    def __init__(self, delta, axis=-1):
        self.delta, self.axis = delta, axis

    def value(self, t, x):
        size = K.abs(x - t)
        inner = K.minimum(size, self.delta)
        return inner * (size - inner / 2)

    def slope_x(self, t, x):
        return K.clip(x - t, -self.delta, self.delta)


class LogCoshError(Pointwise):
    """f = log(cosh(d)) = |d| + log(1 + exp(-2 * |d|)) - log(2), d = x - t."""

    def value(self, t, x):
        size = K.abs(x - t)
        return size + K.log1p(K.exp(-2 * size)) - 0.6931471805599453

    def slope_x(self, t, x):
        return K.tanh(x - t)


class PoissonError(Pointwise):
    """f = x - t * log(x + eps)."""

    def value(self, t, x):
        return x - t * K.log(x + K.epsilon())

    def slope_x(self, t, x):
        return 1 - t / (x + K.epsilon())

    def slope_t(self, t, x):
        return -K.log(x + K.epsilon())


class HingeError(Pointwise):
    """f = max(1 - t * x, 0)."""

    def value(self, t, x):
        return K.maximum(1 - t * x, 0)

    def slope_x(self, t, x):
        return -t * (t * x < 1)

    def slope_t(self, t, x):
        return -x * (t * x < 1)


class SquaredHingeError(Pointwise):
    """f = max(1 - t * x, 0)^2."""

    def value(self, t, x):
        return K.square(K.maximum(1 - t * x, 0))

    def slope_x(self, t, x):
        return -2 * t * K.maximum(1 - t * x, 0)

    def slope_t(self, t, x):
        return -2 * x * K.maximum(1 - t * x, 0)


class Divergence(Pointwise):
    """loss = sum of t * log(t / x) over `axis`, t and x kept within [eps, 1] (Kullback and Leibler, 1951)."""

    averaged = False

    def value(self, t, x):
        t, x = self._kept(t), self._kept(x)
        return t * K.log(t / x)

    def slope_x(self, t, x):
        return -self._kept(t) / self._kept(x) * (x == self._kept(x))

    def slope_t(self, t, x):
        return (K.log(self._kept(t) / self._kept(x)) + 1) * (t == self._kept(t))

    def _kept(self, x):
        return K.clip(x, K.epsilon(), 1)
