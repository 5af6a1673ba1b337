"""Normalization: the blockwise kernels against their definitions, on both sides of every threshold."""

import numpy as np
import pytest

from kerasnp import backend as K
from kerasnp.backend import norm, reference, threads

# The last ones are large: several pixels a row, several pieces, a shorter last piece, an odd number of pixels.
SHAPES = [
    ((6, 3), (0,)), ((2, 3, 4, 5), (0, 1, 2)), ((2, 3, 4, 5), (0, 2, 3)), ((8, 16, 16, 33), (0, 1, 2)),
    ((64, 28, 28, 8), (0, 1, 2)), ((70001, 3), (0,)), ((300, 700), (0,)), ((5, 64, 64, 6), (0, 2, 3)),
]  # fmt: skip
cases = pytest.mark.parametrize("shape, axes", SHAPES, ids=str)


def data(shape, axes, dtype="float64"):
    rng = np.random.default_rng(0)
    kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
    x, dy = rng.standard_normal((2, *shape)).astype(dtype)
    gamma, beta, dmean, dvariance = rng.standard_normal((4, *kept)).astype(dtype)
    return 2 * x + 3, dy, gamma, beta, dmean, dvariance


@cases
@pytest.mark.parametrize("affine", [True, False])
def test_forward(shape, axes, affine):
    x, _, gamma, beta, *_ = data(shape, axes)
    gamma, beta = (gamma, beta) if affine else (None, None)
    kept = x.copy()
    for a, b in zip(
        K.batch_norm_train(x, gamma, beta, axes, 1e-3),
        reference.batch_norm_train(x, gamma, beta, axes, 1e-3),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
    for a, b in zip(K.moments(x, axes), reference.moments(x, axes), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    np.testing.assert_array_equal(x, kept)


@cases
@pytest.mark.parametrize("affine", [True, False])
def test_backward(shape, axes, affine):
    x, dy, gamma, _, dmean, dvariance = data(shape, axes)
    mean, variance = reference.moments(x, axes)
    for extra in ((None, None), (dmean, dvariance)):
        arguments = (dy, x, mean, variance, gamma if affine else None, axes, 1e-3, *extra)
        for a, b in zip(K.batch_norm_grad(*arguments), reference.batch_norm_grad(*arguments), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)
    assert K.batch_norm_grad(*arguments, wants_dx=False)[0] is None


@cases
def test_one_parameter_without_the_other(shape, axes):
    x, _, gamma, beta, *_ = data(shape, axes)
    mean, variance = reference.moments(x, axes)
    for g, b in ((gamma, None), (None, beta)):
        np.testing.assert_allclose(
            K.batch_norm(x, mean, variance, g, b, 1e-3),
            reference.batch_norm(x, mean, variance, g, b, 1e-3),
            rtol=1e-9,
            atol=1e-10,
        )


def test_bits_do_not_depend_on_the_threads():
    shape, axes = (64, 28, 28, 8), (0, 1, 2)
    x, dy, gamma, beta, *_ = data(shape, axes, "float32")
    before, found = threads.get_num_threads(), []
    try:
        for n in (1, 2, 5):
            threads.set_num_threads(n)
            y, mean, variance = K.batch_norm_train(x, gamma, beta, axes, 1e-3)
            found.append((y, mean, variance, *K.batch_norm_grad(dy, x, mean, variance, gamma, axes, 1e-3)))
    finally:
        threads.set_num_threads(before)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_variance_of_numbers_far_from_zero():
    x = (1e4 + np.random.default_rng(0).standard_normal((norm.LARGE // 4, 8))).astype("float32")
    _, variance = K.moments(x, (0,))
    np.testing.assert_allclose(variance, x.astype("float64").var(axis=0, keepdims=True), rtol=1e-3)


@pytest.mark.parametrize("offset", [0, 1.9, 2.1, 30], ids=str)
def test_sums_are_as_exact_on_either_side_of_what_is_close_to_zero(offset):
    rng, shape = np.random.default_rng(0), (norm.LARGE // 4, 8)
    x, dy = (offset + rng.standard_normal(shape)).astype("float32"), rng.standard_normal(shape).astype("float32")
    wide, wide_dy = x.astype("float64"), dy.astype("float64")
    mean, variance = K.moments(x, (0,))
    np.testing.assert_allclose(variance, wide.var(axis=0, keepdims=True), rtol=3e-6)
    _, dgamma, dbeta = K.batch_norm_grad(dy, x, mean, variance, None, (0,), 1e-3)
    x_hat = (wide - wide.mean(axis=0)) / np.sqrt(wide.var(axis=0) + 1e-3)
    np.testing.assert_allclose(dgamma[0], (wide_dy * x_hat).sum(axis=0), atol=2e-3)  # of sums of some 100
    np.testing.assert_allclose(dbeta[0], wide_dy.sum(axis=0), atol=1e-3)


def test_a_channel_of_equal_numbers_has_no_variance():
    x = np.random.default_rng(0).standard_normal((norm.LARGE // 4, 8)).astype("float32")
    x[:, 2], x[:, 5] = 7, 0
    with np.errstate(all="raise"):
        mean, variance = K.moments(x, (0,))
    np.testing.assert_allclose(mean[0, [2, 5]], [7, 0], rtol=1e-6)
    assert variance[0, 2] < 1e-9 and variance[0, 5] == 0 and variance[0, 0] > 0.9


@pytest.mark.parametrize("shape, axes", [((4, 6), (1,)), ((2, 3, 4), (1, 2)), ((3, 4, 5), (1,)), ((0, 4), (1,))])
def test_standardize(shape, axes):
    x, dy = np.random.default_rng(0).standard_normal((2, *shape))
    fast, slow = K.standardize(x, axes, 1e-3), reference.standardize(x, axes, 1e-3)
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(
        K.standardize_grad(dy, *fast, axes), reference.standardize_grad(dy, *slow, axes), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("shape", [(4, 6), (0, 3), (2, 3, 4, 5)])
def test_column_sums(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    axes = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(K.column_sums(x, axes), x.sum(axis=axes, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(K.column_sums(x.T, axes), x.T.sum(axis=axes, keepdims=True), atol=1e-12)
