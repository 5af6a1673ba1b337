"""Convolution and max-pooling in one go: the largest arrays of a network never go to memory and back."""

import math

from . import conv_batch_last
from .conv import conv, conv_grad, form_of, in_float32
from .pool import max_pool, max_pool_grad

__all__ = ["conv_pool", "conv_pool_grad"]

PAIRS = ((2, 2), (2, 2), ((0, 0), (0, 0)))


@in_float32
def conv_pool(
    x, kernel, bias=None, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    pool=PAIRS, winners=True,
):  # fmt: skip
    """y = act(max_pool(x * kernel, *pool) + bias), and what `conv_pool_grad` has to know if `winners`.

    x (n, *space, c)   kernel (*window, c / groups, filters)   ->   y (n, *pooled positions, filters)

    That is max_pool(act(x * kernel + bias), *pool) for activations that never fall: relu, sigmoid, tanh and the like.
    """
    form = form_of(x.shape, kernel.shape, strides, padding, dilation, groups)
    if _side_by_side(form, pool):
        arrays = form.turned(x), form.cells(kernel), bias, activation
        y, won = conv_batch_last.conv(*arrays, form.strides, form.padding, _pair(pool[0]), winners)
        return form.natural(y), won
    z = conv(x, kernel, None, None, strides, padding, dilation, groups)
    top = max_pool(z, *pool)
    y = top.copy() if bias is None else top + bias
    return y if activation is None else activation.forward(y), (z, top)


@in_float32
def conv_pool_grad(
    x, kernel, y, won, dy, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    pool=PAIRS, wants=(True, True, True),
):  # fmt: skip
    """dx, dw and db, those wanted, from dy, where `y, won = conv_pool(...)`."""
    form = form_of(x.shape, kernel.shape, strides, padding, dilation, groups)
    if _side_by_side(form, pool):
        return form.gradients(x, kernel, y, dy, activation, wants, _pair(pool[0]), won)
    dtop = dy if activation is None else activation.backward(y, dy)
    dz = max_pool_grad(*won, dtop, *pool)
    return conv_grad(x, kernel, None, dz, None, strides, padding, dilation, groups, wants)


def _side_by_side(form, pool):
    """Whether the windows share no elements and need no padding, in a batch that is innermost."""
    size, strides, padding = pool
    return (
        form.way is conv_batch_last
        and tuple(size) == tuple(strides)
        and not any(map(any, padding))
        and all(n >= k for n, k in zip(form.positions, size, strict=True))
        and math.prod(size) < 128  # their cells are numbered in bytes
    )


def _pair(size):
    return (1,) * (2 - len(size)) + tuple(size)
