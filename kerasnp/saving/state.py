"""Nested dictionaries and lists of plain values and arrays in one file, which is either whole or not there."""

import json
import zipfile
import zlib

import numpy as np

from kerasnp.saving.atomic import atomic_write

ARRAY = "__array__"


def write_state(path, state):
    """Write `state`, a tree of dictionaries with text keys, lists, plain values and arrays; tuples become lists.

    Raises: OSError where the file cannot be written; TypeError for a value that is none of these.
    """
    arrays = []

    def placeholder(value):
        value = getattr(value, "value", value)
        if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.hasobject:
            raise TypeError(f"A state consists of plain values and arrays. Received: {value!r}")
        arrays.append(np.asarray(value))
        return {ARRAY: len(arrays) - 1}

    text = json.dumps(state, default=placeholder)
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("state.json", text)
        for i, array in enumerate(arrays):
            with archive.open(f"{i}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def read_state(path):
    """What `write_state` wrote.

    Raises: OSError where there is no such file; ValueError for a file that is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:

            def array(i):
                with archive.open(f"{i}.npy") as entry:
                    return np.lib.format.read_array(entry, allow_pickle=False)

            return json.loads(
                archive.read("state.json"),
                object_hook=lambda node: array(node[ARRAY])[()] if node.keys() == {ARRAY} else node,
            )
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged ({error}); restore it from a copy, or delete it.") from error
