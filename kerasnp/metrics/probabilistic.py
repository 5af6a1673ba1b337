"""Cross-entropies and divergences as metrics."""

from kerasnp.losses.crossentropy import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from kerasnp.losses.probabilistic import kl_divergence, poisson
from kerasnp.metrics.reduction import MeanMetricWrapper


class BinaryCrossentropy(MeanMetricWrapper, aliases=("bce",)):
    """The mean of -(t * log(p) + (1 - t) * log(1 - p)); see `losses.BinaryCrossentropy`.

    >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.6931
    """

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper, aliases=("cce",)):
    """The mean of -sum(t * log(p)), labels being one-hot; see `losses.CategoricalCrossentropy`.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1):
        super().__init__(
            categorical_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(MeanMetricWrapper, aliases=("scce",)):
    """The mean of -log(p[label]), labels being class numbers; see `losses.SparseCategoricalCrossentropy`.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, ignore_class=None, axis=-1
    ):
        super().__init__(
            sparse_categorical_crossentropy, name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis


class KLDivergence(MeanMetricWrapper, aliases=("kld",)):
    """The mean of sum(y_true * log(y_true / y_pred)); see `losses.KLDivergence`.

    >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
    0.1438
    """

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean of y_pred - y_true * log(y_pred); see `losses.Poisson`.

    >>> float(Poisson()([[1.0, 0.0]], [[1.0, 2.0]]))
    1.5
    """

    def __init__(self, name="poisson", dtype=None):
        super().__init__(poisson, name, dtype)
