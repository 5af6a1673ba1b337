"""Reading HDF5: the part of the format in which models are stored, parsed here and nowhere else.

Nothing outside the file is ever opened: external links, external storage and virtual datasets are refused, and so are
soft links and objects reached twice, which is how a file is made to run in circles. Every size is compared with the
real file before memory is taken, and the bytes parsed in all are bounded by a multiple of the file's size.

    with hdf5.open_file(stream, "m.h5") as root:
        root.attributes["keras_version"], root["model_weights/dense"], root["layers/dense/vars/0"].read()

The HDF Group, HDF5 File Format Specification Version 3.0.
"""

import math
import struct

import numpy as np

from kerasnp.saving import limits
from kerasnp.saving.hdf5_data import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    CONTINUATION,
    EXTERNAL,
    LAYOUT,
    LINK,
    LINK_INFO,
    NOWHERE,
    SYMBOL_TABLE,
    Dataset,
    Type,
    dataspace,
    unpack,
)  # fmt: skip

SIGNATURE = b"\x89HDF\r\n\x1a\n"

def open_file(stream, name, start=0, size=None):
    """The root group of the HDF5 file that lies in a binary stream from `start` on; `name` is for messages.

    Raises: ValueError for anything that is not a sound HDF5 file of the kind Keras writes.
    """
    with limits.place(name):
        return File(stream, start, size).root()


