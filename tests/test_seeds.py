"""The experiments of examples/seeds.py: each with --quick, and what its figures must show; what their own parts promise."""

import json
import os
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from conftest import SHARED

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))

import seeds  # noqa: E402
from experiments import cifar, common, convolutions, lenet, recurrent  # noqa: E402

NAMES = (
    "cnn-activations cnn-optimizers convolutions mlp-vs-cnn four-classes avgpool-scale rnn-lstm embedding-text recursive "
    "cifar100-coarse lenet5 perceptron-gates numerical-gradient weight-init overfit hyperparameters best-cnn"
).split()


def cnn_activations(f):
    assert len(f) == 7
    first = {name: way["gradient_at_start"]["conv_1"] for name, way in f.items()}
    assert first["sigmoid"] < 0.3 * min(v for name, v in first.items() if name != "sigmoid")
    assert f["tanh"]["accuracy"] > f["sigmoid"]["accuracy"] + 0.1


def cnn_optimizers(f):
    assert list(f) == ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSProp", "Adadelta", "Adam"]
    for way in f.values():
        assert way["weights_moved"] > 0.02 and way["updates"] == 20
        assert np.linalg.norm(way["valley_end"]) < 3  # from (-7, 2)
    assert f["Nesterov"]["last_loss"] < f["SGD"]["last_loss"]


def convolution_ways(f):
    assert {"loops", "shift and add", "im2col", "kerasnp"} <= set(f)
    for way in f.values():
        assert way["difference"] < 1e-5
    slowest = f["loops"]["milliseconds_per_image"]
    assert slowest > 3 * f["shift and add"]["milliseconds_per_image"]


def mlp_vs_cnn(f):
    assert f["MLP"]["parameters"] > 5 * f["CNN"]["parameters"]
    assert f["MLP"]["accuracy"] > 0.25 and f["CNN"]["accuracy"] > 0.2
    assert f["MLP"]["shifted"] < f["MLP"]["accuracy"]


def four_classes(f):
    assert list(f) == ["1", "2", "3", "4"]
    assert np.mean([c["found"] for c in f.values()]) > 0.2
    assert f["1"]["images"] > 10


def avgpool_scale(f):
    right, wrong, honest = list(f.values())[:3]
    assert wrong["gradient_error"] == pytest.approx(15 / 16, abs=1e-3)
    assert right["gradient_error"] < 1e-5 and honest["gradient_error"] < 1e-5
    assert wrong["last_loss"] < right["last_loss"] - 0.1
    assert honest["last_loss"] == pytest.approx(wrong["last_loss"], abs=1e-3)


def rnn_lstm(f):
    assert f["bptt_error"] < 1e-6 and max(f["errors_path_on"].values()) < 1e-6
    assert f["difference_from_layer"] < 1e-12
    off = f["errors_path_off"]
    assert min(off[f"kernel of the {gate} gate"] for gate in ("input", "forget", "candidate")) > 0.1
    assert off["kernel of the output gate"] < 0.1
    assert "missing path" in f["gradcheck_says"] and "dc[t-1] += dc[t] * f[t]" in f["gradcheck_says"]
    reach = f["gradient_at_first_step"]
    assert reach["LSTM"] > 2 * reach["LSTM, path off"]


def embedding_text(f):
    assert f["embedding_gradient_error"] < 1e-6
    assert 0.4 < f["mean of the words"]["accuracy"] < 1
    assert f["LSTM"]["parameters"] > f["mean of the words"]["parameters"]


def recursive(f):
    assert max(f[c]["gradient_error"] for c in ("TreeRNNCell", "TreeLSTMCell")) < 1e-6
    assert f["TreeLSTMCell"]["accuracy_by_depth"]["1"] > f["commoner value"]["accuracy_by_depth"]["1"] + 0.1


def cifar100_coarse(f):
    assert f["seconds_per_50000_images"] > 0 and 0 <= f["accuracy"] <= 1
    assert f["epochs_in_15_minutes"] == pytest.approx(900 / f["seconds_per_50000_images"], rel=1e-3)


def lenet5(f):
    assert f["cross-entropy"]["accuracy"] > 0.5 and f["softmax with MSE"]["accuracy"] > 0.4
    assert f["as seed 003: SGD 0.001"]["accuracy"] < 0.4


def perceptron_gates(f):
    assert all(f[f"{gate}, one neuron"]["right"] == 4 for gate in ("AND", "OR", "NAND"))
    assert f["XOR, one neuron"]["right"] < 4
    assert f["XOR, two layers"]["right"] == f["XOR, two layers"]["right_by_hand"] == 4


def numerical_gradient(f):
    assert f["largest_difference_of_weights"] < 1e-7
    assert f["numerical"]["losses"] == pytest.approx(f["backprop"]["losses"], rel=1e-6)
    assert f["ratio"] > 10


