"""Sounds in folders: every width of samples, lengths, rates, mistakes."""

import wave

import numpy as np
import pytest

from kerasnp.utils import audio_dataset_from_directory

WAVE = np.sin(np.arange(40) * 0.3)


def write(path, sound, width=2, rate=8000):
    sound = np.asarray(sound).reshape(len(sound), -1)
    path.parent.mkdir(exist_ok=True)
    numbers = np.round(sound * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    if width == 1:
        data = (numbers + 128).astype(np.uint8).tobytes()
    else:
        data = numbers.astype("<i8").reshape(-1, 1).view(np.uint8)[:, :width].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((sound.shape[1], width, rate, 0, "NONE", None))
        file.writeframes(data)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_samples_of_every_width(tmp_path, width):
    stereo = np.stack([WAVE, -0.5 * WAVE], -1)
    write(tmp_path / "a" / "1.wav", stereo, width)
    x = audio_dataset_from_directory(tmp_path, labels=None, verbose=False)[0]
    assert x.shape == (1, 40, 2) and x.dtype == np.float32
    np.testing.assert_allclose(x[0], stereo, atol=2.0 ** (2 - 8 * width) + 1e-7)
    assert abs(x).max() <= 1


def test_lengths_labels_and_subsets(tmp_path):
    for i, name in enumerate("abababab"):
        write(tmp_path / name / f"{i}.wav", WAVE[: 10 + i])
    x, y = audio_dataset_from_directory(tmp_path, shuffle=False, verbose=False)[0]
    assert x.shape == (8, 17, 1) and y.tolist() == [0] * 4 + [1] * 4
    assert not x[0, 10:].any() and x[0, 9].all()
    x, y = audio_dataset_from_directory(
        tmp_path, output_sequence_length=12, label_mode="binary", batch_size=3, seed=1, verbose=False
    )[2]
    assert x.shape == (2, 12, 1) and y.shape == (2, 1)
    both = audio_dataset_from_directory(tmp_path, validation_split=0.25, subset="both", seed=1, verbose=False)
    assert [len(part.file_paths) for part in both] == [6, 2]


def test_another_rate(tmp_path):
    write(tmp_path / "a" / "1.wav", np.linspace(0, 0.5, 21), rate=1000)
    for rate, length in ((2000, 42), (500, 11), (1000, 21)):
        x = audio_dataset_from_directory(tmp_path, labels=None, sampling_rate=rate, verbose=False)[0][0, :, 0]
        assert x.shape == (length,)
        np.testing.assert_allclose(x[: length - 1], np.arange(length - 1) * 0.025 * 1000 / rate, atol=1e-4)


def test_mistakes(tmp_path):
    with pytest.raises(ValueError, match="No audio files found"):
        audio_dataset_from_directory(tmp_path, labels=None)
    with pytest.raises(ValueError, match="ragged=True is not supported"):
        audio_dataset_from_directory(tmp_path, ragged=True)
    with pytest.raises(ValueError, match="`sampling_rate` must be a positive integer"):
        audio_dataset_from_directory(tmp_path, sampling_rate=0)
    write(tmp_path / "a" / "1.wav", WAVE)
    write(tmp_path / "a" / "2.wav", np.stack([WAVE, WAVE], -1))
    with pytest.raises(ValueError, match=r"as many channels. Received: \[1, 2\]"):
        audio_dataset_from_directory(tmp_path, labels=None, verbose=False)[0]
    (tmp_path / "a" / "1.wav").write_bytes(b"RIFF of something else")
    with pytest.raises(ValueError, match="1.wav' is not an uncompressed"):
        audio_dataset_from_directory(tmp_path, labels=None, verbose=False)[0]
