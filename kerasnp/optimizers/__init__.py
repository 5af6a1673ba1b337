"""Optimizers, under the names of `keras.optimizers`."""

from kerasnp.optimizers.optimizer import Optimizer
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import registry
from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".adam": "Adam Adamax AdamW Nadam ScheduleFreeAdamW",
    ".ftrl": "Ftrl",
    ".loss_scale": "LossScaleOptimizer",
    ".multi": "MultiOptimizer OptimizerMap",
    ".muon": "Muon",
    ".optimizer": "Optimizer",
    ".rms": "Adadelta AdaGrad Adagrad RMSProp RMSprop",
    ".sgd": "SGD Momentum Nesterov",
    ".sign": "Lion",
    ".trust": "Adafactor Lamb",
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES, submodules=("schedules",))
__all__ += ["deserialize", "get", "serialize"]


def get(identifier):
    """An optimizer from its name, configuration, class or instance; None stays None.

    >>> get("adam").name
    'adam'

    Raises: ValueError for what is none.
    """
    found = registry.get("optimizers", identifier, instance=False)
    if isinstance(found, type) and issubclass(found, Optimizer):
        return found()
    if found is not None and not isinstance(found, Optimizer):
        raise ValueError(
            f"Could not interpret optimizer identifier: {identifier!r}. Expected a name, a configuration, or an "
            "Optimizer."
        )
    return found


def serialize(optimizer):
    """The configuration of an optimizer.

    >>> import kerasnp
    >>> kerasnp.optimizers.serialize(kerasnp.optimizers.SGD(0.5))["config"]["learning_rate"]
    0.5
    """
    return serialize_keras_object(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer that `serialize` described.

    >>> import kerasnp
    >>> kerasnp.optimizers.deserialize({"class_name": "SGD", "config": {"momentum": 0.9}}).momentum
    0.9
    """
    return deserialize_keras_object(config, custom_objects, family="optimizers")