def weight_init(f):
    spread = {name: way["deviation_by_layer"] for name, way in f.items()}
    assert spread["tanh, zeros"][-1] == 0
    assert f["tanh, deviation 1"]["saturated"] > 0.3 > f["tanh, Xavier"]["saturated"]
    assert spread["relu, Xavier"][-1] < 0.5 * spread["relu, He"][-1] < 0.5 * spread["relu, deviation 1"][-1]


def overfit(f):
    assert f["nothing"]["seen"] > f["nothing"]["unseen"] + 0.1
    assert f["weight decay 0.01"]["norm_of_kernels"] < f["nothing"]["norm_of_kernels"]


def hyperparameters(f):
    held = [trial["held"] for trial in f["trials"]]
    assert held == sorted(held, reverse=True) and held[0] > held[-1]
    assert f["best"]["held"] == held[0] and f["best"]["test"] < 1


def best_cnn(f):
    assert f["accuracy"] > 0.4
    assert f["mistakes"] == round((1 - f["accuracy"]) * 300)


CHECKS = [
    cnn_activations, cnn_optimizers, convolution_ways, mlp_vs_cnn, four_classes, avgpool_scale, rnn_lstm, embedding_text,
    recursive, cifar100_coarse, lenet5, perceptron_gates, numerical_gradient, weight_init, overfit, hyperparameters, best_cnn,
]  # fmt: skip


@pytest.fixture
def data(monkeypatch, tmp_path):
    """The real MNIST where it is, the embedded digits otherwise; no other files of this user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERASNP_HOME", str(SHARED / "data"))
    return tmp_path


@pytest.mark.parametrize("name, check", list(zip(NAMES, CHECKS, strict=True)), ids=NAMES)
def test_quick(name, check, data, capsys):
    record = seeds.main([name, "--quick", "--out", str(data)])
    written = json.loads((data / f"{name}.json").read_text(encoding="utf-8"))
    assert written["experiment"] == name and written["quick"] is True
    assert written["seconds"] == record["seconds"] and written["machine"]["cores"] == os.cpu_count()
    check(written["figures"])
    shown = capsys.readouterr().out
    assert "---" in shown and f"{name}.json" in shown
    if "matplotlib" in sys.modules:
        assert (data / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_list_names_all(capsys):
    assert set(seeds.EXPERIMENTS) == set(NAMES)
    seeds.main(["--list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(seeds.EXPERIMENTS)
    assert all(len(line.split()) > 4 for line in lines)


def test_the_gallery_and_the_results_are_there():
    root = EXAMPLES.parent
    pictures = re.findall(r"\]\((examples/pictures/[^)]+)\)", (root / "README.md").read_text(encoding="utf-8"))
    assert len(pictures) == 5  # four of these experiments, and the chart of the bench
    assert all(0 < (root / path).stat().st_size < 80_000 for path in pictures)
    results = (EXAMPLES / "RESULTS.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", results, re.M) == NAMES


def test_without_mnist_and_matplotlib(tmp_path, monkeypatch, capsys):
    for name in ("HOME", "KERASNP_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    record = seeds.main(["avgpool-scale", "--quick", "--out", str(tmp_path / "new")])
    assert record["data"] == common.DIGITS
    assert "pip install matplotlib" in capsys.readouterr().out
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["avgpool-scale.json"]
    avgpool_scale(record["figures"])


@pytest.mark.parametrize("operator", [convolutions.Loops, convolutions.Shifts, convolutions.Columns, convolutions.Scipy])
@pytest.mark.parametrize("size", [3, 4])
def test_every_convolution_and_its_gradient(operator, size):
    if operator is convolutions.Scipy:
        pytest.importorskip("scipy.signal")
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((2, 5, 6, 2)), rng.standard_normal((size, size, 2, 3))
    np.testing.assert_allclose(operator()(x, kernel), kerasnp.ops.conv(x, kernel, padding="same"), rtol=1e-12)
    assert max(kerasnp.gradcheck(lambda a, b: operator()(a, b), x, kernel).values()) < 1e-6


def test_moved_images():
    x = np.random.default_rng(0).random((6, 28, 28, 1), "float32")
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(lenet.moved(x, rng, 0, 0, 0, 0), x)
    there = lenet.moved(x, rng)
    assert there.shape == x.shape and there.dtype == np.float32 and 0 <= there.min() and there.max() <= 1
    assert np.abs(there - x).mean() > 0.05
    # A shift by whole pixels moves the pixels, and zeros come in.
    class Right:
        def uniform(self, low, high, size):
            return np.array([0, 0, 0, 0, 1, 0])[:, None, None, None] * np.ones(size)

    shifted = lenet.moved(x, Right(), 0, 0, 0, 2)
    np.testing.assert_allclose(shifted[:, :, :-2], x[:, :, 2:], atol=1e-6)
    assert not shifted[:, :, -2:].any()


def test_formulas_are_trees_of_their_words():
    x, y = recurrent.formulas(np.random.default_rng(0), 50, 2)
    leaves = (x.shape[1] + 1) // 3
    for row, value in zip(x, y):
        words, parents = row[:leaves], row[leaves:]
        children = {p: [i for i, q in enumerate(parents) if q == p] for p in parents if p >= 0}

        def evaluate(node, words=words, children=children):
            if node < leaves:
                return words[node]
            one, other = children[node]
            if one < leaves and words[one] > 1:  # (op, a), half of a formula
                return words[one], evaluate(other)
            # One of the two is such a half, whichever number its node has.
            one, other = evaluate(one), evaluate(other)
            (op, a), b = (one, other) if isinstance(one, tuple) else (other, one)
            return (a & b, a | b, a ^ b)[op - 2]

        assert evaluate(list(parents).index(-1)) == value


def cifar_file(path, count=6, protocol=2, seed=0):
    rng = np.random.default_rng(seed)
    content = {
        b"data": rng.integers(0, 256, (count, 3072)).astype("uint8"), b"coarse_labels": list(range(count)),
        b"fine_labels": list(range(count)), b"filenames": [b"a.png"] * count, b"batch_label": b"training batch 1 of 1",
    }  # fmt: skip
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return content


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_file_of_cifar(tmp_path, protocol):
    content = cifar_file(tmp_path / "train", protocol=protocol)
    x, y = cifar.read_cifar(tmp_path / "train")
    assert x.shape == (6, 32, 32, 3) and x.dtype == np.float32
    np.testing.assert_array_equal(y, range(6))
    assert x[1, 2, 3, 2] == np.float32(content[b"data"][1, 2 * 1024 + 2 * 32 + 3] / 255)


# A file as Python 2 wrote it: text as STRING, the bytes of the array among it.
PYTHON_2 = (
    b"(dp0\nS'data'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntS'b'\ntR"
    b"(I1\n(I1\nI3072\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'" + b"\\x07" * 3072 + b"'\ntb"
    b"sS'coarse_labels'\n(lI11\nas."
)


def test_a_file_of_python_2(tmp_path):
    (tmp_path / "test").write_bytes(PYTHON_2)
    x, y = cifar.read_cifar(tmp_path / "test")
    assert y == [11] and x.shape == (1, 32, 32, 3)
    np.testing.assert_array_equal(x, np.float32(7 / 255))


class Call:
    """What a hostile file does: calls a function when it is read."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("what", [
    Call(os.system, "touch {}"), Call(exec, "open({!r}, 'w')"), Call(eval, "open({!r}, 'w')"), Call(open, "{}", "w"),
    Call(np.load, "{}"), Call(getattr, np, "load"),
], ids=["system", "exec", "eval", "open", "np.load", "getattr"])  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_file_is_refused(tmp_path, what, protocol):
    target = tmp_path / "touched"
    call = Call(what.function, *(a.format(str(target)) if isinstance(a, str) else a for a in what.arguments))
    content = call.function if what.function is getattr else {b"data": [call]}
    (tmp_path / "train").write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(pickle.UnpicklingError, match="the file asks for"):
        cifar.read_cifar(tmp_path / "train")
    assert not target.exists()


