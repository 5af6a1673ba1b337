"""Activations whose derivative can be read off their output, erf, and the softmax family.

Each fused activation has `forward(z)`, which works in place on `z`, and `backward(y, dy)`, which returns a new `dz`.
"""

import numpy as np

from kerasnp.backend import arena, layout, threads
from kerasnp.backend.linear import constant

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805

LARGE = 1 << 18  # elements, from which an array is worth recycled memory and threads, each of which takes so many at a time
FEW = 1 << 9  # elements, up to which the simplest call is the fastest


class Relu:
    """max(z, 0)."""

    @staticmethod
    def forward(z):
        return np.maximum(z, _zeros_like_row(z), out=z)

    @staticmethod
    def backward(y, dy):
        return relu_grad(y, dy)


class Sigmoid:
    """1 / (1 + exp(-z)); where exp is infinite, that is 0."""

    @staticmethod
    def forward(z):
        np.negative(z, out=z)
        return logistic(z)

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
        dz = np.asarray(y * y)
        np.subtract(1, dz, out=dz)
        dz *= dy
        return dz


class Elu:
    """z for z > 0, exp(z) - 1 below: max(z, 0) + expm1(min(z, 0)), since a masked copy costs five times that."""

    @staticmethod
    def forward(z):
        below = np.minimum(z, 0)
        below = np.expm1(below, out=below) if z.ndim else np.expm1(below)
        np.maximum(z, 0, out=z)
        z += below
        return z

    @staticmethod
    def backward(y, dy):
        dz = np.minimum(y, 0)
        dz += 1
        dz *= dy
        return dz


class Selu:
    """scale * (z for z > 0, alpha * (exp(z) - 1) below) (Klambauer et al., 2017)."""

    @staticmethod
    def forward(z):
        below = np.expm1(np.minimum(z, 0))
        below *= SELU_ALPHA
        np.maximum(z, 0, out=z)
        z += below
        z *= SELU_SCALE
        return z

    @staticmethod
    def backward(y, dy):
        # scale for y > 0, y + scale * alpha below
        dz = _as_float(y > 0, y.dtype)
        dz *= SELU_SCALE * (1 - SELU_ALPHA)
        dz += np.minimum(y, 0)
        dz += SELU_SCALE * SELU_ALPHA
        dz *= dy
        return dz


class Exponential:
    """exp(z)."""

    @staticmethod
    def forward(z):
        return np.exp(z, out=z)

    @staticmethod
    def backward(y, dy):
        return dy * y


class Softplus:
    """log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), which cannot overflow; its derivative is 1 - exp(-y)."""

    @staticmethod
    def forward(z):
        rest = np.asarray(np.abs(z))
        np.negative(rest, out=rest)
        np.exp(rest, out=rest)
        np.log1p(rest, out=rest)
        np.maximum(z, 0, out=z)
        z += rest
        return z

    @staticmethod
    def backward(y, dy):
        dz = np.asarray(np.negative(y))
        np.expm1(dz, out=dz)
        np.negative(dz, out=dz)
        dz *= dy
        return dz


fused = {
    "relu": Relu,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "elu": Elu,
    "selu": Selu,
    "exponential": Exponential,
    "softplus": Softplus,
}


def _zeros_like_row(z):
    """Zeros that broadcast against `z`: maximum against a long row is up to twice as fast as against a scalar."""
    n = z.shape[-1] if z.ndim else 0
    return constant(0, n, z.dtype) if n >= 64 else z.dtype.type(0)


def _as_float(mask, dtype):
    """Booleans as 0.0 and 1.0: numpy converts small integers with vector instructions, booleans without."""
    return np.asarray(mask).view(np.int8).astype(dtype)


def _flat(*arrays):
    """The arrays as rows without a copy, or None where they are small, have gaps, or lie in different orders."""
    if arrays[0].size < LARGE:
        return None
    order = layout.memory_order(arrays[0])
    ordered = [a.transpose(order) for a in arrays]
    return [a.reshape(-1) for a in ordered] if all(a.flags.c_contiguous for a in ordered) else None


def relu(x):
    """max(x, 0)."""
    rows = _flat(x)
    if rows is None:
        return np.maximum(x, _zeros_like_row(x))
    order = layout.memory_order(x)
    y = arena.empty([x.shape[axis] for axis in order], x.dtype)
    flat, (x,) = y.reshape(-1), rows
    zeros = constant(0, LARGE, x.dtype)  # max with an array is five times faster than with the number 0
    threads.parallel(lambda i, j: np.maximum(x[i:j], zeros[: j - i], out=flat[i:j]), flat.size, LARGE)
    return layout.natural(y, order)


