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
        if scale.ndim and K.image_data_format() == "channels_first":
            scale = scale.reshape(scale.shape + (1,) * (3 - scale.ndim))
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
                f"{self._who}: values are taken as they are given, so both `mean` and `variance` must be set. Received: "
                f"mean={mean} and variance={variance}"
            )
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        self.supports_masking = True

    def build(self, input_shape):
        ndim = len(input_shape)
        if any(not -ndim <= a < ndim for a in self.axis):
            raise ValueError(
                f"{self._who}: All `axis` values must be in the range [{-ndim}, {ndim}). "
                f"Received: axis={self.axis} and input shape {tuple(input_shape)}"
            )
        kept = sorted(a % ndim for a in self.axis)
        if any(input_shape[a] is None for a in kept):
            raise ValueError(
                f"{self._who}: All `axis` values to be kept need a known length. Received: axis={self.axis} and input shape "
                f"{tuple(input_shape)}"
            )
        self._kept = tuple(kept)
        self._broadcast = tuple(n if a in kept else 1 for a, n in enumerate(input_shape))
        shape = tuple(input_shape[a] for a in kept)
        if self.input_mean is not None:
            dtype = K.storage_dtype(self.compute_dtype)
            self._statistics = tuple(
                K.broadcast_to(K.asarray(v, dtype), shape) for v in (self.input_mean, self.input_variance)
            )
            return
        self._mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
        self._variance = self.add_weight(shape, "ones", trainable=False, name="variance")
        self._count = self.add_weight((), "zeros", dtype="int64", trainable=False, name="count")

    # Mean and variance that were given.
    _statistics = None

    @property
    def mean(self):
        """The mean, shaped to broadcast against the inputs; None before the layer is built.

        >>> layer = Normalization(mean=[1.0, 2.0], variance=4.0)
        >>> layer.build((None, 2))
        >>> layer.mean.tolist()
        [[1.0, 2.0]]
        """
        return self._statistic(0)

    @property
    def variance(self):
        """The variance, likewise.

        >>> layer = Normalization(mean=[1.0, 2.0], variance=4.0)
        >>> layer.build((None, 2))
        >>> layer.variance.tolist()
        [[4.0, 4.0]]
        """
        return self._statistic(1)

    def _statistic(self, i):
        if not self.built:
            return None
        value = self._statistics[i] if self._statistics else (self._mean, self._variance)[i].value
        return K.asarray(value, K.storage_dtype(self.compute_dtype)).reshape(self._broadcast)

    def adapt(self, data, batch_size=None, steps=None):
        """Set mean and variance to those of `data`: an array, or an iterable of batches (or of tuples that begin with one).

        >>> from kerasnp import ops
        >>> layer = Normalization()
        >>> layer.adapt(ops.array([[0.0, 10.0], [2.0, 30.0]]))
        >>> layer(ops.array([[1.0, 40.0]]))
        array([[0., 2.]], dtype=float32)

        Raises:
            ValueError: mean and variance were given to the constructor, the data are empty, or batches differ in shape.
            TypeError: a batch that is no array.
        """
        if self.input_mean is not None:
            raise ValueError(f"{self._who}: cannot `adapt` a layer whose mean and variance were set by its arguments.")
        count, mean, variance = 0, 0.0, 0.0
        for batch in itertools.islice(_batches(data), steps):
            if not hasattr(batch, "shape"):
                raise TypeError(
                    f"{self._who}: each batch must be an array with a `.shape`. Received: {type(batch).__name__}"
                )
            x = ops.stop_gradient(batch).astype(K.float64)
            if not self.built:
                self.build((None, *x.shape[1:]))
            if x.ndim != len(self._broadcast) or any(x.shape[a] != self._broadcast[a] for a in self._kept):
                raise ValueError(
                    f"{self._who}: adapt was given data of an incompatible shape. Expected {self._broadcast[1:]} with any "
                    f"length for 1, as the layer was built for. Received: {x.shape[1:]}"
                )
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
            raise ValueError(f"{self._who}: adapt needs at least one sample. Received: an empty iterable or array")
        self._mean.assign(mean)
        self._variance.assign(variance)
        self._count.assign(min(count, 2**31 - 1))

    def call(self, inputs):
        mean, variance = self.mean, self.variance
        deviation = K.maximum(K.sqrt(variance), mean.dtype.type(K.epsilon()))
        if self.invert:
            return ops.add(mean, ops.multiply(inputs, deviation))
        return ops.divide(ops.subtract(inputs, mean), deviation)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def _config_value(self, name):
        return super()._config_value(f"input_{name}" if name in ("mean", "variance") else name)


def _batches(data):
    """The batches of inputs in an array, a list of numbers or of batches, a PyDataset or an iterable."""
    if isinstance(data, list) and (not data or _first(data[0])[1]):
        batches = data
    elif hasattr(data, "__array__") or isinstance(data, list):
        batches = [K.asarray(getattr(data, "value", data))]
    elif hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        batches = (data[i] for i in range(len(data)))
    else:
        batches = data
    return (_first(batch)[0] for batch in batches)


def _first(batch):
    """The inputs of a batch, which may be a tuple with targets after them, and whether they are an array."""
    inputs = batch[0] if isinstance(batch, tuple) else batch
    return inputs, hasattr(inputs, "shape")
