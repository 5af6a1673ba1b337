"""The whole surface in about a second: build, fit, evaluate, save, load, predict."""

import numpy as np

import kerasnp
from kerasnp import layers


def test_the_whole_path(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 8, 8, 1)).astype("float32")
    y = rng.integers(0, 2, 256).astype("int32")
    x[:, :4] += y[:, None, None, None]

    def build():
        return kerasnp.Sequential(
            [
                kerasnp.Input((8, 8, 1)),
                layers.Conv2D(4, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dropout(0.1),
                layers.Dense(16, activation="relu"),
                layers.Dense(2, activation="softmax"),
            ]
        )

    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=12, verbose=0, validation_split=0.25)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert history.history["accuracy"][-1] > 0.9
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy > 0.85 and loss < 0.5
    model.save_weights(tmp_path / "tiny.weights.h5")
    fresh = build()
    assert not np.array_equal(fresh.predict(x, verbose=0), model.predict(x, verbose=0))
    fresh.load_weights(tmp_path / "tiny.weights.h5")
    np.testing.assert_array_equal(fresh.predict(x, verbose=0), model.predict(x, verbose=0))
