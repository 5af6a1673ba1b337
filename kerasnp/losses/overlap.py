"""Losses of overlap, for segmentation: how much of the true region was found."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.losses.loss import Loss, aligned
from kerasnp.utils.registry import function


class Dice(Loss):
    """1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred)) (Milletari et al., 2016).

    >>> float(Dice()([[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]))
    0.5

    Args:
        reduction: see `Loss`.
        name: a name.
        axis: the axes of a region; None takes the whole batch as one.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true, y_pred):
        return dice(y_true, y_pred, self.axis)


class Tversky(Loss):
    """1 - both / (both + alpha * false negatives + beta * false positives) (Salehi et al., 2017).

    Keras gives alpha and beta these roles; in the paper they are the other way round.

    >>> float(Tversky()([[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]))
    0.5

    Args:
        alpha: the weight of what is there and was not predicted.
        beta: the weight of what was predicted and is not there.
        reduction: see `Loss`.
        name: a name.
        axis: the axes of a region; None takes the whole batch as one.
        dtype: the type to compute in.
    """

    def __init__(self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None, dtype=None):
        super().__init__(name, reduction, dtype)
        self.alpha, self.beta, self.axis = alpha, beta, axis

    def call(self, y_true, y_pred):
        return tversky(y_true, y_pred, self.alpha, self.beta, self.axis)


@function("losses")
def dice(y_true, y_pred, axis=None):
    """1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred)) over the axes.

    >>> round(float(dice([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])), 4)  # 1 - 2 * 1 / (2 + 1)
    0.3333

    Raises: ValueError for shapes that do not fit.
    """
    y_true, y_pred = aligned("dice", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    sizes = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    # Before NumPy 2 a 0-d array times a Python number widens.
    return ops.cast(1.0 - 2.0 * both / (sizes + K.epsilon()), y_pred.dtype)


@function("losses")
def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - both / (both + alpha * false negatives + beta * false positives) over the axes.

    >>> float(tversky([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], alpha=1.0, beta=1.0).round(4))  # 1 - 1 / (1 + 1 + 0)
    0.5

    Raises: ValueError for shapes that do not fit.
    """
    y_true, y_pred = aligned("tversky", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    false_positives = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    false_negatives = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    sizes = both + alpha * false_negatives + beta * false_positives
    return ops.cast(1.0 - both / (sizes + K.epsilon()), y_pred.dtype)