def test_arrays_that_hold_objects_are_refused(tmp_path):
    content = {b"data": np.array([None], dtype=object), b"coarse_labels": [0]}
    (tmp_path / "train").write_bytes(pickle.dumps(content, 3))
    with pytest.raises(pickle.UnpicklingError, match="of type 'O8': only plain numbers"):
        cifar.read_cifar(tmp_path / "train")
    (tmp_path / "train").write_bytes(pickle.dumps([1], 2))
    with pytest.raises(pickle.UnpicklingError, match="dictionary"):
        cifar.read_cifar(tmp_path / "train")


@pytest.mark.parametrize("content", [
    b"cnumpy.core.multiarray\n_reconstruct\n}b.",  # a new state for the function
    b"cnumpy\ndtype\n}S'KINDS'\n]sb.",  # for a class
    b"cnumpy\ndtype\n(S'u1'\ntR}b.",  # for a type, not as numpy writes it
    PYTHON_2[:400], b"", b"\x80\x04", PYTHON_2.replace(b"I3072", b"I9999"),
])  # fmt: skip
def test_a_twisted_or_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "train").write_bytes(content)
    with pytest.raises(pickle.UnpicklingError):
        cifar.read_cifar(tmp_path / "train")
    (tmp_path / "test").write_bytes(PYTHON_2)
    assert len(cifar.read_cifar(tmp_path / "test")[0]) == 1


def test_the_folder_of_cifar_is_used(data, monkeypatch, tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    monkeypatch.setenv("KERASNP_HOME", str(tmp_path))
    assert cifar.find_cifar() is None
    for seed, part in enumerate(("train", "test")):
        cifar_file(folder / part, 20, 4, seed)
    assert cifar.find_cifar() == folder
    record = seeds.main(["cifar100-coarse", "--quick", "--out", str(tmp_path)])
    assert record["data"] == "CIFAR-100, coarse" and record["figures"]["real_data"]


def test_wrong_labels_are_named(tmp_path):
    cifar_file(tmp_path / "train", 21, protocol=4)
    with pytest.raises(ValueError, match="labels below 20"):
        cifar.read_cifar(tmp_path / "train")
