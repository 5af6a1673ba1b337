"""backend.result_type against the answers of Keras for every pair of types."""

import json
import pathlib

import numpy as np
import pytest

from kerasnp import backend

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "result_type.json").read_text())["answers"]
TYPES = {"python int": int, "python float": float, "None": None}


@pytest.fixture(params=sorted(GOLDEN))
def floatx(request):
    before = backend.floatx()
    backend.set_floatx(request.param)
    yield request.param
    backend.set_floatx(before)


def test_every_pair_as_keras(floatx):
    found = {key: backend.result_type(*[TYPES.get(n, n) for n in key.split(",")]) for key in GOLDEN[floatx]}
    assert found == GOLDEN[floatx]
    assert backend.result_type() == floatx


def test_more_than_two_and_numpy_types():
    assert backend.result_type("uint8", "int8", "bool", float) == "float32"
    assert backend.result_type("float16", "int32", "bfloat16") == "float32"
    assert backend.result_type(np.uint16, np.dtype("int8"), int) == "int32"
    assert backend.result_type("uint64", "int8", "bfloat16") == "bfloat16"


def test_strings_and_unknown_types():
    assert backend.result_type("string", "string") == "string"
    with pytest.raises(ValueError, match="strings and numbers"):
        backend.result_type("string", "int32")
    with pytest.raises(ValueError, match="Invalid dtype"):
        backend.result_type("float32", "float8_e4m3fn")
