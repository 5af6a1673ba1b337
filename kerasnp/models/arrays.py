"""Whatever the user has, as arrays: data, labels and weights, in memory or in files, alone or nested."""

import math

import numpy as np

from kerasnp import backend as K
from kerasnp.utils import nest
from kerasnp.utils.text import is_text


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
    if is_sparse(value):
        return FileRows(name, SparseRows(value), who)
    if hasattr(value, "to_numpy"):
        value = _from_frame(name, value, who)
    return _numeric(name, np.asarray(getattr(value, "value", value) if hasattr(value, "creator") else value), who)


def as_input(value, who):
    """The inputs of a model: one array, or a list, tuple or dictionary of several, each an array or, if optional, None."""
    if _is_several(value):
        arrays = nest.map_structure(lambda v: None if v is None else as_array("x", v, who), value)
        if all(a is None for a in nest.flatten(arrays)):
            raise ValueError(f"{who}: x holds no array; an input that is not optional needs one. Received: x={value!r}")
        return arrays
    return as_array("x", value, who)


def as_labels(name, value, who):
    """Labels or weights: one array, or a list, tuple or dictionary of one for each output, each an array or None."""
    if isinstance(value, dict) or isinstance(value, (list, tuple)) and any(map(_is_part, value)):
        return nest.map_structure(lambda v: None if v is None else as_array(name, v, who), _lists_to_arrays(value))
    return as_array(name, value, who)


def _is_part(value):
    """Whether an entry of a list is an array of its own, and not a number or a row."""
    if isinstance(value, (list, tuple)):
        return any(map(_is_part, value))
    return isinstance(value, dict) or bool(getattr(value, "shape", ()))


def _lists_to_arrays(value):
    """Lists of numbers among the parts of a structure as the arrays that they are."""
    if isinstance(value, dict):
        return {k: _lists_to_arrays(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        if not any(map(_is_part, value)):
            return np.asarray(value)
        parts = [_lists_to_arrays(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _is_several(value):
    """Whether `value` holds an array for each input, and not the numbers of one array."""
    if isinstance(value, dict):
        return len(value) > 1
    if not isinstance(value, (list, tuple)) or not all(v is None or getattr(v, "shape", ()) or _is_several(v) for v in value):
        return False
    if any(v is None for v in value):
        return True  # an optional input is left out
    # One row in a list is a batch of one; a batch in a list is the one input there is.
    return len(value) > 1 or len(value) == 1 and len(getattr(value[0], "shape", (1, 1))) > 1


def rows(x):
    """How many samples there are in one input or several."""
    return len(x) if type(x) is np.ndarray else len(next(a for a in nest.flatten(x) if a is not None))


def _numeric(name, array, who):
    if array.dtype.kind == "f":
        return array if array.dtype == K.floatx() else array.astype(K.floatx())
    if array.dtype.kind in "iub" or (name == "x" and is_text(array)):
        return array
    if array.dtype.name.startswith(("bfloat16", "float8")):  # types that JAX adds to those of NumPy
        return array.astype(K.floatx())
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


def is_sparse(value):
    """Whether `value` is a matrix of SciPy that holds only what is not 0."""
    return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "tocsr")


class SparseRows:
    """A sparse matrix, whose rows are dense when they are asked for: a block of batches at a time, never all of it."""

    def __init__(self, matrix):
        self.matrix = matrix.tocsr()
        self.shape, self.dtype = self.matrix.shape, self.matrix.dtype

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        return self.matrix[rows].toarray()


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


def weights_beside(y, sample_weight, who):
    """Sample weights as an array, or as one for each output, nested as the labels `y` are.

    Raises: ValueError for weights that are nested otherwise, or that are not one per sample where they are for all outputs.
    """
    if sample_weight is None:
        return None
    weights = as_labels("sample_weight", sample_weight, who)
    outputs = (list, tuple, dict)
    if isinstance(weights, outputs):
        from kerasnp import tree

        try:
            if isinstance(y, outputs):
                tree.assert_same_paths(y, weights)
                return weights
        except ValueError:
            pass
        raise ValueError(
            f"{who}: you should provide one `sample_weight` array per output in `y`, nested as y is, or one for all. Received: "
            f"sample_weight of {_shapes(weights)} beside y of {_shapes(y)}"
        )
    if isinstance(y, outputs) and not (weights.ndim == 1 or weights.ndim == 2 and weights.shape[1] == 1):
        raise ValueError(
            f"{who}: a single `sample_weight` for several outputs must be of shape (samples,). Received: shape "
            f"{weights.shape}; give an array per output for other shapes."
        )
    return nest.map_structure(lambda _: weights, y) if isinstance(y, outputs) else weights


def _shapes(arrays):
    return nest.map_structure(lambda a: None if a is None else tuple(a.shape), arrays)


def one_output(y, who):
    """Raise ValueError where there are labels for several outputs, which have no classes in common."""
    if isinstance(y, (list, tuple, dict)):
        raise ValueError(
            f"{who}: `class_weight` is only supported for Models with a single output; give sample_weight, an array per "
            f"output. Received: y of {_shapes(y)}"
        )


def weigh_classes(y, class_weight, sample_weight, who):
    """Sample weights from a {class: weight} dictionary, 1 for other classes.

    Raises: ValueError beside sample weights, since either of them could be meant, or without labels.
    """
    if y is None or not isinstance(class_weight, dict):
        raise ValueError(
            f"{who}: class_weight must be a dictionary {{class: weight}} and needs labels y. Received: {class_weight!r}"
        )
    if sample_weight is not None:
        raise ValueError(
            f"{who}: `sample_weight` and `class_weight` cannot be specified at the same time; multiply the sample weights by "
            f"those of the classes. Received: class_weight={class_weight!r} and sample weights of {_shapes(sample_weight)}"
        )
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else np.round(y.reshape(len(y)))
    classes, places = np.unique(labels, return_inverse=True)
    by_class = {int(label): weight for label, weight in class_weight.items()}
    return np.array([by_class.get(int(c), 1.0) for c in classes], K.floatx())[places.reshape(labels.shape)]
