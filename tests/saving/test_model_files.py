"""Whole models: round trips, resuming, custom objects, Functional lines, the fingerprint."""

import io
import json
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models import load_model
from kerasnp.saving import custom_object_scope, fingerprint, hdf5, register_keras_serializable

SUFFIXES = [".keras", ".h5"]


def compiled(optimizer="adam", loss="mse", metrics=("mae",), **kwargs):
    kerasnp.utils.set_random_seed(3)
    model = kerasnp.Sequential(
        [kerasnp.Input((6,)), layers.Dense(5, activation="tanh"), layers.BatchNormalization(), layers.Dense(2)], name="net"
    )
    model.compile(optimizer, loss, metrics=list(metrics), **kwargs)
    return model


def data(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(8, 6)).astype("float32"), rng.normal(size=(8, 2)).astype("float32")


def train(model, steps):
    x, y = data()
    losses = []
    for _ in range(steps):
        model.reset_metrics()
        losses.append(float(np.ravel(model.train_on_batch(x, y))[0]))
    return losses


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_comes_back_with_everything(tmp_path, suffix):
    model = compiled(kerasnp.optimizers.SGD(0.1, momentum=0.9), metrics=["mae", kerasnp.metrics.RootMeanSquaredError(name="r")])
    train(model, 3)
    path = tmp_path / f"m{suffix}"
    model.save(path)
    twin = load_model(path)
    x, _ = data()
    np.testing.assert_array_equal(model.predict(x, verbose=0), twin.predict(x, verbose=0))
    assert twin.name == "net" and [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert twin.metrics_names == ["loss", "mae" if suffix == ".keras" else "mean_absolute_error", "r"]
    assert train(model, 4) == train(twin, 4)
    assert not load_model(path, compile=False).compiled


OPTIMIZERS = [
    ("SGD", {}), ("SGD", {"momentum": 0.9, "nesterov": True}), ("RMSprop", {"momentum": 0.5, "centered": True}), ("Adam", {}),
    ("Adam", {"amsgrad": True}), ("AdamW", {"weight_decay": 0.01}), ("Adagrad", {}), ("Adadelta", {}), ("Adamax", {}),
    ("Nadam", {}), ("Ftrl", {}), ("Lion", {}), ("Lamb", {}), ("Adafactor", {}), ("Adam", {"use_ema": True}),
    ("Adam", {"gradient_accumulation_steps": 2}), ("SGD", {"clipnorm": 0.1}),
]  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_training_resumes_with_every_optimizer(tmp_path, suffix, name, options):
    optimizer = getattr(kerasnp.optimizers, name, None)
    if optimizer is None:
        pytest.skip(f"kerasnp has no {name} yet")
    model = compiled(optimizer(learning_rate=0.01, **options))
    train(model, 3)
    model.save(tmp_path / f"m{suffix}")
    assert train(load_model(tmp_path / f"m{suffix}"), 3) == train(model, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_schedule_goes_on_where_it_was(tmp_path, suffix):
    schedule = kerasnp.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    model = compiled(kerasnp.optimizers.SGD(schedule))
    train(model, 3)
    model.save(tmp_path / f"m{suffix}")
    twin = load_model(tmp_path / f"m{suffix}")
    assert float(twin.optimizer.learning_rate) == float(model.optimizer.learning_rate)
    assert train(twin, 3) == train(model, 3)


def test_content_decides_not_the_name(tmp_path):
    model = compiled()
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes((tmp_path / "a.keras").read_bytes())
    (tmp_path / "b.keras").write_bytes((tmp_path / "a.h5").read_bytes())
    (tmp_path / "noname").write_bytes((tmp_path / "a.h5").read_bytes())
    for source in ("b.h5", "b.keras", "noname"):
        assert np.array_equal(load_model(str(tmp_path / source)).get_weights()[0], model.get_weights()[0])
    for source in ("a.h5", "a.keras"):
        with open(tmp_path / source, "rb") as stream:
            stream.seek(3)
            assert load_model(stream).count_params() == model.count_params()
            assert stream.tell() == 3
        assert load_model(io.BytesIO((tmp_path / source).read_bytes())).name == "net"


def test_open_files_and_paths_of_all_kinds_are_written_and_read(tmp_path):
    model = compiled()
    for target in (tmp_path / "p.keras", str(tmp_path / "s.keras"), str(tmp_path / "b.keras").encode()):
        model.save(target)
        assert load_model(target).name == "net"
    with open(tmp_path / "f", "w+b") as file:
        file.write(b"before")
        file.seek(0)
        model.save(file)
        assert load_model(file).name == "net"
    stream = io.BytesIO()
    model.save_weights(stream)
    for source in (stream, OneWay(stream.getvalue())):
        twin = compiled()
        twin.set_weights([w * 0 for w in twin.get_weights()])
        twin.load_weights(source)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights()))


