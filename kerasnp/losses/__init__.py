"""Losses, under the names of `keras.losses`."""

from kerasnp.losses.compile import CompileLoss  # noqa: F401
from kerasnp.losses.crossentropy import (  # noqa: F401
    BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, bce, binary_crossentropy,
    categorical_crossentropy, cce, scce, sparse_categorical_crossentropy,
)  # fmt: skip
from kerasnp.losses.loss import Loss, LossFunctionWrapper  # noqa: F401
from kerasnp.losses.regression import (  # noqa: F401
    MeanAbsoluteError, MeanSquaredError, mae, mean_absolute_error, mean_squared_error, mse,
)  # fmt: skip
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import registry


def get(identifier):
    """A loss from its name, configuration, class, function or instance; None stays None.

    >>> get("mse").__name__
    'mean_squared_error'
    """
    return registry.get("losses", identifier)


def serialize(loss):
    """The configuration of a loss."""
    return serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """The loss that `serialize` described."""
    return deserialize_keras_object(name, custom_objects, family="losses")