def relu_grad(y, dy):
    """dx = dy where y > 0, else 0."""
    rows = _flat(y, dy)
    if rows is None:
        dx = _as_float(y > 0, dy.dtype)
        dx *= dy
        return dx
    order = layout.memory_order(y)
    dx = arena.empty([y.shape[axis] for axis in order], dy.dtype)
    flat, (y, dy) = dx.reshape(-1), rows

    def piece(i, j):
        flat[i:j] = (y[i:j] > 0).view(np.int8)
        flat[i:j] *= dy[i:j]

    threads.parallel(piece, flat.size, threads.grain_of(flat.size, flat.size, 2 * LARGE))
    return layout.natural(dx, order)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return logistic(np.asarray(np.negative(x)))


def logistic(z):
    """1 / (1 + exp(z)), in place: two thirds of the time of (1 + tanh(-z / 2)) / 2, and exact where it is small."""
    with np.errstate(over="ignore"):
        return bare_logistic(z)


def bare_logistic(z):
    """`logistic` for many short calls in a row, whose caller ignores that exp overflows."""
    np.exp(z, z)
    np.add(z, 1, z)
    return np.divide(1, z, z)


def softplus(x):
    """log(1 + exp(x))."""
    return Softplus.forward(np.array(x))


# erf(x) = x * P(x^2) / Q(x^2) on [-4, 4], beyond which float32 knows only +-1; relative error 2.5e-8 before rounding.
_ERF32 = (
    (1.1283791393613725, 0.19354369958073664, 0.0531015668229931, 0.0038832868780721524, 0.0002845648540935866,
     1.986795356176125e-06),
    (1.0, 0.5048561937597807, 0.11534943810149749, 0.015207135282578632, 0.0011855578125734099, 3.742025623689796e-05),
)  # fmt: skip

# W. J. Cody, Rational Chebyshev approximations for the error function (1969): numerators and denominators, lowest power
# first, for |x| < 0.46875 (in x^2), up to 4 (in x), and beyond (in 1 / x^2).
_CODY = (
    ((3.20937758913846947e03, 3.77485237685302021e02, 1.13864154151050156e02, 3.16112374387056560e00,
      1.85777706184603153e-1),
     (2.84423683343917062e03, 1.28261652607737228e03, 2.44024637934444173e02, 2.36012909523441209e01, 1.0)),
    ((1.23033935479799725e03, 2.05107837782607147e03, 1.71204761263407058e03, 8.81952221241769090e02,
      2.98635138197400131e02, 6.61191906371416295e01, 8.88314979438837594e00, 5.64188496988670089e-1,
      2.15311535474403846e-8),
     (1.23033935480374942e03, 3.43936767414372164e03, 4.36261909014324716e03, 3.29079923573345963e03,
      1.62138957456669019e03, 5.37181101862009858e02, 1.17693950891312499e02, 1.57449261107098347e01, 1.0)),
    ((6.58749161529837803e-4, 1.60837851487422766e-2, 1.25781726111229246e-1, 3.60344899949804439e-1,
      3.05326634961232344e-1, 1.63153871373020978e-2),
     (2.33520497626869185e-3, 6.05183413124413191e-2, 5.27905102951428412e-1, 1.87295284992346725e00,
      2.56852019228982242e00, 1.0)),
)  # fmt: skip


def _ratio(t, coefficients):
    """P(t) / Q(t) by Horner's rule."""
    top, bottom = (np.full_like(t, c[-1]) for c in coefficients)
    for y, c in zip((top, bottom), coefficients):
        for a in c[-2::-1]:
            y *= t
            y += a
    top /= bottom
    return top


