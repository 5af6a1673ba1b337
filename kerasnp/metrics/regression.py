"""Metrics of regression."""

from kerasnp import backend as K
from kerasnp.losses.loss import aligned
from kerasnp.losses.regression import mean_absolute_error, mean_squared_error
from kerasnp.metrics.metric import array
from kerasnp.metrics.reduction import Mean, MeanMetricWrapper
from kerasnp.utils.masks import get_mask, set_mask


class MeanSquaredError(MeanMetricWrapper, aliases=("mse",)):
    """mean((y_true - y_pred)^2).

    >>> float(MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]))
    0.25
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
            set_mask(squares, mask)
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
