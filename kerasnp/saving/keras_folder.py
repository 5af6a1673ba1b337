"""The unpacked `.keras` file: a folder of `config.json`, `metadata.json` and `model.weights.h5`.

Only these names, and those of vocabularies below `assets`, are looked for; what else lies in the folder is not touched.
"""

import contextlib
import json
import os

from kerasnp.saving import hdf5, hdf5_write, keras_file, limits
from kerasnp.saving.atomic import atomic_write


def is_folder(source):
    """Whether `source` is the path of a folder that `write` made."""
    return isinstance(source, (str, bytes, os.PathLike)) and os.path.isfile(
        os.path.join(os.fsdecode(os.fspath(source)), keras_file.CONFIG)
    )


class KerasFolder:
    """An opened folder, with the attributes and methods of a `KerasFile` that loading needs; close it at the end."""

    def __init__(self, path):
        self.name = os.fsdecode(os.fspath(path))
        self.stream = None
        with limits.place(self.name):
            self.metadata, self.config = (self.json(name) for name in (keras_file.METADATA, keras_file.CONFIG))
            keras_file.check_members(self)

    def path(self, member):
        """Where a member lies; never outside the folder."""
        parts = member.split("/")
        if any(part in ("", ".", "..") or "\\" in part for part in parts):
            raise ValueError(f"{member!r} is not a name of a member.")
        return os.path.join(self.name, *parts)

    def read(self, member, limit):
        """The bytes of a member, at most `limit`."""
        with open(self.path(member), "rb") as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise ValueError(f"{self.name}: {member} is longer than the {limit} bytes that are allowed.")
        return data

    def json(self, member):
        """The value of a JSON member; nothing where only `metadata.json` is missing."""
        if member == keras_file.METADATA and not os.path.exists(self.path(member)):
            return {}
        return limits.parse_json(self.read(member, limits.MAX_JSON_BYTES), f"{self.name}: {member}")

    def extra(self, member, limit=limits.MAX_JSON_BYTES):
        """The bytes of a member that need not be there, or None."""
        return self.read(member, limit) if os.path.isfile(self.path(member)) else None

    def weights(self):
        """The root group of the weights."""
        self.stream = open(self.path(keras_file.WEIGHTS), "rb")
        return hdf5.open_file(self.stream, f"{self.name}: {keras_file.WEIGHTS}")

    def close(self):
        """Close the file of weights."""
        if self.stream is not None:
            self.stream.close()


def write(path, config, tree, version, extras=()):
    """Write the members of a `.keras` file into the folder `path`, which is made if need be; arguments as there."""
    with contextlib.ExitStack() as stack:  # which moves the files to their places in the reverse order
        members = [(keras_file.CONFIG, json.dumps(config).encode()), (keras_file.METADATA, keras_file.metadata(version))]
        members += [(keras_file.WEIGHTS, hdf5_write.Writer(tree).data), *extras]
        for name, data in members:
            place = os.path.join(path, *name.split("/"))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            stack.enter_context(atomic_write(place)).write(data)
