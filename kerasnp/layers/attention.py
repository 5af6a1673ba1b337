"""Attention without projections: the layers compare a query with keys and mix the values."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.layers.layer import Layer
from kerasnp.ops.attention import attend, causal
from kerasnp.random import SeedGenerator
from kerasnp.utils import check


class Attention(Layer):
    """y = softmax(scores) v, with scores q k' (Luong et al., 2015).

    >>> x = ops.ones((2, 3, 4))
    >>> Attention()([x, x]).shape
    (2, 3, 4)

    Args:
        use_scale: multiply the scores by a weight.
        score_mode: `"dot"` for q k', `"concat"` for w sum(tanh(q + k)) with a weight w.
        dropout: the share of weights of the mixture that is dropped in training.
        seed: an integer for the same dropout in every run.

    Call arguments:
        inputs: [query (batch, T, dim), value (batch, S, dim)] and, if it is not the value, key (batch, S, dim).
        mask: [query's (batch, T), value's (batch, S)], or None for either, by default those the inputs carry. Masked
        values are left out, masked queries give zeros.
        return_attention_scores: return the weights (batch, T, S) as well.
        use_causal_mask: position t sees no later one.

    Raises: ValueError for an unknown score_mode, inputs that are no list of two or three, or a mask that is no list.
    """

    supports_masking = True

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.use_scale = use_scale
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                f"{self._who}: Invalid value for argument score_mode. Expected one of {{'dot', 'concat'}}. "
                f"Received: score_mode={score_mode!r}"
            )
        self.score_mode = score_mode
        self.dropout = check.fraction("dropout", dropout, self._who)
        self.seed = seed
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape):
        self._check(input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _check(self, inputs, mask=None):
        if not isinstance(inputs, list):
            raise ValueError(
                f"{type(self).__name__}: it must be called on a list, [query, value] or [query, value, key]. Received: "
                f"inputs={inputs}."
            )
        if not 2 <= len(inputs) <= 3:
            raise ValueError(
                f"{type(self).__name__}: the list of inputs must have length 2 or 3, for query, value and perhaps key. "
                f"Received length: {len(inputs)}."
            )
        if mask is not None and not isinstance(mask, list):
            raise ValueError(
                f"{type(self).__name__} layer mask must be a list of one mask for the query and one for the value. Received: "
                f"mask={mask}."
            )
        if mask is not None and not 2 <= len(mask) <= 3:
            raise ValueError(
                f"{type(self).__name__}: the list of masks must have length 2 or 3. Received: {len(mask)} masks."
            )

    def _calculate_scores(self, query, key):
        """(batch, T, S): how well each key suits each query."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        together = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        together = together if self.scale is None else together * self.scale
        return self.concat_score_weight * ops.sum(ops.tanh(together), axis=-1)

    def _calculate_score_mask(self, scores, v_mask, use_causal_mask):
        """Where a query may see a value, (batch, T, S) or what broadcasts to it; None for everywhere."""
        if not use_causal_mask:
            return v_mask
        past = causal(scores.shape[-2], scores.shape[-1])[None]
        return past if v_mask is None else ops.expand_dims(v_mask, -2) & past

    def _apply_scores(self, scores, value, scores_mask=None, training=False):
        """The mixture of the values, and the weights."""
        if scores_mask is not None:
            kept = _boolean(scores_mask)
            kept = kept[..., None, :] if kept.ndim == 2 else kept
            lowest = 65504.0 if scores.dtype == "float16" else 1e9
            scores = scores - K.where(kept, 0, lowest).astype(K.storage_dtype(self.compute_dtype))
        weights = ops.softmax(scores)
        if training and self.dropout > 0:
            weights = ops.dropout(weights, self.dropout, seed=self.seed_generator)
        return ops.matmul(weights, value), weights

    def _is_plain(self, inputs):
        """Whether one operator does it all: the scores are products, and no subclass makes its own."""
        own = type(self)._calculate_scores, type(self)._apply_scores
        return (
            own == (Attention._calculate_scores, Attention._apply_scores)
            and self.score_mode == "dot"
            and all(x.ndim == 3 for x in inputs)
        )

    def _attend(self, query, key, value, mask, use_causal_mask, training):
        """The scores' product, softmax and mixture in one step, as attention with one head."""
        query = query if self.scale is None else query * self.scale
        mask = None if mask is None else mask[:, None, None, :]
        if use_causal_mask:
            past = causal(query.shape[1], key.shape[1])
            mask = past[None, None] if mask is None else mask & past
        rate = self.dropout if training else 0.0
        y = attend(
            *(ops.expand_dims(x, 2) for x in (query, key, value)),
            mask=mask,
            scale=1.0,
            masked=-65504.0 if self.compute_dtype == "float16" else -1e9,
            rate=rate,
            generator=self.seed_generator.generator() if rate else None,
        )
        return ops.squeeze(y, 2)

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        self._check(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        q_mask, v_mask = (None if m is None else _boolean(m) for m in (mask[:2] if mask else (None, None)))
        if self._is_plain(inputs) and not return_attention_scores:
            y, weights = self._attend(query, key, value, v_mask, use_causal_mask, training), None
        else:
            scores = self._calculate_scores(query, key)
            scores_mask = self._calculate_score_mask(scores, v_mask, use_causal_mask)
            y, weights = self._apply_scores(scores, value, scores_mask, training)
        if q_mask is not None:
            y = ops.where(ops.expand_dims(q_mask, -1), y, 0)
        return (y, weights) if return_attention_scores else y

    def compute_mask(self, inputs, mask=None):
        """That of the query."""
        self._check(inputs, mask)
        return None if mask is None or mask[0] is None else ops.convert_to_tensor(mask[0])

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(self, inputs, mask=None, return_attention_scores=False, **kwargs):
        """Shape and type of the outputs, and of the weights if asked for."""
        y = super().compute_output_spec(inputs)
        if not return_attention_scores:
            return y
        query, value = (x.shape for x in inputs[:2])
        return y, KerasTensor((*query[:2], value[1]), dtype=self.compute_dtype)


def _boolean(mask):
    return ops.stop_gradient(mask).astype(bool)


class AdditiveAttention(Attention):
    """y = softmax(scores) v, with scores sum(scale * tanh(q + k)) over the features (Bahdanau et al., 2015).

    >>> x = ops.ones((2, 3, 4))
    >>> AdditiveAttention()([x, x]).shape
    (2, 3, 4)

    Args:
        use_scale: whether the features have weights `scale` (dim,); otherwise they count alike.
        dropout: the share of weights of the mixture that is dropped in training.
        The others, and the call arguments, are those of `Attention`.
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _calculate_scores(self, query, key):
        """(batch, T, S): how well each key suits each query."""
        together = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(together, axis=-1) if self.scale is None else ops.matmul(together, self.scale)

    def get_config(self):
        """The constructor arguments."""
        config = super().get_config()
        del config["score_mode"]
        return config
