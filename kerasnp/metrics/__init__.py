"""Metrics, under the names of `keras.metrics`."""

# ruff: noqa: F401, I001
from kerasnp.losses.crossentropy import (
    binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy,
)  # fmt: skip
from kerasnp.losses.focal import binary_focal_crossentropy, categorical_focal_crossentropy
from kerasnp.losses.margin import categorical_hinge, hinge, squared_hinge
from kerasnp.losses.probabilistic import kl_divergence, poisson
from kerasnp.losses.regression import (
    huber, log_cosh, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
    mean_squared_logarithmic_error,
)  # fmt: skip
from kerasnp.metrics.auc import AUC
from kerasnp.metrics.classification import (
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy, accuracy, binary_accuracy, categorical_accuracy, sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy, top_k_categorical_accuracy,
)  # fmt: skip
from kerasnp.metrics.confusion import (
    FalseNegatives, FalsePositives, Precision, PrecisionAtRecall, Recall, RecallAtPrecision, SensitivityAtSpecificity,
    SpecificityAtSensitivity, TrueNegatives, TruePositives,
)  # fmt: skip
from kerasnp.metrics.correlation import (
    ConcordanceCorrelation, PearsonCorrelation, R2Score, concordance_correlation, pearson_correlation,
)  # fmt: skip
from kerasnp.metrics.f_score import F1Score, FBetaScore
from kerasnp.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from kerasnp.metrics.margin import CategoricalHinge, Hinge, SquaredHinge
from kerasnp.metrics.metric import Metric
from kerasnp.metrics.probabilistic import (
    BinaryCrossentropy, CategoricalCrossentropy, KLDivergence, Poisson, SparseCategoricalCrossentropy,
)  # fmt: skip
from kerasnp.metrics.reduction import Mean, MeanMetricWrapper, Sum
from kerasnp.metrics.regression import (
    CosineSimilarity, LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, RootMeanSquaredError,
)  # fmt: skip
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import registry


def get(identifier):
    """A metric from its name, configuration, class or instance; a function is returned as it is, None stays None.

    >>> get("mse").name
    'mean_squared_error'
    """
    return registry.get("metrics", identifier)


def serialize(metric):
    """The configuration of a metric.

    >>> import kerasnp
    >>> kerasnp.metrics.serialize(kerasnp.metrics.Mean(name="average"))["config"]["name"]
    'average'
    """
    return serialize_keras_object(metric)


def deserialize(config, custom_objects=None):
    """The metric that `serialize` described.

    >>> import kerasnp
    >>> kerasnp.metrics.deserialize({"class_name": "Mean", "config": {"name": "average"}}).name
    'average'
    """
    return deserialize_keras_object(config, custom_objects, family="metrics")


def __getattr__(name):
    # Resolving names needs the whole package, so this one is loaded on first touch.
    if name == "CompileMetrics":
        from kerasnp.metrics.compile import CompileMetrics

        return CompileMetrics
    raise AttributeError(f"module 'kerasnp.metrics' has no attribute {name!r}")
