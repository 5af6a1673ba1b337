"""get_state_tree and set_state_tree: all variables by their paths."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers


def trained():
    x = kerasnp.Input((3,))
    model = kerasnp.Model(x, layers.Dense(2, name="out")(layers.BatchNormalization(name="norm")(x)))
    model.compile(kerasnp.optimizers.Adam(name="adam"), "mse", metrics=["mae"])
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return model


def test_all_of_it_moves_to_another_model():
    model, other = trained(), trained()
    state = model.get_state_tree(value_format="numpy_array")
    assert set(state["trainable_variables"]) == {"norm", "out"} and set(state["optimizer_variables"]) == {"adam"}
    assert set(state["non_trainable_variables"]["norm"]) == {"moving_mean", "moving_variance"}
    assert state["metrics_variables"]["loss"]["count"] == 4
    assert model.get_state_tree()["trainable_variables"]["out"]["bias"] is model.get_layer("out").bias.value
    state["optimizer_variables"]["adam"] = {k: v for k, v in state["optimizer_variables"]["adam"].items() if len(k) < 14}
    other.set_state_tree(state)
    for a, b in zip(other.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(a, b)
    model.set_state_tree({"optimizer_variables": {"adam": {"learning_rate": 0.5}}})
    assert float(model.optimizer.learning_rate) == 0.5


def test_nothing_changes_unless_all_fits():
    model = trained()
    before = model.get_weights()
    for wrong, message in (
        ({"trainable_variables": {"out": {"bias": [9.0, 9.0]}, "norm": {"delta": [1.0]}}}, "no trainable variable of the path"),
        ({"trainable_variables": {"out": {"bias": [9.0, 9.0], "kernel": [1.0]}}}, "shape"),
        ({"weights": {}}, "Unknown variable name"),
    ):
        with pytest.raises(ValueError, match=message):
            model.set_state_tree(wrong)
        for a, b in zip(model.get_weights(), before):
            np.testing.assert_array_equal(a, b)


def test_paths_must_be_unique_and_formats_known():
    class Twins(kerasnp.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = layers.Dense(1, name="same"), layers.Dense(1, name="same")

        def call(self, x):
            return self.a(x) + self.b(x)

    model = Twins()
    model(np.ones((1, 2)))
    with pytest.raises(ValueError, match="variable path is found twice in the model: 'twins/same/kernel'"):
        model.get_state_tree()
    with pytest.raises(ValueError, match="Invalid `value_format`"):
        trained().get_state_tree("jax")
