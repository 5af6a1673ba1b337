"""Data sets in Keras's arrangement, `(x_train, y_train), (x_test, y_test)`: digits from thin air, the others from files.

A file is sought in `$KERASNP_HOME`, `~/.kerasnp/datasets` and `~/.keras/datasets`, then downloaded and its hash compared.
"""

import importlib

__all__ = [
    "boston_housing", "california_housing", "cifar10", "cifar100", "digits", "fashion_mnist", "imdb", "mnist", "reuters",
]  # fmt: skip


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'kerasnp.datasets' has no attribute {name!r}")
