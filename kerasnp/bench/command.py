"""The command: implementations take turns in processes of their own; medians, ratios, a JSON file and a chart."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from kerasnp import backend as K
from kerasnp import doctor
from kerasnp.bench import by_hand, growth, peers
from kerasnp.bench.timing import timed
from kerasnp.bench.workloads import PREDICTED, SIZES

FIGURES = {
    "epoch": ("training, seconds per epoch", 1, "{:.3f}"),
    "predict": (f"predicting {PREDICTED:,} rows, milliseconds", 1e3, "{:.1f}"),
    "call": ("one call on one row, microseconds", 1e6, "{:.0f}"),
    "memory": ("peak memory in training, MB", 1, "{:.0f}"),
}


def bench(args):
    """Measure training and prediction, beside torch and Keras where they are installed."""
    workloads = _chosen("workload", args.workloads, SIZES)
    against = [peer for peer in _chosen("peer", args.against, peers.NEEDS) if peer != "kerasnp"]
    for peer in against:
        if lacking := peers.missing(peer):
            print(f"{peer} is skipped: {' and '.join(lacking)} not installed.")
    names = ["kerasnp", *(peer for peer in against if not peers.missing(peer))]
    rounds, epochs = (1, 1) if args.quick else (args.rounds, args.epochs)
    report = {"machine": machine(), "workloads": {}, "start": {}, "growth": []}
    print(", ".join(f"{key} {value}" for key, value in report["machine"].items()), flush=True)
    for workload in workloads:
        report["workloads"][workload] = _medians(
            names, rounds, lambda name: json.loads(_worker("measure", name, workload, str(epochs)))  # noqa: B023
        )
        print(_progress(workload, report["workloads"][workload]), flush=True)
    if not args.quick:
        report["start"] = _starts(names, rounds)
    for table in tables(report):
        print("\n" + table)
    if args.by_hand:
        report["by hand"] = by_hand.measure(workloads, *(1, 50) if args.quick else ())
        print("\n" + by_hand_tables(*report["by hand"]))
    if args.growth:
        rate = report["machine"]["sgemm GFLOP/s"]
        report["growth"] = [(*row, row[3] / rate) for row in growth.measure(args.quick)]
        print("\n" + growth_table(report["growth"]))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
    if args.chart:
        chart(report, args.chart)


def add_commands(commands):
    """Add it to the subparsers of `python -m kerasnp`."""
    command = commands.add_parser("bench", help=bench.__doc__, description=bench.__doc__)
    command.add_argument("workloads", nargs="*", help=f"some of {', '.join(SIZES)}; default all")
    command.add_argument(
        "--against", nargs="*", default=["torch"], metavar="PEER",
        help=f"some of {', '.join(list(peers.NEEDS)[1:])}; those not installed are skipped (default torch)",
    )  # fmt: skip
    command.add_argument("--rounds", type=int, default=3, help="processes per implementation, in turn (default 3)")
    command.add_argument("--epochs", type=int, default=3, help="epochs in each process, the fastest counts (default 3)")
    command.add_argument("--by-hand", action="store_true", help="also against the same kernels called by hand")
    command.add_argument("--growth", action="store_true", help="also how the cost grows with the sizes of a model")
    command.add_argument("--json", metavar="FILE", help="write all figures there")
    command.add_argument("--chart", metavar="FILE", help="draw the training times there (needs matplotlib)")
    command.add_argument("--quick", action="store_true", help="one short round, to see that it runs")
    command.set_defaults(run=bench)


def machine():
    """What the figures were measured on."""
    threads = K.threads.get_num_threads()
    return {
        "processor": doctor.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "BLAS": doctor.blas_in_use()["name"],
        "sgemm GFLOP/s": round(doctor.sgemm_rate(threads)),
    }


def tables(report):
    """The figures as tables with a column of ratios for each peer: ours divided by theirs."""
    from tabulate import tabulate

    for figure, (title, factor, form) in FIGURES.items():
        rows = [
            _row(workload, {name: found[figure] for name, found in results.items()}, factor, form)
            for workload, results in report["workloads"].items()
        ]
        yield _table(tabulate, title, rows, report["workloads"])
    if report["start"]:
        rows = [
            _row(what, {name: found[what] for name, found in report["start"].items()}, 1, "{:.2f}")
            for what in ("import", "first prediction")
        ]
        yield _table(tabulate, "from the start of the process, seconds", rows, {"": report["start"]})


def by_hand_tables(steps, single):
    """What a training step and a call on one row take beside the same kernels called by hand."""
    from tabulate import tabulate

    tables = []
    for title, rows in (("a training step, microseconds", steps), ("a call on one row, microseconds", single)):
        header = [title, "by hand", "kerasnp", "ratio", "more for each layer"]
        rows = [(name, f"{a:.1f}", f"{b:.1f}", f"{ratio:.2f}", f"{more:.1f}") for name, a, b, ratio, more in rows]
        tables.append(tabulate(rows, header, disable_numparse=True, colalign=("left", *["right"] * 4)))
    return "\n\n".join(tables)


def growth_table(rows):
    """Milliseconds per step and the share of the rate of matrix products, by size."""
    from tabulate import tabulate

    rows = [(series, label, f"{ms:.2f}", f"{rate:.0f}", f"{100 * share:.0f} %") for series, label, ms, rate, share in rows]
    return tabulate(rows, ["growing", "layer", "ms per step", "GFLOP/s", "of sgemm"], colalign=("left", "left"))


def chart(report, path):
    """Training times of all implementations as bars, each workload relative to the fastest peer."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit("bench --chart needs matplotlib: pip install 'kerasnp[viz]'.") from None
    workloads = report["workloads"]
    names = list(next(iter(workloads.values())))
    crowded = len(names) > 3
    figure = Figure(figsize=(max(8, 0.3 * len(names) * len(workloads)), 4 if crowded else 3.6))
    axes = figure.subplots()
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        heights = [results[name]["epoch"] / _best_peer(results) for results in workloads.values()]
        bars = axes.bar([k + (i - (len(names) - 1) / 2) * width for k in range(len(workloads))], heights, width, label=name)
        texts = [f"{results[name]['epoch']:.2g} s" for results in workloads.values()]
        axes.bar_label(bars, texts, fontsize=7, padding=2, rotation=90 if crowded else 0)
    axes.axhline(1, color="gray", linewidth=0.8)
    axes.set_xticks(range(len(workloads)), list(workloads))
    axes.set_ylabel("time / best peer")
    axes.set_title(f"Seconds per training epoch ({report['machine']['cores']} cores; lower is better)", fontsize=10)
    axes.margins(y=0.12)
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"Chart written to {path}")


