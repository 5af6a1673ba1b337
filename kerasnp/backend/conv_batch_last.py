"""Convolutions with the batch innermost in memory, over arrays (height, width, channels, n).

A window is then `width` runs of `channels * n` contiguous numbers, however few the channels. Two schemes use that. Lowering
copies the rows that a row of the output sees next to each other and multiplies the kernel with windows that overlap along the
width. With many channels the height is transformed instead (Winograd's minimal filtering in one dimension; Lavin and Gray,
2016, arXiv:1509.09308): half the multiplications, and less to copy.
"""

import functools
from collections import namedtuple

import numpy as np

from . import arena, threads

BLOCK = 1 << 18  # elements that one block of work makes on its way: 1 MB in float32, about a level 2 cache
MANY = 16  # channels, in and out, from which the transform pays


def conv(x, kernel, bias, activation, strides, padding):
    """y (oh, ow, f, n) = act(x (h, w, c, n) * kernel (kh, kw, c, f) + bias)."""
    scheme = _scheme(x.shape, kernel.shape, strides, padding)
    y = arena.empty((*scheme.positions, kernel.shape[3], x.shape[3]), x.dtype)
    x, weights = scheme.image(x), scheme.weights(kernel)
    if bias is not None:
        bias = np.repeat(bias, y.shape[3])  # added row by row: three times faster than broadcast along the batch

    def piece(start, stop):
        for block in scheme.blocks[start:stop]:
            part = y[block.rows, block.columns]
            scheme.multiply(x, weights, block, part)
            part = _merged(part)
            if bias is not None:
                part += bias
            if activation is not None:
                activation.forward(part)

    threads.parallel(piece, len(scheme.blocks), 1)
    return y


