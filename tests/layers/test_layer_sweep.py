"""Every registered layer, each with every case of cases.py."""

import copy
import json
import pickle
import zlib

import cases
import numpy as np
import pytest

import kerasnp
from kerasnp.autodiff import Tape, Variable
from kerasnp.autodiff.gradcheck import gradcheck
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils import registry

# Models are layers too, once another test has brought them in.
CLASSES = [
    cls
    for cls in registry.members("layers")
    if cls.__name__ not in cases.UNCALLED_LAYERS and cls.__module__.startswith("kerasnp.layers.")
]
CASES = [
    pytest.param(cls, arguments, shape, id=f"{cls.__name__}-{i}")
    for cls in CLASSES
    for i, (arguments, shape) in enumerate(cases.LAYERS.get(cls.__name__, ()))
]
sweep = pytest.mark.parametrize("cls, arguments, shape", CASES)
MODES = (False, True)


def data_for(cls, shape):
    """An input that only depends on the class and the shape."""
    rng = np.random.default_rng(zlib.crc32(repr((cls.__name__, shape)).encode()))
    if cls.__name__ in cases.INTEGER_LAYERS:
        x = rng.integers(0, cases.INTEGER_LAYERS[cls.__name__], shape).astype("int32")
    else:
        x = rng.standard_normal(shape).astype(kerasnp.backend.floatx())
    x.flags.writeable = False
    return x


def make(cls, arguments, shape):
    """A built layer whose weights, biases included, are all different from their defaults."""
    layer = cls(**cases.resolve(kerasnp, arguments))
    layer.build(shape)
    rng = np.random.default_rng(7)
    for w in layer.weights:
        if w.value.dtype.kind == "f":
            value = w.value + 0.3 * rng.standard_normal(w.shape)
            w.assign(np.abs(value) if "variance" in w.name else value)
    return layer


def state_of(layer):
    return [v.numpy() for v in layer.variables]


def call(layer, x, state, training):
    """The output from the given state of weights and seed generators."""
    for v, value in zip(layer.variables, state, strict=True):
        v.assign(value)
    return layer(x, training=training)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_has_cases(cls):
    assert cases.LAYERS.get(cls.__name__), (
        f"{cls.__name__}: add constructor arguments and input shapes to tests/cases.py"
    )


@pytest.mark.parametrize("name", cases.LAYERS)
def test_cases_are_for_classes_that_exist(name):
    assert name in {cls.__name__ for cls in CLASSES}


@sweep
def test_shape_and_dtype_as_promised(cls, arguments, shape):
    layer = cls(**cases.resolve(kerasnp, arguments))
    promised = layer.compute_output_shape(shape)
    assert not layer.weights, "compute_output_shape must not build the layer"
    x = data_for(cls, shape)
    for training in MODES:
        y = layer(x, training=training)
        assert y.shape == tuple(promised)
        assert y.dtype == np.float32
    assert tuple(layer.compute_output_shape((None, *shape[1:]))) == (None, *y.shape[1:])
    assert layer.count_params() == sum(w.size for w in layer.weights)
    assert all(w.path.startswith(layer.name) for w in layer._weights if not hasattr(layer, "layer"))


@sweep
@pytest.mark.parametrize(
    "policy, expected", [("float64", "float64"), ("float16", "float16"), ("mixed_float16", "float16")]
)
def test_dtype_policy_decides_the_type_of_the_output(cls, arguments, shape, policy, expected):
    if {"layer", "layers", "cell"} & set(arguments):
        pytest.skip("the layer inside has a policy of its own")
    layer = cls(**cases.resolve(kerasnp, arguments), dtype=policy)
    x = data_for(cls, shape)
    for training in MODES:
        y = layer(x, training=training)
        for part in y if isinstance(y, (list, tuple)) else [y]:
            assert part.dtype == expected
    # The two matrices of LoRA are float32 whatever the layer is, as in Keras.
    assert {w.dtype for w in layer.weights if "float" in w.dtype and "lora" not in w.name} <= {layer.variable_dtype}


@sweep
def test_recorded_equals_unrecorded(cls, arguments, shape):
    layer = make(cls, arguments, shape)
    x, state = data_for(cls, shape), state_of(layer)
    for training in MODES:
        plain = call(layer, x, state, training)
        assert isinstance(plain, np.ndarray)
        with Tape():
            recorded = call(layer, Variable(x) if x.dtype.kind == "f" else x, state, training)
        assert recorded.dtype == plain.dtype
        np.testing.assert_array_equal(np.asarray(recorded), plain)


