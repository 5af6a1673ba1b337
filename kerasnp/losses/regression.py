"""Losses of regression: distances between numbers."""

from kerasnp.losses.loss import Loss, aligned
from kerasnp.ops.losses import CosineProximity
from kerasnp.ops.pointwise_losses import (
    AbsoluteError,
    AbsolutePercentageError,
    HuberError,
    LogCoshError,
    SquaredError,
    SquaredLogarithmicError,
)
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

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return mean_absolute_error(y_true, y_pred)


class MeanAbsolutePercentageError(Loss):
    """100 * mean(|y_true - y_pred| / |y_true|) over the last axis; a smaller |y_true| counts as the fuzz factor.

    >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]]))
    37.5

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_percentage_error", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return mean_absolute_percentage_error(y_true, y_pred)


class MeanSquaredLogarithmicError(Loss):
    """mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis; negative numbers count as 0.

    >>> round(float(MeanSquaredLogarithmicError()([[0.0, 3.0]], [[0.0, 1.0]])), 4)
    0.2402

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return mean_squared_logarithmic_error(y_true, y_pred)


class Huber(Loss):
    """d^2 / 2 where |d| <= delta, delta * (|d| - delta / 2) beyond, averaged; d = y_true - y_pred (Huber, 1964).

    >>> float(Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5

    Args:
        delta: where the parabola becomes a line.
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    unlisted = ("delta", "dtype")

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(name, reduction, dtype)
        self.delta = delta

    def call(self, y_true, y_pred):
        return huber(y_true, y_pred, self.delta)


class LogCosh(Loss):
    """mean(log(cosh(y_pred - y_true))) over the last axis: d^2 / 2 near 0, |d| - log(2) far from it.

    >>> round(float(LogCosh()([[0.0, 0.0]], [[0.0, 2.0]])), 4)
    0.6625

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return log_cosh(y_true, y_pred)


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between y_true and y_pred: -1 for the same direction, 1 for the opposite one.

    >>> float(CosineSimilarity()([[0.0, 2.0], [1.0, 0.0]], [[0.0, 5.0], [0.0, 1.0]]))
    -0.5

    Args:
        axis: the axis of the vectors.
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    unlisted = ("axis", "dtype")

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true, y_pred):
        return cosine_similarity(y_true, y_pred, self.axis)


@function("losses", "mse")
def mean_squared_error(y_true, y_pred):
    """mean((y_true - y_pred)^2) over the last axis.     (n, ..., d), (n, ..., d)   ->   (n, ...)

    >>> mean_squared_error([[0.0, 1.0], [2.0, 2.0]], [[1.0, 3.0], [2.0, 2.0]])
    array([2.5, 0. ], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return SquaredError()(*aligned("mean_squared_error", y_true, y_pred))


@function("losses", "mae")
def mean_absolute_error(y_true, y_pred):
    """mean(|y_true - y_pred|) over the last axis.     (n, ..., d), (n, ..., d)   ->   (n, ...)

    >>> mean_absolute_error([[0.0, 1.0], [2.0, 2.0]], [[1.0, 3.0], [2.0, 2.0]])
    array([1.5, 0. ], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return AbsoluteError()(*aligned("mean_absolute_error", y_true, y_pred))


@function("losses", "mape")
def mean_absolute_percentage_error(y_true, y_pred):
    """100 * mean(|y_true - y_pred| / max(|y_true|, eps)) over the last axis.     (n, ..., d) twice   ->   (n, ...)

    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 5.0]])
    array([37.5], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return AbsolutePercentageError()(*aligned("mean_absolute_percentage_error", y_true, y_pred))


@function("losses", "msle")
def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis.     (n, ..., d) twice   ->   (n, ...)

    >>> mean_squared_logarithmic_error([[0.0, 3.0]], [[0.0, 1.0]]).round(4)  # log(2)^2 / 2
    array([0.2402], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return SquaredLogarithmicError()(*aligned("mean_squared_logarithmic_error", y_true, y_pred))


@function("losses", "huber_loss")
def huber(y_true, y_pred, delta=1.0):
    """d^2 / 2 or delta * (|d| - delta / 2), averaged over the last axis.     (n, ..., d) twice   ->   (n, ...)

    >>> huber([[0.0], [0.0]], [[1.0], [3.0]], delta=2.0)  # 1^2 / 2 and 2 * (3 - 1)
    array([0.5, 4. ], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return HuberError(delta)(*aligned("huber", y_true, y_pred))


@function("losses", "logcosh")
def log_cosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true))) over the last axis.     (n, ..., d) twice   ->   (n, ...)

    >>> log_cosh([[0.0], [0.0]], [[0.0], [2.0]]).round(4)
    array([0.   , 1.325], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return LogCoshError()(*aligned("log_cosh", y_true, y_pred))


@function("losses")
def cosine_similarity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between the vectors along `axis`.     (n, ..., d) twice   ->   (n, ...)

    >>> cosine_similarity([[0.0, 2.0], [1.0, 0.0]], [[0.0, 5.0], [-3.0, 0.0]])
    array([-1.,  1.], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return CosineProximity(axis)(*aligned("cosine_similarity", y_true, y_pred))


mse, mae, mape, msle = (
    mean_squared_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
)
