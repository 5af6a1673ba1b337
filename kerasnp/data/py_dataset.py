"""PyDataset: batches by their number, loaded on several threads or processes."""

import itertools

from kerasnp.data.loading import read_ahead
from kerasnp.utils import check


class PyDataset:
    """Base of datasets that hand out batch number i: a subclass writes `__getitem__(i)` and `__len__`.

    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.arange(4.0)[:, None] + 4 * index
    ...         return x, x * x
    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> history = model.fit(Squares(workers=2), epochs=2, verbose=0)
    >>> model.predict(Squares(), verbose=0).shape
    (12, 1)

    With `workers=1` batches are made where they are used. More workers load up to `max_queue_size` batches ahead, on
    threads, or in processes with `use_multiprocessing=True`; the batches come in the same order for any number. Methods
    run side by side then, and random numbers drawn inside should come from a generator of the batch's own:
    `rng = np.random.default_rng([seed, index])`. `fit` asks for the batches in a new order each epoch, unless
    `shuffle=False`. Without `__len__` the batches never end, and `steps_per_epoch` says how many make an epoch.

    Args:
        workers: how many batches are made at once.
        use_multiprocessing: processes in the place of threads.
        max_queue_size: how many batches may wait.
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    # A subclass may well forget super().__init__().
    workers, use_multiprocessing, max_queue_size = 1, False, 10

    def __getitem__(self, index):
        """Batch number `index`: x, (x, y) or (x, y, sample_weight)."""
        raise NotImplementedError(f"{type(self).__name__}: write __getitem__(self, index), returning batch number `index`.")

    @property
    def num_batches(self):
        """How many batches there are, None for no end.

        >>> class Three(PyDataset):
        ...     def __len__(self):
        ...         return 3
        >>> Three().num_batches
        3
        """
        return len(self) if hasattr(self, "__len__") else None

    def on_epoch_begin(self):
        """Called before each pass over the batches."""

    def on_epoch_end(self):
        """Called after each complete pass over the batches.

        >>> import random
        >>> class Shuffled(PyDataset):
        ...     def __init__(self, n):
        ...         super().__init__()
        ...         self.order = list(range(n))
        ...     def on_epoch_end(self):
        ...         random.shuffle(self.order)
        >>> data = Shuffled(3)
        >>> data.on_epoch_end()
        >>> sorted(data.order)
        [0, 1, 2]
        """

    def __iter__(self):
        """One pass over the batches, in order."""
        yield from in_order(self, _numbers(self.num_batches))


# Its name until Keras 3.
Sequence = PyDataset


def in_order(source, order):
    """The batches of a source under the numbers in `order`, loaded as its `workers` say."""
    workers = check.integer("workers", getattr(source, "workers", 1), type(source).__name__)
    processes = getattr(source, "use_multiprocessing", False)
    if workers > 1 or (processes and workers > 0):
        ahead = check.positive_int("max_queue_size", getattr(source, "max_queue_size", 10), type(source).__name__)
        return read_ahead(source.__getitem__, order, workers, ahead, source if processes else None)
    return (source[i] for i in order)


def _numbers(count):
    return itertools.count() if count is None else range(count)
