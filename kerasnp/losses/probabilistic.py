"""Distances between distributions."""

from kerasnp.losses.loss import Loss, aligned
from kerasnp.ops.pointwise_losses import Divergence, PoissonError
from kerasnp.utils.registry import function


class KLDivergence(Loss):
    """sum(y_true * log(y_true / y_pred)) over the last axis (Kullback and Leibler, 1951).

    >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
    0.1438

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return kl_divergence(y_true, y_pred)


class Poisson(Loss):
    """mean(y_pred - y_true * log(y_pred)) over the last axis: the likelihood of counts, up to a constant.

    >>> float(Poisson()([[1.0, 0.0]], [[1.0, 2.0]]))
    1.5

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return poisson(y_true, y_pred)


@function("losses", "kld", "kullback_leibler_divergence")
def kl_divergence(y_true, y_pred):
    """sum(y_true * log(y_true / y_pred)) over the last axis, both within [eps, 1].     (n, ..., d) twice -> (n, ...)

    >>> kl_divergence([[0.5, 0.5]], [[0.5, 0.5]])
    array([0.], dtype=float32)
    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).round(4)
    array([0.1438], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return Divergence()(*aligned("kl_divergence", y_true, y_pred))


@function("losses")
def poisson(y_true, y_pred):
    """mean(y_pred - y_true * log(y_pred + eps)) over the last axis.     (n, ..., d) twice   ->   (n, ...)

    >>> poisson([[0.0], [2.0]], [[1.0], [1.0]]).round(4)
    array([1., 1.], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    return PoissonError()(*aligned("poisson", y_true, y_pred))


kld = kl_divergence
