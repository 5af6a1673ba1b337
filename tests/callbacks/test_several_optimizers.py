"""Callbacks that touch the learning rate or the averages, for a model with a MultiOptimizer."""

import numpy as np
import pytest

import kerasnp
from kerasnp import callbacks
from kerasnp.optimizers import SGD, MultiOptimizer, OptimizerMap
from kerasnp.warnings import _learning_rate

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = X.sum(1, keepdims=True)


def model(**options):
    optimizer = MultiOptimizer(OptimizerMap(SGD(0.01, name="slow"), {".*one/.*": SGD(0.125, name="quick", **options)}))
    net = kerasnp.Sequential(
        [kerasnp.Input((3,)), kerasnp.layers.Dense(4, name="one"), kerasnp.layers.Dense(1, name="two")]
    )
    net.compile(optimizer, "mse")
    return net


def test_the_scheduler_sets_each_rate_from_its_own(capsys):
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    logs = model().fit(X, Y, epochs=2, verbose=0, callbacks=[halve]).history
    np.testing.assert_allclose(logs["learning_rate_quick"], [0.0625, 0.03125])
    np.testing.assert_allclose(logs["learning_rate_slow"], [0.005, 0.0025])
    assert "learning_rate" not in logs
    assert "Epoch 2: LearningRateScheduler setting quick learning rate to 0.03125." in capsys.readouterr().out


def test_a_plateau_reduces_every_rate_above_the_least():
    plateau = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9, min_lr=0.01)
    logs = model().fit(X, Y, epochs=4, verbose=0, callbacks=[plateau]).history
    np.testing.assert_allclose(logs["learning_rate_quick"], [0.125, 0.125, 0.0625, 0.03125])
    np.testing.assert_allclose(logs["learning_rate_slow"], [0.01] * 4)


def test_only_averaged_weights_are_swapped():
    net = model(use_ema=True, ema_momentum=0.5)
    net.fit(X, Y, epochs=1, verbose=0)
    one, two = net.layers
    averages = [a.numpy() for a in net.optimizer.optimizers[0]._slots["average"]]
    for weight in net.weights:
        weight.assign(weight.numpy() + 1)
    before = net.get_weights()
    swap = callbacks.SwapEMAWeights()
    swap.set_model(net)
    swap.on_test_begin()
    np.testing.assert_array_equal(one.kernel.numpy(), averages[0])
    assert not np.array_equal(one.kernel.numpy(), before[0])
    np.testing.assert_array_equal(two.kernel.numpy(), before[2])
    swap.on_test_end()
    for found, expected in zip(net.get_weights(), before):
        np.testing.assert_array_equal(found, expected)
    net.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch=True)])
    with pytest.raises(ValueError, match="use_ema=True"):
        model().fit(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


def test_tensorboard_writes_each_rate(tmp_path):
    model().fit(X, Y, epochs=1, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path)])
    written = b"".join(f.read_bytes() for f in (tmp_path / "train").iterdir())
    assert b"epoch_learning_rate_quick" in written and b"epoch_learning_rate_slow" in written


def test_warnings_speak_of_the_highest_rate():
    assert _learning_rate(model().optimizer) == 0.125
