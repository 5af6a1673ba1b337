"""Arrays as datasets, and datasets in two parts."""

import numpy as np

from kerasnp.data.py_dataset import PyDataset
from kerasnp.utils import check


class ArrayDataset(PyDataset):
    """Samples of arrays, one by one, or in batches after `batch(size)`.

    >>> data = ArrayDataset((np.arange(5), np.arange(5) * 10))
    >>> len(data), [int(y) for x, y in data]
    (5, [0, 10, 20, 30, 40])
    >>> [x.tolist() for x, y in data.batch(2)]
    [[0, 1], [2, 3], [4]]

    Args:
        arrays: an array, or a tuple of arrays of one length.
        batch_size: samples per batch; None for samples without a batch axis.
    """

    def __init__(self, arrays, batch_size=None):
        super().__init__()
        self.arrays = arrays
        self.batch_size = batch_size if batch_size is None else check.positive_int("batch_size", batch_size, "ArrayDataset")

    def batch(self, batch_size):
        """The same samples, `batch_size` at a time."""
        return type(self)(self.arrays, batch_size)

    @property
    def size(self):
        """The number of samples."""
        return len(self.arrays[0] if isinstance(self.arrays, tuple) else self.arrays)

    def __len__(self):
        return self.size if self.batch_size is None else -(-self.size // self.batch_size)

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError(f"ArrayDataset: there are {len(self)} entries. Received: index={index}")
        index %= len(self)
        rows = index if self.batch_size is None else slice(index * self.batch_size, (index + 1) * self.batch_size)
        return tuple(a[rows] for a in self.arrays) if isinstance(self.arrays, tuple) else self.arrays[rows]


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None):
    """Two datasets of samples from one; `left.batch(32)` is ready for `fit`.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), [int(x) for x in right]
    (8, [8, 9])

    Args:
        dataset: an array, a list or tuple of arrays, or an iterable of samples (a PyDataset of batches is taken apart).
        left_size, right_size: a share in [0, 1] or a number of samples; one may be left out.
        shuffle: draw the samples in random order before the cut.
        seed: of that order.
        preferred_backend: None or "numpy".

    Raises: TypeError or ValueError for sizes that are neither, or do not fit the samples.
    """
    check.one_of("preferred_backend", preferred_backend, (None, "numpy"), "split_dataset")
    arrays = _as_arrays(dataset)
    total = len(arrays[0] if isinstance(arrays, tuple) else arrays)
    left, right = _sizes(left_size, right_size, total)
    order = np.random.default_rng(seed).permutation(total) if shuffle else np.arange(total)

    def part(rows):
        return ArrayDataset(tuple(a[rows] for a in arrays) if isinstance(arrays, tuple) else arrays[rows])

    return part(order[:left]), part(order[total - right :] if right else order[:0])


def _as_arrays(dataset):
    if isinstance(dataset, ArrayDataset):
        return dataset.arrays
    if isinstance(dataset, PyDataset):
        batches = list(dataset)
        if isinstance(batches[0], tuple):
            return tuple(np.concatenate(column) for column in zip(*batches))
        return np.concatenate(batches)
    if isinstance(dataset, (list, tuple)) and len(dataset) and all(isinstance(a, np.ndarray) and a.ndim for a in dataset):
        check.same_length("split_dataset", **{f"array {i}": a for i, a in enumerate(dataset)})
        return tuple(dataset)
    if hasattr(dataset, "__array__"):
        return np.asarray(dataset)
    if not hasattr(dataset, "__iter__"):
        raise TypeError(
            "split_dataset: dataset must be an array, a list or tuple of arrays, or an iterable of samples. "
            f"Received: {type(dataset).__name__}"
        )
    samples = list(dataset)
    if samples and isinstance(samples[0], tuple):
        return tuple(np.asarray(column) for column in zip(*samples))
    return np.asarray(samples)


def _sizes(left, right, total):
    if left is None and right is None:
        raise ValueError("split_dataset: give left_size, right_size or both. Received: neither.")
    counts = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            counts.append(None)
        elif isinstance(size, (float, np.floating)) and 0 <= size <= 1:
            counts.append(round(float(size) * total))
        elif isinstance(size, (int, np.integer)) and not isinstance(size, bool) and 0 <= size <= total:
            counts.append(int(size))
        else:
            kind = ValueError if isinstance(size, (int, float, np.number)) else TypeError
            raise kind(
                f"split_dataset: {name} must be a share between 0.0 and 1.0, or a number of samples up to {total}. "
                f"Received: {size!r}"
            )
    left, right = counts
    left, right = (total - right if left is None else left), (total - left if right is None else right)
    if left + right > total or total == 0:
        raise ValueError(f"split_dataset: {left} and {right} samples were asked for, and there are {total}.")
    return left, right
