"""Every published advisory against Keras's model files, replayed with a harmless marker: nothing runs, nothing is opened.

While a file is loaded, Python's audit hook reports every import, execution of code, unpickling, subprocess, connection and
opening of a file; the only one allowed is the opening of the file itself.
"""

import base64
import contextlib
import importlib
import io
import json
import marshal
import pickle
import pkgutil
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models import load_model, model_from_json
from kerasnp.saving import limits
from kerasnp.saving.config import FAMILIES
from kerasnp.utils import registry

FORBIDDEN = (
    "import", "exec", "open", "os.", "subprocess.", "socket.", "urllib.", "pickle.", "marshal.", "ctypes.", "shutil.", "code.",
)  # fmt: skip
seen: list = []
allowed: set = set()
watching = False


def audit(event, args):
    if watching and event.startswith(FORBIDDEN) and not (event == "open" and str(args[0]) in allowed):
        seen.append((event, *map(str, args[:2])))


sys.addaudithook(audit)  # it cannot be taken away again, but does nothing unless `watching`


@contextlib.contextmanager
def nothing_happens(path=""):
    """Fail if loading does anything but compute and read `path`."""
    global watching
    seen.clear()
    allowed.clear()
    allowed.add(str(path))
    watching = True
    try:
        yield
    finally:
        watching = False
    assert not seen, f"a file made something happen: {seen}"


@pytest.fixture(autouse=True, scope="module")
def imported():
    """kerasnp imports its own modules when first needed; that is over before anything is watched."""
    for family in FAMILIES:
        registry.members(family)
    for module in pkgutil.iter_modules(kerasnp.saving.__path__, "kerasnp.saving."):
        importlib.import_module(module.name)
    with contextlib.suppress(ValueError):
        model_from_json('{"class_name": "nothing", "config": {}}')
    kerasnp.optimizers.get("adam")
    importlib.import_module("kerasnp.models.functional")
    "".encode("cp437")  # the names of zip members


def refused(path, match, **kwargs):
    tracemalloc.start()
    try:
        with nothing_happens(path), pytest.raises(ValueError, match=match) as caught:
            load_model(path, **kwargs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert peak < 256 << 20
    return str(caught.value)


def marker(*args, **kwargs):
    raise AssertionError("a file ran a function")


CODE = base64.b64encode(marshal.dumps((lambda x: __import__("os").system("echo ran")).__code__)).decode()
LAMBDAS = {
    "Keras 2": {"function": [CODE, None, None], "function_type": "lambda", "module": "__main__", "name": "l", "arguments": {}},
    "Keras 3": {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None}}},
    "by name": {"function": "system", "function_type": "function", "module": "os", "name": "l", "arguments": {}},
}


@pytest.mark.parametrize("kind", LAMBDAS)
@pytest.mark.parametrize("safe_mode", [True, False])
def test_cve_2024_3660_and_2025_9905_code_in_a_lambda_layer(files, sequential, kind, safe_mode):
    """Lambda layers carried marshalled code; `.h5` ran it even in safe mode. No mode runs it here."""
    layer = ("Lambda", LAMBDAS[kind])
    for path in (files.classic(sequential(layer, keras2=True), {"l": {}}), files.keras(sequential(layer))):
        refused(path, "[Ll]ambda", safe_mode=safe_mode)


def call(module, function, *args):
    """A configuration that asks for a function of a module to be called."""
    return {"module": module, "class_name": "function", "config": function, "registered_name": function}


@pytest.mark.parametrize(
    "module, name",
    [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("pickle", "loads"), ("kerasnp.saving", "load_model"),
     ("kerasnp.datasets.mnist", "load_data"), ("test_file_advisories", "marker"), ("os.path", "exists")],
)  # fmt: skip
def test_cve_2025_1550_functions_and_classes_of_any_module(files, sequential, module, name):
    """config.json named a module and a function, which Keras imported and called."""
    attacks = [
        ("Dense", {"name": "d", "units": 3, "activation": call(module, name)}),
        ("Dense", {"name": "d", "units": 3, "kernel_initializer": {"module": module, "class_name": name, "config":
        {"x": "echo"}}}), ("Dense", {"name": "d", "units": 3, "activation": name}),
    ]
    for attack in attacks:
        for path in (files.keras(sequential(attack)), files.classic(sequential(attack, keras2=True), {})):
            refused(path, name)
    entry = {"module": module, "class_name": name, "config": {"name": "x"}, "registered_name": None}
    config = sequential()
    config["config"]["layers"].append(entry)
    refused(files.keras(config), name)
    refused(files.keras({"module": module, "class_name": name, "config": "echo ran", "registered_name": None}), "model")


