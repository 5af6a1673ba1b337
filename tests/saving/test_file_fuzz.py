"""Good files with a few things changed: they load, or are refused by a sentence; never anything else, never long, never much.

`KERASNP_FUZZ_EXAMPLES=100000 pytest tests/saving/test_file_fuzz.py` goes on for minutes.
"""

import copy
import io
import json
import os
import resource
import time
import warnings
import zipfile

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models import load_model, model_from_json
from kerasnp.saving import hdf5, inspection
from kerasnp.saving.hdf5_write import Array, Node, Writer

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

EXAMPLES = int(os.environ.get("KERASNP_FUZZ_EXAMPLES", 80))
fuzz = hypothesis.settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 1000, database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # shrinking takes minutes and says little
)  # fmt: skip


def models():
    model = kerasnp.Sequential(
        [kerasnp.Input((6, 4)), layers.Conv1D(3, 2, kernel_regularizer="l2"), layers.BatchNormalization(), layers.LSTM(2),
         layers.Dropout(0.1), layers.Dense(3, activation="softmax")]
    )  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.train_on_batch(np.ones((2, 6, 4)), np.zeros(2))
    inner = kerasnp.Sequential([layers.Dense(3), layers.ReLU()])
    wrapped = layers.Bidirectional(layers.GRU(2, return_sequences=True))
    nested = kerasnp.Sequential([kerasnp.Input((5,), dtype="int32"), layers.Embedding(9, 4), wrapped, layers.Flatten(), inner])
    return model, nested


def as_functional(data):
    """The same `.keras` with its stack written as a graph."""

    def change(text):
        outer = json.loads(text)
        entries, before = outer["config"]["layers"], None
        for entry in entries:
            entry["name"] = entry["config"]["name"]
            tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [before, 0, 0]}}
            entry["inbound_nodes"] = [{"args": [tensor], "kwargs": {"mask": None}}] if before else []
            before = entry["name"]
        outer["class_name"] = "Functional"
        outer["config"].update(input_layers=[entries[0]["name"], 0, 0], output_layers=[[before, 0, 0]])
        return json.dumps(outer)

    return rezipped(data, "config.json", change)


