"""Convolutions over one to three spatial axes, and their gradients.

Arrays are (n, *space, channels) in shape, in any order in memory. Batches of images come back with the batch innermost
in memory, where the next layer wants them (conv_batch_last.py). All else is done in plain order (conv_plain.py), except
where every channel goes by itself (conv_depthwise.py). One spatial axis is an image one pixel high to the former and
the latter.
"""

import functools

import numpy as np

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


def in_float32(kernel):
    """A kernel that computes in float32 what it is given in float16, for which there are no fast matrix products."""

    def wide(x):
        return x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype == np.float16 else x

    def narrow(x):
        return x.astype(np.float16) if isinstance(x, np.ndarray) and x.dtype == np.float32 else x

    @functools.wraps(kernel)
    def wrapped(x, *args, **options):
        if x.dtype != np.float16:
            return kernel(x, *args, **options)
        result = kernel(wide(x), *map(wide, args), **{name: wide(value) for name, value in options.items()})
        return tuple(map(narrow, result)) if isinstance(result, tuple) else narrow(result)

    return wrapped


@in_float32
def conv(x, kernel, bias=None, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """y = act(x * kernel + bias).

    x (n, *space, c)   kernel (*window, c / groups, filters)   ->   y (n, *positions, filters)
    """
    form = form_of(x.shape, kernel.shape, strides, padding, dilation, groups)
    if form.way is conv_batch_last:
        y, _ = conv_batch_last.conv(form.turned(x), form.cells(kernel), bias, activation, form.strides, form.padding)
        return form.natural(y)
    if form.way is conv_depthwise:
        return form.flat(conv_depthwise.conv(form.image(x), form.cells(kernel), bias, activation, *form.options))
    return conv_plain.conv(x, kernel, bias, activation, strides, padding, dilation, groups, form.positions)


@in_float32
def conv_grad(
    x, kernel, y, dy, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    wants=(True, True, True),
):  # fmt: skip
    """dx, dw and db of y = act(x * kernel + bias), those wanted, from dy."""
    form = form_of(x.shape, kernel.shape, strides, padding, dilation, groups)
    if form.way is conv_batch_last:
        return form.gradients(x, kernel, y, dy, activation, wants)
    options = strides, padding, dilation, groups
    dz = dy if activation is None else activation.backward(y, dy)
    return (
        conv_grad_input(dz, kernel, x.shape, *options) if wants[0] else None,
        conv_grad_kernel(x, dz, kernel.shape, *options) if wants[1] else None,
        sum_rows(dz) if wants[2] else None,
    )


@in_float32
def conv_grad_kernel(x, dz, kernel_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, out=None):
    """dw, of shape `kernel_shape`: the correlation of x with dz."""
    form = form_of(x.shape, kernel_shape, strides, padding, dilation, groups)
    if form.way is conv_batch_last:
        arrays = form.turned(x), form.kernel_shape, None, form.turned(dz), None
        _, dw, _ = conv_batch_last.gradients(*arrays, form.strides, form.padding, (False, True, False))
    elif form.way is conv_depthwise:
        dw = conv_depthwise.grad_kernel(form.image(x), form.image(dz), form.kernel_shape, *form.options)
    else:
        dw = conv_plain.grad_kernel(x, dz, kernel_shape, strides, padding, dilation, groups)
    if out is None:
        return dw.reshape(kernel_shape)
    out[...] = dw.reshape(kernel_shape)
    return out


@in_float32
def conv_grad_input(dz, kernel, x_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """dx, of shape `x_shape`: every dz times the window it came from, added up where windows overlap."""
    form = form_of(x_shape, kernel.shape, strides, padding, dilation, groups)
    if form.way is conv_batch_last:
        arrays = form.turned(dz), form.cells(kernel), form.turned_shape
        return form.natural(conv_batch_last.grad_input(*arrays, form.strides, form.padding))
    if form.way is conv_depthwise:
        arrays = form.image(dz), form.cells(kernel), form.image_shape
        return form.flat(conv_depthwise.grad_input(*arrays, *form.options))
    return conv_plain.grad_input(dz, kernel, x_shape, strides, padding, dilation, groups)


def form_of(x_shape, kernel_shape, strides, padding, dilation, groups):
    """The Form for these sizes, remembered from the last time."""
    try:
        return _form(x_shape, kernel_shape, strides, padding, dilation, groups)
    except TypeError:  # lists
        padding = tuple([tuple(pair) for pair in padding])
        return _form(tuple(x_shape), tuple(kernel_shape), tuple(strides), padding, tuple(dilation), groups)


@functools.lru_cache(maxsize=512)
def _form(*sizes):
    return Form(*sizes)


class Form:
    """How a convolution is done, and its arguments as that way wants them: for images."""

    def __init__(self, x_shape, kernel_shape, strides, padding, dilation, groups):
        n, *space, c = x_shape
        self.positions = tuple(map(output_size, space, kernel_shape[:-2], strides, dilation, padding))
        self.rank, self.way = len(space), conv_plain
        if self.rank > 2 or not n or 0 in self.positions:
            return
        if 1 < groups == c:
            self.way = conv_depthwise
        elif n >= BATCH and groups == 1 and set(dilation) == {1}:
            self.way = conv_batch_last
        missing = 2 - self.rank
        self.strides = (1,) * missing + tuple(strides)
        self.padding = ((0, 0),) * missing + tuple(map(tuple, padding))
        self.kernel_shape = (1,) * missing + tuple(kernel_shape)
        self.image_shape = (n, *(1,) * missing, *space, c)
        self.turned_shape = (*self.image_shape[1:], n)
        positions, dilation = (1,) * missing + self.positions, (1,) * missing + tuple(dilation)
        self.options = self.strides, self.padding, dilation, positions, n >= BATCH

    def cells(self, kernel):
        """(kh, kw, c, f)."""
        return kernel.reshape(self.kernel_shape)

    def image(self, x):
        """(n, h, w, c), a view."""
        return x if self.rank == 2 else x[:, None]

    def flat(self, x):
        """The reverse, a view."""
        return x if self.rank == 2 else x[:, 0]

    def turned(self, x):
        """(h, w, c, n), a view."""
        return self.image(x).transpose(1, 2, 3, 0)

    def natural(self, x):
        """The reverse, a view."""
        return self.flat(x.transpose(3, 0, 1, 2))

    def gradients(self, x, kernel, y, dy, activation, wants, size=None, won=None):
        """dx, dw and db where the batch is innermost; see `conv_batch_last.gradients`."""
        y = None if activation is None else self.turned(y)
        arrays = self.turned(x), self.kernel_shape, y, self.turned(dy), activation
        dz, dw, db = conv_batch_last.gradients(*arrays, self.strides, self.padding, wants, size, won)
        dx = None
        if wants[0]:
            arrays = dz, self.cells(kernel), self.turned_shape, self.strides, self.padding, size or (1, 1)
            dx = self.natural(conv_batch_last.grad_input(*arrays))
        return dx, dw if dw is None else dw.reshape(kernel.shape), db
