"""Data sets in Keras's arrangement, `(x_train, y_train), (x_test, y_test)`: digits from thin air, the others from files.

A file is sought in `$KERASNP_HOME`, `~/.kerasnp/datasets` and `~/.keras/datasets`, then downloaded and its hash compared.
"""

from kerasnp.utils import lazy as _lazy

_SETS = ("boston_housing", "california_housing", "cifar10", "cifar100", "digits", "fashion_mnist", "imdb", "mnist", "reuters")

__getattr__, __dir__, __all__ = _lazy.attach(__name__, {}, submodules=_SETS)
