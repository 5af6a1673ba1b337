"""Batches from whatever the user has: arrays, or anything that yields batches."""

import numpy as np

from kerasnp import backend as K
from kerasnp.utils import check
from kerasnp.utils.text import is_text


def unpack_x_y_sample_weight(data):
    """A batch given as x, (x,), (x, y) or (x, y, sample_weight), as the three of them."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3 or not data:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. "
            f"Received a tuple of {len(data)} entries."
        )
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The shortest tuple that `unpack_x_y_sample_weight` undoes."""
    return (x,) if y is None else (x, y) if sample_weight is None else (x, y, sample_weight)


def as_array(name, value, who):
    """User data as an array of a numeric type (or text): float64 becomes the default float type."""
    if isinstance(value, dict):
        if len(value) != 1:
            raise ValueError(
                f"{who}: a Sequential model takes one input. Received: {name} as a dictionary of {len(value)} entries."
            )
        value = next(iter(value.values()))
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    array = np.asarray(getattr(value, "value", value) if hasattr(value, "creator") else value)
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


class ArrayData:
    """Batches of arrays held in memory (or mapped), shuffled anew each epoch on request."""

    in_memory = True

    def __init__(self, x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None, who="fit"):
        self.x = as_array("x", x, who)
        self.y = None if y is None else as_array("y", y, who)
        self.sample_weight = None if sample_weight is None else as_array("sample_weight", sample_weight, who)
        if self.x.ndim == 0:
            raise ValueError(f"{who}: x must be an array with a batch axis. Received: a scalar")
        given = {"x": self.x, "y": self.y, "sample_weight": self.sample_weight}
        check.same_length(who, **{k: v for k, v in given.items() if v is not None})
        self.size = len(self.x)
        self.batch_size = check.positive_int("batch_size", 32 if batch_size is None else batch_size, who)
        self.shuffle = shuffle
        self.num_batches = -(-self.size // self.batch_size)
        if class_weight is not None:
            self.sample_weight = weigh_classes(self.y, class_weight, self.sample_weight, who)

    def batches(self, epoch=0, rng=None):
        """Yield (x, y, sample_weight) batch by batch."""
        order = rng.permutation(self.size) if self.shuffle and rng is not None else None
        for start in range(0, self.size, self.batch_size):
            stop = min(start + self.batch_size, self.size)
            rows = slice(start, stop) if order is None else order[start:stop]
            yield self._take(self.x, rows), self._take(self.y, rows), self._take(self.sample_weight, rows)

    @staticmethod
    def _take(array, rows):
        if array is None:
            return None
        return array[rows] if isinstance(rows, slice) else array.take(rows, axis=0)


class IterableData:
    """Batches from a generator, a list of batches, or an object with `__len__` and `__getitem__` (a PyDataset)."""

    shuffle = in_memory = False

    def __init__(self, source, class_weight=None, who="fit", steps=None):
        self.source, self.class_weight, self.who = source, class_weight, who
        self.indexed = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        self.num_batches = len(source) if hasattr(source, "__len__") else steps
        self.size = None
        self._iterator = None

    def batches(self, epoch=0, rng=None):
        """Yield (x, y, sample_weight) batch by batch; a generator goes on where it stopped."""
        if self.indexed:
            order = range(len(self.source))
            iterator = (self.source[i] for i in order)
        elif hasattr(self.source, "__next__"):
            iterator = self.source
        else:
            iterator = iter(self.source)
        for item in iterator:
            x, y, weight = unpack_x_y_sample_weight(item)
            x = as_array("x", x, self.who)
            y = None if y is None else as_array("y", y, self.who)
            weight = None if weight is None else as_array("sample_weight", weight, self.who)
            if self.class_weight is not None:
                weight = weigh_classes(y, self.class_weight, weight, self.who)
            yield x, y, weight
        if self.indexed and hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


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
    """The adapter for `x`: ArrayData or IterableData."""
    arrays = isinstance(x, (np.ndarray, list, tuple, dict)) or hasattr(x, "__array__") or hasattr(x, "creator")
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
    return IterableData(x, class_weight, who, steps)


def split_validation(x, y, sample_weight, validation_split):
    """The first part for training, the last `validation_split` of the samples for validation, as Keras cuts them."""
    if not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1. Received: validation_split={validation_split}")
    arrays = [None if a is None else as_array(n, a, "fit") for n, a in (("x", x), ("y", y), ("sample_weight", sample_weight))]
    check.same_length("fit", **{n: a for n, a in zip(("x", "y", "sample_weight"), arrays) if a is not None})
    cut = int(len(arrays[0]) * (1 - validation_split) + 1e-9)
    if cut == 0 or cut == len(arrays[0]):
        raise ValueError(
            f"Training data contains {len(arrays[0])} samples, which is not sufficient to split it into a validation and "
            f"training set as specified by `validation_split={validation_split}`. Either provide more data, or a "
            "different value for the `validation_split` argument."
        )
    return tuple(None if a is None else a[:cut] for a in arrays), tuple(None if a is None else a[cut:] for a in arrays)
