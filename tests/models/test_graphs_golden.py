"""Graphs of layers against real Keras: predictions, gradients and five steps of training (golden/make_graphs.py)."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import kerasnp

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MAKER = runpy.run_path(str(GOLDEN / "make_graphs.py"))
RECORD = np.load(GOLDEN / "graphs.npz")


def close(got, expected, **options):
    np.testing.assert_allclose(got, expected, **{"rtol": 1e-4, "atol": 2e-6, **options})


@pytest.mark.parametrize("name", MAKER["MODELS"])
def test_predictions_and_order_are_those_of_keras(name):
    model = MAKER["fill"](MAKER["MODELS"][name](kerasnp))
    layers = [o.name for o in model.operations if hasattr(o, "weights")]
    assert layers == [n for n in str(RECORD[f"{name}/operations"]).split() if n in layers]
    x, _ = MAKER["data"](model)
    for fuse in (True, False):
        model.fuse = fuse
        for got in (model.predict(x, verbose=0, batch_size=3), model(x)):
            for i, y in enumerate(MAKER["flat"](got)):
                close(y, RECORD[f"{name}/y/{i}"])


@pytest.mark.parametrize("name", MAKER["TRAINED"])
def test_gradients_and_five_steps_are_those_of_keras(name):
    found = {}
    MAKER["learn"](kerasnp, name, found)
    close(found[f"{name}/losses"], RECORD[f"{name}/losses"])
    for key, value in found.items():
        close(value, RECORD[key], atol=2e-5 if "trained" in key else 2e-6)
    assert len(found) == len([k for k in RECORD if k.startswith((f"{name}/gradient", f"{name}/trained"))]) + 1


@pytest.mark.parametrize("name", MAKER["TRAINED"])
def test_gradients_stand_the_check(name):
    model = MAKER["fill"](MAKER["MODELS"][name](kerasnp))
    x, _ = MAKER["data"](model)
    kerasnp.gradcheck(model, *x.values())
