"""Loading ahead: batches are read on other threads or processes while the model computes, and come in their own order."""

import collections
import itertools
import signal
import sys

from kerasnp.utils import check

_END = object()


def read_ahead(load, indices, workers=1, ahead=2, dataset=None):
    """Yield `load(i)` for each i, in order, while up to `ahead` later ones are loaded.

    An exception of `load` is raised where its result would have come, with the traceback it had. Leaving the loop, by
    whatever way, calls off what was not begun and waits for the rest: no thread stays behind.

    Args:
        load: a function of one argument.
        indices: its arguments, any number of them; taken one at a time.
        workers: how many threads, or processes, load.
        ahead: how many results may wait.
        dataset: if given, processes hold a copy of it and compute `dataset[i]` in the place of `load(i)`.
    """
    pool = _threads(workers) if dataset is None else _processes(workers, dataset)
    load = load if dataset is None else _fetch
    waiting: collections.deque = collections.deque()
    try:
        for index in indices:
            waiting.append(pool.submit(load, index))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _threads(workers):
    import concurrent.futures  # here, since the two of them take a tenth of kerasnp's import

    return concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="kerasnp-loader")


def _processes(workers, dataset):
    import concurrent.futures
    import multiprocessing

    # A forked child has the dataset without pickling it; elsewhere the dataset must be picklable.
    method = "fork" if sys.platform == "linux" else None
    context = multiprocessing.get_context(method)
    return concurrent.futures.ProcessPoolExecutor(workers, context, _adopt, (dataset,))


_dataset = None  # of a loading process


def _adopt(dataset):
    """What a loading process begins with. Ctrl-C is for its parent, which then sends it home."""
    global _dataset
    _dataset = dataset
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _fetch(index):
    return _dataset[index]


class prefetch:  # noqa: N801
    """Any iterable of batches, read on another thread while the model computes.

    >>> batches = prefetch(range(5), ahead=2)
    >>> list(batches), list(batches)
    ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])

    Order, exceptions with their tracebacks, and repeated passes are those of the iterable. Up to `ahead` items more than
    were asked for are taken from it; a source that draws from the global random state is better left without.

    Args:
        batches: an iterable; one that starts anew at each `iter` may be run through many times.
        ahead: how many items may wait.
    """

    def __init__(self, batches, ahead=2):
        self.batches, self.ahead = batches, check.positive_int("ahead", ahead, "prefetch")

    def __iter__(self):
        iterator = iter(self.batches)
        items = read_ahead(lambda _: next(iterator, _END), itertools.count(), 1, self.ahead)
        try:
            for item in items:
                if item is _END:
                    return
                yield item
        finally:
            items.close()

    def __len__(self):
        return len(self.batches)
