"""Parallel loops over NumPy kernels: the only door to threads.

NumPy's ufuncs, copies and matrix products release the interpreter lock, so pieces of one array operation run on all
cores.
"""

import contextlib
import ctypes
import math
import os
import queue
import threading
import time

import numpy as np

__all__ = ["at_most", "get_num_threads", "grain_of", "is_quiet", "parallel", "quiet_blas", "set_num_threads"]


def parallel(fn, n, grain, kind=None):
    """Call `fn(start, stop)` over consecutive pieces of `range(n)`, `grain` items each (the last may be shorter).

    The pieces run on a pool of threads, the caller's among them, with BLAS at one thread. The split depends on `n` and
    `grain` alone, so a kernel whose pieces do not meet, or that adds their results in order, gives the same bits with
    any number of threads. Runs inline where a region is open already: in a nested call, or for the second of two user
    threads; and where that has been quicker, for regions of the same function, `n`, `grain` and `kind`.

    Raises: the first exception of a piece, once all pieces have stopped; pieces not begun by then are left out.

    >>> squares = np.empty(5)
    >>> parallel(lambda i, j: np.square(np.arange(i, j), out=squares[i:j]), 5, grain=2)
    >>> squares
    array([ 0.,  1.,  4.,  9., 16.])
    """
    with _blas:
        if n <= grain or _num_threads == 1 or not _busy.acquire(blocking=False):
            _inline(fn, n, grain)
            return
        try:
            trial = _trial(getattr(fn, "__code__", None), n, grain, kind)
            way = _share if trial.shares() else _inline
            begun = time.perf_counter()
            way(fn, n, grain)
            trial.took(time.perf_counter() - begun)
        finally:
            _busy.release()


