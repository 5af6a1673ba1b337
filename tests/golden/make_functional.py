"""Functional models that are straight lines, and some that are not, as Keras 2 and Keras 3 write them, with their outputs.

    python tests/golden/make_functional.py      (a Python with tf_keras 2 and Keras 3, KERAS_BACKEND=tensorflow)
"""

import os
import tempfile
from pathlib import Path

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def line(keras):
    layers = keras.layers
    x = inputs = keras.Input((6, 6, 1))
    for layer in (layers.Conv2D(2, 3, activation="relu", name="conv"), layers.BatchNormalization(), layers.MaxPooling2D(),
                  layers.Dropout(0.3), layers.Flatten(), layers.Dense(3, activation="softmax", name="probs")):  # fmt: skip
        x = layer(x)
    return keras.Model(inputs, x, name="line")


def masked(keras):
    layers = keras.layers
    x = inputs = keras.Input((7,), dtype="int32")
    for layer in (layers.Embedding(9, 3, mask_zero=True), layers.LSTM(2, return_sequences=True),
                  layers.Bidirectional(layers.GRU(2)), layers.Dense(2)):  # fmt: skip
        x = layer(x)
    return keras.Model(inputs, x, name="masked")


def nested(keras):
    return keras.Sequential([keras.Input((6, 6, 1)), line(keras), keras.layers.Dense(2)], name="nested")


def branch(keras):
    inputs = keras.Input((4,), name="in")
    sides = [keras.layers.Dense(3, name=n)(inputs) for n in ("left", "right")]
    return keras.Model(inputs, keras.layers.Add(name="sum")(sides), name="branch")


def twice(keras):
    inputs, layer = keras.Input((4,), name="in"), keras.layers.Dense(4, name="again")
    return keras.Model(inputs, layer(layer(inputs)), name="twice")


def main():
    import keras
    import tf_keras

    rng, record = np.random.default_rng(0), {}
    record["made_by"] = f"{Path(__file__).name}, tf_keras {tf_keras.__version__}, keras {keras.__version__}"
    for make in (line, masked, nested, branch, twice):
        for package, suffixes in ((tf_keras, ["h5"]), (keras, ["keras", "h5"])):
            package.backend.clear_session()
            package.utils.set_random_seed(1)
            model, version = make(package), 2 if package is tf_keras else 3
            shape = (3, *model.input_shape[1:])
            x = rng.integers(0, 9, shape).astype("int32") if make is masked else rng.normal(size=shape).astype("float32")
            model.compile("adam", "mse", metrics=["mae"])
            model.train_on_batch(x, np.zeros(model.predict(x, verbose=0).shape))
            for suffix in suffixes if make not in (branch, twice) else suffixes[:1]:
                key = f"{make.__name__}-{version}-{suffix}"
                with tempfile.TemporaryDirectory() as folder:
                    model.save(f"{folder}/m.{suffix}")
                    record[f"{key}/file"] = np.frombuffer(Path(f"{folder}/m.{suffix}").read_bytes(), np.uint8)
                record.update({f"{key}/x": x, f"{key}/y": model.predict(x, verbose=0)})
    np.savez_compressed(Path(__file__).with_name("functional.npz"), **record)


if __name__ == "__main__":
    main()
