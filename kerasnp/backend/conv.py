"""Convolutions over one to three spatial axes, and their gradients."""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import arena, threads

__all__ = ["conv", "conv_grad_input", "conv_grad_kernel", "output_size", "same_padding"]

COLUMNS = 1 << 18  # elements of the lowered columns that one piece of work writes: 1 MB in float32


def output_size(size, kernel, stride=1, dilation=1, padding=(0, 0)):
    """Positions of a window along one axis.

    >>> output_size(28, 5, stride=2, padding=(2, 2))
    14
    """
    return max(0, (size + sum(padding) - (kernel - 1) * dilation - 1) // stride + 1)


def same_padding(size, kernel, stride=1, dilation=1):
    """(before, after) for an output of ceil(size / stride); the odd element goes after.

    >>> same_padding(28, 4)
    (1, 2)
    """
    total = max(0, (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


def conv(x, kernel, bias=None, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """y = act(x * kernel + bias).

    x (n, *spatial, c)   kernel (*window, c / groups, filters)   ->   y (n, *positions, filters)
    """
    form = _Form(x.shape, kernel.shape, strides, padding, dilation, groups)
    y = arena.empty(form.y_shape, x.dtype)
    weights = form.weights(kernel)
    xp = _padded(x, padding)

    def piece(start, stop):
        part = y[start:stop]
        z = part.reshape(-1, groups, form.filters // groups).transpose(1, 0, 2)
        np.matmul(form.lower(xp[start:stop]), weights, out=z)
        if bias is not None:
            part += bias
        if activation is not None:
            activation.forward(part)

    threads.parallel(piece, len(x), form.images_per_piece)
    return y


def conv_grad_kernel(x, dz, kernel_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, out=None):
    """dw = the correlation of x with dz, of shape `kernel_shape`."""
    form = _Form(x.shape, kernel_shape, strides, padding, dilation, groups)
    xp = _padded(x, padding)
    pieces = -(-len(x) // form.images_per_piece)
    sums = np.zeros((max(1, pieces), groups, form.depth, form.filters // groups), x.dtype)

    def piece(start, stop):
        columns = form.lower(xp[start:stop])
        z = dz[start:stop].reshape(-1, groups, form.filters // groups).transpose(1, 0, 2)
        np.matmul(columns.transpose(0, 2, 1), z, out=sums[start // form.images_per_piece])

    threads.parallel(piece, len(x), form.images_per_piece)
    dw = sums.sum(axis=0).transpose(1, 0, 2).reshape(kernel_shape)
    if out is None:
        return dw
    out[...] = dw
    return out


def conv_grad_input(dz, kernel, x_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """dx (n, *spatial, c): every dz times the window it came from, added up where windows overlap."""
    form = _Form(x_shape, kernel.shape, strides, padding, dilation, groups)
    axes = range(1, len(x_shape) - 1)
    padded = tuple(n + sum(p) for n, p in zip(x_shape[1:-1], padding, strict=True))
    dxp = np.zeros((x_shape[0], *padded, x_shape[-1]), dz.dtype)
    weights = form.weights(kernel).transpose(0, 2, 1)

    def piece(start, stop):
        z = dz[start:stop].reshape(-1, groups, form.filters // groups).transpose(1, 0, 2)
        columns = np.matmul(z, weights).reshape(groups, stop - start, *form.positions, *form.window, -1)
        columns = np.moveaxis(columns, 0, -2)
        views = _windows(dxp[start:stop], form.window, strides, dilation, groups)
        for cell in np.ndindex(*form.window):
            at = (slice(None),) * (1 + len(axes)) + cell
            views[at] += columns[at]

    if 0 not in form.positions:
        threads.parallel(piece, x_shape[0], form.images_per_piece)
    inner = tuple(slice(p[0], p[0] + n) for n, p in zip(x_shape[1:-1], padding, strict=True))
    return dxp[(slice(None), *inner)]


class _Form:
    """The sizes of one convolution."""

    def __init__(self, x_shape, kernel_shape, strides, padding, dilation, groups):
        self.strides, self.dilation, self.groups = strides, dilation, groups
        self.window, self.filters = kernel_shape[:-2], kernel_shape[-1]
        self.positions = tuple(map(output_size, x_shape[1:-1], self.window, strides, dilation, padding))
        self.y_shape = (x_shape[0], *self.positions, self.filters)
        self.depth = math.prod(kernel_shape[:-1])
        per_image = math.prod(self.positions) * self.depth * groups
        self.images_per_piece = max(1, COLUMNS // max(1, per_image))

    def weights(self, kernel):
        """The kernel as one matrix (depth, filters / groups) per group."""
        return kernel.reshape(self.depth, self.groups, -1).transpose(1, 0, 2)

    def lower(self, xp):
        """Columns (groups, images * positions, depth): every window of the padded images as a row."""
        views = _windows(xp, self.window, self.strides, self.dilation, self.groups)
        columns = np.moveaxis(views, -2, 0)
        return np.ascontiguousarray(columns).reshape(self.groups, -1, self.depth)


def _windows(xp, window, strides, dilation, groups):
    """A view (n, *positions, *window, groups, channels of a group)."""
    n, *spatial, c = xp.shape
    positions = tuple(map(output_size, spatial, window, strides, dilation))
    steps = xp.strides[1:-1]
    return as_strided(
        xp,
        (n, *positions, *window, groups, c // groups),
        (
            xp.strides[0],
            *(s * t for s, t in zip(steps, strides, strict=True)),
            *(s * d for s, d in zip(steps, dilation, strict=True)),
            xp.strides[-1] * (c // groups),
            xp.strides[-1],
        ),
    )


def _padded(x, padding):
    """`x` within zeros, or `x` itself where there are none to add."""
    if not any(map(any, padding)):
        return x
    shape = (len(x), *(n + sum(p) for n, p in zip(x.shape[1:-1], padding, strict=True)), x.shape[-1])
    xp = np.zeros(shape, x.dtype)
    xp[(slice(None), *(slice(p[0], p[0] + n) for n, p in zip(x.shape[1:-1], padding, strict=True)))] = x
    return xp
