"""Sums and means over batches."""

from kerasnp import backend as K
from kerasnp.losses.loss import apply_mask, squeeze_or_expand_to_same_rank
from kerasnp.metrics.metric import Metric, array
from kerasnp.utils.masks import get_mask


def samplewise(values, sample_weight, reduce, dtype):
    """One (weighted) value per sample, and the weights: the axes after the first are taken together by `reduce`."""
    values = values.astype(dtype, copy=False)
    if sample_weight is not None:
        weights = array(sample_weight).astype(dtype, copy=False)
        values, weights = squeeze_or_expand_to_same_rank(values, weights)
        rank = weights.ndim
        if values.shape[:rank] != weights.shape and any(m != n and m != 1 for m, n in zip(weights.shape, values.shape)):
            raise ValueError(
                f"sample_weight must have one weight per sample, or the shape of the values, {values.shape}. "
                f"Received: sample_weight.shape={weights.shape}"
            )
        if values.ndim > rank:
            values = reduce(values, axis=tuple(range(rank, values.ndim)))
        weights = K.broadcast_to(weights, values.shape)
        values = values * weights
        sample_weight = reduce(weights, axis=tuple(range(1, rank))) if rank > 1 else weights
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, sample_weight


class Sum(Metric):
    """The (weighted) sum of the values.

    >>> float(Sum()([1.0, 3.0, 5.0]))
    9.0
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values, sample_weight=None):
        values, _ = samplewise(array(values), sample_weight, K.sum, self.total.value.dtype)
        self.total.value += values.sum()

    def result(self):
        return self.total.value.copy()


class Mean(Metric):
    """The (weighted) mean of the values.

    >>> float(Mean()([1.0, 3.0, 5.0], sample_weight=[1, 1, 0]))
    2.0
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def add(self, total, count):
        """Take values into account whose sum and number are known."""
        # By Python's numbers, since NumPy takes ten times as long to change an array of one.
        sums, counts = self.total.value, self.count.value
        sums[...] = sums.item() + float(total)
        counts[...] = counts.item() + float(count)

    def update_state(self, values, sample_weight=None):
        # As in Keras, a mask of the values counts beside weights only.
        mask = None if sample_weight is None else get_mask(values)
        values = array(values)
        if mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self.total.value.dtype, "sum")
        shape = values.shape
        if sample_weight is not None:
            if shape or not isinstance(sample_weight, (int, float)):
                return self._update_weighted(values, sample_weight)
            self.add(values * sample_weight, sample_weight)
        elif not shape:
            self.add(values, 1)
        elif values.size:
            if values.dtype.kind == "b":
                total = K.count_nonzero(values)
            else:
                total = K.add.reduce(values, axis=None, dtype=None if values.dtype.itemsize > 2 else self.total.value.dtype)
            self.add(total if len(shape) == 1 else total * (shape[0] / values.size), shape[0])

    def _update_weighted(self, values, sample_weight):
        values, weights = samplewise(values, sample_weight, K.mean, self.total.value.dtype)
        self.add(values.sum(), weights.sum())

    def result(self):
        total, count = self.total.value, self.count.value
        return K.asarray(total / count, total.dtype) if count else K.zeros_like(total)


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred, **kwargs)` of one value per sample.

    >>> from kerasnp import losses
    >>> metric = MeanMetricWrapper(losses.mean_squared_error, name="mse")
    >>> float(metric([[0.0], [0.0]], [[1.0], [3.0]]))
    5.0

    Args:
        fn: the function.
        name: a name.
        dtype: the type of the state.
        kwargs: more arguments for `fn`.
    """

    # The function of a subclass, whose options are attributes under the names of the function's arguments.
    fn = None
    options = ()

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name, dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = get_mask(y_pred)
        values = self._fn(array(y_true), array(y_pred), **self._fn_kwargs)
        if mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self.total.value.dtype, "sum")
        super().update_state(values, sample_weight)

    def get_config(self):
        from kerasnp.saving.config import serialize_keras_object, serialize_value

        config = {"name": self.name, "dtype": self.dtype}
        if type(self) is not MeanMetricWrapper:
            return super().get_config()
        return {**config, "fn": serialize_keras_object(self._fn), **serialize_value(self._fn_kwargs)}

    @classmethod
    def from_config(cls, config):
        if "fn" in config:
            config = {**config, "fn": find_function(config["fn"])}
        return cls(**config)


def find_function(identifier):
    """A metric or loss function from its name or configuration.

    Raises: ValueError for a name that is neither.
    """
    from kerasnp import losses, metrics
    from kerasnp.utils import registry

    if isinstance(identifier, dict) and identifier.get("class_name") != "function":
        return losses.get(identifier)
    if not isinstance(identifier, (dict, str)):
        return identifier
    name = identifier["config"] if isinstance(identifier, dict) else identifier
    custom = registry.find_custom(name)
    if custom is not None:
        return custom
    found = getattr(metrics, name.rpartition(">")[2], None)
    return found if callable(found) and not isinstance(found, type) else losses.get(name)
