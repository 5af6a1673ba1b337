"""Arguments that functions of kerasnp.ops refuse, as sentences of their own."""

import numpy as np
import pytest

from kerasnp import KerasTensor, ops

x = np.arange(12, dtype="float32").reshape(3, 4)

MISTAKES = [
    (lambda: ops.swapaxes(x, 0, 2), "swapaxes: axis2 2 is out of bounds for an array of 2 axes"),
    (lambda: ops.moveaxis(x, -3, 0), "moveaxis: source -3 is out of bounds"),
    (lambda: ops.split(x, 2, axis=5), "split: axis 5 is out of bounds"),
    (lambda: ops.roll(x, 1, axis=2), "roll: axis 2 is out of bounds"),
    (lambda: ops.unstack(x, axis=2), "unstack: axis 2 is out of bounds"),
    (lambda: ops.normalize(x, axis=2), "axis 2 is out of bounds"),
    (lambda: ops.transpose(x, (0, 0)), "valid permutation"),
    (lambda: ops.reshape(x, (-1, -1)), "one -1"),
    (lambda: ops.rot90(x[0]), "at least two axes"),
    (lambda: ops.rot90(x, axes=(0, -2)), "two different axes"),
    (lambda: ops.pad(x, 1, mode="reflect", constant_values=1), "can only be provided when"),
    (lambda: ops.slice(x, (0,), (1,)), "must match the number of dimensions"),
    (lambda: ops.space_to_depth(x[None, :, :, None], 1), "`block_size` must be at least 2"),
    (lambda: ops.space_to_depth(x[None, :, :, None], 2), "must divide height and width"),
    (lambda: ops.depth_to_space(x[None, :, None], 3), "must divide the channels"),
    (lambda: ops.histogram(x), "1-dimensional"),
    (lambda: ops.histogram(x[0], bins=2.5), "`bins` should be a non-negative integer"),
    (lambda: ops.histogram(x[0], range=(1,)), "`range` must be a tuple of two"),
    (lambda: ops.segment_sum(x, [0, 1]), "same leading dimension"),
    (lambda: ops.segment_max(x, [[0], [1], [1]]), "1-D vector"),
    (lambda: ops.average(x, weights=[1.0, 2.0, 3.0]), "need one axis"),
    (lambda: ops.correlate(x, x), "must have one axis"),
    (lambda: ops.inner(x, x.T), "last dimension of both"),
    (lambda: ops.normalize(x, order=0), "`order` must be an int >= 1"),
    (lambda: ops.qr(x[0]), "rank >= 2"),
    (lambda: ops.stft(x, 2, 1, 4, window=x[0]), "shape of `window` must be equal"),
    (lambda: ops.istft((x, x), 2, 0, 4), "`sequence_stride` must be a positive integer"),
    (lambda: ops.view_as_complex(x), "must be size 2"),
    (lambda: ops.cond(x > 0, lambda: 1, lambda: 2), "one truth value"),
    (lambda: ops.scan(lambda c, v: (c, v), 0, x, unroll=-1), "`unroll` must be"),
    (lambda: ops.associative_scan(ops.add, [x, x[:2]]), "same first dimension"),
    (lambda: ops.vectorize(ops.trace, signature="n,n->"), "a signature looks like"),
    (lambda: ops.convert_to_numpy(KerasTensor((2,))), "no values to convert"),
]


@pytest.mark.parametrize("call, message", MISTAKES, ids=[m for _, m in MISTAKES])
def test_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_no_mistake():
    assert ops.concatenate([x, x[:1]], axis=None).shape == (16,)
    assert ops.max(np.zeros(0, "float32"), initial=-1.0) == -1 == -ops.min(np.zeros(0, "float32"), initial=1.0)
    np.testing.assert_array_equal(ops.slice(x, (1, 1), (-1, 2)), x[1:, 1:3])
    np.testing.assert_array_equal(ops.nanmedian(np.float32([np.inf, np.inf, 1])), np.inf)
    np.testing.assert_array_equal(ops.unique([3, 1, 1], size=3, return_counts=True)[1], [2, 1, 0])
    assert len(ops.unique(np.float32([np.nan, np.nan, 1]))) == 3
    np.testing.assert_allclose(ops.normalize(x + 1, axis=None, order=3), (x + 1) / ((x + 1) ** 3).sum() ** (1 / 3), rtol=1e-5)
    grouped = ops.conv(np.ones((1, 5, 4), "float32"), np.ones((2, 2, 6), "float32"))
    assert grouped.shape == (1, 4, 6) and (grouped == 4).all()
    lu, pivots = ops.lu_factor(x + np.eye(3, 4, dtype="float32"))
    rows = np.arange(3)
    for i, j in enumerate(pivots):
        rows[[i, j]] = rows[[j, i]]
    np.testing.assert_allclose((np.tril(lu[:, :3], -1) + np.eye(3)) @ np.triu(lu), (x + np.eye(3, 4))[rows], atol=1e-5)


def test_fmod_of_large_numbers_is_exact():
    large = np.float32([1e8, -1e8])
    np.testing.assert_array_equal(ops.fmod(large, np.float32(0.3)), np.fmod(large, np.float32(0.3)))
    assert ops.fmod([7, -7], 3).tolist() == [1, -1]


def test_moments_of_float16_beyond_its_range():
    mean, variance = ops.moments(np.float16([-1000, 1000]), axes=[0])
    assert mean == 0 and variance == np.finfo("float16").max and variance.dtype == "float16"


def test_vectorize_by_signature_and_with_whole_arguments():
    batch = np.random.default_rng(0).normal(size=(2, 1, 3, 4)).astype("float32")
    vectors = np.ones((5, 4), "float32")
    product = ops.vectorize(ops.matmul, signature="(n,m),(m)->(n)")(batch, vectors)
    np.testing.assert_allclose(product, batch @ vectors[0] + np.zeros((2, 5, 3)), rtol=1e-5)
    halves = ops.vectorize(lambda v: (v[:2], v[2:]), signature="(n)->(m),(m)")(x)
    assert [h.shape for h in halves] == [(3, 2), (3, 2)]
    pick = ops.vectorize(lambda table, i, shift=0: table[int(i)] + shift, excluded={0})
    np.testing.assert_array_equal(pick([10, 20, 30], [2, 0], shift=np.int32([1, 2])), [31, 12])