def test_cve_2025_1550_code_in_the_calls_of_a_functional_model(files):
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": ["i", 0, 0]}}
    node = {"args": ["echo ran"], "kwargs": {"stdin": tensor}}
    entries = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 1], "name": "i"}, "name": "i", "inbound_nodes": []},
        {"module": "subprocess", "class_name": "run", "config": {"name": "r"}, "name": "r", "inbound_nodes": [node]},
    ]
    for module, kind in (("subprocess", "run"), ("keras.src.ops.numpy", "run"), ("keras.src.ops.core", "Map"),
                         ("keras.src.ops.numpy", "np.load"), ("keras.src.ops.numpy", "kerasnp.ops.add")):  # fmt: skip
        entries[1].update(module=module, class_name=kind)
        config = {"layers": entries, "input_layers": ["i", 0, 0], "output_layers": ["r", 0, 0], "name": "f"}
        refused(files.keras({"class_name": "Functional", "config": config}), kind)


@pytest.mark.parametrize(
    "module, name",
    [("keras.utils", "get_file"), ("keras.src.utils.file_utils", "get_file"), ("kerasnp.utils", "get_file"),
     ("kerasnp.utils.file_utils", "get_file"), ("keras.config", "enable_unsafe_deserialization"),
     ("keras.src.saving.serialization_lib", "enable_unsafe_deserialization"), ("numpy", "load"), ("numpy", "fromfile")],
)  # fmt: skip
def test_cve_2025_8747_and_2025_9906_functions_of_trusted_modules(files, sequential, module, name):
    """Keras's own modules were allowed, and with them downloads and the switch that turns safety off."""
    layer = ("Dense", {"name": "d", "units": 3, "activation": call(module, name)})
    refused(files.keras(sequential(layer)), name)
    arguments = {"origin": "http://127.0.0.1:9/x", "fname": "x"}
    layer = ("Lambda", {"name": "l", "function": call(module, name), "arguments": arguments})
    refused(files.keras(sequential(layer)), name)


@pytest.mark.parametrize(
    "kind, config",
    [
        ("StringLookup", {"vocabulary": "/secret.txt"}),
        ("StringLookup", {"vocabulary": "http://127.0.0.1:9/"}),
        ("IntegerLookup", {"vocabulary": "/secret.txt"}),
        ("TextVectorization", {"vocabulary": "/secret.txt"}),
        ("TFSMLayer", {"filepath": "/secret", "call_endpoint": "serve"}),
        ("TorchModuleWrapper", {"module": base64.b64encode(pickle.dumps(marker)).decode()}),
        ("JaxLayer", {"call_fn": {"class_name": "__lambda__", "config": {"code": CODE}}}),
        ("FlaxLayer", {"module": base64.b64encode(pickle.dumps(marker)).decode()}),
        ("TensorFlowOpLayer", {"node_def": CODE}),
    ],
)
def test_cve_2025_12058_and_2026_1462_layers_that_open_or_run_things(files, sequential, tmp_path, kind, config):
    """Vocabularies named files and URLs to read; TFSMLayer loaded a SavedModel; others unpickle."""
    config = {k: str(tmp_path) + v if str(v).startswith("/secret") else v for k, v in config.items()}
    for path in (files.keras(sequential((kind, {**config, "name": "x"}))),
                 files.classic(sequential((kind, {**config, "name": "x"}), keras2=True), {})):  # fmt: skip
        refused(path, kind)


@pytest.mark.parametrize("name", ["../escaped.txt", "/tmp/escaped.txt", "assets/../../escaped.txt", "..\\escaped.txt"])
def test_cve_2025_12638_members_that_point_out_of_the_archive(files, sequential, random_array, tmp_path, name):
    """Extracting archives wrote outside their folder. Members never reach the disk."""
    tree = {"layers": {"dense": {"vars": {"0": random_array(4, 3), "1": random_array(3)}}}}
    config = sequential(("Dense", {"name": "d", "units": 3}))
    path = files.keras(config, tree, extra=[(name, "escaped"), ("assets/link", "/etc/passwd")])
    before = {p for p in tmp_path.parent.rglob("*")}
    with nothing_happens(path):
        assert load_model(path).count_params() == 15
    assert {p for p in tmp_path.parent.rglob("*")} == before


