"""Random numbers: their distributions, types, seeds, and what is refused."""

import numpy as np
import pytest

import kerasnp
from kerasnp import random

N = 20_000


def test_categorical_follows_its_logits():
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        drawn = random.categorical(np.log(p), N, seed=1)
    assert drawn.shape == (2, N) and drawn.dtype == np.int32
    shares = np.stack([(drawn == k).mean(axis=1) for k in range(3)], axis=1)
    np.testing.assert_allclose(shares, p, atol=0.015)
    with pytest.raises(ValueError, match=r"logits of shape \(batch, classes\)"):
        random.categorical(np.ones(3), 2)


@pytest.mark.parametrize(
    "draw, mean, variance",
    [
        (lambda: random.beta((N, 2), [2.0, 0.5], 3.0, seed=2), [2 / 5, 1 / 7], [6 / 150, 1.5 / 12.25 / 4.5]),
        (lambda: random.gamma((N, 2), [2.0, 0.5], seed=3), [2, 0.5], [2, 0.5]),
        (lambda: random.binomial((N, 2), [10, 100], [0.5, 0.1], seed=4), [5, 10], [2.5, 9]),
    ],
)
def test_moments(draw, mean, variance):
    x = draw()
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.mean(axis=0), mean, rtol=0.05)
    np.testing.assert_allclose(x.var(axis=0), variance, rtol=0.1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_numbers_come_in_the_type_asked_for(dtype):
    drawn = [
        random.normal((3,), dtype=dtype), random.uniform((3,), dtype=dtype), random.truncated_normal((3,), dtype=dtype),
        random.gamma((3,), 0.01, dtype=dtype), random.beta((3,), 1.0, 1.0, dtype=dtype),
        random.binomial((3,), 5, 0.5, dtype=dtype),
    ]  # fmt: skip
    assert {kerasnp.backend.standardize_dtype(x.dtype) for x in drawn} == {dtype}


def test_wrong_types_are_refused():
    with pytest.raises(ValueError, match="`kerasnp.random.randint` requires an integer `dtype`"):
        random.randint((2,), 0, 3, dtype="float32")
    with pytest.raises(ValueError, match="`kerasnp.random.uniform` requires a floating point `dtype`"):
        random.uniform((2,), dtype="int32")


def test_seeds_in_every_spelling():
    generator = random.SeedGenerator(5)
    first = random.draw_seed(generator)
    np.testing.assert_array_equal(first, [5, 0])
    np.testing.assert_array_equal(random.draw_seed(generator), [5, 1])
    np.testing.assert_array_equal(first, [5, 0])  # a pair stays what it was
    np.testing.assert_array_equal(random.draw_seed(7), [7, 0])
    assert random.uniform((2,), seed=2**32 - 1).shape == (2,)
    with pytest.raises(ValueError, match="either an integer or a SeedGenerator"):
        random.draw_seed("x")
    with pytest.raises(ValueError, match="Argument `seed` must be an integer"):
        random.SeedGenerator("x")


def test_generator_round_trips_through_a_configuration():
    initializer = kerasnp.initializers.HeNormal(seed=random.SeedGenerator(3))
    config = kerasnp.initializers.serialize(initializer)
    assert config["config"]["seed"]["class_name"] == "SeedGenerator"
    again = kerasnp.initializers.deserialize(config)
    np.testing.assert_array_equal(initializer((2, 2)), again((2, 2)))
    assert np.any(again((2, 2)) != again((2, 2)))


def test_dropout_by_the_name_of_keras():
    y = random.dropout(np.ones((100, 100), "float32"), 0.25, seed=1)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert 0.2 < (y == 0).mean() < 0.3
