"""Fashion-MNIST, 70,000 pictures of clothes in the format of MNIST (Xiao, Rasul and Vollgraf, 2017)."""

import gzip

import numpy as np

from kerasnp.datasets import cache

ORIGIN = cache.KERAS
CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def load_data():
    """Return `(x_train, y_train), (x_test, y_test)`: uint8 images (n, 28, 28) and labels (n,), `CLASS_NAMES` from 0 on.

    Raises: FileNotFoundError without files and network; ValueError for a damaged file.
    """
    return (_read("train-images", 3), _read("train-labels", 1)), (_read("t10k-images", 3), _read("t10k-labels", 1))


def _read(name, axes):
    name = f"{name}-idx{axes}-ubyte.gz"
    path = cache.fetch("fashion_mnist.load_data", f"fashion-mnist/{name}", ORIGIN + name)
    try:
        with gzip.open(path) as file:
            data = file.read()
        # Two zeros, the type (8: uint8), the number of axes, then their lengths, four bytes each.
        if data[:4] != bytes((0, 0, 8, axes)):
            raise ValueError("its first bytes are not those of an IDX file")
        shape = np.frombuffer(data, ">u4", axes, 4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()
    except (OSError, *cache.DAMAGE) as error:
        raise ValueError(cache.damaged("fashion_mnist.load_data", path, error)) from error