class OneWay(io.RawIOBase):
    """A stream that cannot go back, like a download."""

    def __init__(self, data):
        self.inner = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.inner.readinto(buffer)


def test_reading_takes_little_more_memory_than_the_file(tmp_path):
    """At most 2.5 times its size; the weights and the slots of the optimizer are read where they belong."""
    model = kerasnp.Sequential([kerasnp.Input((400,)), layers.Dense(400), layers.Dense(400)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((1, 400)), np.ones((1, 400)))
    for suffix in SUFFIXES:
        model.save(tmp_path / f"m{suffix}")
        load_model(tmp_path / f"m{suffix}")
        tracemalloc.start()
        load_model(tmp_path / f"m{suffix}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.5 * (tmp_path / f"m{suffix}").stat().st_size


def test_weights_come_out_of_whole_models_too(tmp_path):
    model = compiled()
    for suffix in SUFFIXES:
        model.save(tmp_path / f"m{suffix}")
        twin = compiled()
        twin.set_weights([w * 0 for w in twin.get_weights()])
        twin.load_weights(tmp_path / f"m{suffix}")
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights()))


def test_deflated_members_in_any_order_are_read(tmp_path):
    compiled().save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as old, zipfile.ZipFile(tmp_path / "b.keras", "w", zipfile.ZIP_DEFLATED) as new:
        for name in reversed(old.namelist()):
            new.writestr(name, old.read(name))
    assert load_model(tmp_path / "b.keras").compiled


def test_json_round_trip():
    model = compiled()
    twin = kerasnp.models.model_from_json(model.to_json())
    assert twin.get_config() == model.get_config() and twin.compiled
    with pytest.raises(ValueError, match="not readable JSON"):
        kerasnp.models.model_from_json("{")
    with pytest.raises(ValueError, match="not a model"):
        kerasnp.models.model_from_json('{"class_name": "Dense", "config": {"units": 3}}')


def test_writing_elsewhere_than_a_model_file(tmp_path):
    model = compiled()
    with pytest.raises(ValueError, match="`.keras` or `.h5`"):
        model.save(tmp_path / "m.pt")
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "m.keras")
        model.save(tmp_path / "m.keras", overwrite=False)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_optimizer(tmp_path, suffix):
    model = compiled()
    kerasnp.saving.save_model(model, tmp_path / f"m{suffix}", include_optimizer=False)
    assert not load_model(tmp_path / f"m{suffix}").compiled


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_float_types_round_trip(tmp_path, suffix):
    rng = np.random.default_rng(0)
    for dtype in ("float64", "float16", "bfloat16", "mixed_bfloat16"):
        model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3, dtype=dtype)])
        weights = [rng.normal(size=w.shape) for w in model.get_weights()]
        model.set_weights(weights)
        model.save(tmp_path / f"m{suffix}")
        twin = load_model(tmp_path / f"m{suffix}")
        assert twin.layers[0].kernel.dtype == model.layers[0].kernel.dtype
        rounded = 0.01 if dtype == "bfloat16" else 0
        np.testing.assert_allclose(twin.get_weights()[0], model.get_weights()[0], rtol=rounded)


# -- custom objects -------------------------------------------------------------------------------------------------


