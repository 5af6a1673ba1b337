"""Processes that work on one thing together: a fork for each, memory that all of them see, and a pipe for every pair.

Threads that call NumPy all the time wait for each other's hold on the interpreter; processes have one each. They go through
the same program, each on its own data, and meet where they exchange arrays.
"""

import contextlib
import mmap
import os
import select
import signal
import sys
import threading
import time
import warnings

import numpy as np

__all__ = ["Group", "Lost", "count", "member"]

WATCHFUL = 2e-3  # seconds for which who waits looks out for the other before it sleeps, from which it takes 50 us to wake
SLOT = 1 << 20  # bytes that a process may exchange at once
PAGE = mmap.ALLOCATIONGRANULARITY


class Lost(RuntimeError):
    """Another process of the group has ended."""


class Group:
    """`size` processes, this one among them as number 0; the others come into being with `fork`.

    Args:
        size: how many processes.
        nbytes: the size of `memory`, which all of them see; pages come into being when they are written.

    Attributes:
        rank: the number of this process.

    Raises: OSError where the system has no room for it.
    """

    def __init__(self, size, nbytes=0):
        self.size, self.rank, self.first, self.children = size, 0, os.getpid(), []
        table, slots = -(-size * size * 8 // PAGE) * PAGE, 2 * size * SLOT
        shared = mmap.mmap(-1, table + slots + nbytes)
        self._posted = np.frombuffer(shared, np.int64, size * size).reshape(size, size)
        self._slots = np.frombuffer(shared, np.uint8, slots, table).reshape(2, size, SLOT)
        self.memory = np.frombuffer(shared, np.uint8, nbytes, table + slots)
        self._heard, self._turn = [0] * size, 0
        self._pipes = {(i, j): os.pipe() for i in range(size) for j in range(size) if i != j}
        self._ends = {}  # of this process: {(from, to): the end it uses}

    def fork(self, work):
        """Let `work(group)` run in each of the others, which end with it."""
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()  # what waits there would be written by each
        # Ctrl-C waits until the others have been told to ignore it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for rank in range(1, self.size):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: none is used there
                    warnings.simplefilter("ignore", RuntimeWarning)
                    child = os.fork()
                if not child:
                    self._serve(rank, work, mask)
                self.children.append(child)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._keep_own_ends()

    def _serve(self, rank, work, mask):
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first, which ends the others
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self.rank, self.children = rank, []
            self._keep_own_ends()
            with contextlib.suppress(Lost):
                work(self)
        finally:
            os._exit(0)

    def _keep_own_ends(self):
        for (i, j), (reading, writing) in self._pipes.items():
            if i != self.rank:
                os.close(writing)
            if j != self.rank:
                os.close(reading)
            if self.rank in (i, j):
                self._ends[i, j] = writing if i == self.rank else reading
        self._pipes = {}

    # -- meeting ----------------------------------------------------------------------------------------------------

    def post(self, peer):
        """Tell a process that what it waits for is there."""
        self._posted[self.rank, peer] += 1
        try:
            os.write(self._ends[self.rank, peer], b".")
        except BrokenPipeError:
            raise self._lost(peer) from None

    def wait(self, peer):
        """Wait until a process has told this one.

        Raises: Lost if it has ended.
        """
        self._heard[peer] = expected = self._heard[peer] + 1
        count, place = self._posted.item, peer * self.size + self.rank
        until = time.perf_counter() + WATCHFUL
        while count(place) < expected and time.perf_counter() < until:
            _let_others_run()
        end = self._ends[peer, self.rank]
        while not select.select([end], [], [], 1)[0]:
            if self.rank and os.getppid() != self.first:  # others may hold the other end of the pipe
                raise self._lost(0)
        if not os.read(end, 1):
            raise self._lost(peer)

    def _lost(self, peer):
        return Lost(f"process {peer} of {self.size} has ended")

    def gather(self, vector):
        """The vectors of all processes in the order of their numbers, as rows; they have one length."""
        if vector.nbytes > SLOT:
            raise ValueError(f"Group.gather: at most {SLOT} bytes can be exchanged at once. Received: {vector.nbytes}")
        others = [peer for peer in range(self.size) if peer != self.rank]
        rows = self._slots[self._turn].view(vector.dtype)[:, : vector.size]
        self._turn = 1 - self._turn  # who is ahead by one writes elsewhere, and nobody can be ahead by two
        rows[self.rank] = vector
        for peer in others:
            self.post(peer)
        for peer in others:
            self.wait(peer)
        return rows

    def total(self, *vectors):
        """Sums over all processes, in the order of their numbers: the same bits everywhere."""
        rows = self.gather(np.concatenate([v.reshape(-1) for v in vectors]))
        sums, start, found = rows.sum(axis=0), 0, []
        for v in vectors:
            found.append(sums[start : start + v.size].reshape(v.shape))
            start += v.size
        return found

    def moments(self, mean, variance, n):
        """Mean and variance of the samples of all processes, n of them here.

        T. Chan, G. Golub, R. LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979).
        """
        rows = self.gather(np.concatenate([[n], mean.reshape(-1), variance.reshape(-1)]).astype(np.float64))
        counts, (means, variances) = rows[:, :1], np.split(rows[:, 1:], 2, axis=1)
        n = counts.sum()
        center = (counts * means).sum(axis=0) / n
        spread = (counts * (variances + (means - center) ** 2)).sum(axis=0) / n
        return [v.astype(mean.dtype).reshape(mean.shape) for v in (center, spread)]

    @contextlib.contextmanager
    def joined(self):
        """Within it, statistics of a batch that this thread computes are those of the parts of all processes."""
        outer, _mine.group = _mine.group, self
        try:
            yield self
        finally:
            _mine.group = outer

    def close(self):
        """End the other processes."""
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):  # somebody else has waited for it
                os.waitpid(child, 0)
        for end in self._ends.values():
            os.close(end)
        self.children, self._ends = [], {}


def count(n):
    """The sum of `n` over the processes of the group, or `n` itself."""
    group = member()
    return n if group is None else int(group.total(np.full(1, n))[0][0])


def member():
    """The group that this thread works in, or None."""
    return _mine.group


_let_others_run = getattr(os, "sched_yield", lambda: time.sleep(0))


class _Mine(threading.local):
    group = None


_mine = _Mine()
