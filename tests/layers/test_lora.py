"""LoRA beyond the sweeps: what is trained, what files hold, who is refused. Numbers of Keras are in test_layers_golden.py."""

import copy
import pickle

import numpy as np
import pytest

import kerasnp
from kerasnp import layers

KINDS = {
    "dense": (lambda **k: layers.Dense(5, activation="tanh", **k), (7, 4)),
    "conv1d": (lambda **k: layers.Conv1D(4, 2, groups=2, **k), (2, 6, 4)),
    "conv2d": (lambda **k: layers.Conv2D(5, 3, **k), (2, 6, 6, 2)),
    "conv3d": (lambda **k: layers.Conv3D(3, 2, use_bias=False, **k), (2, 3, 4, 3, 2)),
    "einsum": (lambda **k: layers.EinsumDense("abc,cd->abd", (3, 5), bias_axes="d", **k), (2, 3, 4)),
    "embedding": (lambda **k: layers.Embedding(9, 4, **k), (3, 4)),
}
kinds = pytest.mark.parametrize("make, shape", KINDS.values(), ids=KINDS)


def sample(make, shape):
    rng = np.random.default_rng(5)
    if isinstance(make(), layers.Embedding):
        return rng.integers(0, 9, shape)
    return rng.normal(size=shape).astype("float32")


def parts(layer):
    name = "embeddings" if isinstance(layer, layers.Embedding) else "kernel"
    return getattr(layer, f"_{name}"), getattr(layer, f"lora_{name}_a"), getattr(layer, f"lora_{name}_b"), name


def adapted(make, shape):
    """A layer with rank 2 and alpha 3 whose two matrices are no longer zero."""
    layer = make()
    layer.build(shape)
    layer.enable_lora(2, lora_alpha=3.0)
    for i, w in enumerate(parts(layer)[1:3]):
        w.assign(np.random.default_rng(i).normal(size=w.shape))
    return layer


def stack(layer):
    return kerasnp.Sequential([layer, layers.Flatten(), layers.Dense(1)])


@kinds
def test_the_layer_computes_with_the_sum(make, shape):
    layer, x = adapted(make, shape), sample(make, shape)
    kernel, a, b, name = parts(layer)
    whole = kernel.value + 1.5 * a.value @ b.value
    np.testing.assert_allclose(getattr(layer, name), whole, rtol=1e-5, atol=1e-6)
    plain = make()
    plain.build(shape)
    plain.set_weights([whole, *(w for w in layer.get_weights()[1:] if w.ndim == 1)])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-5)


@kinds
def test_nothing_changes_until_it_is_trained(make, shape):
    layer, x = make(), sample(make, shape)
    before = layer(x)
    layer.enable_lora(2)
    np.testing.assert_array_equal(layer(x), before)


@kinds
def test_training_leaves_the_frozen_kernel_alone(make, shape):
    layer, x = make(lora_rank=2), sample(make, shape)
    model = stack(layer)
    model.compile("sgd", "mse")
    model(x)
    before = [w.numpy() for w in parts(layer)[:3]]
    model.fit(x, np.ones((len(x), 1)), epochs=2, verbose=0)
    kernel, a, b = (np.array_equal(w, v) for w, v in zip(parts(layer)[:3], before))
    assert kernel and not a and not b
    assert [w.name for w in layer.non_trainable_weights] == [parts(layer)[3]]


@kinds
def test_gradients(make, shape):
    kerasnp.gradcheck(adapted(make, shape), sample(make, shape))


