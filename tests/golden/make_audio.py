"""Writes audio.npz: spectrograms by Keras of given signals, and the configurations of the layers.

Run with a Python that has Keras 3 and JAX: KERAS_BACKEND=jax python tests/golden/make_audio.py
"""

import json
from pathlib import Path

import jax
import keras
import numpy as np

SHORT = {"frame_length": 8, "frame_step": 3, "fft_length": 16}
CASES = [
    *[("STFTSpectrogram", {"mode": m, **SHORT}) for m in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")],
    ("STFTSpectrogram", {"frame_length": 7, "padding": "same", "expand_dims": True, "window": "hamming", "scaling": None}),
    ("STFTSpectrogram", {"frame_length": 8, "data_format": "channels_first", "mode": "stft"}),
    (
        "STFTSpectrogram",
        {"frame_length": 8, "data_format": "channels_first", "expand_dims": True, "scaling": "spectrum", "periodic": True},
    ),
    ("MelSpectrogram", {"fft_length": 64, "sequence_stride": 32, "num_mel_bins": 8}),
    (
        "MelSpectrogram",
        {
            "fft_length": 64, "sequence_stride": 20, "sequence_length": 50, "window": "hamming", "num_mel_bins": 6,
            "sampling_rate": 8000, "min_freq": 100.0, "max_freq": 3000.0, "top_db": 20.0, "mag_exp": 1.0, "ref_power": 2.0,
        },
    ),
    ("MelSpectrogram", {"fft_length": 32, "sequence_stride": 16, "power_to_db": False, "num_mel_bins": 5}),
]


def main():
    rng = np.random.default_rng(20261121)
    shapes = {"signals": (2, 40, 3), "sounds": (2, 300)}
    out = {name: rng.standard_normal(shape).astype("float32") for name, shape in shapes.items()}
    configs = []
    for i, (name, arguments) in enumerate(CASES):
        layer = getattr(keras.layers, name)(**arguments)
        x = out["sounds"] if name == "MelSpectrogram" else out["signals"]
        out[f"y{i}"] = np.asarray(layer(x.transpose(0, 2, 1) if "data_format" in arguments else x))
        configs.append({k: v for k, v in layer.get_config().items() if k not in ("name", "dtype")})
    meta = {
        "made_by": "tests/golden/make_audio.py",
        "versions": {"keras": keras.__version__, "jax": jax.__version__, "numpy": np.__version__},
        "cases": CASES, "configs": configs,
    }  # fmt: skip
    np.savez_compressed(Path(__file__).with_name("audio.npz"), meta=json.dumps(meta), **out)


if __name__ == "__main__":
    main()
