"""Files of graphs: those of real Keras load, predict and learn on; ours come back, and copies are whole."""

import copy
import io
import pickle
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models import load_model, model_from_json
from kerasnp.saving.inspection import describe, inspect_file

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MAKER = runpy.run_path(str(GOLDEN / "make_graphs.py"))
RECORD = np.load(GOLDEN / "graphs.npz")
FILES = [(name, suffix) for name in MAKER["MODELS"] for suffix in (".keras", ".h5")]


def stream(name, suffix):
    return io.BytesIO(RECORD[f"{name}/file{suffix}"].tobytes())


def loaded(name, suffix=".keras"):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_model(stream(name, suffix))


def compare(model, name, kind):
    x, y = MAKER["data"](model)
    got = MAKER["flat"](model.predict(x, verbose=0))
    if kind == "after":
        model.train_on_batch(x, y)
        got += MAKER["flat"](model.predict(x, verbose=0))
    for i, value in enumerate(got):
        np.testing.assert_allclose(value, RECORD[f"{name}/{kind}/{i}"], rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name, suffix", FILES)
def test_files_of_keras_predict_and_learn_on(name, suffix):
    compare(loaded(name, suffix), name, "after" if name in MAKER["TRAINED"] else "y")


@pytest.mark.parametrize("name", MAKER["MODELS"])
def test_the_configuration_is_what_keras_wrote(name):
    model = loaded(name)
    written = str(RECORD[f"{name}/operations"]).split()
    # Masks travel by themselves; Keras writes down how they are computed.
    assert [o.name for o in model.operations] == [n for n in written if not n.startswith("not_equal")]
    again = type(model).from_config(model.get_config())
    assert again.get_config() == model.get_config()


@pytest.mark.parametrize("name", MAKER["MODELS"])
def test_they_come_back_from_files_of_our_own(name, tmp_path):
    model = loaded(name)
    kind = "after" if name in MAKER["TRAINED"] else "y"
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"m{suffix}")
        compare(load_model(tmp_path / f"m{suffix}"), name, kind)
    twin = model_from_json(model.to_json())
    for file in ("m.weights.h5", "m.h5"):
        model.save_weights(tmp_path / file)
        twin.set_weights([0 * w for w in twin.get_weights()])
        twin.load_weights(tmp_path / file)
        for a, b in zip(twin.get_weights(), model.get_weights()):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_whole(duplicate):
    model = loaded("nested")
    twin = duplicate(model)
    compare(twin, "nested", "y")
    assert twin.get_config() == model.get_config() and twin.get_layer("inner") is not model.get_layer("inner")


# -- Keras 2 --------------------------------------------------------------------------------------------------------


def layer(name, kind="Dense", nodes=(), **config):
    return {"class_name": kind, "config": {"name": name, **config}, "name": name, "inbound_nodes": list(nodes)}


