"""Layers that bring raw numbers to the scale a network likes."""

import itertools
import math

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.layer import Layer


class Rescaling(Layer):
    """y = x * scale + offset; `Rescaling(1 / 255)` brings pixels to [0, 1].

    >>> Rescaling(1 / 255)([[0.0, 255.0]])
    array([[0., 1.]], dtype=float32)

    Args:
        scale: a number, or an array that broadcasts against the inputs.
        offset: likewise.

    Shapes: inputs and outputs (...).
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs):
        scale, offset = (K.asarray(v, K.storage_dtype(self.compute_dtype)) for v in (self.scale, self.offset))
        return inputs * scale + offset

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), with statistics given, or taken from data by `adapt`.

    >>> layer = Normalization(axis=None, mean=3.0, variance=4.0)
    >>> layer([[3.0, 5.0]])
    array([[0., 1.]], dtype=float32)

    Args:
        axis: the axes that have a mean and variance per entry; None for one pair for all.
        mean, variance: numbers, or arrays over `axis`; None: call `adapt` before training.
        invert: compute x * sqrt(variance) + mean instead.

    Shapes: inputs and outputs (batch, ...).

    Raises: ValueError for only one of mean and variance, or an axis that is out of range or of unknown length.
    """

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        self.axis = () if axis is None else tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"{self._who}: mean and variance must be given together. Received: mean={mean} and variance={variance}"
            )
        self.mean, self.variance, self.invert = mean, variance, invert
        self._statistics = None
        self.supports_masking = True

    def build(self, input_shape):
        ndim = len(input_shape)
        if any(not -ndim <= a < ndim for a in self.axis):
            raise ValueError(
                f"{self._who}: all `axis` values must be in the range [{-ndim}, {ndim}). "
                f"Received: axis={self.axis} and input shape {tuple(input_shape)}"
            )
        kept = sorted(a % ndim for a in self.axis)
        if any(input_shape[a] is None for a in kept):
            raise ValueError(
                f"{self._who}: all `axis` values to be kept must have a known length. "
                f"Received: axis={self.axis} and input shape {tuple(input_shape)}"
            )
        self._kept = tuple(kept)
        shape = tuple(input_shape[a] for a in kept)
        if self.mean is not None:
            dtype = K.storage_dtype(self.compute_dtype)
            self._statistics = tuple(
                K.broadcast_to(K.asarray(v, dtype), shape) for v in (self.mean, self.variance)
            )
            return
        self._mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
        self._variance = self.add_weight(shape, "ones", trainable=False, name="variance")
        self._count = self.add_weight((), "zeros", dtype="int64", trainable=False, name="count")

    def adapt(self, data, batch_size=None, steps=None):
        """Set mean and variance to those of `data`: an array, or an iterable of batches (or of tuples that begin with one).

        Raises: ValueError where mean and variance were given to the constructor, or the data are empty.
        """
        if self.mean is not None:
            raise ValueError(f"{self._who}: cannot `adapt` a layer whose mean and variance were set by its arguments.")
        is_array = hasattr(data, "__array__") or isinstance(data, list)
        batches = [data] if is_array else itertools.islice(data, steps)
        count, mean, variance = 0, 0.0, 0.0
        for batch in batches:
            x = ops.stop_gradient(batch[0] if isinstance(batch, tuple) else batch).astype(K.float64)
            if not self.built:
                self.build((None, *x.shape[1:]))
            reduced = tuple(a for a in range(x.ndim) if a not in self._kept)
            n = math.prod(x.shape[a] for a in reduced)
            if not n:
                continue
            # Statistics of two sets joined (Chan, Golub and LeVeque, 1979): no pass over earlier batches is needed.
            own_mean, own_variance = x.mean(axis=reduced), x.var(axis=reduced)
            total = count + n
            delta = own_mean - mean
            variance = (variance * count + own_variance * n) / total + delta**2 * (count * n / total**2)
            mean, count = mean + delta * (n / total), total
        if not count:
            raise ValueError(f"{self._who}: adapt needs at least one sample. Received: no data")
        self._mean.assign(mean)
        self._variance.assign(variance)
        self._count.assign(min(count, 2**31 - 1))

    def call(self, inputs):
        mean, variance = self._statistics or (self._mean.value, self._variance.value)
        shape = [inputs.shape[a] if a in self._kept else 1 for a in range(len(inputs.shape))]
        mean = K.asarray(mean, K.storage_dtype(self.compute_dtype)).reshape(shape)
        deviation = K.maximum(K.sqrt(K.asarray(variance, mean.dtype)), mean.dtype.type(K.epsilon())).reshape(shape)
        if self.invert:
            return ops.add(mean, ops.multiply(inputs, deviation))
        return ops.divide(ops.subtract(inputs, mean), deviation)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)
