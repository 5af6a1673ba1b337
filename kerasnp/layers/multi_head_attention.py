"""Attention with several heads and projections of its own."""

from kerasnp import backend as K
from kerasnp import constraints, initializers, ops, regularizers
from kerasnp.layers.einsum_dense import EinsumDense
from kerasnp.layers.layer import Layer
from kerasnp.layers.regularization import Dropout
from kerasnp.ops.attention import attend, causal
from kerasnp.utils import check
from kerasnp.utils.masks import get_mask, set_mask

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class _ProjectedAttention(Layer, abstract=True):
    """Base: project query, key and value, let every head attend, and bring the heads together again."""

    supports_masking = True

    def _set_options(self, dropout, use_bias, use_gate, sliding_window, flash_attention, seed, options):
        """Check and store what both kinds share."""
        if flash_attention:
            raise ValueError(
                f"{self._who}: flash_attention=True asks for the fused kernels of an accelerator, which there are none of "
                "here; leave it None or False, the results are the same."
            )
        if sliding_window is not None:
            sliding_window = _positive("sliding_window", sliding_window, self._who)
        rate = check.fraction("dropout", dropout, self._who)
        given = {"dropout": rate, "use_bias": use_bias, "use_gate": use_gate, "sliding_window": sliding_window}
        families = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
        given |= {name: families[name.rpartition("_")[2]].get(value) for name, value in options.items()}
        for name, value in given.items():
            setattr(self, f"{self._hidden}{name}", value)
        self.seed = seed

    flash_attention = None
    # What Keras writes before the names of attributes, and of the layers inside; the latter are names in files.
    _hidden = _inside = ""

    def _own(self, name):
        return getattr(self, f"{self._hidden}{name}")

    def _project(self, name, inputs, sizes, input_shape, summed=1, **options):
        """Make and build the layer inside that maps the last axes of `inputs` to axes of the given sizes."""
        free = LETTERS[: len(input_shape) - summed]
        old = LETTERS[len(free) : len(free) + summed]
        new = LETTERS[len(free) + summed : len(free) + summed + len(sizes)]
        fresh = {
            f"{part}_initializer": type(maker).from_config(maker.get_config())
            for part in ("kernel", "bias")
            for maker in [self._own(f"{part}_initializer")]
        }
        shared = [f"{part}_{kind}" for part in ("kernel", "bias") for kind in ("regularizer", "constraint")]
        layer = EinsumDense(
            f"{free}{old},{old}{new}->{free}{new}",
            output_shape=(*[None] * (len(free) - 1), *sizes),
            bias_axes=new if self._own("use_bias") else None,
            name=inputs,
            dtype=self.dtype_policy,
            activity_regularizer=self._activity_penalty,
            **fresh,
            **{option: self._own(option) for option in shared},
            **options,
        )
        layer.path = f"{self.path}/{layer.name}"
        setattr(self, name, layer)
        layer.build(tuple(input_shape))

    def _build_projections(self, query_shape, value_shape, key_shape, heads, groups, sizes, output):
        """The layers inside, in the order of Keras's weights; `sizes` of a key and of a value."""
        inside = self._inside
        self._project(f"{inside}query_dense", "query", (heads, sizes[0]), query_shape)
        self._project(f"{inside}key_dense", "key", (groups, sizes[0]), key_shape)
        if self._own("use_gate"):
            self._project("_gate_dense", "gate", (heads, sizes[1]), query_shape, activation="sigmoid")
        self._project(f"{inside}value_dense", "value", (groups, sizes[1]), value_shape)
        shape = (*query_shape[:-1], heads, sizes[1])
        self._project(f"{inside}output_dense", "attention_output", output, shape, summed=2)
        self._dropout_layer = Dropout(self._own("dropout"), seed=self.seed, dtype=self.dtype_policy)

    def compute_output_spec(self, *args, **kwargs):
        """Shape and type of the outputs, and of the weights if asked for."""
        if kwargs.get("return_attention_scores"):
            return self._try(*args, **kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def _attended(self, query, value, key, attention_mask, return_attention_scores, training, causal_only):
        """Project, attend, gate and bring the heads together."""
        gate = self._gate_dense(query) if self._own("use_gate") else None
        query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        options = {"use_causal_mask": True} if causal_only else {}
        y, scores = self._compute_attention(
            query, key, value, attention_mask, training, return_attention_scores, **options
        )
        return self._output_dense(y if gate is None else y * gate), scores

    def _compute_attention(
        self,
        query,
        key,
        value,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        """Attention of projected inputs (batch, ..., heads, size): the output and, if asked for, the weights."""
        axes = self._attention_axes
        rank = len(query.shape)
        if use_causal_mask:
            past = self._compute_causal_mask(query, value)
            attention_mask = past if attention_mask is None else _boolean(attention_mask) & past
        dropout = self._own("dropout")
        if attention_mask is not None:
            attention_mask = _boolean(attention_mask)
            while attention_mask.ndim < rank + len(axes) - 1:
                attention_mask = K.expand_dims(attention_mask, -2 * len(axes) - 1)
        shapes = query.shape, key.shape
        order = [a for a in range(rank - 2) if a not in axes] + [*axes, rank - 2, rank - 1]
        plain = rank == 4 and len(axes) == 1
        if not plain:
            query, key, value = (self._lined_up(x, order) for x in (query, key, value))
            if attention_mask is not None:
                attention_mask = self._mask_lined_up(attention_mask, shapes)
        # As in Keras: its fused kernel gives the mean of all values where nothing may be seen, its softmax gives zeros.
        fused = plain and not dropout and not return_attention_scores
        y = attend(
            query,
            key,
            value,
            mask=attention_mask,
            scale=self._scale,
            zero_empty=not fused,
            rate=dropout if training else 0.0,
            generator=self._dropout_layer.seed_generator.generator() if training and dropout else None,
            scores=return_attention_scores,
        )
        y, scores = y if return_attention_scores else (y, None)
        if not plain:
            moved = [shapes[0][a] for a in order[:-1]]
            y = ops.transpose(ops.reshape(y, (*moved, y.shape[-1])), [order.index(a) for a in range(rank)])
            if scores is not None:
                scores = ops.reshape(scores, self._score_shape(*shapes))
        return y, scores

    def _lined_up(self, x, order):
        """(batch, steps, heads, size) with all axes attended to as steps, and the others as batch."""
        x = ops.transpose(x, order)
        free = len(order) - 2 - len(self._attention_axes)
        n = 1
        for length in x.shape[:free]:
            n *= length
        return ops.reshape(x, (n, -1, *x.shape[-2:]))

    def _score_shape(self, query_shape, key_shape):
        """The shape of the weights: the axes not attended to, heads, the query's steps, the key's."""
        axes = self._attention_axes
        free = [n for a, n in enumerate(query_shape[:-1]) if a not in axes]
        return (*free, *[query_shape[a] for a in axes], *[key_shape[a] for a in axes])

    def _mask_lined_up(self, mask, shapes):
        """A mask of the weights with four axes."""
        shape, n = self._score_shape(*shapes), 2 * len(self._attention_axes)
        mask = K.broadcast_to(mask, shape)
        steps = 1
        for a in self._attention_axes:
            steps *= shapes[0][a]
        batch = 1
        for length in shape[: -n - 1]:
            batch *= length
        return mask.reshape(batch, shape[-n - 1], steps, -1)

    def _compute_attention_mask(
        self,
        query,
        value,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
    ):
        """All masks as one, (batch, T, S) or what broadcasts to it; None without any."""
        masks = []
        if query_mask is not None:
            masks.append(_boolean(query_mask)[..., :, None])
        masks += [_boolean(m)[..., None, :] for m in (value_mask, key_mask) if m is not None]
        if use_causal_mask:
            masks.append(self._compute_causal_mask(query, value))
        if self._own("sliding_window") is not None:
            masks.append(self._compute_sliding_window_mask(query, value))
        together = None if attention_mask is None else _boolean(attention_mask)
        for mask in reversed(masks):
            together = mask if together is None else together & mask
        return together

    def _compute_causal_mask(self, query, value=None):
        """(1, T, S): position t sees no later one."""
        steps = query.shape[1]
        return causal(steps, steps if value is None else value.shape[1])[None]

    def _compute_sliding_window_mask(self, query, value=None):
        """(1, T, S): position t sees those less than `sliding_window` away."""
        steps = query.shape[1]
        apart = K.arange(steps)[:, None] - K.arange(steps if value is None else value.shape[1])
        return (K.abs(apart) < self._own("sliding_window"))[None]

    def _causal_only(self, use_causal_mask, *masks):
        """Whether `_compute_attention` can make the only mask itself; a subclass's own gets it ready-made."""
        own = type(self)._compute_attention is not _ProjectedAttention._compute_attention
        return bool(use_causal_mask) and not own and self._own("sliding_window") is None and not any(
            m is not None for m in masks
        )  # fmt: skip

    def get_config(self):
        """The constructor arguments, under Keras's names."""
        config = super().get_config()
        del config["flash_attention"]
        config["activity_regularizer"] = regularizers.serialize(self._activity_penalty)
        return config


class MultiHeadAttention(_ProjectedAttention):
    """Attention of several heads: each compares projections of queries and keys, and mixes projections of values.

    With q = query Wq + bq, k = key Wk + bk, v = value Wv + bv for each head:
    y = concat(softmax(q k' / sqrt(key_dim)) v) Wo + bo (Vaswani et al., 2017).

    >>> layer = MultiHeadAttention(num_heads=2, key_dim=3)
    >>> x = ops.ones((2, 5, 8))
    >>> layer(x, x).shape
    (2, 5, 8)
    >>> y, weights = layer(x, x, use_causal_mask=True, return_attention_scores=True)
    >>> weights.shape
    (2, 2, 5, 5)

    A stack hands one tensor on, and this layer takes two: wrap it in a layer whose `call(x)` says `self.attention(x, x)`.

    Args:
        num_heads: the number of heads.
        key_dim, value_dim: what queries and keys, and values, are projected to in each head; `value_dim` is `key_dim`
            by default.
        dropout: the share of weights that is dropped in training.
        use_bias: whether the projections have biases.
        output_shape: the last axes of the output, an integer or several; by default the last axis of the query.
        attention_axes: the axes attended over; by default all between the batch and the features.
        sliding_window: a position sees those less than this far away, on both sides.
        flash_attention: must be None or False.
        kernel_initializer, ..., bias_constraint: of the projections, as for `Dense`.
        use_gate: multiply the output of the heads by sigmoid(query Wg + bg) (Qiu et al., 2025).
        seed: an integer for the same dropout in every run.

    Call arguments:
        query (batch, T, features), value (batch, S, features), key (batch, S, features), the value by default.
        query_mask, value_mask, key_mask: (batch, T) and (batch, S), by default the masks the inputs carry; the query's
        mask counts only where it is carried, and goes on to the output.
        attention_mask: (batch, T, S) booleans, True where attention is allowed; axes may be missing or of length one.
        return_attention_scores: return the weights (batch, heads, T, S) as well.
        use_causal_mask: position t sees no later one.

    Raises: ValueError for sizes that are no positive integers, or keys and values of different lengths.
    """

    _hidden = "_"

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._num_heads = _positive("num_heads", num_heads, self._who)
        self._key_dim = _positive("key_dim", key_dim, self._who)
        self._value_dim = self._key_dim if value_dim is None else _positive("value_dim", value_dim, self._who)
        self._output_shape = None if not output_shape else check.shape(output_shape, "output_shape", self._who)
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes is not None and not isinstance(attention_axes, (list, tuple)):
            raise ValueError(
                f"{self._who}: attention_axes must be an int, list, or tuple. Received: attention_axes={attention_axes!r}"
            )
        self._attention_axes = None if attention_axes is None else tuple(attention_axes)
        options = {
            "kernel_initializer": kernel_initializer, "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer, "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint, "bias_constraint": bias_constraint,
        }  # fmt: skip
        self._set_options(dropout, use_bias, use_gate, sliding_window, flash_attention, seed, options)
        self._activity_penalty = regularizers.get(activity_regularizer)
        self._scale = self._key_dim**-0.5

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        _check_lengths(self._who, value_shape, key_shape)
        rank = len(query_shape) + 1
        axes = self._attention_axes
        self._attention_axes = tuple(range(1, rank - 2)) if axes is None else tuple(a % (rank - 1) for a in axes)
        output = self._output_shape or (query_shape[-1],)
        sizes = self._key_dim, self._value_dim
        heads = self._num_heads
        self._build_projections(query_shape, value_shape, key_shape, heads, heads, sizes, output)

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        key = value if key is None else key
        query_mask = get_mask(query)
        # As in Keras: the inputs have given their masks away, so that an addition after this layer meets none.
        for x in (query, value, key):
            if get_mask(x) is not None:
                set_mask(x, None)
        masks = query_mask, value_mask, key_mask, attention_mask
        causal_only = self._causal_only(use_causal_mask, *masks)
        mask = None if causal_only else self._compute_attention_mask(query, value, *masks, use_causal_mask)
        y, scores = self._attended(query, value, key, mask, return_attention_scores, training, causal_only)
        return (y, scores) if return_attention_scores else y

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        _check_lengths(self._who, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def _config_value(self, name):
        return super()._config_value(name if name in ("seed", "flash_attention") else f"_{name}")


class GroupedQueryAttention(_ProjectedAttention, aliases=("GroupQueryAttention",)):
    """Attention whose query heads share key and value heads, which are fewer (Ainslie et al., 2023).

    Query head h attends with key head h // (num_query_heads / num_key_value_heads); else it is `MultiHeadAttention`. One
    key head is multi-query attention, as many as query heads is multi-head attention.

    >>> x = ops.ones((2, 5, 8))
    >>> GroupedQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    (2, 5, 8)

    Args:
        head_dim: the size of every head.
        num_query_heads: the number of query heads, a multiple of the next.
        num_key_value_heads: the number of key and value heads.
        dropout, use_bias, sliding_window, flash_attention, kernel_initializer, ..., use_gate, seed: as for
            `MultiHeadAttention`, and so are the call arguments.

    Raises: ValueError for numbers of heads that do not divide.
    """

    # Keras names files and layers after the class, and configurations after this.
    public_name = "GroupQueryAttention"
    _inside = "_"
    _attention_axes = (1,)

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.head_dim = _positive("head_dim", head_dim, self._who)
        self.num_query_heads = _positive("num_query_heads", num_query_heads, self._who)
        self.num_key_value_heads = _positive("num_key_value_heads", num_key_value_heads, self._who)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"{self._who}: `num_query_heads` must be divisible by `num_key_value_heads`. "
                f"Received: num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        options = {
            "kernel_initializer": kernel_initializer, "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer, "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint, "bias_constraint": bias_constraint,
        }  # fmt: skip
        self._set_options(dropout, use_bias, use_gate, sliding_window, flash_attention, seed, options)
        # Keras applies it to the projections and to the output.
        self._activity_penalty = self.activity_regularizer = regularizers.get(activity_regularizer)
        self._scale = self.head_dim**-0.5

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        heads, groups, sizes = self.num_query_heads, self.num_key_value_heads, (self.head_dim, self.head_dim)
        output = (query_shape[-1],)
        self._build_projections(query_shape, value_shape, key_shape, heads, groups, sizes, output)

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        key = value if key is None else key
        masks = query_mask, value_mask, key_mask, attention_mask
        causal_only = self._causal_only(use_causal_mask, *masks)
        mask = None if causal_only else self._compute_attention_mask(query, value, *masks, use_causal_mask)
        y, scores = self._attended(query, value, key, mask, return_attention_scores, training, causal_only)
        return (y, scores) if return_attention_scores else y

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                f"{self._who}: the last axis of query and value must be equal. "
                f"Received: query_shape={query_shape}, value_shape={value_shape}"
            )
        _check_lengths(self._who, value_shape, value_shape if key_shape is None else key_shape)
        return tuple(query_shape)


def _called(name, doc=None):
    return property(lambda self: getattr(self, name), doc=doc)


for _name in ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "use_gate", "attention_axes", "sliding_window"):
    setattr(MultiHeadAttention, _name, _called(f"_{_name}", f"The constructor's `{_name}`."))
# In files Keras names these without the underscore, which subclasses know them by.
for _name in ("query_dense", "key_dense", "value_dense", "output_dense"):
    setattr(MultiHeadAttention, f"_{_name}", _called(_name))


def _boolean(mask):
    mask = ops.stop_gradient(mask)
    return mask if mask.dtype == bool else mask.astype(bool)


def _positive(name, value, who):
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(
            f"{who}: received an invalid value for argument `{name}`, expected a positive integer. "
            f"Received: {name}={value!r}"
        )
    return value


def _check_lengths(who, value_shape, key_shape):
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            f"{who}: all dimensions of `value` and `key`, except the last one, must be equal. "
            f"Received: value_shape={value_shape} and key_shape={key_shape}"
        )
