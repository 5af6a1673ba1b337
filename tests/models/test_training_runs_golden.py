"""Scripts as Keras's users write them: kerasnp gives what real Keras gave (golden/make_training_runs.py)."""

import importlib.util
import json
from pathlib import Path

import pytest

import kerasnp

FOLDER = Path(__file__).parents[1] / "golden"
SPEC = importlib.util.spec_from_file_location("make_training_runs", FOLDER / "make_training_runs.py")
MAKE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MAKE)
TOLD = json.loads((FOLDER / "training_runs.json").read_text())


def same(ours, theirs):
    """Equal in every name, length and text, and close in every number."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key, part in theirs.items():
            same(ours[key], part)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            same(one, other)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-5)
    else:
        assert ours == theirs


@pytest.mark.filterwarnings("ignore::kerasnp.warnings.TrainingWarning")
@pytest.mark.parametrize("run", MAKE.RUNS, ids=lambda run: run.__name__)
def test_a_script_gives_what_it_gives_with_keras(run):
    same(MAKE.plain(run(kerasnp)), TOLD[run.__name__])


def test_another_number_is_noticed():
    with pytest.raises(AssertionError):
        same({"loss": [1.0, 2.0]}, {"loss": [1.0, 2.01]})
