"""Batch normalization: statistics over all axes but the kept ones, and the closed-form gradient.

A large array that keeps its last axis alone is read as rarely as possible: once for the statistics, once to normalize.
Blocks of it stay in the cache, and several pixels make one row, since a loop over 32 channels is too short to be fast.
"""

import numpy as np

from kerasnp.backend import arena, threads
from kerasnp.backend.linear import constant, sum_rows

LARGE = 1 << 16
# Elements a piece: a block of x, one of y and a temporary are 3/4 MB of float32, which a second-level cache holds.
PIECE = 1 << 16


def column_sums(x, axes):
    """Sum over `axes`, kept as size-1 axes; a matrix product when the last axis is the only one left."""
    if axes == tuple(range(x.ndim - 1)) and x.flags.c_contiguous and x.size:
        return sum_rows(x).reshape((1,) * (x.ndim - 1) + (-1,))
    return x.sum(axis=axes, keepdims=True)


def moments(x, axes):
    """Mean and (population) variance over `axes`, kept as size-1 axes."""
    if _is_large(x, axes):
        return _large_moments(x)
    n = x.dtype.type(_count(x, axes))
    mean = column_sums(x, axes) / n
    centred = x - mean
    centred *= centred
    return mean, column_sums(centred, axes) / n


def batch_norm(x, mean, variance, gamma, beta, epsilon):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta; gamma and beta may be None, all broadcast against x."""
    scale = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    if gamma is not None:
        scale = scale * gamma
    shift = -mean * scale if beta is None else beta - mean * scale
    if not _is_large(x, tuple(range(x.ndim - 1))) or scale.shape[-1] != scale.size:
        y = x * scale
        y += shift
        return y
    rows, scale, shift = _rows(x, scale, shift)
    y = arena.empty(x.shape, x.dtype)
    out = y.reshape(rows.shape)

    def piece(i, j):
        np.multiply(rows[i:j], scale, out=out[i:j])
        out[i:j] += shift

    threads.parallel(piece, len(rows), _grain(rows))
    return y


def batch_norm_train(x, gamma, beta, axes, epsilon):
    """Normalize by the batch's own statistics: y, and the mean and variance over `axes`, kept as size-1 axes."""
    mean, variance = moments(x, axes)
    return batch_norm(x, mean, variance, gamma, beta, epsilon), mean, variance


def batch_norm_grad(dy, x, mean, variance, gamma, axes, epsilon, dmean=None, dvariance=None, wants_dx=True):
    """With s = 1 / sqrt(variance + epsilon) and x_hat = (x - mean) * s, all of it depending on x:

    dgamma = sum(dy * x_hat), dbeta = sum(dy), dx = gamma * s * (dy - mean(dy) - x_hat * mean(dy * x_hat)), to which
    the gradients of the statistics themselves add dmean / n + 2 * dvariance * (x - mean) / n.
    """
    n = dy.dtype.type(_count(x, axes))
    s = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    large = _is_large(x, axes) and dy.flags.c_contiguous
    dbeta, dgamma = _large_sums(dy, x, mean) if large else (column_sums(dy, axes), column_sums((x - mean) * dy, axes))
    dgamma = dgamma * s
    if not wants_dx:
        return None, dgamma, dbeta
    # dx = dy * a + x * b + c
    a = s if gamma is None else s * gamma
    b = -a * s * dgamma / n
    c = -a * dbeta / n
    if dmean is not None:
        c = c + dmean / n
    if dvariance is not None:
        b = b + 2 * dvariance / n
    c = c - b * mean
    if not large:
        dx = dy * a
        dx += x * b
        dx += c
        return dx, dgamma, dbeta
    rows, a, b, c = _rows(x, a, b, c)
    dx = arena.empty(x.shape, x.dtype)
    out, dys = dx.reshape(rows.shape), dy.reshape(rows.shape)

    def piece(i, j):
        part = np.multiply(rows[i:j], b, out=out[i:j])
        part += c
        part += dys[i:j] * a

    threads.parallel(piece, len(rows), _grain(rows))
    return dx, dgamma, dbeta


