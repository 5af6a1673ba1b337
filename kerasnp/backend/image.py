"""Images read at places between their pixels."""

import itertools

import numpy as np

from kerasnp.backend import threads
from kerasnp.backend.gather import add_rows

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def pixel_for(index, size, fill_mode):
    """The pixel of an axis that stands for each `index`, inside the axis or not.

    >>> [pixel_for(np.arange(-3, 6), 3, mode).tolist() for mode in ("nearest", "wrap", "mirror", "reflect")]
    [[0, 0, 0, 0, 1, 2, 2, 2, 2], [0, 1, 2, 0, 1, 2, 0, 1, 2], [1, 2, 1, 0, 1, 2, 1, 0, 1], [2, 1, 0, 0, 1, 2, 2, 1, 0]]
    """
    if fill_mode == "wrap":
        return index % size
    if fill_mode == "mirror":
        return _there_and_back(index, size)
    if fill_mode == "reflect":
        return (_there_and_back(2 * index + 1, 2 * size + 1) - 1) // 2
    return np.clip(index, 0, size - 1)


def _there_and_back(index, size):
    last = size - 1
    return np.abs((index + last) % max(2 * last, 1) - last)


def round_half_away(x):
    """The nearest whole number, halves away from zero."""
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def _neighbours(places, sizes, order, fill_mode):
    """Yield (cells, weights, valid) for each corner of the cells that the places lie in.

    Cells count the pixels of an image row by row. A weight of None is one; valid is None where all pixels count.
    """
    axes = []
    for place, size in zip(places, sizes):
        if order == 0:
            nodes = [(round_half_away(place), None)]
        else:
            lower = np.floor(place)
            share = place - lower
            nodes = [(lower, 1 - share), (lower + 1, share)]
        with np.errstate(invalid="ignore"):
            axes.append([(index.astype(np.int64), weight, size) for index, weight in nodes])
    for corner in itertools.product(*axes):
        cells, weights, valid = 0, None, None
        for index, weight, size in corner:
            cells = cells * size + pixel_for(index, size, fill_mode)
            weights = weight if weights is None else weights * weight
            if fill_mode == "constant":
                inside = (index >= 0) & (index < size)
                valid = inside if valid is None else valid & inside
        yield cells, weights, None if valid is None or valid.all() else valid


def warp(images, places, order=1, fill_mode="constant", fill_value=0.0):
    """y[n, m, c] = images[n] at places[n, :, m], in channel c; between pixels linear (order 1) or the nearest (order 0).

    images (n, *space, c), floats   places (n, len(space), m), in pixels   ->   y (n, m, c)
    """
    count, *sizes, channels = images.shape
    y = np.empty((count, places.shape[-1], channels), images.dtype)

    def some(start, stop):
        for i in range(start, stop):
            pixels = images[i].reshape(-1, channels)
            total = None
            for cells, weights, valid in _neighbours(places[i], sizes, order, fill_mode):
                part = pixels.take(cells, axis=0)
                if valid is not None:
                    part[~valid] = fill_value
                if weights is not None:
                    part *= weights[:, None]
                total = part if total is None else np.add(total, part, out=total)
            y[i] = total

    threads.parallel(some, count, 1, y.shape)
    return y


def warp_grad(dy, places, shape, order=1, fill_mode="constant"):
    """dx of `warp`: each pixel sums what was read from it.     dy (n, m, c)   ->   dx of `shape` (n, *space, c)"""
    count, *sizes, channels = shape
    dx = np.empty((count, int(np.prod(sizes)), channels), dy.dtype)

    def some(start, stop):
        for i in range(start, stop):
            every, rows = [], []
            for cells, weights, valid in _neighbours(places[i], sizes, order, fill_mode):
                part = dy[i] if weights is None else dy[i] * weights[:, None].astype(dy.dtype, copy=False)
                every.append(cells)
                rows.append(part if valid is None else np.where(valid[:, None], part, dy.dtype.type(0)))
            dx[i] = add_rows(np.concatenate(every), np.concatenate(rows), dx.shape[1])

    threads.parallel(some, count, 1, dx.shape)
    return dx.reshape(shape)
