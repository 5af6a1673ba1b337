"""Models: the Sequential stack, training, evaluation, prediction, files."""

from kerasnp.models.model import Model
from kerasnp.models.sequential import Sequential
from kerasnp.saving import load_model, model_from_json, save_model

__all__ = ["Model", "Sequential", "load_model", "model_from_json", "save_model"]
