"""The stack: building, names, shapes, summary, configuration, and its errors."""

import copy
import json
import pickle

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops


def mlp():
    return kerasnp.Sequential([kerasnp.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)])


def test_weights_exist_as_soon_as_the_input_is_known():
    model = mlp()
    assert model.built and model.input_shape == (None, 3) and model.output_shape == (None, 2)
    first, second = "sequential/dense", "sequential/dense_1"
    assert [w.path for w in model.weights] == [f"{first}/kernel", f"{first}/bias", f"{second}/kernel", f"{second}/bias"]
    assert model.count_params() == 3 * 4 + 4 + 4 * 2 + 2


def test_deferred_build_takes_the_shape_of_the_data():
    model = kerasnp.Sequential([layers.Dense(4), layers.Dense(2)])
    assert not model.built and model.weights == []
    assert model(np.ones((5, 3), "float32")).shape == (5, 2)
    assert model.built and model.input_shape == (None, 3)


@pytest.mark.parametrize("spelling", [{"input_shape": (3,)}, {"input_dim": 3}, {"batch_input_shape": (None, 3)}])
def test_keras_2_spellings_of_the_first_shape(spelling):
    model = kerasnp.Sequential([layers.Dense(4, **spelling)])
    assert model.built and model.input_shape == (None, 3)


def test_build_makes_the_weights():
    model = kerasnp.Sequential([layers.Dense(4), layers.Dense(2)])
    model.build((None, 7))
    assert model.weights[0].shape == (7, 4)


def test_pop_takes_the_top_layer_off():
    model = mlp()
    top = model.pop()
    assert top.units == 2 and model.output_shape == (None, 4) and len(model.layers) == 1
    model.add(layers.Dense(5))
    assert model.output_shape == (None, 5)


def test_pop_of_an_empty_model():
    with pytest.raises(TypeError, match="no layers in the model"):
        kerasnp.Sequential().pop()


def test_call_equals_the_layers_one_by_one():
    model = mlp()
    x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    by_hand = model.layers[1](model.layers[0](x))
    np.testing.assert_array_equal(model(x), by_hand)
    np.testing.assert_array_equal(model.predict(x, verbose=0), by_hand)


def test_nested_models_share_their_weights():
    inner = mlp()
    outer = kerasnp.Sequential([kerasnp.Input((3,)), inner, layers.Dense(1)])
    assert outer.output_shape == (None, 1)
    assert outer.weights[0] is inner.weights[0] and len(outer.weights) == 6


