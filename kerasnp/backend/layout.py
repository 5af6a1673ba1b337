"""The order of an array's axes in memory, which its shape does not tell: (n, h, w, c) images may lie (h, w, c, n)."""

import numpy as np

__all__ = ["is_turned", "memory_order", "natural", "ordered"]


def is_turned(x):
    """Whether the first of two axes of `x` is the innermost in memory.

    >>> is_turned(np.zeros((3, 2)).T), is_turned(np.zeros((3, 2)))
    (True, False)
    """
    return x.ndim == 2 and x.flags.f_contiguous and not x.flags.c_contiguous


def memory_order(x):
    """The axes of `x` from the outermost in memory to the innermost.

    >>> memory_order(np.zeros((4, 5, 3, 2)).transpose(3, 0, 1, 2))
    (1, 2, 3, 0)
    """
    if x.flags.c_contiguous:
        return tuple(range(x.ndim))
    return tuple(sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis])))


def ordered(x, order):
    """`x` with its axes in that order, without gaps in memory: a view where it lies like that, else a copy."""
    return np.ascontiguousarray(x.transpose(order))


def natural(x, order):
    """The inverse of `ordered`, a view."""
    return x.transpose(sorted(range(len(order)), key=order.__getitem__))
