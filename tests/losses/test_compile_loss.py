"""What `compile(loss=...)` accepts."""

import numpy as np
import pytest

from kerasnp import losses, ops
from kerasnp.losses import CompileLoss

Y, P = np.zeros((2, 1)), np.full((2, 1), 2.0)


def squares(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@pytest.mark.parametrize(
    "loss",
    [
        "mse", "MeanSquaredError", losses.MeanSquaredError, losses.MeanSquaredError(), losses.mean_squared_error,
        squares, ["mse"], [["mse"]], {"dense": "mse"}, {"dense": ["mse"]}, losses.serialize(losses.MeanSquaredError()),
        losses.serialize(losses.mean_squared_error), lambda y_true, y_pred: ops.mean((y_true - y_pred) ** 2, axis=-1),
    ],
)  # fmt: skip
def test_everything_that_names_a_loss(loss):
    assert float(CompileLoss(loss)(Y, P)) == 4.0
    assert float(CompileLoss(loss)(Y, P, np.array([1.0, 0.0]))) == 2.0


@pytest.mark.parametrize("weights", [3, 3.0, [3.0], (3.0,), {"dense": 3.0}])
def test_loss_weights_multiply(weights):
    assert float(CompileLoss("mse", weights)(Y, P)) == 12.0


def test_no_loss():
    assert CompileLoss(None)(Y, P) is None


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("mze",), "Unknown loss: 'mze'. Did you mean"),
        ((["mse", "mae"],), "one output, so loss must hold one entry"),
        (("mse", [1.0, 2.0]), "one output, so loss_weights must hold one entry"),
        (("mse", "heavy"), "loss_weights must be a number"),
        ((7,), "Could not interpret loss identifier: 7"),
    ],
)
def test_what_does_not_name_a_loss_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CompileLoss(*arguments, output_names=["dense"])


@pytest.mark.parametrize(
    "y_true, y_pred, name",
    [
        ([[1.0]], [[0.3]], "BinaryCrossentropy"),
        ([2], [[0.2, 0.3, 0.5]], "SparseCategoricalCrossentropy"),
        ([[0.0, 0.0, 1.0]], [[0.2, 0.3, 0.5]], "CategoricalCrossentropy"),
    ],
)
def test_crossentropy_is_chosen_by_the_shapes(y_true, y_pred, name):
    y_true, y_pred = np.array(y_true), np.array(y_pred, "float32")
    assert CompileLoss("crossentropy")(y_true, y_pred) == getattr(losses, name)()(y_true, y_pred)
