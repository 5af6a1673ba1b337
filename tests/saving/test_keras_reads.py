"""The way back: real Keras loads what kerasnp writes (where Keras is installed), and the files are as they were when it did."""

import functools
import importlib.util
import io
import json
import os
import runpy
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import cases
import numpy as np
import pytest

import kerasnp
from kerasnp.utils import registry

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module")
def maker():
    return runpy.run_path(str(GOLDEN / "make_files.py"))


@functools.cache
def python_with(module):
    """A Python that has `keras` (Keras 3) or `tf_keras` (Keras 2): this one, or the one in KERASNP_KERAS_PYTHON."""
    given = os.environ.get("KERASNP_KERAS_PYTHON")
    if given is None:
        return sys.executable if importlib.util.find_spec(module) else None
    found = subprocess.run([given, "-c", f"import importlib.util as u; raise SystemExit(u.find_spec({module!r}) is None)"])
    return given if found.returncode == 0 else None


def need(module):
    python = python_with(module)
    if python is None:
        pytest.skip(f"{module} is not installed (KERASNP_KERAS_PYTHON may name a Python that has it)")
    return python


def test_keras_loads_and_predicts_the_same(maker, tmp_path):
    python = need("keras")
    maker["write"](tmp_path)
    try:
        maker["check"](tmp_path, python)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"Keras does not read the files: {error}")


