"""Losses of regression: distances between numbers."""

from kerasnp.losses.loss import Loss, aligned
from kerasnp.ops.losses import AbsoluteError, SquaredError
from kerasnp.utils.registry import function


class MeanSquaredError(Loss):
    """mean((y_true - y_pred)^2) over the last axis.

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]))
    2.5

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return mean_squared_error(y_true, y_pred)


class MeanAbsoluteError(Loss):
    """mean(|y_true - y_pred|) over the last axis.

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]))
    1.5
    """

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return mean_absolute_error(y_true, y_pred)


@function("losses", "mse")
def mean_squared_error(y_true, y_pred):
    """mean((y_true - y_pred)^2) over the last axis.     (n, ..., d), (n, ..., d)   ->   (n, ...)"""
    return SquaredError()(*aligned("mean_squared_error", y_true, y_pred))


@function("losses", "mae")
def mean_absolute_error(y_true, y_pred):
    """mean(|y_true - y_pred|) over the last axis.     (n, ..., d), (n, ..., d)   ->   (n, ...)"""
    return AbsoluteError()(*aligned("mean_absolute_error", y_true, y_pred))


mse, mae = mean_squared_error, mean_absolute_error