def _best_peer(results):
    """The seconds per epoch of the fastest other framework; our own where there is none."""
    others = [found["epoch"] for name, found in results.items() if peers.NEEDS[name]]
    return min(others, default=results["kerasnp"]["epoch"])


def _chosen(what, given, known):
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SystemExit(f"bench: unknown {what} {', '.join(unknown)}; there are {', '.join(known)}.")
    return given or list(known)


def _row(label, values, factor, form):
    ours = values["kerasnp"]
    row = [label]
    for name, value in values.items():
        row.append("" if value is None else form.format(value * factor))
        if name != "kerasnp":
            row.append("" if value is None or ours is None else f"{ours / value:.2f}")
    return row


def _table(tabulate, title, rows, results):
    header = [""]
    for name in next(iter(results.values())):
        header += [name] if name == "kerasnp" else [name, "ratio"]
    return title + "\n" + tabulate(rows, header, disable_numparse=True, colalign=("left", *["right"] * (len(header) - 1)))


def _progress(workload, results):
    return f"{workload}: " + ", ".join(f"{name} {found['epoch']:.3f} s" for name, found in results.items())


def _medians(names, rounds, run):
    """{name: {figure: median}}, the implementations taking turns so that a machine that slows down slows all."""
    found = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(run(name))
    return {
        name: {key: None if runs[0][key] is None else statistics.median(r[key] for r in runs) for key in runs[0]}
        for name, runs in found.items()
    }


def _starts(names, rounds):
    """{name: seconds of importing, and from the start of a process to the first prediction of a saved LeNet}."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name + peers.SUFFIXES.get(name, ".keras")) for name in names}
        for name, path in paths.items():
            _worker("save", name, path)

        def run(name):
            return {
                "import": timed(lambda: _worker("import", name)),
                "first prediction": timed(lambda: _worker("start", name, paths[name])),
            }

        return _medians(names, rounds, run)


def _worker(*arguments):
    """The output of a process that does one thing."""
    command = [sys.executable, "-m", "kerasnp.bench.worker", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(arguments)} failed:\n{done.stderr.strip()}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
