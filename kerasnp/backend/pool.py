"""Pooling over one to three spatial axes, and its gradients.

Arrays are (n, *space, channels) in shape and in any order in memory, which results share. The work is done in blocks
that stay in the cache, over axes in the order they have in memory; batch and channels are axes with a window of one.
"""

import functools
import itertools

import numpy as np

from . import arena, layout, threads
from .conv import output_size

__all__ = ["avg_pool", "avg_pool_grad", "max_pool", "max_pool_grad"]

BLOCK = 1 << 19  # elements of x in a block at most
SMALL = 1 << 17  # elements, below which an array is one block


def max_pool(x, size, strides, padding):
    """y = the maximum of every window; the padding never wins.     x (n, *space, c)   ->   y (n, *positions, c)"""
    if x.size < SMALL and tuple(size) == tuple(strides) and not any(map(any, padding)):
        return _side_by_side(x, size)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return _pool(x, np.maximum, lowest, size, strides, padding)


def _side_by_side(x, size):
    """The maxima of windows that share no elements and need no padding, all at once."""
    if set(size) == {1}:
        return x.copy()
    for axis, k in enumerate(size, 1):
        stop = x.shape[axis] // k * k
        first, *others = (x[(slice(None),) * axis + (slice(i, stop, k),)] for i in range(k))
        if not others:
            continue
        x = np.maximum(first, others.pop(0))
        for cell in others:
            np.maximum(x, cell, out=x)
    return x


def avg_pool(x, size, strides, padding):
    """y = the mean of the elements in every window, the padding not counted."""
    return _pool(x, np.add, 0, size, strides, padding, mean=True)


def max_pool_grad(x, y, dy, size, strides, padding):
    """dx: every dy goes to the first maximum of its window."""
    order = layout.memory_order(x)
    axes = _axes(x.shape, size, strides, padding, order)
    x, y, dy = (layout.ordered(a, order) for a in (x, y, dy))

    bits = np.dtype(f"i{dy.itemsize}")

    def sharing(block):
        y_block, dy_block = y[block], dy[block].view(bits)
        free = np.full(y_block.shape, -1, np.int8)  # all bits set where the maximum is yet to come

        def share(target, source, out):
            wins = np.equal(x[source], y_block[target]).view(np.int8)
            np.negative(wins, out=wins)
            wins &= free[target]
            np.bitwise_xor(free[target], wins, out=free[target])
            # masking the bits of dy: faster than to multiply by booleans, and infinite gradients stay where they are
            np.bitwise_and(wins.astype(bits), dy_block[target], out=out.view(bits))
            return out

        return share

    return layout.natural(_scatter(sharing, axes, dy), order)


def avg_pool_grad(dy, x_shape, size, strides, padding):
    """dx: every dy is shared evenly among the elements of its window."""
    order = layout.memory_order(dy)
    axes = _axes(x_shape, size, strides, padding, order)
    dy = layout.ordered(dy, order) * _one_over_count(axes, dy.dtype)

    def sharing(block):
        part = dy[block]
        return lambda target, source, out: np.add(part[target], 0, out=out)

    return layout.natural(_scatter(sharing, axes, dy), order)


def _pool(x, combine, start, size, strides, padding, mean=False):
    """Windows are combined along one axis after the other."""
    order = layout.memory_order(x)
    axes = _axes(x.shape, size, strides, padding, order)
    x = layout.ordered(x, order)
    y = arena.empty([axis.positions for axis in axes], x.dtype)
    pooled = [i for i, axis in enumerate(axes) if not axis.whole]
    scale = _one_over_count(axes, x.dtype) if mean else None
    cells = [axis.all_cells for axis in axes]

    def piece(first, last):
        y_part = y[first:last]
        part = x if pooled and pooled[0] == 0 else x[first:last]
        for i in pooled:
            shape = (*y_part.shape[: i + 1], *part.shape[i + 1 :])
            out = y_part if i == pooled[-1] else arena.empty(shape, x.dtype)
            own = cells[i] if i or last - first == len(y) else axes[0].cells(first, last)
            _combine(combine, start, part, out, own, (slice(None),) * i)
            part = out
        if part is not y_part:
            y_part[...] = part
        if mean:
            y_part *= scale[first:last] if len(scale) > 1 else scale

    threads.parallel(piece, len(y), _grain(len(y), x.size), (x.shape, combine))
    return layout.natural(y, order)


