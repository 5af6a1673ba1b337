"""Recycled memory for large arrays, without a lifetime protocol.

A block is handed out again when no array looks at it any more, which its reference count tells. So a result may be
given to anyone and kept for any time.
"""

import math
import sys
import threading

import numpy as np

__all__ = ["clear", "empty", "nbytes"]

SMALL = 1 << 16  # bytes; below this, malloc recycles just as well, and above it may give pages back and fault them in
LIMIT = 1 << 28  # bytes of idle blocks that a thread may keep
KINDS = 1 << 10  # shapes and types whose place a thread remembers


def empty(shape, dtype=np.float32):
    """An uninitialised C-contiguous array; a large one lies in recycled memory, aligned to cache lines.

    >>> empty((2, 3)).shape
    (2, 3)
    """
    key = tuple(shape), dtype
    dtype, blocks, capacity = _mine.kinds.get(key) or _kind(*key)
    if blocks is None:
        return np.empty(shape, dtype)
    block = _idle(blocks, _NOBODY)
    if block is None:
        if capacity + sum(c * len(_all_idle(b)) for c, b in _mine.blocks.items()) > LIMIT:
            clear()
        blocks.append(_block(capacity))
        block = blocks[-1][1]
    return np.ndarray(shape, dtype, block)


def _kind(shape, dtype):
    """The dtype, and the blocks among which such an array finds its place, with their size; None for a small one."""
    kinds, key = _mine.kinds, (shape, dtype)
    if len(kinds) >= KINDS:
        kinds.clear()
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALL or dtype.hasobject:
        kinds[key] = dtype, None, size
    else:
        unit = max(SMALL, 1 << size.bit_length() - 4)
        capacity = -(-size // unit) * unit
        kinds[key] = dtype, _mine.blocks.setdefault(capacity, []), capacity
    return kinds[key]


def nbytes():
    """Bytes of the calling thread's blocks, in use or idle."""
    return sum(capacity * len(blocks) for capacity, blocks in _mine.blocks.items())


def clear():
    """Give the calling thread's idle blocks back to the system."""
    for blocks in _mine.blocks.values():
        idle = list(map(id, _all_idle(blocks)))
        blocks[:] = [pair for pair in blocks if id(pair) not in idle]


def _block(capacity):
    """A block, and its part that starts at a cache line; arrays made from that part refer to the whole block."""
    whole = np.empty(capacity + 64, np.uint8)
    start = -whole.__array_interface__["data"][0] % 64
    return whole, whole[start : start + capacity]


def _idle(blocks, references):
    """The aligned part of the first block that nobody but the list refers to."""
    for whole, part in blocks:
        if sys.getrefcount(whole) == references:
            return part
    return None


def _all_idle(blocks):
    return [pair for pair in blocks if _idle([pair], _NOBODY) is not None]


class _Mine(threading.local):
    def __init__(self):
        self.blocks = {}  # capacity: [(whole block, aligned part)]
        self.kinds = {}  # (shape, dtype): (dtype, the blocks of its capacity, capacity)


_mine = _Mine()
_sample = [_block(64)]
# What `_idle` counts for a block in no use, which depends on the version of Python.
_NOBODY = next(count for count in range(1, 9) if _idle(_sample, count) is not None)
