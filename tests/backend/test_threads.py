"""The parallel loop: which pieces, which threads, what happens to errors, interrupts, forks and BLAS."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from kerasnp.backend import threads
from kerasnp.backend.threads import parallel


@pytest.fixture(autouse=True)
def four_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(4)
    yield
    threads.set_num_threads(before)


def pieces(n, grain):
    found = []
    parallel(lambda start, stop: found.append((start, stop)), n, grain)
    return sorted(found)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_pieces_depend_on_n_and_grain_alone(count):
    threads.set_num_threads(count)
    assert pieces(10, 3) == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert pieces(3, 3) == [(0, 3)]
    assert pieces(2, 100) == [(0, 2)]
    assert pieces(0, 3) == []


def test_pieces_run_on_several_threads_at_once():
    barrier = threading.Barrier(4)
    names = []

    def piece(start, stop):
        barrier.wait(10)  # passes only when four threads are inside
        names.append(threading.get_ident())

    parallel(piece, 4, 1)
    assert len(set(names)) == 4 and threading.get_ident() in names


def test_many_regions_in_a_row_lose_no_piece():
    total = 0
    for _ in range(2000):
        done = []
        parallel(lambda start, stop, done=done: done.append(stop - start), 5, 1)
        total += sum(done)
    assert total == 10_000


@pytest.mark.parametrize("shared_is_slower", [True, False])
def test_a_region_is_shared_as_long_as_that_is_quicker(monkeypatch, shared_is_slower):
    clock = [0.0]
    monkeypatch.setattr(threads.time, "perf_counter", lambda: clock[0])

    def region():
        """Whether it was shared; a shared one takes 3 s or 1 s of this clock, one that is not takes 2 s."""
        before, names = clock[0], []

        def piece(start, stop):
            names.append(threading.get_ident())
            if len(names) == 1:
                deadline = time.monotonic() + 0.05
                while len(set(names)) == 1 and time.monotonic() < deadline:
                    time.sleep(0.001)  # until another thread has come, if there will be one
            clock[0] = before + (2 if len(set(names)) == 1 else 3 if shared_is_slower else 1)

        parallel(piece, 4, 1)
        return len(set(names)) > 1

    ways = [region() for _ in range(60)]
    assert ways[0] and not ways[2], "first shared, then tried the other way"
    assert ways[20:40] == [not shared_is_slower] * 20
    assert shared_is_slower in ways[40:], "tried again later"


def test_nested_loops_run_inline():
    inner = []

    def piece(start, stop):
        me = threading.get_ident()
        parallel(lambda *_: inner.append(threading.get_ident() == me), 8, 1)

    parallel(piece, 4, 1)
    assert len(inner) == 32 and all(inner)


@pytest.mark.parametrize("bad", range(4))
def test_an_exception_reaches_the_caller_when_all_pieces_have_stopped(bad):
    running = []
    barrier = threading.Barrier(4)

    def piece(start, stop):
        running.append(start)
        barrier.wait(10)
        if start == bad:
            raise KeyError(start)
        time.sleep(0.02)
        running.remove(start)

    with pytest.raises(KeyError, match=str(bad)):
        parallel(piece, 4, 1)
    assert running == [bad]
    assert pieces(4, 2) == [(0, 2), (2, 4)], "the pool works on"


def test_pieces_not_begun_are_left_out_after_an_exception():
    threads.set_num_threads(2)
    begun = []

    def piece(start, stop):
        begun.append(start)
        time.sleep(0.002)
        raise ValueError

    with pytest.raises(ValueError):
        parallel(piece, 100, 1)
    assert len(begun) <= 2


def test_two_user_threads_at_once():
    results = {}

    def user(name):
        total = 0
        for _ in range(300):
            parts = np.zeros(8)
            parallel(lambda i, j, parts=parts: parts.__setitem__(i, i + 1), 8, 1)
            total += parts.sum()
        results[name] = total

    users = [threading.Thread(target=user, args=(i,)) for i in range(3)]
    for each in users:
        each.start()
    for each in users:
        each.join(60)
    assert results == {i: 300 * 36 for i in range(3)}


def test_blas_runs_one_thread_inside_and_gets_its_own_back():
    blas = threads._blas
    threads.set_num_threads(3)
    outside, inside = blas.get(), []
    if outside != 3:
        pytest.skip("NumPy has no OpenBLAS here")
    parallel(lambda *_: inside.append(blas.get()), 4, 1)
    assert inside == [1] * 4 and blas.get() == outside
    with pytest.raises(ZeroDivisionError):
        parallel(lambda *_: 1 // 0, 4, 1)
    assert blas.get() == outside


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True, None])
def test_set_num_threads_says_what_it_expects(n):
    with pytest.raises(ValueError, match="set_num_threads: expected a positive integer. Received: "):
        threads.set_num_threads(n)


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


def test_the_environment_sets_the_thread_count():
    code = "from kerasnp.backend import threads; print(threads.get_num_threads())"
    assert run_python(code, KERASNP_NUM_THREADS="3").stdout == "3\n"
    assert (
        "KERASNP_NUM_THREADS must be a positive integer. Received: 'many'"
        in run_python(code, KERASNP_NUM_THREADS="many").stderr
    )


def test_the_pool_starts_at_first_use():
    code = """
