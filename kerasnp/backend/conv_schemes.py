"""Two ways to convolve with the batch innermost in memory, over arrays (height, width, channels, n).

A window is then `width` runs of `channels * n` contiguous numbers, however few the channels. Lowering copies the rows
that one row of the output sees next to each other, and multiplies the kernel with windows that overlap along the width.
Where there are many channels, Transform mixes the rows instead (Winograd's minimal filtering in one dimension; Lavin
and Gray, 2016, arXiv:1509.09308): half the multiplications, and less to copy.

Either way the output is cut into blocks, and a scheme knows what a block has to do with the image: `multiply` makes the
block, `correlate` its part of the gradient of the kernel, `spread` takes rows of the gradient back to the image.
"""

import functools
import math
from collections import namedtuple

import numpy as np

from . import arena, threads

BLOCK = 1 << 20  # elements that a block makes on its way: 4 MB in float32
PIECES = 6  # of work at most; each costs some 10 calls, and threads that call NumPy all the time wait for each other
PIECE = 600  # microseconds of work, below which there are fewer pieces, but two
MANY = 16  # channels, in and out, from which Transform pays

Block = namedtuple("Block", "rows columns")  # of the output, two slices


@functools.lru_cache(maxsize=256)
def scheme(x_shape, kernel_shape, strides, padding, cell=(1, 1)):
    """The scheme for a convolution. Its blocks are made of whole cells; what is left of the output is left out."""
    transforms = strides == (1, 1) and 2 <= kernel_shape[0] <= 5 and min(kernel_shape[2:]) >= MANY
    return (Transform if transforms else Lowering)(x_shape, kernel_shape, strides, padding, cell)


