"""Activations, erf and the softmax family: the fast kernels against their definitions."""

import math

import numpy as np
import pytest

from kerasnp import backend as K
from kerasnp.backend import activation, reference, threads

SHAPES = [(), (1,), (0, 3), (7,), (32, 10), (3, 64), (2, 3, 5), (2, 130)]


def normal(shape, dtype="float64", seed=0):
    return np.asarray(2 * np.random.default_rng(seed).standard_normal(shape), dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", K.fused)
def test_fused_equals_its_definition(name, shape):
    value, slope = reference.activations[name]
    z, dy = normal(shape), normal(shape, seed=1)
    expected = value(z)
    y = K.fused[name].forward(z)
    assert y is z, "forward works in place"
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    kept = dy.copy(), y.copy()
    np.testing.assert_allclose(K.fused[name].backward(y, dy), slope(y) * dy, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(dy, kept[0])
    np.testing.assert_array_equal(y, kept[1])


@pytest.mark.parametrize("name", K.fused)
def test_fused_keeps_float32_and_survives_extremes(name):
    z = np.array([-1e4, -100.0, 0.0, 100.0], "float32")[: 3 if name == "exponential" else 4]
    with np.errstate(under="ignore"):
        y = K.fused[name].forward(z.copy())
    assert y.dtype == np.float32 and np.isfinite(y).all()
    dz = K.fused[name].backward(y, np.ones_like(y))
    assert dz.dtype == np.float32 and np.isfinite(dz).all()


@pytest.mark.parametrize("name", ["relu", "sigmoid", "softplus", "erf"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_functions_equal_their_definitions(name, shape):
    x = normal(shape)
    kept = x.copy()
    y = getattr(K, name)(x)
    np.testing.assert_allclose(y, getattr(reference, name)(x), rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(x, kept)


def test_relu_passes_nan():
    assert np.isnan(K.relu(np.array([np.nan, 1.0], "float32"))[0])


def test_relu_grad_of_a_large_array_does_not_depend_on_the_threads():
    y, dy = (normal(activation.LARGE + 5, "float32", seed) for seed in (0, 1))
    y = np.maximum(y, 0)
    before, found = threads.get_num_threads(), []
    try:
        for n in (1, 3):
            threads.set_num_threads(n)
            found.append(K.relu_grad(y, dy))
    finally:
        threads.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], reference.relu_grad(y, dy))


def test_relu_grad_of_arrays_in_different_orders():
    y = np.maximum(normal((64, 128, 160), "float32"), 0)
    dy = np.asfortranarray(normal(y.shape, "float32", 1))
    np.testing.assert_array_equal(K.relu_grad(y, dy), reference.relu_grad(y, dy))


def test_erf_in_float64():
    x = np.concatenate([np.linspace(-7, 7, 20001), 10.0 ** np.arange(-300, 0, 7), [0.46875, 4.0, 5.9999, 6.0, 30.0]])
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(K.erf(x), expected, rtol=1e-15, atol=0)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(K.erf(special), [0.0, -0.0, 1.0, -1.0, np.nan])
    assert np.signbit(K.erf(special))[1]


def test_erf_in_float32():
    x = np.linspace(-6, 6, 100001, dtype="float32")
    expected = np.array([math.erf(v) for v in x])
    assert K.erf(x).dtype == np.float32
    np.testing.assert_allclose(K.erf(x), expected, rtol=5e-7, atol=0)
    assert np.abs(K.erf(x)).max() <= 1


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    "shape, axis",
    [((32, 10), -1), ((4, 3), 0), ((2, 3, 4), 1), ((2, 3, 4), 2), ((2, 3, 600), -1), ((0, 5), -1), ((2, 3, 4), (1, 2))],
)
def test_softmax_equals_its_definition(name, shape, axis):
    x, dy = normal(shape), normal(shape, seed=1)
    y = getattr(K, name)(x, axis)
    np.testing.assert_allclose(y, getattr(reference, name)(x, axis), rtol=1e-11, atol=1e-12)
    kept = y.copy(), dy.copy()
    grad = name + "_grad"
    np.testing.assert_allclose(
        getattr(K, grad)(y, dy, axis), getattr(reference, grad)(y, dy, axis), rtol=1e-11, atol=1e-12
    )
    np.testing.assert_array_equal(y, kept[0])
    np.testing.assert_array_equal(dy, kept[1])


def test_softmax_of_huge_and_of_transposed_scores():
    np.testing.assert_array_equal(K.softmax(np.array([[1e4, 0.0], [-1e30, -1e30]], "float32")), [[1, 0], [0.5, 0.5]])
    x = normal((10, 32)).T
    np.testing.assert_allclose(K.softmax(x), reference.softmax(x), rtol=1e-12)


@pytest.mark.parametrize("n", [0, 1, 32, 300])
def test_softmax_cross_entropy(n):
    x = normal((n, 10))
    labels = np.random.default_rng(2).integers(0, 10, n)
    loss, p = K.softmax_cross_entropy(x, labels)
    expected_loss, expected_p = reference.softmax_cross_entropy(x, labels)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    np.testing.assert_allclose(p, expected_p, rtol=1e-12)
    dy = normal(n, seed=3)
    np.testing.assert_allclose(
        K.softmax_cross_entropy_grad(p, labels, dy),
        reference.softmax_cross_entropy_grad(p, labels, dy),
        rtol=1e-12,
        atol=1e-15,
    )


@pytest.mark.parametrize("n", [0, 1, 32, 300])
@pytest.mark.parametrize("order", "CF")
def test_softmax_mean_cross_entropy(n, order):
    x = np.asarray(normal((n, 10)), order=order)
    labels = np.random.default_rng(2).integers(0, 10, n)
    loss, p, places = K.softmax_mean_cross_entropy(x, labels)
    expected_loss, expected_p, expected_places = reference.softmax_mean_cross_entropy(x, labels)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    np.testing.assert_allclose(p, expected_p, rtol=1e-12)
    np.testing.assert_array_equal(places, expected_places)
    np.testing.assert_allclose(
        K.softmax_mean_cross_entropy_grad(p, places, np.float64(0.7)),
        reference.softmax_mean_cross_entropy_grad(p, places, np.float64(0.7)),
        rtol=1e-12,
        atol=1e-15,
    )


def test_softmax_cross_entropy_is_exact_where_the_probability_underflows():
    x, labels = np.array([[0.0, 500.0]], "float32"), np.array([0])
    assert K.softmax_cross_entropy(x, labels)[0] == 500
    assert K.softmax_mean_cross_entropy(x, labels)[0] == 500


def test_sigmoid_is_exact_where_it_is_small_and_never_overflows():
    z = np.array([-1e4, -100, -30, -5, 0, 30, 1e4], "float32")
    with np.errstate(all="raise", under="ignore"):
        for y in (K.sigmoid(z), K.fused["sigmoid"].forward(z.copy())):
            np.testing.assert_allclose(y, 1 / (1 + np.exp(-z.astype("float64").clip(-700, 700))), rtol=3e-7, atol=1e-38)


def test_sigmoid_cross_entropy():
    x, t = normal((5, 4)), np.random.default_rng(1).random((5, 4))
    np.testing.assert_allclose(K.sigmoid_cross_entropy(x, t), reference.sigmoid_cross_entropy(x, t), rtol=1e-12)
    assert K.sigmoid_cross_entropy(np.array([1e4, -1e4]), np.array([0.0, 1.0])).tolist() == [1e4, 1e4]
