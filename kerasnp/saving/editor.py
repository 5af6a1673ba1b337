"""KerasFileEditor: the weights of a file as a tree of arrays, to look at, compare, change and write again."""

import os

import numpy as np

from kerasnp.saving import hdf5, hdf5_write, keras_file, limits, opening, sharded, weights
from kerasnp.saving.atomic import atomic_write


class KerasFileEditor:
    """The weights of a `.keras` or `.weights.h5` file, to be changed when a model has changed since they were saved.

    Nothing is done to the file itself: `save` writes another one. An object is named by its path, such as
    `"layers/dense_2"`, or by the last part of it where that is the only one of its kind.

    >>> import kerasnp
    >>> old = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3, name="hidden")])
    >>> new = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3), kerasnp.layers.Dense(1)])
    >>> old.save_weights("old.weights.h5")
    >>> editor = KerasFileEditor("old.weights.h5")
    >>> editor.add_object("layers/dense_1", {"0": kerasnp.ops.zeros((3, 1)), "1": kerasnp.ops.zeros((1,))})
    >>> editor.summary()
    Weights of 'old.weights.h5'
    └─ layers
       ├─ dense ('hidden')
       │  ├─ 0: shape=(2, 3), dtype=float32
       │  └─ 1: shape=(3,), dtype=float32
       └─ dense_1
          ├─ 0: shape=(3, 1), dtype=float32
          └─ 1: shape=(1,), dtype=float32
    >>> editor.save("new.weights.h5")
    >>> new.load_weights("new.weights.h5")

    Args:
        filepath: a path or an open binary file; also of a table of sharded weights.

    Attributes:
        weights_dict: nested dictionaries, objects by name, with arrays at their ends.
        object_metadata: {path of an object: {"name": its name in the model}}.
        config, metadata: what a `.keras` file says of the model and of itself; else None.

    Raises: ValueError or OSError for a file of another kind, or one that is damaged or unsafe.
    """

    def __init__(self, filepath):
        self.filepath = filepath
        self.config = self.metadata = None
        self.weights_dict, self.object_metadata = {}, {}
        # Arrays that the file keeps in bfloat16, by id; so does the next file.
        self._bfloat16 = {}
        if isinstance(filepath, (str, bytes, os.PathLike)) and os.fsdecode(os.fspath(filepath)).endswith(sharded.SUFFIX):
            with sharded.opened(filepath) as root:
                self._read(root, self.weights_dict, "")
            return
        with opening.opened(filepath) as (stream, name), limits.place(name):
            if opening.content(stream, name) == "zip":
                file = keras_file.KerasFile(stream, name)
                self.config, self.metadata = file.config, file.metadata
                root = file.weights()
            else:
                root = hdf5.open_file(stream, name)
            if {"layer_names", "layer_names0", "model_config"} & set(root.attributes):
                raise ValueError(
                    "it is a classic .h5 file. Expected a `.keras` or `.weights.h5` file; load it into its model and call "
                    "model.save_weights to get one."
                )
            self._read(root, self.weights_dict, "")

    def _read(self, group, target, path):
        """Put what lies below a group into `target`; `vars`, which holds the weights of its object, is no level of its own."""
        for name in sorted(group.children, key=lambda n: (len(n) if n.isdecimal() else 0, n)):
            child = group.children[name]
            if isinstance(child, hdf5.Group) and name == "vars":
                if isinstance(child.attributes.get("name"), str):
                    self.object_metadata[path] = {"name": child.attributes["name"]}
                self._read(child, target, path)
            elif isinstance(child, hdf5.Group):
                inner = {}
                self._read(child, inner, weights.join(path, name))
                if inner:
                    target[name] = inner
            elif name in target:
                raise ValueError(f"{child.path} is both a weight and an object.")
            else:
                target[name] = array = child.read()
                if child.bfloat16:
                    self._bfloat16[id(array)] = array

    # -- looking ----------------------------------------------------------------------------------------------------

    def summary(self):
        """Print the tree of objects and weights, with the names of layers, shapes and types.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3, name="hidden")]).save("m.keras")
        >>> KerasFileEditor("m.keras").summary()
        Weights of 'm.keras'
        └─ layers
           └─ dense ('hidden')
              ├─ 0: shape=(2, 3), dtype=float32
              └─ 1: shape=(3,), dtype=float32
        """
        print(f"Weights of {os.fspath(self.filepath)!r}" if isinstance(self.filepath, (str, os.PathLike)) else "Weights")
        for line in self._lines(self.weights_dict, "", ""):
            print(limits.printable(line))

    def _lines(self, tree, path, indent):
        for i, (name, value) in enumerate(tree.items()):
            last = i == len(tree) - 1
            if isinstance(value, dict):
                inner = weights.join(path, name)
                title = self.object_metadata.get(inner, {}).get("name")
                yield f"{indent}{'└─' if last else '├─'} {name}" + (f" ({title!r})" if title else "")
                yield from self._lines(value, inner, indent + ("   " if last else "│  "))
            else:
                dtype = "bfloat16" if id(value) in self._bfloat16 else value.dtype
                yield f"{indent}{'└─' if last else '├─'} {name}: shape={value.shape}, dtype={dtype}"

    def compare(self, reference_model):
        """Print what the file and a model do not have in common, and return the counts.

        An object that one of them lacks altogether counts as one error.

        >>> import kerasnp
        >>> models = [kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(n)]) for n in (3, 4)]
        >>> models[0].save_weights("old.weights.h5")
        >>> editor = KerasFileEditor("old.weights.h5")
        >>> editor.compare(models[0])
        The file fits the model: 2 weights agree.
        {'status': 'success', 'error_count': 0, 'match_count': 2}
        >>> editor.compare(models[1])["status"]
        layers/dense/0: the file has the shape (2, 3), the model (2, 4)
        layers/dense/1: the file has the shape (3,), the model (4,)
        The file does not fit the model: 2 errors, 0 weights agree.
        'error'

        Args:
            reference_model: a built model.

        Returns: {"status": "success" or "error", "error_count": int, "match_count": int}.
        """
        expected = hdf5_write.Node()
        weights.put_tree(reference_model, expected)
        errors, matches = _differences(self.weights_dict, _as_dict(expected), "")
        for line in errors:
            print(limits.printable(line))
        fits = "does not fit" if errors else "fits"
        count = f"{len(errors)} error{'s' * (len(errors) != 1)}, " if errors else ""
        print(f"The file {fits} the model: {count}{matches} weight{'s' * (matches != 1)} agree.")
        return {"status": "error" if errors else "success", "error_count": len(errors), "match_count": matches}

    # -- changing ---------------------------------------------------------------------------------------------------

    def rename_object(self, object_name, new_name):
        """Give an object another name, at the same place.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).save_weights("m.weights.h5")
        >>> editor = KerasFileEditor("m.weights.h5")
        >>> editor.rename_object("layers/dense", "dense_1")
        >>> list(editor.weights_dict["layers"])
        ['dense_1']

        Args:
            object_name: its path or its name.
            new_name: the new last part of its path.

        Raises: ValueError where there is no such object, or one of the new name.
        """
        if not isinstance(new_name, str) or not new_name or "/" in new_name:
            raise ValueError(f"rename_object: new_name must be a name without '/', not a path. Received: new_name={new_name!r}")
        parent, path = self._find("rename_object", object_name)
        old = path[-1]
        if new_name in parent and new_name != old:
            raise ValueError(f"rename_object: {new_name!r} lies beside {object_name!r} already; delete or rename it first.")
        items = [(new_name if name == old else name, value) for name, value in parent.items()]
        parent.clear()
        parent.update(items)
        before, after = "/".join(path), "/".join([*path[:-1], new_name])
        self.object_metadata = {
            after + key[len(before) :] if key == before or key.startswith(before + "/") else key: value
            for key, value in self.object_metadata.items()
        }

    def delete_object(self, object_name):
        """Remove an object with its weights and everything inside.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).save_weights("m.weights.h5")
        >>> editor = KerasFileEditor("m.weights.h5")
        >>> editor.delete_object("dense")
        >>> editor.weights_dict
        {'layers': {}}

        Raises: ValueError where there is no such object.
        """
        parent, path = self._find("delete_object", object_name)
        del parent[path[-1]]
        before = "/".join(path)
        for key in [k for k in self.object_metadata if k == before or k.startswith(before + "/")]:
            del self.object_metadata[key]

    def add_object(self, object_path, weights):
        """Add an object with its weights.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).save_weights("m.weights.h5")
        >>> editor = KerasFileEditor("m.weights.h5")
        >>> editor.add_object("layers/dense_1", {"0": [[1.0], [1.0], [1.0]]})
        >>> editor.weights_dict["layers"]["dense_1"]["0"].shape
        (3, 1)

        Args:
            object_path: where it goes; what it lies in must be there.
            weights: {name: array}; layers call their weights "0", "1" and so on.

        Raises: ValueError for a place that is taken or not there, and for weights that are no dictionary of arrays.
        """
        arrays = _arrays("add_object", weights)
        *parents, name = str(object_path).split("/")
        target = self._descend("add_object", parents, object_path)
        if name in target or not name:
            raise ValueError(f"add_object: there is a {object_path!r} already; use add_weights, or delete_object first.")
        target[name] = arrays

    def add_weights(self, object_name, weights):
        """Add weights to an object, in place of those of the same names.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).save_weights("m.weights.h5")
        >>> editor = KerasFileEditor("m.weights.h5")
        >>> editor.add_weights("dense", {"1": [1.0, 2.0, 3.0]})
        >>> editor.weights_dict["layers"]["dense"]["1"].tolist()
        [1.0, 2.0, 3.0]

        Raises: ValueError where there is no such object, and for weights that are no dictionary of arrays.
        """
        arrays = _arrays("add_weights", weights)
        parent, path = self._find("add_weights", object_name)
        parent[path[-1]].update(arrays)

    def delete_weight(self, object_name, weight_name):
        """Remove one weight of an object.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).save_weights("m.weights.h5")
        >>> editor = KerasFileEditor("m.weights.h5")
        >>> editor.delete_weight("dense", "1")
        >>> list(editor.weights_dict["layers"]["dense"])
        ['0']

        Raises: ValueError where there is no such object or weight.
        """
        parent, path = self._find("delete_weight", object_name)
        found = parent[path[-1]]
        if not isinstance(found.get(weight_name), np.ndarray):
            raise ValueError(f"delete_weight: {object_name!r} has no weight {weight_name!r}. It has: {list(found)}.")
        del found[weight_name]

    def _find(self, who, name):
        """(the dictionary in which an object lies, its path as a list)."""
        name = str(name)
        if "/" in name:
            *parents, last = name.split("/")
            target = self._descend(who, parents, name)
            if not isinstance(target.get(last), dict):
                raise ValueError(f"{who}: Path {name!r} not found in the file. Beside it are: {list(target)}.")
            return target, [*parents, last]
        places = list(_places(self.weights_dict, name, []))
        if len(places) != 1:
            what = f"names {len(places)} objects, {[p for _, p in places]}" if places else "is no object of the file"
            raise ValueError(f"{who}: {name!r} {what}; give its whole path, as summary() shows it.")
        parent, path = places[0]
        return parent, path.split("/")

    def _descend(self, who, parents, name):
        """The dictionary at the end of a path."""
        target = self.weights_dict
        for i, part in enumerate(parents):
            target = target.get(part)
            if not isinstance(target, dict):
                raise ValueError(f"{who}: Path {'/'.join(parents[: i + 1])!r} not found in the file. Received: {name!r}")
        return target

    # -- writing ----------------------------------------------------------------------------------------------------

    def save(self, filepath):
        """Write the weights as they are now to a `.weights.h5` file, whole or not at all.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).save("m.keras")
        >>> KerasFileEditor("m.keras").save("m.weights.h5")

        Raises: ValueError for another suffix, OSError where the file cannot be written.
        """
        path = os.fsdecode(os.fspath(filepath))
        if not path.endswith(".weights.h5"):
            raise ValueError(f"save: filepath must be a path that ends in `.weights.h5`. Received: filepath={filepath}")
        root = hdf5_write.Node()
        self._put(self.weights_dict, root, "")
        with atomic_write(path) as stream:
            hdf5_write.Writer(root).write(stream)

    def resave_weights(self, filepath):
        """The same as `save`.

        >>> import kerasnp
        >>> kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(3)]).save("m.keras")
        >>> KerasFileEditor("m.keras").resave_weights("m.weights.h5")
        """
        self.save(filepath)

    def _put(self, tree, root, path):
        group = root.group(weights.join(path, "vars"))
        group.attributes.update(self.object_metadata.get(path, {}))
        for name, value in tree.items():
            if isinstance(value, dict):
                self._put(value, root, weights.join(path, name))
            else:
                group.put(name, value, **({"dtype": "bfloat16"} if id(value) in self._bfloat16 else {}))