def graph_of_keras_2(*entries, inputs, outputs, name="old"):
    config = {"name": name, "layers": list(entries), "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "config": config, "keras_version": "2.15.0"}


def test_the_calls_of_keras_2():
    import json

    given = [layer(n, "InputLayer", batch_input_shape=[None, 4], dtype="float32") for n in "ab"]
    inner = graph_of_keras_2(
        layer("i", "InputLayer", batch_input_shape=[None, 3]),
        layer("d", units=3, nodes=[[["i", 0, 0, {}]]], kernel_initializer="ones"),
        inputs=[["i", 0, 0]], outputs=[["d", 0, 0]], name="inner",
    )  # fmt: skip
    # A model counts its own making as its first call.
    nested = {"class_name": "Functional", "config": inner["config"], "name": "inner",
              "inbound_nodes": [[["tower", 0, 0, {}]], [["tower", 1, 0, {}]]]}  # fmt: skip
    config = graph_of_keras_2(
        *given,
        layer("tower", units=3, kernel_initializer="ones", nodes=[[["a", 0, 0, {}]], [["b", 0, 0, {}]]]),
        nested,
        layer("sub", "Subtract", nodes=[[["inner", 1, 0, {}], ["inner", 2, 0, {}]]]),
        layer("drop", "Dropout", rate=0.5, nodes=[[["sub", 0, 0, {"training": True}]]]),
        inputs=[["a", 0, 0], ["b", 0, 0]], outputs=[["sub", 0, 0], ["inner", 2, 0], ["drop", 0, 0]],
    )  # fmt: skip
    model = model_from_json(json.dumps(config))
    a, b = np.ones((1, 4), "float32"), 2 * np.ones((1, 4), "float32")
    difference, right, _ = model([a, b])
    np.testing.assert_allclose(difference, [[-12.0] * 3])
    np.testing.assert_allclose(right, [[24.0] * 3])
    assert [len(node.inputs) for node in model._graph.calls_of(model.get_layer("sub"))] == [2]
    dropped = [float(model([a, b])[2][0, 0]) for _ in range(40)]
    assert set(dropped) == {0.0, -24.0}, "a call with training=True keeps it"
    assert model([a, b], training=False)[2][0, 0] == -12.0, "unless the model is called with another"


def test_a_classic_file_of_plain_calls_is_written_as_keras_2_wrote_it(tmp_path):
    from kerasnp.saving import hdf5, legacy

    def written(model):
        model.save(tmp_path / "m.h5")
        with open(tmp_path / "m.h5", "rb") as f:
            config = legacy.read_json(hdf5.open_file(f, "m.h5"), "model_config", "m.h5")["config"]
        return config, {e["name"]: e["inbound_nodes"] for e in config["layers"]}

    assert isinstance(written(loaded("functions"))[1]["mean"][0], dict), "functions are something that Keras 2 cannot say"
    assert written(MAKER["two"](kerasnp))[1]["lstm"] == [[["embed", 0, 0, {}]]]
    config, nodes = written(MAKER["residual"](kerasnp))
    assert nodes["sum0"] == [[["again0", 0, 0, {}], ["begin", 0, 0, {}]]]
    assert config["output_layers"] == [["probs", 0, 0]]


# -- what is refused ------------------------------------------------------------------------------------------------


def test_graphs_that_cannot_be():
    entry = layer("x", "InputLayer", batch_input_shape=[None, 3])
    ends = {"inputs": [["x", 0, 0]], "outputs": [["d", 0, 0]]}
    broken = {
        "Missing node: y": [layer("d", units=2, nodes=[[["y", 0, 0, {}]]])],
        "has a loop": [layer("d", units=2, nodes=[[["e", 0, 0, {}]]]), layer("e", units=2, nodes=[[["d", 0, 0, {}]]])],
        "no output number 7": [layer("d", units=2, nodes=[[["x", 0, 7, {}]]])],
        "no call number 0": [layer("d", units=2)],
        "two layers have the same name": [layer("d", units=2, nodes=[[["x", 0, 0, {}]]]), layer("x", units=3)],
    }
    for message, entries in broken.items():
        with pytest.raises(ValueError, match=message):
            kerasnp.Model.from_config(graph_of_keras_2(entry, *entries, **ends)["config"])


def operation(name, kind, args, module="keras.src.ops.numpy", **config):
    tensor = lambda n: {"class_name": "__keras_tensor__", "config": {"keras_history": [n, 0, 0]}}  # noqa: E731
    args = [tensor(a) if isinstance(a, str) else a for a in args]
    return {"module": module, "class_name": kind, "config": {"name": name, **config}, "name": name,
            "inbound_nodes": [{"args": args, "kwargs": {}}]}  # fmt: skip


def test_functions_of_a_file_may_not_eat_the_memory():
    entry = layer("x", "InputLayer", batch_input_shape=[None, 1000])
    ends = {"inputs": [["x", 0, 0]], "outputs": [["o", 0, 0]]}
    for bomb in (operation("o", "Tile", ["x"], repeats=[10**6, 10**6]), operation("o", "Repeat", ["x"], repeats=10**9, axis=1),
                 operation("o", "BroadcastTo", ["x"], shape=[10**6, 10**6, 1000])):  # fmt: skip
        with pytest.raises(ValueError, match="would make an array"):
            kerasnp.Model.from_config(graph_of_keras_2(entry, bomb, **ends)["config"])
    doubled = [operation(f"o{i + 1}", "Concatenate", [["x" if not i else f"o{i}"]], axis=1) for i in range(40)]
    for e in doubled:
        (tensors,) = e["inbound_nodes"][0]["args"]
        name = tensors[0]
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}
        e["inbound_nodes"][0]["args"] = [[tensor, tensor]]
    with pytest.raises(ValueError, match="would make an array"):
        kerasnp.Model.from_config(graph_of_keras_2(entry, *doubled, inputs=[["x", 0, 0]], outputs=[["o40", 0, 0]])["config"])


