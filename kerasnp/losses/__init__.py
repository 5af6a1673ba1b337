"""Losses, under the names of `keras.losses`."""

# ruff: noqa: F401, I001
from kerasnp.losses.compile import CompileLoss
from kerasnp.losses.crossentropy import (
    BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, bce, binary_crossentropy,
    categorical_crossentropy, cce, scce, sparse_categorical_crossentropy,
)  # fmt: skip
from kerasnp.losses.embedding import Circle, circle
from kerasnp.losses.focal import (
    BinaryFocalCrossentropy, CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy,
    binary_focal_crossentropy, categorical_focal_crossentropy, categorical_generalized_cross_entropy,
)  # fmt: skip
from kerasnp.losses.margin import (
    CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge,
)  # fmt: skip
from kerasnp.losses.loss import Loss, LossFunctionWrapper
from kerasnp.losses.overlap import Dice, Tversky, dice, tversky
from kerasnp.losses.probabilistic import KLDivergence, Poisson, kl_divergence, kld, poisson
from kerasnp.losses.regression import (
    CosineSimilarity, Huber, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, cosine_similarity, huber, log_cosh, mae, mape, mean_absolute_error,
    mean_absolute_percentage_error, mean_squared_error, mean_squared_logarithmic_error, mse, msle,
)  # fmt: skip
from kerasnp.losses.sequence import CTC, ctc
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import registry


def get(identifier):
    """A loss from its name, configuration, class, function or instance; None stays None.

    >>> get("mse").__name__
    'mean_squared_error'
    """
    return registry.get("losses", identifier)


def serialize(loss):
    """The configuration of a loss.

    >>> import kerasnp
    >>> kerasnp.losses.serialize(kerasnp.losses.Huber(delta=2.0))["config"]["delta"]
    2.0
    """
    return serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """The loss that `serialize` described.

    >>> import kerasnp
    >>> kerasnp.losses.deserialize("mse").__name__
    'mean_squared_error'
    """
    return deserialize_keras_object(name, custom_objects, family="losses")
