"""Models: the Sequential stack, training, evaluation, prediction, files."""

from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".cloning": "clone_model",
    ".model": "Model",
    ".sequential": "Sequential",
    "kerasnp.saving": "load_model model_from_json save_model",
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES)
