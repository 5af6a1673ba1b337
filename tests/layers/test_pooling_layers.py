"""What is peculiar to pooling: borders, ties, masks and windows of adapted sizes."""

import numpy as np
import pytest

from kerasnp import layers
from kerasnp.autodiff import Tape, Variable


def test_padding_never_wins_and_is_not_counted():
    x = -np.ones((1, 3, 3, 1), "float32")
    np.testing.assert_array_equal(layers.MaxPooling2D(2, padding="same")(x), -np.ones((1, 2, 2, 1)))
    np.testing.assert_array_equal(layers.AveragePooling2D(2, padding="same")(x), -np.ones((1, 2, 2, 1)))


def test_strides_default_to_the_window():
    assert layers.MaxPooling2D((2, 3)).get_config()["strides"] == (2, 3)
    assert layers.MaxPooling2D(3, strides=1).compute_output_shape((None, 9, 9, 2)) == (None, 7, 7, 2)
    assert layers.MaxPooling2D(3, padding="same").compute_output_shape((None, 10, None, 2)) == (None, 4, None, 2)


def test_the_first_of_equals_gets_the_gradient():
    x = Variable(np.ones((1, 2, 2, 1), "float32"))
    with Tape() as tape:
        y = layers.MaxPooling2D()(x)
    np.testing.assert_array_equal(tape.gradient(y, x)[0, :, :, 0], [[1, 0], [0, 0]])


def test_global_average_leaves_masked_steps_out():
    x = np.random.default_rng(0).standard_normal((3, 4, 2)).astype("float32")
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    layer = layers.GlobalAveragePooling1D()
    y = layer(x, mask=mask)
    np.testing.assert_allclose(y, [x[0, :3].mean(0), x[1, 0], [0, 0]], rtol=1e-5, atol=1e-6)
    kept = layers.GlobalAveragePooling1D(keepdims=True, data_format="channels_first")
    np.testing.assert_allclose(kept(x.transpose(0, 2, 1), mask=mask)[:, :, 0], y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size, count", [(7, 3), (5, 5), (3, 4), (6, 2), (1, 3)])
def test_adaptive_windows_cover_the_axis(size, count):
    x = np.random.default_rng(0).standard_normal((2, size, 3)).astype("float32")
    bins = [(int(np.floor(i * size / count)), int(np.ceil((i + 1) * size / count))) for i in range(count)]
    means = np.stack([x[:, a:b].mean(1) for a, b in bins], 1)
    maxima = np.stack([x[:, a:b].max(1) for a, b in bins], 1)
    np.testing.assert_allclose(layers.AdaptiveAveragePooling1D(count)(x), means, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layers.AdaptiveMaxPooling1D(count)(x), maxima)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: layers.MaxPooling2D(0, name="p"),
            'MaxPooling2D "p": The `pool_size` argument must be a tuple of 2 integers',
        ),
        (lambda: layers.MaxPooling2D((2, 2, 2)), "`pool_size` argument must be a tuple of 2 integers"),
        (lambda: layers.MaxPooling2D(strides="2"), "`strides` argument must be a tuple of 2 integers"),
        (lambda: layers.AveragePooling2D(2, padding="valid "), "padding must be one of 'valid', 'same'"),
        (lambda: layers.AdaptiveMaxPooling2D(0), "`output_size` argument must be a tuple of 2 integers"),
        (lambda: layers.GlobalMaxPooling2D()(np.ones((2, 3, 4))), "expected ndim=4, found ndim=3"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
