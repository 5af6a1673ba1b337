"""EarlyStopping and TerminateOnNaN."""

import warnings

import numpy as np
import pytest

import kerasnp
from kerasnp.callbacks import Callback, EarlyStopping, LambdaCallback, TerminateOnNaN

X, Y = np.linspace(-1, 1, 16, dtype="float32").reshape(8, 2), np.ones((8, 1), "float32")


class Scripted(Callback):
    """Gives each epoch a number and the model a weight that tells the epoch."""

    def __init__(self, values, name="score"):
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]
        self.model.layers[0].bias.assign([float(epoch)])


def compiled(**kwargs):
    model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1, name="out")])
    model.compile(**{"optimizer": kerasnp.optimizers.SGD(0.0), "loss": "mse", **kwargs})
    return model


def run(values, epochs=None, **kwargs):
    model = compiled()
    stopping = EarlyStopping(**{"monitor": "score", "mode": "min", **kwargs})
    history = model.fit(X, Y, epochs=epochs or len(values), verbose=0, callbacks=[Scripted(values), stopping])
    return len(history.epoch), stopping, float(model.layers[0].bias.numpy()[0])


# The expected numbers come from running the same scripts with Keras 3.
@pytest.mark.parametrize(
    "values, kwargs, epochs, best, stopped",
    [
        ([3, 2, 1, 2, 2, 2], {"patience": 2}, 5, 1, 4),
        ([3, 2, 1, 2, 2, 2], {"patience": 0}, 4, 1, 3),
        ([3, 2, 1, 2, 0, 2], {"patience": 3}, 6, 0, 0),
        ([1, 2, 3, 2, 2, 2], {"patience": 2, "mode": "max"}, 5, 3, 4),
        ([3, 2.95, 2.85, 2.8, 2.8], {"patience": 2, "min_delta": 0.1}, 5, 2.85, 4),
        ([3, 2.95, 2.9, 2.8, 2.8], {"patience": 1, "min_delta": 0.5}, 2, 3, 1),
        ([3, 2, 1, 1, 1, 1], {"patience": 2, "baseline": 0.5}, 4, 1, 3),
        ([3, 2, 0.4, 0.3, 1, 1], {"patience": 3, "baseline": 0.5}, 6, 0.3, 0),
        ([0, 5, 4, 4, 4, 4], {"patience": 2, "start_from_epoch": 1}, 5, 4, 4),
    ],
)
def test_it_stops_where_keras_stops(values, kwargs, epochs, best, stopped):
    ran, stopping, _ = run(values, **kwargs)
    assert (ran, stopping.best, stopping.stopped_epoch) == (epochs, best, stopped)


def test_the_best_weights_come_back_after_an_early_stop():
    ran, stopping, bias = run([3, 1, 2, 2, 0], patience=2, restore_best_weights=True)
    assert ran == 4 and stopping.best_epoch == 1 and bias == 1.0


def test_the_best_weights_come_back_when_the_last_epoch_was_reached():
    ran, stopping, bias = run([3, 1, 2, 2, 2], patience=10, restore_best_weights=True)
    assert ran == 5 and stopping.stopped_epoch == 0 and bias == 1.0


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_the_best_weights_come_back_when_training_is_interrupted(reason):
    def cut(epoch, logs):
        if epoch == 3:
            raise reason

    model = compiled()
    stopping = EarlyStopping("score", mode="min", patience=9, restore_best_weights=True)
    with pytest.raises(reason):
        callbacks = [Scripted([3, 1, 2, 2]), stopping, LambdaCallback(on_epoch_end=cut)]
        model.fit(X, Y, epochs=9, verbose=0, callbacks=callbacks)
    assert float(model.layers[0].bias.numpy()[0]) == 1.0
    assert model.history.epoch == [0, 1, 2]


def test_without_restoring_the_last_weights_stay():
    assert run([3, 1, 2, 2, 0], patience=2)[2] == 3.0


def test_a_nan_is_never_the_best():
    nan = float("nan")
    ran, stopping, bias = run([nan, 2, nan, 1, nan, nan], patience=2, restore_best_weights=True)
    assert ran == 6 and stopping.best == 1 and bias == 3.0


def test_it_can_be_used_again():
    stopping = EarlyStopping("loss", patience=1)
    for _ in range(2):
        history = compiled().fit(X, Y, epochs=5, shuffle=False, verbose=0, callbacks=[stopping])
        assert history.epoch == [0, 1]


def test_verbose_says_what_happened(capsys):
    run([3, 1, 2, 2, 0], patience=2, restore_best_weights=True, verbose=1)
    assert capsys.readouterr().out == (
        "Epoch 4: early stopping\nThe weights are again those of the best epoch: 2.\n"
    )


def test_a_name_that_will_never_come_is_refused_before_the_first_epoch():
    model = compiled(metrics=["mae"])
    before = model.get_weights()[0].copy()
    with pytest.raises(ValueError, match="EarlyStopping: monitor must be one of 'loss', 'mae'. Received: .*'los'"):
        model.fit(X, Y, verbose=0, callbacks=[EarlyStopping("los")])
    assert model.history.epoch == [] and (model.get_weights()[0] == before).all()


def test_val_loss_without_validation_data_says_what_is_missing():
    with pytest.raises(ValueError, match="There is no validation: pass validation_data or validation_split"):
        compiled().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])


