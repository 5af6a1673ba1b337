"""Convolutions of every channel by itself: sums over the cells of the window of shifted images times one number each.

Images are taken as rows of lanes, (b, height, width, lanes). A batch in plain order has its channels as lanes; one with
the batch innermost is a single image whose lanes are channels * n.
"""

import numpy as np

from . import arena, threads

PIECE = 1 << 16  # elements of the output, or of its gradient, in one piece of work: 256 KB in float32
LONG = 512  # lanes that make a fast loop; where there are fewer, a loop runs along the row as well


def conv(x, kernel, bias, activation, strides, padding, dilation, positions, innermost):
    """y (n, oh, ow, f) = act(x (n, h, w, c) * kernel (kh, kw, 1, f) + bias); filters f / c * i, ... see channel i."""
    n, f = len(x), kernel.shape[3]
    x, cells = _lanes(x, f // x.shape[3], innermost), _cell_rows(kernel, n, innermost)
    bias = None if bias is None else np.repeat(bias, n) if innermost else bias
    return _natural(_sum(_padded(x, padding), cells, bias, activation, strides, dilation, positions), f, innermost)


def grad_kernel(x, dz, kernel_shape, strides, padding, dilation, positions, innermost):
    """dw, of shape `kernel_shape`."""
    kh, kw, _, f = kernel_shape
    xp, dz = _padded(_lanes(x, f // x.shape[3], innermost), padding), _lanes(dz, 1, innermost)
    parts = _parts(dz.shape)
    grain = -(-len(parts) // 16)  # a sum of 16 parts at most
    sums = np.zeros((-(-len(parts) // grain), kh, kw, dz.shape[3]), dz.dtype)

    def piece(start, stop):
        for images, rows in parts[start:stop]:
            share = dz[images, rows]
            product = arena.empty(share.shape, dz.dtype)
            columns = product.reshape(-1, dz.shape[3])
            ones = np.ones(len(columns), dz.dtype)
            for i, j in np.ndindex(kh, kw):
                np.multiply(_shifted(xp[images], i, j, rows, strides, dilation, positions), share, out=product)
                sums[start // grain, i, j] += ones @ columns

    threads.parallel(piece, len(parts), grain, (dz.shape, kernel_shape))
    dw = sums.sum(axis=0)
    return (dw.reshape(kh, kw, f, -1).sum(axis=3) if innermost else dw).reshape(kernel_shape)


def grad_input(dz, kernel, x_shape, strides, padding, dilation, positions, innermost):
    """dx, of shape `x_shape`: the sum that `conv` makes, of dz among zeros and with the kernel turned."""
    (n, h, w, c), f, (kh, kw) = x_shape, kernel.shape[3], kernel.shape[:2]
    dz, cells = _lanes(dz, 1, innermost), _cell_rows(kernel, n, innermost)[::-1, ::-1]
    reach = (kh - 1) * dilation[0], (kw - 1) * dilation[1]
    spread = np.zeros((len(dz), h + sum(padding[0]) + reach[0], w + sum(padding[1]) + reach[1], dz.shape[3]), dz.dtype)
    spread[:, reach[0] :: strides[0], reach[1] :: strides[1]][:, : positions[0], : positions[1]] = dz
    spread = spread[:, padding[0][0] :, padding[1][0] :]
    dx = _natural(_sum(spread, cells, None, None, (1, 1), dilation, (h, w)), f, innermost)
    return dx if f == c else dx.reshape(n, h, w, c, f // c).sum(axis=4)


def _sum(x, cells, bias, activation, strides, dilation, positions):
    """y (b, oh, ow, lanes) = act(the sum over cells (kh, kw, lanes) of what they meet in x, times them, + bias)."""
    y = arena.empty((len(x), *positions, x.shape[3]), x.dtype)
    short = x.shape[3] < LONG and strides[1] == 1  # then (columns, lanes) are one contiguous run
    if short:
        cells, bias = np.tile(cells, positions[1]), None if bias is None else np.tile(bias, positions[1])
    parts = _parts(y.shape)

    def run(rows):
        return rows.reshape(*rows.shape[:2], -1) if short else rows

    def piece(start, stop):
        for images, rows in parts[start:stop]:
            out = run(y[images, rows])
            product = arena.empty(out.shape, y.dtype)
            for i, j in np.ndindex(*cells.shape[:2]):
                shifted = run(_shifted(x[images], i, j, rows, strides, dilation, positions))
                np.multiply(shifted, cells[i, j], out=product if i or j else out)
                if i or j:
                    out += product
            if bias is not None:
                out += bias
            if activation is not None:
                activation.forward(out)

    threads.parallel(piece, len(parts), 1, (y.shape, cells.shape))
    return y


def _shifted(x, i, j, rows, strides, dilation, positions):
    """What cell i, j of the window meets in x (b, h, w, lanes), for some rows of the output."""
    (down, across), column = strides, j * dilation[1]
    first = rows.start * down + i * dilation[0]
    end = first + (rows.stop - rows.start - 1) * down + 1
    return x[:, first:end:down, column : column + (positions[1] - 1) * across + 1 : across]


def _parts(shape):
    """(images, rows) of an output (b, oh, ow, lanes), a piece of work each."""
    b, height, width, lanes = shape
    images = max(1, PIECE // (height * width * lanes))
    rows = max(1, PIECE // (width * lanes))
    return [
        (slice(i, min(b, i + images)), slice(j, min(height, j + rows)))
        for i in range(0, b, images)
        for j in range(0, height, rows)
    ]


def _lanes(x, multiplier, innermost):
    """(n, h, w, c) -> (b, h, w, lanes), every channel so many times over."""
    x = np.ascontiguousarray(x.transpose(1, 2, 3, 0) if innermost else x)
    if multiplier > 1:
        x = np.repeat(x, multiplier, axis=2 if innermost else 3)
    return x.reshape(1, *x.shape[:2], -1) if innermost else x


def _natural(y, f, innermost):
    """The reverse, a view."""
    if not innermost:
        return y
    _, h, w, lanes = y.shape
    return y.reshape(h, w, f, lanes // f).transpose(3, 0, 1, 2)


def _cell_rows(kernel, n, innermost):
    """One number per lane for every cell, (kh, kw, lanes)."""
    cells = kernel[:, :, 0]
    return np.repeat(cells, n, axis=2) if innermost else cells


def _padded(x, padding):
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    b, h, w, lanes = x.shape
    xp = np.zeros((b, top + h + bottom, left + w + right, lanes), x.dtype)
    xp[:, top : top + h, left : left + w] = x
    return xp
