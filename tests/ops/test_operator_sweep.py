"""Every operator there is, whether or not somebody thought of testing it: found by its class, tried on its cases."""

import numpy as np
import pytest
from op_cases import CASES, all_operators

import kerasnp
from kerasnp import Tape, Variable, gradcheck
from kerasnp import backend as K
from kerasnp.autodiff import Operator


def _names():
    for cls in all_operators():
        table = getattr(cls, "table", None)
        yield from [cls.__name__] if table is None else [f"{cls.__name__}[{entry}]" for entry in table]


# By definition its gradient is not that of its values, which are steps; it has a test of its own below.
STRAIGHT_THROUGH = {"RoundToBfloat16"}
NAMES = sorted(set(_names()) - STRAIGHT_THROUGH)
EACH = [pytest.param(case, id=f"{name}-{i}") for name in NAMES for i, case in enumerate(CASES.get(name, ()))]
# Their gradients are pieces of one array, or come from the user's function together.
JOINT = {"Concatenate", "Stack", "Fourier", "InverseRealFourier", "CustomGradient"}
every_case = pytest.mark.parametrize("case", EACH)


def tuple_of(y):
    return y if isinstance(y, tuple) else (y,)


def values(y):
    return [np.asarray(v) for v in tuple_of(y)]


def is_float(a):
    return a.dtype.kind == "f"


def weights_for(outputs):
    return [np.random.default_rng(3).standard_normal(y.shape).astype(y.dtype) for y in outputs]


def run(case, arrays, wanted=None, function=None):
    """Forward and backward: the outputs, and the gradient of each input (None where there is none)."""

    def is_wanted(i):
        return is_float(arrays[i]) and (wanted is None or i in wanted)

    variables = [Variable(a, dtype=a.dtype, trainable=is_wanted(i)) for i, a in enumerate(arrays)]
    with Tape() as tape:
        outputs = tuple_of((function or case.make(arrays))(*variables))
    traced = [y for y in outputs if isinstance(y, Variable) and is_float(y.value)]
    return values(outputs), tape.gradient(traced, variables, weights_for(traced)) if traced else [None] * len(arrays)


def assert_same(one, other, rtol=1e-9, atol=1e-11):
    assert len(one) == len(other)
    for a, b in zip(one, other):
        if a is None or b is None:
            assert a is None and b is None
            continue
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", NAMES)
def test_has_cases(name):
    assert name in CASES, f"operator {name} has no cases: add some to tests/op_cases.py"


@every_case
def test_gradient(case):
    arrays = case.arrays()
    if not case.differentiable:
        assert run(case, arrays)[1] == [None] * len(arrays)
        return
    errors = gradcheck(lambda *v: case.make([getattr(x, "value", x) for x in v])(*v), *arrays, rtol=case.rtol)
    assert len(errors) == sum(map(is_float, arrays))


@every_case
def test_inputs_are_not_written(case):
    arrays = case.arrays()
    copies = [a.copy() for a in arrays]
    variables = [Variable(a, dtype=a.dtype, trainable=is_float(a)) for a in arrays]
    for v in variables:
        v.value.flags.writeable = False
    with Tape() as tape:
        outputs = tuple_of(case.make(arrays)(*variables))
    traced = [y for y in outputs if isinstance(y, Variable) and is_float(y.value)]
    before = [y.value.copy() for y in traced]
    if traced:
        tape.gradient(traced, variables, weights_for(traced))
    assert_same([v.value for v in variables], copies, rtol=0, atol=0)
    assert_same([y.value for y in traced], before, rtol=0, atol=0)


@every_case
def test_upstream_gradient_is_not_written(case):
    arrays = case.arrays()
    if not case.differentiable:
        pytest.skip("no gradient")
    op = case.make(arrays)
    with Tape(persistent=True):
        outputs = tuple_of(op(*[Variable(a, dtype=a.dtype, trainable=is_float(a)) for a in arrays]))
    dys = weights_for(outputs)
    for dy in dys:
        dy.flags.writeable = op.consumes_dy
    copies = [dy.copy() for dy in dys]
    op.backward(*dys)
    if not op.consumes_dy:
        assert_same(dys, copies, rtol=0, atol=0)


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_stays(case, dtype):
    arrays = case.arrays(dtype)
    arrays = [a.astype(dtype) if is_float(a) else a for a in arrays]
    op = case.make(arrays)
    outputs, gradients = run(case, arrays, function=op)
    if type(op).__name__ != "Cast":
        assert {y.dtype.name for y in outputs} == {dtype}
    assert {g.dtype.name for g in gradients if g is not None} <= {dtype}
    # What backward returns has this type too, before the tape could set it right.
    op = case.make(arrays)
    with Tape(persistent=True):
        recorded = tuple_of(op(*[Variable(a, dtype=a.dtype, trainable=is_float(a)) for a in arrays]))
    raw = tuple_of(op.backward(*weights_for(values(recorded))))
    if type(op).__name__ != "Cast":
        assert {g.dtype.name for g in raw if g is not None} <= {dtype}


@every_case
def test_float32_is_near_float64(case):
    if case.random:
        pytest.skip("other random numbers")
    arrays = case.arrays("float32")
    narrow = run(case, arrays)
    wide = run(case, [a.astype("float64") if is_float(a) else a for a in arrays])
    for a, b in zip(narrow, wide):
        assert_same(a, b, rtol=2e-4, atol=2e-4)


