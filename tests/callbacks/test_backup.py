"""BackupAndRestore: a broken run that is started again equals one that was never broken, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import kerasnp
from kerasnp.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
)
from kerasnp.saving.state import read_state, write_state

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 4)).astype("float32"), rng.integers(0, 3, 40)


class Cut(Callback):
    """Ends the process, as far as fit can tell, before a step or at the end of an epoch."""

    def __init__(self, epoch, step=None):
        self.epoch, self.step = epoch, step

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self.step == batch and self.epoch == self.now:
            raise SystemExit

    def on_epoch_end(self, epoch, logs=None):
        if self.step is None and epoch == self.epoch:
            raise SystemExit


def program(folder, cut=(), save_freq="epoch", data=None, optimizer=None, extra=(), log=None, **kwargs):
    """A whole training script; each call stands for a process of its own."""
    kerasnp.utils.set_random_seed(5)
    kerasnp.random.reset_global_generator()
    layers = kerasnp.layers
    inner = [layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.5)]
    model = kerasnp.Sequential([kerasnp.Input((4,)), *inner, layers.Dense(3, "softmax")])
    model.compile(optimizer or kerasnp.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks = [*extra, *cut]
    if folder:
        callbacks.insert(0, BackupAndRestore(folder, save_freq=save_freq))
    if log:
        callbacks.append(CSVLogger(log))
    x, y = (X, Y) if data is None else (data(), None)
    settings = {"epochs": 4, "verbose": 0, "validation_data": (X[:8], Y[:8]), **kwargs}
    if data is None:
        settings.setdefault("batch_size", 8)
    model.fit(x, y, callbacks=callbacks, **settings)
    return model


def broken(tmp_path, cut, **kwargs):
    """The same script, killed and started again until it ends."""
    folder = tmp_path / "backup"
    for c in cut:
        with pytest.raises(SystemExit):
            program(folder, [c], **kwargs)
    return program(folder, **kwargs)


def assert_same(a, b):
    assert a.history.epoch == b.history.epoch and a.history.history == b.history.history
    for u, v in zip([*a.variables, *a.optimizer.variables], [*b.variables, *b.optimizer.variables]):
        np.testing.assert_array_equal(u.numpy(), v.numpy())


@pytest.mark.parametrize(
    "save_freq, cut",
    [
        ("epoch", [Cut(2)]),
        ("epoch", [Cut(2, 3)]),
        ("epoch", [Cut(0, 2), Cut(1, 4), Cut(3)]),
        (1, [Cut(1, 3)]),
        (3, [Cut(0, 4), Cut(1, 2), Cut(3, 1)]),
        (5, [Cut(2, 0)]),
    ],
)
def test_a_broken_run_equals_an_unbroken_one(tmp_path, save_freq, cut):
    straight = program(None, log=tmp_path / "a.csv")
    resumed = broken(tmp_path, cut, save_freq=save_freq, log=tmp_path / "b.csv")
    assert_same(straight, resumed)
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


@pytest.mark.parametrize("cut", [[Cut(1, 1)], [Cut(0, 2), Cut(2, 0)]])
def test_steps_per_epoch_that_cross_passes(tmp_path, cut):
    straight = program(None, steps_per_epoch=3)
    assert_same(straight, broken(tmp_path, cut, save_freq=2, steps_per_epoch=3))


def test_a_generator_is_run_forward(tmp_path):
    def batches():
        i = 0
        while True:
            rows = np.arange(i, i + 8) % 40
            i += 5
            yield X[rows], Y[rows]

    straight = program(None, data=batches, steps_per_epoch=4)
    assert_same(straight, broken(tmp_path, [Cut(1, 2)], save_freq=3, data=batches, steps_per_epoch=4))


def test_what_other_callbacks_remember_is_resumed(tmp_path):
    def extra(place):
        place.mkdir()
        return [
            LearningRateScheduler(lambda epoch, lr: lr * 0.9),
            ReduceLROnPlateau("loss", patience=1, min_delta=0.2, factor=0.5),
            EarlyStopping("val_loss", patience=3, restore_best_weights=True, min_delta=9),
            ModelCheckpoint(place / "{epoch}.weights.h5", "loss", save_best_only=True, save_weights_only=True),
            ModelCheckpoint(place / "b{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=4),
        ]

    straight = program(None, extra=extra(tmp_path / "a"), epochs=6)
    folder = tmp_path / "backup"
    with pytest.raises(SystemExit):
        program(folder, [Cut(1, 3)], extra=extra(tmp_path / "b"), save_freq=1, epochs=6)
    resumed = program(folder, extra=[e for e in extra(tmp_path / "c")], save_freq=1, epochs=6)
    assert_same(straight, resumed)
    assert straight.history.epoch == [0, 1, 2, 3]  # the early stop came when it had to
    assert sorted(os.listdir(tmp_path / "a")) == sorted(os.listdir(tmp_path / "b") + os.listdir(tmp_path / "c"))


def test_averaged_weights_are_resumed(tmp_path):
    def settings():
        sgd = kerasnp.optimizers.SGD(0.1, momentum=0.9, use_ema=True)
        return {"optimizer": sgd, "extra": [SwapEMAWeights(swap_on_epoch=True)]}

    straight = program(None, **settings())
    with pytest.raises(SystemExit):
        program(tmp_path / "backup", [Cut(1, 3)], **settings())
    assert_same(straight, program(tmp_path / "backup", **settings()))


def test_a_run_that_had_stopped_early_does_not_go_on(tmp_path):
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    class CutAtEnd(Callback):
        def on_train_end(self, logs=None):
            raise SystemExit

    with pytest.raises(SystemExit):
        program(tmp_path / "backup", [Stop(), CutAtEnd()])
    assert program(tmp_path / "backup").history.epoch == [0, 1]


def test_a_model_with_its_own_train_step(tmp_path):
    class Own(kerasnp.Sequential):
        def train_step(self, data):
            return {"twice": 2 * super().train_step(data)["loss"]}

    def script(*callbacks):
        kerasnp.utils.set_random_seed(5)
        model = Own([kerasnp.Input((4,)), kerasnp.layers.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=list(callbacks))
        return model

    straight = script()
    with pytest.raises(SystemExit):
        script(BackupAndRestore(tmp_path / "b", save_freq=5), Cut(1, 0))
    resumed = script(BackupAndRestore(tmp_path / "b", save_freq=5))
    assert_same(straight, resumed)
    assert list(resumed.history.history) == ["twice"]


def test_the_folder_is_removed_at_the_end_unless_it_is_wanted(tmp_path):
    program(tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").write_text("not the callback's")
    program(tmp_path / "kept")
    assert os.listdir(tmp_path / "kept") == ["mine.txt"]
    model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(1)])
    model.compile("sgd", "mse")
    keep = BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    model.fit(X, Y, verbose=0, callbacks=[keep])
    assert os.listdir(tmp_path / "backup") == ["training.state"]


def test_resuming_is_announced(tmp_path, capsys):
    with pytest.raises(SystemExit):
        program(tmp_path / "b", [Cut(1, 2)], save_freq=1)
    program(tmp_path / "b", save_freq=1, verbose=2)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"Resuming at epoch 2, step 3 from {tmp_path / 'b' / 'training.state'}"
    assert [line.split(" - ")[:2] for line in out[1:]] == [[f"Epoch {i}/4", "5/5"] for i in (2, 3, 4)]


def test_another_model_is_refused_and_left_alone(tmp_path):
    with pytest.raises(SystemExit):
        program(tmp_path / "b", [Cut(1)])
    other = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(3)])
    other.compile("adam", "mse")
    before = other.get_weights()
    with pytest.raises(ValueError, match="The saved state belongs to another model: expected weights of shapes"):
        other.fit(X, np.ones((40, 3)), verbose=0, callbacks=[BackupAndRestore(tmp_path / "b")])
    assert all((a == b).all() for a, b in zip(before, other.get_weights()))


def test_a_damaged_file_is_named_and_its_double_is_used(tmp_path):
    def script(*callbacks):
        kerasnp.utils.set_random_seed(5)
        model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=4, verbose=0, callbacks=list(callbacks))
        return model

    straight = script()
    with pytest.raises(SystemExit):
        script(BackupAndRestore(tmp_path / "b", double_checkpoint=True), Cut(2, 0))
    path = tmp_path / "b" / "training.state"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged .* The state before it is used"):
        assert_same(straight, script(BackupAndRestore(tmp_path / "b", double_checkpoint=True)))
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ValueError, match="training.state is damaged .*; restore it from a copy, or delete it"):
        script(BackupAndRestore(tmp_path / "b"))


def test_a_full_disk_is_reported_and_the_state_before_stays(tmp_path, monkeypatch):
    real, calls = os.fsync, []

    def full(handle):
        calls.append(1)
        if len(calls) > 2:  # one for the file, one for the folder
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="BackupAndRestore could not write .*No space left.* the state saved before"):
        program(tmp_path / "b")
    monkeypatch.undo()
    assert os.listdir(tmp_path / "b") == ["training.state"]
    assert_same(program(None), program(tmp_path / "b"))


@pytest.mark.parametrize("kwargs", [{"backup_dir": ""}, {"backup_dir": "b", "save_freq": "batch"}])
def test_arguments(kwargs):
    with pytest.raises(ValueError, match="Empty `backup_dir`|Invalid value for argument `save_freq`"):
        BackupAndRestore(**kwargs)


def test_a_state_comes_back_as_it_was(tmp_path):
    state = {"a": 1, "b": [1.5, None, True, "x"], "c": {"w": np.ones((2, 3), "float16")}, "d": np.float32(0.1)}
    write_state(tmp_path / "s", {**state, "e": float("inf"), "f": 0.1})
    back = read_state(tmp_path / "s")
    assert back["a"] == 1 and back["b"] == state["b"] and back["d"] == state["d"] and back["f"] == 0.1
    assert back["e"] == float("inf")
    assert back["c"]["w"].dtype == np.float16 and (back["c"]["w"] == state["c"]["w"]).all()
    with pytest.raises(TypeError, match="A state consists of plain values and arrays. Received: <object"):
        write_state(tmp_path / "t", {"o": object()})
    assert os.listdir(tmp_path) == ["s"]


SCRIPT = """
    import sys
    import time

    import numpy as np
    import kerasnp

    folder, result = sys.argv[1:]
    kerasnp.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    layers = kerasnp.layers
    model = kerasnp.Sequential([kerasnp.Input((8,)), layers.Dense(32, "relu"), layers.Dropout(0.3), layers.Dense(1)])
    model.compile("adam", "mse")
    callbacks = [kerasnp.callbacks.BackupAndRestore(folder, save_freq=3)] if folder != "-" else []
    # So slow that a fast machine, too, is killed in the middle: 192 steps last half a second.
    callbacks.append(kerasnp.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.002)))
    model.fit(x, x[:, :1], batch_size=4, epochs=12, verbose=0, callbacks=callbacks)
    np.savez(result, *model.get_weights(), loss=model.history.history["loss"])
