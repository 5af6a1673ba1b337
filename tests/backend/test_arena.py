"""Recycled memory: a block is used again exactly when nobody looks at it."""

import gc
import threading

import numpy as np
import pytest

from kerasnp.backend import arena

LARGE = (arena.SMALL,)  # in float32, four times the smallest size that is recycled


@pytest.fixture(autouse=True)
def empty_arena():
    arena.clear()
    held = arena.nbytes()
    yield held
    arena.clear()


def address(x):
    return x.__array_interface__["data"][0]


def test_shape_dtype_and_order():
    for shape in [(), (0,), (3,), (2, 0, 5), (300, 400), (7, 11, 13, 17)]:
        for dtype in ("float32", "float64", "int8", "bool"):
            x = arena.empty(shape, dtype)
            assert x.shape == shape and x.dtype == dtype and x.flags.c_contiguous and x.flags.writeable


def test_large_blocks_start_at_a_cache_line():
    assert address(arena.empty(LARGE)) % 64 == 0


def test_a_block_nobody_sees_is_used_again():
    x = arena.empty(LARGE)
    first = address(x)
    del x
    assert address(arena.empty(LARGE)) == first
    assert address(arena.empty((*LARGE, 1), "int32")) == first


@pytest.mark.parametrize(
    "see",
    [
        lambda x: x,
        lambda x: x[5:10],
        lambda x: x.reshape(2, -1).T[3:],
        lambda x: x.view("int8")[::7],
        lambda x: memoryview(x),
        lambda x: np.asarray(memoryview(x[1:])),
        lambda x: np.lib.stride_tricks.as_strided(x, (3, 2), (4, 4)),
        lambda x: np.ndarray((3,), "float32", x, 8),
        lambda x: x.flat,
        lambda x: {"deep": [x[3:].base]},
    ],
)
def test_a_block_anyone_sees_is_left_alone(see):
    x = arena.empty(LARGE)
    first = address(x)
    seen = see(x)
    del x
    others = [arena.empty(LARGE) for _ in range(3)]
    assert first not in map(address, others)
    del seen, others
    gc.collect()
    assert first in map(address, [arena.empty(LARGE) for _ in range(4)])


def test_small_arrays_and_objects_are_ordinary(empty_arena):
    arena.empty((10,))
    assert arena.empty((arena.SMALL,), object)[0] is None
    assert arena.nbytes() == empty_arena


def test_clear_gives_back_what_is_idle():
    kept = arena.empty(LARGE)
    before = arena.nbytes()
    arena.empty((2 * LARGE[0],))
    assert arena.nbytes() > before
    arena.clear()
    assert arena.nbytes() == before
    kept[...] = 1


def test_idle_memory_is_limited(monkeypatch):
    monkeypatch.setattr(arena, "LIMIT", 10 * arena.SMALL)
    for i in range(1, 12):
        arena.empty((i * arena.SMALL,), "int8")
        assert arena.nbytes() <= 10 * arena.SMALL + i * arena.SMALL


def test_what_is_remembered_of_shapes_is_limited(monkeypatch):
    monkeypatch.setattr(arena, "KINDS", 3)
    for n in range(1, 9):
        assert arena.empty([n, 1 << 15], "float32").shape == (n, 1 << 15)
    assert len(arena._mine.kinds) <= 3


def test_threads_have_blocks_of_their_own():
    mine = arena.empty(LARGE)
    first = address(mine)
    del mine
    found = []

    def other():
        x = arena.empty(LARGE)
        found.append(address(x))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert address(arena.empty(LARGE)) == first


def test_a_block_dropped_by_another_thread_is_used_again():
    box = [arena.empty(LARGE)]
    first = address(box[0])
    thread = threading.Thread(target=box.clear)
    thread.start()
    thread.join()
    assert address(arena.empty(LARGE)) == first
