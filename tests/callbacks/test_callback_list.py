"""Callback and CallbackList: order, logs, which hooks are worth calling, what is refused."""

import numpy as np
import pytest

import kerasnp
from kerasnp.callbacks import Callback, CallbackList, History, LambdaCallback, ModelCheckpoint, ProgbarLogger


class Recorder(Callback):
    def __init__(self):
        self.events = []

    def on_train_begin(self, logs=None):
        self.events.append("train begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(f"epoch begin {epoch}")

    def on_train_batch_begin(self, batch, logs=None):
        self.events.append(f"batch begin {batch}")

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(f"batch end {batch} {sorted(logs)}")

    def on_test_begin(self, logs=None):
        self.events.append("test begin")

    def on_test_batch_end(self, batch, logs=None):
        self.events.append(f"test batch end {batch}")

    def on_test_end(self, logs=None):
        self.events.append(f"test end {sorted(logs)}")

    def on_predict_batch_end(self, batch, logs=None):
        self.events.append(f"predict batch end {batch} {logs['outputs'].shape}")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(f"epoch end {epoch} {list(logs)}")

    def on_train_end(self, logs=None):
        self.events.append(f"train end {list(logs)}")


def compiled(units=1, **kwargs):
    model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(units)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **kwargs})
    return model


X, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def test_a_fit_calls_every_hook_in_order_with_sorted_logs():
    recorder = Recorder()
    model = compiled()
    model.fit(X, Y, batch_size=2, verbose=0, validation_data=(X, Y), callbacks=[recorder])
    names = ["loss", "mae"]
    assert recorder.events == [
        "train begin", "epoch begin 0",
        "batch begin 0", f"batch end 0 {names}", "batch begin 1", f"batch end 1 {names}",
        "test begin", "test batch end 0", "test batch end 1", f"test end {names}",
        "epoch end 0 ['loss', 'mae', 'val_loss', 'val_mae']", "train end ['loss', 'mae', 'val_loss', 'val_mae']",
    ]  # fmt: skip
    recorder.events.clear()
    model.predict(X, batch_size=3, verbose=0, callbacks=[recorder])
    assert recorder.events == ["predict batch end 0 (3, 1)", "predict batch end 1 (1, 1)"]


def test_logs_are_python_numbers_and_shared_by_the_callbacks_of_an_epoch():
    seen = []
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=7.0))
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    history = compiled().fit(X, Y, verbose=0, callbacks=[add, look])
    assert seen[0]["extra"] == 7.0 and type(seen[0]["loss"]) is float
    assert history.history["extra"] == [7.0]


def test_hooks_for_batches_are_wanted_only_where_somebody_overrides_one(tmp_path):
    quiet = CallbackList([History(), ModelCheckpoint(tmp_path / "m.keras")], add_progbar=True)
    assert not (quiet.wants_train_batch or quiet.wants_test_batch or quiet.wants_predict_batch)
    assert CallbackList([ModelCheckpoint(tmp_path / "m.keras", save_freq=3)]).wants_train_batch
    assert CallbackList([LambdaCallback(on_train_batch_end=lambda batch, logs: None)]).wants_train_batch
    assert CallbackList([LambdaCallback(on_test_batch_begin=lambda batch, logs: None)]).wants_test_batch

    class Old(Callback):
        def on_batch_end(self, batch, logs=None):
            self.last = batch

    old = Old()
    hooks = CallbackList([old])
    assert hooks.wants_train_batch and not hooks.wants_test_batch
    hooks.on_train_batch_end(5)
    assert old.last == 5


def test_a_history_and_a_bar_are_added_once():
    own, bar = History(), ProgbarLogger()
    assert CallbackList([own, bar], add_history=True, add_progbar=True).callbacks == [own, bar]
    kinds = [type(c) for c in CallbackList(own, add_history=True, add_progbar=True).callbacks]
    assert kinds == [History, ProgbarLogger]


def test_nested_lists_and_a_lone_callback_are_taken():
    first, second = Recorder(), Recorder()
    assert CallbackList([[first], (second,)]).callbacks == [first, second]
    assert CallbackList(first).callbacks == [first]
    assert CallbackList(None).callbacks == []


@pytest.mark.parametrize("wrong", [History, "history", lambda epoch: None])
def test_what_is_no_callback_is_named(wrong):
    with pytest.raises(TypeError, match="callbacks must be instances of kerasnp.callbacks.Callback.*Received: "):
        compiled().fit(X, Y, verbose=0, callbacks=[wrong])


def test_a_forgotten_pair_of_parentheses_is_pointed_out():
    with pytest.raises(TypeError, match=r"write History\(\.\.\.\)"):
        CallbackList([History])


def test_fit_returns_the_history_and_keeps_it():
    model = compiled()
    history = model.fit(X, Y, epochs=3, verbose=0)
    assert model.history is history and history.epoch == [0, 1, 2] and history.model is model
    assert list(history.history) == ["loss", "mae"]
    assert history.params["epochs"] == 3 and history.params["steps"] == 1


def test_history_of_validation_every_other_epoch():
    history = compiled().fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=2)
    assert len(history.history["loss"]) == 4 and len(history.history["val_loss"]) == 2


def test_a_callback_list_of_ones_own_is_used_as_in_a_custom_loop(capsys):
    hooks = CallbackList([], add_history=True, add_progbar=True, model=compiled(), epochs=1, steps=2, verbose=1)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    for step in range(2):
        hooks.on_train_batch_begin(step)
        hooks.on_train_batch_end(step, {"loss": np.float32(0.5)})
    hooks.on_epoch_end(0, {"loss": np.float32(0.5)})
    hooks.on_train_end()
    assert hooks.model.history.history == {"loss": [0.5]}
    line = capsys.readouterr().out
    assert line.startswith("Epoch 1/1 - 2/2 - ") and line.endswith(" - loss: 0.5000\n")


def test_on_train_interrupt_replaces_on_train_end_where_an_error_ends_fit():
    events = []
    watch = LambdaCallback(
        on_train_interrupt=lambda logs: events.append("interrupt"),
        on_train_end=lambda logs: events.append("end"),
        on_epoch_end=lambda epoch, logs: 1 / 0,
    )
    with pytest.raises(ZeroDivisionError):
        compiled().fit(X, Y, verbose=0, callbacks=[watch])
    assert events == ["interrupt"]


def test_lambda_callback_refuses_a_name_that_is_no_hook():
    with pytest.raises(ValueError, match="LambdaCallback: the hooks are .*on_epoch_end.*Received: on_epoch_ends"):
        LambdaCallback(on_epoch_ends=print)