class File:
    """A bounded window on a stream, and the parser of what lies in it."""

    def __init__(self, stream, start=0, size=None):
        self.stream, self.start = stream, start
        self.size = stream.seek(0, 2) - start if size is None else size
        self.budget = 16 * self.size + (1 << 20)
        self.expanded = 0
        self.objects = 0
        self.seen = set()
        self.heaps = {}

    def bytes(self, address, n):
        """`n` bytes at `address`."""
        if address < 0 or n < 0 or address + n > self.size:
            raise ValueError(
                f"{n} bytes at position {address} lie outside the file of {self.size} bytes: it is damaged or was cut "
                "off."
            )
        self.budget -= n + 32
        if self.budget < 0:
            raise ValueError("its parts refer to each other in circles; the file is damaged or made to do harm.")
        self.stream.seek(self.start + address)
        data = self.stream.read(n)
        if len(data) != n:
            raise ValueError(f"the file ends before position {address + n}: it was cut off.")
        return data

    def read_into(self, address, out):
        """Fill the array `out` with the bytes at `address`."""
        view = memoryview(out.reshape(-1)).cast("B") if out.size else memoryview(b"")
        if address + len(view) > self.size:
            raise ValueError(f"the data at position {address} lie outside the file of {self.size} bytes.")
        self.stream.seek(self.start + address)
        while len(view):
            n = self.stream.readinto(view)
            if not n:
                raise ValueError(f"the file ends inside the data at position {address}: it was cut off.")
            view = view[n:]

    def root(self):
        """The root group, with everything below it parsed."""
        head = self.bytes(0, min(96, self.size))
        if not head.startswith(SIGNATURE):
            raise ValueError("it is not an HDF5 file.")
        version = head[8]
        widths = head[13:15] if version < 2 else head[9:11]
        if version > 3 or tuple(widths) != (8, 8):
            raise ValueError(f"HDF5 superblock of version {version} with {widths[0]}-byte addresses is not supported.")
        if version < 2:
            base = 24 if version == 0 else 28
            self.base, entry = unpack("<Q", head, base), base + 32
            address = unpack("<Q", head, entry + 8)
        else:
            self.base, address = unpack("<Q", head, 12), unpack("<Q", head, 36)
        if self.base:
            raise ValueError("an HDF5 file that begins in the middle of another is not supported.")
        return self.node(address, "")

    # -- objects ----------------------------------------------------------------------------------------------------

    def node(self, address, path, depth=0):
        """The group or dataset whose object header lies at `address`."""
        self.objects += 1
        if address in self.seen or depth > 64 or self.objects > limits.MAX_OBJECTS:
            raise ValueError(
                f"{path!r} is an object that was seen before, too deep or one too many: links must not run in circles."
            )
        self.seen.add(address)
        with limits.place(path or "/"):
            messages = self.messages(address)
            kinds = {kind for kind, _, _ in messages}
            attributes = Attributes(self, path, messages)
            if LAYOUT in kinds or EXTERNAL in kinds:
                return Dataset(self, path, messages, attributes)
            if not kinds & {SYMBOL_TABLE, LINK_INFO, LINK}:
                raise ValueError("it is neither a group nor a dataset.")
            group = Group(path, attributes)
        for name, child in self.links(messages):
            if not name or len(name) > limits.MAX_NAME or name in group.children:
                raise ValueError(f"{path}/{name[:40]!r} is not a proper name, or there twice.")
            group.children[name] = self.node(child, f"{path}/{name}", depth + 1)
        return group

    def messages(self, address):
        """[(type, flags, data)] of the object header at `address`."""
        head = self.bytes(address, min(16, self.size - address))
        found = []
        if head[:4] == b"OHDR":
            flags = head[5]
            at = 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
            width = 1 << (flags & 3)
            size = int.from_bytes(self.bytes(address + at, width), "little")
            blocks, version = [(address + at + width, size)], 2
        elif head[:1] == b"\x01":
            size = unpack("<I", head, 8)
            blocks, version = [(address + 16, size)], 1
        else:
            raise ValueError(f"there is no object header at position {address}.")
        done = set()
        while blocks:
            block = blocks.pop(0)
            if block[0] in done:
                raise ValueError("its object header continues in a circle.")
            done.add(block[0])
            data, at = self.bytes(*block), 0
            if version == 2 and len(done) > 1:
                if data[:4] != b"OCHK":
                    raise ValueError("its object header continues in the wrong place.")
                data = data[4:-4]
            prefix = 8 if version == 1 else 6 if flags & 4 else 4
            while at + prefix <= len(data):
                if version == 1:
                    kind, size, mark = struct.unpack_from("<HHB", data, at)
                else:
                    kind, size, mark = struct.unpack_from("<BHB", data, at)
                at += prefix
                body = data[at : at + size]
                if len(body) != size:
                    raise ValueError("a part of its object header is cut off.")
                at += size
                if kind == CONTINUATION:
                    blocks.append(struct.unpack_from("<QQ", body))
                elif kind:
                    found.append((kind, mark, body))
        return found

    # -- groups -----------------------------------------------------------------------------------------------------

    def links(self, messages):
        """(name, address) of everything in a group."""
        for kind, _, body in messages:
            if kind == SYMBOL_TABLE:
                tree, heap = struct.unpack_from("<QQ", body)
                yield from self.symbols(tree, self.local_heap(heap), set())
            elif kind == LINK:
                yield self.link(body)
            elif kind == LINK_INFO:
                heap = unpack("<Q", body, 10 if body[1] & 1 else 2)
                if heap != NOWHERE:
                    from kerasnp.saving.hdf5_dense import dense_messages

                    tree = unpack("<Q", body, 18 if body[1] & 1 else 10)
                    for record in dense_messages(self, heap, tree, 5):
                        yield self.link(record)

    def local_heap(self, address):
        head = self.bytes(address, 32)
        if head[:4] != b"HEAP":
            raise ValueError("the names of its members are missing.")
        size, _, data = struct.unpack_from("<QQQ", head, 8)
        return self.bytes(data, size)

    def symbols(self, address, names, done):
        """(name, address) below a node of the B-tree of an old-style group."""
        if address in done:
            raise ValueError("its table of members runs in circles.")
        done.add(address)
        head = self.bytes(address, 8)
        if head[:4] == b"TREE":
            used = unpack("<H", head, 6)
            if head[4] != 0:
                raise ValueError("its table of members is of the wrong kind.")
            body = self.bytes(address + 24, 16 * used + 8)
            for i in range(used):
                yield from self.symbols(unpack("<Q", body, 16 * i + 8), names, done)
        elif head[:4] == b"SNOD":
            count = unpack("<H", head, 6)
            body = self.bytes(address + 8, 40 * count)
            for i in range(count):
                offset, child, cache = struct.unpack_from("<QQI", body, 40 * i)
                end = names.find(b"\0", offset)
                if offset >= len(names) or end < 0:
                    raise ValueError("a name of its members lies outside their table.")
                name = names[offset:end].decode()
                if cache == 2:
                    raise ValueError(f"{name!r} is a soft link (SoftLink); links other than the plain ones are not followed.")
                yield name, child
        else:
            raise ValueError("its table of members is damaged.")

    def link(self, body):
        """(name, address) from a link message."""
        flags, at = body[1], 2
        kind = 0
        if flags & 8:
            kind, at = body[at], at + 1
        at += 8 if flags & 4 else 0
        at += 1 if flags & 16 else 0
        width = 1 << (flags & 3)
        n = int.from_bytes(body[at : at + width], "little")
        at += width
        name = body[at : at + n].decode()
        if kind:
            what = {1: "a soft link (SoftLink)", 64: "an external link (ExternalLink), which points to another file"}.get(
                kind, f"a link of kind {kind}"
            )
            raise ValueError(f"{name!r} is {what}; links other than the plain ones are not followed.")
        return name, unpack("<Q", body, at + n)

    def global_heap(self, address, index):
        """The object `index` of the collection at `address`: where strings of variable length are kept."""
        if address not in self.heaps:
            head = self.bytes(address, 16)
            size = unpack("<Q", head, 8)
            if head[:4] != b"GCOL" or size < 16:
                raise ValueError("a string is not where it should be.")
            self.heaps[address] = objects = {}
            data, at = self.bytes(address, size), 16
            while at + 16 <= size:
                number, _, length = struct.unpack_from("<HHxxxxQ", data, at)
                if number == 0:
                    break
                if at + 16 + length > size:
                    raise ValueError("a string is cut off.")
                objects[number] = (address + at + 16, length)
                at += 16 + (length + 7) // 8 * 8
        if index not in self.heaps[address]:
            raise ValueError("a string is missing.")
        return self.heaps[address][index]


