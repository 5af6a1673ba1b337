"""Initializers: fans by axes, Fourier kernels, names, and what is refused."""

import numpy as np
import pytest

import kerasnp
from kerasnp import initializers


def test_fans_by_axes_decide_the_variance():
    assert initializers.compute_fans((32, 4, 16), input_axes=[0], output_axes=[1, 2]) == (32, 64)
    values = initializers.LecunNormal(seed=1, input_axes=[0], output_axes=[1, 2])((32, 40, 16))
    assert values.var() == pytest.approx(1 / 32, rel=0.1)
    config = initializers.VarianceScaling(input_axes=[0], output_axes=[1]).get_config()
    assert config["input_axes"] == [0] and initializers.VarianceScaling(**config).output_axes == [1]
    assert initializers.GlorotUniform().get_config()["input_axes"] is None


@pytest.mark.parametrize("side, wave", [("real", np.cos), ("imag", np.sin)])
def test_fourier_kernels_transform_a_signal(side, wave):
    kernel = initializers.STFT(side, None)((16, 1, 9), "float64")
    t, k = np.arange(16)[:, None, None], np.arange(9)
    np.testing.assert_allclose(kernel, wave(-2 * np.pi * t * k / 16), atol=1e-12)
    windowed = initializers.STFT(side, list(range(16)), "spectrum")((16, 1, 9), "float64")
    np.testing.assert_allclose(windowed, kernel * np.arange(16)[:, None, None] / 120)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "tukey"])
def test_windows_are_symmetric_or_go_on(name):
    w = kerasnp.backend.window(name, 9)
    np.testing.assert_allclose(w, w[::-1], atol=1e-15)
    np.testing.assert_allclose(kerasnp.backend.window(name, 8, periodic=True), w[:-1], atol=1e-15)


def test_what_is_refused():
    with pytest.raises(ValueError, match="Invalid `mode` argument"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match="Invalid `distribution` argument"):
        initializers.VarianceScaling(distribution="x")
    with pytest.raises(ValueError, match="Expected `shape` to be one that the value of shape"):
        initializers.get(np.ones((2, 2)))((3, 3))
    with pytest.raises(ValueError, match="scaling must be one of"):
        initializers.STFT(scaling="l2")
    with pytest.raises(ValueError, match="must hold 4 numbers"):
        initializers.STFT(window=[1.0, 2.0])((4, 1, 3))


def test_long_names_of_keras():
    assert isinstance(initializers.get("IdentityInitializer"), initializers.Identity)
    assert isinstance(initializers.get("OrthogonalInitializer"), initializers.Orthogonal)
    assert isinstance(initializers.get("STFTInitializer"), initializers.STFT)
