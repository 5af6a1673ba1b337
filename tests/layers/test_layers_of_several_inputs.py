"""Attention and merging layers, each with every case of cases.py, and within a stack."""

import copy
import json

import cases
import numpy as np
import pytest

import kerasnp
from kerasnp import layers, ops
from kerasnp.autodiff.gradcheck import gradcheck
from kerasnp.saving import deserialize_keras_object, register_keras_serializable, serialize_keras_object
from kerasnp.utils.masks import get_mask, set_mask

rng = np.random.default_rng(0)
sweep = pytest.mark.parametrize(
    "name, arguments, shapes",
    [
        pytest.param(name, arguments, shapes, id=f"{name}-{i}")
        for name, samples in cases.SEVERAL_INPUTS.items()
        for i, (arguments, shapes) in enumerate(samples)
    ],
)


def spread(layer):
    return isinstance(layer, (layers.MultiHeadAttention, layers.GroupQueryAttention))


def call(layer, xs, **options):
    return layer(*xs, **options) if spread(layer) else layer(list(xs), **options)


def make(name, arguments, shapes, **options):
    layer = getattr(layers, name)(**arguments, **options)
    layer.build(*shapes) if spread(layer) else layer.build(shapes)
    return layer


def data(shapes, dtype="float32"):
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@sweep
def test_shape_and_type_as_promised(name, arguments, shapes):
    for dtype, expected in ((None, "float32"), ("float16", "float16"), ("mixed_float16", "float16"), ("float64", "float64")):
        layer = getattr(layers, name)(**arguments, dtype=dtype)
        promised = layer.compute_output_shape(*shapes) if spread(layer) else layer.compute_output_shape(shapes)
        assert not layer.built or not layer.weights
        for training in (False, True):
            y = call(layer, data(shapes), training=training)
            assert (y.shape, y.dtype) == (tuple(promised), expected)


@sweep
def test_gradients(name, arguments, shapes):
    kerasnp.backend.set_floatx("float64")
    layer = make(name, arguments, shapes)
    states = [g.state for inner in layer._flatten_layers() for g in inner._seed_generators]
    begin = [s.numpy() for s in states]

    def fn(*tensors):
        for state, value in zip(states, begin):
            state.assign(value)
        return call(layer, tensors[: len(shapes)], training=True)

    gradcheck(fn, *data(shapes, "float64"), *layer.trainable_weights)


@sweep
def test_configs_copies_and_single_samples(name, arguments, shapes):
    layer, xs = make(name, arguments, shapes), data(shapes)
    y = call(layer, xs)
    twin = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(layer))))
    assert type(twin) is type(layer)
    assert json.dumps(twin.get_config()) == json.dumps(layer.get_config())
    assert twin.built, "a configuration says what the layer was built for"
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(call(twin, xs), y)
    np.testing.assert_array_equal(call(copy.deepcopy(layer), xs), y)
    for i in range(3):
        np.testing.assert_allclose(call(layer, [x[i : i + 1] for x in xs]), y[i : i + 1], rtol=1e-5, atol=1e-6)


