"""Looking at a model leaves no trace."""

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.models import probe


def test_gradients_are_those_of_training_and_nothing_moves():
    model = kerasnp.Sequential(
        [kerasnp.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)]
    )
    model.compile(kerasnp.optimizers.SGD(1.0), "mse")
    x, y = np.random.default_rng(0).random((6, 3)), np.ones((6, 1))
    before = [v.numpy() for v in model.variables]
    loss, pairs = probe.gradients(model, x, y)
    again, _ = probe.gradients(model, x, y)
    for a, v in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(a, v.value)
    assert loss == again
    weights = {id(w): w.numpy() for w, _ in pairs}
    assert model.train_on_batch(x, y) == pytest.approx(loss, rel=1e-6)
    for w, g in pairs:
        np.testing.assert_allclose(weights[id(w)] - w.value, g, atol=1e-6)


def test_a_layer_that_changes_its_own_kernel_is_put_back():
    model = kerasnp.Sequential([kerasnp.Input((3,)), layers.SpectralNormalization(layers.Dense(4))])
    model.compile("sgd", "mse")
    before = [v.numpy() for v in model.variables]
    probe.gradients(model, np.ones((2, 3)), np.ones((2, 4)))
    for a, v in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(a, v.value)


def test_added_losses_do_not_pile_up():
    model = kerasnp.Sequential([kerasnp.Input((3,)), layers.Dense(2, activity_regularizer="l2")])
    model.compile("sgd", "mse")
    x, y = np.ones((2, 3)), np.ones((2, 2))
    assert probe.loss_of(model, x, y) == probe.loss_of(model, x, y) == pytest.approx(model.evaluate(x, y, verbose=0))
    with pytest.raises(ValueError, match="call compile"):
        probe.gradients(kerasnp.Sequential([layers.Dense(1)]), x, y)