class Group:
    """A group: `children` by name, `attributes`, and `group["a/b"]`."""

    def __init__(self, path, attributes):
        self.path, self.attributes, self.children = path, attributes, {}

    def get(self, path):
        """The member at a relative path, or None."""
        node = self
        for part in path.split("/"):
            if part:
                node = node.children.get(part) if isinstance(node, Group) else None
        return node

    def __getitem__(self, path):
        node = self.get(path)
        if node is None:
            raise ValueError(
                f"{self.path or '/'} has no member {path!r}. It has: {', '.join(self.children) or 'nothing'}."
            )
        return node

    def __contains__(self, path):
        return self.get(path) is not None

    def datasets(self):
        """Every dataset below, in the order of names."""
        for child in self.children.values():
            if isinstance(child, Group):
                yield from child.datasets()
            else:
                yield child


class Attributes:
    """The attributes of an object, parsed when asked for."""

    def __init__(self, file, path, messages):
        self.file, self.path, self.raw = file, path, {}
        for kind, mark, body in messages:
            if kind == ATTRIBUTE:
                self.add(mark, body)
            elif kind == ATTRIBUTE_INFO:
                at = 4 if body[1] & 1 else 2
                heap, tree = struct.unpack_from("<QQ", body, at)
                if heap != NOWHERE:
                    from kerasnp.saving.hdf5_dense import dense_messages

                    for record in dense_messages(file, heap, tree, 8):
                        self.add(0, record)

    def add(self, mark, body):
        version, flags, name_size, type_size, space_size = struct.unpack_from("<BBHHH", body)
        if mark & 2 or (version > 1 and flags & 3):
            raise ValueError("an attribute is of a type that is stored elsewhere, which is not supported.")
        at, pad = (9 if version == 3 else 8), (8 if version == 1 else 1)
        parts = []
        for size in (name_size, type_size, space_size):
            parts.append(body[at : at + size])
            at += -(-size // pad) * pad
        self.raw[parts[0].rstrip(b"\0").decode()] = (parts[1], parts[2], body[at:])

    def __contains__(self, name):
        return name in self.raw

    def __iter__(self):
        return iter(self.raw)

    def get(self, name, default=None):
        return self[name] if name in self.raw else default

    def __getitem__(self, name):
        """The value: a str, bytes or number, or a list of them."""
        with limits.place(f"{self.path or '/'} attribute {name!r}"):
            kind, space, data = self.raw[name]
            kind, shape = Type(kind), dataspace(space)
            n = math.prod(shape)
            if n * kind.size > len(data):
                raise ValueError("it is cut off.")
            if kind.strings:
                values = [self.string(*struct.unpack_from("<IQI", data, 16 * i)) for i in range(n)]
            else:
                array = np.frombuffer(data, kind.dtype, n)
                values = [v.rstrip(b"\0 ") for v in array.tolist()] if kind.dtype.kind == "S" else array.tolist()
            return values if shape else values[0]

    def string(self, length, address, index):
        if not length or address in (0, NOWHERE):
            return ""
        at, size = self.file.global_heap(address, index)
        return self.file.bytes(at, min(length, size)).rstrip(b"\0").decode()
