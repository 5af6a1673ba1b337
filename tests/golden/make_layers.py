"""Writes layers.npz: what Keras computes for every layer case of cases.py.

Run with a Python that has Keras 3 and JAX: KERAS_BACKEND=jax python tests/golden/make_layers.py
"""

import json
import sys
import zlib
from pathlib import Path

import jax
import keras
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import cases  # noqa: E402

# Cases that Keras 3.15.1 cannot compute itself.
FAILING = {"RMSNormalization-2": "the scale is not aligned with an axis other than the last"}
# Layers with a script of their own, make_recurrent.py and the like.
# make_preprocessing.py has the image layers.
ELSEWHERE = (
    "RNN SimpleRNN SimpleRNNCell LSTM LSTMCell GRU GRUCell StackedRNNCells Bidirectional TimeDistributed ConvLSTM1D "
    "ConvLSTM2D ConvLSTM3D Rescaling Normalization Pipeline STFTSpectrogram MelSpectrogram"
).split()
# Where a training call differs from an inference call, and is not random.
TRAINED = ("BatchNormalization", "SpectralNormalization")


def weight_values(layer, rng):
    values = [np.asarray(w) + 0.3 * rng.standard_normal(w.shape) for w in layer.weights]
    return [(abs(v) if "variance" in w.name else v).astype("float32") for w, v in zip(layer.weights, values)]


def record(name, i, arguments, shape, out):
    rng = np.random.default_rng(zlib.crc32(f"{name}-{i}".encode()))
    keras.utils.clear_session()
    layer = getattr(keras.layers, name)(**cases.resolve(keras, arguments))
    integers = cases.INTEGER_LAYERS.get(name)
    x = (
        rng.standard_normal(shape).astype("float32")
        if integers is None
        else rng.integers(0, integers, shape).astype("int32")
    )
    layer(x)
    layer.set_weights(weight_values(layer, rng))
    key = f"{name}-{i}"
    out[f"{key}/x"] = x
    out[f"{key}/weights"] = json.dumps([w.name for w in layer.weights])
    out[f"{key}/trainable"] = json.dumps([w.name for w in layer.trainable_weights])
    out[f"{key}/config"] = json.dumps(layer.get_config(), default=str)
    for j, w in enumerate(layer.get_weights()):
        out[f"{key}/w{j}"] = w
    for training in (False, True)[: 2 if name in TRAINED else 1]:
        trainable = [v.value for v in layer.trainable_variables]
        others = [v.value for v in layer.non_trainable_variables]

        def forward(x, trainable, options={"training": True} if training else {}, others=others):
            return layer.stateless_call(trainable, others, x, **options)

        key = f"{name}-{i}" + "/train" * training
        if integers is None:
            y, pull, others = jax.vjp(forward, x, trainable, has_aux=True)
        else:
            y, pull, others = jax.vjp(lambda trainable: forward(x, trainable), trainable, has_aux=True)
        dy = rng.standard_normal(y.shape).astype("float32")
        *dx, dw = pull(dy)
        out[f"{key}/y"], out[f"{key}/dy"] = y, dy
        if dx:
            out[f"{key}/dx"] = dx[0]
        for j, g in enumerate(dw):
            out[f"{key}/dw{j}"] = g
        for j, v in enumerate(others):
            out[f"{key}/after{j}"] = v


def main():
    out = {"keras": keras.__version__}
    from keras.src.layers.preprocessing.image_preprocessing import base_image_preprocessing_layer as base

    for name, samples in cases.LAYERS.items():
        if issubclass(getattr(keras.layers, name, object), base.BaseImagePreprocessingLayer):
            continue
        for i, (arguments, shape) in enumerate(samples):
            if f"{name}-{i}" in FAILING or name in ELSEWHERE:
                continue
            try:
                record(name, i, arguments, shape, out)
            except Exception as error:
                raise RuntimeError(f"{name}-{i}: {arguments} {shape}") from error
    save(out)


def save(out):
    """All numbers as one array, and an index of what lies where: a zip member for each would be mostly headers."""
    index, parts, offset = {}, [], 0
    for key, value in out.items():
        if isinstance(value, str):
            index[key] = value
        else:
            value = np.asarray(value, "float32")
            index[key] = [offset, value.shape]
            parts.append(value.ravel())
            offset += value.size
    np.savez_compressed(HERE / "layers.npz", index=json.dumps(index), values=np.concatenate(parts))
    print(len(out), "entries,", (HERE / "layers.npz").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
