"""Files that real Keras 2 and 3 wrote: they load, predict what Keras predicted, and train to the recorded numbers."""

import functools
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED

import kerasnp
from kerasnp.utils import registry

MANIFEST = SHARED / "fixtures" / "manifest.json"


@functools.cache
def records():
    return json.loads(MANIFEST.read_text())["fixtures"] if MANIFEST.exists() else []


def classes(spec_layers):
    """Every layer class that a fixture's model is made of."""
    for cls, kwargs in spec_layers:
        yield {"Input": "InputLayer"}.get(cls, cls)
        if cls == "Sequential":
            yield from classes(kwargs["layers"])
        for value in kwargs.values():
            if isinstance(value, dict) and "@layer" in value:
                yield from classes([value["@layer"]])


def available(record):
    return all(c == "Sequential" or registry.lookup("layers", c) for c in classes(record["spec"]["layers"]))


def files(weights):
    for record in records():
        for file in record["files"]:
            if ("weights" in Path(file["path"]).name) is weights:
                yield pytest.param(record, file["path"], id=file["path"])


NONE = [pytest.param(None, None, id="the Keras fixture files are not on this machine")]


def check_available(record):
    if record is None:
        pytest.skip("the Keras fixture files (../shared/fixtures) are not on this machine")
    missing = sorted({c for c in classes(record["spec"]["layers"]) if c != "Sequential" and not registry.lookup("layers", c)})
    if missing:
        pytest.skip(f"needs layers that kerasnp does not have yet: {', '.join(missing)}")


def assert_close(got, want, rtol, atol, what):
    assert got.shape == want.shape, what
    np.testing.assert_allclose(got.astype("float64"), want, rtol=rtol, atol=atol, err_msg=what)


@pytest.mark.parametrize("record, path", list(files(weights=False)) or NONE)
def test_whole_model_predicts_as_keras(record, path):
    check_available(record)
    model = kerasnp.models.load_model(MANIFEST.parent / path)
    io = np.load(MANIFEST.parent / record["io"])
    assert_close(model.predict(io["x"], verbose=0), io["y"], record["rtol"], record["atol"], path)


@pytest.mark.parametrize("record, path", list(files(weights=True)) or NONE)
def test_weights_into_a_model_of_ones_own_predict_as_keras(record, path):
    check_available(record)
    model = build(record["spec"]["layers"], record["spec"].get("name"))
    if record["compile"]:
        compile_as(model, record["compile"])
    model.load_weights(MANIFEST.parent / path)
    io = np.load(MANIFEST.parent / record["io"])
    assert_close(model.predict(io["x"], verbose=0), io["y"], record["rtol"], record["atol"], path)


TRAINED = [p for p in files(weights=False) if p.values[0].get("training")]


def trained_on(record, path):
    """A model from a file, what Keras trained it on with which results, and how near these are to be met."""
    check_available(record)
    model = kerasnp.models.load_model(MANIFEST.parent / path)
    training = record["training"]
    return model, np.load(MANIFEST.parent / training["stream"]), (training["rtol"], training["atol"])


def assert_trained(weights, stream, near):
    for i, w in enumerate(weights):
        assert_close(w, stream[f"w{i}"], *near, f"weight {i} after training")


@pytest.mark.parametrize("record, path", TRAINED or NONE)
def test_training_goes_on_as_in_keras(record, path):
    model, stream, near = trained_on(record, path)
    for i, (x, y) in enumerate(zip(stream["x"], stream["y"])):
        model.reset_metrics()
        loss = model.train_on_batch(x, y)
        loss = np.float64(loss[0] if isinstance(loss, list) else loss)
        assert_close(loss, stream["losses"][i], *near, f"loss of step {i}")
    assert_trained(model.get_weights(), stream, near)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork processes")
@pytest.mark.parametrize("record, path", TRAINED or NONE)
def test_training_divided_among_processes_goes_on_as_in_keras(record, path):
    model, stream, near = trained_on(record, path)
    weights = []

    class Noting(kerasnp.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights[:] = self.model.get_weights()  # before averages take their place at the end

    with kerasnp.distribution.DataParallel(devices=["cpu:0", "cpu:1"]).scope():
        batches = list(zip(stream["x"], stream["y"]))
        if record["model"] == "regs_constraints":
            with pytest.raises(ValueError, match="adds a loss of its own"):
                model.fit(batches, verbose=0)
            return
        history = model.fit(batches, verbose=0, callbacks=[Noting()]).history
    assert_close(np.float64(history["loss"][0]), stream["losses"].mean(), *near, "mean loss")
    assert_trained(weights, stream, near)


def test_enough_of_the_fixtures_are_covered(fixtures_dir):
    """The sweep above skips what needs missing layers; this counts that it is not all of them."""
    covered = sum(available(r) for r in records())
    assert covered >= 90, f"only {covered} of {len(records())} fixtures can be built"


# The fixtures' model language: {"@layer" | "@reg" | "@con" | "@init" | "@loss" | "@metric" | "@sched": [class, kwargs]}.
SPACES = {
    "@layer": "layers", "@reg": "regularizers", "@con": "constraints", "@init": "initializers", "@loss": "losses",
    "@metric": "metrics",
}  # fmt: skip


def value(v):
    if isinstance(v, dict):
        if "@layer" in v:
            return layer(*v["@layer"])
        if "@sched" in v:
            return getattr(kerasnp.optimizers.schedules, v["@sched"][0])(**v["@sched"][1])
        for tag, space in SPACES.items():
            if tag in v:
                return getattr(getattr(kerasnp, space), v[tag][0])(**{k: value(a) for k, a in v[tag][1].items()})
        return {k: value(a) for k, a in v.items()}
    return [value(a) for a in v] if isinstance(v, list) else v


def layer(cls, kwargs):
    if cls == "Sequential":
        return build(kwargs["layers"], kwargs.get("name"))
    kwargs = {k: value(v) for k, v in kwargs.items()}
    return kerasnp.Input(**kwargs) if cls == "Input" else getattr(kerasnp.layers, cls)(**kwargs)


def build(spec_layers, name=None):
    return kerasnp.Sequential([layer(*entry) for entry in spec_layers], name=name)


def compile_as(model, compiled):
    cls, kwargs = compiled["optimizer"]
    optimizer = getattr(kerasnp.optimizers, cls)(**{k: value(v) for k, v in kwargs.items()})
    model.compile(optimizer, loss=value(compiled["loss"]), metrics=value(compiled.get("metrics")))


def test_no_fixture_warns_for_nothing(fixtures_dir):
    """A plain good file loads without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kerasnp.models.load_model(fixtures_dir / "mlp" / "k3.keras")
        kerasnp.models.load_model(fixtures_dir / "mlp" / "k2.h5")
