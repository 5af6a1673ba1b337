"""Batch normalization: statistics over all axes but the kept one, and the closed-form gradient.

A large array is read as rarely as possible: once for the statistics, once to normalize. Blocks of it stay in the cache,
and are seen as long rows, for which the numbers of the channels are repeated: a loop over 32 channels is too short to be
fast.
"""

import math

import numpy as np

from kerasnp.backend import arena, group, layout, threads
from kerasnp.backend.linear import constant, sum_rows

LARGE = 1 << 16
PIECE = 1 << 19  # elements at most: shorter calls let threads wait for each other, longer ones have nothing in the cache
# sum(a * (x - mean)) is had as sum(a * x) - mean * sum(a), a pass less, while mean^2 is at most so many variances.
CLOSE = 4


def column_sums(x, axes):
    """Sum over `axes`, kept as size-1 axes; a matrix product when the last axis is the only one left."""
    if axes == tuple(range(x.ndim - 1)) and x.flags.c_contiguous and x.size:
        return sum_rows(x).reshape((1,) * (x.ndim - 1) + (-1,))
    return x.sum(axis=axes, keepdims=True)


def moments(x, axes):
    """Mean and (population) variance over `axes`, kept as size-1 axes."""
    rows = Rows.of(x, axes)
    if rows is not None:
        return rows.moments()
    n = x.dtype.type(_count(x, axes))
    mean = column_sums(x, axes) / n
    centred = x - mean
    centred *= centred
    return mean, column_sums(centred, axes) / n


def scale_and_shift(mean, variance, gamma, beta, epsilon):
    """The numbers with which batch normalization is x * scale + shift; gamma and beta may be None."""
    scale = 1 / np.sqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * gamma
    return scale, -mean * scale if beta is None else beta - mean * scale


