"""Weights in several files, models in folders, and layers left out."""

import json
import os
import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, saving

KB = 1 / 1024**2  # in GB


def stack(units=30):
    return kerasnp.Sequential([kerasnp.Input((20,)), layers.Dense(units), layers.BatchNormalization(), layers.Dense(3)])


def same(a, b):
    return all(np.array_equal(x.value, y.value) for x, y in zip(a.weights, b.weights))


def test_sharded_weights_come_back(tmp_path):
    model, other = stack(), stack()
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=2.7 * KB)
    names = sorted(os.listdir(tmp_path))
    assert names == ["m.weights.json", "m_00000.weights.h5", "m_00001.weights.h5"]
    table = json.loads((tmp_path / "m.weights.json").read_text())
    assert table["metadata"]["total_size"] == sum(w.value.nbytes for w in model.weights)
    assert table["weight_map"]["/layers/batch_normalization/vars"] == names[1:]  # cut in two
    other.load_weights(tmp_path / "m.weights.json")
    assert same(model, other)
    # The name of a single file is understood as that of the table.
    model.save_weights(str(tmp_path / "w.weights.h5"), max_shard_size=1)
    other.load_weights(tmp_path / "w_00000.weights.h5")


def test_a_weight_larger_than_a_file_may_be(tmp_path):
    with pytest.raises(ValueError, match="less than the 2400 bytes of the weight 'layers/dense/vars/0'"):
        stack().save_weights(tmp_path / "m.weights.json", max_shard_size=KB)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("size", [0, -1.0, "1GB", True])
def test_sizes_that_are_none(tmp_path, size):
    with pytest.raises(ValueError, match="max_shard_size must be a size in GB"):
        stack().save_weights(tmp_path / "m.weights.json", max_shard_size=size)


def test_names_that_do_not_fit(tmp_path):
    with pytest.raises(ValueError, match="must end in `.weights.json`"):
        stack().save_weights(tmp_path / "m.h5", max_shard_size=1)
    with pytest.raises(ValueError, match="must end in `.weights.h5`"):
        stack().save_weights(tmp_path / "m.weights.json")


@pytest.mark.parametrize(
    "name",
    ["../m_00000.weights.h5", "/etc/passwd", "other_00000.weights.h5", "m_0.weights.h5", "m_00000.weights.h5\n", 3, None],
)
def test_a_table_names_only_its_own_files(tmp_path, name):
    model = stack()
    model.save_weights(tmp_path / "other.weights.json", max_shard_size=1)
    before = [w.value.copy() for w in model.weights]
    (tmp_path / "m.weights.json").write_text(json.dumps({"metadata": {}, "weight_map": {"/vars": [name]}}))
    with pytest.raises(ValueError, match="m.weights.json.*names"):
        model.load_weights(tmp_path / "m.weights.json")
    assert all(np.array_equal(w.value, b) for w, b in zip(model.weights, before))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"weight_map": []}', "[" * 5000, '{"weight_map": {}}'])
def test_tables_that_are_none(tmp_path, text):
    (tmp_path / "m.weights.json").write_text(text)
    with pytest.raises(ValueError, match="m.weights.json"):
        stack().load_weights(tmp_path / "m.weights.json")


def test_a_missing_and_a_doubled_shard(tmp_path):
    model = stack()
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=2.7 * KB)
    second = (tmp_path / "m_00001.weights.h5").read_bytes()
    (tmp_path / "m_00001.weights.h5").write_bytes((tmp_path / "m_00000.weights.h5").read_bytes())
    with pytest.raises(ValueError, match="lies in two of its files"):
        model.load_weights(tmp_path / "m.weights.json")
    (tmp_path / "m_00001.weights.h5").unlink()
    with pytest.raises(OSError, match="m_00001"):
        model.load_weights(tmp_path / "m.weights.json")
    (tmp_path / "m_00001.weights.h5").write_bytes(second[: len(second) // 2])
    with pytest.raises(ValueError, match="m_00001"):
        model.load_weights(tmp_path / "m.weights.json")


@pytest.mark.parametrize("name", ["m.weights.h5", "m.weights.json"])
def test_objects_to_skip(tmp_path, name):
    model, other = stack(), stack()
    size = {} if name.endswith("h5") else {"max_shard_size": 1}
    saving.save_weights(model, tmp_path / name, objects_to_skip=[model.layers[0]], **size)
    kernel = other.layers[0].kernel.value.copy()
    with pytest.raises(ValueError, match="received 0 variables"):
        other.load_weights(tmp_path / name)
    other.load_weights(tmp_path / name, objects_to_skip=[other.layers[0]])
    assert np.array_equal(other.layers[0].kernel.value, kernel)
    assert np.array_equal(other.layers[2].kernel.value, model.layers[2].kernel.value)
    saving.save_weights(model, tmp_path / name, **size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other.load_weights(tmp_path / name, objects_to_skip=[other.layers[0]])  # it is in the file, and not missed
    assert np.array_equal(other.layers[0].kernel.value, kernel)


def test_skipping_where_it_means_nothing(tmp_path):
    model = stack()
    with pytest.raises(ValueError, match="objects_to_skip needs"):
        saving.save_weights(model, tmp_path / "m.h5", objects_to_skip=[model.layers[0]])
    model.save_weights(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="only supports loading"):
        model.load_weights(tmp_path / "m.h5", objects_to_skip=[model.layers[0]])
    for act in (saving.save_weights, saving.load_weights):
        with pytest.raises(ValueError, match="Invalid keyword arguments"):
            act(model, tmp_path / "m.weights.h5", unknown=1)


def test_a_folder_instead_of_a_zip(tmp_path):
    model = kerasnp.Sequential([kerasnp.Input((1,), dtype="string"), layers.StringLookup(), layers.Embedding(4, 2)])
    model.layers[0].adapt(["a", "b", "c"])
    model = kerasnp.Sequential([*model.layers, layers.Flatten(), layers.Dense(1)])
    x = np.array([["a"], ["c"], ["z"]])
    model(x)
    model.compile("adam", "mse")
    model.fit(x, np.ones((3, 1)), verbose=0)
    model.save(tmp_path / "m", zipped=False)
    assert {"config.json", "metadata.json", "model.weights.h5"} <= set(os.listdir(tmp_path / "m"))
    again = saving.load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.compiled and int(again.optimizer.iterations) == 1
    model.save(tmp_path / "m", zipped=False)  # over the old one
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "m", overwrite=False, zipped=False)


def test_folders_that_are_refused(tmp_path):
    model = stack()
    with pytest.raises(ValueError, match="should not end in"):
        model.save(tmp_path / "m.keras", zipped=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="give another name"):
        model.save(tmp_path / "mine", zipped=False)
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]
    model.save(tmp_path / "m", zipped=False)
    (tmp_path / "m" / "model.weights.h5").unlink()
    with pytest.raises(OSError, match="model.weights.h5"):
        saving.load_model(tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text("[]")
    with pytest.raises(ValueError, match="config.json must hold a dictionary"):
        saving.load_model(tmp_path / "m")
