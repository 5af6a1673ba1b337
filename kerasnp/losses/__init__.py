"""Losses, under the names of `keras.losses`."""

from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import registry
from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".compile": "CompileLoss",
    ".crossentropy": (
        "BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy bce binary_crossentropy "
        "categorical_crossentropy cce scce sparse_categorical_crossentropy"
    ),
    ".embedding": "Circle circle",
    ".focal": (
        "BinaryFocalCrossentropy CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy "
        "binary_focal_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy"
    ),
    ".loss": "Loss LossFunctionWrapper",
    ".margin": "CategoricalHinge Hinge SquaredHinge categorical_hinge hinge squared_hinge",
    ".overlap": "Dice Tversky dice tversky",
    ".probabilistic": "KLDivergence Poisson kl_divergence kld poisson",
    ".regression": (
        "CosineSimilarity Huber LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError "
        "MeanSquaredLogarithmicError cosine_similarity huber log_cosh mae mape mean_absolute_error "
        "mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse msle"
    ),
    ".sequence": "CTC ctc",
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES)
__all__ += ["deserialize", "get", "serialize"]


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
