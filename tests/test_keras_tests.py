"""Keras's own tests: the script that runs them counts rightly, and the table it left says that most of them pass."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))

import keras_tests  # noqa: E402


def test_failures_are_counted_apart_for_a_reason():
    ends = {
        "layers/core/dense_test.py::DenseTest::test_basics": ("passed", ""),
        "layers/core/dense_test.py::DenseTest::test_quantize_int8": ("failed", "AttributeError: no quantize"),
        "layers/core/dense_test.py::DenseTest::test_inside": ("failed", "AttributeError: 'Dense' object has no attribute '_x'"),
        "losses/losses_test.py::MeanTest::test_config": ("failed", "AssertionError: 1 != 2"),
        "losses/losses_test.py::MeanTest::test_backends": ("skipped", ""),
    }
    text = keras_tests.table(ends, "3.99")
    assert "| layers | 1 | 0 | 100.0 % | 2 | 0 |" in text
    assert "| losses | 0 | 1 | 0.0 % | 0 | 1 |" in text
    assert "| all | 1 | 1 | 50.0 % | 2 | 1 |" in text
    assert "- no quantized arithmetic: 1" in text
    assert text.rstrip().endswith("- losses/losses_test.py::MeanTest::test_config")


def test_what_stands_in_says_so_when_it_is_used():
    stand = keras_tests.Stand("keras.src.optimizers").Inner
    for use in (lambda: stand(axis=0), lambda: stand["x"], lambda: stand.__enter__()):
        with pytest.raises(NotImplementedError, match="keras.src.optimizers.Inner is not in kerasnp"):
            use()
    assert keras_tests.reason("layers/x_test.py::T::t", f"KeyError: {stand!r}") == "pokes at Keras's private names"


def test_the_table_that_was_left():
    """Made by python examples/keras_tests.py."""
    text = keras_tests.TABLE.read_text(encoding="utf-8")
    share = re.search(r"\| all \| (\d+) \| (\d+) \| ([\d.]+) % \|", text)
    passed, failed = int(share[1]), int(share[2])
    assert passed > 2500
    assert passed / (passed + failed) >= 0.97
    assert len(re.findall(r"^- .*_test\.py", text, re.M)) == failed


def test_one_area_of_the_installed_keras():
    done = subprocess.run(
        [sys.executable, EXAMPLES / "keras_tests.py", "losses"], capture_output=True, text=True, env={**os.environ}
    )
    if "Found none" in done.stderr:
        pytest.skip("Keras is not installed")
    assert done.returncode == 0, done.stderr
    found = re.search(r"\| losses \| (\d+) \| (\d+) \|", done.stdout)
    assert int(found[1]) > 150 and int(found[2]) <= 2
