"""Models with several outputs, step by step as real Keras trains them (golden/make_several_outputs.py)."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import kerasnp

FOLDER = Path(__file__).parents[1] / "golden"
SPEC = importlib.util.spec_from_file_location("make_several_outputs", FOLDER / "make_several_outputs.py")
MAKE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MAKE)


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "several_outputs.npz") as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("told"))), arrays


def close(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=2e-4, atol=2e-6, err_msg=name)


@pytest.mark.filterwarnings("ignore:Gradients do not exist", "ignore:fit. no gradient reached")
@pytest.mark.parametrize("name", MAKE.CASES)
def test_training_gives_the_numbers_and_names_of_keras(golden, name):
    case = MAKE.CASES[name]
    model = MAKE.functional(kerasnp, case["names"]) if "names" in case else MAKE.subclassed(kerasnp, case["outputs"])
    ours, weights = MAKE.trained(model, kerasnp.optimizers.Adam(0.05), case)
    told, arrays = golden
    theirs = told[name]
    for step, expected in zip(ours["steps"], theirs["steps"], strict=True):
        close(step, expected)
    for i, w in enumerate(weights):
        np.testing.assert_allclose(w, arrays[f"{name}/{i}"], rtol=2e-4, atol=2e-6)
    close(ours["evaluate"], theirs["evaluate"])
    close(ours["history"], theirs["history"])
    names = model.metrics_names
    assert sorted(names) == sorted(theirs["evaluate"])
    np.testing.assert_allclose([ours["evaluate"][n] for n in names], ours["values"], rtol=1e-6)
    # Two metrics of these cases share a name, and Keras's list repeats what it finds under it.
    if name not in ("nested", "together", "named, several"):
        np.testing.assert_allclose(ours["values"], theirs["values"], rtol=2e-4, atol=2e-6)
        np.testing.assert_allclose(ours["tested"], theirs["tested"], rtol=2e-4, atol=2e-6)