def test_a_layer_of_ones_own_trains_without_a_gradient_written():
    class Affine(layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

        def call(self, inputs):
            return ops.tanh(ops.matmul(inputs, self.w) + self.b)

    model = kerasnp.Sequential([kerasnp.Input((2,)), Affine(8), Affine(1)])
    assert model.output_shape == (None, 1)
    x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    y = np.tanh(x[:, :1] - x[:, 1:])
    model.compile(kerasnp.optimizers.Adam(0.05), "mse")
    history = model.fit(x, y, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.02 * history[0]
    assert model.layers[0].get_config()["units"] == 8


def test_automatic_names_count_up_and_start_again():
    assert [layer.name for layer in mlp().layers] == ["dense", "dense_1"]
    assert [layer.name for layer in mlp().layers] == ["dense_2", "dense_3"]
    kerasnp.backend.clear_session()
    assert [layer.name for layer in mlp().layers] == ["dense", "dense_1"]


def test_configuration_round_trip_through_json():
    model = mlp()
    config = json.loads(json.dumps(model.get_config()))
    twin = kerasnp.Sequential.from_config(config)
    twin.set_weights(model.get_weights())
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(twin(x), model(x))
    assert json.loads(json.dumps(twin.get_config())) == config
    text = kerasnp.models.model_from_json(model.to_json())
    assert [layer.name for layer in text.layers] == [layer.name for layer in model.layers]


def test_copies_are_independent():
    model = mlp()
    model.compile("adam", "mse")
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    model.fit(x, y, verbose=0)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin(x), model(x))
        twin.fit(x, y, verbose=0)
        assert not np.array_equal(twin(x), model(x))


def test_summary_is_returned_and_counts(capsys):
    model = kerasnp.Sequential(
        [kerasnp.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(10)]
    )
    text = model.summary()
    assert capsys.readouterr().out.strip() == text.strip()
    assert "conv2d (Conv2D)" in text and "(None, 6, 6, 4)" in text and "1,450" in text
    trainable = sum(w.size for w in model.trainable_weights)
    frozen = sum(w.size for w in model.non_trainable_weights)
    assert f"Total params: {trainable + frozen:,} (" in text
    assert f"Trainable params: {trainable:,} (" in text and f"Non-trainable params: {frozen:,} (32.00 B)" in text


def test_summary_never_cuts_a_name_and_shows_an_unbuilt_model():
    name = "a_layer_with_a_very_long_name_that_a_fixed_column_would_have_cut_off_somewhere_in_the_middle"
    model = kerasnp.Sequential([layers.Dense(4, name=name)])
    lines = []
    text = model.summary(print_fn=lines.append)
    assert name in text and "unbuilt" in text and lines == [text]


def test_freezing_a_layer():
    model = mlp()
    model.layers[0].trainable = False
    assert len(model.trainable_weights) == 2 and len(model.non_trainable_weights) == 2
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(np.ones((4, 3), "float32"), np.ones((4, 2), "float32"), verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


def test_activations_of_a_layer_inside():
    model = mlp()
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    np.testing.assert_allclose(model.activations_of("dense", x), model.layers[0](x), rtol=1e-6)
    np.testing.assert_allclose(model.activations_of(-1, x), model(x), rtol=1e-6)


class TestErrors:
    def test_something_that_is_no_layer(self):
        with pytest.raises(ValueError, match="Only instances of `kerasnp.Layer`.*with parentheses"):
            kerasnp.Sequential([layers.Dense])

    def test_a_name_twice(self):
        with pytest.raises(ValueError, match="unique names.*'d'"):
            kerasnp.Sequential([layers.Dense(1, name="d"), layers.Dense(1, name="d")])

    def test_a_wrong_input_shape_names_layer_expected_and_received(self):
        with pytest.raises(ValueError, match=r'first layer "dense": expected shape \(None, 3\). Received: .*\(2, 5\)'):
            mlp()(np.ones((2, 5)))

    def test_units_below_one(self):
        with pytest.raises(ValueError, match='Dense "logits": `units` must be a positive integer. Received: units=-3'):
            layers.Dense(-3, name="logits")

    def test_a_layer_that_does_not_fit_the_one_below(self):
        with pytest.raises(ValueError, match="conv2d"):
            kerasnp.Sequential([kerasnp.Input((4,)), layers.Conv2D(2, 3)])

    def test_predicting_without_layers(self):
        with pytest.raises(ValueError, match="has no layers"):
            kerasnp.Sequential().predict(np.ones((2, 3)), verbose=0)

    def test_weights_before_build(self, tmp_path):
        model = kerasnp.Sequential([layers.Dense(2)])
        with pytest.raises(ValueError, match="[Bb]uil"):
            model.count_params()
        with pytest.raises(ValueError, match="[Bb]uil"):
            model.save_weights(tmp_path / "w.weights.h5")
        assert list(tmp_path.iterdir()) == []

    def test_set_weights_changes_nothing_when_one_does_not_fit(self):
        model = mlp()
        before = model.get_weights()
        wrong = [np.zeros_like(w) for w in before]
        wrong[-1] = np.zeros(7)
        with pytest.raises(ValueError, match=r"dense_1/bias"):
            model.set_weights(wrong)
        for a, b in zip(before, model.get_weights()):
            np.testing.assert_array_equal(a, b)

    def test_an_unknown_layer_name_lists_those_there_are(self):
        with pytest.raises(ValueError, match=r"No such layer: nope.*'dense', 'dense_1'"):
            mlp().get_layer("nope")


class TestPoolingInsideTheConvolution:
    """Conv + MaxPooling is computed in one step; the numbers must be those of two."""

    @staticmethod
    def model(activation, use_bias, padding):
        return kerasnp.Sequential(
            [
                kerasnp.Input((9, 8, 2)),
                layers.Conv2D(3, 3, activation=activation, use_bias=use_bias, bias_initializer="random_normal"),
                layers.MaxPooling2D(2, padding=padding),
                layers.Conv2D(4, 2, padding="same", activation=activation),
                layers.MaxPooling2D(3, 1, padding=padding),
                layers.Flatten(),
                layers.Dense(2),
            ]
        )

    @pytest.mark.parametrize("padding", ["valid", "same"])
    @pytest.mark.parametrize("use_bias", [True, False])
    @pytest.mark.parametrize("activation", [None, "relu", "tanh", "elu", "sigmoid", "gelu"])
    def test_same_outputs_and_updates(self, activation, use_bias, padding):
        x = np.random.default_rng(0).normal(size=(10, 9, 8, 2)).astype("float32")
        y = np.random.default_rng(1).normal(size=(10, 2)).astype("float32")
        one = self.model(activation, use_bias, padding)
        two = self.model(activation, use_bias, padding)
        two.set_weights(one.get_weights())
        two.fuse = False
        absorbed = activation not in ("sigmoid", "gelu")
        assert len(one._in_turn()) == (4 if absorbed else 6) and len(two._in_turn()) == 6
        np.testing.assert_array_equal(one(x), two(x))
        for m in (one, two):
            m.compile(kerasnp.optimizers.SGD(0.01), "mse")
            m.fit(x, y, epochs=3, batch_size=5, shuffle=False, verbose=0)
        for a, b in zip(one.get_weights(), two.get_weights()):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)

    def test_a_layer_inside_can_still_be_looked_at(self):
        m = self.model("relu", True, "valid")
        x = np.random.default_rng(0).normal(size=(3, 9, 8, 2)).astype("float32")
        np.testing.assert_allclose(m.activations_of(0, x), m.layers[0](x), rtol=1e-6)
        np.testing.assert_allclose(m.activations_of(1, x), m.layers[1](m.layers[0](x)), rtol=1e-6)
        assert m.fuse


def test_a_call_of_the_users_does_its_own_step_alone():
    class Doubled(layers.Conv2D):
        def call(self, inputs):
            return super().call(inputs) * 2

    inner = [Doubled(2, 3), layers.MaxPooling2D()]
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 1)).astype("float32")
    stack = kerasnp.Sequential([kerasnp.Input((8, 8, 1)), *inner])
    expected = inner[1](inner[0](x))
    np.testing.assert_array_equal(stack(x), expected)
    a = kerasnp.Input((8, 8, 1))
    np.testing.assert_array_equal(kerasnp.Model(a, inner[1](inner[0](a)))(x), expected)


def test_a_stack_without_input_takes_other_lengths_later():
    model = kerasnp.Sequential([layers.Conv1D(2, 3), layers.GlobalMaxPooling1D()])
    assert model.predict(np.ones((2, 7, 4), "float32"), verbose=0).shape == (2, 2)
    assert model.predict(np.ones((2, 9, 4), "float32"), verbose=0).shape == (2, 2)
    with pytest.raises(ValueError, match="axis 2"):
        model.predict(np.ones((2, 9, 5), "float32"), verbose=0)