def test_cve_2026_0897_a_shape_that_would_fill_the_memory(files, sequential, tmp_path):
    """A dataset declared petabytes, for which memory was taken before anything was read."""
    h5py = pytest.importorskip("h5py")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("layers/dense/vars/0", (1 << 25, 1 << 25), "float32", chunks=(1 << 10, 1 << 10), compression="gzip")
        file.create_dataset("layers/dense/vars/1", (1 << 40,), "float32")
    layer = ("Dense", {"name": "d", "units": 1 << 25})
    refused(files.keras(sequential(layer, shape=(None, 1 << 25)), buffer.getvalue()), "declares the shape")
    tree = {"layers": {"dense": {"vars": {"0": np.zeros((4, 3), "float32"), "1": np.zeros(3, "float32")}}}}
    for layer, shape in (
        (("Dense", {"name": "d", "units": 1 << 40}), (None, 4)),
        (("Dense", {"name": "d", "units": 3}), (None, 1 << 40)),
        (("Embedding", {"name": "d", "input_dim": 1 << 40, "output_dim": 3}), (None, 4)),
        (("LSTM", {"name": "d", "units": 1 << 20}), (None, 4, 4)),
    ):
        refused(files.keras(sequential(layer, shape=shape), tree), "needs more numbers than the file holds")


@pytest.mark.parametrize("where", ["keras", "classic", "weights"])
def test_cve_2026_1669_values_from_other_files(files, sequential, tmp_path, where):
    """External storage and external links read any file of the machine into the weights."""
    h5py = pytest.importorskip("h5py")
    secret = tmp_path / "secret.txt"
    for kind in ("storage", "link"):
        path = tmp_path / f"{kind}.h5"
        with h5py.File(path, "w") as file:
            group = file.create_group("layers/dense/vars" if where != "classic" else "model_weights/d")
            if kind == "storage":
                group.create_dataset("0", (10,), "uint8", external=[(str(secret), 0, 10)])
            else:
                group["0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
            if where == "classic":
                file.attrs["model_config"] = json.dumps(sequential(("Dense", {"name": "d", "units": 3}), keras2=True))
        if where == "keras":
            path = files.keras(sequential(("Dense", {"name": "d", "units": 3})), path.read_bytes())
        if where == "weights":
            model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3)])
            with nothing_happens(path), pytest.raises(ValueError, match="another file|external link"):
                model.load_weights(path)
        else:
            refused(path, "another file|external link")


def test_what_is_nested_in_configurations_reaches_nothing_either(files, sequential):
    """What is refused as a layer is refused in whatever a configuration can hold: wrappers, regularizers, compile settings.

    It stands in for CVE-2026-12479 as well, whose text its author had no access to: replay that one here when it can be read.
    """
    evil = {"module": "os", "class_name": "system", "config": {"command": "echo ran"}, "registered_name": "system"}
    for layer in (
        ("TimeDistributed", {"name": "t", "layer": evil}),
        ("Bidirectional", {"name": "b", "layer": evil}),
        ("Dense", {"name": "d", "units": 3, "kernel_regularizer": evil}),
        ("Dense", {"name": "d", "units": 3, "bias_constraint": evil}),
        ("Dense", {"name": "d", "units": 3, "dtype": evil}),
        ("Dense", {"name": "d", "units": 3, "made_up": evil}),
    ):
        refused(files.keras(sequential(layer, shape=(None, 4, 4))), "system|made_up")
    config = sequential()
    config["compile_config"] = {"optimizer": evil, "loss": call("os", "system"), "metrics": [evil]}
    path = files.keras(config)
    with pytest.warns(UserWarning, match="compile settings"), nothing_happens(path):
        load_model(path)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", "assets/padding"])
def test_zip_bombs(files, sequential, member):
    path = files.keras(sequential(("ReLU", {"name": "r"})), {})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        pass
    entries = {n: zipfile.ZipFile(path).read(n) for n in zipfile.ZipFile(path).namelist()}
    entries[member] = bytes(1 << 28)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    refused(path, "zip bomb")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", "assets/vocabulary.txt"])
