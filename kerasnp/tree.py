"""Nested lists, tuples, named tuples and dictionaries, under the names of `keras.tree`.

Dictionaries are walked in the order of their sorted keys, an OrderedDict in its own.

>>> map_structure(lambda n: 2 * n, {"a": [1, 2], "b": 3})
{'a': [2, 4], 'b': 6}
"""

from collections import OrderedDict, defaultdict, deque

__all__ = [
    "MAP_TO_NONE", "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path", "is_nested",
    "lists_to_tuples", "map_shape_structure", "map_structure", "map_structure_up_to", "pack_sequence_as", "traverse",
]  # fmt: skip


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None into the result.

    >>> traverse(lambda x: MAP_TO_NONE if x == 2 else None, [1, 2, 3])
    [1, None, 3]
    """


def is_nested(structure):
    """Whether `structure` is a list, tuple, deque or dictionary.

    >>> is_nested(42), is_nested({"foo": 42})
    (False, True)
    """
    return isinstance(structure, (list, tuple, dict, deque))


def _parts(structure):
    """(key, part) of each part, in the order of a walk."""
    if isinstance(structure, OrderedDict):
        return list(structure.items())
    if isinstance(structure, dict):
        return [(key, structure[key]) for key in sorted(structure)]
    return list(enumerate(structure))


def _rebuild(structure, parts):
    """The like of `structure` with other parts, in the order of a walk."""
    if isinstance(structure, dict):
        filled = dict(zip([key for key, _ in _parts(structure)], parts))
        items = [(key, filled[key]) for key in structure]
        if isinstance(structure, defaultdict):
            return type(structure)(structure.default_factory, items)
        return type(structure)(items)
    if hasattr(structure, "_fields"):
        return type(structure)(*parts)
    return type(structure)(parts)


def flatten(structure):
    """The leaves in order.

    >>> flatten([1, {"b": (2, 3), "a": 4}])
    [1, 4, 2, 3]
    """
    return [leaf for _, leaf in flatten_with_path(structure)]


def flatten_with_path(structure):
    """(path, leaf) of each leaf; a path has the index or key at each depth.

    >>> flatten_with_path([{"foo": 42}])
    [((0, 'foo'), 42)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, part in _parts(structure) for path, leaf in flatten_with_path(part)]


def _check_function(func, who):
    if not callable(func):
        raise TypeError(f"{who}: `func` must be callable. Received: {func!r}")


def map_structure(func, *structures, none_is_leaf=True):
    """`func` of the leaves at each place of the structures.

    >>> map_structure(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
    {'x': [11, 22]}

    Args:
        func: takes as many arguments as there are structures.
        *structures: of the same nesting.
        none_is_leaf: whether `func` sees None; else None stays.

    Raises: TypeError without structures, ValueError where their nestings differ.
    """
    _check_function(func, "map_structure")
    if not structures:
        raise TypeError("map_structure: expected at least one structure. Received: none")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)

    def mapped(first, *others):
        if is_nested(first):
            columns = [[part for _, part in _parts(s)] for s in (first, *others)]
            return _rebuild(first, [mapped(*row) for row in zip(*columns)])
        if not none_is_leaf and first is None:
            return None
        return func(first, *others)

    return mapped(*structures)


def map_structure_up_to(shallow_structure, func, *structures):
    """`func` of what the structures have at each leaf of `shallow_structure`, however nested it is there.

    >>> map_structure_up_to([None, None], len, [[1, 1], [2, 2, 2]])
    [2, 3]
    """
    _check_function(func, "map_structure_up_to")
    if not structures:
        raise TypeError("map_structure_up_to: expected at least one structure. Received: none")

    def mapped(shallow, *parts):
        if not is_nested(shallow):
            return func(*parts)
        for part in parts:
            if not _alike(shallow, part):
                raise ValueError(
                    f"map_structure_up_to: the structures must be nested at least as deep as {shallow_structure!r}. "
                    f"Received: {part!r} in the place of {shallow!r}"
                )
        columns = [[p for _, p in _parts(s)] for s in (shallow, *parts)]
        return _rebuild(shallow, [mapped(*row) for row in zip(*columns)])

    return mapped(shallow_structure, *structures)