class Scheme:
    """The sizes of one convolution, its output cut into blocks and bands of rows, its image into strips of columns."""

    def __init__(self, x_shape, kernel_shape, strides, padding, cell):
        self.x_shape, self.kernel_shape, self.strides, self.padding = x_shape, kernel_shape, strides, padding
        height, width = (
            ((size + sum(pad) - k) // stride + 1) // c
            for size, k, stride, pad, c in zip(x_shape, kernel_shape, strides, padding, cell, strict=False)
        )
        self.positions = height * cell[0], width * cell[1]
        kh, kw, c, f = kernel_shape
        microseconds = math.prod(self.positions) * f * x_shape[3] * (kh * kw * c / 50 + 1) / 1000
        self.pieces = min(PIECES, max(2, 2 * round(microseconds / (2 * PIECE))))
        self.blocks = self.cut(cell, height, width)
        bands = even_cuts(-(-self.positions[0] // self.tall), self.pieces // 2, self.tall)
        self.bands = [slice(band.start, min(band.stop, self.positions[0])) for band in bands]
        self.strips = even_cuts(x_shape[1], 2)

    def tiles(self, rows):
        """Rows of the output, as many at a time as are done together."""
        return [slice(rows.start + i.start, rows.start + i.stop) for i in cuts(rows.stop - rows.start, self.tall)]

    def reach(self, strip):
        """The columns of dz that reach a strip of the image: the first, perhaps before the edge, and how many."""
        across, left, kw = self.strides[1], self.padding[1][0], self.kernel_shape[1]
        first = (strip.start + left) // across - -(-kw // across) + 1
        return first, (strip.stop - 1 + left) // across + 1 - first


class Lowering(Scheme):
    """y[row, column] (f, n) = kernel (f, kw * kh * c) @ window (kw * kh * c, n)."""

    def cut(self, cell, height, width):
        (_, w, c, n), (kh, _, _, f) = self.x_shape, self.kernel_shape
        work = w * (kh * c + f) * n * cell[0]  # of one row of cells
        parts = max(self.pieces, -(-height * work // BLOCK))
        self.tall = -(-height // parts) * cell[0]
        return [
            Block(i, j)
            for i in even_cuts(height, parts + parts % 2, cell[0])
            for j in even_cuts(width, -(-work // BLOCK), cell[1])
        ]

    def image(self, x):
        """The image within zeros."""
        (top, bottom), (left, right) = self.padding
        h, w, c, n = x.shape
        if not (top or bottom or left or right):
            return contiguous(x)
        padded = arena.empty((top + h + bottom, left + w + right, c, n), x.dtype)
        padded[:top], padded[top + h :] = 0, 0
        padded[:, :left], padded[:, left + w :] = 0, 0
        assign(padded[top : top + h, left : left + w], x)
        return padded

    def weights(self, kernel):
        """(f, kw * kh * c)."""
        return np.ascontiguousarray(kernel.transpose(3, 1, 0, 2)).reshape(kernel.shape[3], -1)

    def columns(self, x, block):
        """The windows of a block, (rows, columns, kw * kh * c, n)."""
        (kh, kw, _, _), (_, _, c, n), (down, across) = self.kernel_shape, x.shape, self.strides
        rows, count = (part.stop - part.start for part in block)
        width = (count - 1) * across + kw
        a, b, *rest = x.strides
        start = block.rows.start * down * a + block.columns.start * across * b
        seen = np.ndarray((rows, width, kh, c, n), x.dtype, x, start, (a * down, b, a, *rest))
        return windows(copy(seen).reshape(rows, width, kh * c, n), 0, count, kw, across)

    def multiply(self, x, weights, block, out):
        """out (rows, columns, f, n) = a block of y."""
        np.matmul(weights, self.columns(x, block), out=out)

    def correlate(self, x, dz, block):
        """dw (kh, kw, c, f) from a block of dz (rows, columns, f, n)."""
        kh, kw, c, f = self.kernel_shape
        dz = dz.swapaxes(2, 3)
        if kh * kw * c >= 64:
            dz = copy(dz)  # BLAS is twice as fast with two plain operands, which a short product does not repay
        return _correlate(self.columns(x, block), dz).sum(axis=0).reshape(kw, kh, c, f).swapaxes(0, 1)

    def turned(self, kernel):
        """(kh, c, cells, f) per phase: column q * stride + r of the padded image meets cells r, r + stride, ... of the
        kernel, and dz[q], dz[q - 1], ..."""
        across = self.strides[1]
        phases = (kernel[:, r::across][:, ::-1] for r in range(min(across, kernel.shape[1])))
        return [np.ascontiguousarray(cells.transpose(0, 2, 1, 3)) for cells in phases]

    def spread(self, dz, phases, rows, strip):
        """dx from some rows of dz alone, (rows that they reach, columns of the strip, c, n)."""
        (kh, _, c, f), n, (down, across), left = self.kernel_shape, dz.shape[3], self.strides, self.padding[1][0]
        count, width = rows.stop - rows.start, strip.stop - strip.start
        begin, length = self.reach(strip)
        source, inside = overlap(begin, length, dz.shape[1])
        padded = arena.empty((count, length, f, n), dz.dtype)
        padded[:, : inside.start], padded[:, inside.stop :] = 0, 0
        padded[:, inside] = dz[rows, source]
        raised = arena.empty((count, width, kh * c, n), dz.dtype)
        if across > len(phases):
            raised[...] = 0
        for r, cells in enumerate(phases):
            first = (r - left - strip.start) % across
            start = (strip.start + first + left) // across + 1 - cells.shape[2] - begin
            seen = windows(padded, start, len(range(first, width, across)), cells.shape[2])
            np.matmul(cells.reshape(kh * c, -1), seen, out=raised[:, first::across])
        raised = raised.reshape(count, width, kh, c, n)
        dx = arena.empty(((count - 1) * down + kh, width, c, n), dz.dtype)
        dx[count * down if kh >= down else 0 :] = 0
        for i in range(kh):
            reached = dx[i : i + (count - 1) * down + 1 : down]
            if i < down:  # nothing is there yet
                reached[...] = raised[:, :, i]
            else:
                reached += raised[:, :, i]
        return dx


class Transform(Scheme):
    """y[rows] = A' ((G kernel) . (B' x[rows]))   where `.` multiplies, and adds up channels and cells along the width.

    A, B and G are those of `cook_toom` for as many rows as a tile is high: `tall`, or what is left at the lower edge.
    """

    def cut(self, cell, height, width):
        (_, w, c, n), (kh, _, _, f) = self.x_shape, self.kernel_shape
        self.tall = 7 - kh
        rows = cuts(height, max(1, self.tall // cell[0]), cell[0])
        parts = max(-(-self.pieces // max(1, len(rows))), -(-6 * w * (c + f) * n // (2 * BLOCK)))
        parts += len(rows) % 2 * parts % 2  # an even number of blocks, for two threads to share
        parts = min(parts, max(1, width * cell[1] // 4))  # neighbours both transform the columns between them
        return [Block(i, j) for i in rows for j in even_cuts(width, parts, cell[1])]

    def image(self, x):
        """The image as it is; tiles know their zeros."""
        return contiguous(x)

    def weights(self, kernel):
        """height of a tile: (points, 1, f, kw * c)."""
        tiles = [tile for block in self.blocks for tile in self.tiles(block.rows)]
        return self.transformed(kernel.transpose(0, 3, 1, 2), tiles)

    def transformed(self, kernel, tiles):
        """The kernel (kh, rows, ...) mixed along its height for such tiles, (points, 1, rows, -1)."""
        kh, rows, *_ = kernel.shape
        kernel = np.ascontiguousarray(kernel).reshape(kh, -1)
        heights = {tile.stop - tile.start for tile in tiles}
        return {m: (cook_toom(m, kh, kernel.dtype)[1] @ kernel).reshape(m + kh - 1, 1, rows, -1) for m in heights}

    def columns(self, x, tile, columns):
        """The windows of a tile, transformed: (points, columns, kw * c, n)."""
        (kh, kw, _, _), (h, w, c, n), ((top, _), (left, _)) = self.kernel_shape, x.shape, self.padding
        m, count = tile.stop - tile.start, columns.stop - columns.start
        image_rows, rows = overlap(tile.start - top, m + kh - 1, h)
        image_columns, inside = overlap(columns.start - left, count + kw - 1, w)
        mixed = arena.empty((m + kh - 1, count + kw - 1, c, n), x.dtype)
        mixed[:, : inside.start], mixed[:, inside.stop :] = 0, 0
        mix(cook_toom(m, kh, x.dtype)[2][:, rows], x[image_rows, image_columns], mixed[:, inside])
        return windows(mixed, 0, count, kw)

    def multiply(self, x, weights, block, out):
        """out (rows, columns, f, n) = a block of y."""
        for tile in self.tiles(block.rows):
            m = tile.stop - tile.start
            columns = self.columns(x, tile, block.columns)
            products = arena.empty((len(columns), *out.shape[1:]), x.dtype)
            np.matmul(weights[m], columns, out=products)
            start = tile.start - block.rows.start
            mix(cook_toom(m, self.kernel_shape[0], x.dtype)[0], products, out[start : start + m])

    def correlate(self, x, dz, block):
        """dw (kh, kw, c, f) from a block of dz (rows, columns, f, n)."""
        kh, *rest = self.kernel_shape
        dw = np.zeros((kh, math.prod(rest)), x.dtype)
        for tile in self.tiles(block.rows):
            start, m = tile.start - block.rows.start, tile.stop - tile.start
            back, kernel_transform, _ = cook_toom(m, kh, x.dtype)
            mixed = arena.empty((len(back[0]), dz.shape[1], dz.shape[3], dz.shape[2]), dz.dtype)
            mix(back.T, copy(dz[start : start + m].swapaxes(2, 3)), mixed)
            products = _correlate(self.columns(x, tile, block.columns), mixed)
            dw += kernel_transform.T @ products.reshape(len(products), -1)
        return dw.reshape(self.kernel_shape)

    def turned(self, kernel):
        """height of a tile: (points, 1, c, kw * f)."""
        return self.transformed(kernel[:, ::-1].transpose(0, 2, 1, 3), self.tiles(slice(0, self.positions[0])))

    def spread(self, dz, weights, tile, strip):
        """dx from a tile of dz alone, (rows that it reaches, columns of the strip, c, n)."""
        (kh, kw, c, f), n = self.kernel_shape, dz.shape[3]
        m, width = tile.stop - tile.start, strip.stop - strip.start
        back, _, image_transform = cook_toom(m, kh, dz.dtype)
        reached, length = self.reach(strip)
        source, inside = overlap(reached, length, dz.shape[1])
        mixed = arena.empty((m + kh - 1, length, f, n), dz.dtype)
        mixed[:, : inside.start], mixed[:, inside.stop :] = 0, 0
        mix(back.T, dz[tile, source], mixed[:, inside])
        products = arena.empty((m + kh - 1, width, c, n), dz.dtype)
        np.matmul(weights[m], windows(mixed, 0, width, kw), out=products)
        return mix(image_transform.T, products, arena.empty(products.shape, dz.dtype))


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


def mix(matrix, rows, out):
    """out[i] = the sum of matrix[i, k] rows[k], where rows and out are (rows, columns, channels, n)."""
    np.matmul(matrix, merged(rows).swapaxes(0, 1), out=merged(out).swapaxes(0, 1))
    return out


def windows(rows, first, count, kw, stride=1):
    """(r, width, d, n) -> (r, count, kw * d, n): views of kw columns each, from column `first` on, `stride` apart."""
    r, _, d, n = rows.shape
    a, b, *rest = rows.strides
    return np.ndarray((r, count, kw * d, n), rows.dtype, rows, first * b, (a, b * stride, *rest))


def _correlate(columns, dz):
    """(r, count, d, n), (r, count, n, f) -> (r, d, f), summed over positions and batch."""
    r, count, d, n = columns.shape
    f = dz.shape[3]
    if d * f <= 1 << 14:
        return np.matmul(columns, dz, out=arena.empty((r, count, d, f), dz.dtype)).sum(axis=1)
    return copy(columns.swapaxes(1, 2)).reshape(r, d, count * n) @ dz.reshape(r, count * n, f)


def cuts(n, most, unit=1):
    """range(n * unit) as slices of `most` units and, at the end, what is left."""
    return [slice(i * unit, min(i + most, n) * unit) for i in range(0, n, most)]


def overlap(first, count, limit):
    """The part of range(first, first + count) that is in range(limit), and where that part lies in the former."""
    lo = min(max(first, 0), first + count)
    hi = max(lo, min(first + count, limit))
    return slice(lo, hi), slice(lo - first, hi - first)


def even_cuts(n, parts, unit=1):
    """range(n * unit) as so many slices of almost the same number of units, the longer ones first; fewer where n is small."""
    ends = [-(-n * i // min(n, parts)) * unit for i in range(min(n, parts) + 1)] if n else []
    return [slice(i, j) for i, j in zip(ends, ends[1:])]


def merged(x):
    """(r, columns, f, n) -> (r, columns, f * n), a view."""
    return x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])


def copy(view):
    """A copy in plain order, in recycled memory."""
    out = arena.empty(view.shape, view.dtype)
    out[...] = view
    return out


def contiguous(x):
    """x, or a copy of it in plain order."""
    return x if x.flags.c_contiguous else assign(arena.empty(x.shape, x.dtype), x)


def assign(out, x):
    """out[...] = x, by several threads where it is long."""

    def piece(start, stop):
        out[start:stop] = x[start:stop]

    threads.parallel(piece, len(x), max(1, (1 << 16) * len(x) // max(1, x.size)), x.size)
    return out
