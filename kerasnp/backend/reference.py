"""Every non-trivial kernel as its plain definition: what the fast ones of the same name must compute.

Swapped in by `with backend.using("reference"):`. Written to be read, not to be fast.
"""

import itertools
import math

import numpy as np

from .conv import output_size

# --- convolution


def conv(x, kernel, bias=None, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """y[n, p, f] = act(bias[f] + the sum over cells i and channels c of x[n, strides * p + dilation * i, c] kernel[i, c, f]).

    x (n, *spatial, c)   kernel (*window, c / groups, filters)   ->   y (n, *positions, filters); with groups, the filters of
    one group see the channels of that group only.
    """
    xp = np.pad(x, ((0, 0), *padding, (0, 0)))
    positions = tuple(map(output_size, xp.shape[1:-1], kernel.shape[:-2], strides, dilation))
    y = np.zeros((len(x), *positions, kernel.shape[-1]), x.dtype)
    for cell, seen in _cells_of(kernel.shape[:-2], positions, strides, dilation):
        for c, f in _groups_of(kernel.shape, groups):
            y[..., f] += xp[seen][..., c] @ kernel[cell][:, f]
    if bias is not None:
        y += bias
    return y if activation is None else activation.forward(y)


def conv_grad_kernel(x, dz, kernel_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, out=None):
    """dw[i, c, f] = the sum over images n and positions p of x[n, strides * p + dilation * i, c] dz[n, p, f]."""
    xp = np.pad(x, ((0, 0), *padding, (0, 0)))
    dw = np.empty(kernel_shape, x.dtype) if out is None else out
    every = list(range(dz.ndim - 1))
    for cell, seen in _cells_of(kernel_shape[:-2], dz.shape[1:-1], strides, dilation):
        for c, f in _groups_of(kernel_shape, groups):
            dw[cell][:, f] = np.tensordot(xp[seen][..., c], dz[..., f], axes=(every, every))
    return dw


def conv_grad_input(dz, kernel, x_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """dx[n, q, c] = the sum of dz[n, p, f] kernel[i, c, f] over filters and all p, i with strides * p + dilation * i = q."""
    dxp = np.pad(np.zeros(x_shape, dz.dtype), ((0, 0), *padding, (0, 0)))
    for cell, seen in _cells_of(kernel.shape[:-2], dz.shape[1:-1], strides, dilation):
        for c, f in _groups_of(kernel.shape, groups):
            dxp[seen][..., c] += dz[..., f] @ kernel[cell][:, f].T
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(x_shape[1:-1], padding, strict=True))
    return dxp[(slice(None), *inside)]


def _cells_of(window, positions, strides, dilation):
    """Every cell of a window, and the index of the elements it meets as the window moves."""
    for cell in itertools.product(*map(range, window)):
        starts = [i * d for i, d in zip(cell, dilation, strict=True)]
        yield cell, (
            slice(None),
            *(slice(i, i + s * m - s + 1, s) if m else slice(0, 0) for i, s, m in zip(starts, strides, positions, strict=True)),
        )


def _groups_of(kernel_shape, groups):
    """The input channels and the filters of every group."""
    depth, width = kernel_shape[-2], kernel_shape[-1] // groups
    for g in range(groups):
        yield slice(g * depth, g * depth + depth), slice(g * width, g * width + width)


# --- pooling


def max_pool(x, size, strides, padding):
    """y = the maximum of every window, padding left out.     x (n, *spatial, c)   ->   y (n, *positions, c)"""
    y = np.empty((len(x), *_positions(x.shape, size, strides, padding), x.shape[-1]), x.dtype)
    for position, window in _windows_of(x.shape, size, strides, padding):
        y[position] = x[window].max(axis=tuple(range(1, x.ndim - 1)), initial=-np.inf)
    return y


def max_pool_grad(x, y, dy, size, strides, padding):
    """dx: every dy is added to the first maximum of its window."""
    dx = np.zeros_like(x)
    for (_, *position), (_, *window) in _windows_of(x.shape, size, strides, padding):
        for n in range(len(x)):
            seen = x[n][tuple(window)]
            for c in range(x.shape[-1] if seen.size else 0):
                first = np.unravel_index(seen[..., c].argmax(), seen.shape[:-1])
                dx[n][tuple(window)][(*first, c)] += dy[(n, *position, c)]
    return dx


def avg_pool(x, size, strides, padding):
    """y = the mean of every window, padding left out."""
    y = np.zeros((len(x), *_positions(x.shape, size, strides, padding), x.shape[-1]), x.dtype)
    for position, window in _windows_of(x.shape, size, strides, padding):
        if x[window].size:
            y[position] = x[window].mean(axis=tuple(range(1, x.ndim - 1)))
    return y


def avg_pool_grad(dy, x_shape, size, strides, padding):
    """dx: every dy is shared evenly among the elements of its window."""
    dx = np.zeros(x_shape, dy.dtype)
    for position, window in _windows_of(x_shape, size, strides, padding):
        part = dx[window]
        part += np.expand_dims(dy[position], tuple(range(1, dx.ndim - 1))) / max(1, math.prod(part.shape[1:-1]))
    return dx


def _positions(x_shape, size, strides, padding):
    return tuple(output_size(n, k, s, 1, p) for n, k, s, p in zip(x_shape[1:-1], size, strides, padding, strict=True))


def _windows_of(x_shape, size, strides, padding):
    """The index of every position, and that of the elements its window sees, without the padding."""
    for position in itertools.product(*map(range, _positions(x_shape, size, strides, padding))):
        starts = [p * s - before for p, s, (before, _) in zip(position, strides, padding, strict=True)]
        window = tuple(slice(max(0, i), max(0, i + k)) for i, k in zip(starts, size, strict=True))
        yield (slice(None), *position), (slice(None), *window)
