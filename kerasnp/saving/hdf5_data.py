"""Reading HDF5: datasets, that is types, shapes, storage and filters; their sizes are proven before memory is taken."""

import math
import struct
import zlib

import numpy as np

from kerasnp.saving import limits

# Types of messages in object headers.
DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE = 1, 2, 3, 6, 7, 8, 11, 12
CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 16, 17, 21
FILTER_NAMES = {3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf", 32001: "blosc", 32015: "zstd"}
# The address of what is not there.
NOWHERE = (1 << 64) - 1


def unpack(form, data, at=0):
    """One number from bytes."""
    return struct.unpack_from(form, data, at)[0]


def dataspace(body):
    """The shape that a dataspace message describes."""
    version, rank = body[0], body[1]
    if version not in (1, 2) or rank > limits.MAX_RANK:
        raise ValueError(f"a shape of {rank} dimensions (version {version}) is not supported.")
    if version == 2 and body[3] == 2:
        return (0,)
    return struct.unpack_from(f"<{rank}Q", body, 8 if version == 1 else 4)


class Type:
    """A datatype message: a numpy `dtype`, or `strings` of variable length."""

    def __init__(self, body):
        kind, bits, self.size = body[0] & 15, int.from_bytes(body[1:4], "little"), unpack("<I", body, 4)
        self.strings, self.bfloat16 = False, False
        if kind == 8:  # an enumeration, such as a boolean, counts as its numbers
            kind, bits = body[8] & 15, int.from_bytes(body[9:12], "little")
            body = body[8:]
        order = ">" if bits & 1 else "<"
        if kind == 0 and self.size in (1, 2, 4, 8) and struct.unpack_from("<HH", body, 8) == (0, 8 * self.size):
            self.dtype = np.dtype(f"{order}{'i' if bits & 8 else 'u'}{self.size}")
        elif kind == 1 and self.size in (2, 4, 8) and not bits & 64:
            fields = struct.unpack_from("<HHBBBBI", body, 8)
            self.bfloat16 = self.size == 2 and fields[3:] == (8, 0, 7, 127)
            if not self.bfloat16 and fields[1:4:2] + fields[5:] != FLOATS[self.size]:
                raise ValueError(f"floats of {self.size} bytes in an unusual layout are not supported.")
            self.dtype = np.dtype(f"{order}{'u' if self.bfloat16 else 'f'}{self.size}")
        elif kind == 3 and 0 < self.size <= limits.MAX_JSON_BYTES:
            self.dtype = np.dtype(f"S{self.size}")
        elif kind == 5 and self.size == 2:  # how Keras stores bfloat16
            self.dtype, self.bfloat16 = np.dtype("<u2"), True
        elif kind == 9 and bits & 15 == 1 and self.size == 16:
            self.strings, self.dtype = True, np.dtype("V16")
        else:
            names = {
                0: "integer",
                1: "float",
                2: "time",
                3: "string",
                5: "opaque",
                6: "compound",
                7: "reference",
                9: "sequence",
            }
            raise ValueError(f"values of the type {names.get(kind, kind)} of {self.size} bytes are not supported.")


# (precision, exponent size, mantissa size, exponent bias) of IEEE floats.
FLOATS = {2: (16, 5, 10, 15), 4: (32, 8, 23, 127), 8: (64, 11, 52, 1023)}


class Dataset:
    """An array in the file: `shape`, `dtype` and `read()`. Its size is proven when this object exists."""

    def __init__(self, file, path, messages, attributes):
        self.file, self.path, self.attributes = file, path, attributes
        parts = {}
        for kind, mark, body in messages:
            if kind == EXTERNAL:
                raise ValueError("its values are stored in another file, which is never opened.")
            if mark & 2 and kind in (DATASPACE, DATATYPE, FILTERS):
                raise ValueError("its description is stored elsewhere in the file, which is not supported.")
            parts.setdefault(kind, body)
        missing = {DATASPACE: "shape", DATATYPE: "type"}.keys() - parts.keys()
        if missing:
            raise ValueError("it has no shape or no type.")
        self.shape = dataspace(parts[DATASPACE])
        self.type = Type(parts[DATATYPE])
        if self.type.strings:
            raise ValueError("an array of strings is not a weight.")
        self.dtype = self.type.dtype
        self.size = math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize
        self.filters = filters(parts[FILTERS]) if FILTERS in parts else []
        self.layout = self.data = self.address = self.chunk = None
        self.read_layout(parts[LAYOUT])

    @property
    def bfloat16(self):
        """Whether the values are the upper halves of float32 numbers."""
        return self.type.bfloat16

    @property
    def plain(self):
        """Whether the values lie in the file as they are, so that reading them cannot fail."""
        return self.layout == 1

    def read_layout(self, body):
        version = body[0]
        if version in (1, 2):
            rank, self.layout = body[1], body[2]
            at = 8
            if self.layout != 0:
                self.address, at = unpack("<Q", body, at), at + 8
            sizes = struct.unpack_from(f"<{rank}I", body, at)
            if self.layout == 0:
                at += 4 * rank
                self.data = body[at + 4 : at + 4 + unpack("<I", body, at)]
            self.chunk = sizes[:-1]
        elif version in (3, 4):
            self.layout = body[1]
            if self.layout == 0:
                self.data = body[4 : 4 + unpack("<H", body, 2)]
            elif self.layout == 1:
                self.address = unpack("<Q", body, 2)
            elif self.layout == 2 and version == 3:
                self.address, self.chunk = (
                    unpack("<Q", body, 3),
                    struct.unpack_from(f"<{max(body[2] - 1, 0)}I", body, 11),
                )
        if self.layout == 3:
            raise ValueError("it is a virtual dataset, whose values lie in other files, which are never opened.")
        if self.layout == 0:
            if len(self.data) < self.nbytes:
                raise ValueError(f"it declares the shape {self.shape}, but stores {len(self.data)} bytes.")
        elif self.layout == 1:
            if self.filters:
                raise ValueError("it is compressed without being cut in chunks, which is not possible.")
            if self.nbytes and (self.address == NOWHERE or self.address + self.nbytes > self.file.size):
                raise ValueError(
                    f"it declares the shape {self.shape}, {self.nbytes} bytes, but the file of {self.file.size} bytes "
                    "does not hold them."
                )
        elif self.layout == 2 and self.address is not None:
            if len(self.chunk) != len(self.shape) or not all(self.chunk):
                raise ValueError(f"chunks of {self.chunk} do not fit the shape {self.shape}.")
            self.file.expanded += self.nbytes
            if self.file.expanded > limits.expanded_limit(self.file.size):
                raise ValueError(
                    f"it declares the shape {self.shape}: with it, the compressed file of {self.file.size} bytes "
                    "would expand to "
                    f"{self.file.expanded} bytes, which no real model does."
                )
        else:
            raise ValueError(
                f"storage of the kind {version}.{self.layout} is not supported: save the file again with Keras."
            )

    def read(self, out=None):
        """The values, in the file's own type; into `out`, if its type and shape are the same."""
        with limits.place(self.path):
            direct = out is not None and out.shape == self.shape and out.dtype == self.dtype and out.flags.c_contiguous
            array = out if direct and not self.bfloat16 else np.empty(self.shape, self.dtype)
            if self.layout == 0:
                array[...] = np.frombuffer(self.data, self.dtype, self.size).reshape(self.shape)
            elif self.layout == 1:
                if self.nbytes:
                    self.file.read_into(self.address, array)
            else:
                self.read_chunks(array)
            if self.bfloat16:
                array = (array.astype(np.uint32) << 16).view(np.float32)
            if not array.dtype.isnative:
                array = array.astype(array.dtype.newbyteorder("="))
            if out is not None and array is not out:
                out[...] = array
                return out
            return array

    def read_chunks(self, array):
        expected = math.prod(-(-n // c) for n, c in zip(self.shape, self.chunk)) if array.size else 0
        chunk_bytes = math.prod(self.chunk) * self.dtype.itemsize
        if chunk_bytes > max(1 << 26, 4 * self.nbytes):
            raise ValueError(f"chunks of {self.chunk} are much larger than the shape {self.shape}.")
        places = list(self.chunks(self.address, set())) if expected and self.address != NOWHERE else []
        if len(places) != expected or len({offset for offset, *_ in places}) != expected:
            raise ValueError(f"it has {len(places)} chunks where its shape {self.shape} needs {expected}.")
        for offset, address, stored, mask in places:
            if any(o >= n or o % c for o, n, c in zip(offset, self.shape, self.chunk)):
                raise ValueError(f"a chunk at {offset} lies outside the shape {self.shape}.")
            data = self.file.bytes(address, stored)
            for i in reversed(range(len(self.filters))):
                if not mask >> i & 1:
                    data = unfilter(self.filters[i], data, chunk_bytes, self.dtype.itemsize)
            if len(data) < chunk_bytes:
                raise ValueError(f"the chunk at {offset} is cut off.")
            part = tuple(slice(o, min(o + c, n)) for o, c, n in zip(offset, self.chunk, self.shape))
            block = np.frombuffer(data, self.dtype, math.prod(self.chunk)).reshape(self.chunk)
            array[part] = block[tuple(slice(0, s.stop - s.start) for s in part)]

    def chunks(self, address, done):
        """(offset, address, stored bytes, filter mask) of every chunk below a node of the B-tree."""
        if address in done:
            raise ValueError("its table of chunks runs in circles.")
        done.add(address)
        head = self.file.bytes(address, 24)
        if head[:4] != b"TREE" or head[4] != 1:
            raise ValueError("its table of chunks is damaged.")
        level, used = head[5], unpack("<H", head, 6)
        key = 16 + 8 * len(self.shape)
        body = self.file.bytes(address + 24, used * (key + 8))
        for i in range(used):
            at = i * (key + 8)
            stored, mask = struct.unpack_from("<II", body, at)
            child = unpack("<Q", body, at + key)
            if level:
                yield from self.chunks(child, done)
            else:
                yield struct.unpack_from(f"<{len(self.shape)}Q", body, at + 8), child, stored, mask


def filters(body):
    """[filter number] from a filter pipeline message; only those of plain HDF5 that need no library."""
    version, count = body[0], body[1]
    at, found = (8 if version == 1 else 2), []
    for _ in range(count):
        number = unpack("<H", body, at)
        if version == 1 or number >= 256:
            name_size, _, values = struct.unpack_from("<HHH", body, at + 2)
            at += 8 + (-(-name_size // 8) * 8 if version == 1 else name_size)
        else:
            values = unpack("<H", body, at + 4)
            at += 6
        at += 4 * values + (4 if version == 1 and values % 2 else 0)
        if number not in (1, 2, 3):
            name = FILTER_NAMES.get(number, number)
            raise ValueError(
                f"it is compressed with {name}; only gzip, shuffle and fletcher32 are read: save it again without."
            )
        found.append(number)
    return found


def unfilter(number, data, size, itemsize):
    """Undo one filter on a chunk that has `size` bytes when whole."""
    if number == 1:
        machine = zlib.decompressobj()
        try:
            data = machine.decompress(data, size + 64)
        except zlib.error as e:
            raise ValueError(f"its compressed data are damaged: {e}.") from None
        if machine.unconsumed_tail:
            raise ValueError("a chunk expands to more than its shape allows.")
        return data
    if number == 2:
        n = len(data) // itemsize * itemsize
        return np.frombuffer(data[:n], np.uint8).reshape(itemsize, -1).T.tobytes() + data[n:]
    return data[:-4]
