"""A full disk, or a folder that may not be written: an error that names the file, and nothing that was there is lost."""

import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap

import numpy as np
import pytest

import kerasnp
from kerasnp import layers

SCRIPT = """
    import encodings.cp437, html, os, resource, sys
    import h5py
    import numpy as np
    import kerasnp
    from kerasnp import callbacks, layers
    from kerasnp.callbacks import *  # now, since the other user may not read Python's own modules

    trouble, folder = sys.argv[1:]
    path = lambda name: os.path.join(folder, name)

    def model():
        m = kerasnp.Sequential([kerasnp.Input((200,)), layers.Dense(300), layers.Dense(1)])
        m.compile("adam", "mse")
        return m

    x = np.random.default_rng(0).normal(size=(64, 200)).astype("float32")
    first = model()
    kept = callbacks.BackupAndRestore(path("backup"), delete_checkpoint=False)
    first.fit(x, x[:, :1], verbose=0, callbacks=[kept, callbacks.ModelCheckpoint(path("checkpoint.keras"))])
    savers = {
        "model.keras": first.save,
        "model.h5": first.save,
        "model.weights.h5": first.save_weights,
    }
    for name, save in savers.items():
        save(path(name))

    def content():
        files = [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names]
        return {name: open(name, "rb").read() for name in files}

    first.summary(print_fn=lambda *text, **more: None)  # imports what the other user may not read
    before = content()
    if trouble == "full":  # a file may have 20,000 bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    elif os.getuid() == 0:
        os.seteuid(65534)

    def attempt(name, work):
        try:
            work()
            print(name, "done")
        except OSError as error:
            print(name, type(error).__name__, error)

    for name, save in savers.items():
        attempt(name, lambda: save(path(name)))
    attempt("new", lambda: first.save(path("new.keras")))
    makers = {
        "ModelCheckpoint": lambda: callbacks.ModelCheckpoint(path("checkpoint.keras")),
        "BackupAndRestore": lambda: callbacks.BackupAndRestore(path("backup")),
        "CSVLogger": lambda: callbacks.CSVLogger("/dev/full" if trouble == "full" else path("log.csv")),
        "TensorBoard": lambda: callbacks.TensorBoard(path("board"), histogram_freq=1, write_images=True),
    }
    for name, make in makers.items():
        m = model()
        weights = []
        end = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: weights.__setitem__(slice(None), m.get_weights()))
        attempt(name, lambda: m.fit(x, x[:, :1], verbose=0, epochs=2, callbacks=[end, make()]))
        assert not weights or all((a == b).all() for a, b in zip(weights, m.get_weights())), name
    if trouble != "full" and os.getuid() == 0:
        os.seteuid(0)
    after = content()
    print("lost", [name for name in before if after.get(name) != before[name]])
    print("left", [os.path.basename(name) for name in after if name not in before and "events" not in name])
"""


def run(trouble, folder):
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    (folder / "files").mkdir()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, script, trouble, folder / "files"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.mark.skipif(sys.platform != "linux", reason="the disk is filled by a limit of the system")
def test_a_full_disk(tmp_path):
    told = run("full", tmp_path)
    for name in ("model.keras", "model.h5", "model.weights.h5"):
        assert told[name].startswith("OSError [Errno 27] Cannot write ") and name in told[name]
        assert "File too large); the file that was there is whole" in told[name]
    assert "no part of it was left behind" in told["new"]
    assert "ModelCheckpoint could not write" in told["ModelCheckpoint"] and "is whole" in told["ModelCheckpoint"]
    assert "BackupAndRestore could not write" in told["BackupAndRestore"] and "(File too large)" in told["BackupAndRestore"]
    assert "CSVLogger could not write '/dev/full' (No space left on device)" in told["CSVLogger"]
    assert "TensorBoard could not write" in told["TensorBoard"] and "(File too large)" in told["TensorBoard"]
    assert told["lost"] == "[]" and told["left"] == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="the owner of the process is changed where it is root")
def test_a_folder_that_may_not_be_written():
    if os.getuid() != 0:
        pytest.skip("only root may play another user")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        os.chmod(folder, 0o755)
        told = run("forbidden", pathlib.Path(folder))
    for name in ("model.keras", "model.h5", "model.weights.h5", "new"):
        assert told[name].startswith("PermissionError [Errno 13] Cannot write ") and "Permission denied" in told[name]
    for name in ("ModelCheckpoint", "BackupAndRestore", "CSVLogger", "TensorBoard"):
        assert told[name].startswith("PermissionError") and "files/" in told[name]
    assert told["lost"] == "[]" and told["left"] == "[]"


def test_an_error_of_the_content_is_passed_on_as_it_is(tmp_path):
    from kerasnp.saving.atomic import atomic_write

    with pytest.raises(FileNotFoundError, match="other"), atomic_write(tmp_path / "a"):
        open(tmp_path / "other")
    assert not os.listdir(tmp_path)


def test_training_goes_on_after_a_failed_save(tmp_path):
    model = kerasnp.Sequential([kerasnp.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(OSError):
        model.save(tmp_path / "none" / "model.keras")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert int(model.optimizer.iterations) == 1
