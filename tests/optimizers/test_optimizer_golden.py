"""Every optimizer and option against five steps of Keras (golden/optimizers.npz)."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from kerasnp import optimizers
from kerasnp.optimizers import schedules

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "optimizers.npz")
META = json.loads(str(GOLDEN["meta"]))


def parted(flat, shapes):
    ends = np.cumsum([math.prod(s) for s in shapes])
    return [part.reshape(s) for part, s in zip(np.split(flat, ends[:-1]), shapes)]


START = parted(GOLDEN["start"], META["shapes"])
GRADIENTS = [parted(g, META["shapes"]) for g in GOLDEN["gradients"]]


def run(case, dtype="float32"):
    arguments = dict(case["arguments"])
    if isinstance(arguments.get("learning_rate"), dict):
        arguments["learning_rate"] = schedules.deserialize(arguments["learning_rate"])
    optimizer = getattr(optimizers, case["class"])(**arguments)
    if "exclude" in case:
        optimizer.exclude_from_weight_decay(var_names=case["exclude"])
    variables = [kerasnp.Variable(w, dtype=dtype, name=f"w{i}") for i, w in enumerate(START)]
    if "constrain" in case:
        variables[case["constrain"]].constraint = kerasnp.constraints.MaxNorm(0.7)
    missing = case.get("missing", [[]] * len(GRADIENTS))
    for gradients, left_out in zip(GRADIENTS, missing):
        optimizer.apply([None if i in left_out else g for i, g in enumerate(gradients)], variables)
    return optimizer, variables


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("name", META["cases"])
def test_five_steps(name):
    case = META["cases"][name]
    optimizer, variables = run(case)
    for v, expected in zip(variables, parted(GOLDEN[f"{name}/end"], META["shapes"])):
        np.testing.assert_allclose(v.numpy(), expected, rtol=3e-6, atol=1e-6, err_msg=v.name)
    assert [list(v.shape) for v in optimizer.variables] == case["shapes"]
    for v, expected in zip(optimizer.variables, parted(GOLDEN[f"{name}/state"], case["shapes"])):
        np.testing.assert_allclose(v.numpy(), expected, rtol=3e-6, atol=1e-6 * abs(expected).max(), err_msg=v.name)
    assert {k: v for k, v in optimizer.get_config().items() if k != "name"} == case["config"]


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("name", ["sgd_momentum", "adam", "nadam", "adafactor", "ema", "clipnorm", "missing"])
def test_double_precision_follows(name):
    _, variables = run(META["cases"][name], "float64")
    for v, expected in zip(variables, parted(GOLDEN[f"{name}/end"], META["shapes"])):
        assert v.value.dtype == np.float64
        np.testing.assert_allclose(v.numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", META["defaults"])
def test_defaults(name):
    assert optimizers.serialize(getattr(optimizers, name)()) == META["defaults"][name]


@pytest.mark.parametrize("record", META["schedules"], ids=lambda r: f"{r['class']}-{r['args']}-{r['kwargs']}")
def test_schedule(record):
    schedule = getattr(schedules, record["class"])(*record["args"], **record["kwargs"])
    values = [schedule(step) for step in range(len(record["values"]))]
    np.testing.assert_allclose(values, record["values"], rtol=2e-6, atol=1e-7)
    assert schedules.serialize(schedule) == record["serialized"]
    twin = schedules.deserialize(record["serialized"])
    assert type(twin) is type(schedule) and twin.get_config() == schedule.get_config()
