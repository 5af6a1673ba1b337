"""What `compile(metrics=...)` accepts, what "accuracy" means, and the names in logs."""

import numpy as np
import pytest

import kerasnp
from kerasnp import losses, metrics, ops
from kerasnp.metrics import CompileMetrics
from kerasnp.utils.masks import set_mask

SPARSE = (np.array([0, 2]), np.full((2, 3), 1 / 3))
ONE_HOT = (np.eye(3)[[0, 2]], np.full((2, 3), 1 / 3))
BINARY = (np.array([[0.0], [1.0]]), np.array([[0.2], [0.4]]))


def mine(y_true, y_pred):
    return ops.mean(y_true - y_pred, axis=-1)


@pytest.mark.parametrize(
    "batch, kind",
    [
        (SPARSE, "SparseCategorical"), ((SPARSE[0][:, None], SPARSE[1]), "SparseCategorical"), (ONE_HOT, "Categorical"),
        (BINARY, "Binary"), ((BINARY[0][:, 0], BINARY[1]), "Binary"),
    ],
)  # fmt: skip
def test_accuracy_and_crossentropy_follow_the_shapes(batch, kind):
    compiled = CompileMetrics(["accuracy", "acc", "ce", "crossentropy"], None)
    compiled.update_state(*batch)
    types = [type(m).__name__ for m in compiled.metrics]
    assert types == [f"{kind}Accuracy"] * 2 + [f"{kind}Crossentropy"] * 2
    assert list(compiled.result()) == compiled.names == ["accuracy", "acc", "ce", "crossentropy"]


@pytest.mark.parametrize(
    "given, names",
    [
        (["mse", "mean_squared_error", "MeanSquaredError"], ["mse", "mean_squared_error", "MeanSquaredError"]),
        (["mse", "mse"], ["mse", "mse_1"]),
        ([metrics.MeanSquaredError(name="error"), metrics.MeanSquaredError], ["error", "mean_squared_error"]),
        ([mine, lambda a, b: ops.mean(a, axis=-1)], ["mine", "lambda"]),
        ([["accuracy", "mae"]], ["accuracy", "mae"]),
        ({"dense": ["accuracy", "mae"]}, ["accuracy", "mae"]),
        ({"dense": "mae"}, ["mae"]),
        (("mae",), ["mae"]),
        ([losses.MeanAbsoluteError()], ["mean_absolute_error"]),
        ([metrics.serialize(metrics.BinaryAccuracy(name="b"))], ["b"]),
        (None, []),
    ],
)
def test_everything_that_names_a_metric(given, names):
    compiled = CompileMetrics(given, None)
    assert compiled.names == names
    compiled.update_state(*BINARY)
    assert list(compiled.result()) == names


def test_only_weighted_metrics_see_the_weights():
    compiled = CompileMetrics(["mae"], ["mae", "mse"])
    compiled.update_state(*BINARY, sample_weight=np.array([1.0, 0.0]))
    results = {k: float(v) for k, v in compiled.result().items()}
    assert results == pytest.approx({"mae": 0.4, "weighted_mae": 0.2, "mse": 0.04})


