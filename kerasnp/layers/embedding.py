"""Embedding: a vector for every integer."""

import warnings

from kerasnp import backend as K
from kerasnp import constraints, initializers, ops, regularizers
from kerasnp.layers.layer import Layer
from kerasnp.utils import check


class Embedding(Layer):
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

    Shapes: inputs `(batch, ...)`, outputs `(batch, ..., output_dim)`; embeddings `(input_dim, output_dim)`.

    Raises: ValueError for dimensions that are not positive, or an integer out of range.
    """

    casts_integers = False

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        **kwargs,
    ):
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Embedding: the argument input_length has no effect any more; leave it out.", stacklevel=2)
        super().__init__(**kwargs)
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

    def call(self, inputs):
        indices = ops.stop_gradient(inputs)
        if indices.dtype.kind not in "iu":
            indices = indices.astype(K.int32)
        if indices.size and not (0 <= indices.min() and indices.max() < self.input_dim):
            raise ValueError(
                f"{self._who}: inputs must be integers from 0 to {self.input_dim - 1}. "
                f"Received: values from {indices.min()} to {indices.max()}; input_dim must be the largest plus one."
            )
        y = ops.take(self.embeddings, indices, axis=0)
        return y if self.compute_dtype == self.variable_dtype else ops.cast(y, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        """Where the inputs are not 0, if `mask_zero`."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self):
        """The constructor arguments; the first values of the weights are not among them."""
        config = {**super().get_config(), "activity_regularizer": regularizers.serialize(self.activity_regularizer)}
        del config["weights"]
        return config
