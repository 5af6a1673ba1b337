"""Variables: values, arithmetic with arrays and numbers in either order, numpy's functions, copies."""

import copy
import pickle

import numpy as np
import pytest

import kerasnp
from kerasnp import Tape, Variable, ops


def test_construction():
    assert Variable([1, 2]).dtype == "int32"
    assert Variable([1.0, 2.0]).dtype == "float32"
    assert Variable(np.ones(2)).dtype == "float64"
    assert Variable(True).dtype == "bool"
    assert Variable("ones", (2, 3)).value.tolist() == [[1, 1, 1], [1, 1, 1]]
    v = Variable(lambda shape, dtype: np.full(shape, 7, dtype), shape=(2,), dtype="float16", name="seven")
    assert (v.dtype, v.name, v.path, v.shape, v.ndim, v.size) == ("float16", "seven", "seven", (2,), 1, 2)
    with pytest.raises(ValueError, match="say its shape too"):
        Variable(lambda shape, dtype: np.ones(shape))
    with pytest.raises(ValueError, match=r"must have shape \(3,\). Received: \(2,\)"):
        Variable([1.0, 2.0], shape=(3,))
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        Variable(1.0, name="a/b")


def test_values_are_copied_in_and_out():
    a = np.ones(2, "float32")
    v = Variable(a)
    a[0] = 5
    assert v.numpy().tolist() == [1, 1]
    v.numpy()[0] = 9
    assert v.value[0] == 1


def test_assign_is_in_place_and_checked():
    v = Variable([1.0, 2.0])
    held = v.value
    assert v.assign([3.0, 4.0]) is v and v.assign_add(1.0) is v and v.assign_sub(Variable([1.0, 2.0])) is v
    assert v.value is held and held.tolist() == [3, 3]
    v.assign(np.array([1, 2]))
    assert v.dtype == "float32"
    with pytest.raises(ValueError, match=r"Expected \(2,\). Received: value.shape=\(3,\)"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="shape"):
        v.assign_add(np.ones((2, 2)))


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "%": lambda a, b: a % b,
    "//": lambda a, b: a // b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@pytest.mark.parametrize("symbol", OPERATIONS)
@pytest.mark.parametrize(
    "other",
    [2, 2.5, True, np.float64(2.5), np.float32(2.5), np.int64(2), np.array([2, 3]), np.array([2.0, 3.0], "float32")],
    ids=repr,
)
@pytest.mark.parametrize("taped", [False, True])
def test_arithmetic_both_ways(symbol, other, taped):
    f, a = OPERATIONS[symbol], np.array([1.5, 3.0], "float32")
    v = Variable(a)
    with Tape():
        one, two = f(v, other), f(other, v)
    if not taped:
        one, two = f(v, other), f(other, v)
    for y, expected in ((one, f(a, np.asarray(other))), (two, f(np.asarray(other), a))):
        y = y.value if isinstance(y, Variable) else y
        np.testing.assert_allclose(y, expected, rtol=1e-6)
        assert y.dtype == (bool if expected.dtype == bool else np.float32), "no partner widens float32 here"


def test_float64_arrays_do_widen():
    assert (Variable([1.0]) * np.array([2.0])).dtype == np.float64