def test_a_name_that_a_callback_may_add_is_refused_after_the_first_epoch():
    model = compiled()
    with pytest.raises(ValueError, match="monitor must be one of 'loss', 'score'. Received: monitor='scores'"):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[Scripted([1, 2, 3]), EarlyStopping("scores", mode="min")])


def test_acc_means_accuracy_and_the_reverse():
    y = np.array([0, 1] * 4)
    for name, monitor in (("accuracy", "val_acc"), ("acc", "val_accuracy")):
        model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(2, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[name])
        stopping = EarlyStopping(monitor, patience=9)
        history = model.fit(X, y, epochs=2, verbose=0, validation_data=(X, y), callbacks=[stopping])
        assert stopping.best == max(history.history[f"val_{name}"])


def test_epochs_without_validation_do_not_count():
    model = compiled()
    stopping = EarlyStopping("val_loss", patience=1)
    data = {"validation_data": (X, Y), "validation_freq": 2}
    history = model.fit(X, Y, epochs=9, verbose=0, callbacks=[stopping], **data)
    assert history.epoch == [0, 1, 2, 3]


def test_auto_mode_follows_the_metric():
    model = compiled(metrics=["mae", kerasnp.metrics.BinaryAccuracy(name="hits")])
    for monitor, growing in (("mae", False), ("loss", False), ("hits", True)):
        stopping = EarlyStopping(monitor)
        model.fit(X, Y, verbose=0, callbacks=[stopping])
        assert stopping._growing is growing


def test_auto_mode_asks_where_the_name_does_not_tell():
    with pytest.raises(ValueError, match="EarlyStopping: mode must be 'max' or 'min' for monitor='score'"):
        compiled().fit(X, Y, verbose=0, callbacks=[Scripted([1]), EarlyStopping("score")])


def test_an_unknown_mode_falls_back_with_a_warning():
    with pytest.warns(UserWarning, match="EarlyStopping mode 'smallest' is unknown"):
        assert EarlyStopping("loss", mode="smallest").mode == "auto"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EarlyStopping("loss", mode="max")


# -- TerminateOnNaN ---------------------------------------------------------------------------------------------------


def stopped_by_nan(x, y, model=None, **kwargs):
    model = model or compiled(optimizer="sgd")
    history = model.fit(x, y, batch_size=2, epochs=3, shuffle=False, verbose=0, callbacks=[TerminateOnNaN()], **kwargs)
    return model, history


def test_a_nan_stops_training_at_its_batch_before_it_reaches_the_weights(capsys):
    x = X.copy()
    x[5] = np.nan
    model, history = stopped_by_nan(x, Y)
    assert history.epoch == [0] and np.isnan(history.history["loss"][0])
    assert all(np.isfinite(w).all() for w in model.get_weights())
    out = capsys.readouterr().out
    assert out == "Batch 2: invalid loss (nan), terminating training: the inputs x hold values that are not finite.\n"


def test_the_labels_are_named(capsys):
    y = Y.copy()
    y[0] = np.inf
    stopped_by_nan(X, y)
    assert "Batch 0: invalid loss (inf), terminating training: the labels y hold" in capsys.readouterr().out


def test_the_layer_is_named(capsys):
    layers = kerasnp.layers
    burst = layers.Lambda(lambda x: kerasnp.ops.exp(x * 1e4), name="burst")
    model = kerasnp.Sequential([kerasnp.Input((2,)), layers.Dense(2, name="in"), burst, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].kernel.assign(np.ones((2, 2)))
    with np.errstate(over="ignore", invalid="ignore"):
        stopped_by_nan(np.ones((2, 2)), np.ones((2, 1)), model)
    assert 'layer "burst" is the first to put out values that are not finite' in capsys.readouterr().out


def test_broken_weights_are_named(capsys):
    model = compiled()
    model.layers[0].bias.assign([np.nan])
    stopped_by_nan(X, Y, model)
    assert 'weights of layer "out" are not finite' in capsys.readouterr().out


def test_it_raises_on_request_and_other_callbacks_do_not_end():
    ended = []
    x = np.full((2, 2), np.nan, "float32")
    callbacks = [TerminateOnNaN(raise_error=True), LambdaCallback(on_train_end=lambda logs: ended.append(1))]
    model = compiled()
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 0"):
        model.fit(x, Y[:2], verbose=0, callbacks=callbacks)
    assert not ended and model._loss_guard is None


def test_a_model_with_its_own_step_is_stopped_by_its_logs(capsys):
    class Own(kerasnp.Sequential):
        def train_step(self, data):
            return {"loss": float("nan") if self.optimizer.iterations else 0.0}

    model = Own([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.iterations.assign(1)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[TerminateOnNaN()])
    assert history.epoch == [0] and capsys.readouterr().out == "Batch 0: invalid loss (nan), terminating training.\n"


def test_good_losses_change_nothing():
    plain, watched = compiled(optimizer="adam"), compiled(optimizer="adam")
    watched.set_weights(plain.get_weights())
    for model, callbacks in ((plain, []), (watched, [TerminateOnNaN()])):
        model.fit(X, Y, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    assert all((a == b).all() for a, b in zip(plain.get_weights(), watched.get_weights()))


def test_the_direction_of_a_watched_number_is_told():
    from kerasnp import ops

    assert EarlyStopping("x", mode="max").monitor_op is ops.greater
    stopping = EarlyStopping("loss")
    assert stopping.monitor_op is None
    model = kerasnp.Sequential([kerasnp.Input((1,)), kerasnp.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit([[1.0]], [[1.0]], verbose=0, callbacks=[stopping])
    assert stopping.monitor_op is ops.less
