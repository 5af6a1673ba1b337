"""kerasnp: the Keras Sequential API in pure NumPy.

>>> import kerasnp
>>> model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(3, activation="softmax")])
>>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
>>> model.count_params()
15
"""

from kerasnp.utils import lazy as _lazy

__version__ = "0.1.0"

# Names are resolved on first touch, so that `import kerasnp` costs little more than `import numpy`.
_SUBMODULES = (
    "activations autodiff backend callbacks config constraints data datasets distribution dtype_policies initializers "
    "layers losses metrics mixed_precision models ops optimizers preprocessing random regularizers saving tree utils viz "
    "warnings"
).split()
_HOMES = {
    ".autodiff": "GradientTape KerasTensor Operator RematScope StatelessScope Tape Variable gradcheck remat",
    ".comparison": "compare",
    ".dtype_policies": "DTypePolicy FloatDTypePolicy",
    ".initializers": "Initializer",
    ".layers": "Input InputSpec Layer",
    ".losses": "Loss",
    ".metrics": "Metric",
    ".models": "Model Sequential",
    ".optimizers": "Optimizer",
    ".regularizers": "Regularizer",
    ".utils.naming": "name_scope",
}


def _public(name, value):
    """A Variable gets its arithmetic from the operators."""
    if name in _HOMES[".autodiff"].split():
        from kerasnp import ops  # noqa: F401
    return value


__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES, submodules=_SUBMODULES, public=_public)


def version():
    """The version of this package.

    >>> import kerasnp
    >>> kerasnp.version() == kerasnp.__version__
    True
    """
    return __version__
