"""Sounds in folders, a folder per class, as datasets of batches."""

import wave

import numpy as np

from kerasnp.data.folders import _dataset
from kerasnp.utils import check

SOUNDS = (".wav",)


def audio_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    sampling_rate=None,
    output_sequence_length=None,
    ragged=False,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    verbose=True,
):
    """Batches of sounds (`.wav`) from folders, one per class: x float32 (batch, samples, channels) in [-1, 1], and labels.

    >>> import os
    >>> for name, sound in (("low", [0, 8192]), ("loud", [16384, -16384, 0])):
    ...     os.makedirs(os.path.join("sounds", name))
    ...     with wave.open(os.path.join("sounds", name, "1.wav"), "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", None))
    ...         file.writeframes(np.array(sound, "<i2").tobytes())
    >>> sounds = audio_dataset_from_directory("sounds", shuffle=False)
    Found 2 files belonging to 2 classes.
    >>> x, y = sounds[0]
    >>> x[..., 0], y.tolist(), sounds.class_names
    (array([[ 0.5 , -0.5 ,  0.  ],
           [ 0.  ,  0.25,  0.  ]], dtype=float32), [0, 1], ['loud', 'low'])

    Uncompressed files of 8, 16, 24 or 32 bits are read; those of a batch must have as many channels.

    Args:
        sampling_rate: samples per second to bring every sound to, by straight lines between its samples; default is to
            leave them as they are.
        output_sequence_length: the samples of each sound, cut or filled with zeros to that many; default is the longest of
            the batch.
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
            verbose: see `image_dataset_from_directory`.

    Raises: ValueError for a folder without sounds, files that are no such sounds, `ragged=True`, or arguments that do not
        fit each other.
    """
    who = "audio_dataset_from_directory"
    if ragged:
        raise ValueError(
            f"{who}: ragged=True is not supported; sounds are filled with zeros to one length, see output_sequence_length."
        )
    if sampling_rate is not None:
        check.positive_int("sampling_rate", sampling_rate, who)
    if output_sequence_length is not None:
        check.positive_int("output_sequence_length", output_sequence_length, who)

    def read(paths):
        sounds = [_read(path, sampling_rate, who) for path in paths]
        channels = {sound.shape[1] for sound in sounds}
        if len(channels) > 1:
            raise ValueError(f"{who}: the sounds of a batch must have as many channels. Received: {sorted(channels)} channels")
        length = output_sequence_length or max(map(len, sounds))
        x = np.zeros((len(sounds), length, *channels), "float32")
        for row, sound in zip(x, sounds):
            row[: len(sound)] = sound[:length]
        return x

    return _dataset(
        who, directory, labels, label_mode, class_names, SOUNDS, read,
        batch_size, shuffle, seed, validation_split, subset, follow_links, verbose,
    )  # fmt: skip


def _read(path, rate, who):
    """The samples of a file (samples, channels), float32 in [-1, 1]."""
    try:
        with wave.open(path, "rb") as file:
            channels, width, own_rate, count = file.getparams()[:4]
            data = file.readframes(count)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{who}: {path!r} is not an uncompressed .wav file: {error}") from error
    raw = np.frombuffer(data, np.uint8)[: len(data) // (width * channels) * width * channels].reshape(-1, width)
    if width == 1:
        # These alone have no sign.
        x = (raw[:, 0].astype("float32") - 128) / 128
    else:
        # Into the upper bytes of 32 bits, whatever the width.
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 4 - width :] = raw
        x = (wide.view("<i4")[:, 0] / 2.0**31).astype("float32")
    x = x.reshape(-1, channels)
    if rate is None or rate == own_rate or not len(x):
        return x
    places = np.arange(-(-len(x) * rate // own_rate)) * (own_rate / rate)
    columns = [np.interp(places, np.arange(len(x)), x[:, c]) for c in range(channels)]
    return np.stack(columns, -1).astype("float32")