class Good(list):
    """A list that does not fill the screen when a test fails."""

    def __repr__(self):
        return f"{len(self)} good files"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of good files: .keras, .h5, .keras, .h5, a Functional .keras, and weights alone in both layouts."""
    folder, found = tmp_path_factory.mktemp("good"), Good()
    for i, model in enumerate(models()):
        for suffix in (".keras", ".h5"):
            model.save(folder / f"{i}{suffix}")
            found.append((folder / f"{i}{suffix}").read_bytes())
    found.append(as_functional(found[2]))
    for suffix in (".weights.h5", ".h5"):
        model.save_weights(folder / f"w{suffix}")
        found.append((folder / f"w{suffix}").read_bytes())
    return found


def describe(stream):
    "\n".join(inspection.describe(inspection.inspect_file(stream)))


def load_weights(stream):
    models()[1].load_weights(stream)


ways = st.sampled_from([load_model, load_model, describe, load_weights])


def check(data, way=load_model):
    """Read; only sentences may come out, soon, and without much memory."""
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            way(io.BytesIO(data))
        except (ValueError, OSError) as e:
            assert type(e) in (ValueError, OSError), f"{type(e).__name__} out of the depths"
            assert str(e).startswith("BytesIO") and len(str(e)) > len("BytesIO: ") + 8, str(e)
    assert time.perf_counter() - begin < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 << 20  # KB, of the whole test process


byte_changes = st.lists(
    st.tuples(st.integers(0, 1 << 30), st.sampled_from(["set", "flip", "cut", "drop", "copy", "number"]), st.integers(0, 255)),
    min_size=1, max_size=8,
)  # fmt: skip
NUMBERS = [0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 1 << 20, 1 << 40, (1 << 64) - 1, 96]


def change_bytes(data, changes):
    data = bytearray(data)
    for at, how, value in changes:
        if not data:
            break
        at %= min(len(data), 64 << (value % 12))
        if how == "set":
            data[at] = value
        elif how == "flip":
            data[at] ^= 1 << value % 8
        elif how == "cut":
            del data[at + value :]
        elif how == "drop":
            del data[at : at + value % 9]
        elif how == "copy":
            data[at : at + 8] = data[value * 8 : value * 8 + 8]
        else:
            data[at : at + 8] = NUMBERS[value % len(NUMBERS)].to_bytes(8, "little")
    return bytes(data)


@fuzz
@hypothesis.given(which=st.integers(0, 6), changes=byte_changes, way=ways)
def test_changed_bytes(good, which, changes, way):
    check(change_bytes(good[which], changes), way)


@fuzz
@hypothesis.given(which=st.sampled_from([0, 2]), changes=byte_changes, compression=st.sampled_from([0, 8]), way=ways)
def test_changed_bytes_inside_the_archive(good, which, changes, compression, way):
    check(rezipped(good[which], "model.weights.h5", lambda b: change_bytes(b, changes), compression), way)


def rezipped(data, member, change, compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return out.getvalue()


VALUES = [
    None, True, False, 0, 1, -1, 2, 3, 1 << 31, 1 << 62, 10**30, -0.5, 1e308, float("nan"), [], {}, [None], "", "..", "Lambda",
    "function", "Dense", "Sequential", "Functional", "float32", "object", "relu", "__lambda__", "é", "\0", "x" * 3000,
]  # fmt: skip
json_changes = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.sampled_from(["value", "delete", "rename", "wrap", "swap"]), st.sampled_from(VALUES)),
    min_size=1, max_size=4,
)  # fmt: skip


def change_json(text, changes):
    value = [json.loads(text)]
    for where, how, new in changes:
        places = list(walk(value))
        owner, key = places[where % len(places)]
        if how == "value":
            owner[key] = copy.deepcopy(new)  # or a later change reaches into VALUES
        elif how == "delete":
            del owner[key]
        elif how == "rename" and isinstance(owner, dict):
            owner[str(new)] = owner.pop(key)
        elif how == "wrap":
            owner[key] = [owner[key]] * (1 + where % 3)
        elif how == "swap":
            other, k = places[where * 7 % len(places)]
            owner[key] = json.loads(json.dumps(other[k]))
        if not value:
            break
    return json.dumps(value[0] if value else None)


def walk(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from walk(inner)


@fuzz
@hypothesis.given(which=st.sampled_from([0, 2, 4]), changes=json_changes, way=ways)
def test_changed_configurations(good, which, changes, way):
    check(rezipped(good[which], "config.json", lambda text: change_json(text, changes)), way)


@fuzz
@hypothesis.given(changes=json_changes)
def test_changed_json_texts(good, changes):
    with zipfile.ZipFile(io.BytesIO(good[0])) as archive:
        text = change_json(archive.read("config.json"), changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model_from_json(text)
        except ValueError as e:
            assert type(e) is ValueError and str(e).startswith("json_string") and len(str(e)) > 20, str(e)


@fuzz
@hypothesis.given(
    which=st.sampled_from([1, 3, 6]), changes=json_changes, seed=st.integers(0, 1 << 16), attribute=st.booleans(), way=ways
)
def test_changed_trees_of_classic_files(good, which, changes, seed, attribute, way):
    """Attributes, names and arrays of a classic file changed as a whole."""
    rng = np.random.default_rng(seed)
    root = hdf5.open_file(io.BytesIO(good[which]), "good")

    def copy(group):
        node = Node()
        for name in group.attributes:
            value = group.attributes[name]
            if name in ("model_config", "training_config") and attribute:
                value = change_json(value, changes)
            elif rng.random() < 0.02:
                value = [1, "x", ["a"], 2.5, "{}", np.zeros(0), np.zeros(3)][rng.integers(7)]
            node.attributes[name] = value if not isinstance(value, list) or value else np.zeros(0)
        for name, child in group.children.items():
            if rng.random() < 0.02:
                continue
            if isinstance(child, hdf5.Group):
                node.children[name] = copy(child)
            else:
                odd = [np.zeros(()), np.zeros(3), np.zeros((2, 3)), np.zeros((0,)), np.arange(4)][rng.integers(5)]
                node.children[name] = Array(odd if rng.random() < 0.05 else child.read(), {})
        return node

    out = io.BytesIO()
    Writer(copy(root)).write(out)
    check(out.getvalue(), way)
