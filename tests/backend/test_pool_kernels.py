"""Pooling kernels: the fast ones against their definitions, in every shape they know."""

import numpy as np
import pytest

from kerasnp import backend as K
from kerasnp.backend import reference, threads

from .test_conv_kernels import orders

CASES = [  # size, stride, padding of every axis
    (2, 2, (0, 0)),
    (3, 3, (0, 0)),
    (3, 2, (0, 0)),
    (3, 2, (1, 1)),
    (2, 1, (0, 1)),
    (2, 3, (0, 0)),
    (2, 3, (1, 1)),
    (1, 2, (0, 0)),
    (1, 1, (0, 0)),
    (9, 1, (0, 0)),
]


def small_integers(*shape, dtype="float64", seed=0):
    """Many ties."""
    return np.random.default_rng([seed, *shape]).integers(-2, 3, shape).astype(dtype)


def check(x, options):
    kept = x.copy()
    y = K.max_pool(x, *options)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, reference.max_pool(x, *options))
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype)
    kept_dy = dy.copy()
    dx = K.max_pool_grad(x, y, dy, *options)
    assert dx.dtype == x.dtype
    np.testing.assert_allclose(dx, reference.max_pool_grad(x, y, dy, *options), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(K.avg_pool(x, *options), reference.avg_pool(x, *options), rtol=1e-6, atol=1e-6)
    dx = K.avg_pool_grad(dy, x.shape, *options)
    assert dx.dtype == x.dtype
    np.testing.assert_allclose(dx, reference.avg_pool_grad(dy, x.shape, *options), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(dy, kept_dy)


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("size, stride, padding", CASES)
@pytest.mark.parametrize("space", [(8,), (7, 6), (4, 5, 6)], ids=str)
def test_sizes_strides_and_padding(space, size, stride, padding, n):
    rank = len(space)
    check(small_integers(n, *space, 3), ((size,) * rank, (stride,) * rank, (padding,) * rank))


@pytest.mark.parametrize("options", [((2, 2), (2, 2)), ((3, 2), (2, 1)), ((1, 3), (1, 2))], ids=str)
def test_any_order_in_memory(options):
    options = (*options, ((0, 1), (1, 0)))
    for x in orders(small_integers(6, 9, 8, 4, dtype="float32")):
        check(x, options)
    x = small_integers(6, 9, 8, 4)
    y = K.max_pool(x, *options)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    expected = reference.max_pool_grad(x, y, dy, *options), reference.avg_pool_grad(dy, x.shape, *options)
    for each in orders(dy):
        np.testing.assert_allclose(K.max_pool_grad(x, y, each, *options), expected[0])
        np.testing.assert_allclose(K.avg_pool_grad(each, x.shape, *options), expected[1])


def test_results_have_the_order_of_the_input():
    for x in orders(small_integers(6, 8, 8, 4)):
        y = K.max_pool(x, (2, 2), (2, 2), ((0, 0), (0, 0)))
        dx = K.max_pool_grad(x, y, np.ones_like(y), (2, 2), (2, 2), ((0, 0), (0, 0)))
        by_stride = [sorted(range(4), key=lambda i, a=a: -a.strides[i]) for a in (x, y, dx)]
        assert by_stride[0] == by_stride[1] == by_stride[2]


@pytest.mark.parametrize("strides", [(2, 2), (1, 1)])
def test_nan_wins_and_infinite_gradients_stay_in_place(strides):
    options = ((2, 2), strides, ((0, 0), (0, 0)))
    x = small_integers(2, 4, 4, 3)
    x[0, 1, 1, 2] = np.nan
    np.testing.assert_array_equal(K.max_pool(x, *options), reference.max_pool(x, *options))
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    y = K.max_pool(x, *options)
    dy = np.zeros(y.shape)
    dy[0, 0, 0] = np.inf
    dx = K.max_pool_grad(x, y, dy, *options)
    assert dx[0, 1, 1, 0] == np.inf and np.count_nonzero(dx) == 1


def test_padding_never_wins():
    x = -np.ones((1, 2, 2, 1))
    assert (K.max_pool(x, (2, 2), (1, 1), ((1, 1), (1, 1))) == -1).all()
    np.testing.assert_allclose(K.avg_pool(x, (2, 2), (1, 1), ((1, 1), (1, 1))), -1)


def test_integers():
    x = np.arange(32, dtype="int32").reshape(2, 4, 4, 1)
    options = ((3, 3), (1, 1), ((1, 1), (1, 1)))
    y = K.max_pool(x, *options)
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, reference.max_pool(x.astype(float), *options))


@pytest.mark.parametrize("options", [((2, 2), (2, 2), ((0, 0), (0, 0))), ((3, 3), (2, 2), ((0, 1), (0, 1)))], ids=str)
def test_the_same_bits_with_any_number_of_threads(options):
    before = threads.get_num_threads()
    for x in orders(small_integers(20, 31, 30, 16, dtype="float32")):
        found = []
        try:
            for count in (1, 2, 5):
                threads.set_num_threads(count)
                y = K.max_pool(x, *options)
                dy = np.random.default_rng(1).standard_normal(y.shape).astype("float32")
                found.append(
                    (
                        y,
                        K.max_pool_grad(x, y, dy, *options),
                        K.avg_pool(x, *options),
                        K.avg_pool_grad(dy, x.shape, *options),
                    )
                )
        finally:
            threads.set_num_threads(before)
        for others in found[1:]:
            for first, other in zip(found[0], others):
                np.testing.assert_array_equal(first, other)
