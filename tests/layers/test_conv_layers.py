"""What is peculiar to convolution layers: shapes of weights, data formats, unknown sizes, and what they refuse."""

import numpy as np
import pytest

from kerasnp import backend as K
from kerasnp import layers


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


@pytest.mark.parametrize(
    "layer, input_shape, shapes",
    [
        (layers.Conv1D(6, 3, groups=2), (None, 9, 4), [(3, 2, 6), (6,)]),
        (layers.Conv2D(6, (3, 2)), (None, 9, 9, 4), [(3, 2, 4, 6), (6,)]),
        (layers.Conv3D(6, 2, use_bias=False), (None, 5, 5, 5, 4), [(2, 2, 2, 4, 6)]),
        (layers.Conv2DTranspose(6, (3, 2)), (None, 9, 9, 4), [(3, 2, 6, 4), (6,)]),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (None, 9, 9, 4), [(3, 3, 4, 2), (8,)]),
        (layers.SeparableConv2D(6, 3, depth_multiplier=2), (None, 9, 9, 4), [(3, 3, 4, 2), (1, 1, 8, 6), (6,)]),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, layers.Layer) else "",
)
def test_weight_shapes(layer, input_shape, shapes):
    layer.build(input_shape)
    assert [w.shape for w in layer.weights] == shapes


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}),
        ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2}),
        ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}),
        ("SeparableConv2D", {"filters": 4, "kernel_size": 2}),
        ("MaxPooling2D", {"pool_size": 2, "padding": "same"}),
        ("AveragePooling2D", {"pool_size": 3, "strides": 1}),
        ("GlobalMaxPooling2D", {}),
        ("UpSampling2D", {"interpolation": "bilinear"}),
        ("ZeroPadding2D", {"padding": ((1, 2), (0, 3))}),
        ("Cropping2D", {"cropping": ((1, 2), (0, 1))}),
        ("AdaptiveAveragePooling2D", {"output_size": (2, 3)}),
    ],
)
def test_channels_first_is_channels_last_with_the_axes_moved(name, arguments):
    last = getattr(layers, name)(**arguments)
    first = getattr(layers, name)(**arguments, data_format="channels_first")
    x = images(2, 7, 6, 3)
    y = last(x)
    z = first(np.moveaxis(x, -1, 1)) if not last.weights else None
    if z is None:
        first.build((2, 3, 7, 6))
        first.set_weights(last.get_weights())
        z = first(np.moveaxis(x, -1, 1))
    np.testing.assert_allclose(z if z.ndim == 2 else np.moveaxis(z, 1, -1), y, rtol=1e-5, atol=1e-6)


def test_default_data_format_is_the_global_one():
    K.set_image_data_format("channels_first")
    assert layers.Conv2D(2, 3).compute_output_shape((None, 3, 8, 9)) == (None, 2, 6, 7)
    assert layers.MaxPooling2D().get_config()["data_format"] == "channels_first"


def test_unknown_sizes_stay_unknown():
    assert layers.Conv2D(4, 3, strides=2).compute_output_shape((None, None, 9, 3)) == (None, None, 4, 4)
    assert layers.Conv1DTranspose(4, 3, strides=2).compute_output_shape((None, None, 3)) == (None, None, 4)
    layer = layers.Conv2D(4, 3)
    layer.build((None, None, None, 3))
    assert layer(images(1, 5, 9, 3)).shape == (1, 3, 7, 4)
    assert layer(images(2, 8, 4, 3)).shape == (2, 6, 2, 4)


def test_same_padding_puts_the_odd_zero_at_the_end():
    layer = layers.Conv1D(1, 2, padding="same", kernel_initializer="ones", use_bias=False)
    np.testing.assert_array_equal(layer(np.array([[[1.0], [2.0], [4.0]]])).ravel(), [3, 6, 4])


def test_causal_convolution_never_looks_ahead():
    layer = layers.Conv1D(3, 3, padding="causal", dilation_rate=2)
    x = images(1, 12, 2)
    before = layer(x)
    changed = x.copy()
    changed[:, 7:] = 100
    np.testing.assert_array_equal(layer(changed)[:, :7], before[:, :7])
    assert not np.allclose(layer(changed)[:, 7:], before[:, 7:])


def test_grouped_convolution_is_one_convolution_for_each_group():
    layer = layers.Conv2D(6, 3, groups=3)
    x = images(2, 5, 6, 6)
    y = layer(x)
    kernel, bias = layer.get_weights()
    for g in range(3):
        part = layers.Conv2D(2, 3)
        part.build((None, 5, 6, 2))
        part.set_weights([kernel[..., 2 * g : 2 * g + 2], bias[2 * g : 2 * g + 2]])
        np.testing.assert_allclose(part(x[..., 2 * g : 2 * g + 2]), y[..., 2 * g : 2 * g + 2], rtol=1e-4, atol=1e-5)


