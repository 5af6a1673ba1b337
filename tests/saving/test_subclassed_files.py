"""Models of users' classes: their weights lie where real Keras puts them (golden/make_subclassed.py)."""

import io
import runpy
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from kerasnp import layers

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module")
def maker():
    return runpy.run_path(str(GOLDEN / "make_subclassed.py"))


@pytest.fixture(scope="module")
def record():
    with np.load(GOLDEN / "subclassed.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", ["Mixed", "Nested", "Graph"])
def test_weights_of_keras_reach_their_layers(maker, record, name, tmp_path):
    model = maker["models"](kerasnp)[name]
    assert " ".join(str(w.shape) for w in model.weights) == str(record[f"{name}/shapes"])
    model.load_weights(io.BytesIO(record[f"{name}/file"].tobytes()))
    np.testing.assert_allclose(model(maker["X"]), record[f"{name}/y"], rtol=1e-4, atol=1e-5)
    model.save_weights(tmp_path / "m.weights.h5")
    assert paths((tmp_path / "m.weights.h5").read_bytes()) == paths(record[f"{name}/file"].tobytes())


def paths(data):
    """{path: shape} of every dataset in the bytes of a file."""
    from kerasnp.saving import hdf5

    return {d.path: d.shape for d in hdf5.open_file(io.BytesIO(data), "file").datasets()}


class Plain(kerasnp.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [(layers.Dense(4, use_bias=False),) for _ in range(2)]
        self.out = layers.Dense(2)

    def call(self, x):
        for (dense,) in self.blocks:
            x = dense(x)
        return self.out(x)


@pytest.mark.parametrize("way", ["numbers", "attributes"])
def test_files_in_which_layers_of_nested_lists_have_other_names(tmp_path, way):
    """Keras before 3.14 knew what lies in lists of lists only by its number; kerasnp once named `out` by its attribute."""
    h5py = pytest.importorskip("h5py")
    model, other, x = Plain(), Plain(), np.ones((1, 4), "float32")
    y = model(x)
    other(x)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        if way == "numbers":
            file.move("blocks/container/dense", "layers/dense")
            file.move("blocks/container_1/dense", "layers/dense_1")
            del file["blocks"]
        else:
            file.move("layers/dense_2", "out")
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other(x), y)


def test_layers_appended_to_a_list_come_before_the_next_attribute():
    class Grown(kerasnp.Model):
        def __init__(self):
            super().__init__()
            self.blocks = []
            for units in (3, 4):
                self.blocks.append(layers.Dense(units))
            self.out = layers.Dense(2)

    assert [layer.units for layer in Grown().layers] == [3, 4, 2]
