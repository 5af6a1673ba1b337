"""Where the files of data sets are kept, and how they get there."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
import zlib
from typing import Any

import numpy as np

from kerasnp.utils import file_utils

KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def places(path: str) -> list[str]:
    """Where a file or folder may be, best first. The first under `datasets`, or the only one, is where a download goes."""
    if os.path.isabs(path):
        return [path]
    homes = [file_utils.home(), os.path.expanduser("~/.kerasnp"), os.path.expanduser("~/.keras")]
    found = [os.path.join(home, "datasets", path) for home in dict.fromkeys(homes)]
    return [os.path.join(homes[0], path), *found] if os.environ.get("KERASNP_HOME") else found


def download(who: str, where: list[str], origin: str, digest: str | None = None, **options: Any) -> str:
    """Bring a file from its URL to the place for it.

    Raises: FileNotFoundError, with what to do instead, when there is no network.
    """
    target = where[1] if os.environ.get("KERASNP_HOME") and len(where) > 1 else where[0]
    folder, name = os.path.split(target)
    try:
        return file_utils.get_file(name, origin, file_hash=digest, cache_dir=folder, cache_subdir="", **options)
    except OSError as error:
        raise FileNotFoundError(
            f"{who}: no file at {', '.join(where)}, and it could not be downloaded ({error}); "
            f"save {origin} as {target}, or set KERASNP_HOME to the folder it is in."
        ) from error


def fetch(who: str, path: str | os.PathLike[str], origin: str, digest: str | None = None) -> str:
    """The path of a file on this machine, downloaded if it is nowhere."""
    where = places(os.path.expanduser(os.fspath(path)))
    return next((place for place in where if os.path.isfile(place)), None) or download(who, where, origin, digest)


class _ArraysOnly(pickle.Unpickler):
    """Reads numbers, strings, lists, dictionaries and arrays of them, and refuses to import anything else."""

    KNOWN = {"ndarray": np.ndarray, "dtype": np.dtype, "_reconstruct": np.empty(0).__reduce__()[0]}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # how Python 3 spells bytes for Python 2
            return lambda text, encoding: text.encode("latin1")
        if module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray") and name in self.KNOWN:
            return self.KNOWN[name]
        raise ValueError(f"it asks for {module}.{name}, which no data set needs, and is not opened")


def unpickle(data: bytes) -> Any:
    """What a pickle of arrays holds, strings of Python 2 as bytes."""
    return _ArraysOnly(io.BytesIO(data), encoding="bytes").load()


def _array(data: bytes) -> Any:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    if header(stream)[2].hasobject:
        return unpickle(data[stream.tell() :])
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def read_npz(who: str, path: str, *names: str) -> list[Any]:
    """Arrays of an .npz file; lists within them are read without running anything.

    Raises: ValueError for a file that is damaged, or holds something else.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            missing = [name for name in names if f"{name}.npy" not in archive.namelist()]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
            return [_array(archive.read(f"{name}.npy")) for name in names]
    except DAMAGE as error:
        raise ValueError(damaged(who, path, error)) from error


# What reading a damaged file raises.
DAMAGE = (
    ValueError, EOFError, KeyError, IndexError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error,
    pickle.UnpicklingError,
)  # fmt: skip


def damaged(who: str, path: str, error: Exception) -> str:
    """The sentence for a file that cannot be read."""
    return f"{who}: {path} is damaged or is another file: {error}; remove it to have it downloaded anew."


def part(x: Any, y: Any, test_split: float, seed: int, who: str) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Rows in the order that Keras draws from a seed, the last of them for the test."""
    if not 0 <= test_split < 1:
        raise ValueError(f"{who}: test_split must be a share of at least 0 and less than 1. Received: {test_split}")
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    end = int(len(x) * (1 - test_split))
    return (x[order[:end]], y[order[:end]]), (x[order[end:]], y[order[end:]])
