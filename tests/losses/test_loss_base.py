"""Weights, masks, reductions and configurations: what all losses share."""

import numpy as np
import pytest

import kerasnp
from kerasnp import losses, ops, saving
from kerasnp.losses import Loss, LossFunctionWrapper
from kerasnp.utils.masks import set_mask

VALUES = np.array([1.0, 2.0, 6.0], np.float32)


class Given(Loss):
    """A loss whose values are the predictions."""

    def call(self, y_true, y_pred):
        return y_pred


@pytest.mark.parametrize(
    "reduction, expected",
    [
        ("sum_over_batch_size", 3.0), ("mean", 3.0), ("mean_with_sample_weight", 3.0), ("sum", 9.0), ("none", VALUES),
        (None, VALUES),
    ],
)  # fmt: skip
def test_reductions_without_weights(reduction, expected):
    result = Given(reduction=reduction)(VALUES, VALUES)
    np.testing.assert_allclose(result, expected)
    assert result.dtype == np.float32


@pytest.mark.parametrize(
    "reduction, expected",
    [
        ("sum_over_batch_size", 16 / 3), ("mean", 16 / 3), ("mean_with_sample_weight", 16 / 3.5), ("sum", 16),
        ("none", [1, 0, 15]),
    ],
)  # fmt: skip
def test_reductions_with_weights(reduction, expected):
    result = Given(reduction=reduction)(VALUES, VALUES, np.array([1.0, 0.0, 2.5]))
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_weights_that_sum_to_zero_give_zero():
    assert float(Given(reduction="mean_with_sample_weight")(VALUES, VALUES, np.zeros(3))) == 0


def test_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="Invalid value for argument `reduction`.*'avg'"):
        Given(reduction="avg")


def test_masked_values_count_neither_above_nor_below_the_line():
    y = VALUES.copy()
    set_mask(y, np.array([True, False, True]))
    assert float(Given()(y, y)) == pytest.approx(3.5)
    assert float(Given(reduction="sum")(y, y)) == pytest.approx(7)
    assert float(Given()(y, y, np.array([2.0, 5.0, 0.0]))) == pytest.approx(1.0)


def test_a_weight_per_sample_covers_all_steps_of_its_sequence():
    values, weights = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([1.0, 0.0, 2.0])
    expected = (values * weights[:, None]).sum() / 6
    assert float(Given()(values, values, weights)) == pytest.approx(expected)
    assert float(Given()(values, values, weights[:, None])) == pytest.approx(expected)
    # As many steps as samples: the weights still belong to the samples.
    square, pair = values[:2], np.array([1.0, 0.0])
    assert float(Given()(square, square, pair)) == pytest.approx(square[0].sum() / 4)


def test_weights_that_do_not_fit_are_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"one weight per sample.*\(3,\).*Received: sample_weight.shape=\(4,\)"):
        Given()(VALUES, VALUES, np.ones(4))


