"""Every metric against frozen Keras numbers: two batches with and without weights, configurations."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasnp import metrics
from kerasnp.utils import registry

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "losses_metrics.json").read_text())["metrics"]


def label(case):
    return f"{case['class']}-{case['arguments']}"


def made(case):
    return getattr(metrics, case["class"])(**case["arguments"])


def batches(case):
    for batch in case["batches"]:
        y_pred, weights = np.array(batch["y_pred"], np.float32), np.array(batch["sample_weight"])
        if (
            case["class"].endswith("IoU")
            and "sparse" not in str(case["arguments"])
            and case["class"].startswith(("IoU", "Mean"))
        ):
            y_pred = y_pred.astype(np.int64)
        inputs = (y_pred,) if batch["y_true"] is None else (np.array(batch["y_true"]), y_pred)
        yield inputs, weights


@pytest.mark.parametrize("case", GOLDEN, ids=label)
def test_two_batches(case):
    plain, ones, weighted = made(case), made(case), made(case)
    for inputs, weights in batches(case):
        plain.update_state(*inputs)
        ones.update_state(*inputs, sample_weight=np.ones_like(weights))
        weighted.update_state(*inputs, sample_weight=weights)
    np.testing.assert_allclose(plain.result(), case["result"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(ones.result(), case["result"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(weighted.result(), case["weighted"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", [c for c in GOLDEN if c["arguments"].get("axis") != 0], ids=label)
def test_metric_over_batches_is_the_metric_over_all(case):
    whole, together = made(case), list(batches(case))
    inputs = [np.concatenate(parts) for parts in zip(*(inputs for inputs, _ in together))]
    whole.update_state(*inputs, sample_weight=np.concatenate([weights for _, weights in together]))
    np.testing.assert_allclose(whole.result(), case["weighted"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", GOLDEN, ids=label)
def test_reset_and_state(case):
    first, second = made(case), made(case)
    (inputs, weights), (others, more) = batches(case)
    first.update_state(*inputs, sample_weight=weights)
    once = np.array(first.result())
    first.reset_state()
    first.update_state(*inputs, sample_weight=weights)
    np.testing.assert_array_equal(first.result(), once)
    # A state carried over continues like the original.
    second.update_state(*others)
    for new, old in zip(second.variables, first.variables, strict=True):
        new.assign(old)
    for metric in (first, second):
        metric.update_state(*others, sample_weight=more)
    np.testing.assert_array_equal(first.result(), second.result())
    state = first.stateless_update_state(first.stateless_reset_state(), *inputs, sample_weight=weights)
    np.testing.assert_array_equal(first.stateless_result(state), once)


@pytest.mark.parametrize("case", GOLDEN, ids=label)
def test_configuration_is_that_of_keras_and_rebuilds_the_metric(case):
    config = made(case).get_config()
    for key, value in case["config"].items():
        if key == "label_weights" and value:
            assert config[key] == pytest.approx(value)
        elif key != "name":  # counted up where there is no fixed one, see below
            assert config[key] == value, key
    hidden = {k: v for k, v in config.items() if k not in case["config"]}
    assert hidden == {k: v for k, v in case["arguments"].items() if k not in case["config"]}
    again = metrics.deserialize(metrics.serialize(made(case)))
    assert type(again) is type(made(case))
    assert {**again.get_config(), "name": ""} == {**config, "name": ""}


@pytest.mark.parametrize(
    "name, class_name", [("auc", "AUC"), ("io_u", "IoU"), ("binary_io_u", "BinaryIoU"), ("precision", "Precision")]
)
def test_default_names_are_those_of_keras(name, class_name):
    arguments = {"num_classes": 2, "target_class_ids": [0]} if class_name == "IoU" else {}
    assert getattr(metrics, class_name)(**arguments).name == name


def test_no_metric_is_left_out():
    present = {case["class"] for case in GOLDEN}
    wanted = {m.__name__ for m in registry.members("metrics") if isinstance(m, type)}
    assert wanted - present == {"MeanMetricWrapper"}