def test_unknown_operations_and_arguments_are_named():
    entry, ends = layer("x", "InputLayer", batch_input_shape=[None, 3]), {"inputs": [["x", 0, 0]], "outputs": [["o", 0, 0]]}
    for bad, message in (
        (operation("o", "Frobnicate", ["x"]), "'Frobnicate' .'o'. has no counterpart"),
        (operation("o", "Mean", ["x"], axes=1), "mean has no arguments 'axes'"),
        (operation("o", "Add", ["x", 1.0, 2.0]), "add takes 2 arguments in a call, not 3"),
    ):
        with pytest.raises(ValueError, match=message):
            kerasnp.Model.from_config(graph_of_keras_2(entry, bad, **ends)["config"])


def test_what_a_configuration_cannot_hold_is_refused():
    x = kerasnp.Input((3,))
    weight = kerasnp.Variable([1.0, 2.0, 3.0], name="w")
    with pytest.raises(ValueError, match="Variable 'w'"):
        kerasnp.Model(x, x * weight).get_config()
    model = kerasnp.Model(x, x * np.array([1.0, 2.0, 3.0], "float32"))
    again = model_from_json(model.to_json())
    np.testing.assert_array_equal(again(np.ones((1, 3), "float32")), [[1, 2, 3]])


# -- looking at them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, suffix", FILES)
def test_inspect_lists_layers_and_functions(name, suffix):
    report = inspect_file(stream(name, suffix))
    assert report["risks"] == [] and report["parameters"] == loaded(name).count_params()
    model = loaded(name)
    names = [e["name"] for e in report["layers"] if not e["depth"]]
    assert [n for n in names if "not_equal" not in n] == [o.name for o in model.operations]
    functions = [e["class"] for e in report["layers"] if e["class"].startswith("ops.")]
    assert ("ops.split" in functions) == (name == "functions")
    assert f"Functional '{name}'" in "\n".join(describe(report))


def test_a_fingerprint_tells_a_damaged_weight(tmp_path):
    model = loaded("two")
    model.save(tmp_path / "m.keras")
    data = bytearray((tmp_path / "m.keras").read_bytes())
    value = model.get_layer("dense").kernel.numpy().tobytes()
    at = data.find(value)
    data[at : at + 4] = np.float32(9.0).tobytes()
    (tmp_path / "m.keras").write_bytes(bytes(data))
    with pytest.raises(ValueError, match='first layer that differs is Dense "dense"'):
        load_model(tmp_path / "m.keras")


def test_custom_layers_in_a_graph(tmp_path):
    class Twice(layers.Layer):
        def call(self, x, factor=1.0):
            return x * 2.0 * factor

    x = kerasnp.Input((3,))
    model = kerasnp.Model(x, Twice(name="t")(x, factor=3.0) + x)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", custom_objects={"Twice": Twice})
    np.testing.assert_array_equal(again(np.ones((1, 3))), [[7.0] * 3])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_words_and_numbers_with_a_vocabulary_that_was_learned(tmp_path, suffix):
    words, number = kerasnp.Input((), dtype="string", name="words"), kerasnp.Input((2,), name="number")
    text = layers.TextVectorization(output_mode="multi_hot", name="text")
    text.adapt(np.array(["a b", "b c"]))
    model = kerasnp.Model([words, number], layers.Dense(1)(layers.Concatenate()([text(words), number / 2.0])))
    x = [np.array(["b", "c d"], dtype=object), np.ones((2, 2), "float32")]
    y = model.predict(x, verbose=0)
    model.save(tmp_path / f"m{suffix}")
    again = load_model(tmp_path / f"m{suffix}")
    assert again.get_layer("text").get_vocabulary() == text.get_vocabulary()
    np.testing.assert_array_equal(again.predict(x, verbose=0), y)
