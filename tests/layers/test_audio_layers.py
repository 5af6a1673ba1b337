"""Spectrograms against Keras (golden/audio.npz), and their mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from kerasnp import layers

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "audio.npz")
META = json.loads(str(GOLDEN["meta"]))
NUMBERED = [pytest.param(i, *case, id=f"{i}-{case[0]}") for i, case in enumerate(META["cases"])]


@pytest.mark.parametrize("i, name, arguments", NUMBERED)
def test_like_keras(i, name, arguments):
    layer = getattr(layers, name)(**arguments)
    x = GOLDEN["sounds" if name == "MelSpectrogram" else "signals"]
    x = x.transpose(0, 2, 1) if "data_format" in arguments else x
    y, expected = layer(x), GOLDEN[f"y{i}"]
    assert y.shape == expected.shape == layer.compute_output_shape(x.shape)
    difference, tolerance = y - expected, 1e-5
    if arguments.get("mode") == "angle":  # -pi is pi, and the angle of next to nothing is anything
        difference, tolerance = np.angle(np.exp(1j * difference)), 1e-4
    assert np.abs(difference).max() < tolerance * max(np.abs(expected).max(), 1)
    assert {k: v for k, v in layer.get_config().items() if k not in ("name", "dtype")} == META["configs"][i]


def test_a_tone_is_where_it_should_be():
    t = np.arange(4000) / 8000
    layer = layers.STFTSpectrogram(mode="psd", frame_length=256, data_format="channels_last")
    spectrum = layer(np.sin(2 * np.pi * 1000 * t)[None, :, None])[0].mean(axis=0)
    assert spectrum.argmax() == 1000 / 8000 * 256
    mel = layers.MelSpectrogram(fft_length=512, sampling_rate=8000, num_mel_bins=40)
    low, high = (int(mel(np.sin(2 * np.pi * f * t))[:, 4].argmax()) for f in (300, 2500))
    assert low < high


def test_kernels_may_be_trained():
    kerasnp.utils.set_random_seed(0)
    model = kerasnp.Sequential([
        kerasnp.Input((32, 1)), layers.STFTSpectrogram(frame_length=8), layers.Flatten(), layers.Dense(1)
    ])  # fmt: skip
    before = [w.copy() for w in model.get_weights()]
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).standard_normal((8, 32, 1)).astype("float32")
    model.fit(x, np.ones(8), verbose=0)
    assert not np.array_equal(model.get_weights()[0], before[0])
    frozen = layers.STFTSpectrogram(frame_length=8, trainable=False)
    frozen(x)
    assert frozen.trainable_weights == [] and [w.name for w in frozen.weights] == ["real_kernel", "imag_kernel"]


@pytest.mark.parametrize("make, error, text", [
    (lambda: layers.STFTSpectrogram(mode="loud"), ValueError, "mode"),
    (lambda: layers.STFTSpectrogram(frame_length=8, frame_step=9), ValueError, "`frame_step` should be"),
    (lambda: layers.STFTSpectrogram(frame_length=8, fft_length=4), ValueError, "must not be below frame_length"),
    (lambda: layers.STFTSpectrogram(window="round"), ValueError, "window"),
    (lambda: layers.STFTSpectrogram(scaling="loud"), ValueError, "scaling"),
    (lambda: layers.STFTSpectrogram(padding="causal"), ValueError, "padding"),
    (lambda: layers.STFTSpectrogram(frame_length=4)(np.ones((1, 8, 1), "int32")), TypeError, "Invalid input type"),
    (lambda: layers.MelSpectrogram(fft_length=8, sequence_length=9), ValueError, "fft_length"),
])  # fmt: skip
def test_mistakes(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_lengths_that_fourier_dislikes():
    with pytest.warns(UserWarning, match="power of two"):
        layers.STFTSpectrogram(frame_length=8, fft_length=12)
