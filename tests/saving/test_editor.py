"""KerasFileEditor: what it reads, tells, changes, refuses and writes."""

import h5py
import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.saving import KerasFileEditor


def stack(*more):
    return kerasnp.Sequential([kerasnp.Input((4, 3)), layers.LSTM(5, name="memory"), layers.Dense(2, name="out"), *more])


@pytest.fixture
def trained(tmp_path):
    model = stack()
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4, 3)), np.ones((2, 2)), verbose=0)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    model.save_weights(tmp_path / "s.weights.json", max_shard_size=100 / 1024**3 * 10)
    return model


@pytest.mark.parametrize("file", ["m.keras", "m.weights.h5", "s.weights.json"])
def test_every_weight_is_read_and_written(trained, tmp_path, file):
    editor = KerasFileEditor(tmp_path / file)
    assert editor.compare(trained) == {"status": "success", "error_count": 0, "match_count": 17}
    assert list(editor.weights_dict["optimizer"]) == [str(i) for i in range(12)]  # by number, not as text
    assert editor.object_metadata["layers/lstm/cell"] == {"name": "lstm_cell"}
    assert (editor.config is None) == (file != "m.keras")
    editor.save(tmp_path / "again.weights.h5")
    other = stack()
    other.compile("adam", "mse")
    other.load_weights(tmp_path / "again.weights.h5")
    for a, b in zip(trained.weights + trained.optimizer.variables, other.weights + other.optimizer.variables):
        np.testing.assert_array_equal(a.value, b.value)


def test_a_layer_put_in_between(trained, tmp_path, capsys):
    new = kerasnp.Sequential([kerasnp.Input((4, 3)), layers.LSTM(5), layers.Dense(5), layers.Dense(2)])
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    editor.delete_object("optimizer")
    assert editor.compare(new)["error_count"] == 3  # two shapes, and an object that is missing as a whole
    text = capsys.readouterr().out
    assert "layers/dense/0: the file has the shape (5, 2), the model (5, 5)" in text
    assert "layers/dense_1: the object with ['0', '1'] is in the model only" in text
    editor.rename_object("dense", "dense_1")
    editor.add_object("layers/dense", {"0": np.eye(5), "1": np.zeros(5)})
    assert editor.compare(new)["status"] == "success"
    editor.save(tmp_path / "new.weights.h5")
    assert "dense_1 ('out')" in (editor.summary(), capsys.readouterr().out)[1]  # the name moves with the object
    new.load_weights(tmp_path / "new.weights.h5")
    x = np.random.rand(2, 4, 3)
    np.testing.assert_allclose(new.predict(x, verbose=0), trained.predict(x, verbose=0), rtol=1e-6)


def test_weights_of_an_object(trained, tmp_path):
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    editor.delete_weight("layers/dense", "1")
    assert editor.compare(trained)["error_count"] == 1
    editor.add_weights("dense", {"1": np.zeros(7)})
    assert editor.compare(trained)["error_count"] == 1
    editor.add_weights("dense", {"1": np.zeros(2)})
    assert editor.compare(trained)["error_count"] == 0


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda e: e.rename_object("layers/dense_9", "x"), "Path 'layers/dense_9' not found"),
        (lambda e: e.rename_object("none/dense", "x"), "Path 'none' not found"),
        (lambda e: e.rename_object("dense", "layers/x"), "new_name must be a name without '/'"),
        (lambda e: e.rename_object("dense", "lstm"), "beside 'dense' already"),
        (lambda e: e.delete_object("dens"), "'dens' is no object of the file"),
        (lambda e: e.delete_object("layers/dense/0"), "not found"),
        (lambda e: e.add_object("layers/dense", {"0": 1.0}), "already"),
        (lambda e: e.add_object("deep/er/dense", {"0": 1.0}), "Path 'deep' not found"),
        (lambda e: e.add_object("layers/new", [1.0]), "must be a dict"),
        (lambda e: e.add_weights("dense", {"a/b": 1.0}), "array of numbers under a name"),
        (lambda e: e.add_weights("dense", {"0": "text"}), "array of numbers under a name"),
        (lambda e: e.delete_weight("dense", "7"), "has no weight '7'"),
        (lambda e: e.save("m.keras"), "ends in `.weights.h5`"),
    ],
)
def test_edits_that_cannot_be_made_change_nothing(trained, tmp_path, edit, message):
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match=message):
        edit(editor)
    assert editor.compare(trained)["status"] == "success"


def test_a_name_that_several_objects_have(tmp_path):
    inner = [kerasnp.Sequential([kerasnp.Input((2,)), layers.Dense(2)]) for _ in range(2)]
    kerasnp.Sequential([kerasnp.Input((2,)), *inner]).save_weights(tmp_path / "m.weights.h5")
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="'dense' names 2 objects"):
        editor.delete_object("dense")
    editor.delete_object("layers/sequential_1/layers/dense")
    assert list(editor.weights_dict["layers"]["sequential"]["layers"]) == ["dense"]


def test_bfloat16_stays_bfloat16(tmp_path, capsys):
    model = kerasnp.Sequential([kerasnp.Input((2,)), layers.Dense(1, dtype="bfloat16")])
    model.save_weights(tmp_path / "m.weights.h5")
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    editor.summary()
    assert "0: shape=(2, 1), dtype=bfloat16" in capsys.readouterr().out
    editor.save(tmp_path / "n.weights.h5")
    assert h5py.File(tmp_path / "n.weights.h5")["layers/dense/vars/0"].dtype == h5py.File(tmp_path / "m.weights.h5")[
        "layers/dense/vars/0"
    ].dtype


def test_files_it_does_not_edit(trained, tmp_path):
    trained.save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="classic"):
        KerasFileEditor(tmp_path / "m.h5")
    with h5py.File(tmp_path / "link.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "m.weights.h5"), "/layers")
    with pytest.raises(ValueError, match="ExternalLink"):
        KerasFileEditor(tmp_path / "link.weights.h5")
    with pytest.raises(FileNotFoundError):
        KerasFileEditor(tmp_path / "none.weights.h5")


def test_names_in_a_file_do_not_command_the_terminal(tmp_path, capsys):
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        file["layers/\x1b[2Jdense/vars/0"] = np.zeros(2)
    KerasFileEditor(tmp_path / "m.weights.h5").summary()
    assert "\x1b" not in capsys.readouterr().out
