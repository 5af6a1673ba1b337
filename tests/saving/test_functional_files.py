"""Functional models that real Keras wrote: a straight line loads as a stack, anything else is refused with its layers."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from kerasnp.models import load_model
from kerasnp.saving.inspection import inspect_file

GOLDEN = np.load(Path(__file__).resolve().parents[1] / "golden" / "functional.npz")
KEYS = sorted(key.removesuffix("/file") for key in GOLDEN if key.endswith("/file"))
LINES = [k for k in KEYS if k.startswith(("line", "masked", "nested"))]


def stream(key):
    return io.BytesIO(GOLDEN[f"{key}/file"].tobytes())


@pytest.mark.parametrize("key", LINES)
def test_a_straight_line_predicts_as_it_did_and_trains_on(key):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = load_model(stream(key))
    assert isinstance(model, kerasnp.Sequential) and int(model.optimizer.iterations) == 1
    y = model.predict(GOLDEN[f"{key}/x"], verbose=0)
    np.testing.assert_allclose(y, GOLDEN[f"{key}/y"], rtol=1e-4, atol=1e-6)
    model.train_on_batch(GOLDEN[f"{key}/x"], np.zeros_like(y))


@pytest.mark.parametrize("key", LINES)
def test_it_comes_back_from_files_of_our_own(key, tmp_path):
    model = load_model(stream(key))
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"m{suffix}")
        y = load_model(tmp_path / f"m{suffix}").predict(GOLDEN[f"{key}/x"], verbose=0)
        np.testing.assert_allclose(y, GOLDEN[f"{key}/y"], rtol=1e-4, atol=1e-6)


REFUSALS = {
    "branch": ["'sum' takes 2 inputs", "left (Dense), right (Dense), sum (Add)"],
    "twice": ["'again' is called 2 times", "again (Dense)"],
}


@pytest.mark.parametrize("key", [k for k in KEYS if k not in LINES])
def test_any_other_graph_is_refused_with_its_layers(key):
    with pytest.raises(ValueError, match="issue tracker") as caught:
        load_model(stream(key))
    assert all(part in str(caught.value) for part in REFUSALS[key.partition("-")[0]])


@pytest.mark.parametrize("key", KEYS)
def test_inspect_finds_nothing_odd_in_them_but_the_graph(key):
    report = inspect_file(stream(key))
    risks = [r for r in report["risks"] if "not a straight line" not in r]
    assert not risks and len(report["layers"]) >= 2 and report["compile"]["metrics"] == "mae"
    assert report["input"].startswith("(None, ") and report["parameters"] > 0