def _arrays(who, values):
    """{name: array} of what a caller gives as weights."""
    if not isinstance(values, dict):
        raise ValueError(f"{who}: weights must be a dict of names and arrays, {{'0': kernel}}. Received: weights={values!r}")
    found = {}
    for name, value in values.items():
        array = np.asarray(getattr(value, "value", value))
        if not isinstance(name, str) or not name or "/" in name or array.dtype.kind not in "biuf":
            raise ValueError(f"{who}: each weight must be an array of numbers under a name. Received: {name!r}: {value!r}")
        found[name] = array.astype(np.float32) if isinstance(value, (float, list)) and array.dtype.kind == "f" else array
    return found


def _places(tree, name, path):
    """(dictionary, path) of every object of this name."""
    for key, value in tree.items():
        if isinstance(value, dict):
            if key == name:
                yield tree, "/".join([*path, key])
            yield from _places(value, name, [*path, key])


def _as_dict(node):
    """A tree of Nodes as nested dictionaries of arrays, without the level of `vars` and without empty objects."""
    found = {}
    for name, child in node.children.items():
        if not isinstance(child, hdf5_write.Node):
            found[name] = child.value
        elif name == "vars":
            found.update(_as_dict(child))
        elif inner := _as_dict(child):
            found[name] = inner
    return found


def _differences(ours, theirs, path):
    """(sentences, number of weights that agree) of a file's tree and a model's."""
    errors, matches = [], 0
    for name in [*ours, *(n for n in theirs if n not in ours)]:
        where, mine, other = weights.join(path, name), ours.get(name), theirs.get(name)
        if mine is None or other is None:
            found = other if mine is None else mine
            what = f"the object with {list(found)}" if isinstance(found, dict) else f"the weight of shape {found.shape}"
            errors.append(f"{where}: {what} is in the {'model' if mine is None else 'file'} only")
        elif isinstance(mine, dict) and isinstance(other, dict):
            inner, n = _differences(mine, other, where)
            errors, matches = errors + inner, matches + n
        elif isinstance(mine, dict) or isinstance(other, dict) or mine.shape != other.shape:
            kinds = ["an object" if isinstance(v, dict) else f"the shape {v.shape}" for v in (mine, other)]
            errors.append(f"{where}: the file has {kinds[0]}, the model {kinds[1].removeprefix('the shape ')}")
        else:
            matches += 1
    return errors, matches
