"""Model(inputs, outputs) for layers in a row, and what it refuses."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers


def test_layers_in_a_row_are_a_stack(tmp_path):
    x = kerasnp.Input((4, 1), name="x")
    h = layers.Conv1D(2, 2, activation="relu")(x)
    y = layers.Dense(2, name="out")(layers.Flatten()(h))
    model = kerasnp.Model(x, y, name="chain")
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Conv1D", "Flatten", "Dense"]
    assert model.output_shape == (None, 2) and model.get_layer("out").built
    data = np.random.default_rng(0).normal(size=(6, 4, 1)).astype("float32")
    stack = kerasnp.Sequential(model.layers[1:])
    np.testing.assert_array_equal(model.predict(data, verbose=0), stack.predict(data, verbose=0))
    model.compile("sgd", "mse")
    model.fit(data, np.ones((6, 2)), verbose=0)
    model.save(tmp_path / "chain.keras")
    again = kerasnp.models.load_model(tmp_path / "chain.keras")
    assert type(again) is kerasnp.Sequential and again.name == "chain"
    np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))
    lines = []
    model.summary(print_fn=lines.append)
    assert "InputLayer" in lines[0]


def test_two_models_may_share_the_beginning():
    x = kerasnp.Input((3,))
    h = layers.Dense(4)(x)
    whole, part = kerasnp.Model(x, layers.Dense(1)(h)), kerasnp.Model([x], [h])
    assert whole.layers[1] is part.layers[1]
    assert part.predict(np.ones((2, 3)), verbose=0).shape == (2, 4)


def test_branches_are_refused():
    x, z = kerasnp.Input((3,)), kerasnp.Input((3,))
    y = layers.Dense(3)(x)
    with pytest.raises(ValueError, match="graphs of layers with branches are not supported"):
        kerasnp.Model([x, z], y)
    for outputs in (y + 1, layers.Dense(1)(y + x), layers.Dense(1)(z)):
        with pytest.raises(ValueError, match="not connected to `inputs` by layers called one after another"):
            kerasnp.Model(x, outputs)

    class Own(kerasnp.Model):
        pass

    with pytest.raises(ValueError, match="writes call\\(inputs\\) instead"):
        Own(x, y)


def test_a_stack_tells_its_symbolic_ends():
    stack = kerasnp.Sequential([kerasnp.Input((3,)), layers.Dense(4), layers.Dense(2)])
    assert stack.inputs[0].shape == (None, 3) and stack.outputs[0].shape == (None, 2)
    whole = kerasnp.Model(stack.inputs, stack.outputs)
    assert whole.layers[1:] == stack.layers
    with pytest.raises(AttributeError, match="has no defined inputs before"):
        _ = kerasnp.Sequential([layers.Dense(2)]).inputs
