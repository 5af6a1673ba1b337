"""Recycled memory for large arrays, without a lifetime protocol.

A block is handed out again when no array looks at it any more, which its reference count tells. So a result may be given to
anyone and kept for any time.
"""

import math
import sys
import threading

import numpy as np

__all__ = ["clear", "empty", "nbytes"]

SMALL = 1 << 16  # below this, malloc recycles just as well
LIMIT = 1 << 28  # bytes of idle blocks a thread may keep


def empty(shape, dtype=np.float32):
    """An uninitialised C-contiguous array; a large one lies in recycled memory, aligned to cache lines.

    >>> empty((2, 3)).shape
    (2, 3)
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALL or dtype.hasobject:
        return np.empty(shape, dtype)
    capacity = -(-size // SMALL) * SMALL
    blocks = _mine.blocks.setdefault(capacity, [])
    counts = _references(blocks)
    if _IDLE in counts:
        _, block = blocks[counts.index(_IDLE)]
    else:
        if _idle_bytes() + capacity > LIMIT:
            clear()
        blocks.append(_block(capacity))
        _, block = blocks[-1]
    return block[:size].view(dtype).reshape(shape)


def nbytes():
    """Bytes of the calling thread's blocks, in use or idle."""
    return sum(capacity * len(blocks) for capacity, blocks in _mine.blocks.items())


def clear():
    """Give the calling thread's idle blocks back to the system."""
    for blocks in _mine.blocks.values():
        blocks[:] = [block for block, count in zip(blocks, _references(blocks), strict=True) if count > _IDLE]


def _block(capacity):
    """A block and its part that starts at a cache line; arrays made from that part refer to the whole block."""
    whole = np.empty(capacity + 64, np.uint8)
    start = -whole.__array_interface__["data"][0] % 64
    return whole, whole[start : start + capacity]


def _references(blocks):
    return [sys.getrefcount(whole) for whole, _ in blocks]


def _idle_bytes():
    return sum(capacity * _references(blocks).count(_IDLE) for capacity, blocks in _mine.blocks.items())


class _Mine(threading.local):
    def __init__(self):
        self.blocks = {}  # capacity: [(whole, aligned part)]


_mine = _Mine()
_IDLE = _references([_block(64)])[0]  # what Python counts for a block nobody uses, which depends on its version