import threading
from kerasnp.backend import threads
threads.set_num_threads(3)
before = threading.active_count()
threads.parallel(lambda i, j: None, 3, 1)
print(before, threading.active_count())
"""
    assert run_python(code).stdout == "1 3\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_a_pool_of_its_own():
    code = """
import os, threading, time
from kerasnp.backend import threads
threads.set_num_threads(2)
def loop(seconds=0):
    done = []
    threads.parallel(lambda i, j: (time.sleep(seconds), done.append(i)), 6, 1)
    return sorted(done)
loop()
user = threading.Thread(target=loop, args=(0.1,))
user.start()                 # the fork happens while a region is open
time.sleep(0.05)
outside = threads._blas.outside
child = os.fork()
if child == 0:
    ok = loop() == list(range(6)) and threads._blas.get() == outside
    os._exit(0 if ok else 1)
user.join()
print(os.waitpid(child, 0)[1], loop())
"""
    result = run_python(code)
    assert result.stdout == "0 [0, 1, 2, 3, 4, 5]\n", result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to send here")
def test_an_interrupt_waits_for_the_pieces_to_stop():
    code = """
import os, signal, threading, time
from kerasnp.backend import threads
threads.set_num_threads(3)
inside = []
def piece(start, stop):
    if threading.current_thread() is threading.main_thread():
        while len(inside) < 2:
            time.sleep(0.001)
        time.sleep(seconds)
    else:
        inside.append(start)
        time.sleep(0.3)
        inside.remove(start)
for seconds in (10, 0):     # the interrupt arrives in the caller's own piece, and while it waits for the others
    threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        threads.parallel(piece, 3, 1)
        print("not interrupted")
    except KeyboardInterrupt:
        print("interrupted, inside:", len(inside), end=", ")
    done = []
    threads.parallel(lambda i, j: done.append(i), 6, 1)
    print("then:", len(done), threads._blas.depth)
"""
    result = run_python(code)
    assert result.stdout == "interrupted, inside: 0, then: 6 0\n" * 2, result.stderr


def test_interrupts_at_any_moment_leave_the_pool_whole():
    code = """
import os, signal, threading, time
import numpy as np
from kerasnp.backend import threads
threads.set_num_threads(2)
stop = time.monotonic() + 2
pid = os.getpid()
armed = False
def interrupt(*_):
    global armed
    if armed:
        armed = False  # once per region, and nowhere else in this script
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupt)
def pester():
    while time.monotonic() < stop:
        time.sleep(0.003)
        os.kill(pid, signal.SIGINT)
hits = 0
thread = threading.Thread(target=pester)
thread.start()
while time.monotonic() < stop:
    try:
        armed = True
        threads.parallel(lambda i, j: np.ones(2000).sum(), 8, 1)
        armed = False
    except KeyboardInterrupt:
        hits += 1
thread.join()
print(hits > 0)
done = []
threads.parallel(lambda i, j: done.append(i), 6, 1)
print(len(done))
"""
    result = run_python(code)
    assert result.stdout.split() == ["True", "6"], result.stderr
