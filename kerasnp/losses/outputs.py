"""Several outputs: labels, weights and settings beside them, in nested lists, tuples and dictionaries."""

from kerasnp import backend as K

CONTAINERS = (list, tuple, dict)


def several(value):
    """Whether `value` holds arrays in lists, tuples or dictionaries, and is not an array written as lists of numbers.

    >>> several([[1.0], [2.0]]), several({"a": 1.0})
    (False, True)
    """
    if isinstance(value, dict):
        return True
    if not isinstance(value, (list, tuple)):
        return False
    return any(part is not None and (hasattr(part, "shape") or several(part)) for part in value)


def shape_of(array):
    """The shape of an array, or of one written as lists of numbers.

    >>> shape_of([[1.0], [2.0]])
    (2, 1)
    """
    return array.shape if hasattr(array, "shape") else K.tensor(array).shape


def children(node):
    """(key, part) of each part of a list, tuple or dictionary, a dictionary in the order of its sorted keys."""
    if isinstance(node, dict):
        keys = node if type(node).__name__ == "OrderedDict" else sorted(node)
        return [(key, node[key]) for key in keys]
    return list(enumerate(node))


def leaves(structure):
    """(path, leaf) of each array; lists of numbers are arrays.

    >>> leaves({"b": [None, 2.0], "a": 1.0})
    [(('a',), 1.0), (('b',), [None, 2.0])]
    """
    if not several(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, part in children(structure) for path, leaf in leaves(part)]


def settings(structure):
    """(path, entry) of each entry of what `compile` was given, whatever it is.

    >>> settings({"b": ["mse", None], "a": "mae"})
    [(('a',), 'mae'), (('b', 0), 'mse'), (('b', 1), None)]
    """
    if not isinstance(structure, CONTAINERS):
        return [((), structure)]
    return [((key, *path), entry) for key, part in children(structure) for path, entry in settings(part)]


def mapped(function, structure):
    """`function` of each entry of what `compile` was given, in the same nesting; a configuration is one entry.

    >>> mapped(str.upper, {"a": ["mse", "mae"]})
    {'a': ['MSE', 'MAE']}
    """
    if isinstance(structure, dict) and "class_name" not in structure:
        return {key: mapped(function, part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [mapped(function, part) for part in structure]
        return parts if isinstance(structure, list) else tuple(parts)
    return function(structure)


class Place:
    """Stands for an array in a nesting."""

    shape = ()

    def __repr__(self):
        return "*"


def places(structure):
    """The nesting alone.

    >>> from kerasnp import ops
    >>> places({"a": ops.ones(2), "b": (ops.ones(3), ops.ones(4))})
    {'a': *, 'b': (*, *)}
    """
    found = leaves(structure)
    if not several(structure):
        return Place()
    return _packed(structure, iter([Place() for _ in found]))


def _packed(like, rest):
    """The next leaves in the nesting of `like`."""
    if not several(like):
        return next(rest)
    parts = [_packed(part, rest) for _, part in children(like)]
    if isinstance(like, dict):
        filled = dict(zip([key for key, _ in children(like)], parts))
        return {key: filled[key] for key in like}
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def each(function, structure):
    """`function` of each array, in the same nesting.

    >>> each(len, {"a": [1.0, 2.0]})
    {'a': 2}
    """
    return _packed(structure, iter([function(leaf) for _, leaf in leaves(structure)]))


def at(path, structure):
    """What lies at the end of a path.

    >>> at(("b", 1), {"b": [10, 20]})
    20
    """
    for key in path:
        structure = structure[key]
    return structure


def holds(path, structure):
    """Whether a structure has such a path."""
    for key in path:
        if isinstance(structure, dict):
            if key not in structure:
                return False
        elif not isinstance(structure, (list, tuple)) or not isinstance(key, int) or not key < len(structure):
            return False
        structure = structure[key]
    return True


def _level(structure):
    """Whether `structure` is a list, tuple or dictionary of arrays, without any inside."""
    if not isinstance(structure, CONTAINERS) or not structure:
        return False
    for part in structure.values() if isinstance(structure, dict) else structure:
        if part is not None and (isinstance(part, CONTAINERS) or not hasattr(part, "shape")):
            return False
    return True


def fitted(structure, like, output_names=None, only=None):
    """The leaves of `structure` in the nesting of `like`, or None where they do not fit.

    Lists and tuples are alike; a flat list goes with a dictionary in the order of its sorted keys, a dictionary with a list by
    the names of the outputs. Where fewer leaves come, they belong to the paths `only`, and the other places get None.
    """
    if _level(like) and _level(structure) and isinstance(like, dict) == isinstance(structure, dict):
        # What comes in every step.
        if like.keys() == structure.keys() if isinstance(like, dict) else len(like) == len(structure):
            return structure
    if not several(like):
        found = leaves(structure)
        return found[0][1] if len(found) == 1 else None
    wanted = [path for path, _ in leaves(like)]
    if isinstance(like, (list, tuple)) and isinstance(structure, dict) and output_names and set(structure) <= set(output_names):
        structure = [structure.get(name) for name in output_names]
    found = leaves(structure)
    paths = [path for path, _ in found]
    given = dict(found)
    if set(paths) != set(wanted):
        named = isinstance(structure, dict) and len(wanted) > 1
        if named and not set(paths) <= set(wanted):
            return None
        if len(found) == len(wanted) and all(len(path) < 2 for path in paths):
            given = dict(zip(wanted, given.values()))
        elif not named and only is not None and len(found) == len(only) and set(only) <= set(wanted):
            given = dict(zip(sorted(only, key=wanted.index), given.values()))
        elif not named:
            return None
    return _packed(like, iter([given.get(path) for path in wanted]))


def labels_for(y_true, y_pred, output_names=None, only=None):
    """The labels in the nesting of the outputs.

    Raises: ValueError where they do not fit, showing both.
    """
    labels = fitted(y_true, y_pred, output_names, only)
    if labels is None:
        raise ValueError(
            f"y_true and y_pred have different structures. y_true: {places(y_true)}; y_pred: {places(y_pred)}. Give y one "
            "array for each output of the model, nested as the outputs are."
        )
    return labels


def weights_for(sample_weight, y_pred, output_names=None, only=None):
    """The sample weights in the nesting of the outputs, None without any; one array serves all outputs.

    Raises: ValueError where they do not fit, showing both.
    """
    if sample_weight is None:
        return None
    if not several(sample_weight):
        return _packed(y_pred, iter([sample_weight] * len(leaves(y_pred))))
    weights = fitted(sample_weight, y_pred, output_names, only)
    if weights is None:
        raise ValueError(
            "sample_weight must be one array, or one for each output, nested as the outputs are. "
            f"Received: {places(sample_weight)} for outputs {places(y_pred)}"
        )
    return weights