def test_integers():
    v = Variable([3, 4])
    assert (v + 1).dtype == np.int32 and (v * 2).dtype == np.int32 and (v // 2).tolist() == [1, 2]
    assert (v / 2).dtype == np.float32 and (v + 0.5).dtype == np.float32
    assert (Variable([True]) + 1).dtype == np.int32


def test_gradient_of_arithmetic_with_arrays_on_the_left():
    v, a = Variable([1.0, 2.0]), np.array([3.0, 4.0], "float32")
    with Tape() as tape:
        y = a * v + a / v - (2.0 - v) + 2.0**v + a @ v
    np.testing.assert_allclose(tape.gradient(y, v), 2 * a + a - a / v.value**2 + 1 + np.log(2) * 2**v.value, rtol=1e-6)


def test_unary_and_matmul():
    v = Variable([[1.0, -2.0]])
    assert (-v).tolist() == [[-1, 2]] and abs(v).tolist() == [[1, 2]] and (+v) is v
    assert (v @ v.T).tolist() == [[5]] and (np.ones((1, 1), "float32") @ v).tolist() == [[1, -2]]


def test_numpy_functions_are_differentiated():
    v, a = Variable([1.0, 2.0]), np.array([3.0, 4.0], "float32")
    with Tape(persistent=True) as tape:
        e, m, c, s = np.exp(v), np.multiply(a, v), np.concatenate([a, v * 2]), np.sum(v * v)
    np.testing.assert_allclose(tape.gradient(e, v), np.exp(v.value))
    np.testing.assert_allclose(tape.gradient(m, v), a)
    np.testing.assert_allclose(tape.gradient(c, v), [2, 2])
    np.testing.assert_allclose(tape.gradient(s, v), [2, 4])


def test_numpy_functions_without_an_operator_see_the_array():
    v = Variable([1.0, 4.0])
    assert np.asarray(v) is v.value and np.array(v) is not v.value
    assert np.add.reduce(v) == 5 and np.linalg.norm(v) == pytest.approx(17**0.5)
    assert np.array_equal(v, [1, 4]) and np.isnan(v).tolist() == [False, False]
    out = np.zeros(2, "float32")
    np.add(v, 1, out=out)
    assert out.tolist() == [2, 5]
    out += v
    assert out.tolist() == [3, 9]
    np.add(v, 1, out=v)
    assert v.value.tolist() == [2, 5]


def test_indexing():
    v = Variable(np.arange(12.0).reshape(3, 4))
    with Tape(persistent=True) as tape:
        parts = [
            v[1],
            v[:, 1:3],
            v[..., -1],
            v[[0, 0]],
            v[v.value > 5],
            v[1, 2],
            v[np.array([2, 0]), np.array([1, 1])],
            v[Variable([1])],
        ]
    keys = [
        1,
        (slice(None), slice(1, 3)),
        (..., -1),
        [0, 0],
        v.value > 5,
        (1, 2),
        (np.array([2, 0]), np.array([1, 1])),
        np.array([1]),
    ]
    for part, key in zip(parts, keys, strict=True):
        np.testing.assert_array_equal(part.value, v.value[key])
        expected = np.zeros((3, 4))
        np.add.at(expected, key, 1)
        np.testing.assert_array_equal(tape.gradient(part, v), expected)
    assert len(v) == 3 and [row.tolist() for row in v][2] == [8, 9, 10, 11]


def test_methods():
    v = Variable([[1.0, 2.0], [3.0, 4.0]])
    assert v.sum() == 10 and v.mean(axis=0).tolist() == [2, 3] and v.max() == 4 and v.min() == 1
    assert v.reshape(4).tolist() == v.reshape((4,)).tolist() == [1, 2, 3, 4]
    assert v.T.tolist() == v.transpose().tolist() == v.transpose(1, 0).tolist() == [[1, 3], [2, 4]]
    assert v.astype("int32").dtype == np.int32 and v.tolist() == [[1, 2], [3, 4]]


def test_numbers_and_texts():
    v = Variable(2.5, name="loss")
    assert float(v) == 2.5 and int(v) == 2 and bool(v) and v.item() == 2.5
    assert f"{v:.3f}" == "2.500"
    assert repr(v) == "<Variable path=loss, shape=(), dtype=float32, value=2.5>"
    with Tape():
        y = v * 2
    assert repr(y) == "<Variable from Binary, shape=(), dtype=float32, value=5.0>"
    assert range(5)[Variable(3)] == 3
    with pytest.raises(TypeError, match="cannot be used as a boolean"):
        bool(Variable([1.0, 2.0]))


def test_hash_is_identity_and_comparison_goes_by_element():
    a, b = Variable([1.0]), Variable([1.0])
    assert len({a, b, a}) == 2 and {a: 1}[a] == 1
    assert (a == b).tolist() == [True]


def test_copies_are_independent():
    v = Variable([1.0, 2.0], name="w", trainable=False)
    v.lr_multiplier = 0.5
    v.grad_buffer = np.zeros(2)
    for twin in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert (twin.name, twin.trainable, twin.dtype, twin.lr_multiplier) == ("w", False, "float32", 0.5)
        assert twin.grad_buffer is None
        twin.assign([5.0, 6.0])
    assert v.value.tolist() == [1, 2]
    pair = [v, v]
    one, two = copy.deepcopy(pair)
    assert one is two
    one, two = pickle.loads(pickle.dumps(pair))
    assert one is two


def test_backward_fills_grad_and_keeps_the_graph():
    w, b, frozen = Variable([2.0]), Variable([1.0]), Variable([1.0], trainable=False)
    with Tape():
        y = ops.sum(w * w + b + frozen)
    for _ in range(2):
        y.backward()
        assert w.grad.tolist() == [4] and b.grad.tolist() == [1] and frozen.grad is None
    assert w.grad is not b.grad
    with pytest.raises(ValueError, match="not the result of an operator"):
        w.backward()
    with Tape() as tape:
        y = w * w
    tape.gradient(y, w)
    with pytest.raises(ValueError, match="used up"):
        y.backward()


def test_bfloat16_is_held_as_float32():
    v = Variable([1.0], dtype="bfloat16")
    assert v.dtype == "bfloat16" and v.value.dtype == np.float32


def test_public():
    assert kerasnp.Variable is Variable and ops.convert_to_tensor(Variable([1.0])).tolist() == [1]


def test_logic_is_logical_for_every_type():
    a, b = np.array([True, False, True]), np.array([True, True, False])
    plain = b.tolist()
    for other in (b, Variable(b), plain):
        assert (Variable(a) & other).tolist() == [True, False, False]
        assert (Variable(a) | other).tolist() == [True, True, True]
        assert (Variable(a) ^ other).tolist() == [False, True, True]
    assert (plain & Variable(a)).tolist() == (b & Variable(a)).tolist() == [True, False, False]
    assert (plain | Variable(a)).tolist() == (b | Variable(a)).tolist() == [True, True, True]
    assert (plain ^ Variable(a)).tolist() == (b ^ Variable(a)).tolist() == [False, True, True]
    for dtype in ("int32", "float32", "uint8"):
        v = Variable([6, 0, 3], dtype=dtype)
        assert (v & [1, 1, 0]).tolist() == [True, False, False]
        assert (v | [0, 0, 8]).tolist() == [True, False, True]
        assert (v ^ 4).tolist() == (4 ^ v).tolist() == [False, True, False]
        assert (v & 1).dtype == (1 | v).dtype == bool


def test_inversion_turns_the_bits_of_integers_and_negates_truth():
    assert (~Variable([0, 5, -1])).tolist() == [-1, -6, 0] and (~Variable([0, 5])).dtype == np.int32
    assert (~Variable([0, 5], dtype="uint8")).tolist() == [255, 250]
    assert (~Variable([True, False])).tolist() == [False, True]
    with pytest.raises(TypeError):
        ~Variable([1.0])


def test_round():
    v = Variable([1.26, 2.5, -3.74])
    assert round(v).tolist() == [1, 2, -4] and round(v).dtype == np.float32
    np.testing.assert_allclose(round(v, 1), [1.3, 2.5, -3.7], rtol=1e-6)
    assert round(Variable([3, 4])).dtype == np.int32
    assert round(kerasnp.KerasTensor((None, 2))).shape == (None, 2)


def test_a_name_is_a_string_without_slashes():
    for name in (3, "a/b"):
        with pytest.raises(ValueError, match="`name` must be a string"):
            Variable([1.0], name=name)


def test_squeeze_of_arrays_variables_and_symbolic_tensors():
    x = np.ones((1, 3, 1), "float32")
    for value in (x, Variable(x), kerasnp.KerasTensor((1, 3, 1))):
        assert value.squeeze().shape == (3,) and value.squeeze(0).shape == (3, 1)
    w = Variable(x)
    with kerasnp.Tape() as tape:
        y = kerasnp.ops.sum(w.squeeze(axis=-1) * 2)
    assert (tape.gradient(y, w) == np.full((1, 3, 1), 2)).all()


def test_what_is_hung_on_a_variable_must_be_callable_and_a_flag_a_boolean():
    w = Variable([1.0, 2.0])
    for name in ("regularizer", "constraint"):
        setattr(w, name, abs)
        assert getattr(w, name) is abs
        with pytest.raises(ValueError, match=f"attribute `{name}`"):
            setattr(w, name, "l2")
        assert getattr(w, name) is abs
        setattr(w, name, None)
        assert getattr(w, name) is None
    w.overwrite_with_gradient = True
    with pytest.raises(TypeError, match="must be a boolean"):
        w.overwrite_with_gradient = "yes"
    assert w.overwrite_with_gradient is True
