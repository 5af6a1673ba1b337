"""The way back: real Keras loads what kerasnp writes (where Keras is installed), and the files are as they were when it did."""

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module")
def maker():
    return runpy.run_path(str(GOLDEN / "make_files.py"))


def keras_python():
    """A Python that has Keras: this one, or the one in KERASNP_KERAS_PYTHON."""
    given = os.environ.get("KERASNP_KERAS_PYTHON")
    return given or (sys.executable if importlib.util.find_spec("keras") else None)


def test_keras_loads_and_predicts_the_same(maker, tmp_path):
    python = keras_python()
    if python is None:
        pytest.skip("Keras is not installed (KERASNP_KERAS_PYTHON may name a Python that has it)")
    maker["write"](tmp_path)
    try:
        maker["check"](tmp_path, python)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"Keras does not read the files: {error}")


@pytest.mark.parametrize("name", ["mlp", "image", "text"])
def test_files_are_as_they_were_when_keras_read_them(maker, tmp_path, name):
    golden = json.loads((GOLDEN / "files.json").read_text())[name]
    got = json.loads(json.dumps(maker["write"](tmp_path)[name]))
    for part in golden:
        assert got[part] == golden[part], part