@every_case
@pytest.mark.parametrize("layout", ["fortran", "strided"])
def test_any_memory_layout(case, layout):
    arrays = case.arrays()
    expected = run(case, arrays)

    def laid_out(a):
        if a.ndim == 0:
            return a
        if layout == "fortran":
            return np.asfortranarray(a)
        wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
        wide[..., ::2] = a
        return wide[..., ::2]

    variables = [Variable(a, dtype=a.dtype, trainable=is_float(a)) for a in arrays]
    for v in variables:
        v.value = laid_out(v.value)
    with Tape() as tape:
        outputs = tuple_of(case.make(arrays)(*variables))
    assert_same(values(outputs), expected[0])
    traced = [y for y in outputs if isinstance(y, Variable) and is_float(y.value)]
    if traced:
        spread = [w.copy(order="F") for w in weights_for(traced)]
        assert_same(tape.gradient(traced, variables, spread), expected[1])


@every_case
@pytest.mark.parametrize("batch", [1, 0])
def test_batch_of_one_and_none(case, batch):
    if not case.batched:
        pytest.skip("no batch to cut")
    arrays = case.arrays(batch=batch)
    outputs, gradients = run(case, arrays)
    for a, g in zip(arrays, gradients):
        assert g is None or g.shape == a.shape
        assert g is None or np.isfinite(g).all()
    full, _ = run(case, case.arrays())
    for y, whole in zip(outputs, full):
        assert y.ndim == whole.ndim and y.dtype == whole.dtype
        if not case.mixes:
            np.testing.assert_allclose(y, whole[:batch], rtol=1e-9, atol=1e-11)


@every_case
def test_second_call_is_unaffected_by_the_first(case):
    first, second = case.arrays(seed=1), case.arrays(seed=2)
    expected = [run(case, first), run(case, second)]
    variables = [[Variable(a, dtype=a.dtype, trainable=is_float(a)) for a in arrays] for arrays in (first, second)]
    with Tape(persistent=True) as tape:
        outputs = [tuple_of(case.make(a)(*v)) for a, v in zip((first, second), variables)]
    for i in (0, 1):
        traced = [y for y in outputs[i] if isinstance(y, Variable) and is_float(y.value)]
        assert_same(values(outputs[i]), expected[i][0], rtol=0, atol=0)
        if traced:
            assert_same(tape.gradient(traced, variables[i], weights_for(traced)), expected[i][1], rtol=0, atol=0)


@every_case
def test_only_wanted_gradients(case):
    arrays = case.arrays()
    floats = [i for i, a in enumerate(arrays) if is_float(a)]
    if not case.differentiable:
        pytest.skip("no gradient")
    _, everything = run(case, arrays)
    for i in floats:
        _, gradients = run(case, arrays, wanted=[i])
        assert [j for j, g in enumerate(gradients) if g is not None] == [i]
        np.testing.assert_allclose(gradients[i], everything[i], rtol=1e-9, atol=1e-12)
    if len(floats) > 1:
        op = case.make(arrays)
        variables = [Variable(a, dtype=a.dtype, trainable=i != floats[0] and is_float(a)) for i, a in enumerate(arrays)]
        with Tape(persistent=True):
            outputs = tuple_of(op(*variables))
        skipped = op.backward(*weights_for(values(outputs)))[floats[0]]
        assert skipped is None or type(op).__name__ in JOINT


@every_case
def test_recorded_equals_unrecorded(case):
    arrays = case.arrays("float32")
    bare = tuple_of(case.make(arrays)(*arrays))
    assert not any(isinstance(y, Variable) for y in bare)
    assert_same(list(bare), run(case, arrays)[0], rtol=0, atol=0)
    op = case.make(arrays)
    op(*arrays)
    assert op.saved == ()


@every_case
def test_equals_its_twin_of_primitives(case):
    if case.twin is None:
        pytest.skip("no twin")
    arrays = case.arrays()
    for a, b in zip(run(case, arrays), run(case, arrays, function=case.twin)):
        assert_same(a, b, rtol=1e-7, atol=1e-9)


@every_case
def test_equals_its_definition(case):
    arrays = case.arrays()
    fast = run(case, arrays)
    with K.using("reference"):
        slow = run(case, arrays)
    for a, b in zip(fast, slow):
        assert_same(a, b, rtol=1e-8, atol=1e-10)


class SlightlyWrong(Operator):
    """y = x^2, with a gradient 0.1 % too large."""

    def forward(self, x):
        self.save(x)
        return x * x

    def backward(self, dy):
        return 2.002 * self.saved[0] * dy


def test_the_check_notices_a_thousandth():
    with pytest.raises(ValueError, match="input 0"):
        gradcheck(lambda x: SlightlyWrong()(x), np.random.default_rng(0).standard_normal((3, 4)))


def test_public():
    assert kerasnp.Operator is Operator


def test_rounding_to_bfloat16_hands_its_gradient_through():
    x = Variable(np.array([1.001, -3.1415926, 0.0, 65000.0], "float32"))
    with Tape() as tape:
        y = kerasnp.ops.cast(x, "bfloat16")
    np.testing.assert_array_equal(y.value, np.array([1.0, -3.140625, 0.0, 65024.0], "float32"))
    np.testing.assert_array_equal(tape.gradient(y, x, np.array([1.0, 2.0, 3.0, 4.0], "float32")), [1, 2, 3, 4])
