"""Models: the Sequential stack, training, evaluation, prediction, files."""

from kerasnp import saving
from kerasnp.models.cloning import clone_model
from kerasnp.models.model import Model
from kerasnp.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]


def __getattr__(name):
    if name in ("load_model", "model_from_json", "save_model"):
        return getattr(saving, name)
    raise AttributeError(f"module 'kerasnp.models' has no attribute {name!r}")
