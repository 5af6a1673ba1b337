"""`.weights.h5` and the classic weights-only `.h5`: the tree, matching, errors that list everything, whole files or none."""

import io
import os

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.saving import hdf5
from kerasnp.saving.atomic import atomic_write


def small(name=None, units=3):
    return kerasnp.Sequential(
        [kerasnp.Input((4,)), layers.Dense(units, name="first"), layers.BatchNormalization(), layers.Dense(2, name="last")],
        name=name,
    )


def randomize(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def read(path):
    return hdf5.open_file(io.BytesIO(open(path, "rb").read()), str(path))


def same_weights(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights()))


@pytest.mark.parametrize("name", ["m.weights.h5", "m.h5", "m.hdf5"])
def test_round_trip(tmp_path, name):
    model = randomize(small())
    model.save_weights(tmp_path / name)
    twin = small()
    twin.load_weights(tmp_path / name)
    assert same_weights(model, twin)
    with open(tmp_path / name, "rb") as stream:
        other = small()
        other.load_weights(stream)
    assert same_weights(model, other)


def test_groups_follow_class_names_per_container(tmp_path):
    inner = kerasnp.Sequential([layers.Dense(3), layers.Dense(3), layers.ReLU()], name="whatever")
    model = kerasnp.Sequential(
        [kerasnp.Input((4,)), layers.Dense(4, name="zed"), layers.Dropout(0.1), inner, layers.Dense(2, name="dense")]
    )
    model.save_weights(tmp_path / "m.weights.h5")
    root = read(tmp_path / "m.weights.h5")
    assert sorted(root["layers"].children) == ["dense", "dense_1", "dropout", "sequential"]
    assert root["layers/dense/vars"].attributes["name"] == "zed"
    assert root["layers/dense_1/vars"].attributes["name"] == "dense"
    assert sorted(root["layers/sequential/layers"].children) == ["dense", "dense_1", "re_lu"]
    assert root["layers/sequential/layers/dense/vars/0"].shape == (4, 3)


def test_twelve_layers_of_a_class_keep_their_order(tmp_path):
    def deep():
        return kerasnp.Sequential([kerasnp.Input((2,)), *(layers.Dense(2) for _ in range(12))])

    model = randomize(deep())
    model.save_weights(tmp_path / "m.weights.h5")
    twin = deep()
    twin.load_weights(tmp_path / "m.weights.h5")
    assert same_weights(model, twin)


def test_layers_inside_a_users_layer_are_found(tmp_path):
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.steps = [layers.Dense(3), layers.Dense(3)]
            self.table = {"b": layers.Dense(3), "a": layers.BatchNormalization()}

        def build(self, input_shape):
            self.scale = self.add_weight((3,), "ones", name="scale")
            for layer in [*self.steps, *self.table.values()]:
                layer.build((None, 3))

        def call(self, x):
            for layer in [*self.steps, *self.table.values()]:
                x = layer(x)
            return x * self.scale

    def make():
        return kerasnp.Sequential([kerasnp.Input((3,)), Block()])

    model = randomize(make())
    model.save_weights(tmp_path / "m.weights.h5")
    root = read(tmp_path / "m.weights.h5")
    assert sorted(root["layers/block/steps"].children) == ["dense", "dense_1"]
    assert root["layers/block/table/batch_normalization/vars/3"].shape == (3,)
    assert root["layers/block/vars/0"].shape == (3,)
    twin = make()
    twin.load_weights(tmp_path / "m.weights.h5")
    assert same_weights(model, twin)


def test_a_users_layer_may_store_its_part_itself(tmp_path):
    class Memory(layers.Layer):
        def build(self, input_shape):
            self.state = self.add_weight((2,), "zeros", trainable=False, name="state")

        def call(self, x):
            return x

        def save_own_variables(self, store):
            store["0"] = self.state.numpy() * 10

        def load_own_variables(self, store):
            self.state.assign(store["0"] / 10)

    def make():
        return kerasnp.Sequential([kerasnp.Input((3,)), Memory()])

    model = randomize(make())
    model.save_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(read(tmp_path / "m.weights.h5")["layers/memory/vars/0"].read(), model.get_weights()[0] * 10)
    twin = make()
    twin.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(twin.get_weights()[0], model.get_weights()[0], rtol=1e-6)


