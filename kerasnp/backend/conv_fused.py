"""Convolution and max-pooling in one go: the largest arrays of a network never go to memory and back."""

import numpy as np

from . import conv_batch_last, conv_plain
from .conv import batch_last, cells, conv_grad, gradients, image, natural, pair, positions
from .pool import max_pool, max_pool_grad

__all__ = ["conv_pool", "conv_pool_grad"]


def conv_pool(
    x, kernel, bias=None, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    size=(2, 2), winners=True,
):  # fmt: skip
    """y = the maxima of act(x * kernel + bias) in windows of `size` side by side, and what `conv_pool_grad` must know.

    x (n, *space, c)   kernel (*window, c / groups, filters)   ->   y (n, *(positions // size), filters)

    The maxima are taken first, so the activation must not fall anywhere: relu, sigmoid, tanh and the like.
    """
    places = positions(x.shape, kernel.shape, strides, padding, dilation)
    if not batch_last(x.shape, [n // k for n, k in zip(places, size, strict=True)], dilation, groups):
        z = conv_plain.conv(x, kernel, bias, activation, strides, padding, dilation, groups, places)
        return max_pool(z, size, size, ((0, 0),) * len(size)), z
    options = pair(strides, 1), pair(padding, (0, 0)), pair(size, 1), winners
    y, won = conv_batch_last.conv(image(x), cells(kernel), bias, activation, *options)
    return natural(y, x.ndim), won


def conv_pool_grad(
    x, kernel, y, won, dy, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    size=(2, 2), wants=(True, True, True),
):  # fmt: skip
    """dx, dw and db, those wanted, from dy, where `y, won = conv_pool(...)`."""
    if won.dtype == np.int8:
        return gradients(x, kernel, y, dy, activation, strides, padding, wants, pair(size, 1), won)
    dz = max_pool_grad(won, y, dy, size, size, ((0, 0),) * len(size))
    return conv_grad(x, kernel, won, dz, activation, strides, padding, dilation, groups, wants)
