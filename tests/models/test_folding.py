"""Predictions in which a convolution does what follows it."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers as L  # noqa: N812
from kerasnp.models.folding import folded

RNG = np.random.default_rng(0)


def stack(shape, *of_layers):
    """A model whose normalizations have statistics and factors of their own, some of them negative."""
    model = kerasnp.Sequential([kerasnp.Input(shape), *of_layers])
    for w in model.weights:
        if w.name in ("gamma", "beta", "moving_mean", "bias"):
            w.assign(RNG.normal(size=w.shape))
        elif w.name == "moving_variance":
            w.assign(RNG.uniform(0.5, 2, w.shape))
    return model


def operators(model, x):
    return [operator for operator, _ in folded(model._direct_calls._operators(model, x))]


def conv(filters=4, size=3, **options):
    return lambda: L.Conv2D(filters, size, **options)


def norm(**options):
    return lambda: L.BatchNormalization(**options)


def act(name):
    return lambda: L.Activation(name)


def pool(*options):
    return lambda: L.MaxPooling2D(*options)


IMAGE = 9, 8, 3
CASES = {  # the layers, and the operators that predictions take
    "all of it": (IMAGE, [conv(), norm(), L.ReLU, pool(2)], "Folded"),
    "neither bias nor factors": (IMAGE, [conv(use_bias=False), norm(scale=False, center=False)], "Folded"),
    "no gamma": (IMAGE, [conv(), norm(scale=False)], "Folded"),
    "no beta": (IMAGE, [conv(use_bias=False), norm(center=False), act("tanh")], "Folded"),
    "twice": (IMAGE, [conv(padding="same"), norm(), L.ReLU, conv(5), norm(), L.ReLU], "Folded Folded"),
    "pool, then activation": (IMAGE, [conv(), norm(), pool(2), act("sigmoid")], "Folded"),
    "overlapping pool": (IMAGE, [conv(), norm(), pool(3, 2, "same")], "Folded"),
    "groups, strides": ((9, 8, 4), [conv(6, strides=2, groups=2), norm(), L.ReLU], "Folded"),
    "dilation": (IMAGE, [conv(dilation_rate=2), norm()], "Folded"),
    "one axis": ((12, 3), [lambda: L.Conv1D(4, 3, padding="causal"), norm(), L.ReLU, lambda: L.MaxPooling1D(2)], "Folded"),
    "three axes": ((5, 6, 7, 2), [lambda: L.Conv3D(3, 2), norm(), L.ReLU, lambda: L.MaxPooling3D(2)], "Folded"),
    # What stays by itself.
    "activation before norm": (IMAGE, [conv(activation="relu"), norm()], "Folded BatchNorm"),
    "pool before norm": (IMAGE, [conv(), pool(2), norm()], "ConvMaxPool BatchNorm"),
    "norm along rows": (IMAGE, [conv(), norm(axis=1), L.ReLU], "Folded BatchNorm Unary"),
    "two norms": (IMAGE, [conv(), norm(), norm()], "Folded BatchNorm"),
    "two pools": (IMAGE, [conv(), norm(), pool(2), pool(2)], "Folded MaxPool"),
    "two activations": (IMAGE, [conv(), L.ReLU, act("tanh")], "Folded Unary"),
    "an activation that falls": (IMAGE, [conv(), norm(), act("silu"), pool(2)], "Folded Silu MaxPool"),
    "a mean": (IMAGE, [conv(), norm(), lambda: L.AveragePooling2D(2)], "Folded AveragePool"),
}


def layer_by_layer(model, x):
    with kerasnp.Tape():  # which keeps the model from taking another way
        return np.asarray(model(x, training=False).value)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_those_of_the_layers(name):
    shape, makers, expected = CASES[name]
    model = stack(shape, *(make() for make in makers))
    x = RNG.normal(size=(70, *shape)).astype("float32")
    found = model.predict(x, batch_size=32, verbose=0)
    np.testing.assert_allclose(found, layer_by_layer(model, x), rtol=2e-5, atol=2e-6)
    np.testing.assert_array_equal(model.predict(x, batch_size=32, verbose=0), found)
    operators = folded(model._direct_calls._operators(model, x))
    assert " ".join(type(operator).__name__ for operator, _ in operators) == expected


def test_normalization_alone_makes_other_bits():
    """So the tests above do see what is folded."""
    model = stack(IMAGE, L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU())
    x = RNG.normal(size=(70, *IMAGE)).astype("float32")
    assert not np.array_equal(model.predict(x, batch_size=32, verbose=0), layer_by_layer(model, x))


def test_float64_stays():
    kerasnp.config.set_floatx("float64")
    try:
        model = stack(IMAGE, L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU())
        x = RNG.normal(size=(70, *IMAGE))
        found, expected = model.predict(x, verbose=0), layer_by_layer(model, x)
    finally:
        kerasnp.config.set_floatx("float32")
    assert found.dtype == expected.dtype == "float64"
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_what_is_predicted_follows_the_weights():
    model = stack(IMAGE, L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(), L.Flatten(), L.Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = RNG.normal(size=(96, *IMAGE)).astype("float32"), RNG.integers(0, 3, 96)
    first = model.predict(x, verbose=0)
    for change in (
        lambda: model.fit(x, y, verbose=0),
        lambda: model.layers[1].gamma.assign(-model.layers[1].gamma.numpy()),
        lambda: model.layers[1].moving_variance.assign(np.full(4, 3.0)),
    ):
        change()
        now = model.predict(x, verbose=0)
        assert np.abs(now - first).max() > 1e-4
        np.testing.assert_allclose(now, layer_by_layer(model, x), rtol=2e-5, atol=2e-6)
        first = now


def test_the_model_is_not_changed():
    model = stack(IMAGE, L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU())
    before = model.get_weights()
    model.predict(np.ones((70, *IMAGE), "float32"), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
