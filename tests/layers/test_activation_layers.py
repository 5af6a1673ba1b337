"""What is peculiar to activations as layers."""

import numpy as np
import pytest

from kerasnp import layers


def test_relu_by_its_definition():
    x = np.linspace(-2, 2, 41).astype("float32")
    y = layers.ReLU(max_value=1.2, negative_slope=0.1, threshold=0.3)(x)
    expected = np.where(x >= 1.2, 1.2, np.where(x > np.float32(0.3), x, 0.1 * (x - 0.3)))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_prelu_shares_alpha_along_axes():
    layer = layers.PReLU(shared_axes=[1, 2])
    layer.build((None, 5, None, 3))
    assert layer.alpha.shape == (1, 1, 3)
    assert layers.PReLU(shared_axes=1).get_config()["shared_axes"] == [1]


def test_leaky_relu_knows_the_name_of_keras_2():
    assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1
    assert layers.LeakyReLU().negative_slope == 0.3


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.ReLU(max_value=-1, name="r"), 'ReLU "r": max_value must be a number of at least 0'),
        (lambda: layers.ReLU(negative_slope=-1), "negative_slope must be a number of at least 0"),
        (lambda: layers.ReLU(threshold=None), "threshold must be a number of at least 0"),
        (lambda: layers.LeakyReLU(None), "negative_slope must be a number of at least 0"),
        (lambda: layers.PReLU().build((None, None, 3)), "share the undefined axes"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_prelu_refuses_another_length():
    layer = layers.PReLU()
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match="axis 1 of input shape to have value 3"):
        layer(np.ones((2, 4)))