class Scale(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.gain = self.add_weight((input_shape[-1],), "ones", name="gain")

    def call(self, x):
        return x * self.gain * self.factor


def square(x):
    return x * x


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_custom_objects(tmp_path, suffix):
    model = kerasnp.Sequential([kerasnp.Input((4,)), Scale(3.0), layers.Dense(2, activation=square)])
    path = tmp_path / f"m{suffix}"
    model.save(path)
    with pytest.raises(ValueError, match="'Scale'.*custom_objects"):
        load_model(path)
    known = {"Scale": Scale, "square": square}
    x = np.ones((2, 4), "float32")
    for twin in (load_model(path, custom_objects=known), loaded_in_scope(path, known)):
        np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
        assert twin.layers[0].factor == 3.0


def loaded_in_scope(path, known):
    with custom_object_scope(known):
        return load_model(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_registered_objects_need_no_list(tmp_path, suffix):
    @register_keras_serializable(package="tests")
    class Twice(layers.Layer):
        def call(self, x):
            return x * 2

    @register_keras_serializable(package="tests")
    def cube(x):
        return x * x * x

    model = kerasnp.Sequential([kerasnp.Input((4,)), Twice(), layers.Dense(2, activation=cube)])
    model.save(tmp_path / f"m{suffix}")
    twin = load_model(tmp_path / f"m{suffix}")
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))


# -- compile settings never block -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_unknown_loss_is_one_warning(tmp_path, suffix):
    @register_keras_serializable(package="gone")
    def strange(y_true, y_pred):
        return (y_true - y_pred) ** 2

    model = compiled(loss=strange)
    model.save(tmp_path / f"m{suffix}")
    kerasnp.saving.get_custom_objects().pop("gone>strange")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        twin = load_model(tmp_path / f"m{suffix}")
    assert len(caught) == 1 and "compile settings" in str(caught[0].message) and "strange" in str(caught[0].message)
    assert not twin.compiled
    np.testing.assert_array_equal(twin.get_weights()[0], model.get_weights()[0])


def test_a_state_that_does_not_fit_is_one_warning(files, sequential, random_array):
    training = {"loss": "mse", "metrics": [], "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.01}}}
    path = files.classic(
        sequential(("Dense", {"units": 3, "name": "d"}), keras2=True),
        {"d": {"k": random_array(4, 3), "b": random_array(3)}},
        training=training,
        optimizer={"x": random_array(7)},
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = load_model(path)
    assert len(caught) == 1 and "state of its optimizer" in str(caught[0].message)
    assert model.compiled and abs(float(model.optimizer.learning_rate) - 0.01) < 1e-8


# -- Functional models ----------------------------------------------------------------------------------------------


def tensor(name):
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [name, 0, 0]}}


def functional(entries, outputs=None):
    made = []
    for kind, name, config, sources in entries:
        nodes = [{"args": [tensor(s) for s in sources], "kwargs": {"mask": None}}] if sources else []
        made.append({"module": "keras.layers", "class_name": kind, "config": {**config, "name": name}, "name": name,
                     "registered_name": None, "inbound_nodes": nodes})  # fmt: skip
    outputs = outputs or [[entries[-1][1], 0, 0]]
    config = {"name": "f", "trainable": True, "layers": made, "input_layers": [[entries[0][1], 0, 0]], "output_layers": outputs}
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config, "registered_name": None}


LINE = [
    ("InputLayer", "in", {"batch_shape": [None, 4]}, []),
    ("Dense", "out", {"units": 2}, ["hidden"]),  # the list need not be in order
    ("Dense", "hidden", {"units": 3}, ["in"]),
]


def test_a_straight_line_loads(files, random_array):
    k1, k2 = random_array(4, 3), random_array(3, 2, seed=1)
    tree = {
        "layers": {
            "input_layer": {"vars": {}},
            "dense": {"vars": {"0": k1, "1": np.zeros(3, "float32")}},
            "dense_1": {"vars": {"0": k2, "1": np.zeros(2, "float32")}},
        }
    }
    model = load_model(files.keras(functional(LINE, [["out", 0, 0]]), tree))
    assert model.is_stack() and [layer.name for layer in model.layers] == ["in", "hidden", "out"]
    x = random_array(5, 4)
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ k1 @ k2, rtol=1e-5, atol=1e-5)


def test_what_leads_nowhere_is_left_out(files, random_array):
    entries = [LINE[0], ("Dense", "a", {"units": 4}, ["in"]), ("Dense", "b", {"units": 4}, ["in"])]
    tree = {"layers": {"dense": {"vars": {"0": random_array(4, 4), "1": np.zeros(4, "float32")}}}}
    model = load_model(files.keras(functional(entries, [["a", 0, 0]]), tree))
    assert [layer.name for layer in model.layers] == ["in", "a"]


