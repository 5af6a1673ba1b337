"""The hooks through which files see a layer, and layers of one's own that change them."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers

FILES = ["m.weights.h5", "m.keras"]


@kerasnp.saving.register_keras_serializable("storing")
class Halved(layers.Dense):
    """Keeps half of its kernel, and no bias, under names of its own."""

    def save_own_variables(self, store):
        store["half"] = self.kernel.numpy() / 2

    def load_own_variables(self, store):
        assert list(store) == ["half"]
        self.kernel.assign(store["half"] * 2)
        self.bias.assign(np.zeros(self.units))


@kerasnp.saving.register_keras_serializable("storing")
class Counted(layers.Dense):
    """Keeps a number beside its weights."""

    seen = 0

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["seen"] = self.seen

    def load_own_variables(self, store):
        super().load_own_variables({k: store[k] for k in store if k != "seen"})
        self.seen = int(store["seen"])


@kerasnp.saving.register_keras_serializable("storing")
class Watched(layers.Dense):
    """Looks on while its weights are read."""

    loads = 0

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.loads += 1


def model_of(layer):
    return kerasnp.Sequential([kerasnp.Input((3,)), layer])


def through(name, model, make, tmp_path):
    path = tmp_path / name
    model.save(path) if name.endswith(".keras") else model.save_weights(path)
    if name.endswith(".keras"):
        return kerasnp.models.load_model(path)
    twin = model_of(make())
    twin.load_weights(path)
    return twin


@pytest.mark.parametrize("name", FILES)
def test_a_subclass_of_a_layer_of_kerasnp_may_keep_something_else(name, tmp_path):
    model = model_of(Halved(2))
    twin = through(name, model, lambda: Halved(2, bias_initializer="ones"), tmp_path)
    np.testing.assert_array_equal(twin.layers[0].kernel.numpy(), model.layers[0].kernel.numpy())
    np.testing.assert_array_equal(twin.layers[0].bias.numpy(), [0, 0])


@pytest.mark.parametrize("name", FILES)
def test_an_override_may_add_to_what_its_base_keeps(name, tmp_path):
    model = model_of(Counted(2))
    model.layers[0].seen = 7
    twin = through(name, model, lambda: Counted(2), tmp_path)
    assert twin.layers[0].seen == 7
    np.testing.assert_array_equal(twin.layers[0].kernel.numpy(), model.layers[0].kernel.numpy())


@pytest.mark.parametrize("name", FILES)
def test_an_override_may_pass_the_store_on(name, tmp_path):
    model = model_of(Watched(2))
    twin = through(name, model, lambda: Watched(2), tmp_path)
    assert twin.layers[0].loads == 1
    np.testing.assert_array_equal(twin.layers[0].kernel.numpy(), model.layers[0].kernel.numpy())


def test_an_override_that_passes_on_what_does_not_fit(tmp_path):
    model_of(Watched(2)).save_weights(tmp_path / "m.weights.h5")
    other = model_of(Watched(4))
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"Expected \(3, 4\). Received: \(3, 2\)"):
        other.load_weights(tmp_path / "m.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights()))


@pytest.mark.parametrize("make, shape", [
    (lambda: layers.Dense(3), (None, 2)), (lambda: layers.BatchNormalization(), (None, 4)),
    (lambda: layers.Embedding(5, 2), (None, 3)), (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="c"), (None, 2)),
    (lambda: layers.Dense(3, dtype="bfloat16"), (None, 2)),
])  # fmt: skip
def test_from_a_layer_to_its_twin(make, shape):
    layer, twin, store = make(), make(), {}
    layer.build(shape), twin.build(shape)
    layer.set_weights([np.random.default_rng(0).normal(size=w.shape).astype("float32") for w in layer.weights])
    layer.save_own_variables(store)
    assert list(store) == [str(i) for i in range(len(layer.weights))]
    twin.load_own_variables(store)
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), twin.get_weights()))


def test_weights_of_layers_inside_are_theirs_to_keep():
    layer = layers.TimeDistributed(layers.Dense(2))
    layer.build((None, 3, 4))
    store = {}
    layer.save_own_variables(store)
    assert store == {}


def test_lora_keeps_the_sum():
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.enable_lora(1)
    layer.lora_kernel_b.assign([[1.0, 2.0]])
    whole, bias, store = layer.kernel, [3.0, 4.0], {}
    layer.bias.assign(bias)
    layer.save_own_variables(store)
    assert [v.name for v in store.values()] == ["kernel", "bias"]
    layer.load_own_variables({"0": store["0"], "1": [5.0, 6.0]})
    np.testing.assert_array_equal(layer.kernel, whole)
    assert not layer.lora_kernel_b.value.any() and layer.bias.tolist() == [5.0, 6.0]


@pytest.mark.parametrize("store, message", [
    ({"0": np.zeros((2, 3))}, "expected 2 variables, .*Received: 1 variables"),
    ({"0": np.zeros((2, 3)), "bias": np.zeros(3)}, "by the names '0', '1'.*'bias'"),
    ({"0": np.zeros((2, 3)), "1": np.zeros(4)}, r"'bias'.*Expected \(3,\). Received: \(4,\)"),
])  # fmt: skip
def test_a_store_that_does_not_fit_changes_nothing(store, message):
    layer = layers.Dense(3, kernel_initializer="ones")
    layer.build((None, 2))
    with pytest.raises(ValueError, match=message):
        layer.load_own_variables(store)
    assert layer.kernel.value.all()


def test_a_layer_without_weights_yet():
    store = {}
    layers.Dense(3).save_own_variables(store)
    assert store == {}
    with pytest.raises(ValueError, match="not built"):
        layers.Dense(3).load_own_variables({"0": np.zeros((2, 3)), "1": np.zeros(3)})


def test_an_override_is_asked_even_where_the_file_has_nothing_for_it(tmp_path):
    class Asked(layers.Layer):
        asked = 0

        def call(self, x):
            return x

        def load_own_variables(self, store):
            assert not len(store)
            self.asked += 1

    model_of(Asked()).save_weights(tmp_path / "m.weights.h5")
    model = model_of(Asked())
    model.load_weights(tmp_path / "m.weights.h5")
    assert model.layers[0].asked == 1
