"""`python -m kerasnp bench`: it measures, compares, writes JSON and a chart, and names what it cannot do."""

import json

import numpy as np
import pytest

import kerasnp
from kerasnp.__main__ import main
from kerasnp.bench import by_hand, command, growth, workloads


def test_bench_measures_a_workload_in_a_process_of_its_own(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    report, chart = tmp_path / "bench.json", tmp_path / "bench.png"
    arguments = ["bench", "mlp_small", "--quick", "--against", "--json", str(report), "--chart", str(chart)]
    assert main(arguments) == 0
    found = json.loads(report.read_text())["workloads"]["mlp_small"]["kerasnp"]
    assert 0 < found["call"] < found["predict"] < found["epoch"] < 60 and 20 < found["memory"] < 4000
    assert "training, seconds per epoch" in capsys.readouterr().out
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_peers_that_are_not_installed_are_skipped_by_name(monkeypatch, capsys):
    monkeypatch.setattr(command.peers, "missing", lambda peer: ["tensorflow"] if peer == "keras-tensorflow" else [])
    monkeypatch.setattr(command, "_worker", lambda *a: json.dumps({"epoch": 1.0, "predict": 1, "call": 1, "memory": None}))
    main(["bench", "mlp", "--quick", "--against", "keras-tensorflow"])
    out = capsys.readouterr().out
    assert "keras-tensorflow is skipped: tensorflow not installed." in out and "ratio" not in out


def test_ratios_are_ours_divided_by_theirs():
    result = {"kerasnp": {"epoch": 1.0}, "torch": {"epoch": 4.0}}
    assert command._row("mlp", {n: r["epoch"] for n, r in result.items()}, 1, "{:.1f}") == ["mlp", "1.0", "4.0", "0.25"]


def test_one_thread_of_kerasnp_is_no_other_framework():
    found = {"kerasnp": {"epoch": 2.0}, "one-thread": {"epoch": 1.0}, "torch": {"epoch": 4.0}, "keras-jax": {"epoch": 3.0}}
    assert command._best_peer(found) == 3.0
    assert command._best_peer({name: found[name] for name in ("kerasnp", "one-thread")}) == 2.0


def test_one_thread_means_one_thread(monkeypatch):
    before = kerasnp.config.get_num_threads()
    try:
        command.peers.open_peer("one-thread")
        assert kerasnp.config.get_num_threads() == 1
    finally:
        kerasnp.config.set_num_threads(before)


def test_data_parallel_means_as_many_processes_as_cores():
    try:
        command.peers.open_peer("data-parallel")
        assert len(kerasnp.distribution.distribution().devices) == kerasnp.config.get_num_threads()
    finally:
        kerasnp.distribution.set_distribution(None)


def test_implementations_take_turns_and_medians_count():
    order, values = [], {"a": [3.0, 1.0, 2.0], "b": [5.0, 9.0, 7.0]}

    def run(name):
        order.append(name)
        return {"epoch": values[name][order.count(name) - 1], "memory": None}

    assert command._medians(["a", "b"], 3, run) == {
        "a": {"epoch": 2.0, "memory": None},
        "b": {"epoch": 7.0, "memory": None},
    }
    assert order == ["a", "b"] * 3


@pytest.mark.parametrize("arguments, name", [(["resnet"], "resnet"), (["--against", "caffe"], "caffe")])
def test_unknown_names_are_refused(arguments, name):
    with pytest.raises(SystemExit, match=f"unknown .* {name}; there are"):
        main(["bench", *arguments])


@pytest.mark.parametrize("workload", workloads.SIZES)
def test_every_workload_is_a_model_that_learns_one_step(workload):
    model = workloads.model(kerasnp, workload)
    rng = np.random.default_rng(0)
    x, y = rng.random((16, *model.input_shape[1:]), "float32"), rng.integers(0, 10, 16)
    losses = [model.train_on_batch(x, y)[0] for _ in range(8)]
    assert losses[-1] < losses[0]  # running means


def test_images_have_the_shape_that_the_model_takes(monkeypatch):
    for workload in ("mlp", "lenet", "lstm"):
        monkeypatch.setitem(workloads.SIZES, workload, (120, 32))
        x, y = workloads.images(workload)
        assert x.shape[1:] == workloads.model(kerasnp, workload).input_shape[1:]
        assert x.dtype == "float32" and 0 <= x.min() < x.max() <= 1 and len(x) == len(y) == 120


def test_growth_covers_every_series_and_reports_plausible_rates():
    rows = growth.measure(quick=True)
    assert {row[0] for row in rows} == {*growth.SERIES, "kernels"}
    assert all(ms > 0 and 0 < rate < 20_000 for _, _, ms, rate in rows)
    assert "of sgemm" in command.growth_table([(*row, 0.5) for row in rows])


@pytest.mark.parametrize("workload", ["mlp_small", "lenet"])
def test_a_step_by_hand_is_that_of_the_product(workload):
    x, y = (a[:64] for a in workloads.images(workload))
    stack = workloads.model(kerasnp, workload)
    hand = by_hand.ByHand(workload, stack)
    for _ in range(3):
        stack.reset_metrics()
        expected = stack.train_on_batch(x, y)
        loss, right = hand.step(x, y.astype("int64"))
        np.testing.assert_allclose([loss, right / 64], expected, rtol=1e-5)
    for own, theirs in zip(hand.weights, stack.get_weights()):
        # A step of Adam is 1e-3 for a gradient of any size, so rounding shows where gradients are all but zero.
        np.testing.assert_allclose(own, theirs, atol=3e-5)


@pytest.mark.parametrize("workload", ["mlp", "convnet"])
def test_dropout_by_hand_learns(workload):
    x, y = (a[:512] for a in workloads.images(workload))
    hand = by_hand.ByHand(workload, workloads.model(kerasnp, workload))
    losses = [hand.epoch(x, y.astype("int64"), 64)[0] for _ in range(6)]
    assert losses[-1] < 0.5 * losses[0]


def test_plain_numpy_gives_what_the_stack_gives():
    stack = workloads.model(kerasnp, "mlp")
    x = np.random.default_rng(0).random((3, 784), "float32")
    np.testing.assert_allclose(by_hand.numpy_of(stack)(x), stack(x), rtol=1e-5)


def test_the_table_of_kernels_called_by_hand(monkeypatch, capsys):
    monkeypatch.setattr(command, "_worker", lambda *a: json.dumps({"epoch": 1.0, "predict": 1, "call": 1, "memory": None}))
    monkeypatch.setattr(by_hand, "images", lambda workload: tuple(a[:320] for a in workloads.images(workload)))
    monkeypatch.setitem(by_hand.SIZES, "mlp_small", (320, 32))
    main(["bench", "mlp_small", "lstm", "--quick", "--against", "--by-hand"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("mlp_small  ")]
    step, call = lines[-2:]
    for row in (step, call):
        _, hand, product, ratio, more = row
        assert float(product) / float(hand) == pytest.approx(float(ratio), rel=0.05)
        assert (float(product) - float(hand)) / 2 == pytest.approx(float(more), abs=0.11)
