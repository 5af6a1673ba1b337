"""Layers of whole numbers and text: the table DISCRETE of cases.py against Keras, and what is peculiar to one layer."""

import copy
import json
import pickle
from pathlib import Path

import cases
import numpy as np
import pytest

import kerasnp
from kerasnp import layers

FILE = Path(__file__).resolve().parents[1] / "golden" / "discrete_layers.json"
GOLDEN = json.loads(FILE.read_text())
CASES = [
    pytest.param(name, f"{name}-{i}", *case[:2], case[2] if len(case) > 2 else None, id=f"{name}-{i}")
    for name, samples in cases.DISCRETE.items()
    for i, case in enumerate(samples)
]
sweep = pytest.mark.parametrize("name, key, arguments, inputs, adapted", CASES)


def made(name, arguments, inputs, adapted):
    layer = getattr(layers, name)(**arguments)
    if adapted is not None:
        layer.adapt(adapted)
    return layer, [np.asarray(v) for v in inputs] if isinstance(inputs, tuple) else np.asarray(inputs)


@sweep
def test_numbers_of_keras(name, key, arguments, inputs, adapted):
    layer, x = made(name, arguments, inputs, adapted)
    y, expected = layer(x), GOLDEN[key]
    np.testing.assert_allclose(y, expected["y"], rtol=1e-6) if y.dtype.kind != "O" else None
    assert y.dtype.kind != "O" or y.tolist() == expected["y"]
    assert y.dtype.name == expected["dtype"]
    if "vocabulary" in expected:
        assert layer.get_vocabulary() == expected["vocabulary"]
    if "shape" in expected:
        assert list(layer.compute_output_shape((None, *x.shape[1:]))) == expected["shape"]


@sweep
def test_config_of_keras(name, key, arguments, inputs, adapted):
    layer, x = made(name, arguments, inputs, adapted)
    layer(x)
    ours = cases.plain(json.loads(json.dumps(layer.get_config())))
    assert ours == cases.plain(GOLDEN[key]["config"])
    rebuilt = type(layer).from_config(GOLDEN[key]["config"])
    again = cases.plain(json.loads(json.dumps(rebuilt.get_config())))
    if name == "TextVectorization":  # counts what it has, which after `adapt` is not in the configuration
        assert again.pop("vocabulary_size") == rebuilt.vocabulary_size()
        ours.pop("vocabulary_size")
    assert again == ours


@sweep
def test_copies_and_lists(name, key, arguments, inputs, adapted):
    layer, x = made(name, arguments, inputs, adapted)
    y = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin(x), y)
    np.testing.assert_array_equal(layer(tuple(inputs) if isinstance(inputs, tuple) else inputs), y)
    assert layer.weights == []


def test_counts_may_be_weighted():
    layer = layers.CategoryEncoding(4, output_mode="count")
    y = layer(np.array([[0, 1], [0, 0], [1, 2]]), count_weights=np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3]]))
    np.testing.assert_allclose(y, [[0.1, 0.2, 0, 0], [0.2, 0, 0, 0], [0, 0.2, 0.3, 0]], rtol=1e-6)


@pytest.mark.parametrize("count", [30, 5000])
def test_adapted_bins_hold_equally_many_numbers(count):
    x = np.random.default_rng(0).exponential(size=count)
    layer = layers.Discretization(num_bins=5)
    layer.adapt(x)
    shares = np.bincount(layer(x), minlength=5) / count
    np.testing.assert_allclose(shares, 0.2, atol=0.05)
    twin = layers.Discretization.from_config(json.loads(json.dumps(layer.get_config())))
    np.testing.assert_array_equal(twin(x), layer(x))
    batched = layers.Discretization(num_bins=5)
    batched.adapt(iter(np.split(x, 10)))
    np.testing.assert_allclose(np.bincount(batched(x), minlength=5) / count, 0.2, atol=0.06)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.CategoryEncoding(), "num_tokens must be set"),
        (lambda: layers.CategoryEncoding(0), "must be >= 1"),
        (lambda: layers.CategoryEncoding(3, output_mode="int"), "output_mode"),
        (lambda: layers.CategoryEncoding(3, sparse=True), "sparse"),
        (lambda: layers.CategoryEncoding(3)(np.array([[1]]), count_weights=np.array([[1]])), "`count_weights` is not used"),
        (lambda: layers.Discretization(), "either `num_bins` or `bin_boundaries`"),
        (lambda: layers.Discretization([0.0], num_bins=2), "give one of them"),
        (lambda: layers.Discretization(num_bins=-1), "a count of 0 or more"),
        (lambda: layers.Discretization([0.0], output_mode="tf_idf"), "output_mode"),
        (lambda: layers.Discretization([0.0]).adapt([1.0]), "nothing to adapt"),
        (lambda: layers.Discretization(num_bins=2)(np.ones((1, 1))), "no boundaries yet"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_categories_inside_a_model(tmp_path):
    kerasnp.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    bins = layers.Discretization(num_bins=4, output_mode="multi_hot")
    bins.adapt(x)
    model = kerasnp.Sequential([kerasnp.Input((3,)), bins, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x.sum(axis=1), epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    twin = kerasnp.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
