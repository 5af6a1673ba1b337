"""Affine step and row sums against their definitions; and the switch to the definitions."""

import inspect

import numpy as np
import pytest

import kerasnp
from kerasnp import backend as K
from kerasnp.backend import reference

rng = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(5, 4), (1, 4), (0, 4), (2, 3, 4), (3000, 4)])
@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
def test_dense(shape, activation):
    x, w, b = rng.standard_normal(shape), rng.standard_normal((4, 3)), rng.standard_normal(3)
    kept = b.copy()
    fused = activation and K.fused[activation]
    np.testing.assert_allclose(K.dense(x, w, b, fused), reference.dense(x, w, b, fused), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(K.dense(x, w), reference.dense(x, w), rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(b, kept)
    out = np.empty((*shape[:-1], 3))
    assert K.dense(x, w, b, fused, out=out) is out


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
@pytest.mark.parametrize("shape", [(5, 3), (0, 3), (2, 4, 3), (700, 1)])
def test_sum_rows(shape, dtype):
    x = rng.integers(-5, 5, shape).astype(dtype)
    np.testing.assert_array_equal(K.sum_rows(x), reference.sum_rows(x))
    assert K.sum_rows(x).dtype == reference.sum_rows(x).dtype
    out = np.empty(shape[-1], x.sum(axis=0).dtype)
    assert K.sum_rows(x, out=out) is out


def test_orthonormal():
    q = K.orthonormal(rng.standard_normal((6, 4)))
    np.testing.assert_allclose(q.T @ q, np.eye(4), atol=1e-12)


def test_definitions_have_the_same_signatures():
    for name, definition in vars(reference).items():
        if inspect.isfunction(definition) and definition.__module__ == reference.__name__ and not name.startswith("_"):
            kernel = getattr(K, name)
            assert kernel is not definition
            assert list(inspect.signature(kernel).parameters.values()) == list(
                inspect.signature(definition).parameters.values()
            ), name


def test_a_net_gives_the_same_numbers_by_the_definitions():
    ops = kerasnp.ops
    x = rng.standard_normal((6, 8, 8, 2)).astype("float32")
    labels = rng.integers(0, 3, 6)
    shapes = {"kernel": (3, 3, 2, 4), "bias": (4,), "gamma": (4,), "beta": (4,), "w": (36, 3), "b": (3,)}
    weights = {
        name: kerasnp.Variable(0.3 * rng.standard_normal(shape).astype("float32")) for name, shape in shapes.items()
    }

    def train():
        with kerasnp.Tape() as tape:
            y = ops.conv(x, weights["kernel"], bias=weights["bias"])
            y, *_ = ops.batch_normalization_training(y, (0, 1, 2), weights["gamma"], weights["beta"])
            y = ops.max_pool(ops.relu(y), 2)
            y = ops.dense(ops.reshape(y, (6, -1)), weights["w"], weights["b"])
            loss = ops.mean(ops.sparse_categorical_crossentropy(labels, y, from_logits=True))
        return [loss.numpy(), *tape.gradient(loss, list(weights.values()))]

    fast = train()
    kernel = K.conv
    with K.using("reference"):
        assert K.conv is reference.conv
        slow = train()
    assert K.conv is kernel
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


def test_using_an_unknown_set():
    with pytest.raises(ValueError, match="'reference'.*Received: 'slow'"), K.using("slow"):
        pass
