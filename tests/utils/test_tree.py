"""kerasnp.tree: nested structures."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from kerasnp import tree

Point = namedtuple("Point", "x y")
NEST = {"b": [1, (2, None)], "a": Point(3, {"k": 4})}


def test_there_and_back():
    assert tree.flatten(NEST) == [3, 4, 1, 2, None]
    assert tree.pack_sequence_as(NEST, tree.flatten(NEST)) == NEST
    assert list(tree.pack_sequence_as(NEST, range(5))) == ["b", "a"]
    assert tree.flatten_with_path(NEST)[1] == (("a", 1, "k"), 4)
    assert tree.flatten(OrderedDict([("b", 1), ("a", 2)])) == [1, 2]
    assert tree.flatten(7) == [7] and tree.flatten([]) == [] and tree.pack_sequence_as([], []) == []


def test_map_structure_keeps_types():
    doubled = tree.map_structure(lambda n: n * 2, NEST, none_is_leaf=False)
    assert doubled == {"b": [2, (4, None)], "a": Point(6, {"k": 8})} and type(doubled["a"]) is Point
    made = tree.map_structure(str, defaultdict(list, {"q": deque([1])}))
    assert type(made) is defaultdict and made["q"] == deque(["1"]) and made["new"] == []
    assert tree.map_structure(lambda a, b: a - b, [5, (4,)], [1, (2,)]) == [4, (2,)]
    with pytest.raises(TypeError):
        tree.map_structure(str)
    with pytest.raises(TypeError):
        tree.map_structure(None, 1)
    with pytest.raises(ValueError):
        tree.map_structure(max, [1, 2], [1])


@pytest.mark.parametrize("a, b", [([1], (1,)), ([1], [[1]]), ({"a": 1}, {"b": 1}), ([1, 2], [1]), (Point(1, 2), (1, 2))])
def test_what_is_not_the_same_structure(a, b):
    with pytest.raises(ValueError, match="nested form"):
        tree.assert_same_structure(a, b)


def test_what_is():
    tree.assert_same_structure(NEST, tree.map_structure(str, NEST))
    tree.assert_same_structure({"a": 1}, OrderedDict(a=2))
    tree.assert_same_paths([1, (2,)], (1, [2]))
    with pytest.raises(ValueError, match=r"Only in a: \[\(1,\)\]"):
        tree.assert_same_paths([1, 2], [1])


def test_map_up_to():
    assert tree.map_structure_up_to([None, [None]], str, [[1], [(2, 3)]]) == ["[1]", ["(2, 3)"]]
    with pytest.raises(ValueError, match="as deep"):
        tree.map_structure_up_to([None, [None]], str, [1, 2])


def test_traverse_in_both_directions():
    seen: list = []
    assert tree.traverse(seen.append, [(1, 2), {"a": 4}]) == [(1, 2), {"a": 4}]
    assert seen == [[(1, 2), {"a": 4}], (1, 2), 1, 2, {"a": 4}, 4]
    seen.clear()
    tree.traverse(seen.append, [(1, 2), {"a": 4}], top_down=False)
    assert seen == [1, 2, (1, 2), 4, {"a": 4}, [(1, 2), {"a": 4}]]
    assert tree.traverse(lambda s: tree.MAP_TO_NONE if s == 2 else None, [1, [2]]) == [1, [None]]
    assert tree.traverse(lambda s: sum(s) if isinstance(s, list) else None, [1, [2]], top_down=False) == 3


def test_shapes():
    assert tree.map_shape_structure(len, {"a": (None, 3), "b": [(1,), (2, 3, 4)]}) == {"a": 2, "b": [1, 3]}
    with pytest.raises(ValueError):
        tree.map_shape_structure(len, "shape")
    with pytest.raises(ValueError, match="5 leaves"):
        tree.pack_sequence_as(NEST, [1])
    with pytest.raises(TypeError):
        tree.pack_sequence_as([1], 1)
