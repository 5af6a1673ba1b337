"""Metrics, under the names of `keras.metrics`."""

from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import registry
from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".auc": "AUC",
    ".classification": (
        "Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy SparseTopKCategoricalAccuracy "
        "TopKCategoricalAccuracy accuracy binary_accuracy categorical_accuracy sparse_categorical_accuracy "
        "sparse_top_k_categorical_accuracy top_k_categorical_accuracy"
    ),
    ".compile": "CompileMetrics",
    ".confusion": (
        "FalseNegatives FalsePositives Precision PrecisionAtRecall Recall RecallAtPrecision SensitivityAtSpecificity "
        "SpecificityAtSensitivity TrueNegatives TruePositives"
    ),
    ".correlation": "ConcordanceCorrelation PearsonCorrelation R2Score concordance_correlation pearson_correlation",
    ".f_score": "F1Score FBetaScore",
    ".iou": "BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU",
    ".margin": "CategoricalHinge Hinge SquaredHinge",
    ".metric": "Metric",
    ".probabilistic": "BinaryCrossentropy CategoricalCrossentropy KLDivergence Poisson SparseCategoricalCrossentropy",
    ".reduction": "Mean MeanMetricWrapper Sum",
    ".regression": (
        "CosineSimilarity LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
        "MeanSquaredLogarithmicError RootMeanSquaredError"
    ),
    "kerasnp.losses.crossentropy": "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy",
    "kerasnp.losses.focal": "binary_focal_crossentropy categorical_focal_crossentropy",
    "kerasnp.losses.margin": "categorical_hinge hinge squared_hinge",
    "kerasnp.losses.probabilistic": "kl_divergence poisson",
    "kerasnp.losses.regression": (
        "huber log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error "
        "mean_squared_logarithmic_error"
    ),
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES)
__all__ += ["deserialize", "get", "serialize"]


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