@register_keras_serializable("tests")
class Block(layers.Layer):
    """Attention, a residual connection and a norm, as users write them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, 4, dropout=0.1, seed=1)
        self.grouped = layers.GroupQueryAttention(3, 2, 1)
        self.add, self.norm = layers.Add(), layers.LayerNormalization()

    def call(self, x):
        return self.norm(self.add([x, self.attention(x, x, use_causal_mask=True), self.grouped(x, x)]))


def test_a_layer_with_attention_trains_saves_and_loads(tmp_path):
    kerasnp.utils.set_random_seed(1)
    model = kerasnp.Sequential([kerasnp.Input((5, 8)), Block(), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    assert len(model.weights) == 8 + 8 + 2 + 2
    x = rng.standard_normal((128, 5, 8)).astype("float32")
    y = x[:, 0, :1] * 2
    model.compile(kerasnp.optimizers.Adam(0.01), "mse")
    losses = model.fit(x, y, epochs=8, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    expected = model.predict(x, verbose=0)
    loaded = kerasnp.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)
    fresh = kerasnp.Sequential([kerasnp.Input((5, 8)), Block(), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    fresh.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(fresh.predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layer", [layers.MultiHeadAttention(2, 3), layers.Attention(), layers.Add()])
def test_a_stack_has_only_one_tensor_to_give(layer):
    with pytest.raises(ValueError, match="Layer of your own|list of inputs"):
        kerasnp.Sequential([kerasnp.Input((3, 4)), layer])


def test_a_step_sees_no_later_one():
    x = rng.standard_normal((1, 6, 8)).astype("float32")
    for layer in (layers.MultiHeadAttention(2, 4), layers.GroupQueryAttention(4, 4, 2)):
        y, weights = layer(x, x, use_causal_mask=True, return_attention_scores=True)
        assert not np.triu(weights[0, 0], 1).any()
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
        later = x.copy()
        later[:, 4:] += 1
        np.testing.assert_allclose(layer(later, later, use_causal_mask=True)[:, :4], y[:, :4], rtol=1e-5, atol=1e-6)


def test_masks_are_taken_and_handed_on_and_given_away():
    x = rng.standard_normal((2, 3, 8)).astype("float32")
    mask = np.array([[True, True, False], [True, False, False]])
    set_mask(x, mask)
    y = layers.MultiHeadAttention(2, 4)(x, x)
    np.testing.assert_array_equal(get_mask(y), mask)
    assert get_mask(x) is None


def test_a_subclass_may_write_its_own_attention():
    class Mean(layers.MultiHeadAttention):
        def _compute_attention(self, query, key, value, attention_mask=None, training=None, return_attention_scores=False):
            assert attention_mask is not None
            return ops.broadcast_to(ops.mean(value, axis=1, keepdims=True), query.shape), None

    x = rng.standard_normal((2, 3, 8)).astype("float32")
    y = Mean(2, 4)(x, x, use_causal_mask=True)
    np.testing.assert_allclose(y[:, 0], y[:, 2], rtol=1e-6)


def test_functions_are_the_layers():
    a, b = data([(3, 4), (3, 4)])
    for name, expected in {
        "add": a + b, "subtract": a - b, "multiply": a * b, "average": (a + b) / 2, "maximum": np.maximum(a, b),
        "minimum": np.minimum(a, b), "concatenate": np.concatenate([a, b], -1), "dot": (a * b).sum(-1, keepdims=True),
    }.items():  # fmt: skip
        np.testing.assert_allclose(getattr(layers, name)([a, b]), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: layers.MultiHeadAttention(0, 4), ValueError, "argument `num_heads`"),
        (lambda: layers.MultiHeadAttention(2, 4, value_dim=1.5), ValueError, "argument `value_dim`"),
        (lambda: layers.MultiHeadAttention(2, 4)(*data([(2, 4, 8), (2, 2, 8), (2, 1, 7)])), ValueError, "must be equal"),
        (lambda: layers.MultiHeadAttention(2, 4, flash_attention=True), ValueError, "accelerator"),
        (lambda: layers.GroupQueryAttention(2, 3, 2), ValueError, "divisible"),
        (lambda: layers.Attention(score_mode="scaled"), ValueError, "score_mode"),
        (lambda: layers.Attention()(*data([(2, 3, 4)])), ValueError, "list of inputs"),
        (lambda: layers.Attention()(data([(2, 3, 4)] * 4)), ValueError, "length 2 or 3"),
        (lambda: layers.Add()(data([(2, 3), (2, 4)])), ValueError, "incompatible shapes"),
        (lambda: layers.Add()(data([(2, 3), (3, 3)])), ValueError, "batch sizes"),
        (lambda: layers.Subtract()(data([(2, 3)] * 3)), ValueError, "exactly 2"),
        (lambda: layers.Concatenate(1)(data([(2, 3, 4), (2, 3, 5)])), ValueError, "matching shapes"),
        (lambda: layers.Dot(axes="x"), TypeError, "axes"),
        (lambda: layers.Dot(axes=(1, 2, 3)), ValueError, "two integers"),
        (lambda: layers.Dot(axes=1)(data([(2, 3), (2, 4)])), ValueError, "incompatible input shapes"),
    ],
)
def test_mistakes(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_the_kernels_of_attention_count_what_is_summed_over_as_inputs():
    layer = layers.MultiHeadAttention(8, 16, kernel_initializer=kerasnp.initializers.LecunNormal(seed=1))
    layer.build((None, 10, 32), (None, 10, 32))
    for dense, inputs in ((layer.query_dense, 32), (layer.output_dense, 8 * 16)):
        assert abs(dense.kernel.numpy().std() * inputs**0.5 - 1) < 0.05
    dense = layers.EinsumDense("abc,cde->abde", (None, 4, 5), kernel_initializer=kerasnp.initializers.GlorotUniform(seed=1))
    dense.build((None, 3, 6))
    limit = (6 / (6 + 4 * 5)) ** 0.5
    assert 0.9 * limit < abs(dense.kernel.numpy()).max() <= limit
    given = kerasnp.initializers.GlorotUniform(seed=1, input_axes=[1], output_axes=[0])
    dense = layers.EinsumDense("ab,bc->ac", 40, kernel_initializer=given)
    dense.build((None, 2))
    assert (dense.kernel.numpy() == given((2, 40))).all() and "input_axes" in dense.get_config()["kernel_initializer"]["config"]
