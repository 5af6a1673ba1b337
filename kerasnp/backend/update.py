"""Optimizer updates: long flat arrays, cut into blocks that fit the cache and are shared among threads."""

import math
import threading

import numpy as np

from kerasnp.backend import threads

# Smaller blocks would fit a level-2 cache, but make calls so short that two threads wait for each other all the time: Adam
# on 670k weights within fit takes 2.3 ms in blocks of 30k, 1.8 of 84k, 1.5 of 167k, 1.4 of 335k.
BLOCK = 3 << 16
SMALL_UPDATE = 1 << 15  # not worth cutting: waking a thread takes as long as half of it
LINE = 64  # bytes of a cache line: where every variable starts


def for_blocks(n, fn):
    """Call `fn(start, stop)` over consecutive blocks of `range(n)`, shared among the threads when there are many."""
    if n <= SMALL_UPDATE:
        fn(0, n)
        return
    threads.parallel(fn, n, LINE * -(-threads.grain_of(n, n, BLOCK) // LINE))


def scratch(like, index=0):
    """An array of the shape and type of `like`, the thread's own until its next call with the same `index`."""
    buffers = _mine.buffers
    key = index, like.dtype.char
    buffer = buffers.get(key)
    if buffer is None or buffer.size < like.size:
        buffer = buffers[key] = flat(max(like.size, 2 * BLOCK), like.dtype)
    if like.ndim == 1:
        return buffer[: like.size]
    return buffer[: like.size].reshape(like.shape)


def squared_norm(x):
    """The sum of squares as a float, block by block and in order: the same bits with any number of threads."""
    x = x.reshape(-1) if x.dtype != np.float16 else x.reshape(-1).astype(np.float32)
    starts = range(0, x.size, BLOCK)
    parts = [0.0] * len(starts)

    def run(first, last):
        for k in range(first, last):
            block = x[k * BLOCK : (k + 1) * BLOCK]
            parts[k] = float(np.dot(block, block))

    threads.parallel(run, len(parts), 4)
    return math.fsum(parts)


def offsets(shapes, dtype):
    """Where arrays of these shapes start in one flat array, each at a cache line, and the length of that array."""
    grain = max(1, LINE // np.dtype(dtype).itemsize)
    starts, end = [], 0
    for shape in shapes:
        starts.append(end)
        end += -(-max(1, math.prod(shape)) // grain) * grain
    return starts, end


def flat(n, dtype, fill=0):
    """A flat array of `n` times `fill`, which starts at a cache line."""
    dtype = np.dtype(dtype)
    whole = np.empty(n * dtype.itemsize + LINE, np.uint8)
    start = -whole.__array_interface__["data"][0] % LINE
    array = whole[start : start + n * dtype.itemsize].view(dtype)
    array.fill(fill)
    return array


def segments(array, starts, shapes):
    """The parts of a flat array as arrays of the given shapes."""
    return [array[i : i + math.prod(shape)].reshape(shape) for i, shape in zip(starts, shapes, strict=True)]


def joined(arrays, starts, n):
    """The flat array whose segments `arrays` are already, or None."""
    whole = arrays[0].base
    if type(whole) is not np.ndarray or whole.dtype != np.uint8 or not all(
        a.base is whole and a.flags.c_contiguous for a in arrays
    ):
        return None
    size = arrays[0].itemsize
    begin = _address(arrays[0]) - _address(whole)
    places = [_address(a) - _address(whole) - begin for a in arrays]
    if places != [size * i for i in starts] or begin + n * size > whole.size:
        return None
    return whole[begin : begin + n * size].view(arrays[0].dtype)


def _address(array):
    return array.__array_interface__["data"][0]


class _Mine(threading.local):
    def __init__(self):
        self.buffers = {}


_mine = _Mine()
