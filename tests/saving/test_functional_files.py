"""Functional models that Keras 2 and Keras 3 wrote: straight lines, a branch, and a layer called twice."""

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


@pytest.mark.parametrize("key", KEYS)
def test_they_predict_as_it_did_and_trains_on(key):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = load_model(stream(key))
    assert isinstance(model, kerasnp.Model) and int(model.optimizer.iterations) == 1
    y = model.predict(GOLDEN[f"{key}/x"], verbose=0)
    np.testing.assert_allclose(y, GOLDEN[f"{key}/y"], rtol=1e-4, atol=1e-6)
    model.train_on_batch(GOLDEN[f"{key}/x"], np.zeros_like(y))


@pytest.mark.parametrize("key", KEYS)
def test_it_comes_back_from_files_of_our_own(key, tmp_path):
    model = load_model(stream(key))
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"m{suffix}")
        y = load_model(tmp_path / f"m{suffix}").predict(GOLDEN[f"{key}/x"], verbose=0)
        np.testing.assert_allclose(y, GOLDEN[f"{key}/y"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("key", KEYS)
def test_a_line_is_told_from_a_graph(key):
    model = load_model(stream(key))
    assert getattr(model, "is_stack", lambda: True)() == (key in LINES)


@pytest.mark.parametrize("key", KEYS)
def test_inspect_finds_nothing_odd_in_them(key):
    report = inspect_file(stream(key))
    assert not report["risks"] and len(report["layers"]) >= 2 and report["compile"]["metrics"] == "mae"
    assert report["input"].startswith("(None, ") and report["parameters"] > 0
