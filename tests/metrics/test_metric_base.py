"""State, resetting, nesting, means and sums: what all metrics share."""

import numpy as np
import pytest

import kerasnp
from kerasnp import losses, metrics, ops
from kerasnp.utils.masks import set_mask


class Extent(metrics.Metric):
    """The largest value, and a mean beside it."""

    def __init__(self, name="extent", dtype=None):
        super().__init__(dtype, name)
        self.top = self.add_weight((), name="top")
        self.average = metrics.Mean(name="inner")

    def update_state(self, values, sample_weight=None):
        self.top.assign(max(self.top.value, np.max(values)))
        self.average.update_state(values)

    def result(self):
        return {"top": float(self.top.value), "average": float(self.average.result())}


def test_state_of_nested_metrics_is_found_and_reset():
    metric = Extent()
    metric.update_state(np.array([1.0, 5.0]))
    assert [v.path for v in metric.variables] == ["extent/top", "inner/total", "inner/count"]
    assert metric.result() == {"top": 5, "average": 3}
    metric.reset_state()
    assert metric.result() == {"top": 0, "average": 0}
    assert not any(v.trainable for v in metric.variables)


def test_state_may_be_carried_outside():
    metric = metrics.Mean()
    metric.update_state([10.0])
    state = metric.stateless_reset_state()
    state = metric.stateless_update_state(state, [1.0, 2.0])
    state = metric.stateless_update_state(state, [6.0])
    assert float(metric.stateless_result(state)) == 3.0
    assert float(metric.result()) == 10.0
    with pytest.raises(ValueError, match="one value for each of the 2 variables"):
        metric.stateless_result(state[:1])


def test_state_saved_halfway_and_restored_continues_alike():
    first, second = metrics.Mean(), metrics.Mean()
    first.update_state([1.0, 2.0])
    for v, w in zip(second.variables, first.variables):
        v.assign(w)
    for metric in (first, second):
        metric.update_state([7.0])
    assert first.result() == second.result() == pytest.approx(10 / 3)


def test_metrics_leave_no_trace_on_an_open_tape():
    w = kerasnp.Variable([[1.0], [2.0]])

    def twice(y_true, y_pred):
        return ops.mean(y_true - 2 * y_pred, axis=-1)

    compiled = metrics.CompileMetrics(["mae", twice], None)
    with kerasnp.Tape() as tape:
        y = w * 2
        before = len(tape.operators)
        assert before == 1
        for metric in (
            metrics.MeanSquaredError(),
            metrics.RootMeanSquaredError(),
            metrics.MeanMetricWrapper(twice),
            compiled,
        ):
            metric.update_state([[1.0], [1.0]], y)
        metrics.Mean().update_state(y)
        assert len(tape.operators) == before
    assert compiled.result() == {"mae": 2, "twice": -5}


@pytest.mark.parametrize("values", [[1.0, 2.0, 6.0], [[1.0], [2.0], [6.0]], [[0.0, 2.0], [1.0, 3.0], [6.0, 6.0]]])
def test_mean_and_sum_of_any_shape(values):
    assert float(metrics.Mean()(values)) == 3.0
    assert float(metrics.Mean()(np.array(values), sample_weight=[1, 1, 0])) == 1.5
    assert float(metrics.Sum()(values)) == np.sum(values)
    assert float(metrics.Sum()(values, sample_weight=[1, 2, 0])) == np.sum(
        np.reshape(values, (3, -1)).sum(1) * [1, 2, 0]
    )


def test_mean_of_scalars_and_of_nothing():
    metric = metrics.Mean()
    assert metric.result() == 0
    metric.update_state(4.0)
    metric.update_state(np.float32(1.0), sample_weight=2)
    metric.update_state(np.zeros(0))
    assert float(metric.result()) == 2.0
    assert metric.result().dtype == np.float32