def grain_of(n, elements, most):
    """Items of `range(n)` for a piece of `parallel`: the fewest pieces, an even number, of about `most` elements at most.

    Threads that make short calls wait for each other's hold on the interpreter, and then to be woken. So a loop over a whole
    array is cut for two threads to share, and no finer than the cache wants it.
    """
    return max(1, -(-n // max(1, 2 * -(-elements // (2 * most)))))


def get_num_threads():
    """How many threads share the work: `KERASNP_NUM_THREADS`, or as many as there are cores this process may use."""
    return _num_threads


def set_num_threads(n):
    """Set how many threads share the work, those of NumPy's OpenBLAS included. Results do not depend on it.

    Raises: ValueError unless `n` is a positive integer.
    """
    global _num_threads
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
        raise ValueError(f"set_num_threads: expected a positive integer. Received: {n!r}")
    _num_threads = int(n)
    _trials.clear()
    _blas.limit(_num_threads)


@contextlib.contextmanager
def at_most(n):
    """Within it, no more than `n` threads share the work."""
    global _num_threads
    outer, _num_threads = _num_threads, min(n, _num_threads)
    try:
        yield
    finally:
        _num_threads = outer


def quiet_blas():
    """`with quiet_blas():` BLAS works with one thread, `parallel` with all of them.

    The threads of OpenBLAS spin for a while after each product and would take the cores from ours, so whoever runs many
    small steps (fit, evaluate, predict) does it inside. `linear.matmul` shares large products among our own threads.
    """
    return _blas


def is_quiet():
    """Whether the calling thread is within `quiet_blas()`, or works on a piece of `parallel`."""
    return _blas.mine.depth > 0


class _Trial:
    """Whether it pays to share the regions of one kind, found out by doing two in turn both ways now and then.

    Threads that make short calls to NumPy wait for each other's hold on the interpreter, and then to be woken, which
    takes 10 us on one machine and 100 us on another. So it cannot be told from the work alone.
    """

    FIRST, LATER = 4, 48  # comparisons at the beginning; regions from one comparison to the next after these
    RECENT = 8  # comparisons that count

    def __init__(self):
        self.gain = 0.0  # the mean of log(seconds inline / seconds shared)
        self.regions = self.comparisons = 0
        self.usual = None  # seconds of the way in use, while the other is tried

    def shares(self):
        """Whether to share the region that comes now."""
        self.regions += 1
        return (self.gain >= 0) is (self.usual is None)

    def took(self, seconds):
        """How long it took."""
        if self.usual is not None:
            gain = math.log(max(seconds, 1e-9) / max(self.usual, 1e-9))
            self.comparisons += 1
            self.gain += ((gain if self.gain >= 0 else -gain) - self.gain) / min(self.comparisons, self.RECENT)
            self.usual = None
        elif self.regions > 1 and (self.comparisons < self.FIRST or self.regions % self.LATER == 0):
            self.usual = seconds


def _trial(*key):
    trial = _trials.get(key)
    if trial is None:
        if len(_trials) >= 1024:
            _trials.clear()
        trial = _trials[key] = _Trial()
    return trial


def _inline(fn, n, grain):
    for start in range(0, n, grain):
        fn(start, min(start + grain, n))


def _share(fn, n, grain):
    region = _Region(fn, n, grain)
    region.tickets += range(min(_num_threads, len(region.starts)) - 1)
    count = len(region.tickets)
    while len(_crew) < count:
        _crew.append(_Worker())
    try:
        for worker in _crew[:count]:
            worker.regions.put(region)
        region.work()
    except BaseException as error:
        region.stop(error)
    while True:
        try:
            region.close(count)
            break
        except BaseException as error:  # an interrupt while waiting: the pieces have to stop first
            region.stop(error)
    if region.error is not None:
        raise region.error


class _Region:
    """One parallel loop: whoever works on it takes the next piece until none is left.

    A worker may enter with a ticket. An interrupt can strike the caller between any two steps, so what was entered, left
    or called off is never counted in a number, but read off lists that single steps change.
    """

    def __init__(self, fn, n, grain):
        self.fn, self.n, self.grain, self.error = fn, n, grain, None
        self.starts = list(range(0, n, grain))[::-1]  # list.pop is atomic
        self.tickets, self.called_off, self.left, self.bell = [], [], [], queue.SimpleQueue()

    def work(self):
        while self.starts:
            try:
                start = self.starts.pop()
            except IndexError:
                return
            self.fn(start, min(start + self.grain, self.n))

    def stop(self, error):
        self.starts.clear()
        self.error = self.error or error

    def close(self, count):
        """Call off the workers that have not begun (one slow to wake holds nobody up); wait for the end of the others."""
        try:
            self.called_off.extend(iter(self.tickets.pop, None))  # one step for the interpreter
        except IndexError:
            pass
        while len(self.left) + len(self.called_off) < count:
            try:
                self.bell.get(timeout=0.05)  # and look again, should an interrupt have swallowed the ring
            except queue.Empty:
                pass


class _Worker:
    """A daemon thread that waits for regions; it takes 10 to 15 us to wake."""

    def __init__(self):
        self.regions = queue.SimpleQueue()
        threading.Thread(target=self.run, daemon=True, name="kerasnp").start()

    def run(self):
        while True:
            self.serve(self.regions.get())

    @staticmethod
    def serve(region):
        try:
            region.tickets.pop()
        except IndexError:
            return
        _blas.mine.depth += 1  # whoever opened the region keeps BLAS quiet for it
        try:
            region.work()
        except BaseException as error:
            region.stop(error)
        _blas.mine.depth -= 1
        left, bell = region.left, region.bell
        del region  # before the caller goes on: the arrays in it are his
        left.append(None)
        bell.put(None)


class _Mine(threading.local):
    depth = 0


class _Blas:
    """`with`: NumPy's OpenBLAS runs one thread until the last thread leaves such a block; inert where none is found.

    Blocks within blocks are counted by each thread for itself, which needs no lock.
    """

    def __init__(self):
        self.get, self.set = _openblas()
        self.depth, self.outside, self.lock = 0, 1, threading.Lock()
        self.mine = _Mine()

    def __enter__(self):
        mine = self.mine
        if not mine.depth:
            with self.lock:
                self.depth += 1
                if self.depth == 1:
                    self.outside = self.get()
                    self.set(1)
        mine.depth += 1

    def __exit__(self, *_):
        mine = self.mine
        if not mine.depth:  # entered by the parent of a fork
            return
        mine.depth -= 1
        if not mine.depth:
            with self.lock:
                self.depth -= 1
                if self.depth == 0:
                    self.set(self.outside)

    def limit(self, n):
        with self.lock:
            self.outside = n
            if self.depth == 0:
                self.set(n)


def _openblas():
    """The functions that read and set the thread count of NumPy's OpenBLAS."""
    for path in _openblas_paths():
        try:
            library = ctypes.PyDLL(path)  # the setter takes 0.25 us: not worth letting go of the interpreter lock
        except OSError:
            continue
        for prefix in ("scipy_openblas", "openblas"):
            for suffix in ("64_", ""):
                try:
                    return tuple([library[f"{prefix}_{verb}_num_threads{suffix}"] for verb in ("get", "set")])
                except AttributeError:
                    continue
    return (lambda: 1), (lambda n: None)


def _openblas_paths():
    """The library bundled with NumPy, or on Linux one that is loaded already."""
    import glob  # here, since it takes as long as all of this module

    package = os.path.dirname(np.__file__)
    for folder in (package + ".libs", os.path.join(package, ".dylibs")):
        yield from glob.glob(os.path.join(glob.escape(folder), "*openblas*"))
    if os.path.exists("/proc/self/maps"):
        with open("/proc/self/maps") as maps:
            yield from sorted({line.split()[-1] for line in maps if "openblas" in line})


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _after_fork():
    """Threads do not survive a fork: the child starts without helpers and with fresh locks."""
    global _busy
    _crew.clear()
    _busy = threading.Lock()
    _blas.lock = threading.Lock()
    _blas.mine.depth = 0
    if _blas.depth:
        _blas.depth = 0
        _blas.set(_blas.outside)


_crew: list = []
_trials: dict = {}  # of (code of the function, n, grain, kind)
_busy = threading.Lock()  # held while a region is open
_blas = _Blas()
_num_threads = _cores()
if os.environ.get("KERASNP_NUM_THREADS"):
    try:
        set_num_threads(int(os.environ["KERASNP_NUM_THREADS"]))
    except ValueError:
        raise ValueError(
            f"KERASNP_NUM_THREADS must be a positive integer. Received: {os.environ['KERASNP_NUM_THREADS']!r}"
        ) from None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
