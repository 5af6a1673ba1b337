"""Layers that turn numbers and categories into indices, and indices into vectors."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.layers.layer import Layer
from kerasnp.utils import check


def encode(indices, mode, depth, dtype, weights=None):
    """Indices (batch, n, ...) as vectors with an entry per category, by one of Keras's output modes.

    `"one_hot"`: one vector per index; `"multi_hot"`: a one for each category of a sample; `"count"`: how often it occurs, or
    the sum of its weights. Indices out of range count for nothing.
    """
    indices = indices.reshape(1) if indices.ndim == 0 else indices
    if mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = indices[..., 0]
        return ops.one_hot(indices, depth, dtype=dtype)
    axis = 1 if indices.ndim > 1 else 0
    rows = K.moveaxis(indices, axis, -1)
    outer = rows.shape[:-1]
    rows = rows.reshape(-1, rows.shape[-1])
    valid = (rows >= 0) & (rows < depth)
    cells = (K.arange(len(rows))[:, None] * depth + rows)[valid].astype(K.int64)
    if weights is not None:
        weights = K.moveaxis(K.asarray(weights), axis, -1).reshape(rows.shape)[valid]
    counts = K.bincount(cells, weights, len(rows) * depth).reshape(*outer, depth)
    return (counts > 0 if mode == "multi_hot" else counts).astype(K.storage_dtype(dtype))


def refuse_sparse(sparse, who, ragged=False):
    """Raise ValueError where sparse or ragged outputs are asked for."""
    for name, value in (("sparse", sparse), ("ragged", ragged)):
        if value:
            raise ValueError(
                f"{who}: `{name}=True` cannot be used with the NumPy backend, which has dense arrays only; use {name}=False."
            )


def batches_of(data, steps=None):
    """The batches that `adapt` goes through: an array or list is one, anything else is run through, `steps` at most."""
    if isinstance(data, (list, tuple, str)) or hasattr(data, "__array__") or hasattr(data, "creator"):
        yield data
        return
    for i, batch in enumerate(data):
        if steps is not None and i >= steps:
            return
        yield batch


class CategoryEncoding(Layer):
    """Integer categories as vectors.

    >>> CategoryEncoding(4)([[3, 1], [2, 2]])
    array([[0., 1., 0., 1.],
           [0., 0., 1., 0.]], dtype=float32)

    Args:
        num_tokens: how many categories there are; inputs lie in [0, num_tokens).
        output_mode: `"multi_hot"`: one vector per sample with a one for each of its categories; `"count"`: how often each
            occurs; `"one_hot"`: one vector per index.
        sparse: must be False.

    Call arguments:
        inputs: integers (batch,) or (batch, n).
        count_weights: with `"count"`, what each index counts for; of the shape of the inputs.

    Shapes: outputs (batch, num_tokens), with `"one_hot"` (batch, n, num_tokens) unless n is one.

    Raises: ValueError for another output_mode, or num_tokens below one.
    """

    casts_integers = False

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(f"{self._who}: Unknown arg for output_mode: {output_mode}")
        if num_tokens is None:
            raise ValueError(
                f"{self._who}: num_tokens must be set to use this layer; where nobody knows it beforehand, IntegerLookup "
                "learns it."
            )
        if num_tokens < 1:
            raise ValueError(f"{self._who}: `num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        refuse_sparse(sparse, self._who)
        self.num_tokens, self.output_mode, self.sparse = num_tokens, output_mode, sparse

    def call(self, inputs, count_weights=None):
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    "`count_weights` is not used when `output_mode` differs from 'count'. Received "
                    f"`count_weights={count_weights}`."
                )
            count_weights = ops.convert_to_tensor(count_weights, dtype=self.compute_dtype)
        dtype = self.compute_dtype if count_weights is not None else self.dtype
        return encode(ops.stop_gradient(inputs), self.output_mode, self.num_tokens, dtype, count_weights)

    def compute_output_shape(self, input_shape):
        if len(input_shape) == 0:
            return (self.num_tokens,)
        if self.output_mode == "one_hot" and (input_shape[-1] != 1 or len(input_shape) == 1):
            return (*input_shape, self.num_tokens)
        return (*input_shape[:-1], self.num_tokens)

    def get_config(self):
        """The constructor arguments."""
        config = super().get_config()
        del config["sparse"]
        return config


class Discretization(Layer):
    """Numbers as the index of the bin that they fall into.

    >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])([[-1.5, 1.0, 3.4, 0.5]])
    array([[0, 2, 3, 1]], dtype=int32)

    Boundaries are given, or chosen by `adapt` so that the bins hold about equally many numbers.

    Args:
        bin_boundaries: ascending numbers b; bin i holds b[i-1] <= x < b[i], the first and last are open.
        num_bins: how many bins `adapt` makes.
        epsilon: how exact their quantiles are; `adapt` remembers about 1 / epsilon numbers.
        output_mode: `"int"`, or vectors over the bins: `"one_hot"`, `"multi_hot"`, `"count"`.
        sparse: must be False.

    Shapes: inputs (batch, ...), outputs the same, or with an axis of bins.

    Raises: ValueError for both or none of bin_boundaries and num_bins, or another output_mode.
    """

    casts_integers = False

    def __init__(
        self, bin_boundaries=None, num_bins=None, epsilon=0.01, output_mode="int", sparse=False, dtype=None, name=None
    ):
        super().__init__(name=name, dtype=dtype)
        refuse_sparse(sparse, self._who)
        check.one_of("output_mode", output_mode, ("int", "one_hot", "multi_hot", "count"), self._who)
        if num_bins is not None and num_bins < 0:
            raise ValueError(
                f"{self._who}: num_bins must be a count of 0 or more. Received: `num_bins={num_bins}`"
            )
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                f"{self._who}: Both `num_bins` and `bin_boundaries` were given; give one of them. Received: "
                f"num_bins={num_bins}, bin_boundaries={bin_boundaries}"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError(f"{self._who}: give either `num_bins` or `bin_boundaries`.")
        self.bin_boundaries, self.num_bins, self.epsilon = bin_boundaries, num_bins, epsilon
        self.output_mode, self.sparse = output_mode, sparse
        self.reset_state()

    def adapt(self, data, steps=None):
        """Choose boundaries between `num_bins` bins from the quantiles of `data`.

        >>> from kerasnp import ops
        >>> layer = Discretization(num_bins=2)
        >>> layer.adapt(ops.array([1.0, 2.0, 3.0, 4.0]))
        >>> layer(ops.array([0.0, 9.0])).tolist()
        [0, 1]

        Args:
            data: an array, or an iterable of batches.
            steps: how many batches to take; default all.

        Raises: ValueError for a layer that was given its boundaries.
        """
        if self.num_bins is None:
            raise ValueError(
                f"{self._who}: its bin_boundaries were given, so there is nothing to adapt; give num_bins to have them learned."
            )
        self.reset_state()
        for batch in batches_of(iter(data) if isinstance(data, (list, tuple)) else data, steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self):
        """Forget the data seen so far."""
        self._summary = K.zeros((2, 0), K.float32)

    def update_state(self, data):
        """Add a batch of numbers to what `finalize_state` chooses boundaries from."""
        summary = K.concatenate([_summarize(K.asarray(data, K.float32), self.epsilon), self._summary], axis=1)
        self._summary = _compress(summary[:, K.argsort(summary[0])], self.epsilon)

    def finalize_state(self):
        """Choose the boundaries."""
        if self.num_bins is not None:
            self.bin_boundaries = _compress(self._summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError(
                f"{self._who}: it has no boundaries yet. You need to give bin_boundaries, or to "
                "call adapt(data), before the layer is called."
            )
        indices = K.digitize(ops.stop_gradient(inputs), K.asarray(self.bin_boundaries, K.floatx())).astype(K.int32)
        if self.output_mode == "int":
            return indices
        return encode(indices, self.output_mode, len(self.bin_boundaries) + 1, self.compute_dtype)

    @property
    def output_dtype(self):
        """The type of the output."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        if self.output_mode == "one_hot":
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
        return (shape[0], *shape[2:], depth) if len(shape) >= 2 else (depth,)

    def compute_output_spec(self, inputs):
        """Shape and type of the outputs."""
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.output_dtype)

    def get_config(self):
        """The constructor arguments, and the boundaries that `adapt` chose."""
        names = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse", "name", "dtype")
        return {name: self._config_value(name) for name in names}

    @classmethod
    def from_config(cls, config):
        """The layer, with the boundaries that it had been adapted to."""
        if config.get("bin_boundaries") is None or config.get("num_bins") is None:
            return cls(**config)
        layer = cls(**{k: v for k, v in config.items() if k != "bin_boundaries"})
        layer.bin_boundaries = config["bin_boundaries"]
        return layer


def _summarize(values, epsilon):
    """At most 1 / epsilon of the values in order, each with the number of values that it stands for.     (2, n)"""
    values = K.sort(values.reshape(-1))
    step = max(values.size * epsilon, 1)
    kept = values[int(step - 1) :: int(step)]
    return K.stack([kept, K.full_like(kept, step)])


def _compress(summary, epsilon):
    """A summary reduced to its quantiles epsilon, 2 epsilon, ... 1."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + K.arange(0.0, 1.0, epsilon)
    counts = summary[1].cumsum()
    values = K.interp(shares, counts / counts[-1], summary[0])
    counts = K.interp(shares, counts / counts[-1], counts)
    return K.stack([values, counts - K.concatenate([K.zeros(1), counts[:-1]])]).astype(K.float32)
