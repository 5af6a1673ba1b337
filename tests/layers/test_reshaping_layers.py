"""What is peculiar to layers that rearrange, pad, cut and enlarge."""

import numpy as np
import pytest

from kerasnp import layers


def count(*shape):
    return np.arange(np.prod(shape), dtype="float32").reshape(shape)


def test_flatten_gives_the_same_order_in_both_data_formats():
    x = count(2, 3, 4, 5)
    last = layers.Flatten()(x)
    np.testing.assert_array_equal(layers.Flatten(data_format="channels_first")(np.moveaxis(x, -1, 1)), last)


def test_integers_stay_integers():
    x = np.arange(24, dtype="int32").reshape(2, 3, 4)
    for layer in (
        layers.Flatten(),
        layers.Reshape((4, 3)),
        layers.Permute((2, 1)),
        layers.ZeroPadding1D(),
        layers.Cropping1D(1),
        layers.UpSampling1D(),
        layers.Identity(),
    ):
        assert layer(x).dtype == np.int32, layer.name
    assert layers.RepeatVector(2)(x[:, 0]).dtype == np.int32


def test_unknown_sizes():
    assert layers.Flatten().compute_output_shape((None, None, 3)) == (None, None)
    assert layers.Reshape((-1, 2)).compute_output_shape((None, None, 4)) == (None, None, 2)
    assert layers.Reshape((-1, 2)).compute_output_shape((None, 3, 4)) == (None, 6, 2)
    assert layers.Permute((2, 1)).compute_output_shape((None, None, 4)) == (None, 4, None)
    assert layers.ZeroPadding2D(1).compute_output_shape((None, None, 4, 3)) == (None, None, 6, 3)
    assert layers.Cropping2D(1).compute_output_shape((None, None, 4, 3)) == (None, None, 2, 3)
    assert layers.UpSampling2D(3).compute_output_shape((None, None, 4, 3)) == (None, None, 12, 3)
    layer = layers.Reshape((-1, 2))
    assert layer(count(2, 3, 4)).shape == (2, 6, 2)
    assert layer(count(5, 7, 2)).shape == (5, 7, 2), "another length of the unknown axis"


def test_empty_batches_pass():
    for layer in (layers.Flatten(), layers.Reshape((-1,)), layers.Permute((2, 1)), layers.UpSampling1D()):
        y = layer(np.zeros((0, 3, 4), "float32"))
        assert y.shape == layer.compute_output_shape((0, 3, 4))


def test_nearest_upsampling_repeats_and_its_gradient_sums():
    x = count(1, 2, 2, 1)
    y = layers.UpSampling2D((1, 2))(x)[0, :, :, 0]
    np.testing.assert_array_equal(y, [[0, 0, 1, 1], [2, 2, 3, 3]])


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_interpolation_keeps_constants_and_the_inside_of_lines(interpolation):
    layer = layers.UpSampling2D(2, interpolation=interpolation)
    np.testing.assert_allclose(layer(np.full((1, 3, 4, 1), 7.0)), 7, rtol=1e-5)
    line = layer(count(1, 24, 1, 1))[0, 12:36, 0, 0]
    # Lanczos is no exact interpolator of lines, the others are.
    tolerance = 0.05 if interpolation.startswith("lanczos") else 1e-4
    np.testing.assert_allclose(line, np.arange(12, 36) / 2 - 0.25, atol=tolerance)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: layers.Reshape((-1, -1)), ValueError, "at most one unknown dimension"),
        (lambda: layers.Reshape((2, -3)), ValueError, "non-negative integers"),
        (lambda: layers.Reshape((5,)).build((None, 3, 2)), ValueError, r"\(3, 2\) with 6 elements"),
        (lambda: layers.Reshape((5,))(count(1, 3, 2)), ValueError, r"must have as many elements"),
        (lambda: layers.Reshape((4, -1))(count(1, 3, 2)), ValueError, r"must have as many elements"),
        (lambda: layers.Permute((0, 1)), ValueError, r"Invalid permutation.*integers from 1.*dims=\(0, 1\)"),
        (lambda: layers.Permute((1, 1)), ValueError, "permutation"),
        (lambda: layers.Permute((2, 1))(count(2, 3)), ValueError, "expected ndim=3, found ndim=2"),
        (lambda: layers.RepeatVector(1.5), TypeError, "Expected an integer value for `n`"),
        (lambda: layers.RepeatVector(0), ValueError, "`n` should be a positive integer"),
        (lambda: layers.RepeatVector(2)(count(2, 3, 4)), ValueError, "expected ndim=2, found ndim=3"),
        (lambda: layers.Flatten("last"), ValueError, "data_format"),
        (lambda: layers.ZeroPadding2D(-1), ValueError, "padding must be a non-negative integer"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), ValueError, "2 of them, or 2 pairs"),
        (lambda: layers.Cropping2D(((1, 2), 3.5)), ValueError, "cropping must be a non-negative integer"),
        (lambda: layers.Cropping2D(2)(count(1, 4, 9, 1)), ValueError, "should be smaller than the corresponding"),
        (lambda: layers.UpSampling2D(0), ValueError, "`size` argument must be a tuple of 2 integers"),
        (lambda: layers.UpSampling2D(interpolation="area"), ValueError, "interpolation must be one of 'nearest'"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
