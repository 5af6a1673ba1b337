"""What the experiments share: a choice of data, a table, a picture, and the JSON of their figures."""

import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from tabulate import tabulate

import kerasnp

DIGITS = "digits drawn from strokes"


class Lab:
    """A run of one experiment: its settings, its data, and where its results go.

    Args:
        name: of the experiment, and of its files.
        out: the folder for `NAME.json` and `NAME.png`.
        quick: whether to use the small settings.
        seed: of weights, shuffling and dropout.
    """

    def __init__(self, name, out, quick=False, seed=7):
        self.name, self.out, self.quick, self.seed = name, Path(out), quick, seed
        self.data = None
        self.settings = {}

    def pick(self, full, quick, name=None):
        """The full or the quick value of a setting, noted in the JSON under `name`."""
        value = quick if self.quick else full
        if name:
            self.settings[name] = value
        return value

    def images(self, train, test):
        """`(x_train, y_train), (x_test, y_test)`: so many images (n, 28, 28, 1) in 0..1, MNIST's if it is on this machine."""
        datasets = kerasnp.datasets
        if datasets.mnist.installed():
            sets, self.data = datasets.mnist.load_data(), "MNIST"
        else:
            sets, self.data = datasets.digits.load_data(min(train, 20_000), min(test, 5_000)), DIGITS
        (x, y), (x_test, y_test) = sets
        x, x_test = ((a[:n, ..., None] / 255).astype("float32") for a, n in ((x, train), (x_test, test)))
        self.settings["training images"], self.settings["test images"] = len(x), len(x_test)
        return (x, y[:train].astype("int32")), (x_test, y_test[:test].astype("int32"))

    def say(self, text):
        """Print a sentence at once, though the output may be a file."""
        print(text, flush=True)

    def table(self, headers, rows, **options):
        """Print a table."""
        self.say("\n" + tabulate(rows, headers, **{"floatfmt": ".4g", **options}) + "\n")

    def picture(self, draw, rows=1, columns=1, size=None, name=None, **options):
        """Write `NAME.png`: `draw(axes, ...)` gets the axes of a figure. A sentence instead where matplotlib is absent.

        Args:
            draw: called with the figure and its axes, an array if there are several.
            size: width and height in inches; default 4.2 by 3.4 for each panel.
            name: another name for the file.
        """

        def make():
            from matplotlib.figure import Figure

            figure = Figure(figsize=size or (4.2 * columns, 3.4 * rows), layout="constrained")
            draw(figure, figure.subplots(rows, columns, **options))
            return figure

        return self.save(make, name)

    def save(self, make, name=None):
        """Write the figure that `make()` returns, such as one by `kerasnp.viz`, to `NAME.png`."""
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            self.say("For a picture as well: pip install matplotlib")
            return None
        figure = make()
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"{name or self.name}.png"
        figure.savefig(path, dpi=100)
        self.say(f"Picture: {path}")
        return path

    def run(self, experiment):
        """Do the experiment, a function of the lab that returns its figures, and write them to `NAME.json`."""
        kerasnp.utils.set_random_seed(self.seed)
        start, processor = time.perf_counter(), time.process_time()
        figures = experiment(self)
        record = {
            "experiment": self.name,
            "quick": self.quick,
            "data": self.data,
            "settings": self.settings,
            "figures": figures,
            "seconds": round(time.perf_counter() - start, 2),
            "processor_seconds": round(time.process_time() - processor, 2),
            "machine": machine(),
        }
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"{self.name}.json"
        path.write_text(json.dumps(plain(record), indent=1) + "\n", encoding="utf-8")
        self.say(f"Figures: {path} ({record['seconds']:.1f} s)")
        return record


def machine():
    """Processor, cores, load and versions, for the record."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load": load,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "kerasnp": kerasnp.__version__,
    }


def plain(value):
    """A value as JSON knows it: numbers rounded to six digits, arrays as lists."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else str(value)
    if isinstance(value, np.generic):
        return value.item()
    return value


def tiles(axes, images, titles=None, columns=6, rows=4, wrong=None, gap=0.45):
    """Draw images (n, h, w, 1) or (n, h, w, 3) side by side on one pair of axes, a short title above each, red if wrong."""
    images = np.asarray(images)[: rows * columns]
    h, w = images.shape[1:3] if len(images) else (1, 1)
    gap = gap if titles is not None else 0.08
    for i, image in enumerate(images):
        left, top = i % columns * 1.08 * w, i // columns * (1 + gap) * h
        axes.imshow(image.squeeze(), cmap="gray_r", extent=(left, left + w, top + h, top), interpolation="nearest")
        if titles is not None:
            color = "red" if wrong is not None and wrong[i] else "black"
            axes.text(left + w / 2, top - 0.06 * h, titles[i], ha="center", va="bottom", fontsize=8, color=color)
    count = -(-max(len(images), 1) // columns)
    axes.set(xlim=(-0.05 * w, columns * 1.08 * w), ylim=(count * (1 + gap) * h, -gap * h), aspect="equal")
    axes.axis("off")


class Losses(kerasnp.callbacks.Callback):
    """The loss of every batch, which the running mean of the log would blur."""

    def on_train_begin(self, logs=None):
        self.losses, self.sums = [], 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.sums = 0.0

    def on_train_batch_end(self, batch, logs=None):
        total = logs["loss"] * (batch + 1)
        self.losses.append(total - self.sums)
        self.sums = total


def plain_ticks(axis):
    """Write the ticks of a logarithmic axis as plain numbers, those between the powers of ten too."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def smooth(values, width):
    """Running means over `width` values."""
    values = np.asarray(values, float)
    width = max(1, min(width, len(values)))
    return np.convolve(values, np.ones(width) / width, mode="valid")
