"""Statistics of batch normalization, and what the other normalizations make of theirs."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.autodiff.gradcheck import gradcheck


def data(*shape, seed=0):
    return (2 + 3 * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def test_moving_averages_follow_the_batches():
    layer = layers.BatchNormalization(momentum=0.8)
    mean, variance = np.zeros(3), np.ones(3)
    for seed in range(4):
        x = data(8, 5, 3, seed=seed)
        y = layer(x, training=True)
        np.testing.assert_allclose(y.mean(axis=(0, 1)), 0, atol=1e-5)
        np.testing.assert_allclose(y.std(axis=(0, 1)), 1, atol=1e-3)
        mean = 0.8 * mean + 0.2 * x.mean(axis=(0, 1))
        variance = 0.8 * variance + 0.2 * x.var(axis=(0, 1))
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-5)
    np.testing.assert_allclose(layer(x), (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-4, atol=1e-5)


def test_inference_changes_nothing_and_training_no_trainable_weight():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    before = layer.get_weights()
    layer(data(4, 3))
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    layer(data(4, 3), training=True)
    gamma, beta, mean, _ = layer.get_weights()
    np.testing.assert_array_equal(gamma, before[0])
    np.testing.assert_array_equal(beta, before[1])
    assert not np.allclose(mean, before[2])


def test_frozen_batch_normalization_runs_in_inference_mode():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    layer.trainable = False
    x = data(6, 3)
    np.testing.assert_array_equal(layer(x, training=True), layer(x))
    np.testing.assert_array_equal(layer.moving_mean.numpy(), 0)
    layer.trainable = True
    assert not np.allclose(layer(x, training=True), layer(x))


def test_order_of_weights_and_what_is_trainable():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]
    bare = layers.BatchNormalization(center=False, scale=False)
    bare.build((None, 3))
    assert [w.name for w in bare.weights] == ["moving_mean", "moving_variance"]
    assert bare.trainable_weights == []


def test_masked_steps_do_not_count():
    x, mask = data(3, 4, 2), np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]], bool)
    layer = layers.BatchNormalization(momentum=0.5)
    y = layer(x, training=True, mask=mask)
    kept = x[mask]
    np.testing.assert_allclose(layer.moving_mean.numpy(), kept.mean(axis=0) / 2, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), (1 + kept.var(axis=0)) / 2, rtol=1e-5)
    expected = (x - kept.mean(axis=0)) / np.sqrt(kept.var(axis=0) + 1e-3)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    kerasnp.backend.set_floatx("float64")
    layer = layers.BatchNormalization()
    layer.build(x.shape)
    gradcheck(lambda x, *_: layer(x, training=True, mask=mask), x, *layer.trainable_weights)


def test_half_precision_is_computed_in_single():
    layer = layers.BatchNormalization(dtype="float16")
    x = (1000 + data(64, 3)).astype("float16")
    y = layer(x, training=True)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.astype("float32").std(axis=0), 1, atol=0.02)


def test_instance_and_layer_normalization_are_ends_of_group_normalization():
    x = data(2, 5, 4, 6)
    np.testing.assert_allclose(
        layers.GroupNormalization(1, epsilon=1e-3)(x),
        layers.LayerNormalization(axis=[1, 2, 3])(x),
        rtol=1e-4,
        atol=1e-5,
    )
    y = layers.GroupNormalization(-1)(x)
    np.testing.assert_allclose(y.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(1, 2)), 1, atol=1e-2)


def test_layer_normalization_over_axes_out_of_order():
    x = data(2, 3, 4, 5)
    layer = layers.LayerNormalization(axis=[3, 1])
    layer.build(x.shape)
    # Keras lays gamma out in the order of the input's axes once the axes are sorted.
    gamma = np.arange(1.0, 16).reshape(layer.gamma.shape)
    layer.gamma.assign(gamma)
    y = layer(x)
    expected = (x - x.mean((1, 3), keepdims=True)) / np.sqrt(x.var((1, 3), keepdims=True) + 1e-3)
    np.testing.assert_allclose(y, expected * gamma.reshape(3, 1, 5), rtol=1e-4, atol=1e-5)


def test_rms_normalization_over_an_axis_in_the_middle():
    x = data(2, 3, 4)
    layer = layers.RMSNormalization(axis=1)
    layer.build(x.shape)
    layer.scale.assign([1.0, 2.0, 3.0])
    expected = x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-6) * np.array([[1], [2], [3]])
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)


def test_unit_normalization_of_zeros_is_zero():
    np.testing.assert_array_equal(layers.UnitNormalization()(np.zeros((2, 3))), np.zeros((2, 3)))


def test_spectral_normalization_brings_the_largest_singular_value_to_one():
    kerasnp.utils.set_random_seed(3)
    layer = layers.SpectralNormalization(layers.Dense(6), power_iterations=20)
    layer(data(2, 5), training=True)
    assert np.linalg.svd(layer.layer.kernel.numpy(), compute_uv=False)[0] == pytest.approx(1, rel=1e-3)
    before = layer.get_weights()
    layer(data(2, 5))
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (
            lambda: layers.BatchNormalization(axis=[1, 2]),
            ValueError,
            r"axis must be an integer. Received: axis=\[1, 2\]",
        ),
        (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"r": 1}), ValueError, "invalid keys"),
        (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 0.1, "rmin": 1}), ValueError, "rmax should"),
        (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"dmax": -1}), ValueError, "dmax should"),
        (lambda: layers.BatchNormalization(axis=4).build((None, 3)), ValueError, "axis 4 is out of range"),
        (lambda: layers.BatchNormalization().build((3, None)), ValueError, "the size of axis -1 must be known"),
        (lambda: layers.GroupNormalization(3).build((2, 4)), ValueError, "groups must divide the number of channels"),
        (lambda: layers.GroupNormalization(0), ValueError, "argument `groups`. Expected a positive integer, or -1"),
        (lambda: layers.LayerNormalization(axis="last"), TypeError, "axis must be an int, or a list of ints"),
        (lambda: layers.UnitNormalization(axis=None), TypeError, "Invalid value for `axis` argument: it is an int"),
        (
            lambda: layers.SpectralNormalization(layers.Flatten()).build((2, 4)),
            ValueError,
            "has no attribute 'kernel' nor 'embeddings'",
        ),
        (lambda: layers.SpectralNormalization("dense"), ValueError, "isn't a supported layer type"),
        (lambda: layers.SpectralNormalization(layers.Dense(2), 0), ValueError, "`power_iterations` should be greater than"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_group_normalization_takes_what_half_precision_cannot_hold():
    y = layers.GroupNormalization(groups=2, dtype="mixed_float16")(np.full((2, 4, 8), 7e4, "float32"))
    assert y.dtype == np.float16 and np.isfinite(y).all()


def test_layer_normalization_takes_another_number_of_axes():
    layer = layers.LayerNormalization()
    layer.build((2, 3, 4))
    assert layer(np.ones((2, 5, 6, 4), "float32")).shape == (2, 5, 6, 4)
    with pytest.raises(ValueError, match="axis -1"):
        layer(np.ones((2, 3, 5), "float32"))


class TestRenormalization:
    x = np.array([[4.0, 6, 2], [8, -2, 5], [6, 4, 3]], "float32")

    def layer(self, *steps, **options):
        layer = layers.BatchNormalization(renorm=True, momentum=0.9, renorm_momentum=0.8, **options)
        layer.build((None, *steps, 3))
        rng = np.random.default_rng(0)
        for w in layer.weights:
            w.assign(np.abs(rng.normal(1, 0.3, 3)))
        return layer

    def test_the_output_is_that_of_the_averages(self):
        """Without limits the correction undoes the batch's statistics."""
        layer = self.layer()
        expected = (self.x - layer.renorm_mean.numpy()) / layer.renorm_stddev.numpy() * layer.gamma.numpy() + layer.beta.numpy()
        np.testing.assert_allclose(layer(self.x, training=True), expected, rtol=1e-4, atol=1e-5)

    def test_averages_follow(self):
        layer = self.layer()
        before = {w.name: w.numpy() for w in layer.weights}
        layer(self.x, training=True)
        mean, stddev = self.x.mean(0), np.sqrt(self.x.var(0) + 1e-3)
        for name, value, m in (
            ("renorm_mean", mean, 0.8), ("renorm_stddev", stddev, 0.8), ("moving_mean", mean, 0.9),
            ("moving_stddev", stddev, 0.9),
        ):  # fmt: skip
            np.testing.assert_allclose(getattr(layer, name), before[name] * m + value * (1 - m), rtol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, layer.moving_stddev.numpy() ** 2 - 1e-3, rtol=1e-4)

    def test_limits_of_one_and_nothing_give_plain_normalization(self):
        layer = self.layer(renorm_clipping={"rmin": 1 - 1e-7, "rmax": 1.0, "dmax": 0.0})
        plain = layers.BatchNormalization()
        plain.build((None, 3))
        plain.set_weights(layer.get_weights()[:4])
        np.testing.assert_allclose(layer(self.x, training=True), plain(self.x, training=True), rtol=1e-5, atol=1e-6)

    def test_a_mask_leaves_steps_out(self):
        layer, other = self.layer(None), self.layer(None)
        x = self.x.reshape(1, 3, 3)
        y = layer(x, training=True, mask=np.array([[True, True, False]]))
        expected = other(x[:, :2], training=True)
        np.testing.assert_allclose(y[:, :2], expected, rtol=1e-4, atol=1e-5)


def test_root_mean_square_of_large_halves():
    x = (20_000 + 3000 * data(6, 4)).astype("float16")
    half, single = layers.RMSNormalization(dtype="float16"), layers.RMSNormalization()
    v, w = kerasnp.Variable(x), kerasnp.Variable(x.astype("float32"))
    with kerasnp.Tape(persistent=True) as tape:
        y, expected = half(v), single(w)
    assert y.value.dtype == np.float16
    np.testing.assert_allclose(y.value, expected.value, rtol=1e-3)
    dy = 100 * data(6, 4)
    got, wanted = tape.gradient(y, [v, half.scale], dy), tape.gradient(expected, [w, single.scale], dy)
    for a, b in zip(got, wanted):
        assert a.dtype == np.float16
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)