def test_results_of_several_names():
    class Pair(metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            pass

        def result(self):
            return {"left": 1.0, "right": 2.0}

    compiled = CompileMetrics([Pair(), "mae"], None)
    compiled.update_state(*BINARY)
    assert list(compiled.result()) == ["left", "right", "mae"]


def test_reset_starts_again_and_nothing_is_known_before_the_first_batch():
    compiled = CompileMetrics(["accuracy"], None)
    assert compiled.result() == {} and compiled.variables == []
    compiled.reset_state()
    compiled.update_state(*BINARY)
    assert len(compiled.variables) == 2
    compiled.reset_state()
    assert compiled.result() == {"accuracy": 0}


@pytest.mark.parametrize(
    "given, message",
    [
        (["nope"], "Unknown metric: 'nope'"),
        (["mean_squared_eror"], "Did you mean 'mean_squared_error'"),
        ("accuracy", r"Expected `metrics` to be a list.*write metrics=\['accuracy'\]"),
        ([None], "each entry of metrics must be"),
        ([3], "Could not interpret metric identifier: 3"),
    ],
)
def test_what_does_not_name_a_metric_is_refused_at_once(given, message):
    with pytest.raises(ValueError, match=message):
        CompileMetrics(given, None, output_names=["dense"])


OUTPUTS = {"b": BINARY[1], "a": SPARSE[1]}
LABELS = {"b": BINARY[0], "a": SPARSE[0]}


@pytest.mark.parametrize(
    "given, names, expected",
    [
        ({"a": ["accuracy"], "b": ["accuracy", "mse", "mse"]}, None, ["a_accuracy", "b_accuracy", "b_mse", "b_mse_1"]),
        ({"b": "mse"}, None, ["b_mse"]),
        ({"a": "accuracy", "b": "mse"}, ["b", "a"], ["b_mse", "a_accuracy"]),
        ([["accuracy"], None], None, ["a_accuracy"]),
        (None, None, []),
    ],
)
def test_each_output_has_its_metrics_and_names(given, names, expected):
    compiled = CompileMetrics(given, None, output_names=names)
    compiled.update_state(LABELS, OUTPUTS)
    assert list(compiled.result()) == compiled.names == expected


def test_lists_of_outputs():
    y_true, y_pred = [LABELS["b"], LABELS["a"]], [OUTPUTS["b"], OUTPUTS["a"]]
    compiled = CompileMetrics([["mae"], ["accuracy"]], [["mae"], None])
    compiled.update_state(y_true, y_pred, np.array([1.0, 0.0]))
    compiled.update_state(y_true, y_pred, [np.array([1.0, 0.0]), None])
    results = {k: float(v) for k, v in compiled.result().items()}
    assert results == pytest.approx({"mae": 0.4, "accuracy": 0.5, "weighted_mae": 0.2})
    assert [type(m).__name__ for m in compiled.metrics][1] == "SparseCategoricalAccuracy" and len(compiled.variables) == 6
    compiled.reset_state()
    assert not any(compiled.result().values())
    named = CompileMetrics({"x": "mae"}, {"x": ["mae"]}, output_names=["x", "y"])
    named.update_state({"y": LABELS["a"], "x": LABELS["b"]}, y_pred)
    assert list(named.result()) == ["x_mae", "x_weighted_mae"]


def test_deeply_nested_outputs():
    outputs, labels = {"p": [BINARY[1], SPARSE[1]], "q": BINARY[1]}, {"p": (BINARY[0], SPARSE[0]), "q": BINARY[0]}
    compiled = CompileMetrics({"p": ["mae", ["accuracy"]], "q": ["mae"]}, None)
    compiled.update_state(labels, outputs)
    assert list(compiled.result()) == ["mae", "accuracy", "mae_1"]


def test_masks_of_outputs_are_heeded():
    y_pred = [np.array([[1.0], [3.0]]), np.array([[5.0], [7.0]])]
    masked = [kerasnp.Variable(y_pred[0]), kerasnp.Variable(y_pred[1])]
    set_mask(masked[0], np.array([True, False]))
    compiled = CompileMetrics([["mae"], ["mae"]], None, output_names=["l", "r"])
    compiled.update_state([np.zeros((2, 1))] * 2, masked)
    assert {k: float(v) for k, v in compiled.result().items()} == {"l_mae": 1.0, "r_mae": 6.0}


@pytest.mark.parametrize(
    "given, labels, message",
    [
        (["mae"], LABELS, r"Invalid `metrics`, which must be nested as the outputs of the model, \{'b': \*, 'a': \*\}"),
        ({"c": ["mae"]}, LABELS, "Invalid `metrics`, which must be nested as the outputs of the model"),
        ({"a": ["accuracy"]}, {"b": BINARY[0]}, "metrics for the output .'a',., but y_true has no labels"),
        ({"a": ["accuracy"], "b": "mae"}, [[0.0], [1.0]], "one array for each output"),
    ],
)
def test_metrics_that_do_not_fit_the_outputs_are_refused(given, labels, message):
    with pytest.raises(ValueError, match=message):
        CompileMetrics(given, None).update_state(labels, OUTPUTS)
