"""clone_model: the same layers, weights of their own."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models import clone_model


def small():
    inner = kerasnp.Sequential([layers.Dense(3, activation="relu", name="inside")], name="inner")
    return kerasnp.Sequential([kerasnp.Input((4,), name="x"), inner, layers.Dense(2, kernel_regularizer="l2")], name="m")


def test_a_clone_has_the_same_shape_and_other_weights():
    model = small()
    twin = clone_model(model)
    assert twin.name == "m" and twin.get_config() == model.get_config()
    assert all(a is not b for a, b in zip(twin.weights, model.weights)) and len(twin.weights) == 4
    assert not np.array_equal(twin.get_weights()[0], model.get_weights()[0])
    x = np.ones((2, 4), "float32")
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(x), model(x))
    assert clone_model(kerasnp.Sequential([layers.Dense(2)])).built is False


def test_layers_may_be_changed_on_the_way():
    def frozen(layer):
        copy = type(layer).from_config(layer.get_config())
        copy.trainable = False
        return copy

    assert clone_model(small(), clone_function=frozen).trainable_weights == []
    seen: list = []

    def noting(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    clone_model(small(), clone_function=noting)
    clone_model(small(), clone_function=noting, recursive=True)
    assert [n for n in seen if not n.startswith("dense")] == ["inner", "inside"]


def test_another_input():
    model = kerasnp.Sequential([kerasnp.Input((8, 4)), layers.Dense(3)])
    assert clone_model(model, input_tensors=kerasnp.Input((5, 4))).output_shape == (None, 5, 3)


def test_what_cannot_be_cloned():
    class Own(kerasnp.Model):
        def call(self, x):
            return x

    assert type(clone_model(Own())) is Own
    for arguments in ({"clone_function": lambda layer: layer}, {"input_tensors": kerasnp.Input((3,))}):
        with pytest.raises(ValueError, match="Sequential or Functional"):
            clone_model(Own(), **arguments)
    with pytest.raises(ValueError, match="call_function"):
        clone_model(small(), call_function=print)
