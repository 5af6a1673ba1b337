"""The types of results against those of Keras (golden/dtypes.json), for arrays of every type and every pair of types."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from kerasnp import ops

GOLDEN = Path(__file__).parents[1] / "golden"
ANSWERS = json.loads((GOLDEN / "dtypes.json").read_text())["answers"]
SPEC = importlib.util.spec_from_file_location("make_dtypes", GOLDEN / "make_dtypes.py")
make = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make)
CASES = [(kind, call) for kind, calls in make.CALLS.items() for call in calls]


@pytest.mark.parametrize("kind, call", CASES, ids=[f"{kind}: {call}" for kind, call in CASES])
def test_type_as_in_keras(kind, call):
    wrong = []
    for arguments, expected in zip(make.ARGUMENTS[kind], ANSWERS[call].split(), strict=True):
        if expected != "-":
            with np.errstate(all="ignore"):
                dtype = str(eval(call, make.names(ops, *arguments)).dtype)
            if dtype != expected:
                wrong.append(f"{arguments} -> {dtype}, in Keras {expected}")
    assert not wrong