def test_mean_over_batches_is_the_mean_over_all():
    rng = np.random.default_rng(0)
    values, weights = rng.random((10, 3)), rng.random(10)
    whole, parts = metrics.Mean(dtype="float64"), metrics.Mean(dtype="float64")
    whole.update_state(values, weights)
    for i in range(0, 10, 3):
        parts.update_state(values[i : i + 3], weights[i : i + 3])
    assert float(parts.result()) == pytest.approx(float(whole.result()), rel=1e-12)
    assert float(whole.result()) == pytest.approx((values.mean(1) * weights).sum() / weights.sum(), rel=1e-12)


def test_weight_per_step_of_a_sequence():
    values, weights = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    # Weighted steps are averaged within a sample, as Keras does.
    expected = (0.5 * 1 + 0.5 * 7) / (0.5 + 1)
    assert float(metrics.Mean()(values, weights)) == pytest.approx(expected)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"one weight per sample.*Received: sample_weight.shape=\(3,\)"):
        metrics.Mean()([1.0, 2.0], sample_weight=[1, 2, 3])


def test_masked_predictions_do_not_count():
    p = np.array([[0.2, 0.8], [0.9, 0.1]])
    set_mask(p, np.array([True, False]))
    assert metrics.SparseCategoricalAccuracy()(np.array([1, 1]), p) == 1
    assert metrics.SparseCategoricalAccuracy()(np.array([1, 1]), p, sample_weight=[1, 9]) == 1
    assert float(metrics.RootMeanSquaredError()(np.zeros((2, 2)), p)) == pytest.approx(np.sqrt(0.34))


def test_variables_and_metrics_in_attributes_are_part_of_the_state():
    metric = metrics.Mean()
    metric.more = {"a": [kerasnp.Variable(1.0)], "b": (metrics.Sum(), metrics.Mean())}
    assert len(metric.variables) == 2 + 1 + 1 + 2
    metric.reset_state()
    assert float(metric.more["a"][0]) == 0


def test_the_default_type_is_floatx_whatever_the_global_policy():
    kerasnp.config.set_dtype_policy("mixed_float16")
    assert metrics.Mean().dtype == "float32"


def test_mask_of_a_recorded_prediction_reaches_the_metrics():
    w = kerasnp.Variable([[0.2, 0.8], [0.9, 0.1]])
    compiled = metrics.CompileMetrics(["accuracy"], None)
    with kerasnp.Tape():
        p = w * 1
        set_mask(p, np.array([True, False]))
        compiled.update_state(np.array([1, 1]), p)
    assert compiled.result() == {"accuracy": 1}


def test_function_as_metric_and_its_configuration():
    metric = metrics.MeanMetricWrapper(losses.mean_squared_error, name="mine")
    config = metrics.serialize(metric)
    assert set(config["config"]) == {"name", "dtype", "fn"}
    again = metrics.deserialize(config)
    assert again.name == "mine" and float(again([[1.0]], [[3.0]])) == 4.0


@pytest.mark.parametrize(
    "fn, expected", [("sparse_categorical_accuracy", 1.0), ("mean_absolute_error", 0.5), ("mse", 0.34)]
)
def test_wrapper_as_older_files_write_it(fn, expected):
    config = {"class_name": "MeanMetricWrapper", "config": {"name": "accuracy", "dtype": "float32", "fn": fn}}
    metric = metrics.deserialize(config)
    y = [1] if fn.startswith("sparse") else [[0.0, 0.0]]
    assert metric.name == "accuracy"
    assert float(metric(y, [[0.2, 0.8]])) == pytest.approx(expected)


def test_names_give_instances():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get(metrics.Accuracy), metrics.Accuracy)
    assert metrics.get(None) is None
    with pytest.raises(ValueError, match="Unknown metric: 'accurracy'. Did you mean 'accuracy'"):
        metrics.get("accurracy")


def test_dtype_of_the_state():
    metric = metrics.MeanSquaredError(dtype="float64")
    assert metric.variables[0].value.dtype == np.float64 and metric.get_config()["dtype"] == "float64"
