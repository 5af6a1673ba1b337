"""Subclassed models: their weights from a shape, from data, and from files."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers


@kerasnp.saving.register_keras_serializable("tests")
class Nested(kerasnp.Model):
    """Layers in a list, in a dictionary and inside another layer."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.stack = [layers.Dense(units), layers.Dense(units)]
        self.heads = {"a": layers.Dense(2), "b": (layers.Dense(2),)}
        self.calls = self.add_weight(name="calls", trainable=False, initializer="zeros")

    def call(self, x):
        self.calls.assign_add(1)
        for layer in self.stack:
            x = layer(x)
        return self.heads["a"](x) + self.heads["b"][0](x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_weights_come_from_a_shape_without_a_trace():
    model = Nested()
    model.build((None, 5))
    assert model.built and model.count_params() == 18 + 12 + 8 + 8 + 1
    assert float(model.calls) == 0
    with pytest.raises(ValueError, match="cannot be built for input_shape=.*call the model on data instead"):
        Nested().build((None, 5, 6, 7)[:0])


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_a_saved_model_predicts_the_same(tmp_path, suffix):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    model = Nested()
    model.compile("sgd", "mse")
    model.fit(x, np.ones((4, 2)), verbose=0)
    assert float(model.calls) == 1
    path = str(tmp_path / f"nested{suffix}")
    if suffix == ".keras":
        model.save(path)
        again = kerasnp.models.load_model(path)
        assert again.compiled and again.built
    else:
        model.save_weights(path)
        again = Nested()
        again.build((None, 5))
        again.load_weights(path)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_the_table_shows_the_shape_that_each_layer_saw():
    model, lines = Nested(), []
    model.build((None, 5))
    model.summary(print_fn=lines.append)
    assert lines[0].count("(None, 3)") == 2 and lines[0].count("(None, 2)") == 2


def test_the_table_shows_the_shape_of_layers_of_several_inputs():
    class Attending(kerasnp.Model):
        def __init__(self):
            super().__init__()
            self.attention = layers.MultiHeadAttention(2, 2, output_shape=(4,))

        def call(self, x):
            return self.attention(x, x, x)

    model = Attending()
    model(np.ones((1, 2, 2)))
    assert "(None, 2, 4)" in model.summary(print_fn=lambda text: None)


def test_a_layer_kept_as_an_attribute_is_no_part_of_a_stack(tmp_path):
    class Stack(kerasnp.Sequential):
        def __init__(self):
            super().__init__([kerasnp.Input((4,)), kerasnp.layers.Dense(3), kerasnp.layers.Dense(2)])
            self.extra, self.bank = kerasnp.layers.Dense(2), [kerasnp.layers.Dense(1)]
            self.extra.build((None, 3))
            self.bank[0].build((None, 2))

    model, other = Stack(), Stack()
    assert len(model.layers) == 2 and len(model.weights) == 4 and model(np.ones((1, 4))).shape == (1, 2)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    for a, b in ((model.extra, other.extra), (model.bank[0], other.bank[0]), (model, other)):
        np.testing.assert_array_equal(a.get_weights()[0], b.get_weights()[0])
