"""Hinge losses as metrics."""

from kerasnp.losses.margin import categorical_hinge, hinge, squared_hinge
from kerasnp.metrics.reduction import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """The mean of max(1 - y_true * y_pred, 0); see `losses.Hinge`.

    >>> float(Hinge()([[1.0, -1.0]], [[0.5, 1.0]]))
    1.25

    Args:
        name: a name.
        dtype: the type of the state.
    """

    def __init__(self, name="hinge", dtype=None):
        super().__init__(hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of max(1 - y_true * y_pred, 0)^2; see `losses.SquaredHinge`.

    >>> float(SquaredHinge()([[1.0, -1.0]], [[0.5, 1.0]]))
    2.125
    """

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean of max(1 + the best wrong score - the right score, 0); see `losses.CategoricalHinge`.

    >>> float(CategoricalHinge()([[0.0, 1.0, 0.0]], [[0.5, 0.75, 0.25]]))
    0.75
    """

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, name, dtype)
