"""Nested lists, tuples and dictionaries, leaf by leaf."""


def map_structure(function, structure, *others):
    """`function` of each leaf, and of the leaves at its place in `others`, in the nesting of `structure`.

    >>> map_structure(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]})
    {'x': [11, 22]}
    """
    if isinstance(structure, dict):
        return type(structure)(
            {k: map_structure(function, v, *[o[k] for o in others]) for k, v in structure.items()}
        )
    if isinstance(structure, (list, tuple)):
        parts = [map_structure(function, v, *[o[i] for o in others]) for i, v in enumerate(structure)]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return function(structure, *others)


def flatten(structure):
    """The leaves in order, those of a dictionary in the order of its sorted keys.

    >>> flatten([1, {"b": (2, 3), "a": 4}])
    [1, 4, 2, 3]
    """
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def holds(structure, test):
    """Whether any leaf passes `test`."""
    if isinstance(structure, (list, tuple, dict)):
        return any(map(test, flatten(structure)))
    return test(structure)


def is_shape(value):
    """Whether `value` is one shape: a list or tuple of lengths, None where a length may vary."""
    return isinstance(value, (list, tuple)) and all(n is None or hasattr(n, "__index__") for n in value)


def map_shapes(function, shapes):
    """`function` of each shape in nested lists, tuples and dictionaries of shapes.

    >>> map_shapes(len, [(2, 3), {"x": (None, 4, 5)}])
    [2, {'x': 3}]
    """
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {k: map_shapes(function, v) for k, v in shapes.items()}
    if isinstance(shapes, (list, tuple)):
        return type(shapes)([map_shapes(function, v) for v in shapes])
    return shapes


def shapes_in_words(shapes):
    """One shape, or those in a nesting one after another.

    >>> shapes_in_words({"a": (None, 2), "b": [(3,)]})
    '(None, 2), (3,)'
    """
    found = []
    map_shapes(lambda shape: found.append(str(shape)), shapes)
    return ", ".join(found)
