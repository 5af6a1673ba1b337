"""Axes brought to another length: every output a weighted sum of inputs, or the largest of them."""

import functools
import itertools
import math

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import convert
from kerasnp.ops.reduce import max as largest
from kerasnp.ops.shape import take
from kerasnp.utils import check


class Resample(Operator):
    """y[..., o, ...] = sum over i of m[o, i] x[..., i, ...] along each of the axes.     m (outputs, inputs)"""

    def __init__(self, matrices, axes):
        self.matrices, self.axes = matrices, axes

    def forward(self, x):
        # From the last axis: the products over it are the smallest, so let them be fewest.
        for m, axis in reversed(list(zip(self.matrices, self.axes))):
            x = _apply(m, x, axis)
        return x

    def backward(self, dy):
        for m, axis in zip(self.matrices, self.axes):
            dy = _apply(m.T, dy, axis)
        return dy


class Upsample(Operator):
    """y = x with every element along axis `axes[i]` repeated `sizes[i]` times."""

    def __init__(self, sizes, axes):
        self.sizes, self.axes = sizes, axes

    def forward(self, x):
        split, blocks, joined = self._shapes(x.shape)
        return K.broadcast_to(x.reshape(split), blocks).reshape(joined)

    def backward(self, dy):
        shape = list(dy.shape)
        for axis, size in zip(self.axes, self.sizes):
            shape[axis] //= size
        _, blocks, _ = self._shapes(shape)
        dy = dy.reshape(blocks)
        key = [slice(None)] * dy.ndim
        dx = K.zeros(shape, dy.dtype)
        # One addition for each copy; a sum over axes of two or three elements takes five times as long.
        for copy in itertools.product(*map(range, self.sizes)):
            for i, axis in enumerate(self.axes):
                key[axis + i + 1] = copy[i]
            dx += dy[tuple(key)]
        return dx

    def _shapes(self, shape):
        """x with an axis of one, then of the size, after every repeated axis; and both of them joined."""
        sizes = dict(zip(self.axes, self.sizes))
        split, blocks = [], []
        for axis, n in enumerate(shape):
            split += [n, 1] if axis in sizes else [n]
            blocks += [n, sizes[axis]] if axis in sizes else [n]
        return split, blocks, [n * sizes.get(axis, 1) for axis, n in enumerate(shape)]


def _apply(m, x, axis):
    """m applied to one axis: a matrix product over the axes after it taken together."""
    m = m.astype(x.dtype, copy=False)
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    y = K.matmul(m, x.reshape(math.prod(before), x.shape[axis], math.prod(after)))
    return y.reshape(*before, m.shape[0], *after)


def adaptive_bins(size, count):
    """(start, stop) of `count` bins that cover an axis.

    >>> adaptive_bins(5, 2)
    [(0, 3), (2, 5)]
    """
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


@functools.lru_cache(maxsize=64)
def mean_matrix(size, count):
    """The matrix (count, size) whose products are the means of the adaptive bins."""
    m = K.zeros((count, size))
    for i, (start, stop) in enumerate(adaptive_bins(size, count)):
        m[i, start:stop] = 1 / (stop - start)
    return m


def _linear(t):
    return K.maximum(1 - K.abs(t), 0)


def _cubic(t, a=-0.5):
    t = K.abs(t)
    near, far = ((a + 2) * t - (a + 3)) * t * t + 1, ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return K.where(t <= 1, near, K.where(t < 2, far, 0))


def _lanczos(radius):
    def weight(t):
        safe = K.where(t == 0, 1, t) * math.pi
        window = radius * K.sin(safe) * K.sin(safe / radius) / (safe * safe)
        return K.where(t == 0, 1, K.where(K.abs(t) < radius, window, 0))

    return weight


# interpolation -> weight of a neighbour at a distance, in pixels of the input
_WEIGHTS = {"bilinear": _linear, "bicubic": _cubic, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
INTERPOLATIONS = ("nearest", *_WEIGHTS)


@functools.lru_cache(maxsize=64)
def sampling_matrix(interpolation, size, count, scale, translation=0.0, antialias=False):
    """The matrix (count, size) that reads `size` pixels at `count` places, both grids with half-pixel centres.

    Place o lies at (o + 1/2 - translation) / scale - 1/2. The weights of every place are scaled to sum to one, also where
    the window reaches over the border; a place outside reads zero (Keys, 1981; Turkowski, 1990). With `antialias` the
    window grows as the image shrinks.
    """
    places = (K.arange(count) + 0.5 - translation) / scale - 0.5
    width = max(1 / scale, 1.0) if antialias else 1.0
    m = _WEIGHTS[interpolation]((places[:, None] - K.arange(size)[None, :]) / width)
    total = m.sum(axis=1, keepdims=True)
    there = (K.abs(total) > 1e-4) & ((places >= -0.5) & (places <= size - 0.5))[:, None]
    return K.where(there, m / K.where(there, total, 1), 0)


def upsample(inputs, size, axes, interpolation="nearest"):
    """The inputs with axis `axes[i]` made `size[i]` times as long.

    >>> from kerasnp import ops
    >>> ops.upsample(ops.array([[[1.0], [2.0]]]), size=[2], axes=[1])[0, :, 0]
    array([1., 1., 2., 2.], dtype=float32)

    Args:
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.

    Raises: ValueError for another interpolation.
    """
    x = convert(inputs)
    if check.one_of("interpolation", interpolation, INTERPOLATIONS, "upsample") == "nearest":
        return Upsample(tuple(size), tuple(axes))(x)
    matrices = [sampling_matrix(interpolation, x.shape[a], x.shape[a] * s, s) for a, s in zip(axes, size)]
    return Resample(matrices, axes)(x)


def _spatial_axes(x, output_size, data_format):
    rank = len(x.shape) - 2
    first = K.standardize_data_format(data_format) == "channels_first"
    return range(1 + first, 1 + first + rank), check.int_tuple("output_size", output_size, rank)


def adaptive_average_pool(inputs, output_size, data_format=None):
    """The means of `output_size` windows that cover the spatial axes.

    Window i of m over an axis of n reaches from floor(i * n / m) to ceil((i + 1) * n / m).

    >>> from kerasnp import ops
    >>> ops.adaptive_average_pool(ops.reshape(ops.arange(6.0), (1, 6, 1)), 3)[0, :, 0]
    array([0.5, 2.5, 4.5], dtype=float32)
    """
    x = convert(inputs)
    axes, counts = _spatial_axes(x, output_size, data_format)
    return Resample([mean_matrix(x.shape[a], m) for a, m in zip(axes, counts)], axes)(x)


def adaptive_max_pool(inputs, output_size, data_format=None):
    """The largest values of `output_size` windows that cover the spatial axes.

    Window i of m over an axis of n reaches from floor(i * n / m) to ceil((i + 1) * n / m).

    >>> from kerasnp import ops
    >>> ops.adaptive_max_pool(ops.reshape(ops.arange(6.0), (1, 6, 1)), 3)[0, :, 0]
    array([1., 3., 5.], dtype=float32)
    """
    x = convert(inputs)
    axes, counts = _spatial_axes(x, output_size, data_format)
    for axis, count in zip(axes, counts):
        bins = adaptive_bins(x.shape[axis], count)
        longest = max(stop - start for start, stop in bins)
        # Shorter bins name their last element again, which changes no maximum.
        x = largest(
            take(x, [[min(start + i, stop - 1) for i in range(longest)] for start, stop in bins], axis), axis + 1
        )
    return x