def test_transposed_convolution_is_the_adjoint():
    """<conv(x), z> = <x, conv_transpose(z)> with the same kernel."""
    forward, back = (
        layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
        layers.Conv2DTranspose(3, 3, strides=2, padding="same", use_bias=False),
    )
    x, z = images(2, 8, 6, 3), images(2, 4, 3, 4, seed=1)
    y = forward(x)
    back.build(z.shape)
    back.set_weights(forward.get_weights())
    np.testing.assert_allclose(np.sum(y * z), np.sum(x * back(z)), rtol=1e-4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.Conv2D(0, 3, name="c"), r'Conv2D "c": .* `filters`. Expected a strictly positive value. Rec.*=0'),
        (lambda: layers.Conv2D(2.5, 3), "Expected a strictly positive value. Received filters=2.5"),
        (lambda: layers.Conv2D(2, (3, 3, 3)), r"`kernel_size` argument must be a tuple of 2 integers"),
        (lambda: layers.Conv2D(2, 3, strides=0), r"`strides` argument must be a tuple of 2 integers"),
        (
            lambda: layers.Conv2D(2, 3, padding="full"),
            r"padding must be one of 'valid', 'same'. Received: padding='full'",
        ),
        (lambda: layers.Conv2D(2, 3, padding="causal"), "padding must be one of"),
        (lambda: layers.Conv1D(2, 3, padding="causal", data_format="channels_first"), "causal padding needs"),
        (
            lambda: layers.Conv2D(2, 3, strides=2, dilation_rate=2),
            "`strides > 1` not supported in conjunction with",
        ),
        (lambda: layers.Conv2D(3, 3, groups=0), "number of groups must be a positive integer. Received: groups=0"),
        (lambda: layers.Conv2D(3, 3, groups=2), r"evenly divisible by the number of groups. Received: groups=2, filters=3"),
        (lambda: layers.Conv2D(2, 3, data_format="first"), "data_format"),
        (lambda: layers.Conv2D(2, 3, activation="rel"), "Did you mean 'relu'"),
        (lambda: layers.Conv2D(2, 3, kernal_initializer="zeros"), "Unrecognized keyword arguments"),
        (lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=2), "`output_padding` must be strictly less"),
        (lambda: layers.Conv1DTranspose(2, 3, padding="causal"), "padding must be one of 'valid', 'same'"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "argument `depth_multiplier`. Expected a strictly positive"),
        (lambda: layers.SeparableConv2D(-1, 3), "argument `filters`. Expected a strictly positive"),
    ],
)
def test_argument_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "layer, shape, message",
    [
        (layers.Conv2D(2, 3), (28, 28), "expected min_ndim=4, found ndim=2"),
        (layers.Conv2D(2, 3), (5, 28, 28), r"channel axis may be missing: try x\[..., None\]"),
        (layers.Conv2D(2, 9), (1, 8, 8, 2), "smaller than the window"),
        (layers.Conv2D(2, 3, groups=2), (1, 8, 8, 3), "input channels must be divisible by groups"),
        (layers.MaxPooling2D(9), (1, 8, 8, 2), "smaller than the window"),
        (layers.MaxPooling2D(), (8, 8, 2), "expected ndim=4, found ndim=3"),
    ],
)
@pytest.mark.parametrize("way", ["call", "build", "shape"])
def test_input_errors_come_before_any_weight_is_made(layer, shape, message, way):
    if way == "shape" and "groups" in message:
        pytest.skip("the number of channels does not matter for the shape")
    with pytest.raises(ValueError, match=message):
        {"call": lambda s: layer(images(*s)), "build": layer.build, "shape": layer.compute_output_shape}[way](shape)
    assert layer.weights == []


def test_unknown_channels_cannot_be_built():
    with pytest.raises(ValueError, match="the channel axis of the input must be defined"):
        layers.Conv2D(2, 3).build((None, 8, 8, None))


def test_other_channels_than_at_first_are_refused():
    layer = layers.Conv2D(2, 3, name="conv")
    layer(images(1, 5, 5, 3))
    with pytest.raises(ValueError, match=r'layer "conv".*axis 3 of input shape to have value 3.*\(1, 5, 5, 4\)'):
        layer(images(1, 5, 5, 4))