@sweep
def test_gradients(cls, arguments, shape):
    kerasnp.backend.set_floatx("float64")
    layer = make(cls, arguments, shape)
    x, state = data_for(cls, shape), state_of(layer)
    generators = [g.state for inner in layer._flatten_layers() for g in inner._seed_generators]
    begin = [g.numpy() for g in generators]

    if cls.__name__ in cases.GRADIENT_FREE_LAYERS:
        pytest.skip("nothing to differentiate")
    once = cases.SELF_CHANGING_LAYERS | cases.STEPWISE_LAYERS
    for training in MODES[: 1 if cls.__name__ in once else 2]:
        for v, value in zip(layer.variables, state, strict=True):
            v.assign(value)

        def fn(*tensors, training=training):
            for g, value in zip(generators, begin, strict=True):
                g.assign(value)
            # An identity would leave no step to differentiate.
            return layer(tensors[0] if x.dtype.kind == "f" else x, training=training) * 1.0

        tensors = [x + 0.0] if x.dtype.kind == "f" else []
        weights = layer.trainable_weights
        gradcheck(fn, *tensors, *weights, names=["x"][: len(tensors)] + [w.name for w in weights])


@sweep
def test_samples_do_not_mix(cls, arguments, shape):
    if cls.__name__ in cases.MIXING_LAYERS:
        pytest.skip("the output depends on the whole batch")
    layer = make(cls, arguments, shape)
    x = data_for(cls, shape)
    whole = layer(x, training=False)
    for i in range(len(x)):
        np.testing.assert_allclose(layer(x[i : i + 1], training=False), whole[i : i + 1], rtol=1e-5, atol=1e-6)


@sweep
def test_memory_order_does_not_matter(cls, arguments, shape):
    layer = make(cls, arguments, shape)
    x, state = data_for(cls, shape), state_of(layer)
    strided = np.zeros([2 * n for n in reversed(shape)], x.dtype)[tuple(slice(0, None, 2) for _ in shape)].T
    strided[...] = x
    for training in MODES:
        y = call(layer, x, state, training)
        np.testing.assert_allclose(call(layer, strided, state, training), y, rtol=1e-5, atol=1e-6)


@sweep
def test_config_round_trip(cls, arguments, shape):
    layer = make(cls, arguments, shape)
    config = json.loads(json.dumps(serialize_keras_object(layer)))
    twin = deserialize_keras_object(config)
    assert type(twin) is cls
    assert json.loads(json.dumps(twin.get_config())) == config["config"]
    if not twin.built:
        twin.build(shape)
    twin.set_weights(layer.get_weights())
    x = data_for(cls, shape)
    np.testing.assert_array_equal(twin(x, training=False), layer(x, training=False))


@sweep
def test_copies_predict_the_same(cls, arguments, shape):
    layer = make(cls, arguments, shape)
    x = data_for(cls, shape)
    y = layer(x, training=False)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin(x, training=False), y)
        for w in twin.weights:
            w.assign(np.zeros_like(w.value))
        np.testing.assert_array_equal(layer(x, training=False), y)
        assert len(twin.weights) == len(layer.weights)


@sweep
def test_same_seed_same_weights_and_same_noise(cls, arguments, shape):
    outcomes = []
    for _ in range(2):
        kerasnp.utils.set_random_seed(11)
        layer = cls(**cases.resolve(kerasnp, arguments))
        y = layer(data_for(cls, shape), training=True)
        outcomes.append([y, *layer.get_weights()])
    for a, b in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(a, b)


@sweep
def test_frozen_layer_has_no_trainable_weights(cls, arguments, shape):
    layer = make(cls, arguments, shape)
    weights = layer.trainable_weights
    layer.trainable = False
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == len(layer.weights)
    before = layer.get_weights()
    with Tape() as tape:
        x = data_for(cls, shape)
        y = layer(Variable(x) if x.dtype.kind == "f" else x, training=True)
    if isinstance(y, Variable):
        assert all(g is None for g in tape.gradient(y, weights))
    if cls.__name__ not in cases.SELF_CHANGING_LAYERS:
        for a, b in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [
    lambda **k: kerasnp.layers.Dense(2, **k), lambda **k: kerasnp.layers.Embedding(3, 2, **k),
    lambda **k: kerasnp.layers.EinsumDense("ab,bc->ac", 2, **k),
])  # fmt: skip
def test_arguments_without_meaning_must_be_neutral(make):
    lora = {"lora_rank": None, "lora_alpha": None}
    config = make(**lora, quantization_config=None).get_config()
    assert not lora.keys() & config.keys() and config["quantization_config"] is None
    with pytest.raises(ValueError, match="`quantization_config` is not supported"):
        make(quantization_config=4)
