"""Objects as configurations: shared ones, raw ones, wrong names, classes that cannot be rebuilt."""

import json
import zipfile

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, saving
from kerasnp.saving import sharing


class Around(layers.Layer):
    """A wrapper that hands raw objects to its configuration."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**layers.Layer.get_config(self), "inner": self.inner}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "inner": saving.deserialize_keras_object(config["inner"])})


def through_json(obj):
    return json.loads(json.dumps(saving.serialize_keras_object(obj)))


def test_objects_among_the_values_of_a_users_config_are_serialized():
    config = through_json(Around(layers.Dense(3, name="in")))
    assert config["config"]["inner"]["class_name"] == "Dense"
    with saving.custom_object_scope({"Around": Around}):
        again = saving.deserialize_keras_object(config)
    assert again.inner.units == 3 and again.inner.name == "in"


def test_a_layer_inside_two_wrappers_stays_one_layer_in_a_file(tmp_path):
    shared = layers.Dense(4, name="shared")
    model = kerasnp.Sequential([kerasnp.Input((4,)), Around(shared, name="a"), Around(shared, name="b")])
    x = np.random.rand(2, 4).astype("float32")
    y = model.predict(x, verbose=0)
    model.save(tmp_path / "m.keras")
    config = json.loads(zipfile.ZipFile(tmp_path / "m.keras").read("config.json"))
    numbers = [entry["config"]["inner"]["shared_object_id"] for entry in config["config"]["layers"][1:]]
    assert numbers[0] == numbers[1]
    again = saving.load_model(tmp_path / "m.keras", custom_objects={"Around": Around})
    assert again.layers[0].inner is again.layers[1].inner
    assert again.count_params() == 20
    np.testing.assert_array_equal(again.predict(x, verbose=0), y)


def test_only_what_stands_twice_in_the_end_gets_a_number():
    with sharing.scope() as shared:
        config = saving.serialize_keras_object(layers.LSTM(3))  # whose cell is described, and left out again
        shared.number(config)
    assert "shared_object_id" not in json.dumps(config)


def test_different_shared_objects_get_different_numbers():
    a, b = kerasnp.initializers.Constant(1.0), kerasnp.initializers.Constant(2.0)
    dense = [layers.Dense(1, kernel_initializer=a, bias_initializer=b) for _ in range(2)]
    with sharing.scope() as shared:
        config = saving.serialize_keras_object(dense)
        shared.number(config)
    with sharing.scope():
        again = saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert again[0].kernel_initializer.value == 1.0 and again[1].bias_initializer.value == 2.0


@pytest.mark.parametrize("name", ["builtins.eval", "my_package>Dense"])
def test_a_built_in_has_no_registered_name(name):
    config = {"class_name": "Dense", "module": "keras.layers", "registered_name": name, "config": {"units": 1}}
    with pytest.raises(ValueError, match="resolved to a Keras built-in"):
        saving.deserialize_keras_object(config)
    for fine in (None, "", "Dense"):
        assert saving.deserialize_keras_object({**config, "registered_name": fine}).units == 1


def test_a_layer_as_activation_comes_back_as_a_layer():
    dense = saving.deserialize_keras_object(through_json(layers.Dense(1, activation=layers.ReLU(max_value=2.0))))
    assert isinstance(dense.activation, layers.ReLU) and dense.activation.max_value == 2.0


def test_classes_that_cannot_be_rebuilt_say_why():
    class Plain:
        def get_config(self):
            return {}

    class Forgetful(layers.Layer):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def get_config(self):
            return {"inner": self.inner}

        @classmethod
        def from_config(cls, config):
            return cls(**config, unknown=1)

    with saving.custom_object_scope({"Plain": Plain, "Forgetful": Forgetful}):
        with pytest.raises(TypeError, match="Unable to reconstruct an instance of 'Plain'"):
            saving.deserialize_keras_object(through_json(Plain()))
        with pytest.raises(TypeError, match="explicitly deserialized in its from_config"):
            saving.deserialize_keras_object(through_json(Forgetful(layers.Dense(1))))


def test_a_compiled_model_comes_back_compiled():
    model = kerasnp.Sequential([kerasnp.Input((2,)), layers.Dense(1)])
    model.compile("rmsprop", "mae")
    again = saving.deserialize_keras_object(through_json(model))
    assert again.compiled and type(again.optimizer).__name__ == "RMSprop"


@pytest.mark.parametrize("layers_", [None, [{}], ["dense"]])
def test_malformed_configurations_of_a_sequential(layers_):
    config = {"name": "s"} if layers_ is None else {"name": "s", "layers": layers_}
    with pytest.raises(ValueError, match="Expected a dictionary containing|must be a dictionary of"):
        kerasnp.Sequential.from_config(config)


class Hidden(layers.Layer):
    """Keeps its argument under another name, and has no get_config."""

    def __init__(self, size, scale=2.0):
        super().__init__()
        self._size, self._scale = size, scale


def test_plain_arguments_need_no_attributes_of_their_names():
    config = Hidden(3).get_config()
    assert config["size"] == 3 and config["scale"] == 2.0
    with pytest.raises(NotImplementedError, match="'size' that is not stored"):
        Hidden(layers.Dense(1)).get_config()


def test_a_list_that_holds_itself(tmp_path):
    @saving.register_keras_serializable("cyclic")
    class Cyclic(kerasnp.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.blocks = [layers.Dense(2)]
            self.blocks.append(self.blocks)

        def call(self, x):
            return self.blocks[0](x)

    model = Cyclic()
    y = model(np.ones((1, 3)))
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(saving.load_model(tmp_path / "m.keras")(np.ones((1, 3))), y)


def test_a_compile_of_the_users_own_is_not_called_in_loading(tmp_path):
    @saving.register_keras_serializable("own_compile")
    class Own(kerasnp.Sequential):
        def compile(self, rate):
            super().compile(kerasnp.optimizers.SGD(rate), "mse")

    @saving.register_keras_serializable("own_compile")
    class Whole(Own):
        def get_compile_config(self):
            return {"rate": float(self.optimizer.learning_rate)}

        def compile_from_config(self, config):
            self.compile(**config)

    for cls, warned in ((Own, True), (Whole, False)):
        model = cls([kerasnp.Input((2,)), layers.Dense(1)])
        model.compile(0.5)
        model.save(tmp_path / "m.keras")
        if warned:
            with pytest.warns(UserWarning, match="custom compile"):
                assert not saving.load_model(tmp_path / "m.keras").compiled
        else:
            again = saving.load_model(tmp_path / "m.keras")
            assert float(again.optimizer.learning_rate) == 0.5


def test_keys_that_say_nothing_are_in_configurations_and_not_in_files(tmp_path):
    model = kerasnp.Sequential([kerasnp.Input((3,)), layers.Dense(2, name="d"), layers.Dropout(0.1)])
    config = model.get_layer("d").get_config()
    assert config["quantization_config"] is None and config["kernel_initializer"]["config"]["input_axes"] is None
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        text = archive.read("config.json").decode()
    assert "kernel_initializer" in text and "quantization_config" not in text and "input_axes" not in text


def test_arrays_of_keras_in_the_configuration_of_a_metric():
    weights = {"class_name": "__tensor__", "config": {"value": [0.25, 0.75], "dtype": "float32"}}
    config = {"multi_label": True, "num_labels": 2, "label_weights": weights}
    auc = saving.deserialize_keras_object({"module": "keras.metrics", "class_name": "AUC", "config": config})
    assert auc.label_weights == [0.25, 0.75]


def test_an_empty_compile_config_compiles_nothing():
    config = saving.serialize_keras_object(kerasnp.Sequential([kerasnp.Input((3,)), layers.Dense(2)]))
    assert not saving.deserialize_keras_object({**config, "compile_config": {}}).compiled


def test_losses_take_the_name_of_a_policy():
    assert kerasnp.losses.MeanSquaredError(dtype="mixed_float16").dtype == "float16"


class Forgetting(Around):
    """One that forgets to rebuild what it was given."""

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Factor:
    """An activation with a configuration and without a way back."""

    def __call__(self, x):
        return x * 2.0

    def get_config(self):
        return {}


@pytest.mark.parametrize("kind", ["layer", "activation"])
def test_files_whose_classes_do_not_fit_say_so_as_value_and_as_type_error(tmp_path, kind):
    x = kerasnp.Input((3,))
    layer = layers.Dense(2, activation=Factor()) if kind == "activation" else Forgetting(layers.Dense(2))
    kerasnp.Model(x, layer(x)).save(tmp_path / "m.keras")
    match = "Unable to reconstruct" if kind == "activation" else "Forgetting.get_config.. are explicitly deserialized"
    for error in (TypeError, ValueError):
        with saving.custom_object_scope({"Factor": Factor, "Forgetting": Forgetting}), pytest.raises(error, match=match):
            saving.load_model(tmp_path / "m.keras")
