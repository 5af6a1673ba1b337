"""Seconds per training epoch, kerasnp against torch: the same models, batches and optimizer, each in a process of its own.

python examples/benchmark.py [WORKLOAD ...] [--rounds 5] [--against torch]

One epoch is 12,000 MNIST images (vggbn: 2,000) in batches of 128 (mlp_small 32, vggbn 64), with Adam and accuracy. The
implementations take turns, so that a machine that slows down slows both; quote the ratio of the medians. Without the MNIST
file the embedded digits are used. Set no BLAS variables: a pinned core type can halve the speed of NumPy.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import numpy as np

BATCH = {"mlp": 128, "mlp_small": 32, "lenet": 128, "convnet": 128, "vggbn": 64}


def images(workload):
    """Images in 0..1, shaped for the workload, and their labels."""
    import kerasnp

    try:
        (x, y), _ = kerasnp.datasets.mnist.load_data()
    except OSError:
        (x, y), _ = kerasnp.datasets.digits.load_data(12_000, 10)
    n = 2_000 if workload == "vggbn" else 12_000
    x = (x[:n] / 255).astype("float32")
    return (x.reshape(n, 784) if workload.startswith("mlp") else x[..., None]), y[:n].astype("int32")


def kerasnp_model(workload):
    """The workload as a compiled Sequential."""
    import kerasnp
    from kerasnp import layers as L

    def conv(filters, size, **kwargs):
        return L.Conv2D(filters, size, activation="relu", **kwargs)

    stacks = {
        "mlp": lambda: [
            L.Dense(512, activation="relu"), L.Dropout(0.2), L.Dense(512, activation="relu"), L.Dropout(0.2),
        ],
        "mlp_small": lambda: [L.Dense(32, activation="relu")],
        "lenet": lambda: [
            conv(6, 5, padding="same"), L.MaxPooling2D(), conv(16, 5), L.MaxPooling2D(), L.Flatten(),
            L.Dense(120, activation="relu"), L.Dense(84, activation="relu"),
        ],
        "convnet": lambda: [
            conv(32, 3), L.MaxPooling2D(), conv(64, 3), L.MaxPooling2D(), L.Flatten(), L.Dropout(0.5),
        ],
        "vggbn": lambda: [
            layer
            for filters in (32, 64)
            for layer in [
                *[L.Conv2D(filters, 3, padding="same"), L.BatchNormalization(), L.ReLU()],
                *[L.Conv2D(filters, 3, padding="same"), L.BatchNormalization(), L.ReLU()],
                L.MaxPooling2D(),
            ]
        ] + [L.Flatten(), L.Dense(128, activation="relu")],
    }  # fmt: skip
    shape = (784,) if workload.startswith("mlp") else (28, 28, 1)
    model = kerasnp.Sequential([kerasnp.Input(shape), *stacks[workload](), L.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run_kerasnp(workload, epochs):
    """Seconds of each epoch through `fit`, as a user writes it."""
    x, y = images(workload)
    model = kerasnp_model(workload)
    batch = BATCH[workload]
    model.fit(x[: 8 * batch], y[: 8 * batch], batch_size=batch, verbose=0)
    return [_timed(lambda: model.fit(x, y, batch_size=batch, verbose=0)) for _ in range(epochs)]


def run_torch(workload, epochs):
    """Seconds of each epoch in a hand-written torch loop."""
    import torch
    from torch import nn

    x, y = images(workload)
    x = torch.tensor(x if x.ndim == 2 else x.transpose(0, 3, 1, 2).copy())
    y = torch.tensor(y.astype("int64"))

    def block(inputs, filters):
        return [nn.Conv2d(inputs, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()]

    relu, pool, flat = nn.ReLU, nn.MaxPool2d, nn.Flatten
    stacks = {
        "mlp": lambda: [
            nn.Linear(784, 512), relu(), nn.Dropout(0.2), nn.Linear(512, 512), relu(), nn.Dropout(0.2), nn.Linear(512, 10),
        ],
        "mlp_small": lambda: [nn.Linear(784, 32), relu(), nn.Linear(32, 10)],
        "lenet": lambda: [
            nn.Conv2d(1, 6, 5, padding=2), relu(), pool(2), nn.Conv2d(6, 16, 5), relu(), pool(2), flat(),
            nn.Linear(400, 120), relu(), nn.Linear(120, 84), relu(), nn.Linear(84, 10),
        ],
        "convnet": lambda: [
            nn.Conv2d(1, 32, 3), relu(), pool(2), nn.Conv2d(32, 64, 3), relu(), pool(2), flat(), nn.Dropout(0.5),
            nn.Linear(1600, 10),
        ],
        "vggbn": lambda: [
            *block(1, 32), *block(32, 32), pool(2), *block(32, 64), *block(64, 64), pool(2), flat(),
            nn.Linear(3136, 128), relu(), nn.Linear(128, 10),
        ],
    }  # fmt: skip
    model = nn.Sequential(*stacks[workload]())
    optimizer, loss_of, batch = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss(), BATCH[workload]

    def epoch(n):
        order, total, right = torch.randperm(n), 0.0, 0
        for i in range(0, n, batch):
            rows = order[i : i + batch]
            optimizer.zero_grad()
            out = model(x[rows])
            loss = loss_of(out, y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            right += (out.argmax(1) == y[rows]).sum().item()

    epoch(8 * batch)
    return [_timed(lambda: epoch(len(x))) for _ in range(epochs)]


def _timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sgemm_rate():
    """GFLOP/s of a 1,024 x 1,024 float32 product with all of BLAS's threads."""
    a = np.ones((1024, 1024), "float32")
    a @ a
    return 2 * 1024**3 / min(_timed(lambda: a @ a) for _ in range(9)) / 1e9


def main(argv=None):
    """Take turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help=f"some of {', '.join(BATCH)}; default all")
    parser.add_argument("--rounds", type=int, default=5, help="processes per implementation, in turn")
    parser.add_argument("--epochs", type=int, default=3, help="epochs timed in each process; the fastest counts")
    parser.add_argument("--against", nargs="*", default=["torch"], help="peers; those not installed are skipped by name")
    parser.add_argument("--quick", action="store_true", help="one round of mlp_small, to see that it runs")
    parser.add_argument("--one", nargs=2, metavar=("IMPLEMENTATION", "WORKLOAD"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        implementation, workload = args.one
        print(json.dumps({"kerasnp": run_kerasnp, "torch": run_torch}[implementation](workload, args.epochs)))
        return
    if args.quick:
        args.workloads, args.rounds, args.epochs = ["mlp_small"], 1, 1
    peers = [p for p in args.against if importlib.util.find_spec(p) or print(f"{p} is not installed: skipped")]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}, "
          f"sgemm {sgemm_rate():.0f} GFLOP/s, Python {platform.python_version()}")  # fmt: skip
    print(f"{'workload':10s} {'kerasnp s':>10s}" + "".join(f" {p + ' s':>10s} {'ratio':>6s}" for p in peers))
    for workload in args.workloads or BATCH:
        times = {name: [] for name in ("kerasnp", *peers)}
        for _ in range(args.rounds):
            for name, found in times.items():
                command = [sys.executable, __file__, "--one", name, workload, "--epochs", str(args.epochs)]
                found.append(min(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)))
        medians = {name: statistics.median(found) for name, found in times.items()}
        ours = medians["kerasnp"]
        print(
            f"{workload:10s} {ours:10.3f}" + "".join(f" {medians[p]:10.3f} {ours / medians[p]:6.2f}" for p in peers), flush=True
        )


if __name__ == "__main__":
    main()
