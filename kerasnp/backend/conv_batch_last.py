"""Convolutions with the batch innermost in memory, block by block: arrays are (height, width, channels, n).

What follows a convolution at once is done to a block while it is in the cache: bias, activation, max-pooling; and in
the gradient, what precedes.
"""

import numpy as np

from . import arena, threads
from .conv_schemes import Transform, contiguous, merged, overlap, scheme
from .linear import constant


def conv(x, kernel, bias, activation, strides, padding, size=None, winners=False):
    """y (oh, ow, f, n) = act(x (h, w, c, n) * kernel (kh, kw, c, f) + bias), and None.

    With a window size, y are the maxima of such windows, side by side, and `winners` asks for the places of the maxima.
    The maxima are taken first, which is the same for an activation that nowhere falls, and leaves less to do.
    """
    down, across = size or (1, 1)
    plan = scheme(x.shape, kernel.shape, strides, padding, (down, across))
    filters, n = kernel.shape[3], x.shape[3]
    y = arena.empty((plan.positions[0] // down, plan.positions[1] // across, filters, n), x.dtype)
    won = arena.empty(y.shape, np.int8) if winners else None
    x, weights = plan.image(x), plan.weights(kernel)
    if bias is not None:
        bias = np.repeat(bias, n)  # added row by row: three times faster than broadcast along the batch

    def piece(start, stop):
        for block in plan.blocks[start:stop]:
            cells = _cells(block, down, across)
            part = y[cells]
            if size is None:
                plan.multiply(x, weights, block, part)
            else:
                z = arena.empty((len(part) * down, part.shape[1] * across, filters, n), x.dtype)
                plan.multiply(x, weights, block, z)
                _pool(merged(z), size, merged(part), won if won is None else merged(won[cells]))
            part = merged(part)
            if bias is not None:
                part += bias
            if activation is not None:
                activation.forward(part)

    threads.parallel(piece, len(plan.blocks), 1, plan)
    return y, won


def gradients(x, kernel_shape, y, dy, activation, strides, padding, wants, size=None, won=None):
    """dz, the gradient before activation and pooling, dw and db: those wanted, from dy."""
    down, across = size or (1, 1)
    plan = scheme(x.shape, kernel_shape, strides, padding, (down, across))
    filters, n = kernel_shape[3], x.shape[3]
    dy = contiguous(dy)
    dz = dy if activation is None and size is None else None
    if dz is None and wants[0]:
        dz = arena.empty((*plan.positions, filters, n), dy.dtype)
    image, ones = plan.image(x) if wants[1] else x, constant(1, n, dy.dtype)
    grain = max(1, -(-len(plan.blocks) // 16))  # sums of 16 parts at most
    dw = np.zeros((-(-len(plan.blocks) // grain), *kernel_shape), dy.dtype)
    db = np.zeros((len(dw), filters), dy.dtype)

    def piece(start, stop):
        for block in plan.blocks[start:stop]:
            cells = _cells(block, down, across)
            part = dy[cells]
            if activation is not None:
                part = activation.backward(merged(y[cells]), merged(part)).reshape(part.shape)
            if wants[2]:
                db[start // grain] += (part.reshape(-1, n) @ ones).reshape(-1, filters).sum(axis=0)
            if size is not None:
                part = _unpool(part, size, won[cells])
            if wants[1]:
                dw[start // grain] += plan.correlate(image, part, block)
            if wants[0] and dz is not dy:
                dz[block] = part

    if dz is not dy or wants[1] or wants[2]:
        threads.parallel(piece, len(plan.blocks), grain, (plan, wants))
    return dz, np.add.reduce(dw) if wants[1] else None, np.add.reduce(db) if wants[2] else None


def grad_input(dz, kernel, x_shape, strides, padding, cell=(1, 1)):
    """dx (h, w, c, n), from dz (oh, ow, f, n)."""
    plan = scheme(x_shape, kernel.shape, strides, padding, cell)
    (kh, kw, *_), ((top, _), (left, _)), (h, w, c, n), down = kernel.shape, padding, x_shape, strides[0]
    same = dz.shape[:2] == x_shape[:2] and (kh - 1, kw - 1) == (sum(padding[0]), sum(padding[1]))
    if same and isinstance(plan, Transform):
        # as large as dz: convolving that with the turned kernel moves less memory, and wastes nothing at the edges
        turned, full = kernel[::-1, ::-1].swapaxes(2, 3), ((kh - 1 - top, top), (kw - 1 - left, left))
        return conv(dz, turned, None, None, strides, full)[0]
    dz, weights = contiguous(dz), plan.turned(kernel)
    dx = arena.empty(x_shape, dz.dtype)
    ends = [min(max(band.start * down - top, 0), h) for band in plan.bands[1:]] + [h]
    tails = arena.empty((len(ends) - 1, max(0, kh - down), w, c, n), dz.dtype)  # what reaches into the next band

    def piece(start, stop):
        for i in range(start, stop):
            band, strip = divmod(i, len(plan.strips))
            first, end, strip = ends[band - 1] if band else 0, ends[band], plan.strips[strip]
            # Where each part begins; the last band reaches into no other.
            parts = [(first, dx[first:end, strip]), *((end, tail[:, strip]) for tail in tails[band : band + 1])]
            for _, part in parts:
                part[...] = 0
            for rows in plan.tiles(plan.bands[band]):
                share = plan.spread(dz, weights, rows, strip)
                for begin, part in parts:
                    _add(part, share, rows.start * down - top - begin)

    threads.parallel(piece, len(ends) * len(plan.strips), 1, plan)
    for end, tail in zip(ends, tails):
        _add(dx, tail, end)
    return dx


def _add(out, rows, first):
    """out[first:] += rows, those inside."""
    here, there = overlap(first, len(rows), len(out))
    out[here] += rows[there]


def _cells(block, down, across):
    """The part of y that a block of the convolution becomes."""
    rows, columns = block
    return slice(rows.start // down, rows.stop // down), slice(columns.start // across, columns.stop // across)


def _pool(z, size, out, won):
    """out = the maxima of windows side by side in z; won = their places in the window, the first of equals."""
    first, *others = (z[i :: size[0], j :: size[1]] for i in range(size[0]) for j in range(size[1]))
    if not others:
        out[...] = first
        if won is not None:
            won[...] = 0
    for place, cell in enumerate(others, 1):
        if won is None:
            pass
        elif place == 1:
            np.greater(cell, first, out=won.view(bool))
        else:
            wins = np.greater(cell, out).view(np.int8)
            wins *= np.int8(place)
            np.maximum(won, wins, out=won)
        np.maximum(first if place == 1 else out, cell, out=out)


def _unpool(dy, size, won):
    """dz: dy where the maximum was, 0 elsewhere in its window."""
    (down, across), (rows, columns, *rest) = size, dy.shape
    dz = arena.empty((rows, down, columns, across, *rest), dy.dtype)
    bits = np.dtype(f"i{dy.itemsize}")
    places = np.arange(down * across, dtype=np.int8).reshape(down, 1, across, 1, 1)
    wins = np.equal(won[:, None, :, None], places).view(np.int8)
    np.negative(wins, out=wins)  # all bits set, to mask the bits of dy: faster than multiplication by booleans
    dz.view(bits)[...] = wins
    np.bitwise_and(dz.view(bits), dy[:, None, :, None].view(bits), out=dz.view(bits))
    return dz.reshape(rows * down, columns * across, *rest)
