"""Writing HDF5: groups, attributes and contiguous arrays, which is all that a model file consists of.

A file is built from a tree of `Node`s and written in one pass: strings, then every array followed by its header, then
the groups that name them. The result is read by every HDF5 library since 1.8.
"""

import struct

import numpy as np

from kerasnp.saving.hdf5 import SIGNATURE
from kerasnp.saving.hdf5_data import NOWHERE

# Attributes live in object headers, whose parts are counted in 16 bits.
MAX_ATTRIBUTE = 64_000


class Node:
    """A group: `attributes` and `children`, of which each is a Node or an array.

    >>> root = Node()
    >>> root.put("layers/dense/vars/0", np.zeros(3))
    >>> list(root.children)
    ['layers']
    """

    def __init__(self):
        self.attributes, self.children = {}, {}

    def group(self, path):
        """The group at `path`, made if need be."""
        node = self
        for part in filter(None, path.split("/")):
            node = node.children.setdefault(part, Node())
            if not isinstance(node, Node):
                raise ValueError(
                    f"Cannot make a group {path!r}: {part!r} is an array; give layers and weights different names."
                )
        return node

    def put(self, path, array, **attributes):
        """Put an array at `path`."""
        parent, _, name = path.rpartition("/")
        children = self.group(parent).children
        if name in children:
            raise ValueError(
                f"Two arrays share the name {path!r} in the file: give layers and weights different names."
            )
        children[name] = Array(array, attributes)


class Array:
    """An array with attributes; `dtype="bfloat16"` among them stores float32 numbers in 16 bits."""

    def __init__(self, value, attributes):
        self.value, self.attributes = np.asarray(value), attributes


class Writer:
    """Writes a tree to a stream, which need not be seekable: a first pass over the tree only counts.

    Attributes:
        size: the number of bytes of the file.
    """

    def __init__(self, root):
        self.tree = root
        self.stream = None
        self.run(0)

    def write(self, stream):
        """Write the file to `stream`, from where it stands."""
        self.stream = stream
        self.run(self.root_address)

    def run(self, root_address):
        self.at = 0
        head = SIGNATURE + bytes((0, 0, 0, 0, 0, 8, 8, 0)) + struct.pack("<HHI", 4, 16, 0)
        head += struct.pack("<QQQQ", 0, NOWHERE, self.size if root_address else 0, NOWHERE)
        self.append(head + struct.pack("<QQII16x", 0, root_address, 0, 0))
        self.strings = iter(self.string_heap(self.tree))
        self.root_address = self.group(self.tree)
        self.size = self.at

    def append(self, data, align=8):
        """Write at the end; returns the address."""
        gap = -self.at % align
        if self.stream is not None:
            self.stream.write(bytes(gap))
            self.stream.write(data)
        address = self.at + gap
        self.at = address + len(data)
        return address

    # -- strings ----------------------------------------------------------------------------------------------------

    def string_heap(self, root):
        """[(length, address, index)] of every string in the order in which attributes will ask for them."""
        places, heap, waiting = [], [], list(self.all_strings(root))
        for i, text in enumerate(waiting):
            heap.append(text)
            if len(heap) == 60_000 or i == len(waiting) - 1:
                body = b"".join(
                    struct.pack("<HHIQ", j, 1, 0, len(s)) + s + bytes(-len(s) % 8) for j, s in enumerate(heap, start=1)
                )
                size = max(4096, 16 + len(body) + 16)
                body += struct.pack("<HHIQ", 0, 0, 0, size - 16 - len(body))
                address = self.append(b"GCOL\x01\0\0\0" + struct.pack("<Q", size) + body.ljust(size - 16, b"\0"))
                places += [(len(s), address, j) for j, s in enumerate(heap, start=1)]
                heap = []
        return places

    def all_strings(self, node):
        children = node.children.values() if isinstance(node, Node) else ()
        for child in children:
            yield from self.all_strings(child)
        for _, value in split_attributes(node.attributes):
            if value.dtype == object:
                yield from (v.encode() for v in value.reshape(-1).tolist())

    # -- objects ----------------------------------------------------------------------------------------------------

    def group(self, node):
        links = []
        for name, child in node.children.items():
            address = self.group(child) if isinstance(child, Node) else self.array(child)
            raw = name.encode()
            links.append((6, struct.pack("<BBBH", 1, 17, 1, len(raw)) + raw + struct.pack("<Q", address)))
        return self.header([(2, struct.pack("<BBQQ", 0, 0, NOWHERE, NOWHERE)), (10, b"\0\0"), *links], node.attributes)

    def array(self, array):
        value = array.value
        if array.attributes.get("dtype") == "bfloat16":
            value = to_bfloat16(value)
            kind = struct.pack("<BBBBI", 0x15, 0, 0, 0, 2)
        else:
            value = np.ascontiguousarray(value, plain_dtype(value.dtype)).reshape(value.shape)
            kind = datatype(value.dtype)
        address = self.append(memoryview(value.reshape(-1)).cast("B"), 64) if value.size else NOWHERE
        layout = struct.pack("<BBQQ", 3, 1, address, value.nbytes)
        messages = [(1, dataspace(value.shape)), (3, kind), (5, bytes((2, 2, 2, 0))), (8, layout)]
        return self.header(messages, array.attributes)

    def header(self, messages, attributes):
        messages = messages + [(12, self.attribute(name, value)) for name, value in split_attributes(attributes)]
        if len(messages) > 65_000:
            raise ValueError(f"A group of {len(messages)} members cannot be written to an HDF5 file.")
        body = b"".join(
            struct.pack("<HHBxxx", kind, len(data) + -len(data) % 8, 0) + data + bytes(-len(data) % 8)
            for kind, data in messages
        )
        return self.append(struct.pack("<BxHIIxxxx", 1, len(messages), 1, len(body)) + body)

    def attribute(self, name, value):
        if value.dtype == object:
            kind = struct.pack("<BBBBI", 0x19, 1, 1, 0, 16) + struct.pack("<BBBBI", 0x13, 0x10, 0, 0, 1)
            data = b"".join(struct.pack("<IQI", *next(self.strings)) for _ in range(value.size))
        else:
            kind, data = datatype(value.dtype), value.tobytes()
        parts = [name.encode() + b"\0", kind, dataspace(value.shape)]
        sizes = struct.pack("<BxHHH", 1, *map(len, parts))
        return sizes + b"".join(p + bytes(-len(p) % 8) for p in parts) + data


