"""ModelCheckpoint: names, the best, batches, full and forbidden disks."""

import os

import numpy as np
import pytest

import kerasnp
from kerasnp.callbacks import Callback, ModelCheckpoint

X, Y = np.linspace(-1, 1, 16, dtype="float32").reshape(8, 2), np.ones((8, 1), "float32")


class Scripted(Callback):
    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.values[epoch]
        self.model.layers[0].bias.assign([float(epoch)])


def compiled(**kwargs):
    model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **kwargs})
    return model


def test_the_model_is_saved_each_epoch_under_its_own_name(tmp_path):
    path = tmp_path / "deep" / "{epoch:02d}-{val_loss:.2f}.keras"
    model = compiled()
    history = model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[ModelCheckpoint(path)])
    expected = [f"{i + 1:02d}-{v:.2f}.keras" for i, v in enumerate(history.history["val_loss"])]
    assert sorted(os.listdir(tmp_path / "deep")) == expected
    loaded = kerasnp.models.load_model(tmp_path / "deep" / expected[-1])
    assert (loaded.predict(X, verbose=0) == model.predict(X, verbose=0)).all()


def test_weights_alone(tmp_path):
    path = tmp_path / "w.weights.h5"
    model = compiled()
    model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(path, save_weights_only=True)])
    other = compiled()
    other.load_weights(path)
    assert all((a == b).all() for a, b in zip(model.get_weights(), other.get_weights()))


def bias_in(path):
    return float(kerasnp.models.load_model(path).layers[0].bias.numpy()[0])


def best_bias(tmp_path, values, **kwargs):
    path = tmp_path / "best.keras"
    save = ModelCheckpoint(path, monitor="score", save_best_only=True, **{"mode": "min", **kwargs})
    compiled().fit(X, Y, epochs=len(values), verbose=0, callbacks=[Scripted(values), save])
    return bias_in(path) if path.exists() else None


def test_only_the_best_is_kept(tmp_path):
    assert best_bias(tmp_path, [3, 1, 2]) == 1.0
    assert best_bias(tmp_path, [3, 1, 2, 9, 4], mode="max") == 3.0


def test_a_threshold_must_be_beaten_first(tmp_path):
    assert best_bias(tmp_path, [3, 1, 2], initial_value_threshold=0.5) is None
    assert best_bias(tmp_path, [3, 1, 2], initial_value_threshold=2.5) == 1.0


def test_a_nan_is_never_the_best(tmp_path):
    assert best_bias(tmp_path, [float("nan"), 5, float("nan")]) == 1.0


def test_accuracy_is_maximised_by_itself_and_acc_finds_it(tmp_path):
    y = np.array([0, 1] * 4)
    model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(2, activation="softmax")])
    model.compile(kerasnp.optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    save = ModelCheckpoint(tmp_path / "{epoch}-{acc:.3f}.keras", monitor="acc", save_best_only=True)
    history = model.fit(X, y, epochs=8, verbose=0, callbacks=[save])
    accuracy = history.history["accuracy"]
    assert save.best == max(accuracy)
    records = [i for i, a in enumerate(accuracy) if a > max(accuracy[:i], default=-1)]
    assert sorted(os.listdir(tmp_path)) == sorted(f"{i + 1}-{accuracy[i]:.3f}.keras" for i in records)


def test_every_so_many_batches_across_epochs(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=3)
    compiled().fit(X, Y, batch_size=2, epochs=3, verbose=0, callbacks=[save])
    assert sorted(os.listdir(tmp_path)) == ["1-3.weights.h5", "2-2.weights.h5", "3-1.weights.h5", "3-4.weights.h5"]


def test_verbose_says_what_it_does(tmp_path, capsys):
    best_bias(tmp_path, [3, 1, 2], verbose=1)
    path = tmp_path / "best.keras"
    assert capsys.readouterr().out.splitlines() == [
        f"Epoch 1: score improved from None to 3.00000, saving model to {path}",
        f"Epoch 2: score improved from 3.00000 to 1.00000, saving model to {path}",
        "Epoch 3: score did not improve from 1.00000",
    ]


@pytest.mark.parametrize("name, kwargs", [("m.weights", {}), ("m.keras", {"save_weights_only": True}), ("m.pt", {})])
def test_endings(name, kwargs):
    with pytest.raises(ValueError, match="ModelCheckpoint: filepath must end in .* Received: 'm"):
        ModelCheckpoint(name, **kwargs)


@pytest.mark.parametrize("freq", ["batch", 0, -1, 2.5, True])
def test_save_freq(freq):
    with pytest.raises(ValueError, match="`save_freq`. Expected 'epoch' or a number of batches. Unrecognized save_freq"):
        ModelCheckpoint("m.keras", save_freq=freq)


def test_an_unknown_placeholder_is_refused_before_the_first_epoch(tmp_path):
    model = compiled()
    with pytest.raises(KeyError, match="filepath may contain {batch}, {epoch}, {loss}. Received: {val_loss} in"):
        model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "{val_loss:.2f}.keras")])
    assert model.history.epoch == []


def test_without_the_name_of_the_best_every_model_is_saved_with_a_warning(tmp_path):
    model = compiled()
    with pytest.warns(UserWarning, match="monitor must be one of 'loss'. Received: .*'val_loss'.*Every model is saved"):
        model.fit(X, Y, verbose=0, epochs=2, callbacks=[ModelCheckpoint(tmp_path / "{epoch}.keras", save_best_only=True)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.keras", "2.keras"]


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "m.keras").mkdir()
    with pytest.raises(IsADirectoryError, match="filepath must name a file, not a directory"):
        compiled().fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "m.keras")])


def test_a_disk_that_refuses_is_reported_and_nothing_is_lost(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    model = compiled()
    save = ModelCheckpoint(path, monitor="loss", save_best_only=True)
    model.fit(X, Y, verbose=0, callbacks=[save])
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="ModelCheckpoint could not write .*No space left.*model in memory is whole"):
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[ModelCheckpoint(path)])
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["m.keras"]
    assert all(np.isfinite(w).all() for w in model.get_weights())
