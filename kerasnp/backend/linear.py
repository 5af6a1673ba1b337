"""Matrix products, biases and row sums."""

import math

import numpy as np

from kerasnp.backend import arena, linalg, threads

# Multiplications and additions from which a product is shared among the threads (some 150 us of one), and of each part.
SHARED_PRODUCT = 1 << 23
PART = 1 << 26
# How much more the calling thread gets: it begins before another is awake, and should not end first and have to be woken.
LEAD = 1 << 21
# Elements below which BLAS works with one thread anyway (OpenBLAS shares from some 8000 on).
SMALL_PRODUCT = 1 << 12

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
    if a.ndim == 2 == b.ndim and a.size * b.shape[1] >= SHARED_PRODUCT and (cut := _cut(a, b)):
        return _in_parts(cut, a, b, out)
    return _in_one(a, b, out)


def _in_one(a, b, out=None):
    if threads.is_quiet() or a.size + b.size < SMALL_PRODUCT:
        return np.matmul(a, b, out=out)
    # BLAS would cut a product with a long row by the number of its threads, which changes the bits.
    with threads.quiet_blas():
        return np.matmul(a, b, out=out)


def einsum(subscripts, *operands, optimize=False):
    """numpy's einsum; several operands may meet in products of BLAS."""
    if len(operands) == 1 or not optimize:
        return np.einsum(subscripts, *operands)
    with threads.quiet_blas():
        return np.einsum(subscripts, *operands, optimize=optimize)


def _cut(a, b):
    """How many rows or columns a part of a large a @ b has, or None for one that BLAS does not do.

    By our threads rather than those of BLAS, which go on spinning after a product and take the cores from what follows;
    and by the sizes alone, so that the bits do not depend on the number of threads.
    """
    n = b.shape[1]
    if a.dtype != b.dtype or a.dtype.kind != "f" or a.dtype.itemsize < 4:
        return None
    work, long = a.size * n, max(len(a), n)
    even = long / (2 * -(-work // (2 * PART)))
    return 16 * math.ceil((even + long * LEAD / work) / 16)


def _in_parts(cut, a, b, out=None, finish=None):
    """a @ b, cut along its longer axis; `finish(part of the result, its columns)` while that part is in the cache."""
    m, n = a.shape[0], b.shape[1]
    y = arena.empty((m, n), a.dtype) if out is None else out

    def part(i, j):
        rows, columns = (slice(i, j), slice(None)) if m >= n else (slice(None), slice(i, j))
        z = np.matmul(a[rows], b[:, columns], out=y[rows, columns])
        if finish is not None:
            finish(z, columns)

    threads.parallel(part, max(m, n), cut, a.shape)
    return y


def sum_rows(x, out=None):
    """Sum over all axes but the last, as `ones @ x`: eight times cheaper than `sum(axis=0)` on narrow arrays."""
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        return np.sum(x.reshape(-1, x.shape[-1]), axis=0, out=out)
    if x.size < SMALL_PRODUCT:
        return _summed(x, out)
    with threads.quiet_blas():
        return _summed(x, out)


def _summed(x, out):
    if x.ndim != 2:
        x = _batch_summed(x)
    return constant(1, x.shape[0], x.dtype).dot(x, out)


def _batch_summed(x):
    """`x` as rows; where the batch is innermost in memory it is summed first, since bringing it outside is a copy."""
    order = (*range(1, x.ndim), 0)
    if not x.flags.c_contiguous and x.size and x.transpose(order).flags.c_contiguous:
        columns = x.transpose(order).reshape(-1, x.shape[0])
        return np.dot(columns, constant(1, x.shape[0], x.dtype)).reshape(-1, x.shape[-1])
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def dense(x, w, b=None, activation=None, out=None):
    """act(x @ w + b) for x (..., i), w (i, o), b (o,); `activation` is one of `fused`, applied in place."""
    if x.ndim == 2 and x.size * w.shape[1] >= SHARED_PRODUCT and (cut := _cut(x, w)):
        return _in_parts(cut, x, w, out, lambda z, columns: _finish(z, None if b is None else b[columns], activation))
    return _finish(_in_one(x, w, out), b, activation)


def _finish(z, b, activation):
    if b is not None:
        z += b
    return z if activation is None else activation.forward(z)


def orthonormal(x):
    """The orthonormal columns Q of x = Q @ R, with signs that make the diagonal of R positive."""
    q, r = linalg.qr(x)
    return q * np.sign(np.diag(r))
