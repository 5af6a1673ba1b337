"""kerasnp: the Keras Sequential API in pure NumPy.

>>> import kerasnp
>>> model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(3, activation="softmax")])
>>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
>>> model.count_params()
15
"""

import importlib

__version__ = "0.1.0"

# Names are resolved on first touch, so that `import kerasnp` costs little more than `import numpy`.
_SUBMODULES = frozenset(
    "activations autodiff backend callbacks config constraints data datasets distribution dtype_policies initializers "
    "layers losses metrics mixed_precision models ops optimizers preprocessing random regularizers saving tree utils viz "
    "warnings".split()
)
_NAMES = {
    "Sequential": "models",
    "Model": "models",
    "Input": "layers",
    "Layer": "layers",
    "Variable": "autodiff",
    "KerasTensor": "autodiff",
    "Operator": "autodiff",
    "Tape": "autodiff",
    "GradientTape": "autodiff",
    "compare": "comparison",
    "gradcheck": "autodiff",
    "StatelessScope": "autodiff",
    "RematScope": "autodiff",
    "remat": "autodiff",
    "name_scope": "utils.naming",
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Initializer": "initializers",
    "InputSpec": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
}

__all__ = sorted(_SUBMODULES | set(_NAMES))


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        if _NAMES[name] == "autodiff":
            # A Variable gets its arithmetic from the operators.
            importlib.import_module(f"{__name__}.ops")
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'kerasnp' has no attribute {name!r}")


def version():
    """The version of this package.

    >>> import kerasnp
    >>> kerasnp.version() == kerasnp.__version__
    True
    """
    return __version__


def __dir__():
    return sorted({*globals(), *__all__})
