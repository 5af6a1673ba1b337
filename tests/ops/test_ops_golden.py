"""Operators that NumPy lacks, against Keras (golden/ops.json) and their definitions."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from kerasnp import backend as K
from kerasnp import gradcheck, ops

CASES = json.loads((Path(__file__).parents[1] / "golden" / "ops.json").read_text())["cases"]
rng = np.random.default_rng(0)


def same(y, expected, dtype):
    assert str(y.dtype) == dtype
    np.testing.assert_allclose(y, np.array(expected), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['name']}-{c['kwargs']}")
def test_like_keras(case):
    numbers = [isinstance(v, list) and not isinstance(v[0], int) for v in case["args"]]
    args = [np.array(v, "float32") if n else v for n, v in zip(numbers, case["args"])]
    outputs = getattr(ops, case["name"])(*args, **case["kwargs"])
    for y, expected, dtype in zip(outputs if isinstance(outputs, tuple) else (outputs,), case["outputs"], case["dtypes"]):
        same(y, expected, dtype)


def test_special_functions_to_the_last_digits():
    x = np.array([0.1, 1.0, 3.0, 8.0, 20.0, -2.0, 30.0])
    # By the error function of C's mathematics library.
    from math import erfc

    np.testing.assert_allclose(K.erfc(x), [erfc(v) for v in x], rtol=1e-13)
    p = np.concatenate([rng.uniform(-1, 1, 500), [1 - 1e-12, -1 + 1e-15, 1e-300, 0]])
    np.testing.assert_allclose(K.erf(K.erfinv(p)), p, rtol=1e-14)
    np.testing.assert_allclose(K.erfc(K.erfinv(p[500:501])), 1 - p[500:501], rtol=1e-9)
    # I0' = I1, and the power series of I1.
    z, term, total = np.array([0.5, 2.0, 9.0]), np.array([0.25, 1.0, 4.5]), 0.0
    for k in range(60):
        total = total + term
        term = term * (z / 2) ** 2 / ((k + 1) * (k + 2))
    np.testing.assert_allclose(K.i1(z), total, rtol=1e-13)
    assert np.isfinite(K.i1(np.array([-700.0]))).all() and K.i1(np.array([-700.0])) < 0


WINDOWS = [{"kernel_size": 2}, {"kernel_size": (3, 2), "dilation": 2, "padding": (2, 1), "stride": (2, 1)}]


@pytest.mark.parametrize("window", WINDOWS)
def test_fold_is_the_transpose_of_unfold(window):
    x = rng.standard_normal((2, 3, 7, 6))
    patches = ops.unfold(x, **window)
    other = rng.standard_normal(patches.shape)
    back = ops.fold(other, (7, 6), **window)
    assert np.isclose((patches * other).sum(), (x * back).sum())
    gradcheck(lambda x: ops.unfold(x, **window), x)
    gradcheck(lambda x: ops.fold(x, (7, 6), **window), other)


def test_rearrange():
    x = rng.standard_normal((2, 4, 6, 3))
    y = ops.rearrange(x, "b (h p) (w q) c -> b (h w) (p q c)", p=2, q=3)
    np.testing.assert_array_equal(y[1, 3], x[1, 2:4, 3:6].reshape(-1))
    gradcheck(lambda x: ops.rearrange(x, "b h w c -> c (w h) b"), x)


@pytest.mark.parametrize("pattern, lengths", [
    ("b c h -> b c h", {}), ("b c h w -> b c h", {}), ("b c (h p) w -> b c h p w", {"p": 4}), ("b c h w b h c w", {}),
    ("b c h w -> ... w", {}), ("b c (h p) w -> b c h p w", {}), ("b c h h -> b c h h", {}),
])  # fmt: skip
def test_rearrange_refuses_what_does_not_fit(pattern, lengths):
    with pytest.raises(ValueError, match="rearrange"):
        ops.rearrange(np.ones((2, 3, 7, 6)), pattern, **lengths)


def test_jvp_is_the_jacobian_times_the_direction():
    x, w = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))
    dx, dw = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
    y, dy = ops.jvp(lambda p: ops.tanh(ops.matmul(p["x"], p["w"])), ({"x": x, "w": w},), ({"x": dx, "w": dw},))
    np.testing.assert_allclose(dy, (1 - np.tanh(x @ w) ** 2) * (dx @ w + x @ dw), rtol=1e-12)
    y, dy, aux = ops.jvp(lambda a: ((ops.square(a), 3.0), {"sum": ops.sum(a)}), (x,), (dx,), has_aux=True)
    np.testing.assert_allclose(dy[0], 2 * x * dx)
    assert dy[1] == 0 and aux["sum"] == x.sum()
    with pytest.raises(ValueError, match="shapes"):
        ops.jvp(ops.square, (x,), (dw,))


def test_complex_numbers():
    z = ops.polar(np.array([1.0, 2.0]), np.array([np.pi / 2, 1.0]))
    assert z.dtype == np.complex128
    np.testing.assert_allclose(z, [1j, 2 * np.exp(1j)], atol=1e-15)
    np.testing.assert_allclose(ops.angle(z), [np.pi / 2, 1.0])
    np.testing.assert_allclose(ops.conj(z), np.conj(z))
    assert ops.angle(np.array([-1, 1])).dtype == np.float32


def test_complex_numbers_stay_complex():
    z = ops.cast(np.array([[1.0, 2.0], [0.0, -3.0]], "float32"), "complex64") * np.array(1 + 2j, "complex64")
    assert z.dtype == ops.zeros((2,), "complex64").dtype == np.complex64
    for f, g in (
        (lambda z: ops.multiply(2.0, z), lambda z: z * 2), (lambda z: ops.multiply(z, 3), lambda z: 3 * z), (ops.exp, np.exp),
        (ops.sqrt, np.sqrt), (ops.mean, np.mean), (lambda z: ops.matmul(z, z), lambda z: z @ z),
        (lambda z: ops.divide(z, ops.array([1, 2])), lambda z: z / [1, 2]), (lambda z: ops.add(z, 1.5), lambda z: z + 1.5),
    ):  # fmt: skip
        assert f(z).dtype == np.complex64
        np.testing.assert_allclose(f(z), g(z), rtol=1e-6)
    assert kerasnp.backend.result_type("complex64", "int32") == "complex64"
    assert kerasnp.backend.result_type("complex64", "float64") == "complex128"


def test_no_gradient_passes_complex_numbers():
    with pytest.raises(ValueError, match="cannot be trained"):
        kerasnp.Variable(np.array([1j]))
    assert kerasnp.Variable(np.array([1j]), trainable=False).dtype == "complex128"
    x = kerasnp.Variable([1.0, 2.0])
    with kerasnp.Tape() as tape:
        y = x * np.array([1j, 1], "complex64")
    with pytest.raises(ValueError, match="Binary: no gradient passes complex numbers"):
        tape.gradient(y, x)


def test_namespaces_hold_the_same_functions():
    assert ops.numpy.sum is ops.sum and not hasattr(ops.numpy, "erf")
    assert ops.nn.conv is ops.conv and ops.nn.relu is ops.relu and ops.linalg.svd is ops.svd and ops.linalg.jvp is ops.jvp
