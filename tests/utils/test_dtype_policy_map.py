"""DTypePolicyMap: lookup, errors, configurations, layers, and maps in files."""

import json
import zipfile

import h5py
import pytest

import kerasnp
from kerasnp import dtype_policies, layers, saving
from kerasnp.dtype_policies import DTypePolicy, DTypePolicyMap


@pytest.fixture(autouse=True)
def default_policy():
    yield
    dtype_policies.set_dtype_policy("float32")


def some():
    policies = DTypePolicyMap("float32")
    policies["encoder/dense"] = DTypePolicy("bfloat16")
    policies["encoder/.*"] = "float16"
    policies["decoder"] = "float64"
    return policies


def test_paths_come_before_patterns_and_patterns_match_whole_paths():
    policies = some()
    assert policies["encoder/dense"].name == "bfloat16"
    assert policies["encoder/query"].name == "float16"
    assert policies["decoder"].name == "float64"
    assert policies["decoder/query"] == policies["encoder"] == DTypePolicy("float32")
    policies["encoder/q.*"] = "float64"
    with pytest.raises(ValueError, match="Path 'encoder/query' matches multiple dtype policy"):
        policies["encoder/query"]


def test_it_is_a_mapping_and_a_policy():
    policies = some()
    assert len(policies) == 3 and list(policies)[0] == "encoder/dense" and "decoder" in policies and "other" not in policies
    assert policies.pop("decoder").name == "float64"
    with pytest.raises(KeyError):
        del policies["decoder"]
    assert isinstance(policies, DTypePolicy) and policies.name == "map_float32" and policies.compute_dtype == "float32"
    assert "mapping=[('encoder/dense', 'bfloat16'), ('encoder/.*', 'float16')]" in repr(policies)
    assert policies != some() and some() == some()


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: DTypePolicyMap(some()), ValueError, "cannot be a `DTypePolicyMap`"),
        (lambda: DTypePolicyMap(policy_map=[1]), TypeError, "must be a dict"),
        (lambda: DTypePolicyMap(policy_map={"a": 123}), ValueError, "Cannot interpret the assigned value"),
        (lambda: some().__setitem__("decoder", "float16"), ValueError, "decoder already exist"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_configurations():
    config = json.loads(json.dumps(dtype_policies.serialize(some())))
    assert config["module"] == "keras.dtype_policies"
    assert dtype_policies.deserialize(config) == saving.deserialize_keras_object(config) == some()
    # Without a default, the policies of the map are those in force where it is read, as in Keras.
    config = DTypePolicyMap(policy_map={"a": "float64"}).get_config()
    dtype_policies.set_dtype_policy("bfloat16")
    again = DTypePolicyMap.from_config(config)
    assert again["a"] == again["b"] == again.default_policy == DTypePolicy("bfloat16")
    dtype_policies.set_dtype_policy("float16")
    assert again["b"].name == "float16"


def test_layers_take_the_policy_under_their_names(tmp_path):
    policies = DTypePolicyMap("float32", {"wide_.*": "float64"})
    model = kerasnp.Sequential(
        [kerasnp.Input((2,)), layers.Dense(1, dtype=policies, name="wide_1"), layers.Dense(1, dtype=policies, name="plain")]
    )
    assert [layer.dtype for layer in model.layers] == ["float64", "float32"]
    model.save(tmp_path / "m.keras")
    assert [layer.dtype for layer in saving.load_model(tmp_path / "m.keras").layers] == ["float64", "float32"]


def test_layers_inside_have_paths_of_their_own(tmp_path):
    policies = DTypePolicyMap("float32", {"mha/query": "mixed_float16", "mha/key": "float64", "outer/d": "float64"})
    mha = layers.MultiHeadAttention(2, 4, dtype=policies, name="mha")
    twin = layers.MultiHeadAttention.from_config(json.loads(json.dumps(mha.get_config())))
    for layer in (mha, twin):
        layer.build((1, 3, 4), (1, 3, 4))
        found = {inner.path: inner.compute_dtype for inner in layer._flatten_layers()}
        assert (found["mha/query"], found["mha/key"], found["mha/value"]) == ("float16", "float64", "float32")

    class Outer(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(2, dtype=self.dtype_policy, name="d")
            self.late = layers.Activation("relu", dtype=self.dtype_policy, name="d")

        def call(self, x):
            return self.late(self.dense(x))

    outer = Outer(name="outer", dtype=policies)
    assert outer([[1.0]]).dtype == "float64" and outer.dense.kernel.dtype == "float64" and outer.compute_dtype == "float32"


def test_a_policy_assigned_to_a_layer_stands_in_its_map():
    policies = DTypePolicyMap("float32")
    first, second = (layers.Dense(2, dtype=policies, name=name) for name in ("first", "second"))
    first.dtype_policy = "mixed_bfloat16"
    assert dict(policies) == {"first": DTypePolicy("mixed_bfloat16")}
    assert (first.compute_dtype, second.compute_dtype) == ("bfloat16", "float32")
    first.dtype_policy = "float64"
    assert policies["first"].name == first.dtype == "float64"
    first.dtype_policy = DTypePolicyMap("float16")
    assert first.dtype == "float16" and policies["first"].name == "float64"


def test_maps_without_a_default_and_classic_files(tmp_path):
    policies = DTypePolicyMap(policy_map={"wide": "float64"})
    model = kerasnp.Sequential([
        kerasnp.Input((2,)), layers.Dense(1, dtype=policies, name="wide"), layers.Dense(1, dtype=policies, name="plain"),
    ])  # fmt: skip
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
        assert [layer.dtype for layer in saving.load_model(tmp_path / name).layers] == ["float64", "float32"]
    with h5py.File(tmp_path / "m.h5") as file:
        entries = json.loads(file.attrs["model_config"])["config"]["layers"]
    assert [entry["config"]["dtype"] for entry in entries[1:]] == ["float64", "float32"]


def test_constructors_of_users_get_a_name(tmp_path):
    given = []

    class Own(layers.Dense):
        def __init__(self, *args, dtype=None, **kwargs):
            given.append(dtype)
            super().__init__(*args, dtype=dtype, **kwargs)

    Own.from_config(Own(1, dtype="bfloat16").get_config())
    Own.from_config(Own(1, dtype=some()).get_config())
    assert given[1] == "bfloat16" and given[3] == some()


def test_the_check_of_gradients_leaves_the_map_alone():
    policies = DTypePolicyMap("float32", {"other": "float64"})
    layer = layers.Dense(1, dtype=policies)
    layer.build((None, 2))
    kerasnp.gradcheck(layer)
    assert list(policies) == ["other"] and layer.compute_dtype == "float32"


@pytest.mark.parametrize(
    "pattern, fine", [("wide/.*", True), ("d.*", True), ("(d+)+x", False), (".*.*.*.*", False), ("d|e", False)]
)
def test_patterns_of_files_are_simple_ones(tmp_path, pattern, fine):
    model = kerasnp.Sequential([kerasnp.Input((2,)), layers.Dense(1, name="d" * 40)])
    model.save(tmp_path / "m.keras")
    policies = DTypePolicyMap("float32", {pattern: "float64"}).serialize()
    with zipfile.ZipFile(tmp_path / "m.keras") as old, zipfile.ZipFile(tmp_path / "n.keras", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1]["config"]["dtype"] = policies
                data = json.dumps(config)
            new.writestr(name, data)
    if fine:
        assert saving.load_model(tmp_path / "n.keras").layers[0].dtype == ("float64" if pattern == "d.*" else "float32")
    else:
        with pytest.raises(ValueError, match="n.keras.*up to three"):
            saving.load_model(tmp_path / "n.keras")


def test_the_default_is_written_as_it_was_given():
    assert DTypePolicyMap("mixed_float16").get_config()["default_policy"] == "mixed_float16"
    assert DTypePolicyMap(DTypePolicy("float16")).get_config()["default_policy"]["config"] == {"name": "float16"}
    for given in ("float16", DTypePolicy("float16"), None):
        policies = DTypePolicyMap(given)
        assert DTypePolicyMap.from_config(policies.get_config()).default_policy == policies.default_policy
