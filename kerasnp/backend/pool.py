"""Pooling over one to three spatial axes, and its gradients."""

import math

import numpy as np

from . import arena, threads
from .conv import output_size

__all__ = ["avg_pool", "avg_pool_grad", "max_pool", "max_pool_grad"]


def max_pool(x, size, strides, padding):
    """y = the maximum of every window; the padding never wins.     x (n, *spatial, c)   ->   y (n, *positions, c)"""
    positions, cells = _cells(x.shape, size, strides, padding)
    y = np.full((len(x), *positions, x.shape[-1]), -np.inf, x.dtype)
    for target, source in cells:
        np.maximum(y[target], x[source], out=y[target])
    return y


def max_pool_grad(x, y, dy, size, strides, padding):
    """dx: every dy goes to the first maximum of its window."""
    _, cells = _cells(x.shape, size, strides, padding)
    dx = np.zeros_like(x)
    left = np.array(dy)
    for target, source in cells:
        share = left[target] * ((x[source] == y[target]) | np.isnan(x[source]))
        dx[source] += share
        left[target] -= share
    return dx


def avg_pool(x, size, strides, padding):
    """y = the mean of the elements in every window, the padding not counted."""
    positions, cells = _cells(x.shape, size, strides, padding)
    y = np.zeros((len(x), *positions, x.shape[-1]), x.dtype)
    for target, source in cells:
        y[target] += x[source]
    y /= _counts(x.shape, size, strides, padding).astype(x.dtype)
    return y


def avg_pool_grad(dy, x_shape, size, strides, padding):
    """dx: every dy is shared out evenly among the elements of its window."""
    _, cells = _cells(x_shape, size, strides, padding)
    dx = np.zeros(x_shape, dy.dtype)
    share = dy / _counts(x_shape, size, strides, padding).astype(dy.dtype)
    for target, source in cells:
        dx[source] += share[target]
    return dx


def _cells(x_shape, size, strides, padding):
    """The positions, and for every cell of the window the part of y and the part of x that meet there."""
    axes = list(zip(x_shape[1:-1], size, strides, padding, strict=True))
    positions = tuple(output_size(n, k, s, 1, p) for n, k, s, p in axes)
    cells = []
    for cell in np.ndindex(*size):
        target, source = [slice(None)], [slice(None)]
        for i, m, (n, _, s, p) in zip(cell, positions, axes, strict=True):
            first = max(0, -(-(p[0] - i) // s))
            last = min(m, (n - 1 + p[0] - i) // s + 1)
            target.append(slice(first, max(first, last)))
            start = first * s + i - p[0]
            source.append(slice(start, max(start, (last - 1) * s + i - p[0] + 1), s) if last > first else slice(0, 0))
        cells.append((tuple(target), tuple(source)))
    return positions, cells


def _counts(x_shape, size, strides, padding):
    """How many elements every window holds, (*positions, 1)."""
    positions, cells = _cells(x_shape, size, strides, padding)
    counts = np.zeros((1, *positions, 1))
    for target, _ in cells:
        counts[target] += 1
    return np.maximum(counts, 1)[0]
