"""Convolutions with the batch innermost in memory, over arrays (height, width, channels, n).

A window is then `width` runs of `channels * n` contiguous numbers, however few the channels. Two schemes use that. Lowering
copies the rows that a row of the output sees next to each other and multiplies the kernel with windows that overlap along the
width. With many channels the height is transformed instead (Winograd's minimal filtering in one dimension; Lavin and Gray,
2016, arXiv:1509.09308): half the multiplications, and less to copy.
"""

import functools

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import arena, threads

BLOCK = 1 << 18  # elements of columns that one block of work makes: 1 MB in float32, about a level 2 cache
MANY = 16  # channels, in and out, from which the transform pays


def conv(x, kernel, bias, activation, strides, padding):
    """y (oh, ow, f, n) = act(x (h, w, c, n) * kernel (kh, kw, c, f) + bias)."""
    scheme = _scheme(x.shape, kernel.shape, strides, padding)
    y = arena.empty((*scheme.positions, kernel.shape[3], x.shape[3]), x.dtype)
    weights = scheme.weights(kernel)
    if bias is not None:
        bias = np.repeat(bias, x.shape[3])  # added row by row: three times faster than broadcast along the batch

    def piece(start, stop):
        for block in scheme.blocks[start:stop]:
            part = y[block.rows, block.columns]
            scheme.multiply(x, weights, block, part)
            part = _rows(part)
            if bias is not None:
                part += bias
            if activation is not None:
                activation.forward(part)

    threads.parallel(piece, len(scheme.blocks), 1)
    return y


def grad_kernel(x, dz, kernel_shape, strides, padding):
    """dw (kh, kw, c, f), from x (h, w, c, n) and dz (oh, ow, f, n)."""
    scheme = _scheme(x.shape, kernel_shape, strides, padding)
    grain = -(-len(scheme.blocks) // 16)  # so many parts of the sum at most
    parts = np.zeros((-(-len(scheme.blocks) // grain), *kernel_shape), x.dtype)

    def piece(start, stop):
        for block in scheme.blocks[start:stop]:
            parts[start // grain] += scheme.correlate(x, dz[block.rows, block.columns], block)

    threads.parallel(piece, len(scheme.blocks), grain)
    return parts.sum(axis=0)


def grad_input(dz, kernel, x_shape, strides, padding):
    """dx (h, w, c, n), from dz (oh, ow, f, n)."""
    full = tuple((k - 1 - before, k - 1 - after) for k, (before, after) in zip(kernel.shape, padding))
    scheme = _scheme(dz.shape, kernel.swapaxes(2, 3).shape, strides, full)
    if isinstance(scheme, _Transform) and min(map(min, full)) >= 0:
        return conv(dz, kernel[::-1, ::-1].swapaxes(2, 3), None, None, strides, full)
    return _scatter(dz, kernel, x_shape, strides, padding)


def _scatter(dz, kernel, x_shape, strides, padding):
    """dx by correlation along the width and addition along the height."""
    (oh, ow, f, n), (h, w, c, _), (kh, kw, _, _) = dz.shape, x_shape, kernel.shape
    (sh, sw), ((top, _), (left, _)) = strides, padding
    dx = np.zeros(x_shape, dz.dtype)
    # columns w of dx with (w + left) % sw == phase meet the cells phase, phase + sw, ... of the kernel's rows
    phases = [(r, kernel[:, r::sw][:, ::-1].transpose(0, 2, 1, 3).reshape(kh * c, -1)) for r in range(min(sw, kw))]
    rows = max(1, -(-oh // 8))
    spill = max(0, kh - sh)
    tails = np.zeros((-(-oh // rows), spill, w, c, n), dz.dtype)

    def piece(start, stop):
        raised = arena.empty((w, kh, c, n), dz.dtype)
        part = np.zeros(((stop - start - 1) * sh + kh, w, c, n), dz.dtype)
    return dx


class _Block:
    """A part of the output: rows `top` to `bottom`, columns `left` to `right`."""

    def __init__(self, top, bottom, left, right):
        self.top, self.bottom, self.left, self.right = top, bottom, left, right
        self.rows, self.columns = slice(top, bottom), slice(left, right)


class _Scheme:
    def __init__(self, x_shape, kernel_shape, strides, padding):
        pass