def test_small_bombs_under_a_small_limit_and_what_does_not_compress(files, sequential, random_array, monkeypatch, member):
    """The limit is one of the ratio: what is stored as it is may be of any size, by every way into the file."""
    model = kerasnp.Sequential([kerasnp.Input((100,)), layers.Dense(300, name="d")])
    tree = {"layers": {"dense": {"vars": {"0": random_array(100, 300), "1": random_array(300)}}}}
    path = files.keras(sequential(("Dense", {"name": "d", "units": 300}), shape=(None, 100)), tree)
    monkeypatch.setattr(limits, "FREE_BYTES", 64)
    model.load_weights(path)
    np.testing.assert_array_equal(load_model(path).get_weights()[0], model.get_weights()[0])
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries[member] = entries.get(member, b"").ljust(8 << 20) if member == "config.json" else bytes(8 << 20)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name == member else zipfile.ZIP_STORED)
    before = model.get_weights()
    for load in (load_model, model.load_weights):
        with nothing_happens(path), pytest.raises(ValueError, match="zip bomb"):
            load(path)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


class OwnStore(layers.Layer):
    """Loads itself, so that no shape of a weight tells what its datasets may be."""

    def build(self, input_shape):
        self.w = self.add_weight(name="w", shape=(3,))

    def call(self, x):
        return x * self.w

    def load_own_variables(self, store):
        self.w.assign(store["mine"])


@pytest.mark.parametrize("chunks", [None, (1024,)])
def test_a_shape_that_would_fill_the_memory_in_a_store_of_a_users_layer(tmp_path, chunks):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        options = {} if chunks is None else {"chunks": chunks, "compression": "gzip"}
        file.create_dataset("layers/own_store/vars/mine", (1 << 50,), "float64", **options)
    model = kerasnp.Sequential([kerasnp.Input((3,)), OwnStore()])
    with nothing_happens(path), pytest.raises(ValueError, match="declares the shape"):
        model.load_weights(path)


def test_a_member_that_lies_about_its_size(files, sequential):
    path = files.keras(sequential(("ReLU", {"name": "r"})), {}, compression=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            data[at + offset : at + offset + 4] = struct.pack("<I", 10)
    path.write_bytes(data)
    refused(path, "checksum|damaged")


def test_too_many_members_members_twice_and_encrypted_ones(files, sequential):
    config = sequential(("ReLU", {"name": "r"}))
    many = [(f"assets/{i}", "") for i in range(limits.MAX_ZIP_ENTRIES + 1)]
    refused(files.keras(config, extra=many), "members are more than")
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = files.keras(config, extra=[("config.json", "{}")])
    refused(path, "two members called 'config.json'")
    path = files.keras(config)
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    refused(path, "encrypted")


@pytest.mark.parametrize("text", ["[" * 10_000, '{"a":' * 5000, "null", "3", '"text"', "[]", "{}", "\xff", "{" * 300])
def test_json_that_is_no_configuration(files, text):
    refused(files.keras(text), "config.json")


def test_a_model_of_endless_layers_and_one_of_endless_depth(files, sequential):
    endless = [("ReLU", {"name": f"r{i}"}) for i in range(limits.MAX_LAYERS + 1)]
    refused(files.keras(sequential(*endless)), "more than 4000 layers")
    deep = '{"class_name": "Sequential", "config": {"name": "s", "layers": [' * 5000 + "]}}" * 5000
    refused(files.keras(deep), "levels deep")
    deep = deep[: 60 * 64] + '{"class_name": "ReLU", "config": {"name": "r"}}' + "]}}" * 60
    assert load_model(files.keras(deep)).layers[0].name == "s"


def test_json_from_elsewhere_is_treated_alike():
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 3]}},
        {"class_name": "Lambda", "config": {**LAMBDAS["Keras 3"]}}]}}  # fmt: skip
    with nothing_happens(), pytest.raises(ValueError, match="json_string: .*lambda"):
        model_from_json(json.dumps(config))


def test_the_caller_may_supply_what_a_file_may_not(files, sequential):
    layer = ("Lambda", {**LAMBDAS["by name"], "function": "double"})
    if not hasattr(layers, "Lambda"):
        pytest.skip("kerasnp has no Lambda layer yet")
    by_name = files.classic(sequential(layer, keras2=True), {"l": {}}), {"double": lambda x: x * 2}
    as_code = files.keras(sequential(("Lambda", LAMBDAS["Keras 3"]))), {"l": lambda x: x * 2}
    for path, known in (by_name, as_code):
        model = load_model(path, custom_objects=known)
        np.testing.assert_array_equal(model.predict(np.ones((1, 4)), verbose=0), [[2, 2, 2, 2]])
