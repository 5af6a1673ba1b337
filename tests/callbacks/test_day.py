"""A day in the life: train on a terminal, Ctrl-C, resume, stop early, evaluate, predict; a long run without leaks."""

import os
import re
import signal
import struct
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import kerasnp

SCRIPT = """
    import importlib.util
    import sys
    import time
    import numpy as np
    import kerasnp
    from kerasnp import callbacks

    folder, pause = sys.argv[1], float(sys.argv[2])
    kerasnp.utils.set_random_seed(4)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int32")
    x_val = rng.normal(size=(64, 4)).astype("float32")
    y_val = (x_val.sum(axis=1) > 0).astype("int32")
    layers = kerasnp.layers
    model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(2)])
    loss = kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    steps = []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append([w.copy() for w in model.get_weights()])
            time.sleep(pause)

    stopping = callbacks.EarlyStopping("val_acc", patience=2, min_delta=1.0, verbose=1)
    backup = callbacks.BackupAndRestore(folder, save_freq=1)
    data = {"batch_size": 16, "epochs": 6, "validation_data": (x_val, y_val)}
    try:
        model.fit(x, y, callbacks=[Watch(), stopping, backup], **data)
    except KeyboardInterrupt as error:
        assert all((a == b).all() for a, b in zip(steps[-1], model.get_weights()))
        assert model.history.epoch == list(range(len(model.history.history["loss"])))
        print(error)
        sys.exit(3)
    value = model.evaluate(x_val, y_val, batch_size=16, return_dict=True)
    assert model.predict(x).shape == (64, 2)
    assert value["loss"] == model.history.history["val_loss"][-1]
    if importlib.util.find_spec("matplotlib"):
        kerasnp.viz.plot_history(model.history, path=folder + ".png")
    print("history", model.history.history)
"""


def test_train_interrupt_resume_stop_evaluate_predict_on_a_terminal(tmp_path):
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    script = tmp_path / "day.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}

    def run(folder, pause, interrupt=False):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        command = [sys.executable, script, tmp_path / folder, str(pause)]
        process = subprocess.Popen(command, stdout=slave, stderr=slave, env=environment, start_new_session=True)
        os.close(slave)
        text = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
            if interrupt and b"Epoch 2/6:" in text:
                interrupt = False
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
        os.close(master)
        return text.decode().replace("\r\n", "\n"), process.wait()

    straight, code = run("straight", 0)
    assert code == 0 and "Epoch 3: early stopping\n" in straight
    broken, code = run("backup", 0.1, interrupt=True)
    assert code == 3
    assert re.search(r"Epoch 2/6 - [1-4]/4 - .* - interrupted\n", broken)
    assert re.search(r"fit was interrupted after step [1-4] of epoch 2; the weights are those after that step", broken)
    assert "Traceback" not in broken
    resumed, code = run("backup", 0)
    assert code == 0
    assert re.search(r"Resuming at epoch 2, step [2-5] from ", resumed)
    assert resumed.splitlines()[-1] == straight.splitlines()[-1] and "'val_loss'" in straight.splitlines()[-1]


def test_the_same_day_in_a_plain_file(tmp_path):
    script = tmp_path / "day.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def run(folder, pause, interrupt=False):
        out = tmp_path / f"{folder} {interrupt}.txt"
        with open(out, "wb") as file:
            command = [sys.executable, "-u", script, tmp_path / folder, str(pause)]
            process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
            while interrupt and b"Epoch 1/6" not in out.read_bytes() and process.poll() is None:
                time.sleep(0.02)
            if interrupt:
                process.send_signal(signal.SIGINT)
            code = process.wait()
        assert not re.search(rb"[\r\b\x1b]", out.read_bytes())
        return out.read_text().splitlines(), code

    straight, code = run("straight", 0)
    assert code == 0
    assert [line.split(" - ")[0] for line in straight[:4]] == ["Epoch 1/6", "Epoch 2/6", "Epoch 3/6", "Epoch 3: early stopping"]
    broken, code = run("backup", 0.1, interrupt=True)
    assert code == 3 and broken[-1].startswith("fit was interrupted after step")
    resumed, code = run("backup", 0)
    assert code == 0 and any(line.startswith("Resuming at epoch") for line in resumed)
    assert resumed[-1] == straight[-1]


def test_a_long_run_grows_neither_memory_nor_threads_nor_open_files(tmp_path):
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("memory is read from /proc")
    x, y = np.ones((64, 4), "float32"), np.ones((64, 1), "float32")
    model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(1)])
    model.compile("sgd", "mse")

    def work(epochs, calls):
        logger = kerasnp.callbacks.CSVLogger(tmp_path / "log.csv")
        model.fit(x, y, batch_size=1, epochs=epochs, verbose=2, callbacks=[logger])
        for _ in range(calls):
            model.predict(x, verbose=1)

    def used():
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE"), threading.active_count(), len(os.listdir("/proc/self/fd"))

    work(10, 200)
    memory, threads, files = used()
    work(40, 600)
    after = used()
    assert after[0] - memory < 1 << 20 and after[1:] == (threads, files)
