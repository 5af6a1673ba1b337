"""Metrics of regression: mean errors."""

from kerasnp import backend as K
from kerasnp.losses.loss import aligned, apply_mask
from kerasnp.losses.regression import (
    cosine_similarity,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from kerasnp.metrics.metric import array
from kerasnp.metrics.reduction import Mean, MeanMetricWrapper
from kerasnp.utils.masks import get_mask


class MeanSquaredError(MeanMetricWrapper, aliases=("mse",)):
    """mean((y_true - y_pred)^2).

    >>> float(MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]))
    0.25

    Args:
        name: a name.
        dtype: the type of the state.
    """

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, name, dtype)


class RootMeanSquaredError(Mean, aliases=("rmse",)):
    """sqrt(mean((y_true - y_pred)^2)).

    >>> float(RootMeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]))
    0.5
    """

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y, p = aligned("root_mean_squared_error", array(y_true), array(y_pred))
        squares = K.square(p - y)
        mask = get_mask(y_pred)
        if mask is not None:
            sample_weight = apply_mask(sample_weight, mask, self.total.value.dtype, "sum")
        super().update_state(squares, sample_weight)

    def result(self):
        return K.asarray(K.sqrt(super().result()))


class MeanAbsoluteError(MeanMetricWrapper, aliases=("mae",)):
    """mean(|y_true - y_pred|).

    >>> float(MeanAbsoluteError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]))
    0.25
    """

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper, aliases=("mape",)):
    """100 * mean(|y_true - y_pred| / |y_true|).

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]]))
    37.5
    """

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper, aliases=("msle",)):
    """mean((log(1 + y_true) - log(1 + y_pred))^2).

    >>> round(float(MeanSquaredLogarithmicError()([[0.0, 3.0]], [[0.0, 1.0]])), 4)
    0.2402
    """

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper, aliases=("logcosh",)):
    """mean(log(cosh(y_pred - y_true))).

    >>> round(float(LogCoshError()([[0.0, 0.0]], [[0.0, 2.0]])), 4)
    0.6625
    """

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(log_cosh, name, dtype)


def cosine(y_true, y_pred, axis=-1):
    """The cosine of the angle between the vectors along `axis`; the loss of that name is minus this."""
    return -cosine_similarity(y_true, y_pred, axis)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between y_true and y_pred.

    >>> float(CosineSimilarity()([[0.0, 2.0], [1.0, 0.0]], [[0.0, 5.0], [0.0, 1.0]]))
    0.5

    Args:
        name: a name.
        dtype: the type of the state.
        axis: the axis of the vectors.
    """

    unlisted = ("axis",)

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine, name, dtype, axis=axis)
        self.axis = axis
