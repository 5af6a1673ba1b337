"""Loss: weights, masks and reductions around one value per sample."""

from kerasnp import backend as K
from kerasnp import dtype_policies, ops
from kerasnp.autodiff.variable import Variable
from kerasnp.losses.outputs import each, several
from kerasnp.ops.losses import Total
from kerasnp.utils import nest
from kerasnp.utils.masks import get_mask
from kerasnp.utils.naming import auto_name, to_snake_case
from kerasnp.utils.registry import Registered, defaults

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss(Registered, abstract=True):
    """Base of all losses: a subclass writes `call(y_true, y_pred)`, one value per sample.

    >>> import kerasnp
    >>> class Distance(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return kerasnp.ops.sqrt(kerasnp.ops.sum(kerasnp.ops.square(y_pred - y_true), axis=-1))
    >>> float(Distance()([[0.0, 0.0], [0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]]))
    3.0

    Args:
        name: default is the class name in snake case, made unique.
        reduction: what becomes of the values: `"sum_over_batch_size"` or `"mean"` (their sum over their number),
            `"mean_with_sample_weight"` (their sum over the sum of the weights), `"sum"`, or `"none"`.
        dtype: the type to compute in, a name or a policy; default: the default float type.

    Raises: ValueError for an unknown reduction.
    """

    family = "losses"
    # Whether labels are class numbers, which must not pass through a float type.
    integer_labels = False
    # Arguments that a configuration of Keras leaves out; written only where they were changed, so that nothing is lost.
    unlisted: tuple[str, ...] = ("dtype",)

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction not in REDUCTIONS:
            raise ValueError(
                "Invalid value for argument `reduction`. Expected one of "
                f"{', '.join(map(repr, REDUCTIONS))}. Received: reduction={reduction!r}"
            )
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self.reduction = reduction
        self._dtype = None if dtype is None else dtype_policies.get(dtype).compute_dtype

    @property
    def dtype(self):
        """The type that values are computed in.

        >>> from kerasnp import losses
        >>> losses.MeanSquaredError(dtype="float64").dtype
        'float64'
        """
        return self._dtype or K.floatx()

    def call(self, y_true, y_pred):
        """One value per sample.

        >>> from kerasnp import losses
        >>> losses.MeanSquaredError().call(K.array([[0.0, 1.0]]), K.array([[1.0, 3.0]]))
        array([2.5])
        """
        raise NotImplementedError(
            f"{type(self).__name__}: write call(self, y_true, y_pred), returning one value per sample."
        )

    def closing(self, activation):
        """One operator for an activation and the mean loss of what that makes, given scores and labels (models/direct.py).

        Args:
            activation: `"softmax"`, `"sigmoid"`, or None.

        Returns: an Operator that gives the loss and the predictions; None where there is none.
        """
        return self._closing(activation) if self.reduction in ("sum_over_batch_size", "mean") else None

    def _closing(self, activation):
        """`closing` of a loss that is a mean; none by default."""
        return None

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The loss of `y_pred` against `y_true`; the shape of `sample_weight` begins that of the values.

        >>> from kerasnp import losses
        >>> loss = losses.MeanSquaredError(reduction="sum")
        >>> float(loss([[0.0], [0.0]], [[1.0], [3.0]], sample_weight=[1.0, 0.5]))  # 1 * 1 + 0.5 * 9
        5.5
        """
        mask = get_mask(y_pred)
        y_pred = as_float(y_pred, self.dtype)
        held = y_pred.value if isinstance(y_pred, Variable) else y_pred
        dtype = held.dtype if hasattr(held, "dtype") else K.storage_dtype(self.dtype)  # of one output, or of several
        y_true = as_labels(y_true, None if self.integer_labels else dtype)
        values = self.call(y_true, y_pred)
        own_mask = get_mask(values)
        if own_mask is not None:
            mask = own_mask if mask is None else K.logical_and(*squeeze_or_expand_to_same_rank(mask, own_mask))
        if sample_weight is None and mask is None:
            loss = reduce(values, self.reduction)
        else:
            loss = reduce_weighted(values, sample_weight, mask, self.reduction)
        return ops.cast(loss, "bfloat16") if self._dtype == "bfloat16" else loss

    def get_config(self):
        """The constructor arguments that rebuild this loss.

        >>> from kerasnp import losses
        >>> losses.Huber(delta=2.0, name="huber").get_config()
        {'name': 'huber', 'reduction': 'sum_over_batch_size', 'delta': 2.0}
        """
        config = super().get_config()
        standard = {**defaults(type(self)), "dtype": K.floatx()}
        for name in self.unlisted:
            if name in config and config[name] == standard.get(name):
                del config[name]
        return {"name": config.pop("name"), "reduction": config.pop("reduction"), **config}

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


class LossFunctionWrapper(Loss, abstract=True):
    """A function `fn(y_true, y_pred, **kwargs)`, one value per sample, as a Loss.

    >>> from kerasnp import losses
    >>> float(LossFunctionWrapper(losses.mean_squared_error)([[1.0]], [[3.0]]))
    4.0
    """

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        self.integer_labels = getattr(fn, "integer_labels", False)

    def call(self, y_true, y_pred):
        if hasattr(y_pred, "shape"):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        else:  # a loss of several outputs
            y_true = nest.map_structure(lambda p, t: squeeze_or_expand_to_same_rank(t, p)[0], y_pred, y_true)
            y_pred = nest.map_structure(lambda p, t: squeeze_or_expand_to_same_rank(t, p)[1], y_pred, y_true)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def _closing(self, activation):
        """That of the function, if it has no options and tells one; a subclass may have a `call` of its own."""
        plain = type(self) is LossFunctionWrapper and not self._fn_kwargs
        find = getattr(self.fn, "closing", None) if plain else None
        return None if find is None else find(activation)

    def get_config(self):
        from kerasnp.saving.config import serialize_keras_object, serialize_value

        config = {"name": self.name, "reduction": self.reduction, "fn": serialize_keras_object(self.fn)}
        return {**config, **serialize_value(self._fn_kwargs)}

    @classmethod
    def from_config(cls, config):
        from kerasnp.losses import get

        return cls(**{**config, "fn": get(config["fn"])})


def as_float(x, dtype=None):
    """`x` as a floating tensor: of `dtype`, or of its own type where that is no narrower than the default."""
    if isinstance(x, Variable):
        held = x.value.dtype
    elif isinstance(x, K.ndarray):
        held = x.dtype
    elif several(x):
        return each(lambda v: as_float(v, dtype), x)
    else:
        x = K.tensor(x)
        held = x.dtype
    wanted = K.storage_dtype(dtype or K.floatx())
    if held == wanted:
        return x
    if dtype is None and held.kind == "f":
        wanted = K.wider(held, wanted)
    return ops.cast(x, wanted.name)


def as_labels(y, dtype=None):
    """Labels as a tensor, in `dtype` if one is given."""
    if not isinstance(y, (K.ndarray, Variable)):
        if several(y):
            return each(lambda v: as_labels(v, dtype), y)
        y = K.tensor(y)
    if dtype is None or (y.value if isinstance(y, Variable) else y).dtype == dtype:
        return y
    return ops.cast(y, dtype.name)


def squeeze_or_expand_to_same_rank(a, b):
    """Both with as many axes: where one has one axis more and of size one, it is dropped, or the other gets it."""
    rank_a, rank_b = len(a.shape), len(b.shape)
    if rank_a == rank_b:
        return a, b
    if rank_a == rank_b + 1 and a.shape[-1] == 1:
        return (a, ops.expand_dims(b, -1)) if rank_b == 1 else (a.reshape(a.shape[:-1]), b)
    if rank_b == rank_a + 1 and b.shape[-1] == 1:
        return (ops.expand_dims(a, -1), b) if rank_a == 1 else (a, b.reshape(b.shape[:-1]))
    return a, b


def aligned(who, y_true, y_pred):
    """Labels and predictions as float tensors of one type and rank, for a loss that goes element by element.

    Raises: ValueError for shapes that do not fit.
    """
    y_pred = as_float(y_pred)
    y_true = as_labels(y_true, (y_pred.value if isinstance(y_pred, Variable) else y_pred).dtype)
    true_shape, shape = y_true.shape, y_pred.shape
    if true_shape == shape:
        return y_true, y_pred
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if (
        len(y_true.shape) != len(y_pred.shape)
        and y_true.shape
        and y_pred.shape
        or not broadcastable(y_true.shape, y_pred.shape)
    ):
        remedy = "Give y_true the shape of the model's output."
        if len(true_shape) < len(shape) and true_shape == shape[:-1]:
            remedy = (
                "Class numbers belong to the loss 'sparse_categorical_crossentropy'; else give y_true one value per "
                "unit, or the last layer one unit."
            )
        raise ValueError(
            f"{who}: y_true and y_pred must have the same shape. "
            f"Received: y_true.shape={true_shape}, y_pred.shape={shape}. {remedy}"
        )
    return y_true, y_pred


def broadcastable(a, b):
    """Whether arrays of these shapes can be combined element by element."""
    return all(m == n or m == 1 or n == 1 for m, n in zip(reversed(a), reversed(b)))


def reduce(values, reduction):
    """The values, their sum, or their mean."""
    shape = values.shape
    if reduction is None or reduction == "none" or shape == () or shape == (0,):
        return values
    if reduction == "sum":
        return Total()(values)
    return Total(max(values.size, 1))(values)


def reduce_weighted(values, sample_weight, mask, reduction):
    """The weighted sum or mean; what a mask hides counts neither above nor below the line."""
    array = values.value if isinstance(values, Variable) else values
    weights = apply_mask(sample_weight, mask, array.dtype, reduction)
    values, weights = weighted_pair(values, ops.cast(weights, array.dtype.name))
    weighted = ops.multiply(values, weights)
    if reduction != "mean_with_sample_weight" or weighted.shape == ():
        return reduce(weighted, reduction)
    total = ops.sum(weights)
    return Total()(weighted) / ops.where(total == 0, 1.0, total)


def weighted_pair(values, weights):
    """Values and weights of shapes that multiply: a weight of lower rank belongs to everything in its sample.

    Raises: ValueError for weights that do not begin the shape of the values.
    """
    values, weights = squeeze_or_expand_to_same_rank(values, weights)
    shape, given = values.shape, weights.shape
    if given == shape or not shape or not given:
        return values, weights
    if len(given) < len(shape) and given == shape[: len(given)]:
        return values, weights.reshape(given + (1,) * (len(shape) - len(given)))
    if len(given) != len(shape) or not broadcastable(given, shape):
        raise ValueError(
            f"sample_weight must have one weight per sample, or the shape of the loss values, {tuple(shape)}. "
            f"Received: sample_weight.shape={tuple(given)}"
        )
    return values, weights


def apply_mask(sample_weight, mask, dtype, reduction):
    """The weights, zero where masked; for a mean the others grow, so that the divisor may stay the full size."""
    if sample_weight is not None and not isinstance(sample_weight, (K.ndarray, Variable)):
        sample_weight = K.tensor(sample_weight)
    if mask is None:
        return sample_weight
    mask = (mask.value if isinstance(mask, Variable) else K.asarray(mask)).astype(dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        mask = mask * dtype.type(mask.size / (float(mask.sum()) + K.epsilon()))
    if sample_weight is None:
        return mask
    mask, sample_weight = squeeze_or_expand_to_same_rank(mask, ops.cast(sample_weight, dtype.name))
    if not broadcastable(mask.shape, sample_weight.shape):
        raise ValueError(
            f"sample_weight must have the shape of the mask, {mask.shape}, since the outputs are masked. Received: "
            f"sample_weight.shape={sample_weight.shape}; give each step its weight, such as np.repeat(w[:, None], steps, 1)."
        )
    return ops.multiply(mask, sample_weight)
