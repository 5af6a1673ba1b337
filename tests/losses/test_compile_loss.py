"""What `compile(loss=...)` accepts."""

from typing import NamedTuple

import numpy as np
import pytest

import kerasnp
from kerasnp import losses, ops
from kerasnp.losses import CompileLoss
from kerasnp.losses.outputs import leaves

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


A, B = {"a": Y, "b": Y + 1}, {"a": P, "b": P}


def test_several_outputs_have_a_weighted_sum_and_their_own_means():
    compiled = CompileLoss({"b": "mae", "a": "mse"}, {"a": 0.5, "b": 2.0})
    assert float(compiled(A, B)) == 0.5 * 4 + 2 * 1
    compiled(A, {"a": P + 1, "b": P})
    assert {m.name: float(m.result()) for m in compiled.metrics} == {"b_loss": 1.0, "a_loss": 6.5}
    assert len(compiled.variables) == 4 and list(compiled.metrics[0].variables) == compiled.variables[:2]


@pytest.mark.parametrize(
    "loss, names, expected",
    [
        ("mse", [], ["mse_loss", "mse_loss"]),
        (["mse", losses.MeanAbsoluteError(name="off")], [], ["mse_loss", "off_loss"]),
        (["mse", "mae"], ["x", "y"], ["x_loss", "y_loss"]),
        ({"y": "mse", "x": squares}, ["x", "y"], ["x_loss", "y_loss"]),
        ([squares, None], [], []),
    ],
)
def test_names_of_the_losses(loss, names, expected):
    compiled = CompileLoss(loss, output_names=names or None)
    compiled([Y, Y], [P, P])
    assert [m.name for m in compiled.metrics] == expected


def test_nested_outputs():
    outputs, labels = {"a": (P, P), "b": P}, {"a": [Y, Y], "b": Y}
    compiled = CompileLoss({"a": ["mse", "mae"], "b": "mae"}, {"a": [1.0, 10.0], "b": 100.0})
    assert float(compiled(labels, outputs)) == 4 + 20 + 200
    assert [m.name for m in compiled.metrics] == ["a/mse_loss", "a/mae_loss", "b_loss"]
    weights = {"a": [np.zeros(2), np.ones(2)], "b": np.array([1.0, 0.0])}
    assert float(compiled(labels, outputs, weights)) == 20 + 100


def gap(y_true, y_pred):
    """Whether the two outputs are as far from each other as they should be."""
    one, other = y_pred.values() if isinstance(y_pred, dict) else y_pred
    a, b = y_true.values() if isinstance(y_true, dict) else y_true
    return ops.abs((one - other) - (a - b))[:, 0]


class Pair(NamedTuple):
    a: object
    b: object


@pytest.mark.parametrize(
    "loss, labels, outputs, total, means",
    [
        # Several losses of one output: both count, the log shows the last.
        ({"a": "mse", "b": ["mae", squares]}, A, B, 4 + 1 + 1, {"a_loss": 4, "b_loss": 1}),
        ([gap, {"a": "mse", "b": "mae"}], A, B, 1 + 4 + 1, {"a_b_loss": 1, "a_loss": 4, "b_loss": 1}),
        ([gap, ("mse", "mae")], (Y, Y + 1), (P, P), 1 + 4 + 1, {"x_y_loss": 1, "x_loss": 4, "y_loss": 1}),
        ([gap, Pair("mse", "mae")], Pair(Y, Y + 1), Pair(P, P), 1 + 4 + 1, {"x_y_loss": 1, "x_loss": 4, "y_loss": 1}),
        (["mse", [gap, ("mse", None)]], [Y, (Y, Y + 1)], [P, (P, P)], 4 + 1 + 4, {"x_loss": 4, "1_loss": 1, "1/y_loss": 4}),
    ],
)
def test_several_losses_of_an_output_or_of_a_nesting(loss, labels, outputs, total, means):
    names = ["x", "y", "z"][: len(leaves(outputs))]
    compiled = CompileLoss(loss, output_names=names)
    assert float(compiled(labels, outputs)) == total
    assert {m.name: float(m.result()) for m in compiled.metrics} == means
    halves = 0.75 * total  # the losses are the same for both samples
    assert float(compiled(labels, outputs, np.array([1.0, 0.5]))) == halves


def test_a_loss_may_see_all_arrays_of_a_branch():
    class Sum(losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return ops.sum(y_pred["l"]) + ops.sum(y_pred["r"]) - ops.sum(y_true["l"])

    compiled = CompileLoss({"pair": Sum(), "b": "mse"})
    assert float(compiled({"pair": {"l": Y, "r": Y}, "b": Y}, {"pair": {"l": P, "r": P}, "b": P})) == 8 + 4


def test_gradients_go_to_every_output():
    v = kerasnp.Variable(np.array([[1.0]]))
    with kerasnp.Tape() as tape:
        loss = CompileLoss(["mse", "mae"], [1.0, 3.0])([np.zeros((1, 1))] * 2, [v * 2.0, v])
    np.testing.assert_allclose(tape.gradient(loss, v), [[8.0 + 3.0]])


def test_shapes_choose_the_crossentropy_of_each_output():
    y_pred = [np.array([[0.3]], "float32"), np.array([[0.2, 0.3, 0.5]], "float32")]
    y_true = [np.array([[1.0]]), np.array([2])]
    compiled = CompileLoss("crossentropy")
    expected = losses.BinaryCrossentropy()(y_true[0], y_pred[0]) + losses.SparseCategoricalCrossentropy()(y_true[1], y_pred[1])
    np.testing.assert_allclose(compiled(y_true, y_pred), expected)


@pytest.mark.parametrize(
    "arguments, labels, error, message",
    [
        (({"a": "mse", "c": "mse"},), A, KeyError, "path c in the `loss` argument, can't be found"),
        (({"a": {"b": "mse"}},), A, KeyError, "path a in the `loss` argument, can't be found.*which is one array there"),
        (([["mse"]],), A, KeyError, r"path \(\) in the `loss` .* is nested there: this loss is of one array"),
        (({"a": {"x": "mse"}},), {"a": {"x": Y}, "b": Y}, KeyError, "path a in the `loss`"),
        (("mse", [1.0, 2.0]), A, ValueError, "loss_weights must match the number of losses"),
        (({"a": "mse", "b": "mse"}, 2.0), A, ValueError, "loss_weights must match the number of losses"),
        (("mse",), Y, ValueError, "y_true and y_pred have different structures"),
        (("mse",), {"a": Y, "c": Y}, ValueError, r"y_true: \{'a': \*, 'c': \*\}; y_pred: \{'a': \*, 'b': \*\}"),
    ],
)
def test_what_does_not_fit_the_outputs_is_refused(arguments, labels, error, message):
    with pytest.raises(error, match=message):
        CompileLoss(*arguments)(labels, B)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="sample_weight must be one array, or one for each output"):
        CompileLoss("mse")(A, B, {"a": np.ones(2), "c": np.ones(2)})
    with pytest.raises(ValueError, match="loss_weights must be a number, or numbers nested as the losses are"):
        CompileLoss({"a": "mse", "b": "mse"}, {"a": 1.0, "b": True})
