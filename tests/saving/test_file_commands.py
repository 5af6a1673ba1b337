"""`python -m kerasnp inspect | convert | predict`."""

import json
import subprocess
import sys

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.__main__ import main
from kerasnp.saving.inspection import inspect_file


@pytest.fixture
def model(tmp_path):
    inner = kerasnp.Sequential([layers.Dense(2, name="inner")], name="nest")
    model = kerasnp.Sequential([kerasnp.Input((4,)), layers.Dense(3, name="first"), inner], name="net")
    model.compile("adam", "mse", metrics=["mae"])
    model.save(tmp_path / "m.keras")
    model.save(tmp_path / "m.h5")
    model.save_weights(tmp_path / "m.weights.h5")
    return model


def test_inspect_lists_layers_settings_and_versions(tmp_path, model, capsys):
    for name in ("m.keras", "m.h5"):
        assert main(["inspect", str(tmp_path / name)]) == 0
        text = capsys.readouterr().out
        assert "Keras version 3.15.1" in text and "Sequential 'net', input shape (None, 4)" in text
        assert "first" in text and "(4, 3) (3,)" in text and "Parameters: 23" in text
        assert "optimizer Adam" in text and "loss m" in text and "Risks: none found" in text
    main(["inspect", str(tmp_path / "m.weights.h5"), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["parameters"] == 23 and report["format"] == ".weights.h5"


def test_inspect_names_risks_and_ignored_keys_and_runs_nothing(files, sequential):
    path = files.keras(
        sequential(
            ("Lambda", {"name": "code", "function": {"class_name": "__lambda__", "config": {"code": "x"}}}),
            ("Strange", {"name": "what"}),
            ("LSTM", {"name": "l", "units": 2, "time_major": False}),
            ("LSTM", {"name": "m", "units": 2, "time_major": True}),
        ),
        extra=[("payload.py", "print('ran')")],
    )
    report = inspect_file(path)
    risks = "\n".join(report["risks"])
    for risk in ("'code': Lambda", "Strange 'what' is not known", "payload.py", "time_major=True"):
        assert risk in risks
    assert "l: time_major=False" in report["ignored"]


@pytest.mark.parametrize("source, target", [("m.keras", "c.h5"), ("m.h5", "c.keras"), ("m.h5", "c.weights.h5")])
def test_convert(tmp_path, model, source, target, capsys):
    main(["convert", str(tmp_path / source), str(tmp_path / target)])
    assert "23 parameters" in capsys.readouterr().out
    model.set_weights([w * 0 for w in model.get_weights()])
    model.load_weights(tmp_path / target)
    want = kerasnp.models.load_model(tmp_path / source)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), want.get_weights()))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_predict(tmp_path, model, suffix):
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    (np.save if suffix == ".npy" else np.savez)(tmp_path / f"x{suffix}", x)
    main(["predict", str(tmp_path / "m.keras"), str(tmp_path / f"x{suffix}"), "-o", str(tmp_path / "y.npy")])
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0))


def test_errors_are_one_sentence(tmp_path, capsys):
    (tmp_path / "bad.keras").write_text("no")
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    for args in (["inspect", "bad.keras"], ["convert", "bad.keras", "x.h5"], ["predict", "bad.keras", "o.npy", "-o", "y.npy"]):
        with pytest.raises(SystemExit) as caught:
            main([args[0], *(a if a == "-o" else str(tmp_path / a) for a in args[1:])])
        error = capsys.readouterr().err
        assert caught.value.code == 1 and error.startswith("kerasnp: ") and error.count("\n") == 1


def test_predict_imports_only_what_it_needs(tmp_path, model):
    """So that it starts quickly: how quickly, `python -m kerasnp bench` measures."""
    np.save(tmp_path / "x.npy", np.ones((1, 4)))
    needless = {"h5py", "tqdm", "tabulate", "matplotlib", "PIL", "pandas"}
    needless |= {f"kerasnp.{name}" for name in "bench comparison datasets doctor models.functional preprocessing viz".split()}
    if np.__version__ >= "2":  # NumPy 1 imports it itself
        needless.add("numpy.random")
    code = (
        "import sys; from kerasnp.__main__ import main; main(sys.argv[1:]);"
        f"print(*{needless} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, "predict", tmp_path / "m.keras", tmp_path / "x.npy", "-o", tmp_path / "y.npy"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_what_a_file_says_cannot_command_the_terminal(files, sequential, capsys):
    evil = "red\x1b[31m\nline"
    path = files.keras(sequential(("Dense", {"name": evil, "units": 3}), (evil, {"name": "x"})))
    main(["inspect", str(path)])
    with pytest.raises(SystemExit):
        main(["convert", str(path), str(path) + ".h5"])
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err and "\\x1b[31m" in out and err.count("\n") == 1


def test_unknown_objects_inside_layers_are_named(files, sequential):
    evil = {"module": "os", "class_name": "system", "config": {"command": "x"}}
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2, "kernel_regularizer": evil}}
    layer = ("TimeDistributed", {"name": "t", "layer": dense})
    report = inspect_file(files.keras(sequential(layer, ("Dense", {"name": "e", "activation": "relu", "dtype": {"a": [1]}}))))
    assert report["risks"][0] == "system 'd' is not known here: supply it in custom_objects"


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY\x01\x00"])
def test_input_that_is_no_array_is_named(tmp_path, model, content, capsys):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(SystemExit):
        main(["predict", str(tmp_path / "m.keras"), str(tmp_path / "x.npy"), "-o", str(tmp_path / "y.npy")])
    assert "x.npy: it is not a .npy or .npz file" in capsys.readouterr().err


def test_convert_keeps_the_state_of_the_optimizer(tmp_path, model, capsys):
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 2)))
    model.save(tmp_path / "t.keras")
    main(["convert", str(tmp_path / "t.keras"), str(tmp_path / "t.h5")])
    want, got = (kerasnp.models.load_model(tmp_path / f"t{s}").optimizer.variables for s in (".keras", ".h5"))
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(want, got, strict=True))
    assert int(got[0]) == 1


def test_the_shell_finds_them(tmp_path, model):
    done = subprocess.run(
        [sys.executable, "-m", "kerasnp", "inspect", str(tmp_path / "m.keras")], capture_output=True, text=True, check=True
    )
    assert "Sequential 'net'" in done.stdout
