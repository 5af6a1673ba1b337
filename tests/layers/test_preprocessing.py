"""Rescaling and Normalization."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers


def test_rescaling_of_bytes():
    x = np.array([[0, 51, 255]], "uint8")
    np.testing.assert_allclose(layers.Rescaling(1 / 255, offset=-0.5)(x), [[-0.5, -0.3, 0.5]], atol=1e-6)


@pytest.mark.parametrize("axis", [-1, None, (1, -1), 1])
def test_adapt_takes_mean_and_variance(axis):
    x = np.random.default_rng(0).normal(3, 2, (50, 4, 5)).astype("float32")
    layer = layers.Normalization(axis=axis)
    layer.adapt(x)
    kept = {-1: (2,), None: (), (1, -1): (1, 2), 1: (1,)}[axis]
    y = layer(x)
    reduced = tuple(a for a in range(3) if a not in kept)
    np.testing.assert_allclose(y.mean(axis=reduced), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=reduced), 1, rtol=1e-4)
    inverse = layers.Normalization(axis=axis, invert=True)
    inverse.build(x.shape)
    inverse.set_weights(layer.get_weights())
    np.testing.assert_allclose(inverse(y), x, rtol=1e-4, atol=1e-4)


def test_adapting_by_batches_equals_adapting_at_once():
    x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype("float32")
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(x)
    parts.adapt(x[i : i + 7] for i in range(0, 50, 7))
    for a, b in zip(whole.get_weights(), parts.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert int(parts.get_weights()[2]) == 50


def test_weights_as_keras_stores_them():
    layer = layers.Normalization()
    layer.build((None, 4))
    assert [(w.name, w.shape, w.dtype) for w in layer.weights] == [
        ("mean", (4,), "float32"), ("variance", (4,), "float32"), ("count", (), "int64"),
    ]  # fmt: skip
    assert layer.trainable_weights == []


def test_errors():
    with pytest.raises(ValueError, match="both `mean` and `variance` must be set"):
        layers.Normalization(mean=1.0)
    with pytest.raises(ValueError, match="range"):
        layers.Normalization(axis=3)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="cannot `adapt`"):
        layers.Normalization(mean=1.0, variance=1.0).adapt(np.ones((2, 3)))
    with pytest.raises(ValueError, match="at least one sample"):
        layers.Normalization().adapt(np.ones((0, 3)))


def test_inside_a_model():
    x = np.random.default_rng(0).normal(30, 20, (40, 3)).astype("float32")
    norm = layers.Normalization()
    norm.adapt(x)
    model = kerasnp.Sequential([kerasnp.Input((3,)), norm, layers.Dense(1)])
    np.testing.assert_allclose(model.predict(x, verbose=0), model.layers[1](norm(x)), rtol=1e-6)


def test_batches_in_a_list_or_behind_an_index():
    x = np.random.default_rng(0).normal(3, 2, (24, 5)).astype("float32")
    whole = layers.Normalization()
    whole.adapt(x)

    class Data:
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return x[8 * i : 8 * i + 8], np.zeros(8)

    for data in ([x[:10], x[10:]], [(x[:10], np.zeros(10)), (x[10:], np.zeros(14))], Data()):
        layer = layers.Normalization()
        layer.adapt(data)
        np.testing.assert_allclose(layer(x), whole(x), rtol=1e-5, atol=1e-6)
    assert whole.mean.shape == (1, 5) and layers.Normalization().mean is None


def test_what_adapt_refuses():
    layer = layers.Normalization()
    with pytest.raises(ValueError, match="an empty iterable"):
        layer.adapt(iter(()))
    with pytest.raises(TypeError, match="`.shape`"):
        layer.adapt(iter([42]))
    layer.build((None, 4))
    with pytest.raises(ValueError, match="incompatible shape"):
        layer.adapt(np.ones((3, 6)))


def test_given_statistics_are_aligned_from_the_right():
    layer = layers.Normalization(axis=(1, 2), mean=[1.0, 2.0, 3.0], variance=1.0)
    layer.build((None, 2, 3, 4))
    assert layer.mean.shape == (1, 2, 3, 1)
    assert layer.get_config()["mean"] == [1.0, 2.0, 3.0]
    assert layer(np.ones((1, 2, 3, 4), "float32"))[0, 1, :, 0].tolist() == [0, -1, -2]


def test_rescaling_of_channels_that_come_first():
    kerasnp.backend.set_image_data_format("channels_first")
    y = layers.Rescaling([1.0, 2.0, 3.0])(np.ones((2, 3, 4, 5), "float32"))
    np.testing.assert_array_equal(y[0, :, 0, 0], [1, 2, 3])
