"""LearningRateScheduler and ReduceLROnPlateau."""

import numpy as np
import pytest

import kerasnp
from kerasnp.callbacks import Callback, LearningRateScheduler, ReduceLROnPlateau

X, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def compiled(rate=0.5):
    model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
    model.compile(kerasnp.optimizers.SGD(rate), "mse")
    return model


def test_a_schedule_of_epoch_and_rate():
    schedule = LearningRateScheduler(lambda epoch, lr: lr * 0.5 if epoch > 1 else lr)
    history = compiled().fit(X, Y, epochs=4, verbose=0, callbacks=[schedule])
    assert history.history["learning_rate"] == [0.5, 0.5, 0.25, 0.125]


def test_a_schedule_of_the_epoch_alone():
    schedule = LearningRateScheduler(lambda epoch: 1 / (1 + epoch))
    history = compiled().fit(X, Y, epochs=3, verbose=0, callbacks=[schedule])
    np.testing.assert_allclose(history.history["learning_rate"], [1, 1 / 2, 1 / 3], rtol=1e-6)


def test_a_type_error_inside_a_schedule_is_not_taken_for_its_signature():
    def broken(epoch, lr):
        return len(epoch)

    with pytest.raises(TypeError, match="len"):
        compiled().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(broken)])


def test_a_schedule_made_with_ops():
    history = compiled().fit(
        X, Y, epochs=2, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, lr: lr * kerasnp.ops.exp(-0.1))]
    )
    np.testing.assert_allclose(history.history["learning_rate"], [0.5 * np.exp(-0.1), 0.5 * np.exp(-0.2)], rtol=1e-6)


@pytest.mark.parametrize("value", ["0.1", None, float("nan"), -0.1, [0.1, 0.2], True])
def test_a_schedule_must_return_a_rate(value):
    with pytest.raises(ValueError, match="the schedule must return a float, finite and not negative. Received: "):
        compiled().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, lr: value)])


def test_the_scheduler_speaks_on_request(capsys):
    compiled().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.25, verbose=1)])
    assert capsys.readouterr().out == "Epoch 1: LearningRateScheduler setting learning rate to 0.25.\n"


def test_a_schedule_that_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"schedule must be a function \(epoch, lr\). Received: 0.1"):
        LearningRateScheduler(0.1)


class Scripted(Callback):
    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.values[epoch]


def rates(values, **kwargs):
    plateau = ReduceLROnPlateau(**{"monitor": "score", "mode": "min", "factor": 0.5, "min_delta": 0, **kwargs})
    model = compiled(1.0)
    history = model.fit(X, Y, epochs=len(values), verbose=0, callbacks=[Scripted(values), plateau])
    return [*history.history["learning_rate"], float(model.optimizer.learning_rate)]


# The expected numbers come from running the same scripts with Keras 3.
@pytest.mark.parametrize(
    "values, kwargs, expected",
    [
        ([3, 2, 2, 2, 2, 2], {"patience": 2}, [1, 1, 1, 1, 0.5, 0.5, 0.25]),
        ([3, 2, 2, 1, 1, 1], {"patience": 2}, [1, 1, 1, 1, 1, 1, 0.5]),
        ([1, 2, 2, 2], {"patience": 1, "mode": "max"}, [1, 1, 1, 0.5, 0.25]),
        ([1, 1, 1, 1, 1, 1], {"patience": 1, "cooldown": 2}, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ([1, 1, 1, 1, 1], {"patience": 1, "min_lr": 0.3}, [1, 1, 0.5, 0.3, 0.3, 0.3]),
        ([3, 2.9, 2.8, 2.7], {"patience": 1, "min_delta": 0.15}, [1, 1, 0.5, 0.5, 0.25]),
    ],
)
def test_it_reduces_where_keras_reduces(values, kwargs, expected):
    np.testing.assert_allclose(rates(values, **kwargs), expected, rtol=1e-6)


def test_the_least_rate_is_recognised_in_float32(capsys):
    rates([1] * 8, patience=1, min_lr=1e-3, factor=1e-3, verbose=1)
    assert capsys.readouterr().out == "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.001.\n"


def test_a_factor_of_one_or_more_is_refused():
    with pytest.raises(ValueError, match="ReduceLROnPlateau: factor must be below 1. Received: factor=1.0"):
        ReduceLROnPlateau(factor=1.0)
    with pytest.raises(TypeError, match="unknown arguments"):
        ReduceLROnPlateau(epsilon=1e-4)


def test_the_learning_rate_can_be_monitored_and_unknown_names_cannot():
    model = compiled()
    schedule = LearningRateScheduler(lambda epoch: 0.1)
    model.fit(X, Y, verbose=0, callbacks=[schedule, ReduceLROnPlateau("learning_rate", mode="min")])
    with pytest.raises(ValueError, match="must be one of 'learning_rate', 'loss'"):
        model.fit(X, Y, verbose=0, callbacks=[ReduceLROnPlateau("val_loss")])
