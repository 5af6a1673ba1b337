"""Every loss against frozen Keras numbers: values, reductions, weights, gradients, configurations."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from kerasnp import losses
from kerasnp.autodiff import gradcheck
from kerasnp.utils import registry

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "losses_metrics.json").read_text())["losses"]


def label(case):
    return f"{case['class']}-{case['arguments']}"


def made(case, **more):
    return getattr(losses, case["class"])(**case["arguments"], **more)


def batch(case, dtype="float64"):
    y_true = np.array(case["y_true"])
    return y_true.astype("int64") if case["integer"] else y_true.astype(dtype), np.array(case["y_pred"], dtype)


@pytest.mark.parametrize("case", GOLDEN, ids=label)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_reductions(case, dtype):
    y_true, y_pred = batch(case, dtype)
    close = {"rtol": 1e-5, "atol": 1e-6 * np.abs(case["values"]).max()}
    values = made(case, reduction="none", dtype=dtype)(y_true, y_pred)
    assert values.dtype == dtype
    np.testing.assert_allclose(values, case["values"], **close)
    np.testing.assert_allclose(made(case, dtype=dtype)(y_true, y_pred), case["value"], **close)
    for key in case:
        if key.startswith("weighted"):
            loss = made(case, reduction=key.split()[1], dtype=dtype)
            np.testing.assert_allclose(loss(y_true, y_pred, np.array(case["sample_weight"])), case[key], **close)


@pytest.mark.parametrize("case", GOLDEN, ids=label)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradient(case, dtype):
    y_true, y_pred = batch(case, dtype)
    x = kerasnp.Variable(y_pred)
    with kerasnp.Tape() as tape:
        loss = made(case, dtype=dtype)(y_true, x)
    np.testing.assert_allclose(
        tape.gradient(loss, x), case["gradient"], rtol=1e-5, atol=1e-6 * np.abs(case["gradient"]).max()
    )


@pytest.mark.parametrize("case", GOLDEN, ids=label)
def test_configuration_is_that_of_keras_and_rebuilds_the_loss(case):
    config = made(case).get_config()
    hidden = {k: v for k, v in config.items() if k not in case["config"]}
    assert {k: config[k] for k in case["config"]} == case["config"]
    # Keras forgets these; nothing is written unless it was changed.
    assert hidden == {k: v for k, v in case["arguments"].items() if k not in case["config"]}
    again = losses.deserialize(losses.serialize(made(case)))
    assert type(again) is type(made(case)) and again.get_config() == config


@pytest.mark.parametrize("case", [c for c in GOLDEN if not c["integer"]], ids=label)
def test_gradient_by_labels_and_predictions(case):
    """Both arguments differentiate, as autoencoders and distances between two outputs need."""
    y_true, y_pred = batch(case)
    # Labels within the range and away from the corners, where f has no derivative; hinges read 0/1 labels as -1/1.
    rng = np.random.default_rng(0)
    y_true = (
        np.clip(y_true * 0.8 + 0.05 + 0.05 * rng.random(y_true.shape), 0.02, None)
        if y_true.min() >= 0
        else y_true + 0.03
    )
    gradcheck(made(case, reduction="none", dtype="float64"), y_true, y_pred, rtol=2e-5, names=["y_true", "y_pred"])


def test_no_loss_is_left_out():
    present = {case["class"] for case in GOLDEN}
    wanted = {m.__name__ for m in registry.members("losses") if isinstance(m, type)}
    assert wanted == present


@pytest.mark.parametrize("case", GOLDEN, ids=label)
def test_function_of_the_same_name(case):
    y_true, y_pred = batch(case)
    name = kerasnp.utils.naming.to_snake_case(case["class"])
    function = losses.get(name)
    assert function is getattr(losses, name) and not isinstance(function, type)
    arguments = (
        {"q": 0.5, **case["arguments"]} if name == "categorical_generalized_cross_entropy" else dict(case["arguments"])
    )
    values = made(case, reduction="none", dtype="float64")(y_true, y_pred)
    np.testing.assert_allclose(function(y_true, y_pred, **arguments), values)


@pytest.mark.parametrize("case", GOLDEN, ids=label)
def test_inputs_stay_as_they_are(case):
    y_true, y_pred = batch(case)
    copies = y_true.copy(), y_pred.copy()
    x = kerasnp.Variable(y_pred)
    with kerasnp.Tape() as tape:
        loss = made(case)(y_true, x)
    tape.gradient(loss, x)
    np.testing.assert_array_equal(y_true, copies[0])
    np.testing.assert_array_equal(x.value, copies[1])
