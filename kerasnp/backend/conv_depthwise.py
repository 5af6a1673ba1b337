"""Convolutions of every channel by itself: sums over the cells of the window of shifted images times one number each.

Images are taken as rows of lanes, (b, height, width, lanes). A batch in plain order has its channels as lanes; one with
the batch innermost is a single image whose lanes are channels * n, and loops over those are long enough to be fast.
"""

import numpy as np

from . import arena, threads

PIECE = 1 << 16  # elements of an image that one piece of work reads: 256 KB in float32


def conv(x, kernel, bias, activation, strides, padding, dilation, positions, innermost):
    """y (n, oh, ow, f) = act(x (n, h, w, c) * kernel (kh, kw, 1, f) + bias); filters f / c * i, ... see channel i."""
    n, _, _, c = x.shape
    f = kernel.shape[3]
    xp, cells = _padded(_lanes(x, f // c, innermost), padding), _cell_rows(kernel, n, innermost)
    bias = None if bias is None else np.repeat(bias, n) if innermost else bias
    y = arena.empty((len(xp), *positions, xp.shape[3]), x.dtype)

    def piece(images, lanes):
        out, seen, weights = y[images, ..., lanes], xp[images, ..., lanes], cells[..., lanes]
        product = arena.empty(out.shape, out.dtype)
        for count, (i, j) in enumerate(np.ndindex(*cells.shape[:2])):
            shifted = _shifted(seen, i, j, strides, dilation, positions)
            np.multiply(shifted, weights[i, j], out=product if count else out)
            if count:
                out += product
        if bias is not None:
            out += bias[lanes]
        if activation is not None:
            activation.forward(out)

    _for_pieces(piece, xp.shape)
    return _natural(y, f, innermost)


def grad_kernel(x, dz, kernel_shape, strides, padding, dilation, positions, innermost):
    """dw, of shape `kernel_shape`."""
    kh, kw, _, f = kernel_shape
    xp, dz = _padded(_lanes(x, f // x.shape[3], innermost), padding), _lanes(dz, 1, innermost)
    sums = np.zeros((len(xp), kh, kw, xp.shape[3]), x.dtype)

    def piece(images, lanes):
        seen, dzs = xp[images, ..., lanes], dz[images, ..., lanes]
        product = arena.empty(dzs.shape, dzs.dtype)
        rows = product.reshape(-1, product.shape[3])
        ones = np.ones(len(rows), x.dtype)
        for i, j in np.ndindex(kh, kw):
            np.multiply(_shifted(seen, i, j, strides, dilation, positions), dzs, out=product)
            sums[images.start, i, j, lanes] = ones @ rows

    _for_pieces(piece, xp.shape)
    dw = sums.sum(axis=0)
    return (dw.reshape(kh, kw, f, -1).sum(axis=3) if innermost else dw).reshape(kernel_shape)


def grad_input(dz, kernel, x_shape, strides, padding, dilation, positions, innermost):
    """dx, of shape `x_shape`."""
    (top, bottom), (left, right), (n, h, w, c), f = *padding, x_shape, kernel.shape[3]
    dz, cells = _lanes(dz, 1, innermost), _cell_rows(kernel, n, innermost)
    dxp = arena.empty((len(dz), top + h + bottom, left + w + right, dz.shape[3]), dz.dtype)

    def piece(images, lanes):
        out, dzs, weights = dxp[images, ..., lanes], dz[images, ..., lanes], cells[..., lanes]
        out[...] = 0
        for i, j in np.ndindex(*cells.shape[:2]):
            shifted = _shifted(out, i, j, strides, dilation, positions)
            shifted += dzs * weights[i, j]

    _for_pieces(piece, dxp.shape)
    dx = _natural(dxp[:, top : top + h, left : left + w], f, innermost)
    return dx if f == c else dx.reshape(n, h, w, c, f // c).sum(axis=4)


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


def _shifted(x, i, j, strides, dilation, positions):
    """The part of x (b, h, w, lanes) that cell i, j of the window meets."""
    (i, j), (down, across), (oh, ow) = (i * dilation[0], j * dilation[1]), strides, positions
    return x[:, i : i + oh * down - down + 1 : down, j : j + ow * across - across + 1 : across]


def _padded(x, padding):
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    b, h, w, lanes = x.shape
    xp = np.zeros((b, top + h + bottom, left + w + right, lanes), x.dtype)
    xp[:, top : top + h, left : left + w] = x
    return xp


def _for_pieces(piece, shape):
    """piece(images, lanes) for all parts of an array (b, h, w, lanes)."""
    b, h, w, lanes = shape
    images, width = max(1, PIECE // (h * w * lanes)), lanes if b > 1 else max(64, PIECE // (h * w))
    parts = [
        (slice(i, min(b, i + images)), slice(j, min(lanes, j + width)))
        for i in range(0, b, images)
        for j in range(0, lanes, width)
    ]

    def work(start, stop):
        for part in parts[start:stop]:
            piece(*part)

    threads.parallel(work, len(parts), 1)