@kinds
@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5", "model.h5"])
def test_files_hold_the_sum(make, shape, name, tmp_path):
    layer, x = adapted(make, shape), sample(make, shape)
    model, path = stack(layer), str(tmp_path / name)
    expected = model.predict(x, verbose=0)
    kernel = np.array(getattr(layer, parts(layer)[3]))
    if name.endswith(".weights.h5"):
        model.save_weights(path)
        plain = stack(make())
        plain(x)
        plain.load_weights(path)
        np.testing.assert_allclose(getattr(plain.layers[0], parts(layer)[3]), kernel, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(plain.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
        model.load_weights(path)
    else:
        model.save(path)
        model = kerasnp.models.load_model(path)
    layer = model.layers[0]
    assert (layer.lora_enabled, layer.lora_rank, layer.lora_alpha) == (True, 2, 3.0)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
    if name != "model.h5":  # the classic layout lists every weight; the others have the sum
        np.testing.assert_allclose(parts(layer)[0], kernel, rtol=1e-5, atol=1e-6)
        assert not parts(layer)[2].numpy().any() and parts(layer)[1].numpy().any()


@kinds
@pytest.mark.parametrize("twin", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))], ids=["copy", "pickle"])
def test_copies(make, shape, twin):
    layer, x = adapted(make, shape), sample(make, shape)
    np.testing.assert_array_equal(twin(layer)(x), layer(x))


def test_a_subclass_that_reads_its_kernel_sees_the_sum():
    class Halved(layers.Dense):
        def call(self, inputs):
            return super().call(inputs) / 2 + 0 * kerasnp.ops.sum(self.kernel)

    layer = adapted(lambda: Halved(2), (1, 3))
    kernel, a, b, _ = parts(layer)
    np.testing.assert_allclose(layer(np.eye(3)), (kernel.value + 1.5 * a.value @ b.value) / 2, rtol=1e-5)


def test_half_precision_stays_so():
    layer = layers.Dense(2, dtype="float16", lora_rank=1)
    assert layer(np.ones((1, 3))).dtype == "float16"
    assert layer.kernel.dtype == "float16" and layer.lora_kernel_a.dtype == "float32"


def test_penalties_are_on_what_is_trained():
    layer = layers.Dense(2, use_bias=False, kernel_regularizer="l2", lora_rank=1)
    layer.build((None, 3))
    assert len(layer.losses) == 2


def test_alpha_and_rank_in_the_configuration():
    config = layers.Dense(2, lora_rank=4, lora_alpha=8).get_config()
    assert (config["lora_rank"], config["lora_alpha"]) == (4, 8)
    layer = layers.Dense.from_config(config)
    layer.build((None, 3))
    assert (layer.lora_rank, layer.lora_alpha) == (4, 8)
    assert layers.Conv2D(2, 1, lora_rank=4).lora_alpha == 4
    assert not {"lora_rank", "lora_alpha"} & layers.Conv2D(2, 1).get_config().keys()


def test_refusals():
    with pytest.raises(ValueError, match="`lora_rank` must be a positive integer.*-1"):
        layers.Dense(2, lora_rank=-1)
    layer = layers.Dense(2)
    with pytest.raises(ValueError, match="isn't yet built"):
        layer.enable_lora(2)
    with pytest.raises(AttributeError, match="build the layer"):
        layer.kernel  # noqa: B018
    layer.build((None, 3))
    with pytest.raises(ValueError, match="`rank` must be a positive integer"):
        layer.enable_lora(0)
    with pytest.raises(ValueError, match="sum_of"):
        layer.enable_lora(1, a_initializer="sum_of")
    assert len(layer.weights) == 2 and not layer.lora_enabled
    layer.enable_lora(1)
    with pytest.raises(ValueError, match="already enabled.*rank=1"):
        layer.enable_lora(1)
    for layer in (layers.Dense(2, kernel_constraint="max_norm"), layers.Embedding(2, 1, embeddings_constraint="max_norm")):
        layer.build((None, 3))
        with pytest.raises(ValueError, match="incompatible with (kernel|embedding) constraints"):
            layer.enable_lora(1)


def test_an_optimizer_that_knows_other_weights_says_so():
    model = stack(layers.Dense(3))
    model.compile("adam", "mse")
    x, y = np.ones((4, 2)), np.ones((4, 1))
    model.fit(x, y, verbose=0)
    model.layers[0].enable_lora(2)
    with pytest.raises(ValueError, match="lora_kernel_a.*originally built with"):
        model.fit(x, y, verbose=0)
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
