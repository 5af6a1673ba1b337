"""Hinge losses: a margin between right and wrong; labels are -1 or 1, or 0 and 1."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.autodiff.variable import Variable
from kerasnp.losses.loss import Loss, aligned
from kerasnp.ops.pointwise_losses import HingeError, SquaredHingeError
from kerasnp.utils.registry import function


class Hinge(Loss):
    """mean(max(1 - y_true * y_pred, 0)) over the last axis; labels 0 and 1 are read as -1 and 1.

    >>> float(Hinge()([[1.0, -1.0]], [[0.5, 1.0]]))
    1.25

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.

    Reference: Cortes and Vapnik (1995), Support-vector networks.
    """

    def __init__(self, reduction="sum_over_batch_size", name="hinge", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return hinge(y_true, y_pred)


class SquaredHinge(Loss):
    """mean(max(1 - y_true * y_pred, 0)^2) over the last axis; labels 0 and 1 are read as -1 and 1.

    >>> float(SquaredHinge()([[1.0, -1.0]], [[0.5, 1.0]]))
    2.125

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="squared_hinge", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return squared_hinge(y_true, y_pred)


class CategoricalHinge(Loss):
    """max(1 + the best wrong score - the right score, 0), labels being one-hot.

    >>> float(CategoricalHinge()([[0.0, 1.0, 0.0]], [[0.5, 0.75, 0.25]]))
    0.75

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.

    Reference: Crammer and Singer (2001), On the algorithmic implementation of multiclass kernel-based vector machines.
    """

    def __init__(self, reduction="sum_over_batch_size", name="categorical_hinge", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return categorical_hinge(y_true, y_pred)


def signed(y_true):
    """Labels 0 and 1 as -1 and 1; any others as they are."""
    values = y_true.value if isinstance(y_true, Variable) else y_true
    return 2 * y_true - 1 if K.logical_or(values == 0, values == 1).all() else y_true


@function("losses")
def hinge(y_true, y_pred):
    """mean(max(1 - y_true * y_pred, 0)) over the last axis.     (n, ..., d) twice   ->   (n, ...)

    >>> hinge([[1.0], [-1.0]], [[0.5], [-2.0]])
    array([0.5, 0. ], dtype=float32)
    >>> hinge([[1.0], [0.0]], [[0.5], [-2.0]])  # labels 0 and 1 mean the same
    array([0.5, 0. ], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    y_true, y_pred = aligned("hinge", y_true, y_pred)
    return HingeError()(signed(y_true), y_pred)


@function("losses")
def squared_hinge(y_true, y_pred):
    """mean(max(1 - y_true * y_pred, 0)^2) over the last axis.     (n, ..., d) twice   ->   (n, ...)

    >>> squared_hinge([[1.0], [-1.0]], [[0.5], [-2.0]])
    array([0.25, 0.  ], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    y_true, y_pred = aligned("squared_hinge", y_true, y_pred)
    return SquaredHingeError()(signed(y_true), y_pred)


@function("losses")
def categorical_hinge(y_true, y_pred):
    """max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0).     (n, ..., classes) twice   ->   (n, ...)

    >>> categorical_hinge([[0.0, 1.0, 0.0]], [[0.5, 0.75, 0.25]])  # 1 + 0.5 - 0.75
    array([0.75], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    y_true, y_pred = aligned("categorical_hinge", y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)