def _combine(combine, start, x, out, cells, before):
    """out = the windows of x along one axis, combined; `before` stands for the axes before it."""
    targets = [out[before + (target,)] for target, _ in cells]
    sources = [x[before + (source,)] for _, source in cells]
    if len(cells) > 1 and all(target.shape == out.shape for target in targets):
        combine(sources.pop(), sources.pop(), out=out)
    else:
        out[...] = start
    for target, source in zip(targets, sources):
        combine(target, source, out=target)


def _scatter(sharing, axes, dy):
    """dx, where `sharing(block)(target, source, out)` is what windows `target` of a block give to `source` in dx."""
    dx = arena.empty([axis.n for axis in axes], dy.dtype)
    if not dy.size:
        dx[...] = 0
    disjoint = all(axis.window <= axis.stride for axis in axes)
    full = disjoint and all(axis.whole or axis.positions * axis.window == axis.n for axis in axes)
    # Where windows reach into the next block, every other block waits.
    axis, phases = axes[0], 1 if axes[0].window <= axes[0].stride else 2
    rows = max(_grain(axis.positions, dx.size), -(-axis.window // axis.stride) - 1)
    cells = [other.all_cells for other in axes[1:]]

    def block(first, last):
        share = sharing(slice(first, last))
        for cell in itertools.product(axis.cells(first, last), *cells):
            target, source = zip(*cell)
            out = dx[source]
            if disjoint:
                share(target, source, out)
            else:
                out += share(target, source, np.empty(out.shape, out.dtype))

    def piece(phase, start, stop):
        for i in range(start * phases, stop * phases, phases):
            if not full and not phase:
                dx[axis.own(i * rows, min((i + phases) * rows, axis.positions))] = 0
            first = (i + phase) * rows
            if first < axis.positions:
                block(first, min(first + rows, axis.positions))

    kind = dx.shape, sharing.__code__
    for phase in range(phases):
        threads.parallel(functools.partial(piece, phase), -(-axis.positions // (phases * rows)), 1, kind)
    return dx


def _axes(x_shape, size, strides, padding, order):
    padding = tuple([tuple(pair) for pair in padding])
    return _remembered(tuple(x_shape), tuple(size), tuple(strides), padding, order)


@functools.lru_cache(maxsize=512)
def _remembered(x_shape, size, strides, padding, order):
    axes = zip(x_shape, (1, *size, 1), (1, *strides, 1), ((0, 0), *padding, (0, 0)), strict=True)
    axes = [_Axis(*axis) for axis in axes]
    return [axes[i] for i in order]


class _Axis:
    """The windows along one axis of n elements."""

    def __init__(self, n, window, stride, padding):
        self.n, self.window, self.stride, self.before = n, window, stride, padding[0]
        self.positions = output_size(n, window, stride, 1, padding)
        self.whole = window == stride == 1 and padding == (0, 0)
        self.all_cells = self.cells(0, self.positions)

    def cells(self, first, last):
        """For each cell of the windows first, ..., last - 1: those that have it, from `first` on, and its places."""
        cells = []
        for i in range(self.window):
            lo = max(first, -(-(self.before - i) // self.stride))
            hi = max(lo, min(last, (self.n - 1 + self.before - i) // self.stride + 1))
            start = lo * self.stride + i - self.before
            cells.append((slice(lo - first, hi - first), slice(start, start + (hi - lo) * self.stride, self.stride)))
        return cells

    def own(self, first, last):
        """The elements from those windows to the next; the first and the last have what lies beyond."""
        start = max(0, first * self.stride - self.before) if first else 0
        return slice(start, max(0, last * self.stride - self.before) if last < self.positions else self.n)


def _one_over_count(axes, dtype):
    """1 / the number of elements in every window, broadcast against y; one number where all are equal."""
    counts = np.ones((1,) * len(axes))
    for i, axis in enumerate(axes):
        along = np.zeros(axis.positions)
        for target, _ in axis.all_cells:
            along[target] += 1
        if np.unique(along).size <= 1:
            along = along[:1]
        counts = counts * along.reshape((-1,) + (1,) * (len(axes) - 1 - i))
    return (1 / np.maximum(counts, 1)).astype(dtype)


def _grain(n, elements):
    return threads.grain_of(n, elements, BLOCK) if elements >= SMALL else max(1, n)