def grad_kernel(x, dz, kernel_shape, strides, padding):
    """dw (kh, kw, c, f), from x (h, w, c, n) and dz (oh, ow, f, n)."""
    scheme = _scheme(x.shape, kernel_shape, strides, padding)
    x = scheme.image(x)
    grain = -(-len(scheme.blocks) // 16)  # a sum of 16 parts at most
    parts = np.zeros((-(-len(scheme.blocks) // grain), *kernel_shape), x.dtype)

    def piece(start, stop):
        for block in scheme.blocks[start:stop]:
            parts[start // grain] += scheme.correlate(x, dz[block.rows, block.columns], block)

    threads.parallel(piece, len(scheme.blocks), grain)
    return parts.sum(axis=0)


def grad_input(dz, kernel, x_shape, strides, padding):
    """dx (h, w, c, n), from dz (oh, ow, f, n)."""
    full = tuple((k - 1 - before, k - 1 - after) for k, (before, after) in zip(kernel.shape, padding, strict=False))
    if _transforms(kernel.shape, strides) and min(map(min, full)) >= 0:
        return conv(dz, kernel[::-1, ::-1].swapaxes(2, 3), None, None, strides, full)
    return _scatter(dz, kernel, x_shape, strides, padding)


def _scatter(dz, kernel, x_shape, strides, padding):
    """dx by correlation along the width and addition along the height: the mirror image of lowering."""
    (oh, ow, f, n), (h, w, c, _), (kh, kw, _, _) = dz.shape, x_shape, kernel.shape
    (sh, sw), ((top, _), (left, _)) = strides, padding
    dx = arena.empty(x_shape, dz.dtype)
    before = -(-kw // sw) - 1  # zeros before a row of dz, for windows that reach over its edges
    width = before + max(ow, (left + w - 1) // sw + 1)
    # column q * sw + r of the padded image meets the cells r, r + sw, ... of the kernel and dz[q], dz[q - 1], ...
    phases = [np.ascontiguousarray(kernel[:, r::sw][:, ::-1].transpose(0, 2, 1, 3)) for r in range(min(sw, kw))]
    rows, spill = max(1, min(-(-oh // 4), BLOCK // (w * kh * c * n))), max(0, kh - sh)
    tails = np.empty((-(-oh // rows), spill, w, c, n), dz.dtype)

    def piece(start, stop):
        padded = arena.empty((stop - start, width, f, n), dz.dtype)
        padded[:, :before] = 0
        padded[:, before : before + ow] = dz[start:stop]
        padded[:, before + ow :] = 0
        raised = arena.empty((stop - start, w, kh * c, n), dz.dtype)
        if sw > kw:
            raised[...] = 0
        for r, cells in enumerate(phases):
            first = (r - left) % sw  # column of dx
            reach = cells.shape[2]
            columns = _windows(padded, (first + left) // sw + 1 + before - reach, len(range(first, w, sw)), reach)
            np.matmul(cells.reshape(kh * c, -1), columns, out=raised[:, first::sw])
        raised = raised.reshape(stop - start, w, kh, c, n)
        part = np.zeros(((stop - start) * sh + spill, w, c, n), dz.dtype)
        for i in range(kh):
            part[i : i + (stop - start - 1) * sh + 1 : sh] += raised[:, :, i]
        lo, hi = max(0, start * sh - top), max(0, min(h, stop * sh - top))
        dx[lo:hi] = part[lo - start * sh + top : hi - start * sh + top]
        tails[start // rows] = part[(stop - start) * sh :]

    threads.parallel(piece, oh, rows)
    dx[max(0, oh * sh - top) :] = 0
    for i, tail in enumerate(tails):
        first = min(oh, (i + 1) * rows) * sh - top
        lo, hi = max(0, first), max(0, min(h, first + spill))
        dx[lo:hi] += tail[lo - first : hi - first]
    return dx


_Block = namedtuple("_Block", "rows columns")  # a part of the output, as two slices


class _Scheme:
    """The sizes of one convolution, and its output cut into blocks."""

    def __init__(self, x_shape, kernel_shape, strides, padding):
        self.x_shape, self.kernel_shape, self.strides, self.padding = x_shape, kernel_shape, strides, padding
        self.positions = tuple(
            max(0, (n + sum(p) - k) // s + 1)
            for n, k, s, p in zip(x_shape, kernel_shape, strides, padding, strict=False)
        )


class _Lowering(_Scheme):
    """y[row, column] (f, n) = kernel (f, kw * kh * c) @ window (kw * kh * c, n)."""

    def __init__(self, *args):
        super().__init__(*args)
        (oh, ow), (_, w, c, n), (kh, *_) = self.positions, self.x_shape, self.kernel_shape
        per_row = max(1, w * kh * c * n)
        rows = max(1, min(BLOCK // per_row, -(-oh // 8)))
        columns = -(-ow // -(-per_row // BLOCK))
        self.blocks = [_Block(i, j) for i in _cuts(oh, rows) for j in _cuts(ow, columns)]

    def image(self, x):
        (top, bottom), (left, right) = self.padding
        h, w, c, n = x.shape
        if not (top or bottom or left or right):
            return _contiguous(x)
        padded = arena.empty((top + h + bottom, left + w + right, c, n), x.dtype)
        padded[:top], padded[top + h :] = 0, 0
        padded[:, :left], padded[:, left + w :] = 0, 0
        _assign(padded[top : top + h, left : left + w], x)
        return padded

    def weights(self, kernel):
        return np.ascontiguousarray(kernel.transpose(3, 1, 0, 2)).reshape(kernel.shape[3], -1)

    def columns(self, x, block):
        (kh, kw, _, _), (_, _, c, n), (sh, sw) = self.kernel_shape, x.shape, self.strides
        rows, count = block.rows.stop - block.rows.start, block.columns.stop - block.columns.start
        width = (count - 1) * sw + kw
        a, b, *rest = x.strides
        seen = np.ndarray(
            (rows, width, kh, c, n), x.dtype, x, block.rows.start * sh * a + block.columns.start * sw * b, (a * sh, b, a, *rest)
        )
        return _windows(_copy(seen).reshape(rows, width, kh * c, n), 0, count, kw, sw)

    def multiply(self, x, weights, block, out):
        np.matmul(weights, self.columns(x, block), out=out)

    def correlate(self, x, dz, block):
        kh, kw, c, f = self.kernel_shape
        dz = dz.swapaxes(2, 3)
        if kh * kw * c >= 64:
            dz = _copy(dz)  # BLAS is twice as fast with two plain operands, which a short product does not repay
        return _correlate(self.columns(x, block), dz).sum(axis=0).reshape(kw, kh, c, f).swapaxes(0, 1)


class _Transform(_Scheme):
    """y[rows] = A' ((G kernel) . (B' x[rows]))   where `.` multiplies, and adds up channels and the cells along the width."""

    def __init__(self, *args):
        super().__init__(*args)
        (oh, ow), (_, w, c, n), (kh, _, _, f) = self.positions, self.x_shape, self.kernel_shape
        tiles = _cuts(oh, 7 - kh)
        cuts = max(-(-8 // len(tiles)), -(-6 * w * (c + f) * n // (3 * BLOCK)))
        self.blocks = [_Block(i, j) for i in tiles for j in _cuts(ow, -(-ow // cuts))]

    def image(self, x):
        return _contiguous(x)

    def weights(self, kernel):
        kh, _, _, f = kernel.shape
        rows = np.ascontiguousarray(kernel.transpose(0, 3, 1, 2)).reshape(kh, -1)
        heights = {block.rows.stop - block.rows.start for block in self.blocks}
        return {m: (cook_toom(m, kh, kernel.dtype)[1] @ rows).reshape(m + kh - 1, 1, f, -1) for m in heights}

    def columns(self, x, block):
        (kh, kw, _, _), (_, _, c, n) = self.kernel_shape, x.shape
        m, count = block.rows.stop - block.rows.start, block.columns.stop - block.columns.start
        image_rows, rows = self.inside(0, block.rows)
        image_columns, columns = self.inside(1, block.columns)
        transformed = arena.empty((m + kh - 1, count + kw - 1, c * n), x.dtype)
        transformed[:, : columns.start] = 0
        transformed[:, columns.stop :] = 0
        np.matmul(
            cook_toom(m, kh, x.dtype)[2][:, rows],
            _merged(x[image_rows, image_columns]).swapaxes(0, 1),
            out=transformed[:, columns].swapaxes(0, 1),
        )
        return _windows(transformed.reshape(*transformed.shape[:2], c, n), 0, count, kw)

    def inside(self, axis, cut):
        """What of the image `cut` of the output sees along `axis`, and where that lies in all that it sees."""
        start = cut.start - self.padding[axis][0]
        size = cut.stop - cut.start - 1 + self.kernel_shape[axis]
        lo = min(max(0, -start), size)
        hi = max(lo, min(size, self.x_shape[axis] - start))
        return slice(start + lo, start + hi), slice(lo, hi)

    def multiply(self, x, weights, block, out):
        columns = self.columns(x, block)
        products = arena.empty((len(columns), *out.shape[1:]), x.dtype)
        np.matmul(weights[len(out)], columns, out=products)
        back = cook_toom(len(out), self.kernel_shape[0], x.dtype)[0]
        np.matmul(back, _merged(products).swapaxes(0, 1), out=_merged(out).swapaxes(0, 1))

    def correlate(self, x, dz, block):
        m, count, f, n = dz.shape
        back, kernel_transform, _ = cook_toom(m, self.kernel_shape[0], x.dtype)
        dz = (back.T @ _copy(dz.swapaxes(2, 3)).reshape(m, -1)).reshape(-1, count, n, f)
        products = _correlate(self.columns(x, block), dz)
        return (kernel_transform.T @ products.reshape(len(products), -1)).reshape(self.kernel_shape)


@functools.lru_cache(maxsize=256)
def _scheme(x_shape, kernel_shape, strides, padding):
    return (_Transform if _transforms(kernel_shape, strides) else _Lowering)(x_shape, kernel_shape, strides, padding)


def _transforms(kernel_shape, strides):
    """Whether the transform serves a convolution better than lowering."""
    return strides == (1, 1) and 2 <= kernel_shape[0] <= 5 and min(kernel_shape[2:]) >= MANY


def _cuts(n, most):
    """range(n) as slices of `most` items and, at the end, what is left."""
    return [slice(i, min(i + most, n)) for i in range(0, n, most)]


def _windows(rows, first, count, kw, stride=1):
    """(r, width, d, n) -> (r, count, kw * d, n): views of kw columns each, from column `first` on, `stride` apart."""
    r, _, d, n = rows.shape
    a, b, *rest = rows.strides
    return np.ndarray((r, count, kw * d, n), rows.dtype, rows, first * b, (a, b * stride, *rest))


def _correlate(columns, dz):
    """(r, count, d, n), (r, count, n, f) -> (r, d, f), summed over positions and batch."""
    r, count, d, n = columns.shape
    if d * dz.shape[3] <= 1 << 14:
        return (columns @ dz).sum(axis=1)
    return _copy(columns.swapaxes(1, 2)).reshape(r, d, count * n) @ dz.reshape(r, count * n, -1)


def _merged(x):
    """(r, columns, f, n) -> (r, columns, f * n), a view."""
    return x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])


def _copy(view):
    out = arena.empty(view.shape, view.dtype)
    out[...] = view
    return out


def _contiguous(x):
    return x if x.flags.c_contiguous else _assign(arena.empty(x.shape, x.dtype), x)


def _assign(out, x):
    """out[...] = x, by several threads where it is long."""

    def piece(start, stop):
        out[start:stop] = x[start:stop]

    threads.parallel(piece, len(x), max(1, (1 << 16) * len(x) // max(1, x.size)))
    return out


@functools.lru_cache
def cook_toom(m, r, dtype):
    """A' (m, m + r - 1), G (m + r - 1, r) and B': m outputs of a filter of r taps in m + r - 1 multiplications.

    y = A' ((G g) * (B' d)), from evaluating and interpolating polynomials at 0, 3/4, -3/4, 3/2, -3/2 and infinity: half
    the rounding error of the customary 0, 1, -1, 2, -2, and 1.5 times that of the plain sum.
    """
    points = np.array([0, 0.75, -0.75, 1.5, -1.5][: m + r - 2])
    others = [np.delete(points, i) for i in range(len(points))]
    a = np.vstack([points[:, None] ** np.arange(m), np.eye(m)[-1:]])
    g = np.vstack([points[:, None] ** np.arange(r), np.eye(r)[-1:]])
    g[:-1] /= [[np.prod(p - o)] for p, o in zip(points, others, strict=True)]
    b = np.array([[*np.atleast_1d(np.poly(o))[::-1], 0.0] for o in others] + [np.poly(points)[::-1]])
    return a.T.astype(dtype), g.astype(dtype), b.astype(dtype)