def test_state_of_the_optimizer_comes_along(tmp_path):
    def trained(steps):
        kerasnp.utils.set_random_seed(0)
        model = small()
        model.compile("adam", "mse")
        for _ in range(steps):
            model.train_on_batch(np.ones((4, 4)), np.ones((4, 2)))
        return model

    model, twin = trained(3), trained(0)
    model.save_weights(tmp_path / "m.weights.h5")
    twin.load_weights(tmp_path / "m.weights.h5")
    assert int(twin.optimizer.iterations.value) == 3
    for m in (model, twin):
        m.reset_metrics()
        m.train_on_batch(np.ones((4, 4)), np.zeros((4, 2)))
    assert same_weights(model, twin)


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["m.weights.h5", "m.h5"])
def test_what_does_not_fit_is_listed_and_nothing_changes(tmp_path, name):
    randomize(small(units=5)).save_weights(tmp_path / name)
    model = randomize(small(), seed=1)
    before = model.get_weights()
    with pytest.raises(ValueError) as caught:
        model.load_weights(tmp_path / name)
    text = str(caught.value)
    assert name in text and 'Dense "first"' in text and 'Dense "last"' in text
    assert "(4, 3)" in text and "(4, 5)" in text and "skip_mismatch=True" in text
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


@pytest.mark.parametrize("name", ["m.weights.h5", "m.h5"])
def test_missing_and_extra_layers_are_named(tmp_path, name):
    shallow = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3)])
    deep = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3), layers.Dense(2, name="head")])
    shallow.save_weights(tmp_path / name)
    with pytest.raises(ValueError, match='Dense "head"'):
        deep.load_weights(tmp_path / name)
    deep.save_weights(tmp_path / name)
    if name == "m.h5":
        with pytest.raises(ValueError, match="layer 'head'.*finds no layer of the model"):
            shallow.load_weights(tmp_path / name)
    else:
        with pytest.warns(UserWarning, match=r"layers/dense_1/vars \[\(3, 2\), \(2,\)\]"):
            shallow.load_weights(tmp_path / name)


@pytest.mark.parametrize("name", ["m.weights.h5", "m.h5"])
def test_skip_mismatch_leaves_out_what_does_not_fit_with_one_warning(tmp_path, name):
    source = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    randomize(source).save_weights(tmp_path / name)
    target = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3, name="a"), layers.Dense(5, name="b")])
    before = target.get_weights()
    with pytest.warns(UserWarning, match='Dense "b"') as warned:
        target.load_weights(tmp_path / name, skip_mismatch=True)
    assert len(warned) == 1
    np.testing.assert_array_equal(target.get_weights()[0], source.get_weights()[0])
    np.testing.assert_array_equal(target.get_weights()[2], before[2])


def test_by_name_matches_names_in_classic_files(tmp_path, files, random_array):
    kernel, bias = random_array(4, 3), random_array(3)
    stored = {"other": {"other/kernel:0": random_array(9, 9)}, "b": {"b/kernel:0": kernel, "b/bias:0": bias}}
    path = files.classic_weights(stored)
    model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(4, name="a"), layers.Dense(3, name="b")])
    before = model.layers[0].get_weights()
    with pytest.warns(UserWarning, match="'other'"):
        model.load_weights(path, by_name=True)
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], kernel)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], before[0])
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="classic .h5"):
        model.load_weights(tmp_path / "m.weights.h5", by_name=True)


def test_integers_are_not_filled_with_fractions(tmp_path, files):
    class Counter(layers.Layer):
        def build(self, input_shape):
            self.count = self.add_weight((), "zeros", dtype="int64", trainable=False, name="count")

        def call(self, x):
            return x

    path = files.hdf5({"layers": {"counter": {"vars": {"0": np.float32(1.5)}}}})
    model = kerasnp.Sequential([kerasnp.Input((3,)), Counter()])
    with pytest.raises(ValueError, match="is int64, .* has float32"):
        model.load_weights(path)


