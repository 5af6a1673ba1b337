"""Convolutions of every kind as matrix products, over arrays (n, *space, channels) in plain order.

One to three spatial axes, strides, dilation, groups. Every window becomes a row of a matrix (im2col), some images, or
some rows of one image, at a time.
"""

import functools
import math

import numpy as np

from . import arena, threads

COLUMNS = 1 << 18  # elements of columns that one piece of work makes: 1 MB in float32, about a level 2 cache


def conv(x, kernel, bias, activation, strides, padding, dilation, groups, positions):
    """y (n, *positions, filters) = act(x * kernel + bias)."""
    form = _form(x.shape, kernel.shape, strides, padding, dilation, groups, positions)
    y = arena.empty((len(x), *positions, kernel.shape[-1]), x.dtype)
    windows, weights = form.windows(form.padded(x)), form.weights(kernel)

    def piece(start, stop):
        for part in form.parts[start:stop]:
            out = y[part]
            np.matmul(form.columns(windows[part]), weights, out=form.by_group(out))
            if bias is not None:
                out += bias
            if activation is not None:
                activation.forward(out)

    threads.parallel(piece, len(form.parts), 1, (x.shape, kernel.shape))
    return y


def grad_kernel(x, dz, kernel_shape, strides, padding, dilation, groups):
    """dw, of shape `kernel_shape`."""
    form = _form(x.shape, kernel_shape, strides, padding, dilation, groups, dz.shape[1:-1])
    windows = form.windows(form.padded(x))
    grain = max(1, -(-len(form.parts) // 16))  # a sum of 16 parts at most
    sums = np.zeros((-(-len(form.parts) // grain), groups, form.depth, kernel_shape[-1] // groups), x.dtype)

    def piece(start, stop):
        for part in form.parts[start:stop]:
            sums[start // grain] += np.matmul(form.columns(windows[part]).swapaxes(1, 2), form.by_group(dz[part]))

    threads.parallel(piece, len(form.parts), grain, (x.shape, kernel_shape))
    return sums.sum(axis=0).swapaxes(0, 1).reshape(kernel_shape)


def grad_input(dz, kernel, x_shape, strides, padding, dilation, groups):
    """dx, of shape `x_shape`."""
    form = _form(x_shape, kernel.shape, strides, padding, dilation, groups, dz.shape[1:-1])
    dxp = np.zeros(form.padded_shape, dz.dtype)
    windows, weights = form.windows(dxp), form.weights(kernel).swapaxes(1, 2)

    def piece(start, stop):
        part = slice(start, stop)
        shares = np.matmul(form.by_group(dz[part]), weights)
        shares = np.moveaxis(shares.reshape(groups, stop - start, *dz.shape[1:-1], *form.window, -1), 0, -2)
        for cell in np.ndindex(*form.window):
            at = (part, *[slice(None)] * len(cell), *cell)
            windows[at] += shares[(slice(None),) + at[1:]]  # windows of the same cell do not overlap

    if dz.size:
        threads.parallel(piece, len(dz), max(1, COLUMNS // form.columns_per_image), kernel.shape)
    return dxp[form.inside]


def _form(x_shape, kernel_shape, strides, padding, dilation, groups, positions):
    """The sizes, remembered from the last time."""
    padding = tuple([tuple(pair) for pair in padding])
    sizes = tuple(x_shape), tuple(kernel_shape), tuple(strides), padding, tuple(dilation), groups, tuple(positions)
    return _remembered(*sizes)


@functools.lru_cache(maxsize=512)
def _remembered(*sizes):
    return _Form(*sizes)


class _Form:
    """The sizes of one convolution."""

    def __init__(self, x_shape, kernel_shape, strides, padding, dilation, groups, positions):
        n, *space, c = x_shape
        self.strides, self.dilation, self.groups, self.positions = strides, dilation, groups, positions
        self.window, self.depth = kernel_shape[:-2], math.prod(kernel_shape[:-1])
        self.padded_shape = (n, *(size + sum(p) for size, p in zip(space, padding, strict=True)), c)
        self.inside = (slice(None), *(slice(p[0], p[0] + size) for size, p in zip(space, padding, strict=True)))
        self.columns_per_image = math.prod(positions) * self.depth * groups
        self.parts = []
        if n * self.columns_per_image:
            fraction = COLUMNS / self.columns_per_image
            images, height = max(1, int(fraction)), positions[0]
            rows = height if fraction >= 1 else math.ceil(height * fraction)
            starts = [(i, j) for i in range(0, n, images) for j in range(0, height, rows)]
            self.parts = [(slice(i, min(n, i + images)), slice(j, min(height, j + rows))) for i, j in starts]

    def padded(self, x):
        """x within zeros."""
        if self.padded_shape == x.shape:
            return x
        xp = np.zeros(self.padded_shape, x.dtype)
        xp[self.inside] = x
        return xp

    def windows(self, xp):
        """A view (n, *positions, *window, groups, channels of a group)."""
        batch, *steps, channel = xp.strides
        c = xp.shape[-1] // self.groups
        strides = [s * t for s, t in zip(steps, self.strides, strict=True)]
        cells = [s * d for s, d in zip(steps, self.dilation, strict=True)]
        shape = (len(xp), *self.positions, *self.window, self.groups, c)
        strides = (batch, *strides, *cells, channel * c, channel)
        if xp.flags.c_contiguous:
            return np.ndarray(shape, xp.dtype, xp, 0, strides)
        return np.lib.stride_tricks.as_strided(xp, shape, strides)  # six times slower, but takes what has gaps

    def columns(self, windows):
        """(groups, windows, depth), a copy."""
        if windows.shape[-2:] == (1, 1):
            # With one channel the longest runs of neighbours are along the positions: copied so, and read transposed.
            rank = len(self.window)
            rows = windows.transpose(*range(rank + 1, windows.ndim), *range(rank + 1))
            out = arena.empty(rows.shape, rows.dtype)
            out[...] = rows
            return out.reshape(1, self.depth, -1).swapaxes(1, 2)
        columns = windows.transpose(windows.ndim - 2, *range(windows.ndim - 2), windows.ndim - 1)
        out = arena.empty(columns.shape, columns.dtype)
        out[...] = columns
        return out.reshape(self.groups, -1, self.depth)

    def weights(self, kernel):
        """(groups, depth, filters / groups)."""
        return kernel.reshape(self.depth, self.groups, -1).swapaxes(0, 1)

    def by_group(self, y):
        """(n, *positions, filters) -> (groups, positions of all images, filters / groups)."""
        return y.reshape(-1, self.groups, y.shape[-1] // self.groups).swapaxes(0, 1)
