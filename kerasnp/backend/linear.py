"""Matrix products, biases and row sums."""

import math

import numpy as np

from kerasnp.backend import threads

# Multiplications from which a product is worth the threads of BLAS beside our own: 128 x 512 x 512 is.
LARGE_PRODUCT = 1 << 25

_constants: dict = {}


def constant(value, n, dtype):
    """A read-only row of n equal numbers, kept for the next call."""
    row = _constants.get((value, n, dtype))
    if row is None:
        if len(_constants) > 64:
            _constants.clear()
        row = _constants[value, n, dtype] = np.full(n, value, dtype)
        row.flags.writeable = False
    return row


def matmul(a, b, out=None):
    """a @ b over the last two axes."""
    if a.ndim == 2 == b.ndim and a.shape[0] * a.shape[1] * b.shape[1] >= LARGE_PRODUCT:
        with threads.wide_blas():
            return np.matmul(a, b, out=out)
    return np.matmul(a, b, out=out)


def sum_rows(x, out=None):
    """Sum over all axes but the last, as `ones @ x`: eight times cheaper than `sum(axis=0)` on narrow arrays."""
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        return np.sum(x.reshape(-1, x.shape[-1]), axis=0, out=out)
    if x.ndim != 2:
        x = _batch_summed(x)
    return np.dot(constant(1, x.shape[0], x.dtype), x, out=out)


def _batch_summed(x):
    """`x` as rows; where the batch is innermost in memory it is summed first, since bringing it outside is a copy."""
    order = (*range(1, x.ndim), 0)
    if not x.flags.c_contiguous and x.size and x.transpose(order).flags.c_contiguous:
        columns = x.transpose(order).reshape(-1, x.shape[0])
        return np.dot(columns, constant(1, x.shape[0], x.dtype)).reshape(-1, x.shape[-1])
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def dense(x, w, b=None, activation=None, out=None):
    """act(x @ w + b) for x (..., i), w (i, o), b (o,); `activation` is one of `fused`, applied in place."""
    y = matmul(x, w, out=out)
    if b is not None:
        y += b
    return y if activation is None else activation.forward(y)


def orthonormal(x):
    """The orthonormal columns Q of x = Q @ R, with signs that make the diagonal of R positive."""
    q, r = np.linalg.qr(x)
    return q * np.sign(np.diag(r))
