"""Batches from whatever the user has: arrays, in memory or in files, or anything that yields batches."""

import contextlib
import itertools

import numpy as np

from kerasnp.data.loading import read_ahead
from kerasnp.data.py_dataset import in_order
from kerasnp.models.arrays import FileRows, as_input, as_labels, is_sparse, one_output, rows, weigh_classes, weights_beside
from kerasnp.utils import check, nest


def unpack_x_y_sample_weight(data):
    """A batch given as x, (x,), (x, y) or (x, y, sample_weight), as the three of them.

    >>> unpack_x_y_sample_weight(([1, 2], [3, 4]))
    ([1, 2], [3, 4], None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3 or not data:
        raise ValueError(
            "Data come as x alone, or as a tuple: (x,), (x, y) or with weights (x, y, sample_weight). Received a tuple of "
            f"{len(data)} entries."
        )
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The shortest tuple that `unpack_x_y_sample_weight` undoes; of an array alone the array.

    >>> pack_x_y_sample_weight([1, 2], [3, 4])
    ([1, 2], [3, 4])
    >>> pack_x_y_sample_weight([1, 2])
    ([1, 2],)
    """
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


class ArrayData:
    """Batches of arrays, shuffled anew each epoch on request.

    What lies in a file is read in its order, a block of batches at a time and one block ahead; shuffled, the blocks come in
    random order and so do the rows within each. `shuffle="batch"` leaves the batches where they are and mixes each.
    """

    BLOCK = 64  # batches that are shuffled together,
    BLOCK_BYTES = 1 << 25  # but no more than this

    def __init__(self, x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None, who="fit", steps=None):
        self.x = as_input(x, who)
        self.y = None if y is None else as_labels("y", y, who)
        self.sample_weight = weights_beside(self.y, sample_weight, who)
        inputs = [a for a in nest.flatten(self.x) if a is not None]
        if any(a.ndim == 0 for a in inputs):
            raise ValueError(f"{who}: x must be an array with a batch axis. Received: a scalar")
        given = {f"input {i}" if i else "x": a for i, a in enumerate(inputs)}
        for name, value in (("y", self.y), ("sample_weight", self.sample_weight)):
            given.update({f"{name} {i}" if i else name: a for i, a in enumerate(nest.flatten(value))})
        check.same_length(who, **{k: v for k, v in given.items() if v is not None})
        self.size = rows(self.x)
        if batch_size is None:
            batch_size = max(-(-self.size // steps), 1) if steps else 32  # so that the steps are a whole pass, as in Keras
        self.batch_size = check.positive_int("batch_size", batch_size, who)
        self.shuffle = shuffle
        self.num_batches = -(-self.size // self.batch_size)
        if class_weight is not None:
            one_output(self.y, who)
            labels, weights = (a.read() if isinstance(a, FileRows) else a for a in (self.y, self.sample_weight))
            self.sample_weight = weigh_classes(labels, class_weight, weights, who)
        others = nest.flatten([self.y, self.sample_weight])
        self._files = [a for a in (*inputs, *others) if isinstance(a, FileRows)]

    @property
    def in_memory(self):
        """Whether nothing lies in a file."""
        return not self._files

    def batches(self, epoch=0, rng=None, first=0):
        """Yield (x, y, sample_weight) batch by batch, from batch `first` on."""
        rng = rng if self.shuffle else None
        if self._files:
            yield from itertools.islice(self._file_batches(rng), first, None)
            return
        order = None if rng is None else self._order(rng, self.size)
        for start in range(first * self.batch_size, self.size, self.batch_size):
            stop = min(start + self.batch_size, self.size)
            chosen = slice(start, stop) if order is None else order[start:stop]
            yield self._take(self.x, chosen), self._take(self.y, chosen), self._take(self.sample_weight, chosen)

    def _order(self, rng, size):
        if self.shuffle != "batch" or not size:
            return rng.permutation(size)
        starts = range(0, size, self.batch_size)
        return np.concatenate([start + rng.permutation(min(self.batch_size, size - start)) for start in starts])

    def _file_batches(self, rng):
        most = self.BLOCK_BYTES // max(sum(a.row_bytes for a in self._files) * self.batch_size, 1)
        block = self.batch_size * max(1, min(self.BLOCK, most))
        starts = np.arange(0, self.size, block)
        if rng is not None and self.shuffle != "batch":
            rng.shuffle(starts)
        blocks = read_ahead(lambda start: self._read(start, min(start + block, self.size)), map(int, starts), 1, 1)
        with contextlib.closing(blocks):
            for parts in blocks:
                n = rows(parts[0])
                order = None if rng is None else self._order(rng, n)
                for start in range(0, n, self.batch_size):
                    chosen = slice(start, min(start + self.batch_size, n))
                    yield tuple(self._take(a, chosen if order is None else order[chosen]) for a in parts)

    def _read(self, start, stop):
        def read(a):
            return None if a is None else a.read(start, stop) if isinstance(a, FileRows) else a[start:stop]

        return [nest.map_structure(read, a) for a in (self.x, self.y, self.sample_weight)]

    @staticmethod
    def _take(arrays, chosen):
        if arrays is None:
            return None
        if isinstance(arrays, np.ndarray):
            return arrays[chosen] if isinstance(chosen, slice) else arrays.take(chosen, axis=0)
        return nest.map_structure(lambda a: ArrayData._take(a, chosen), arrays)

    def pass_over(self, count, ended):
        """As if so many passes had been made after the first batch of one; the next order does not depend on them."""


class IterableData:
    """Batches from a generator, a list of batches, or any other iterable of them.

    A generator goes on where it stopped, from pass to pass.

    Args:
        again: how many of the first batches of a generator begin every pass.
    """

    shuffle = in_memory = False
    size = None
    again = 0
    used_up = False  # whether a generator has come to its end

    def __init__(self, source, class_weight=None, who="fit", steps=None, again=0):
        self.source, self.class_weight, self.who, self.again = source, class_weight, who, again
        self.num_batches = steps
        with contextlib.suppress(TypeError):  # there is no length, or nobody knows it, such as a torch DataLoader of a stream
            self.num_batches = len(source)
        self._firsts = None

    def batches(self, epoch=0, rng=None, first=0):
        """Yield (x, y, sample_weight) batch by batch."""
        one_shot = hasattr(self.source, "__next__")
        iterator = self.source if one_shot else iter(self.source)
        if one_shot and self.again:
            if self._firsts is None:
                self._firsts = list(itertools.islice(self.source, self.again))
            iterator = itertools.chain(self._firsts, self.source)
        try:
            for item in itertools.islice(iterator, first, None):
                yield self._batch(item)
            self.used_up = one_shot
        finally:
            if not one_shot and hasattr(iterator, "close"):
                iterator.close()

    def _batch(self, item):
        x, y, weight = unpack_x_y_sample_weight(item)
        x = as_input(x, self.who)
        if any(a is not None and a.ndim == 0 for a in nest.flatten(x)):
            raise ValueError(f"{self.who}: each batch begins with x, an array with a batch axis. Received: {item!r}")
        y = None if y is None else as_labels("y", y, self.who)
        weight = weights_beside(y, weight, self.who)
        if self.class_weight is not None:
            one_output(y, self.who)
            weight = weigh_classes(y, self.class_weight, weight, self.who)
        return tuple(nest.map_structure(lambda a: a.read() if isinstance(a, FileRows) else a, part) for part in (x, y, weight))

    def pass_over(self, count, ended):
        """As if so many passes had been made after the first batch of one."""


class IndexedData(IterableData):
    """Batches by their number: a PyDataset, or anything with `__getitem__` and `__len__`."""

    def __init__(self, source, shuffle=False, class_weight=None, who="fit", steps=None):
        self.source, self.class_weight, self.who, self.shuffle = source, class_weight, who, shuffle
        self.count = source.num_batches if hasattr(source, "num_batches") else len(source)
        self.num_batches = steps if self.count is None else self.count

    def batches(self, epoch=0, rng=None, first=0):
        """Yield (x, y, sample_weight) batch by batch, in random order if asked for, from the `first` of this order on."""
        if first == 0:
            self._hook("on_epoch_begin")
        order = itertools.count(first)
        if self.count is not None:
            order = rng.permutation(self.count) if self.shuffle and rng is not None else range(self.count)
            order = map(int, order[first:])
        items = in_order(self.source, order)
        with contextlib.closing(items):
            for item in items:
                yield self._batch(item)
        self._hook("on_epoch_end")

    def pass_over(self, count, ended):
        """As if so many passes had been made: the dataset hears of them, and may draw its own random numbers."""
        for _ in range(count):
            self._hook("on_epoch_end")
            self._hook("on_epoch_begin")
        if ended:
            self._hook("on_epoch_end")

    def _hook(self, name):
        if hasattr(self.source, name):
            getattr(self.source, name)()


def make_data(x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None, steps=None, who="fit"):
    """The adapter for `x`: ArrayData, IndexedData or IterableData."""
    if x is None:
        raise ValueError(f"{who}: no data were given; pass x, an array whose first axis counts the samples.")
    if _holds_arrays(x):
        return ArrayData(x, y, sample_weight, batch_size, shuffle, class_weight, who, steps)
    if isinstance(x, (str, bytes)) or not hasattr(x, "__iter__") and not hasattr(x, "__getitem__"):
        raise ValueError(f"{who}: Unrecognized data type: x must be an array or an iterable of batches. Received: {x!r}")
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"{who}: when providing `x` as a generator or another iterable of batches, `{name}` should not be passed "
                "beside it; let x yield (x, y, sample_weight) tuples."
            )
    if hasattr(x, "__getitem__") and not isinstance(x, (list, tuple)) and (hasattr(x, "__len__") or hasattr(x, "num_batches")):
        return IndexedData(x, shuffle, class_weight, who, steps)
    return IterableData(x, class_weight, who, steps)


def _holds_arrays(x):
    """Whether `x` is an array, or arrays in a list or dictionary, and not something that yields batches."""
    if isinstance(x, (list, tuple)) and len(x) and isinstance(x[0], tuple) and not np.isscalar(x[0][0]):
        return False
    given = isinstance(x, (np.ndarray, list, tuple, dict, FileRows)) or hasattr(x, "__array__") or hasattr(x, "creator")
    return given or is_sparse(x)


def split_validation(x, y, sample_weight, validation_split):
    """The first part for training, the last `validation_split` of the samples for validation, as Keras cuts them."""
    if not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1. Received: validation_split={validation_split}")
    if not _holds_arrays(x):
        raise ValueError(
            f"fit: `validation_split` is only supported for arrays. Received: x={x!r}; give `validation_data`, as an iterable "
            "of batches."
        )
    arrays = [None if a is None else as_labels(n, a, "fit") for n, a in (("y", y), ("sample_weight", sample_weight))]
    arrays = [as_input(x, "fit"), *arrays]
    firsts = [next((part for part in nest.flatten(a) if part is not None), None) for a in arrays]
    check.same_length("fit", **{n: a for n, a in zip(("x", "y", "sample_weight"), firsts) if a is not None})
    size = rows(arrays[0])
    cut = int(size * (1 - validation_split) + 1e-9)
    if cut == 0 or cut == size:
        raise ValueError(
            f"validation_split={validation_split} leaves no sample for one of the two parts, since there are {size} samples; "
            "give more of them, or another share."
        )

    def part(of):
        return tuple(nest.map_structure(lambda a: None if a is None else a[of], a) for a in arrays)

    return part(slice(None, cut)), part(slice(cut, None))