def erf(x):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, right to a few last bits."""
    if x.dtype != np.float64:
        z = np.clip(np.asarray(x, np.float32), -4, 4)
        y = np.asarray(z * _ratio(np.asarray(z * z), _ERF32))
        return np.clip(y, -1, 1, out=y).astype(x.dtype if x.dtype.kind == "f" else np.float32, copy=False)
    flat = x.reshape(-1)
    z = np.abs(flat)
    y = np.where(np.isnan(z), z, 1.0)
    small, large = z <= 0.46875, (z > 4) & (z < 6)
    middle = (z > 0.46875) & (z <= 4)
    if small.any():
        s = z[small]
        y[small] = s * _ratio(s * s, _CODY[0])
    if middle.any():
        m = z[middle]
        y[middle] = 1 - np.exp(-m * m) * _ratio(m, _CODY[1])
    if large.any():
        b = z[large]
        t = 1 / (b * b)
        y[large] = 1 - np.exp(-b * b) / b * (0.5641895835477563 - t * _ratio(t, _CODY[2]))
    return np.copysign(y, flat, out=y).reshape(x.shape)


def row_max(x):
    """The maximum along the last axis, kept; picked by argmax, which is twice as fast as max on many short rows."""
    if x.size < FEW:
        return np.maximum.reduce(x, axis=-1, keepdims=True)
    if x.ndim and x.flags.c_contiguous and x.size and x.shape[-1] < 512:
        rows = x.reshape(-1, x.shape[-1])
        return rows[constant_range(len(rows)), rows.argmax(axis=1)].reshape(*x.shape[:-1], 1)
    return x.max(axis=-1, keepdims=True)


def row_sum(x):
    """The sum along the last axis, kept, as a product with ones."""
    if x.dtype.kind == "f" and x.dtype.itemsize >= 4 and x.size:
        return x.dot(constant(1, x.shape[-1], x.dtype))[..., None]
    return x.sum(axis=-1, keepdims=True)


_range = np.arange(256)


def constant_range(n):
    """0, 1, ..., n - 1, a view of an array kept for the next call."""
    global _range
    if n > len(_range):
        _range = np.arange(2 * n)
    return _range[:n]


def _last(x, axis):
    return axis == -1 or axis == x.ndim - 1


def softmax(x, axis=-1):
    """exp(x - max) / sum of the same along `axis`, an int or several."""
    if x.size == 0:
        return x.copy()
    last = _last(x, axis)
    y = x - (row_max(x) if last else x.max(axis=axis, keepdims=True))
    np.exp(y, out=y)
    y /= row_sum(y) if last else y.sum(axis=axis, keepdims=True)
    return y


def softmax_grad(y, dy, axis=-1):
    """dx = y * (dy - sum(dy * y))."""
    dx = dy * y
    dx -= y * (row_sum(dx) if _last(y, axis) else dx.sum(axis=axis, keepdims=True))
    return dx


def log_softmax(x, axis=-1):
    """x - max - log(sum(exp(x - max))) along `axis`, an int or several."""
    if x.size == 0:
        return x.copy()
    last = _last(x, axis)
    y = x - (row_max(x) if last else x.max(axis=axis, keepdims=True))
    e = np.exp(y)
    y -= np.log(row_sum(e) if last else e.sum(axis=axis, keepdims=True))
    return y


def log_softmax_grad(y, dy, axis=-1):
    """dx = dy - softmax(x) * sum(dy), where y = log_softmax(x)."""
    dx = np.exp(y)
    dx *= row_sum(dy) if _last(y, axis) else dy.sum(axis=axis, keepdims=True)
    return np.subtract(dy, dx, out=dx)


def softmax_cross_entropy(logits, labels):
    """Cross-entropy of integer labels (n,) with softmax(logits) (n, classes): the losses (n,) and the probabilities."""
    if logits.size == 0:
        return np.zeros(len(logits), logits.dtype), logits.copy()
    shifted = logits - row_max(logits)
    p = np.exp(shifted)
    total = row_sum(p)
    loss = np.log(total[:, 0])
    loss -= shifted[constant_range(len(labels)), labels]
    p /= total
    return loss, p


def softmax_cross_entropy_grad(p, labels, dy):
    """dlogits = (p - onehot(labels)) * dy[:, None]."""
    dx = p * dy[:, None]
    dx[constant_range(len(labels)), labels] -= dy
    return dx


def softmax_mean_cross_entropy(logits, labels):
    """The mean cross-entropy of integer labels (n,) with p = softmax(logits) (n, classes).

    Returns: the loss, p, and where in p, taken as one row, the labels are.
    """
    p = softmax(logits)
    n, classes = p.shape
    places = constant_range(n) * classes + labels
    picked = p.take(places)
    if n and np.minimum.reduce(picked) < 1e-30:  # p has underflowed, or is about to
        picked = log_softmax(logits).take(places)
    else:
        np.log(picked, out=picked)
    return np.asarray(np.add.reduce(picked) / picked.dtype.type(-max(n, 1))), p, places


def softmax_mean_cross_entropy_grad(p, places, dy):
    """dlogits = (p - onehot(labels)) * dy / n."""
    share = p.dtype.type(dy / p.dtype.type(max(len(p), 1)))
    dx = p * share
    picked = dx.take(places)
    picked -= share
    dx.put(places, picked)
    return dx


def sigmoid_cross_entropy(logits, labels):
    """max(x, 0) - x * z + log(1 + exp(-|x|)), element by element."""
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))
