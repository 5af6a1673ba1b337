"""Writes image_layers.npz (run with JAX), discrete_layers.json and *_model.keras (with TensorFlow): what Keras's layers do.

    KERAS_BACKEND=jax python tests/golden/make_preprocessing.py
    KERAS_BACKEND=tensorflow python tests/golden/make_preprocessing.py

Random layers are compared where a case leaves nothing to chance, which shows in two calls that agree.
"""

import json
import sys
import zlib
from pathlib import Path

import keras
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import cases  # noqa: E402

# Cases that Keras 3.15.1 cannot compute itself.
FAILING = {"RandomErasing-2": "a fill value of three numbers fails on JAX"}
MADE_BY = "tests/golden/make_preprocessing.py"


def images():
    from keras.src.layers.preprocessing.image_preprocessing import base_image_preprocessing_layer as base

    out = {"made_by": MADE_BY, "keras": keras.__version__}
    for name, samples in cases.LAYERS.items():
        cls = getattr(keras.layers, name, None)
        if not (isinstance(cls, type) and issubclass(cls, base.BaseImagePreprocessingLayer)):
            continue
        for i, (arguments, shape) in enumerate(samples):
            key = f"{name}-{i}"
            layer = cls(**cases.resolve(keras, arguments))
            x = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype("float32")
            out[f"{key}/config"] = json.dumps(layer.get_config(), default=str)
            if key in FAILING:
                continue
            y, again = (np.asarray(layer(x, training=True)) for _ in range(2))
            if np.array_equal(y, again):
                out[f"{key}/y"] = y
    for i, (name, arguments, shape, transformation) in enumerate(cases.TRANSFORMED):
        layer = getattr(keras.layers, name)(**arguments)
        x = np.random.default_rng(i).uniform(0, 1, shape).astype("float32")
        given = {k: keras.ops.convert_to_tensor(np.asarray(v, cases.kind_of(v))) for k, v in transformation.items()}
        out[f"transformed-{i}"] = np.asarray(layer.transform_images(x, given, training=True))
    np.savez_compressed(HERE / "image_layers.npz", **out)


def discrete():
    out = {"made_by": MADE_BY, "keras": keras.__version__}
    for name, samples in cases.DISCRETE.items():
        for i, (arguments, inputs, *adapted) in enumerate(samples):
            layer = getattr(keras.layers, name)(**arguments)
            if adapted:
                layer.adapt(adapted[0])
            given = [np.asarray(v) for v in inputs] if isinstance(inputs, tuple) else np.asarray(inputs)
            y = np.asarray(layer(given))
            found = {"config": layer.get_config(), "dtype": y.dtype.name, "y": y.tolist()}
            if y.dtype == object:
                found["y"] = np.vectorize(bytes.decode)(y).tolist()
            if hasattr(layer, "get_vocabulary"):
                found["vocabulary"] = layer.get_vocabulary()
            shape = given[0].shape if isinstance(inputs, tuple) else given.shape
            if not isinstance(inputs, tuple):
                found["shape"] = layer.compute_output_shape((None, *shape[1:]))
            out[f"{name}-{i}"] = found
    text = json.dumps(out, default=lambda v: v.item() if hasattr(v, "item") else str(v))
    (HERE / "discrete_layers.json").write_text(text.replace('"made_by"', '\n"made_by"').replace('}, "', '},\n"') + "\n")


def files():
    """Models whose vocabularies were learned, as Keras saves them; what they predict goes into the file's metadata."""
    import zipfile

    import tensorflow as tf

    layers, documents = keras.layers, cases.DOCUMENTS
    sequences = layers.TextVectorization(output_sequence_length=6)
    weights = layers.TextVectorization(output_mode="tf_idf", ngrams=2)
    integers = layers.IntegerLookup()
    for layer, data in ((sequences, documents), (weights, documents), (integers, np.array(cases.NUMBERS))):
        layer.adapt(data)
    models = {
        "sequence": ([keras.Input((), dtype="string"), sequences, layers.Embedding(20, 3), layers.Flatten()], documents),
        "tf_idf": ([keras.Input((1,), dtype="string"), weights], [[d] for d in documents]),
        "integer": ([keras.Input((3,), dtype="int64"), integers, layers.Embedding(9, 2), layers.Flatten()], cases.NUMBERS),
    }
    for name, (stack, inputs) in models.items():
        model = keras.Sequential([*stack, layers.Dense(2)])
        path = HERE / f"{name}_model.keras"
        model.save(path)
        y = np.asarray(model(tf.constant(inputs)))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("predictions.json", json.dumps({"made_by": MADE_BY, "x": inputs, "y": y.tolist()}))


if __name__ == "__main__":
    if keras.backend.backend() == "jax":
        images()
    else:
        discrete()
        files()
