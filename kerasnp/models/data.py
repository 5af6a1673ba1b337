"""Batches from whatever the user has: arrays, in memory or in files, or anything that yields batches."""

import contextlib
import itertools
import math

import numpy as np

from kerasnp import backend as K
from kerasnp.data.loading import read_ahead
from kerasnp.data.py_dataset import in_order
from kerasnp.utils import check, nest
from kerasnp.utils.text import is_text


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


def as_array(name, value, who):
    """User data as an array of a numeric type: float64 becomes the default float type; what lies in a file stays there."""
    if isinstance(value, dict):
        if len(value) != 1:
            raise ValueError(
                f"{who}: a Sequential model takes one input. Received: {name} as a dictionary of {len(value)} entries."
            )
        value = next(iter(value.values()))
    if isinstance(value, FileRows):
        return value
    if _in_file(value):
        return FileRows(name, value, who)
    if hasattr(value, "to_numpy"):
        value = _from_frame(name, value, who)
    return _numeric(name, np.asarray(getattr(value, "value", value) if hasattr(value, "creator") else value), who)


def as_input(value, who):
    """The inputs of a model: one array, or a list, tuple or dictionary of several, each an array."""
    if _is_several(value):
        return nest.map_structure(lambda v: as_array("x", v, who), value)
    return as_array("x", value, who)


def _is_several(value):
    """Whether `value` holds an array for each input, and not the numbers of one array."""
    if isinstance(value, dict):
        return len(value) > 1
    return isinstance(value, (list, tuple)) and len(value) > 1 and all(getattr(v, "shape", ()) or _is_several(v) for v in value)


def rows(x):
    """How many samples there are in one input or several."""
    return len(nest.flatten(x)[0])


def _numeric(name, array, who):
    if array.dtype.kind == "f":
        return array if array.dtype == K.floatx() else array.astype(K.floatx())
    if array.dtype.kind in "iub" or (name == "x" and is_text(array)):
        return array
    if array.dtype.kind == "O":
        raise ValueError(
            f"{who}: {name} must be an array of numbers. Received: an object array of shape {array.shape}; "
            "the rows probably differ in length: pad them to one length first."
        )
    raise TypeError(
        f"{who}: {name} must hold numbers. Received: dtype {array.dtype}; convert it with {name}.astype('float32')."
    )


def _from_frame(name, frame, who):
    """A pandas frame or series (a column) as an array; columns of several numeric types meet in the widest."""
    array = frame.to_numpy()
    if array.dtype.kind == "O" and not (name == "x" and is_text(array)):
        try:
            array = array.astype(K.floatx())
        except (TypeError, ValueError):
            columns = [str(c) for c, part in frame.items() if not _numbers(part)] if frame.ndim > 1 else [name]
            raise TypeError(
                f"{who}: {name} must hold numbers. Received: no numbers in {', '.join(columns)}; encode or drop them first."
            ) from None
    return array if array.ndim > 1 else array[:, None]


def _numbers(column):
    try:
        return column.to_numpy().astype("float64") is not None
    except (TypeError, ValueError):
        return False


def _in_file(value):
    """Whether an array lies in a file (a memmap, an HDF5 or Zarr dataset) and should be read piece by piece."""
    return isinstance(value, np.memmap) or type(value).__module__.split(".")[0] in ("h5py", "zarr") and hasattr(value, "shape")


class FileRows:
    """Rows `first` to `last` of an array in a file, read when asked for."""

    def __init__(self, name, source, who, first=0, last=None):
        self.name, self.source, self.who = name, source, who
        if source.dtype.kind not in "iubf":
            _numeric(name, np.empty(source.shape and 0, source.dtype), who)
        self.first, self.last = first, (len(source) if last is None else last) if source.shape else 0
        self.ndim = len(source.shape)
        self.shape = (self.last - self.first, *source.shape[1:])
        self.dtype = np.dtype(K.floatx()) if source.dtype.kind == "f" else source.dtype
        self.row_bytes = math.prod(source.shape[1:]) * source.dtype.itemsize

    def __len__(self):
        return self.last - self.first

    def __getitem__(self, rows):
        """A part of the rows, still in the file."""
        first, last, _ = rows.indices(len(self))
        return FileRows(self.name, self.source, self.who, self.first + first, self.first + max(first, last))

    def read(self, first=0, last=None):
        """Rows as an array in memory."""
        last = len(self) if last is None else last
        return _numeric(self.name, np.array(self.source[self.first + first : self.first + last]), self.who)


