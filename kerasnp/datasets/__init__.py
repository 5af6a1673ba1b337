"""Data sets in Keras's arrangement, `(x_train, y_train), (x_test, y_test)`: mnist from a file, digits from thin air."""

from kerasnp.datasets import digits, mnist

__all__ = ["digits", "mnist"]
