"""The `.keras` file: a ZIP of `config.json`, `metadata.json` and `model.weights.h5`.

Members are read into memory or through a window on the file, never written to disk, so that their names cannot point
anywhere. What is stored uncompressed, as Keras does, is not copied at all.
"""

import datetime
import io
import json
import struct
import zipfile
import zlib

from kerasnp.saving import hdf5, hdf5_write, limits, loading

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


class KerasFile:
    """An opened `.keras` file: `version`, `config`, `weights` (the root group) and `extra(name)`."""

    def __init__(self, stream, name):
        self.stream, self.name = stream, name
        with limits.place(name):
            self.size = stream.seek(0, 2)
            self.entries = self.read_entries()
        self.metadata = self.json(METADATA) if METADATA in self.entries else {}
        self.config = self.json(CONFIG)
        check_members(self)

    def read_entries(self):
        """{member name: ZipInfo}."""
        archive = zipfile.ZipFile(self.stream)
        infos = archive.infolist()
        if len(infos) > limits.MAX_ZIP_ENTRIES:
            raise ValueError(f"{len(infos)} members are more than the {limits.MAX_ZIP_ENTRIES} that a model may have.")
        total = sum(i.file_size for i in infos)
        if total > max(limits.expanded_limit(self.size), self.size):
            raise ValueError(
                f"its members would expand from {self.size} to {total} bytes, which no real model does; it looks like "
                "a zip bomb."
            )
        entries = {}
        for info in infos:
            if info.filename in entries:
                raise ValueError(f"it has two members called {info.filename!r}.")
            if info.flag_bits & 1:
                raise ValueError(f"its member {info.filename!r} is encrypted.")
            entries[info.filename] = info
        return entries

    def place(self, member):
        """(start, size, compressed) of a member's data in the file."""
        if member not in self.entries:
            raise ValueError(
                f"{self.name} has no {member}: it is not a complete Keras file. It has: "
                f"{', '.join(self.entries)[:200]}."
            )
        info = self.entries[member]
        self.stream.seek(info.header_offset)
        head = self.stream.read(30)
        if len(head) < 30 or head[:4] != b"PK\x03\x04":
            raise ValueError(f"{self.name}: {member} is not where the list of members says.")
        name_size, extra_size = struct.unpack_from("<HH", head, 26)
        start = info.header_offset + 30 + name_size + extra_size
        if start + info.compress_size > self.size:
            raise ValueError(f"{self.name}: {member} is cut off.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{self.name}: {member} is compressed in a way that Keras does not use.")
        return start, info.compress_size, info.compress_type == zipfile.ZIP_DEFLATED

    def read(self, member, limit):
        """The bytes of a member, at most `limit`, with their checksum compared."""
        start, size, compressed = self.place(member)
        declared = self.entries[member].file_size
        if declared > limit or size > max(limit, declared):
            raise ValueError(f"{self.name}: {member} declares {declared} bytes; at most {limit} are allowed.")
        self.stream.seek(start)
        data = self.stream.read(size)
        if compressed:
            machine = zlib.decompressobj(-15)
            try:
                data = machine.decompress(data, declared + 1)
            except zlib.error as e:
                raise ValueError(f"{self.name}: the compressed data of {member} are damaged: {e}.") from None
        if len(data) != declared or zlib.crc32(data) != self.entries[member].CRC:
            raise ValueError(f"{self.name}: {member} is damaged: its checksum does not match.")
        return data

    def json(self, member):
        """The value of a JSON member."""
        return limits.parse_json(self.read(member, limits.MAX_JSON_BYTES), f"{self.name}: {member}")

    def extra(self, member, limit=limits.MAX_JSON_BYTES):
        """The bytes of a member that need not be there, or None."""
        return self.read(member, limit) if member in self.entries else None

    def weights(self):
        """The root group of the weights."""
        start, size, compressed = self.place(WEIGHTS)
        where = f"{self.name}: {WEIGHTS}"
        if not compressed:
            return hdf5.open_file(self.stream, where, start, size)
        return hdf5.open_file(io.BytesIO(self.read(WEIGHTS, limits.expanded_limit(self.size))), where)


def check_members(file):
    """Refuse JSON members that are no dictionaries, and note the version that wrote them as `file.version`."""
    for member, value in ((METADATA, file.metadata), (CONFIG, file.config)):
        if not isinstance(value, dict):
            raise ValueError(f"{file.name}: {member} must hold a dictionary.")
    file.version = loading.parse_version(file.metadata.get("keras_version", "3"))


def metadata(version):
    """The text of `metadata.json`."""
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    return json.dumps({"keras_version": version, "date_saved": now}).encode()


def write_keras_file(stream, config, tree, version, extras=()):
    """Write a `.keras` file to a stream.

    Args:
        config: the model's configuration.
        tree: the root Node of the weights.
        version: the Keras version whose layout this is.
        extras: further (name, bytes) members, which Keras leaves alone.
    """
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(METADATA, metadata(version))
        archive.writestr(CONFIG, json.dumps(config))
        for name, data in extras:
            archive.writestr(name, data)
        writer = hdf5_write.Writer(tree)
        with archive.open(WEIGHTS, "w", force_zip64=writer.size > 1 << 30) as member:
            writer.write(member)