class ArrayData:
    """Batches of arrays, shuffled anew each epoch on request.

    What lies in a file is read in its order, a block of batches at a time and one block ahead; shuffled, the blocks come in
    random order and so do the rows within each.
    """

    BLOCK = 64  # batches that are shuffled together,
    BLOCK_BYTES = 1 << 25  # but no more than this

    def __init__(self, x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None, who="fit"):
        self.x = as_input(x, who)
        self.y = None if y is None else as_array("y", y, who)
        self.sample_weight = None if sample_weight is None else as_array("sample_weight", sample_weight, who)
        inputs = nest.flatten(self.x)
        if any(a.ndim == 0 for a in inputs):
            raise ValueError(f"{who}: x must be an array with a batch axis. Received: a scalar")
        given = {f"input {i}" if i else "x": a for i, a in enumerate(inputs)}
        given.update({"y": self.y, "sample_weight": self.sample_weight})
        check.same_length(who, **{k: v for k, v in given.items() if v is not None})
        self.size = rows(self.x)
        self.batch_size = check.positive_int("batch_size", 32 if batch_size is None else batch_size, who)
        self.shuffle = shuffle
        self.num_batches = -(-self.size // self.batch_size)
        if class_weight is not None:
            labels, weights = (a.read() if isinstance(a, FileRows) else a for a in (self.y, self.sample_weight))
            self.sample_weight = weigh_classes(labels, class_weight, weights, who)
        self._files = [a for a in (*inputs, self.y, self.sample_weight) if isinstance(a, FileRows)]

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
        order = None if rng is None else self._order(rng)
        for start in range(first * self.batch_size, self.size, self.batch_size):
            stop = min(start + self.batch_size, self.size)
            chosen = slice(start, stop) if order is None else order[start:stop]
            yield self._take(self.x, chosen), self._take(self.y, chosen), self._take(self.sample_weight, chosen)

    def _order(self, rng):
        if self.shuffle != "batch":
            return rng.permutation(self.size)
        # Whole batches in random order, the incomplete one last.
        whole = self.size // self.batch_size
        rows = np.arange(whole * self.batch_size).reshape(whole, self.batch_size)
        return np.concatenate([rng.permutation(rows).reshape(-1), np.arange(whole * self.batch_size, self.size)])

    def _file_batches(self, rng):
        most = self.BLOCK_BYTES // max(sum(a.row_bytes for a in self._files) * self.batch_size, 1)
        block = self.batch_size * (1 if self.shuffle == "batch" and rng is not None else max(1, min(self.BLOCK, most)))
        starts = np.arange(0, self.size, block)
        if rng is not None:
            rng.shuffle(starts)
        blocks = read_ahead(lambda start: self._read(start, min(start + block, self.size)), map(int, starts), 1, 1)
        with contextlib.closing(blocks):
            for parts in blocks:
                n = rows(parts[0])
                order = None if rng is None or self.shuffle == "batch" else rng.permutation(n)
                for start in range(0, n, self.batch_size):
                    chosen = slice(start, min(start + self.batch_size, n))
                    yield tuple(self._take(a, chosen if order is None else order[chosen]) for a in parts)

    def _read(self, start, stop):
        def read(a):
            return a.read(start, stop) if isinstance(a, FileRows) else None if a is None else a[start:stop]

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
    """Batches from a generator, a list of batches, or any other iterable of them."""

    shuffle = in_memory = False
    size = None

    def __init__(self, source, class_weight=None, who="fit", steps=None):
        self.source, self.class_weight, self.who = source, class_weight, who
        self.num_batches = len(source) if hasattr(source, "__len__") else steps

    def batches(self, epoch=0, rng=None, first=0):
        """Yield (x, y, sample_weight) batch by batch; a generator goes on where it stopped."""
        one_shot = hasattr(self.source, "__next__")
        iterator = self.source if one_shot else iter(self.source)
        try:
            for item in itertools.islice(iterator, first, None):
                yield self._batch(item)
        finally:
            if not one_shot and hasattr(iterator, "close"):
                iterator.close()

    def _batch(self, item):
        x, y, weight = unpack_x_y_sample_weight(item)
        x = as_input(x, self.who)
        y = None if y is None else as_array("y", y, self.who)
        weight = None if weight is None else as_array("sample_weight", weight, self.who)
        if self.class_weight is not None:
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


def weigh_classes(y, class_weight, sample_weight, who):
    """Sample weights from a {class: weight} dictionary, times those given."""
    if y is None or not isinstance(class_weight, dict):
        raise ValueError(
            f"{who}: class_weight must be a dictionary {{class: weight}} and needs labels y. Received: {class_weight!r}"
        )
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y)).astype(np.int64)
    table = np.ones(max(int(labels.max(initial=0)), *map(int, class_weight)) + 1, K.floatx())
    for label, weight in class_weight.items():
        table[int(label)] = weight
    weights = table[labels]
    return weights if sample_weight is None else weights * sample_weight


def make_data(x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None, steps=None, who="fit"):
    """The adapter for `x`: ArrayData, IndexedData or IterableData."""
    arrays = isinstance(x, (np.ndarray, list, tuple, dict, FileRows)) or hasattr(x, "__array__") or hasattr(x, "creator")
    if isinstance(x, (list, tuple)) and len(x) and isinstance(x[0], (tuple,)) and not np.isscalar(x[0][0]):
        arrays = False
    if x is None:
        raise ValueError(f"{who}: no data were given; pass x, an array whose first axis counts the samples.")
    if arrays:
        return ArrayData(x, y, sample_weight, batch_size, shuffle, class_weight, who)
    if not hasattr(x, "__iter__") and not hasattr(x, "__getitem__"):
        raise ValueError(f"{who}: x must be an array or an iterable of batches. Received: {type(x).__name__}")
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"{who}: when x yields batches, `{name}` must not be given beside it; let x yield (x, y, sample_weight) tuples."
            )
    if hasattr(x, "__getitem__") and not isinstance(x, (list, tuple)) and (hasattr(x, "__len__") or hasattr(x, "num_batches")):
        return IndexedData(x, shuffle, class_weight, who, steps)
    return IterableData(x, class_weight, who, steps)


def split_validation(x, y, sample_weight, validation_split):
    """The first part for training, the last `validation_split` of the samples for validation, as Keras cuts them."""
    if not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1. Received: validation_split={validation_split}")
    arrays = [None if a is None else as_array(n, a, "fit") for n, a in (("y", y), ("sample_weight", sample_weight))]
    arrays = [as_input(x, "fit"), *arrays]
    firsts = [None if a is None else nest.flatten(a)[0] for a in arrays]
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