def test_a_call_with_numbers_that_the_layer_does_not_take_is_refused(files):
    config = functional([LINE[0], ("Dropout", "d", {"rate": 0.5}, ["in"])], [["d", 0, 0]])
    config["config"]["layers"][1]["inbound_nodes"][0]["kwargs"]["scale"] = 2.0
    with pytest.raises(ValueError, match='Dropout "d": call.. does not take these arguments: .*scale'):
        load_model(files.keras(config))


# -- fingerprint ----------------------------------------------------------------------------------------------------


def tampered(source, target, change):
    """A copy of a .keras whose weights were changed by `change(bytearray)`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            body = bytearray(old.read(name))
            if name == "model.weights.h5":
                change(body, hdf5.open_file(io.BytesIO(bytes(body)), name))
            new.writestr(name, bytes(body))
    return target


def test_changed_weights_are_noticed_and_the_layer_is_named(tmp_path):
    model = compiled()
    model.save(tmp_path / "a.keras")

    def change(body, root):
        at = root["layers/dense_1/vars/0"].address
        body[at : at + 40] = np.full(10, 7, "<f4").tobytes()

    with pytest.raises(ValueError, match='first layer that differs is Dense "dense_1" \\(number 3 of 3\\)'):
        load_model(tampered(tmp_path / "a.keras", tmp_path / "b.keras", change))


def test_changed_weights_of_a_classic_file_are_noticed(tmp_path):
    compiled().save(tmp_path / "a.h5")
    body = bytearray((tmp_path / "a.h5").read_bytes())
    at = hdf5.open_file(io.BytesIO(bytes(body)), "a.h5")["model_weights/dense_1/net/dense_1/kernel"].address
    body[at : at + 40] = np.full(10, 7, "<f4").tobytes()
    (tmp_path / "a.h5").write_bytes(body)
    with pytest.raises(ValueError, match='a.h5: .*first layer that differs is Dense "dense_1" \\(number 3 of 3\\)'):
        load_model(tmp_path / "a.h5")


def test_changed_code_is_noticed(tmp_path):
    kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3), Scale(3.0)]).save(tmp_path / "a.h5")

    class Other(Scale):
        def call(self, x):
            return x * self.gain

    with pytest.raises(ValueError, match='differs is Other "scale'):
        load_model(tmp_path / "a.h5", custom_objects={"Scale": Other})


def test_a_fingerprint_for_another_model_or_in_disorder_is_named(tmp_path):
    compiled().save(tmp_path / "a.keras")
    for text in ("{", "[]", json.dumps({"shape": [10**9], "below": None, "layers": []})):
        with zipfile.ZipFile(tmp_path / "a.keras") as old, zipfile.ZipFile(tmp_path / "b.keras", "w") as new:
            for name in old.namelist():
                new.writestr(name, text if name == fingerprint.MEMBER else old.read(name))
        with pytest.raises(ValueError, match="b.keras: kerasnp_fingerprint.json"):
            load_model(tmp_path / "b.keras")


def test_models_without_a_fixed_answer_and_costly_ones_have_no_fingerprint(monkeypatch):
    class Noise(layers.Layer):
        def call(self, x):
            return x + kerasnp.random.normal(x.shape)

    assert fingerprint.text(kerasnp.Sequential([kerasnp.Input((4,)), Noise()])) is None
    with monkeypatch.context() as patch:
        patch.setattr(fingerprint, "MAX_COST", 10_000)
        assert fingerprint.text(kerasnp.Sequential([kerasnp.Input((100,)), layers.Dense(100)])) is None
    assert fingerprint.text(kerasnp.Sequential([layers.Dense(3)])) is None
    assert fingerprint.text(compiled()) is not None


def test_making_a_fingerprint_changes_nothing(tmp_path):
    model = kerasnp.Sequential(
        [kerasnp.Input((6,)), layers.Dense(4, activity_regularizer="l2"), layers.Dropout(0.5), layers.BatchNormalization()]
    )
    before = [v.numpy() for v in model.variables]
    model.save(tmp_path / "m.keras")
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, model.variables))
    assert not [loss for layer in model._flatten_layers() for loss in layer._losses]
