"""Weights in several files: `NAME.weights.json`, a table, beside `NAME_00000.weights.h5`, `NAME_00001.weights.h5`, ...

The table says which group lies in which files, `{"metadata": {"total_size": bytes}, "weight_map": {"/layers/dense/vars":
"NAME_00000.weights.h5"}}`; a group cut in two has a list there. A table is data from somewhere else, so it may name only
files beside it that are called like it.
"""

import contextlib
import json
import os
import re

from kerasnp.saving import hdf5, hdf5_write, limits, opening
from kerasnp.saving.atomic import atomic_write
from kerasnp.saving.weights import join

SUFFIX = ".weights.json"
MAX_SHARDS = 10_000


def shard_name(path, number):
    """The path of one of the files that belong to the table at `path`."""
    return f"{path.removesuffix(SUFFIX)}_{number:05}.weights.h5"


# -- writing --------------------------------------------------------------------------------------------------------


def write(path, tree, max_shard_size, overwrite=True):
    """Write a tree of weights to the table `path` and as many files as it takes; all appear together, the table last.

    Args:
        max_shard_size: the most bytes of weights in one file, in GB (1024**3).

    Raises: ValueError for a weight that is larger than a file may be, OSError where a file cannot be written.
    """
    shards, table, total = split(tree, max_shard_size * 1024**3)
    names = [os.path.basename(shard_name(path, i)) for i in range(len(shards))]
    table = {group: [names[i] for i in numbers] for group, numbers in table.items()}
    table = {group: files[0] if len(files) == 1 else files for group, files in table.items()}
    with contextlib.ExitStack() as stack:  # which moves the files to their places in the reverse order
        target = stack.enter_context(atomic_write(path, overwrite))
        target.write(json.dumps({"metadata": {"total_size": total}, "weight_map": table}, indent=4).encode())
        for i, shard in enumerate(shards):
            hdf5_write.Writer(shard).write(stack.enter_context(atomic_write(shard_name(path, i), overwrite)))


def split(tree, limit):
    """(trees, {path of a group: [numbers of trees]}, bytes in all) of a tree cut into parts of at most `limit` bytes."""
    shards, table, total, size = [hdf5_write.Node()], {}, 0, 0
    for path, attributes, name, array in arrays(tree, ""):
        n = nbytes(array)
        if n > limit:
            raise ValueError(
                f"max_shard_size={limit / 1024**3:g} GB is less than the {n} bytes of the weight {join(path, name)!r}; "
                "a weight is never cut, so allow larger files."
            )
        if size + n > limit:
            shards.append(hdf5_write.Node())
            size = 0
        size, total = size + n, total + n
        group = shards[-1].group(path)
        group.attributes.update(attributes)
        group.children[name] = array
        numbers = table.setdefault(f"/{path}", [])
        if len(shards) - 1 not in numbers:
            numbers.append(len(shards) - 1)
    return shards, table, total


def arrays(node, path):
    """(path of its group, attributes of that, name, Array) of every array below a Node."""
    for name, child in node.children.items():
        if isinstance(child, hdf5_write.Node):
            yield from arrays(child, join(path, name))
        else:
            yield path, node.attributes, name, child


def nbytes(array):
    return array.value.size * (2 if array.attributes.get("dtype") == "bfloat16" else array.value.dtype.itemsize)


# -- reading --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(path):
    """The root group of all the files of the table at `path`, which stay open inside the block.

    Raises: ValueError or OSError for a table that is none, names other files than its own, or lacks one.
    """
    path = os.fsdecode(os.fspath(path))
    with contextlib.ExitStack() as stack:
        stream, name = stack.enter_context(opening.opened(path))
        with limits.place(name):
            root = None
            for file in files(limits.parse_json(stream.read(limits.MAX_JSON_BYTES + 1), name), path):
                part, part_name = stack.enter_context(opening.opened(file))
                if opening.content(part, part_name) != "hdf5":
                    raise ValueError(f"{part_name} is no HDF5 file, as the parts of sharded weights are.")
                found = hdf5.open_file(part, part_name)
                if root is None:
                    root = found
                else:
                    merge(root, found)
        yield root


def files(table, path):
    """The paths of the files that a table names, each once."""
    entries = table.get("weight_map") if isinstance(table, dict) else None
    if not isinstance(entries, dict) or not entries:
        raise ValueError("it must hold a dictionary with a 'weight_map' that says which weights lie in which files.")
    names = {}
    for value in entries.values():
        names.update(dict.fromkeys(value if isinstance(value, list) else [value]) if _texts(value) else {None: None})
    own = re.compile(re.escape(os.path.basename(path).removesuffix(SUFFIX)) + r"_\d{5}\.weights\.h5")
    for name in names:
        if not isinstance(name, str) or not own.fullmatch(name):
            shown = limits.printable(str(name)[:80])
            raise ValueError(
                f"its 'weight_map' names {shown!r}. Expected files beside it that are called like it, such as "
                f"{os.path.basename(shard_name(path, 0))!r}; rename both the table and its files, and nothing else is opened."
            )
    if len(names) > MAX_SHARDS:
        raise ValueError(f"its {len(names)} files are more than the {MAX_SHARDS} that a model may have.")
    return [os.path.join(os.path.dirname(path), name) for name in names]


def _texts(value):
    return isinstance(value, str) or isinstance(value, list) and all(isinstance(v, str) for v in value)


def merge(root, other):
    """Put what lies in the group `other` into `root`."""
    for name, child in other.children.items():
        mine = root.children.get(name)
        if mine is None:
            root.children[name] = child
        elif isinstance(mine, hdf5.Group) and isinstance(child, hdf5.Group):
            merge(mine, child)
        else:
            raise ValueError(f"{child.path} lies in two of its files, which must not overlap.")
