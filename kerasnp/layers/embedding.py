"""Embeddings: a vector for every integer, and the way back."""

import warnings

from kerasnp import backend as K
from kerasnp import constraints, initializers, ops, regularizers
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.layers.layer import Layer
from kerasnp.layers.lora import Adaptable, Adapted
from kerasnp.utils import check


class Embedding(Adaptable, Layer):
    """Look up a learned vector for every integer: y[...] = embeddings[x[...]].

    >>> layer = Embedding(10, 4)
    >>> layer([[1, 2, 3], [4, 5, 9]]).shape
    (2, 3, 4)

    Args:
        input_dim: the number of different integers; they run from 0 to `input_dim - 1`.
        output_dim: the length of the vectors.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: as for any weight.
        mask_zero: whether 0 means padding, which the layers that follow leave out.
        weights: first values, an array `(input_dim, output_dim)`.
        lora_rank, lora_alpha: what `build` calls `enable_lora` with, where a rank is given.

    Shapes: inputs `(batch, ...)`, outputs `(batch, ..., output_dim)`; embeddings `(input_dim, output_dim)`.

    Raises: ValueError for dimensions that are not positive, or an integer out of range.
    """

    casts_integers = False
    _adapted = "embeddings"
    embeddings = Adapted()

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Embedding: the argument input_length has no effect any more; leave it out.", stacklevel=2)
        super().__init__(**kwargs)
        check.unset(self._who, quantization_config=quantization_config)
        self.quantization_config = None
        self._set_lora(lora_rank, lora_alpha)
        self.input_dim = check.positive_int("input_dim", input_dim, self._who)
        self.output_dim = check.positive_int("output_dim", output_dim, self._who)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = self.supports_masking = self._makes_mask = bool(mask_zero)
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, (list, tuple)) else [weights])

    def build(self, input_shape=None):
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        self._enable_lora_if_asked()

    def call(self, inputs):
        indices = ops.stop_gradient(inputs)
        if indices.dtype.kind not in "iu":
            indices = indices.astype(K.int32)
        if indices.size and not (0 <= indices.min() and indices.max() < self.input_dim):
            raise ValueError(
                f"{self._who}: inputs must be integers from 0 to {self.input_dim - 1}. "
                f"Received: values from {indices.min()} to {indices.max()}; input_dim must be the largest plus one."
            )
        if self.lora_enabled:
            y = self._look_up_adapted(indices)
        else:
            y = ops.take(self.embeddings, indices, axis=0)
        return y if self.compute_dtype == self.variable_dtype else ops.cast(y, self.compute_dtype)

    def _look_up_adapted(self, indices):
        """The rows wanted of the sum that LoRA makes, without the others."""
        table, a, b, scale = self._lora_parts()
        y = ops.take(table, indices, axis=0) + scale * ops.matmul(ops.take(a, indices, axis=0), b)
        return ops.cast(y, table.dtype)

    def compute_mask(self, inputs, mask=None):
        """Where the inputs are not 0, if `mask_zero`.

        >>> from kerasnp import ops
        >>> Embedding(5, 2, mask_zero=True).compute_mask(ops.array([[3, 1, 0]])).tolist()
        [[True, True, False]]
        """
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self):
        """The constructor arguments; the first values of the weights are not among them."""
        config = {**super().get_config(), "activity_regularizer": regularizers.serialize(self.activity_regularizer)}
        del config["weights"]
        return self._without_unused_lora(config)


class ReversibleEmbedding(Embedding):
    """An embedding that also leads back: `layer(h, reverse=True)` gives a score for every integer.

    Backwards z = h @ embeddings.T (Press and Wolf, 2016), or h @ reverse_embeddings where the weights are not tied, and
    with a cap c on the logits c * tanh(z / c).

    >>> layer = ReversibleEmbedding(10, 4)
    >>> layer(layer([[1, 2, 3]]), reverse=True).shape
    (1, 3, 10)

    Args:
        input_dim, output_dim, embeddings_initializer, embeddings_regularizer, embeddings_constraint, mask_zero: as for
            `Embedding`.
        tie_weights: whether the way back uses the same weights.
        reverse_dtype: the type that the way back computes in, the layer's by default.
        logit_soft_cap: the cap, or None.

    Shapes: inputs `(batch, ...)` and outputs `(batch, ..., output_dim)`; backwards `(batch, ..., output_dim)` and
    `(batch, ..., input_dim)`.

    Raises: ValueError for dimensions that are not positive, or an integer out of range.
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = tie_weights, reverse_dtype, logit_soft_cap
        super().__init__(
            input_dim, output_dim, embeddings_initializer, embeddings_regularizer, embeddings_constraint, mask_zero,
            **kwargs,
        )  # fmt: skip

    def build(self, input_shape=None):
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim), self.embeddings_initializer, name="reverse_embeddings"
            )

    def call(self, inputs, reverse=False):
        if not reverse:
            return super().call(inputs)
        dtype = self.reverse_dtype or self.compute_dtype
        kernel = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        logits = ops.matmul(ops.cast(inputs, dtype), ops.cast(kernel, dtype))
        if self.logit_soft_cap is not None:
            logits = ops.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap
        return logits

    def _cast_output(self, y):
        # The way back has a type of its own.
        return y

    def compute_mask(self, inputs, mask=None):
        """Where the inputs are not 0, if `mask_zero`; none on the way back, whose inputs are vectors."""
        return None if "float" in K.standardize_dtype(inputs.dtype) else super().compute_mask(inputs, mask)

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, reverse=False):
        """Shape and type of the outputs."""
        dtype = (self.reverse_dtype if reverse else None) or self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype=dtype)