def test_an_unbuilt_model_says_what_to_do(tmp_path):
    small().save_weights(tmp_path / "m.weights.h5")
    model = kerasnp.Sequential([layers.Dense(3)])
    with pytest.raises(ValueError, match="no weights yet.*build"):
        model.load_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="no weights yet"):
        model.save_weights(tmp_path / "n.weights.h5")
    assert not (tmp_path / "n.weights.h5").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<!DOCTYPE html><html>404</html>", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_weight_file_is_named(tmp_path, content):
    path = tmp_path / "download.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="download.h5"):
        small().load_weights(path)


def test_an_hdf5_file_of_something_else_is_refused(files):
    with pytest.raises(ValueError, match="the file has nothing for it|holds no weights"):
        small().load_weights(files.hdf5({"data": {"x": np.zeros(3)}}))


def test_files_that_are_not_there():
    with pytest.raises(FileNotFoundError, match="nowhere.h5"):
        small().load_weights("nowhere.h5")
    with pytest.raises(ValueError, match="path or an open binary file"):
        small().load_weights(3)
    with pytest.raises(ValueError, match="opened as text"):
        small().load_weights(io.StringIO("x"))


def test_frozen_nested_models_find_their_order_by_names(tmp_path):
    def nested(frozen):
        # Two normalizations in a row: every order fits by shape, only the names tell.
        inner = kerasnp.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.BatchNormalization()])
        model = kerasnp.Sequential([kerasnp.Input((4,)), inner, layers.Dense(2)])
        inner.trainable = not frozen
        return model

    for saved, loaded in ((True, False), (False, True)):
        model, twin = randomize(nested(saved)), nested(loaded)
        model.save_weights(tmp_path / "m.h5")
        twin.load_weights(tmp_path / "m.h5")
        assert same_weights(model, twin)


# -- whole files or none --------------------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "m.weights.h5"
    randomize(small()).save_weights(path)
    before = path.read_bytes()

    def full_disk(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space left"):
            randomize(small(), 1).save_weights(path)
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_overwrite_false_and_odd_places(tmp_path):
    model = small()
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_weights(tmp_path / "m.weights.h5", overwrite=False)
    with pytest.raises(FileNotFoundError, match="does not exist; make it first"):
        model.save_weights(tmp_path / "nowhere" / "m.weights.h5")
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        model.save_weights(tmp_path / "folder.h5")
    with pytest.raises(ValueError, match="weights.h5"):
        model.save_weights(tmp_path / "m.txt")


def test_a_symbolic_link_stays_one_and_permissions_stay(tmp_path):
    target, link = tmp_path / "real.weights.h5", tmp_path / "link.weights.h5"
    small().save_weights(target)
    os.chmod(target, 0o640)
    link.symlink_to(target)
    randomize(small()).save_weights(link)
    assert link.is_symlink() and os.stat(target).st_mode & 0o777 == 0o640
    twin = small()
    twin.load_weights(target)


def test_a_property_under_the_name_that_the_file_has(tmp_path):
    class Plain(kerasnp.Model):
        def __init__(self):
            super().__init__()
            self.stack = kerasnp.Sequential([kerasnp.layers.Dense(3), kerasnp.layers.Dense(2)])

        def call(self, x):
            return self.stack(x)

    class Renamed(kerasnp.Model):
        def __init__(self):
            super().__init__()
            self.a_stack = kerasnp.Sequential([kerasnp.layers.Dense(3), kerasnp.layers.Dense(2)])

        @property
        def stack(self):
            return self.a_stack

        def call(self, x):
            return self.stack(x)

    first, second = Plain(), Renamed()
    x = np.ones((2, 4), "float32")
    y = first(x)
    second(x)
    first.save_weights(tmp_path / "m.weights.h5")
    second.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(second(x), y)
    second.save_weights(tmp_path / "n.weights.h5")  # its own file has the name of its attribute
    second.load_weights(tmp_path / "n.weights.h5")
    with pytest.raises(ValueError, match="a_stack"):
        first.load_weights(tmp_path / "n.weights.h5")