def standardize(x, axes, epsilon):
    """x_hat = (x - mean) / sqrt(variance + epsilon), both over `axes`; and that 1 / sqrt(variance + epsilon)."""
    mean = row_means(x, axes)
    x_hat = x - mean
    inverse_std = 1 / np.sqrt(row_means(x_hat * x_hat, axes) + x.dtype.type(epsilon))
    x_hat *= inverse_std
    return x_hat, inverse_std


def standardize_grad(dy, x_hat, inverse_std, axes):
    """dx = inverse_std * (dy - mean(dy) - x_hat * mean(dy * x_hat)), the means over `axes`."""
    dx = x_hat * row_means(dy * x_hat, axes)
    dx += row_means(dy, axes)
    np.subtract(dy, dx, out=dx)
    dx *= inverse_std
    return dx


def row_means(x, axes):
    """Mean over `axes`, kept as size-1 axes; a matrix product where they are the last axis."""
    n = x.dtype.type(_count(x, axes))
    if axes == (x.ndim - 1,) and x.dtype != np.float16 and x.size:
        return x.dot(constant(1, x.shape[-1], x.dtype))[..., None] / n
    return x.sum(axis=axes, keepdims=True) / n


def _count(x, axes):
    return max(1, int(np.prod([x.shape[a] for a in axes], dtype=np.int64)))


def _is_large(x, axes):
    return x.size >= LARGE and axes == tuple(range(x.ndim - 1)) and x.flags.c_contiguous and x.dtype != np.float16


def _rows(x, *vectors):
    """x as a matrix of rows about 512 long, several pixels each, and vectors of its channels repeated to match."""
    channels = x.shape[-1]
    pixels, k = x.size // channels, 1
    while channels * k < 512 and pixels % (2 * k) == 0:
        k *= 2
    return x.reshape(-1, channels * k), *(np.tile(v.reshape(-1), k) for v in vectors)


def _grain(rows):
    return max(1, PIECE // rows.shape[1])


def _large_moments(x):
    """One pass over memory: the mean and the squared deviations of each piece, then those of all together.

    T. Chan, G. Golub, R. LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979).
    """
    (rows,) = _rows(x)
    n, grain = len(rows), _grain(rows)
    means, squares = np.empty((2, -(-n // grain), rows.shape[1]), x.dtype)

    def piece(i, j):
        ones, part = constant(1, j - i, x.dtype), rows[i:j]
        mean = np.dot(ones, part, out=means[i // grain])
        mean /= j - i
        centred = part - mean
        centred *= centred
        np.dot(ones, centred, out=squares[i // grain])

    threads.parallel(piece, n, grain)
    counts = np.full((len(means), 1), grain, x.dtype)
    counts[-1] = n - (len(means) - 1) * grain
    channels = x.shape[-1]
    shape = (1,) * (x.ndim - 1) + (channels,)
    counts = np.repeat(counts, rows.shape[1] // channels, axis=0)
    means, total = means.reshape(-1, channels), x.dtype.type(x.size // channels)
    mean = (means * counts).sum(axis=0) / total
    deviations = means - mean
    deviations *= deviations
    deviations *= counts
    variance = (squares.reshape(-1, channels).sum(axis=0) + deviations.sum(axis=0)) / total
    return mean.reshape(shape), variance.reshape(shape)


def _large_sums(dy, x, mean):
    """sum(dy) and sum(dy * (x - mean)), in one pass over memory."""
    rows, mean_row = _rows(x, mean)
    n, grain = len(rows), _grain(rows)
    dys = dy.reshape(rows.shape)
    sums, products = np.empty((2, -(-n // grain), rows.shape[1]), x.dtype)

    def piece(i, j):
        ones = constant(1, j - i, x.dtype)
        np.dot(ones, dys[i:j], out=sums[i // grain])
        centred = rows[i:j] - mean_row
        centred *= dys[i:j]
        np.dot(ones, centred, out=products[i // grain])

    threads.parallel(piece, n, grain)
    return tuple(v.reshape(-1, x.shape[-1]).sum(axis=0).reshape(mean.shape) for v in (sums, products))
