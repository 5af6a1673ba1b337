"""Convolutions over one to three spatial axes, and their gradients.

Arrays are (n, *space, channels) in shape, in any order in memory. Batches of images come back with the batch innermost
in memory, where the next layer wants them (conv_batch_last.py); all else is done in plain order (conv_plain.py).
"""

from . import conv_batch_last, conv_depthwise, conv_plain
from .linear import sum_rows

__all__ = ["conv", "conv_grad", "conv_grad_input", "conv_grad_kernel", "output_size", "same_padding"]

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
    places = positions(x.shape, kernel.shape, strides, padding, dilation)
    if depthwise(x.shape, places, groups):
        options = pair(strides, 1), pair(padding, (0, 0)), pair(dilation, 1), pair(places, 1), len(x) >= BATCH
        y = conv_depthwise.conv(x if x.ndim == 4 else x[:, None], cells(kernel), bias, activation, *options)
        return y if x.ndim == 4 else y[:, 0]
    if not batch_last(x.shape, places, dilation, groups):
        return conv_plain.conv(x, kernel, bias, activation, strides, padding, dilation, groups, places)
    y, _ = conv_batch_last.conv(image(x), cells(kernel), bias, activation, pair(strides, 1), pair(padding, (0, 0)))
    return natural(y, x.ndim)


def conv_grad(
    x, kernel, y, dy, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    wants=(True, True, True),
):  # fmt: skip
    """dx, dw and db of y = act(x * kernel + bias), those wanted, from dy."""
    if batch_last(x.shape, dy.shape[1:-1], dilation, groups):
        return gradients(x, kernel, y, dy, activation, strides, padding, wants)
    options = strides, padding, dilation, groups
    dz = dy if activation is None else activation.backward(y, dy)
    return (
        conv_grad_input(dz, kernel, x.shape, *options) if wants[0] else None,
        conv_grad_kernel(x, dz, kernel.shape, *options) if wants[1] else None,
        sum_rows(dz) if wants[2] else None,
    )


def conv_grad_kernel(
    x, dz, kernel_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, out=None
):
    """dw, of shape `kernel_shape`: the correlation of x with dz."""
    if batch_last(x.shape, dz.shape[1:-1], dilation, groups):
        shape = pair(kernel_shape, 1, 4)
        options = None, pair(strides, 1), pair(padding, (0, 0)), (False, True, False)
        _, dw, _ = conv_batch_last.gradients(image(x), shape, None, image(dz), *options)
    elif depthwise(x.shape, dz.shape[1:-1], groups):
        options = pair(kernel_shape, 1, 4), pair(strides, 1), pair(padding, (0, 0)), pair(dilation, 1), len(x) >= BATCH
        dw = conv_depthwise.grad_kernel(*((x, dz) if x.ndim == 4 else (x[:, None], dz[:, None])), *options)
    else:
        dw = conv_plain.grad_kernel(x, dz, kernel_shape, strides, padding, dilation, groups)
    if out is None:
        return dw.reshape(kernel_shape)
    out[...] = dw.reshape(kernel_shape)
    return out


def conv_grad_input(dz, kernel, x_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """dx, of shape `x_shape`: every dz times the window it came from, added up where windows overlap."""
    if depthwise(x_shape, dz.shape[1:-1], groups):
        options = pair(strides, 1), pair(padding, (0, 0)), pair(dilation, 1), len(dz) >= BATCH
        shape = (x_shape[0], *pair(x_shape[1:], 1, 3))
        dx = conv_depthwise.grad_input(dz if dz.ndim == 4 else dz[:, None], cells(kernel), shape, *options)
        return dx if dz.ndim == 4 else dx[:, 0]
    if not batch_last(x_shape, dz.shape[1:-1], dilation, groups):
        return conv_plain.grad_input(dz, kernel, x_shape, strides, padding, dilation, groups)
    shape = pair((*x_shape[1:], x_shape[0]), 1, 4)
    dx = conv_batch_last.grad_input(image(dz), cells(kernel), shape, pair(strides, 1), pair(padding, (0, 0)))
    return natural(dx, dz.ndim)


def gradients(x, kernel, y, dy, activation, strides, padding, wants, size=None, won=None):
    """dx, dw and db of a convolution with the batch last; see `conv_batch_last.gradients`."""
    options, x, w = (pair(strides, 1), pair(padding, (0, 0))), image(x), cells(kernel)
    dz, dw, db = conv_batch_last.gradients(x, w.shape, image(y), image(dy), activation, *options, wants, size, won)
    dx = conv_batch_last.grad_input(dz, w, x.shape, *options, size or (1, 1)) if wants[0] else None
    return None if dx is None else natural(dx, dy.ndim), None if dw is None else dw.reshape(kernel.shape), db


def positions(x_shape, kernel_shape, strides, padding, dilation):
    """The shape of the output between batch and filters."""
    return tuple(map(output_size, x_shape[1:-1], kernel_shape[:-2], strides, dilation, padding))


def batch_last(x_shape, places, dilation, groups):
    """Whether the batch goes innermost."""
    return len(places) <= 2 and x_shape[0] >= BATCH and groups == 1 and set(dilation) == {1} and 0 not in places


def depthwise(x_shape, places, groups):
    """Whether every channel goes by itself."""
    return 1 < groups == x_shape[-1] and len(places) <= 2 and x_shape[0] and 0 not in places


def image(x):
    """(n, h, w, c) -> (h, w, c, n), a view; one spatial axis is an image one pixel high."""
    return x.transpose(1, 2, 3, 0) if x.ndim == 4 else x.transpose(1, 2, 0)[None]


def natural(y, ndim):
    """(h, w, c, n) -> (n, h, w, c), or (n, w, c) where there is one spatial axis; a view."""
    return y.transpose(3, 0, 1, 2) if ndim == 4 else y[0].transpose(2, 0, 1)


def cells(kernel):
    """(w, c, f) -> (1, w, c, f) where there is one spatial axis."""
    return kernel if kernel.ndim == 4 else kernel[None]


def pair(values, first, length=2):
    """The values, with `first` for the missing height."""
    return tuple(values) if len(values) == length else (first, *values)
