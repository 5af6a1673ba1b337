"""Convolutions over one to three spatial axes, and their gradients.

Arrays are (n, *space, channels) whatever their order in memory. Batches of images go to `conv_batch_last`, and come back with
the batch innermost in memory, where the next layer finds them; all else is lowered to matrix products, in plain order.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import arena, conv_batch_last, threads

__all__ = ["conv", "conv_grad_input", "conv_grad_kernel", "output_size", "same_padding"]

BATCH = 16  # images from which the batch is long enough to be the innermost axis
COLUMNS = 1 << 18  # elements of columns that one piece of work makes: 1 MB in float32, about a level 2 cache


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

    x (n, *space, c)   kernel (*window, c / groups, filters)   ->   y (n, *positions, filters)
    """
    form = _Form(x.shape, kernel.shape, strides, padding, dilation, groups)
    if form.batch_last:
        y = conv_batch_last.conv(form.image(x), form.cells(kernel), bias, activation, *form.options)
        return form.natural(y, form.y_shape)
    y = arena.empty(form.y_shape, x.dtype)
    weights = form.weights(kernel)
    windows = form.windows(form.padded(x))

    def piece(start, stop):
        for part in form.parts[start:stop]:
            out = y[part]
            np.matmul(form.columns(windows[part]), weights, out=form.by_group(out))
            if bias is not None:
                out += bias
            if activation is not None:
                activation.forward(out)

    threads.parallel(piece, len(form.parts), 1)
    return y


def conv_grad_kernel(x, dz, kernel_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, out=None):
    """dw, of shape `kernel_shape`: the correlation of x with dz."""
    form = _Form(x.shape, kernel_shape, strides, padding, dilation, groups)
    if form.batch_last:
        dw = conv_batch_last.grad_kernel(form.image(x), form.image(dz), form.cells_shape, *form.options)
    else:
        windows = form.windows(form.padded(x))
        grain = -(-len(form.parts) // 16)  # a sum of 16 parts at most
        sums = np.zeros((16, groups, form.depth, form.filters // groups), x.dtype)

        def piece(start, stop):
            for part in form.parts[start:stop]:
                sums[start // grain] += np.matmul(form.columns(windows[part]).swapaxes(1, 2), form.by_group(dz[part]))

        threads.parallel(piece, len(form.parts), max(1, grain))
        dw = sums.sum(axis=0).swapaxes(0, 1)
    if out is None:
        return dw.reshape(kernel_shape)
    out[...] = dw.reshape(kernel_shape)
    return out


def conv_grad_input(dz, kernel, x_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """dx, of shape `x_shape`: every dz times the window it came from, added up where windows overlap."""
    form = _Form(x_shape, kernel.shape, strides, padding, dilation, groups)
    if form.batch_last:
        dx = conv_batch_last.grad_input(form.image(dz), form.cells(kernel), form.image_shape, *form.options)
        return form.natural(dx, x_shape)
    dxp = np.zeros(form.padded_shape, dz.dtype)
    windows, weights = form.windows(dxp), form.weights(kernel).swapaxes(1, 2)

    def piece(start, stop):
        z = form.by_group(dz[start:stop])
        shares = np.matmul(z, weights).reshape(groups, stop - start, *form.positions, *form.window, -1)
        shares = np.moveaxis(shares, 0, -2)
        for cell in np.ndindex(*form.window):
            at = (slice(None),) * (1 + len(form.positions)) + cell
            windows[start:stop][at] += shares[at]  # the windows of one cell do not overlap

    if math.prod(form.y_shape):
        threads.parallel(piece, x_shape[0], max(1, COLUMNS // max(1, form.columns_per_image)))
    return dxp[form.inside]


class _Form:
    """The sizes of one convolution, and how it becomes matrix products."""

    def __init__(self, x_shape, kernel_shape, strides, padding, dilation, groups):
        self.strides, self.dilation, self.groups = tuple(strides), tuple(dilation), groups
        n, *space, c = x_shape
        self.window, self.filters = kernel_shape[:-2], kernel_shape[-1]
        self.positions = tuple(map(output_size, space, self.window, strides, dilation, padding))
        self.y_shape = (n, *self.positions, self.filters)
        self.batch_last = n >= BATCH and groups == 1 and len(space) <= 2 and set(dilation) == {1} and 0 not in self.y_shape
