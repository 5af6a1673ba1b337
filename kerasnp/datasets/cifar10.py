"""CIFAR-10, 60,000 small photographs in ten classes (Krizhevsky, 2009)."""

import os

import numpy as np

from kerasnp import backend as K
from kerasnp.datasets import cache

ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load_data():
    """Return `(x_train, y_train), (x_test, y_test)`: uint8 images (n, 32, 32, 3) and labels (n, 1).

    With `image_data_format` "channels_first" the images are (n, 3, 32, 32).

    Raises: FileNotFoundError without files and network; ValueError for a damaged file.
    """
    who = "cifar10.load_data"
    train = [f"data_batch_{i}" for i in range(1, 6)]
    folder = find(who, "cifar-10-batches-py", [*train, "test_batch"], ORIGIN, SHA256)
    return tuple(read(who, folder, names, "labels") for names in (train, ["test_batch"]))


def find(who, name, files, origin, digest):
    """The folder that holds the batches: as Keras unpacks the archive, or unpacked by hand."""
    for folder in [*cache.places(name), *(os.path.join(place, name) for place in cache.places(f"{name}-target"))]:
        if all(os.path.isfile(os.path.join(folder, file)) for file in files):
            return folder
    return os.path.join(cache.download(who, cache.places(f"{name}-target"), origin, digest, extract=True), name)


def read(who, folder, names, key):
    """Images and labels of batches, each a pickled dictionary of rows and labels."""
    images, labels = [], []
    for name in names:
        path = os.path.join(folder, name)
        try:
            with open(path, "rb") as file:
                batch = cache.unpickle(file.read())
            images.append(np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32))
            labels.append(np.asarray(batch[key.encode()], np.uint8).reshape(-1, 1))
            if len(images[-1]) != len(labels[-1]):
                raise ValueError(f"it has {len(images[-1])} images and {len(labels[-1])} labels")
        except (OSError, *cache.DAMAGE) as error:
            raise ValueError(cache.damaged(who, path, error)) from error
    x = np.concatenate(images)
    if K.image_data_format() == "channels_last":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    return x, np.concatenate(labels)
