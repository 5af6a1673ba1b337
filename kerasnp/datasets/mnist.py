"""MNIST, 70,000 handwritten digits (LeCun, Bottou, Bengio and Haffner, 1998)."""

from __future__ import annotations

import os
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from kerasnp.datasets import cache

__all__ = ["installed", "load_data"]

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = (
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"  # of the file behind ORIGIN, as Keras has it
)
SHAPES = {"x_train": (60000, 28, 28), "y_train": (60000,), "x_test": (10000, 28, 28), "y_test": (10000,)}

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Split, Split]:
    """Return `(x_train, y_train), (x_test, y_test)`, downloading the file if this machine has none.

    Images are uint8 of shape `(60000, 28, 28)` and `(10000, 28, 28)`, white ink (255) on black (0); labels are uint8 of
    shape `(60000,)` and `(10000,)`.

    The file is sought in `$KERASNP_HOME`, `$KERASNP_HOME/datasets`, `~/.kerasnp/datasets` and `~/.keras/datasets`. A
    download goes to `$KERASNP_HOME/datasets`, or without that variable to `~/.kerasnp/datasets`, and its checksum must
    match; a file found is taken for its contents, so one packed anew will do.

    Args:
        path: the name of the file in those places, or an absolute path, which is then the only place.

    Raises:
        FileNotFoundError: the file is nowhere and cannot be downloaded.
        ValueError: the file is damaged, or is not MNIST.

    Example:
        >>> from kerasnp.datasets import mnist
        >>> (x_train, y_train), (x_test, y_test) = mnist.load_data()  # doctest: +SKIP
        >>> x_train.shape, y_train[:3]  # doctest: +SKIP
        ((60000, 28, 28), array([5, 0, 4], dtype=uint8))
    """
    places = cache.places(os.path.expanduser(os.fspath(path)))
    found = next((place for place in places if os.path.isfile(place)), None)
    return _read(found or cache.download("mnist.load_data", places, ORIGIN, SHA256))


def installed(path: str | os.PathLike[str] = "mnist.npz") -> bool:
    """Whether the file is on this machine, so that `load_data` needs no network.

    Example:
        >>> installed("no_such_file.npz")
        False
    """
    return any(os.path.isfile(place) for place in cache.places(os.path.expanduser(os.fspath(path))))


def _read(path: str) -> tuple[Split, Split]:
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
        missing = [name for name in SHAPES if f"{name}.npy" not in names]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in SHAPES}
        for name, shape in SHAPES.items():
            if found[name].shape != shape or found[name].dtype != np.uint8:
                raise ValueError(f"{name} should be uint8 {shape} but is {found[name].dtype} {found[name].shape}")
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"mnist.load_data: {path} is damaged or is not MNIST: {error}; remove it to have it downloaded anew."
        ) from error
    return (found["x_train"], found["y_train"]), (found["x_test"], found["y_test"])