"""


def test_sigkill_at_random_moments_loses_nothing(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "KERASNP_NUM_THREADS": "1"}

    def start(folder, result):
        return subprocess.Popen([sys.executable, script, folder, result], env=environment)

    assert start("-", tmp_path / "straight.npz").wait(60) == 0
    chance, kills = random.Random(0), 0
    for _ in range(40):
        process = start(tmp_path / "backup", tmp_path / "resumed.npz")
        try:
            # Most kills are to hit the moment when states are written, one every few milliseconds.
            waited = 0.0
            while not (tmp_path / "backup").exists() and process.poll() is None and waited < 30:
                process_wait(process, 0.01)
                waited += 0.01
            process_wait(process, chance.uniform(0.0, 0.15) if kills < 4 else 60)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
    assert kills >= 2
    straight, resumed = np.load(tmp_path / "straight.npz"), np.load(tmp_path / "resumed.npz")
    assert all((straight[name] == resumed[name]).all() for name in straight.files)


def process_wait(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def test_a_fit_inside_a_fit_leaves_the_outer_run_alone(tmp_path):
    class Inner(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.fit(X[:8], Y[:8], verbose=0)

    assert_same(program(None, extra=[Inner()]), program(tmp_path / "b", extra=[Inner()]))


def test_the_state_exists_only_while_fit_runs():
    model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="describes a run of fit"):
        model.training_state()