def batch_norm(x, mean, variance, gamma, beta, epsilon):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta; gamma and beta may be None, all broadcast against x."""
    scale, shift = scale_and_shift(mean, variance, gamma, beta, x.dtype.type(epsilon))
    rows = Rows.along(x, scale)
    if rows is None:
        y = x * scale
        y += shift
        return y
    scale, shift = rows.repeated(scale), rows.repeated(shift)

    def piece(x, y):
        np.multiply(x, scale, out=y)
        y += shift

    return rows.new(piece)


def batch_norm_train(x, gamma, beta, axes, epsilon):
    """Normalize by the batch's own statistics: y, and the mean and variance over `axes`, kept as size-1 axes.

    A batch that is divided among processes has those of all its parts.
    """
    mean, variance = moments(x, axes)
    if group.member() is not None:
        mean, variance = group.member().moments(mean, variance, _count(x, axes))
    return batch_norm(x, mean, variance, gamma, beta, epsilon), mean, variance


def batch_norm_grad(dy, x, mean, variance, gamma, axes, epsilon, dmean=None, dvariance=None, wants_dx=True):
    """With s = 1 / sqrt(variance + epsilon) and x_hat = (x - mean) * s, all of it depending on x:

    dgamma = sum(dy * x_hat), dbeta = sum(dy), dx = gamma * s * (dy - mean(dy) - x_hat * mean(dy * x_hat)), to which
    the gradients of the statistics themselves add dmean / n + 2 * dvariance * (x - mean) / n.
    """
    n = dy.dtype.type(_count(x, axes))
    s = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    rows = Rows.of(x, axes)
    if rows is None:
        dbeta, dgamma = column_sums(dy, axes), column_sums((x - mean) * dy, axes)
    else:
        dy = rows.match(dy)
        dbeta, dgamma = rows.gradient_sums(dy, mean, variance)
    dgamma = dgamma * s
    if not wants_dx:
        return None, dgamma, dbeta
    sums = dgamma, dbeta, *(np.zeros_like(mean) if d is None else d for d in (dmean, dvariance))
    if group.member() is not None:
        *sums, n = group.member().total(*sums, np.full(1, n))
    # dx = dy * a + x * b + c
    scaled, shifted, dmean, dvariance = sums
    a = s if gamma is None else s * gamma
    b = (2 * dvariance - a * s * scaled) / n
    c = (dmean - a * shifted) / n
    c = c - b * mean
    if rows is None:
        dx = dy * a
        dx += x * b
        dx += c
        return dx, dgamma, dbeta
    a, b, c = (rows.repeated(v) for v in (a, b, c))

    def piece(x, dy, dx):
        np.multiply(x, b, out=dx)
        dx += c
        dx += dy * a

    return rows.new(piece, dy), dgamma, dbeta


class Rows:
    """A large array as a matrix of long rows, whatever the order of its axes in memory: a view.

    In memory it is (outer, channels, inner), inner being 1 where the channels come last; a row is as many of the outer
    entries as make it about 512 long. Pieces of rows fit the cache.
    """

    def __init__(self, x, kept):
        self.shape, self.kept, self.order = x.shape, kept, layout.memory_order(x)
        straight = x.transpose(self.order)
        place = self.order.index(kept)
        self.channels, self.inner = x.shape[kept], math.prod(straight.shape[place + 1 :])
        outer, width, k = math.prod(straight.shape[:place]), self.channels * self.inner, 1
        while width * k < 512 and outer % (2 * k) == 0:
            k *= 2
        self.straight, self.width = straight.shape, width * k
        self.rows = straight.reshape(-1, self.width) if straight.flags.c_contiguous else None
        self.grain = threads.grain_of(x.size // self.width, x.size, PIECE)

    @classmethod
    def of(cls, x, axes):
        """The rows of x, statistics over `axes` being wanted; None where x is small, has gaps or keeps several axes."""
        if x.size < LARGE or len(axes) != x.ndim - 1 or x.dtype == np.float16:
            return None
        (kept,) = set(range(x.ndim)) - set(axes)
        rows = cls(x, kept)
        # A row so long that a piece is less than one is better left to loops over the inner axes.
        return rows if rows.rows is not None and rows.width <= PIECE else None

    @classmethod
    def along(cls, x, vector):
        """The rows of x, `vector` being numbers along one of its axes."""
        shape = (1,) * (x.ndim - vector.ndim) + vector.shape
        return cls.of(x, tuple(a for a, n in enumerate(shape) if n == 1 and (x.shape[a] > 1 or a < x.ndim - 1)))

    def repeated(self, vector):
        """A number per channel, as one row."""
        row = np.repeat(vector.reshape(-1), self.inner)
        return np.tile(row, self.width // row.size)

    def summed(self, row):
        """The sums of a row, one for each channel."""
        return row.reshape(-1, self.channels, self.inner).sum(axis=(0, 2))

    def match(self, other):
        """An array of the same shape as a matrix of the same rows; a copy where its axes lie otherwise."""
        return layout.ordered(other, self.order).reshape(self.rows.shape)

    def new(self, piece, *others):
        """A new array like x, filled by `piece(rows of x, of others, of the new one)`."""
        y = arena.empty(self.straight, self.rows.dtype)
        out = y.reshape(self.rows.shape)
        threads.parallel(
            lambda i, j: piece(self.rows[i:j], *(o[i:j] for o in others), out[i:j]), len(self.rows), self.grain,
            (piece.__code__, self.width),
        )
        return layout.natural(y, self.order)

    def _each(self, fn):
        """The results of `fn(ones, rows i to j)`, two numbers per channel, for every piece, and the number of its pixels."""
        n, grain = len(self.rows), self.grain
        found = np.empty((2, -(-n // grain), self.channels), self.rows.dtype)

        def piece(i, j):
            found[:, i // grain] = fn(constant(1, j - i, self.rows.dtype), i, j)

        threads.parallel(piece, n, grain, (fn.__code__, self.width))
        counts = np.full((found.shape[1], 1), grain * self.width // self.channels, self.rows.dtype)
        counts[-1] = (n - (len(counts) - 1) * grain) * self.width // self.channels
        return found, counts

    def moments(self):
        """One pass over memory: the mean and the squared deviations of each piece, then those of all together.

        T. Chan, G. Golub, R. LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979).
        """

        def of_piece(ones, i, j):
            part = self.rows[i:j]
            n = part.size // self.channels
            mean = self.summed(np.dot(ones, part))
            mean /= n
            with np.errstate(over="ignore", invalid="ignore"):
                squares = self.summed(np.einsum("ij,ij->j", part, part))
                offset = n * mean * mean
                squares -= offset
            if not (offset <= CLOSE * squares).all():  # far from 0, where little is left of the difference
                centred = part - self.repeated(mean)
                centred *= centred
                squares = self.summed(np.dot(ones, centred))
            return mean, squares

        (means, squares), counts = self._each(of_piece)
        total = counts.dtype.type(self.rows.size // self.channels)
        mean = (means * counts).sum(axis=0) / total
        deviations = means - mean
        deviations *= deviations
        deviations *= counts
        return self._kept(mean), self._kept((squares.sum(axis=0) + deviations.sum(axis=0)) / total)

    def gradient_sums(self, dy, mean, variance):
        """sum(dy) and sum(dy * (x - mean)), in one pass over memory."""
        far = not (mean * mean <= CLOSE * variance).all()
        mean, row = mean.reshape(-1), self.repeated(mean)

        def of_piece(ones, i, j):
            x, part = self.rows[i:j], dy[i:j]
            total = self.summed(np.dot(ones, part))
            if far:
                centred = x - row
                centred *= part
                return total, self.summed(np.dot(ones, centred))
            return total, self.summed(np.einsum("ij,ij->j", x, part)) - mean * total

        sums, _ = self._each(of_piece)
        return tuple(self._kept(v.sum(axis=0)) for v in sums)

    def _kept(self, vector):
        return vector.reshape([n if a == self.kept else 1 for a, n in enumerate(self.shape)])


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
    return max(1, math.prod([x.shape[a] for a in axes]))
