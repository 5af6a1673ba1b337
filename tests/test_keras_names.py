"""The table of Keras's names: up to date, and made of what both packages hold."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))

import keras_names  # noqa: E402

NOTED = json.loads(keras_names.NOTED.read_text(encoding="utf-8"))


def test_the_table_is_up_to_date():
    """After names were added: python examples/keras_names.py."""
    made, kept = (text.splitlines() for text in (keras_names.table(NOTED), keras_names.TABLE.read_text(encoding="utf-8")))
    changed = [line for line in {*made} ^ {*kept} if line]
    assert made == kept, f"run python examples/keras_names.py; the table is out of date in {sorted(changed)[:4]}"


def test_the_examples_of_every_operator_are_calls_of_it():
    unknown = [name for name, answer in keras_names.operators(NOTED["names"]).items() if answer is None]
    assert not unknown, f"add calls of {unknown} to CALLS in examples/keras_names.py"
    flows = keras_names.operators({"ops": ["matmul", "floor", "argmax", "ctc_loss"], "ops.image": ["resize"]})
    assert flows == {"matmul": True, "floor": False, "argmax": False, "ctc_loss": True, "image.resize": True}


def test_reasons_are_still_needed():
    absent = [f"{s}.{n}".lstrip(".") for s, names in NOTED["names"].items() for n in names if keras_names.find(s, n) is None]
    for pattern in keras_names.REASONS:
        assert any(re.fullmatch(pattern, name) for name in absent), f"nothing absent is called {pattern}"


@pytest.mark.parametrize("theirs, own, text", [
    ("a, b=1", "a, b=1", ""),
    ("a, b=1", "a, b=1.0, c=None", ""),
    ("a, b=(2, 2)", "a, b=2", ""),
    ("a, b=((1, 1), (1, 1))", "a, b=1", ""),
    ("a, b=()", "a, b=1", "`b=1` (Keras: ())"),
    ("a, b=1", "a, b=2", "`b=2` (Keras: 1)"),
    ("a, b=None", "a", "without `b`"),
    ("a, b=1, c=2", "a, c=2, b=1", "in another order"),
    ("a, b=1", "a, b, c", "`b` required (Keras: 1); needs `c`"),
])  # fmt: skip
def test_differences_of_arguments(theirs, own, text):
    functions = [eval(f"lambda {arguments}: None") for arguments in (theirs, own)]
    assert keras_names.difference(keras_names.arguments(functions[0]), functions[1]) == text


def test_arguments_that_bases_take():
    class Base:
        def __init__(self, name=None):
            pass

    class Sub(Base):
        def __init__(self, units, **kwargs):
            pass

    assert [a[0] for a in keras_names.own_arguments(Sub)["arguments"]] == ["units", "name"]


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_what_was_noted_is_the_keras_that_is_installed():
    assert keras_names.keras_surface() == NOTED
