"""Convolutions over one to three spatial axes, and their gradients.

Arrays are (n, *space, channels) in shape, in any order in memory. Batches of images come back with the batch innermost in
memory, where the next layer wants them (see conv_batch_last.py).
"""

import numpy as np

from . import conv_batch_last, conv_plain

__all__ = ["conv", "conv_grad_input", "conv_grad_kernel", "output_size", "same_padding"]

BATCH = 16  # images from which the batch is long enough to be the innermost axis


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
    positions = _positions(x.shape, kernel.shape, strides, padding, dilation)
    if _batch_last(x.shape, positions, dilation, groups):
        return _natural(conv_batch_last.conv(_image(x), _cells(kernel), bias, activation, *_pairs(strides, padding)), x.ndim)
    return conv_plain.conv(x, kernel, bias, activation, strides, padding, dilation, groups, positions)


def conv_grad_kernel(x, dz, kernel_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, out=None):
    """dw, of shape `kernel_shape`: the correlation of x with dz."""
    if _batch_last(x.shape, dz.shape[1:-1], dilation, groups):
        cells = (1,) * (4 - x.ndim) + tuple(kernel_shape)
        dw = conv_batch_last.grad_kernel(_image(x), _image(dz), cells, *_pairs(strides, padding)).reshape(kernel_shape)
    else:
        dw = conv_plain.grad_kernel(x, dz, kernel_shape, strides, padding, dilation, groups)
    if out is None:
        return dw
    out[...] = dw
    return out


def conv_grad_input(dz, kernel, x_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """dx, of shape `x_shape`: every dz times the window it came from, added up where windows overlap."""
    if _batch_last(x_shape, dz.shape[1:-1], dilation, groups):
        *space, c = x_shape[1:]
        shape = (1,) * (4 - len(x_shape)) + (*space, c, len(dz))
        return _natural(conv_batch_last.grad_input(_image(dz), _cells(kernel), shape, *_pairs(strides, padding)), dz.ndim)
    return conv_plain.grad_input(dz, kernel, x_shape, strides, padding, dilation, groups)


def _positions(x_shape, kernel_shape, strides, padding, dilation):
    return tuple(map(output_size, x_shape[1:-1], kernel_shape[:-2], strides, dilation, padding))


def _batch_last(x_shape, positions, dilation, groups):
    """Whether the batch goes innermost."""
    return len(positions) <= 2 and x_shape[0] >= BATCH and groups == 1 and set(dilation) == {1} and 0 not in positions


def _image(x):
    """(n, h, w, c) -> (h, w, c, n), a view; one spatial axis is an image one pixel high."""
    return x.transpose(1, 2, 3, 0) if x.ndim == 4 else x.transpose(1, 2, 0)[None]


def _natural(y, ndim):
    """(h, w, c, n) -> (n, h, w, c), or (n, w, c) where there is one spatial axis; a view."""
    return y.transpose(3, 0, 1, 2) if ndim == 4 else y[0].transpose(2, 0, 1)


def _cells(kernel):
    return kernel if kernel.ndim == 4 else kernel[None]


def _pairs(strides, padding):
    """Strides and padding of an image."""
    strides, padding = tuple(strides), tuple(map(tuple, padding))
    return (strides, padding) if len(strides) == 2 else ((1, *strides), ((0, 0), *padding))
