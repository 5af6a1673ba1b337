"""Statistics, seeds and shapes of the noise that the regularization layers make."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.autodiff import Tape, Variable

N = 200_000


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_zeroes_the_share_and_scales_the_rest(rate):
    x = np.full(N, 3.0, "float32")
    y = layers.Dropout(rate, seed=1)(x, training=True)
    dropped = y == 0
    # Five standard deviations of the share.
    assert abs(dropped.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / N)
    np.testing.assert_allclose(y[~dropped], 3 / (1 - rate), rtol=1e-6)


def test_dropout_gradient_is_the_mask_of_the_forward_pass():
    layer = layers.Dropout(0.4, seed=1)
    x = Variable(np.ones((50, 20), "float32"))
    with Tape() as tape:
        y = layer(x, training=True)
    np.testing.assert_array_equal(tape.gradient(y, x), y.numpy())


def test_dropout_off_hands_the_inputs_on_untouched():
    x = np.ones((3, 4), "float32")
    assert layers.Dropout(0.5)(x) is x
    assert layers.Dropout(0.0)(x, training=True) is x
    np.testing.assert_array_equal(layers.Dropout(1)(x, training=True), 0)


def test_seeds():
    x = np.ones((8, 100), "float32")
    first, second = layers.Dropout(0.5, seed=1), layers.Dropout(0.5, seed=1)
    a, b = first(x, training=True), first(x, training=True)
    assert not np.array_equal(a, b), "every call draws a new mask"
    np.testing.assert_array_equal(second(x, training=True), a)
    np.testing.assert_array_equal(second(x, training=True), b)
    assert not np.array_equal(layers.Dropout(0.5, seed=2)(x, training=True), a)
    kerasnp.utils.set_random_seed(5)
    c = layers.Dropout(0.5)(x, training=True)
    kerasnp.utils.set_random_seed(5)
    np.testing.assert_array_equal(layers.Dropout(0.5)(x, training=True), c)
    assert not np.array_equal(layers.Dropout(0.5)(x, training=True), c), "two unseeded layers differ"


def test_the_state_of_a_seed_generator_resumes_the_masks():
    x = np.ones((8, 100), "float32")
    layer = layers.Dropout(0.5, seed=1)
    layer(x, training=True)
    state = layer.seed_generator.state.numpy()
    a = layer(x, training=True)
    layer.seed_generator.state.assign(state)
    np.testing.assert_array_equal(layer(x, training=True), a)
    assert layer.weights == [] and len(layer.variables) == 1


@pytest.mark.parametrize(
    "layer, x_shape, shared",
    [
        (layers.Dropout(0.5, noise_shape=(None, 1, 3), seed=1), (20, 5, 3), 1),
        (layers.SpatialDropout1D(0.5, seed=1), (20, 5, 3), 1),
        (layers.SpatialDropout2D(0.5, seed=1), (20, 5, 4, 3), (1, 2)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first", seed=1), (20, 3, 5, 4), (2, 3)),
        (layers.SpatialDropout3D(0.5, seed=1), (20, 2, 5, 4, 3), (1, 2, 3)),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, layers.Layer) else "",
)
def test_masks_are_shared_along_axes(layer, x_shape, shared):
    y = layer(np.ones(x_shape, "float32"), training=True)
    assert set(np.unique(y)) == {0.0, 2.0}
    np.testing.assert_array_equal(y.min(axis=shared), y.max(axis=shared))
    assert 10 < (y.max(axis=shared) == 0).sum() < 50


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).standard_normal(N).astype("float32")
    y = layers.AlphaDropout(0.3, seed=1)(x, training=True)
    assert y.mean() == pytest.approx(0, abs=0.02)
    assert y.std() == pytest.approx(1, abs=0.02)
    values, counts = np.unique(y, return_counts=True)
    assert counts.max() / N == pytest.approx(0.3, abs=0.01), "the dropped ones share one value"


def test_gaussian_noises():
    x = np.full(N, 2.0, "float32")
    y = layers.GaussianNoise(0.5, seed=1)(x, training=True)
    assert y.mean() == pytest.approx(2, abs=0.01) and y.std() == pytest.approx(0.5, abs=0.01)
    y = layers.GaussianDropout(0.2, seed=1)(x, training=True)
    assert y.mean() == pytest.approx(2, abs=0.01) and y.std() == pytest.approx(2 * 0.5, abs=0.01)


def test_activity_regularization_adds_to_the_loss():
    layer = layers.ActivityRegularization(l1=0.1, l2=0.01)
    x = np.array([[1.0, -2.0], [3.0, 0.0]], "float32")
    assert layer(x) is x
    assert float(layer.losses[0]) == pytest.approx((0.1 * 6 + 0.01 * 14) / 2)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: layers.Dropout(1.5, name="d"),
            'Dropout "d": Invalid value .* `rate`. Expected a float value between 0 and 1, a share. Received: rate=1.5',
        ),
        (lambda: layers.Dropout("a"), "argument `rate`. Expected a float value between 0 and 1"),
        (lambda: layers.Dropout(0.5, noise_shape=("a",)), "`noise_shape`. Expected all elements to be integers or None"),
        (lambda: layers.Dropout(0.5, noise_shape=3), "`noise_shape`. Expected a tuple or list of integers"),
        (lambda: layers.Dropout(0.5, noise_shape=(2, 0)), "`noise_shape`. Expected all dimensions to be positive"),
        (lambda: layers.Dropout(0.5, seed=-1), "seed must not be negative"),
        (lambda: layers.AlphaDropout(1.0), "rate must be less than 1"),
        (lambda: layers.GaussianDropout(1.0), "rate must be less than 1"),
        (lambda: layers.GaussianNoise(-0.1), "stddev must be a number of at least 0"),
        (lambda: layers.SpatialDropout2D(0.5)(np.ones((2, 3, 4))), "expected ndim=4, found ndim=3"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
