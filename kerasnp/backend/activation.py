"""Activations whose derivative can be read off their output, and the softmax family.

Each fused activation has `forward(z)`, which works in place on `z`, and `backward(y, dy)`, which returns a new `dz`.
"""

import math

import numpy as np

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


class Relu:
    """max(z, 0); maximum against an array of zeros is five times faster than against a scalar here."""

    @staticmethod
    def forward(z):
        return np.maximum(z, _zeros_like_row(z), out=z)

    @staticmethod
    def backward(y, dy):
        return dy * (y > 0)


class Sigmoid:
    """1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2, which cannot overflow."""

    @staticmethod
    def forward(z):
        z *= 0.5
        np.tanh(z, out=z)
        z += 1
        z *= 0.5
        return z

    @staticmethod
    def backward(y, dy):
        dz = 1 - y
        dz *= y
        dz *= dy
        return dz


class Tanh:
    """tanh(z)."""

    @staticmethod
    def forward(z):
        return np.tanh(z, out=z)

    @staticmethod
    def backward(y, dy):
        dz = y * y
        np.subtract(1, dz, out=dz)
        dz *= dy
        return dz


class Elu:
    """z for z > 0, exp(z) - 1 below."""

    @staticmethod
    def forward(z):
        np.copyto(z, np.expm1(np.minimum(z, 0)), where=z < 0)
        return z

    @staticmethod
    def backward(y, dy):
        return dy * np.where(y > 0, np.ones((), y.dtype), y + 1)


class Selu:
    """scale * (z for z > 0, alpha * (exp(z) - 1) below) (Klambauer et al., 2017)."""

    @staticmethod
    def forward(z):
        np.copyto(z, SELU_ALPHA * np.expm1(np.minimum(z, 0)), where=z < 0)
        z *= SELU_SCALE
        return z

    @staticmethod
    def backward(y, dy):
        return dy * np.where(y > 0, np.asarray(SELU_SCALE, y.dtype), y + np.asarray(SELU_SCALE * SELU_ALPHA, y.dtype))


class Exponential:
    """exp(z)."""

    @staticmethod
    def forward(z):
        return np.exp(z, out=z)

    @staticmethod
    def backward(y, dy):
        return dy * y


class Softplus:
    """log(1 + exp(z)); its derivative is 1 - exp(-y)."""

    @staticmethod
    def forward(z):
        return np.logaddexp(z, np.zeros((), z.dtype), out=z)

    @staticmethod
    def backward(y, dy):
        return dy * -np.expm1(-y)


fused = {
    "relu": Relu,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "elu": Elu,
    "selu": Selu,
    "exponential": Exponential,
    "softplus": Softplus,
}

_zero_rows: dict = {}


def _zeros_like_row(z):
    """Zeros that broadcast against `z`: one row of its last axis where that is long, else the scalar."""
    n = z.shape[-1] if z.ndim else 0
    if n < 8:
        return np.zeros((), z.dtype)
    row = _zero_rows.get((n, z.dtype))
    if row is None:
        if len(_zero_rows) > 64:
            _zero_rows.clear()
        row = _zero_rows[n, z.dtype] = np.zeros(n, z.dtype)
        row.flags.writeable = False
    return row


def erf(x):
    """The error function, to 1.5 units of the last place in float32 and float64 (W. J. Cody, 1969, via math.erf)."""
    return np.asarray(_erf(x), x.dtype)


_erf = np.vectorize(math.erf, otypes=[np.float64])


def softmax(x, axis=-1):
    """exp(x - max) / sum of the same along `axis`, an int or several."""
    y = x - x.max(axis=axis, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return y


def softmax_grad(y, dy, axis=-1):
    """dx = y * (dy - sum(dy * y))."""
    dx = dy * y
    return dx - y * dx.sum(axis=axis, keepdims=True)


def log_softmax(x, axis=-1):
    """x - max - log(sum(exp(x - max))) along `axis`."""
    y = x - x.max(axis=axis, keepdims=True)
    y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
    return y


def log_softmax_grad(y, dy, axis=-1):
    """dx = dy - softmax(x) * sum(dy)."""
    return dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)


def softmax_cross_entropy(logits, labels):
    """Cross-entropy of integer labels (n,) with softmax(logits) (n, classes): the losses (n,) and the probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    picked = shifted[np.arange(len(labels)), labels]
    return np.log(total[:, 0]) - picked, p


def softmax_cross_entropy_grad(p, labels, dy):
    """dlogits = (p - onehot(labels)) * dy[:, None]."""
    dx = p * dy[:, None]
    dx[np.arange(len(labels)), labels] -= dy
    return dx


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return Sigmoid.forward(np.array(x))


def sigmoid_cross_entropy(logits, labels):
    """max(x, 0) - x * z + log(1 + exp(-|x|)), element by element."""
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))
