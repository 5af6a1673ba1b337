"""Sequences: brought to one length, or cut out of a longer one."""

import numpy as np

from kerasnp.data.py_dataset import PyDataset
from kerasnp.utils import check


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Sequences of different lengths as one array (n, maxlen, ...), cut or filled with `value`.

    >>> pad_sequences([[7, 8, 9], [4]], maxlen=2)
    array([[8, 9],
           [0, 4]], dtype=int32)

    Args:
        sequences: a list of lists, or of arrays that agree in their further axes.
        maxlen: the length; default is that of the longest.
        dtype: of the result; `object` or `str` for text.
        padding, truncating: at which end, `"pre"` or `"post"`.
        value: what to fill with.

    Raises: ValueError for entries that are no sequences, or disagree in shape.
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"pad_sequences: sequences must be a list of sequences. Received: {type(sequences).__name__}")
    for name, side in (("padding", padding), ("truncating", truncating)):
        check.one_of(name, side, ("pre", "post"), "pad_sequences")
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"pad_sequences: every entry must be a sequence. Received: entry {i} is {sequence!r}")
    maxlen = max(map(len, sequences), default=0) if maxlen is None else check.integer("maxlen", maxlen, "pad_sequences")
    rest = next((np.shape(s)[1:] for s in sequences if len(s)), ())
    if isinstance(value, str) and np.dtype(dtype).kind not in "OU":
        raise ValueError(
            f"pad_sequences: `dtype` {dtype} is not compatible with text such as value={value!r}; use dtype=object."
        )
    padded = np.full((len(sequences), maxlen, *rest), value, dtype=dtype)
    for i, sequence in enumerate(sequences):
        if not len(sequence) or not maxlen:
            continue
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype=dtype)
        if kept.shape[1:] != rest:
            raise ValueError(
                f"pad_sequences: all sequences must have entries of one shape. Expected {rest}. "
                f"Received: {kept.shape[1:]} at position {i}"
            )
        place = slice(maxlen - len(kept), None) if padding == "pre" else slice(len(kept))
        padded[i, place] = kept
    return padded


class Windows(PyDataset):
    """Windows of a series, in batches; see `timeseries_dataset_from_array`."""

    def __init__(self, data, targets, starts, offsets, batch_size, rng):
        super().__init__()
        self.data, self.targets, self.starts, self.offsets = data, targets, starts, offsets
        self.batch_size, self.rng = batch_size, rng

    def __len__(self):
        return -(-len(self.starts) // (self.batch_size or 1))

    def __getitem__(self, index):
        size = self.batch_size or 1
        if not 0 <= index < len(self):
            raise IndexError(f"the windows make {len(self)} batches. Received: index={index}")
        starts = self.starts[index * size : (index + 1) * size]
        x = self.data[starts[:, None] + self.offsets]
        y = None if self.targets is None else self.targets[starts]
        if self.batch_size is None:
            x, y = x[0], None if y is None else y[0]
        return x if y is None else (x, y)

    def on_epoch_end(self):
        if self.rng is not None:
            self.rng.shuffle(self.starts)


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
):
    """Windows of a series as a dataset: x (batch, sequence_length, ...) and the target of each window's first step.

    Window i holds data[s], data[s + r], ..., s = i * sequence_stride, r = sampling_rate, and its target is targets[s]. To
    forecast the step after a window, pass `data[:-n]` and `targets=data[n:]` with n = sequence_length.

    >>> series = np.arange(6)
    >>> for x, y in timeseries_dataset_from_array(series[:-2], series[2:], sequence_length=2, batch_size=2):
    ...     print(x.tolist(), y.tolist())
    [[0, 1], [1, 2]] [2, 3]
    [[2, 3]] [4]

    Args:
        data: an array (time, ...).
        targets: one per step, or None for windows alone.
        sequence_length: steps in a window.
        sequence_stride: steps between the starts of windows.
        sampling_rate: steps between the entries of a window.
        batch_size: windows per batch; None for windows without a batch axis.
        shuffle: draw the windows in random order, anew for each pass.
        seed: of that order.
        start_index, end_index: the part of the series to use.

    `format` chooses between kinds of datasets in Keras; either word, "tf" or "grain", gives this one.

    Raises: ValueError for numbers that leave no window.
    """
    if format not in ("tf", "grain"):
        raise ValueError(f"timeseries_dataset_from_array: `format` should be 'tf' or 'grain'. Received: format={format!r}")
    who = "timeseries_dataset_from_array"
    numbers = {"sequence_length": sequence_length, "sequence_stride": sequence_stride, "sampling_rate": sampling_rate}
    for name, number in numbers.items():
        check.positive_int(name, number, who)
    data = np.asarray(data)
    start = 0 if start_index is None else check.integer("start_index", start_index, who)
    end = len(data) if end_index is None else check.integer("end_index", end_index, who)
    for name, index, fits in (("end_index", end, 0 < end <= len(data)), ("start_index", start, 0 <= start < end)):
        if not fits:
            raise ValueError(
                f"{who}: `{name}` must be such that 0 <= start_index < end_index <= {len(data)}, the length of the data. "
                f"Received: {name}={index}"
            )
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)[start:end]
        count = min(count, len(targets))
    if count <= 0:
        raise ValueError(
            f"{who}: a window spans {(sequence_length - 1) * sampling_rate + 1} steps. Received: {end - start} steps of data"
        )
    starts = np.arange(0, count, sequence_stride)
    rng = None
    if shuffle:
        rng = np.random.RandomState(np.random.randint(1_000_000) if seed is None else seed)
        rng.shuffle(starts)
    offsets = np.arange(0, sequence_length * sampling_rate, sampling_rate)
    return Windows(data[start:end], targets, starts, offsets, batch_size, rng)