def test_keras_loads_graphs_and_learns_on(tmp_path):
    python = need("keras")
    maker, record = runpy.run_path(str(GOLDEN / "make_graphs.py")), np.load(GOLDEN / "graphs.npz")
    for name, make in maker["MODELS"].items():
        model = kerasnp.models.load_model(io.BytesIO(record[f"{name}/file.keras"].tobytes()))
        for suffix in (".keras", ".h5"):
            model.save(tmp_path / f"{name}{suffix}")
        fresh = maker["fill"](make(kerasnp))
        (tmp_path / f"{name}.json").write_text(fresh.to_json())
        fresh.save_weights(tmp_path / f"{name}.weights.h5")
    done = subprocess.run([python, GOLDEN / "make_graphs.py", "check", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.split()) == 3 * len(maker["MODELS"])


def test_keras_loads_the_weights_of_users_models(tmp_path):
    python = need("keras")
    maker = runpy.run_path(str(GOLDEN / "make_subclassed.py"))
    for name, model in maker["models"](kerasnp).items():
        model.save_weights(tmp_path / f"{name}.weights.h5")
        np.save(tmp_path / f"{name}.npy", model(maker["X"]))
    done = subprocess.run([python, GOLDEN / "make_subclassed.py", "check", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["Mixed", "Nested", "Graph"]


@pytest.mark.parametrize("name", ["mlp", "image", "text"])
def test_files_are_as_they_were_when_keras_read_them(maker, tmp_path, name):
    golden = json.loads((GOLDEN / "files.json").read_text())[name]
    got = json.loads(json.dumps(maker["write"](tmp_path)[name]))
    for part in golden:
        assert got[part] == golden[part], part


CHECK_KERAS_2 = """
import os, sys, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.simplefilter("error", UserWarning)
import numpy as np, tf_keras
for name in ("mlp", "image", "text"):
    model = tf_keras.models.load_model(f"{sys.argv[1]}/{name}.h5")
    x, y = (np.load(f"{sys.argv[1]}/{name}.{k}.npy") for k in "xy")
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-4, atol=1e-5)
    if name == "mlp":  # a schedule: there is no variable for the learning rate, which Keras 2 does not have
        assert int(model.optimizer.iterations) == 1 and model.optimizer.variables[1].numpy().any()
    if name != "text":
        model.train_on_batch(x, np.zeros((len(x), 2) if name == "image" else len(x)))
"""


def test_keras_2_loads_predicts_and_trains_on(maker, tmp_path):
    python = need("tf_keras")
    maker["write"](tmp_path)
    done = subprocess.run([python, "-c", CHECK_KERAS_2, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


# -- every layer ----------------------------------------------------------------------------------------------------

# What cannot be read back, and why: cases of cases.py by class and number.
KERAS_3_KEEPS_ONE_AXIS = {"LayerNormalization-1", "LayerNormalization-3", "RMSNormalization-1", "Softmax-2",
                          "UnitNormalization-1"}  # fmt: skip
KERAS_3_READS_NOT_ITS_OWN = {"RandomShear-0", "Equalization-0", "Equalization-1"}
TENSORFLOW_CANNOT_COMPUTE = {"Conv3D-3", "RMSNormalization-2"}
NOT_FOUND_BY_KERAS_2 = {"Lambda", "SpectralNormalization"}  # (a Lambda only with the function in custom_objects)
ANOTHER_HARD_SIGMOID = {"LSTM-2", "GRU-2"}
ARGUMENTS_KERAS_2_LACKS = {"Conv2DTranspose-4", "LayerNormalization-4", "RandomContrast-0", "RandomContrast-1", "Resizing-3"}


def excused(name, module, suffix):
    """Whether it is for Keras, not for the file, that it is not read back."""
    if module == "keras":
        anywhere = TENSORFLOW_CANNOT_COMPUTE | KERAS_3_READS_NOT_ITS_OWN
        return name in anywhere or (suffix == ".h5" and name in KERAS_3_KEEPS_ONE_AXIS)
    cls, _, number = name.partition("-")
    channels_first = cases.LAYERS[cls][int(number)][0].get("data_format") == "channels_first"
    return (
        cls in NOT_FOUND_BY_KERAS_2 or name in TENSORFLOW_CANNOT_COMPUTE | ANOTHER_HARD_SIGMOID
        or name in ARGUMENTS_KERAS_2_LACKS or (channels_first and cls.startswith(("Random", "Resizing", "CenterCrop")))
    )  # fmt: skip


CHECK = """
import os, sys, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.simplefilter("ignore")
import importlib, json, numpy as np
keras = importlib.import_module(sys.argv[2])
for name in json.load(open(sys.argv[1] + "/names.json")):
    if not hasattr(keras.layers, name.partition("-")[0]):
        continue
    try:
        x, y = (np.load(f"{sys.argv[1]}/{name}.{k}.npy") for k in "xy")
        model = keras.models.load_model(f"{sys.argv[1]}/{name}{sys.argv[3]}", compile=False)
    except Exception as e:
        print(f"{name}: does not load: {type(e).__name__}: {' '.join(str(e).split())[:200]}")
        continue
    try:
        got = np.asarray(model(x, training=False))
    except Exception as e:
        print(f"{name}: {sys.argv[2]} itself cannot: {type(e).__name__}: {' '.join(str(e).split())[:200]}")
        continue
    if got.shape != y.shape or not np.allclose(got, y, rtol=1e-3, atol=1e-4):
        off = np.abs(got - y).max() if got.shape == y.shape else (got.shape, y.shape)
        print(f"{name}: predicts otherwise: {off}")
print("done")
"""


def write_every_layer(folder, most):
    """A stack of one layer for each class and, up to `most`, each of its cases; the names of the files."""
    names = []
    for cls in registry.members("layers"):
        for i, (arguments, shape) in enumerate(cases.LAYERS.get(cls.__name__, ())[:most]):
            rng = np.random.default_rng(zlib.crc32(cls.__name__.encode()) + i)
            whole = cls.__name__ in cases.INTEGER_LAYERS
            x = rng.integers(0, cases.INTEGER_LAYERS[cls.__name__], shape) if whole else rng.uniform(-1, 1, shape)
            x = x.astype("int32" if whole else "float32")
            layer = cls(**cases.resolve(kerasnp, arguments))
            model = kerasnp.Sequential([kerasnp.Input(shape[1:], dtype=x.dtype.name), layer])
            model.set_weights([rng.uniform(0.1, 0.6, w.shape).astype(w.dtype) for w in model.get_weights()])
            name = f"{cls.__name__}-{i}"
            np.save(folder / f"{name}.x.npy", x)
            np.save(folder / f"{name}.y.npy", model.predict(x, verbose=0))
            for suffix in (".keras", ".h5"):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model.save(folder / f"{name}{suffix}")
            names.append(name)
    (folder / "names.json").write_text(json.dumps(names))


@pytest.mark.parametrize("module, suffix", [("keras", ".keras"), ("keras", ".h5"), ("tf_keras", ".h5")])
def test_every_layer_is_read_back(tmp_path, module, suffix):
    python = need(module)
    write_every_layer(tmp_path, int(os.environ.get("KERASNP_KERAS_CASES", 2)))
    done = subprocess.run([python, "-c", CHECK, str(tmp_path), module, suffix], capture_output=True, text=True)
    assert done.stdout.rstrip().endswith("done"), done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if ": " in line]
    problems = [line for line in lines if not excused(line.partition(":")[0], module, suffix)]
    assert not problems, "\n".join(problems)
