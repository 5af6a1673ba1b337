"""Writing HDF5: groups, attributes and contiguous arrays, which is all that a model file consists of.

A file is described by a tree of `Node`s and then written by h5py. (Reading is another matter: files come from strangers, and
`hdf5.py` parses them without a C library that was never meant to face damaged ones.)
"""

import io

import numpy as np

from kerasnp import backend as K

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
    """The bytes of a file that holds a tree, ready for a stream that need not be seekable.

    Attributes:
        size: the number of bytes of the file.
    """

    def __init__(self, root):
        import h5py

        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            fill(file, root)
        self.data = buffer.getbuffer()
        self.size = len(self.data)

    def write(self, stream):
        """Write the file to `stream`, from where it stands."""
        stream.write(self.data)


def fill(group, node):
    """Write the attributes and children of a node into an h5py group."""
    put_attributes(group, node.attributes)
    for name, child in node.children.items():
        if isinstance(child, Node):
            fill(group.create_group(name), child)
        else:
            put_attributes(put_array(group, name, child), child.attributes)


def put_array(group, name, array):
    """A dataset of `group` with the values of an Array."""
    value = array.value
    if array.attributes.get("dtype") == "bfloat16":
        value = K.bfloat16_bits(value).view("V2")  # two bytes of no type, as Keras writes and expects them
    else:
        value = np.ascontiguousarray(value, plain_dtype(value.dtype)).reshape(value.shape)
    return group.create_dataset(name, data=value)


def put_attributes(item, attributes):
    """Attributes of a group or dataset; strings are of variable length."""
    import h5py

    for name, value in split_attributes(attributes):
        text = h5py.string_dtype() if value.dtype == object else None
        item.attrs.create(name, value if value.ndim else value.item(), dtype=text or value.dtype)


def split_attributes(attributes):
    """(name, array) of each attribute; one of too many strings becomes name0, name1, ... as in Keras."""
    limit = MAX_ATTRIBUTE // 16
    for name, value in attributes.items():
        if isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], str)):
            array = np.array(value, dtype=object)  # not as text of one width, which would be that of the longest
        else:
            array = np.asarray(value)
            array = np.ascontiguousarray(array, plain_dtype(array.dtype)).reshape(array.shape)
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
