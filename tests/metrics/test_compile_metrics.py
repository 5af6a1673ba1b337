"""What `compile(metrics=...)` accepts, what "accuracy" means, and the names in logs."""

import numpy as np
import pytest

from kerasnp import losses, metrics, ops
from kerasnp.metrics import CompileMetrics

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
        CompileMetrics(given, None)
