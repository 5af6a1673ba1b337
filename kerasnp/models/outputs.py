"""Outputs: what predict collects."""

from kerasnp import backend as K
from kerasnp.utils import nest


class Outputs:
    """Collects predictions straight into one array where their number is known, or where one is given.

    Args:
        size: the number of samples, None where it is not known.
        out: an array to write to.
    """

    def __init__(self, size, out=None):
        self.size, self.array, self.filled, self.parts = size, None, 0, []
        self.out = out
        if out is not None:
            if not hasattr(out, "shape") or not hasattr(out, "__setitem__"):
                raise ValueError(f"predict: out must be an array to write to. Received: {type(out).__name__}")
            self.size = out.shape[0] if size is None else size
            if not out.shape or out.shape[0] < self.size:
                raise ValueError(f"predict: out must have {self.size} rows, one per sample. Received: shape {out.shape}")

    def add(self, y):
        """Append the output of a batch."""
        several = isinstance(y, (list, tuple, dict))
        if several and self.out is not None:
            raise ValueError("predict: out takes the outputs of a model with one output. Received: several per sample")
        if several or self.size is None:
            self.parts.append(y if several else K.array(y))
            return
        y = K.asarray(y)
        if self.array is None:
            self._begin(y)
        if self.filled + len(y) > self.size or y.shape[1:] != tuple(self.array.shape[1:]):
            raise ValueError(
                f"predict: every batch must give one output per sample, {self.size} in all. "
                f"Received: an output of shape {y.shape} after {self.filled}"
            )
        self.array[self.filled : self.filled + len(y)] = y
        self.filled += len(y)

    def _begin(self, y):
        if self.out is None:
            self.array = K.empty((self.size, *y.shape[1:]), y.dtype)
            return
        if tuple(self.out.shape[1:]) != y.shape[1:] or K.wider(self.out.dtype, y.dtype) != self.out.dtype:
            raise ValueError(
                f"predict: out must have the shape {(self.size, *y.shape[1:])} and a type that holds {y.dtype}. "
                f"Received: {tuple(self.out.shape)} of {self.out.dtype}; nothing was written."
            )
        self.array = self.out

    def result(self, model, data):
        """All outputs, in order."""
        if self.out is not None:
            return self.out
        if self.array is not None:
            return self.array[: self.filled]
        if not self.parts:
            if self.size == 0:
                x = nest.map_structure(lambda a: a.read() if hasattr(a, "read") else a, data.x)
                return nest.map_structure(K.array, model(x, training=False))
            raise ValueError("predict: the data hold no samples; pass at least one batch.")
        return nest.map_structure(lambda *column: K.concatenate(column), *self.parts)
