"""Optimizers, under the names of `keras.optimizers`."""

from kerasnp.optimizers import schedules
from kerasnp.optimizers.adam import Adam, Adamax, AdamW, Nadam, ScheduleFreeAdamW
from kerasnp.optimizers.ftrl import Ftrl
from kerasnp.optimizers.loss_scale import LossScaleOptimizer
from kerasnp.optimizers.multi import MultiOptimizer, OptimizerMap
from kerasnp.optimizers.muon import Muon
from kerasnp.optimizers.optimizer import Optimizer
from kerasnp.optimizers.rms import Adadelta, AdaGrad, Adagrad, RMSProp, RMSprop
from kerasnp.optimizers.sgd import SGD, Momentum, Nesterov
from kerasnp.optimizers.sign import Lion
from kerasnp.optimizers.trust import Adafactor, Lamb
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import registry

__all__ = [
    "Adadelta", "Adafactor", "AdaGrad", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion",
    "LossScaleOptimizer", "Momentum", "MultiOptimizer", "Muon", "Nadam", "Nesterov", "Optimizer", "OptimizerMap",
    "RMSProp", "RMSprop", "SGD", "ScheduleFreeAdamW", "deserialize",
    "get", "schedules", "serialize",
]  # fmt: skip


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