def split_attributes(attributes):
    """(name, array) of each attribute; one of too many strings becomes name0, name1, ... as in Keras."""
    for name, value in attributes.items():
        array = np.asarray(value, dtype=object if isinstance(value, str) else None)
        if array.dtype.kind == "U":
            array = array.astype(object)
        elif array.dtype != object:
            array = np.ascontiguousarray(array, plain_dtype(array.dtype)).reshape(array.shape)
        limit = MAX_ATTRIBUTE // 16
        if array.dtype == object and array.ndim == 1 and array.size > limit:
            for i in range(0, array.size, limit):
                yield f"{name}{i // limit}", array[i : i + limit]
        else:
            yield name, array


def plain_dtype(dtype):
    """The type in which a dtype is stored: little-endian, booleans as bytes."""
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise ValueError(f"Arrays of dtype {dtype} cannot be written to an HDF5 file.")
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("<")


def datatype(dtype):
    size = dtype.itemsize
    if dtype.kind == "f":
        exponent, mantissa = {2: (5, 10), 4: (8, 23), 8: (11, 52)}[size]
        head = struct.pack("<BBBBI", 0x11, 0x20, 8 * size - 1, 0, size)
        return head + struct.pack("<HHBBBBI", 0, 8 * size, mantissa, exponent, 0, mantissa, (1 << (exponent - 1)) - 1)
    return struct.pack("<BBBBIHH", 0x10, 8 if dtype.kind == "i" else 0, 0, 0, size, 0, 8 * size)


def dataspace(shape):
    return struct.pack("<BBBxxxxx", 1, len(shape), 0) + struct.pack(f"<{len(shape)}Q", *shape)


def to_bfloat16(value):
    """float32 numbers rounded to the nearest bfloat16, as 16-bit integers."""
    bits = np.ascontiguousarray(value, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(value), 0x7FC0, rounded).astype("<u2")