def test_gradient_passes_through_weights_and_reduction():
    w = kerasnp.Variable(VALUES)
    with kerasnp.Tape() as tape:
        loss = losses.MeanSquaredError()(np.zeros((3, 1)), ops.reshape(w, (3, 1)), np.array([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(tape.gradient(loss, w), 2 * VALUES * [1, 0, 2] / 3, rtol=1e-6)


def test_values_are_computed_in_floatx_unless_the_loss_names_a_type():
    loss = losses.MeanSquaredError()
    assert loss([[1]], np.zeros((1, 1), np.float16)).dtype == np.float32
    assert loss([[1]], np.zeros((1, 1), np.float64)).dtype == np.float32
    assert loss([[1]], np.zeros((1, 1), np.int32)).dtype == np.float32
    assert losses.mean_squared_error([[1]], np.zeros((1, 1), np.float64)).dtype == np.float64
    assert losses.MeanSquaredError(dtype="float64")([[1]], np.zeros((1, 1), np.float32)).dtype == np.float64


def test_labels_reach_call_in_the_type_of_the_predictions():
    seen = []

    class Seen(Loss):
        def call(self, y_true, y_pred):
            seen.append((y_true.dtype, y_pred.dtype))
            return ops.mean(y_true - y_pred, axis=-1)

    Seen()(np.zeros((2, 3), int), np.zeros((2, 3), np.float32))
    assert seen == [(np.float32, np.float32)]


def test_labels_and_predictions_in_dictionaries():
    class Both(Loss):
        def call(self, y_true, y_pred):
            return ops.mean(y_true["a"] - y_pred["b"], axis=-1)

    assert float(Both()({"a": [[3]]}, {"b": [[1]]})) == 2


def test_function_as_loss_and_its_configuration():
    @saving.register_keras_serializable("tests_losses")
    def scaled(y_true, y_pred, factor=1.0):
        return factor * ops.mean(ops.abs(y_true - y_pred), axis=-1)

    loss = LossFunctionWrapper(scaled, factor=3.0)
    assert loss.name == "scaled"
    assert float(loss([[1.0, 1.0]], [[2.0, 2.0]])) == 3.0
    config = loss.get_config()
    assert set(config) == {"name", "reduction", "fn", "factor"}
    again = LossFunctionWrapper.from_config(config)
    assert float(again([[1.0, 1.0]], [[2.0, 2.0]])) == 3.0


def test_names_are_found_in_any_case_and_class_names_give_instances():
    assert losses.get("mse") is losses.get("MSE") is losses.get("mean_squared_error") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert losses.get(None) is None
    with pytest.raises(ValueError, match="Unknown loss: 'mean_squared_eror'. Did you mean"):
        losses.get("mean_squared_eror")


def test_serialize_and_deserialize():
    loss = losses.BinaryCrossentropy(label_smoothing=0.1, reduction="sum", name="b")
    config = losses.serialize(loss)
    assert config["module"] == "keras.losses" and config["class_name"] == "BinaryCrossentropy"
    again = losses.deserialize(config)
    assert again.get_config() == loss.get_config() and again.label_smoothing == 0.1
    assert losses.deserialize(losses.serialize(losses.mean_squared_error)) is losses.mean_squared_error
    assert losses.deserialize("mse") is losses.mean_squared_error


def test_a_changed_dtype_survives_the_round_trip_and_the_default_is_left_out():
    assert "dtype" not in losses.MeanSquaredError().get_config()
    config = losses.MeanSquaredError(dtype="float64").get_config()
    assert losses.MeanSquaredError.from_config(config).dtype == "float64"


def test_loss_names_are_counted_up():
    assert Given().name == "given" and Given().name == "given_1"


def test_a_bfloat16_loss_is_rounded_and_says_so():
    loss = losses.MeanSquaredError(dtype="bfloat16")([[0.0]], [[1.001]])
    assert loss.dtype == "bfloat16"
    assert float(loss) == 1.0
    w = kerasnp.Variable([[1.5]])
    with kerasnp.Tape() as tape:
        loss = losses.MeanSquaredError(dtype="bfloat16")([[0.0]], w)
    assert loss.dtype == "bfloat16"
    np.testing.assert_allclose(tape.gradient(loss, w), [[3.0]])


def test_the_default_type_is_floatx_whatever_the_global_policy():
    kerasnp.config.set_dtype_policy("mixed_float16")
    assert losses.MeanSquaredError()([[1.0]], [[0.0]]).dtype == np.float32


def test_weights_of_samples_do_not_fit_a_mask_of_steps():
    y_pred = np.zeros((4, 3, 2), "float32")
    set_mask(y_pred, np.ones((4, 3), bool))
    assert losses.MeanSquaredError()(y_pred + 1, y_pred, np.ones((4, 3))) == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"the shape of the mask, \(4, 3\).*sample_weight.shape=\(4,\); give each step"):
        losses.MeanSquaredError()(y_pred + 1, y_pred, np.ones(4))
