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
        (lambda: layers.ReLU(max_value=-1, name="r"), 'ReLU "r": The max_value of a ReLU layer cannot be a negative value'),
        (lambda: layers.ReLU(negative_slope=-1), "negative_slope of a ReLU layer cannot be None or a negative value"),
        (lambda: layers.ReLU(threshold=None), "threshold of a ReLU layer cannot be None or a negative value"),
        (lambda: layers.LeakyReLU(None), "negative_slope value of a Leaky ReLU layer cannot be None"),
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


def test_softmax_refuses_a_mask_that_does_not_fit():
    x = np.ones((2, 3, 4), "float32")
    assert np.allclose(layers.Softmax()(x, mask=np.array([True, True, False, False])).sum(-1), 1)
    with pytest.raises(ValueError, match="must be broadcastable"):
        layers.Softmax()(x, mask=np.ones((2, 2, 4), bool))
    with pytest.raises(ValueError, match="must not have more dimensions"):
        layers.Softmax()(x, mask=np.ones((1, 2, 3, 4), bool))