def _alike(a, b):
    """Whether two nodes are of the same kind and have the same keys."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys()
    return type(a) is type(b) and len(a) == len(b)


def assert_same_structure(a, b, check_types=None):
    """Raise ValueError unless both are nested in the same way; the leaves may differ.

    >>> assert_same_structure([(0, 1)], [(2, 3)])
    """

    def difference(x, y, path):
        """The first place that differs, told in words."""
        if not is_nested(x) and not is_nested(y):
            return None
        if not is_nested(x) or not is_nested(y) or not _alike(x, y):
            return f"expected {_kind(x)} at {path or 'the top'}, received {_kind(y)}"
        parts = ((key, p, q) for (key, p), (_, q) in zip(_parts(x), _parts(y)))
        return next(filter(None, (difference(p, q, (*path, key)) for key, p, q in parts)), None)

    found = difference(a, b, ())
    if found:
        raise ValueError(f"The two structures don't have the same nested form: {found}. They are {a!r} and {b!r}")


def _kind(node):
    if not is_nested(node):
        return "a leaf"
    return f"a {type(node).__name__} of {sorted(node, key=repr) if isinstance(node, dict) else len(node)}"


def assert_same_paths(a, b):
    """Raise ValueError unless the leaves of both have the same paths, whether in lists or tuples.

    >>> assert_same_paths([0, 1], (2, 3))
    """
    one, other = ({path for path, _ in flatten_with_path(s)} for s in (a, b))
    if one != other:
        raise ValueError(
            "The paths of `a` and `b` do not match. "
            f"Only in a: {sorted(one - other, key=repr)}; only in b: {sorted(other - one, key=repr)}"
        )


def pack_sequence_as(structure, flat_sequence):
    """The leaves of `flat_sequence` in the nesting of `structure`.

    >>> pack_sequence_as({"b": 0, "a": (1, 2)}, [10, 20, 30])
    {'b': 30, 'a': (10, 20)}

    Raises: TypeError for what is no sequence, ValueError for another number of leaves.
    """
    if isinstance(flat_sequence, (str, bytes)) or not hasattr(flat_sequence, "__iter__"):
        raise TypeError(f"pack_sequence_as: `flat_sequence` must be a sequence. Received: {flat_sequence!r}")
    leaves = list(flat_sequence)
    expected = len(flatten(structure))
    if len(leaves) != expected:
        raise ValueError(f"pack_sequence_as: the structure has {expected} leaves. Received: {len(leaves)} leaves")
    rest = iter(leaves)

    def fill(part):
        return _rebuild(part, [fill(p) for _, p in _parts(part)]) if is_nested(part) else next(rest)

    return fill(structure)


def lists_to_tuples(structure):
    """The structure with tuples for lists.

    >>> lists_to_tuples([1, [2, {"a": [3]}]])
    (1, (2, {'a': (3,)}))
    """
    if not is_nested(structure):
        return structure
    parts = [lists_to_tuples(part) for _, part in _parts(structure)]
    return tuple(parts) if isinstance(structure, list) else _rebuild(structure, parts)


def map_shape_structure(func, structure):
    """`func` of each shape, a tuple or list of lengths and None.

    >>> map_shape_structure(len, [(2, 3), {"x": (None, 4, 5)}])
    [2, {'x': 3}]
    """
    _check_function(func, "map_shape_structure")
    if not is_nested(structure):
        raise ValueError(f"Cannot map function to unknown object {structure!r}")
    if isinstance(structure, (list, tuple)) and all(n is None or isinstance(n, int) for n in structure):
        return func(tuple(structure))
    return _rebuild(structure, [map_shape_structure(func, part) for _, part in _parts(structure)])


def traverse(func, structure, top_down=True):
    """Call `func` for every node and leaf; what it returns, unless None, takes the place of what it was given.

    >>> traverse(lambda s: tuple(s) if isinstance(s, list) else None, [(1, 2), [3], {"a": 4}])
    ((1, 2), [3], {'a': 4})

    Args:
        func: a function of one node; returns its replacement, None to leave it, `MAP_TO_NONE` for None.
        structure: nested lists, tuples and dictionaries.
        top_down: whether nodes come before their parts; then the parts of a replacement are not visited.

    Raises: TypeError for a function that is none.
    """
    _check_function(func, "traverse")

    def outcome(replacement):
        return None if replacement is MAP_TO_NONE else replacement

    if top_down:
        replacement = func(structure)
        if replacement is not None:
            return outcome(replacement)
        if not is_nested(structure):
            return structure
        return _rebuild(structure, [traverse(func, part) for _, part in _parts(structure)])
    whole = structure
    if is_nested(structure):
        whole = _rebuild(structure, [traverse(func, part, top_down=False) for _, part in _parts(structure)])
    replacement = func(whole)
    return whole if replacement is None else outcome(replacement)
