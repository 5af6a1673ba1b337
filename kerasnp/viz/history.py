"""Curves of training, after it or while it runs."""

import sys

from kerasnp.callbacks import Callback
from kerasnp.utils import check
from kerasnp.viz.figures import COLORS, finish, grid_of, subplots, tidy

_LOG_SCALE = ("learning_rate", "lr")


def plot_history(history, metrics=None, title=None, path=None):
    """Loss and metrics by epoch, a panel each; training solid, validation dashed with its best epoch marked.

    >>> import kerasnp
    >>> figure = kerasnp.viz.plot_history({"loss": [2.0, 1.0], "accuracy": [0.4, 0.7]}, title="two epochs")
    >>> [axes.get_title() for axes in figure.axes]
    ['loss', 'accuracy']

    Args:
        history: what `fit` returned, its dictionary, or a fitted model; or several of them to compare, as a dictionary
            {label: history}.
        metrics: names to draw, without `val_`; all of them by default.
        title: above the panels.
        path: a file to write, its suffix deciding the format.

    Returns: a matplotlib Figure.

    Raises: ValueError for an empty history, or a metric it does not hold.
    """
    runs = _runs(history)
    known = dict.fromkeys(_base(name) for run in runs.values() for name in run)
    known = sorted(known, key=lambda name: name != "loss")  # the loss first, the others as they come
    if not known:
        raise ValueError("plot_history: the history holds no epochs yet; call fit first.")
    chosen = known if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
    missing = [name for name in chosen if name not in known]
    if missing or not chosen:
        raise ValueError(f"plot_history: metrics must be among {', '.join(known)}. Received: metrics={metrics!r}")
    rows, columns = grid_of(len(chosen), 3)
    figure, axes = subplots(rows, columns, (4.4 * columns + 0.4, 3.4 * rows + 0.3 * bool(title)), title)
    places = [a for row in axes for a in row]
    for place, name in zip(places, chosen):
        _panel(place, name, runs)
    for place in places[len(chosen) :]:
        place.set_axis_off()
    return finish(figure, path)


def _panel(axes, name, runs):
    tidy(axes, name.replace("_", " "), "epoch", name.replace("_", " "), grid="both")
    several = len(runs) > 1
    longest = 1
    for i, (label, run) in enumerate(runs.items()):
        for key, style, part, color in ((name, "-", "training", i), (f"val_{name}", "--", "validation", i if several else 1)):
            values = run.get(key)
            if values is None:
                continue
            # Validation that was not measured in every epoch has fewer values, evenly spread.
            total = max(len(v) for v in run.values())
            every = max(1, total // len(values))
            epochs = [(j + 1) * every for j in range(len(values))]
            longest = max(longest, epochs[-1])
            color = COLORS[color % len(COLORS)]
            text = f"{label}, {part}" if several and f"val_{name}" in run else label if several else part
            axes.plot(epochs, values, style, color=color, label=text, linewidth=1.7, marker="o" if len(values) < 3 else None)
            if part == "validation":
                j = _best(name, values)
                axes.plot(epochs[j], values[j], "o", color=color, markersize=5, markeredgecolor="white")
                if not several:
                    axes.annotate(
                        f"{values[j]:.4g}", (epochs[j], values[j]), xytext=(0, 7), textcoords="offset points", size=8,
                        color=color, ha="right" if j and epochs[j] > 0.8 * epochs[-1] else "center",
                    )  # fmt: skip
    if name in _LOG_SCALE:
        axes.set_yscale("log")
    axes.set_xlim(0.8 if longest < 10 else 0, longest + 0.02 * longest + 0.1)
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if several or len(axes.lines) > 1:
        axes.legend(frameon=False, fontsize=8)


def _best(name, values):
    """The index of the best value: the lowest for losses and errors, the highest for what is better when large."""
    lower = "loss" in name or "error" in name or name in ("mse", "mae", "mape", "msle") or "divergence" in name
    return values.index(min(values) if lower else max(values))


def _base(name):
    return name.removeprefix("val_")


def _runs(history):
    """{label: {name: [values]}} from everything that `plot_history` takes."""
    if isinstance(history, dict) and history and all(_is_run(v) for v in history.values()):
        return {str(label): _values(run) for label, run in history.items()}
    return {"": _values(history)}


def _is_run(value):
    return isinstance(value, dict) or hasattr(value, "history")


def _values(run):
    # A model holds a History, and a History the dictionary.
    while not isinstance(run, dict):
        inner = getattr(run, "history", None)
        if inner is None:
            if hasattr(run, "history"):
                return {}
            raise ValueError(
                "plot_history: history must be what fit returned, its dictionary, a fitted model, or a dictionary of these. "
                f"Received: {type(run).__name__}"
            )
        run = inner
    return {name: [float(v) for v in values] for name, values in run.items() if len(values) and _number(values[0])}


def _number(value):
    return getattr(value, "ndim", 0) == 0 and not isinstance(value, str)


class PlotHistory(Callback):
    """`plot_history` while training runs: the picture is drawn anew after every epoch.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> live = PlotHistory()
    >>> history = model.fit(kerasnp.ops.ones((8, 2)), kerasnp.ops.ones((8, 1)), epochs=2, verbose=0, callbacks=[live])
    >>> len(live.figure.axes[0].lines[0].get_xdata())
    2

    In a notebook the picture below the cell changes; elsewhere look at the file, which is replaced as a whole each time.

    Args:
        path: a file to write after each drawing; its suffix decides the format.
        every: draw after every so many epochs, and at the end.
        metrics, title: as for `plot_history`.

    Attributes:
        figure: the last Figure, None before the first epoch.

    Raises: ImportError at the start of training where matplotlib is absent.
    """

    state_names = ("logs",)

    def __init__(self, path=None, every=1, metrics=None, title=None):
        super().__init__()
        self.path, self.every = path, check.positive_int("every", every, "PlotHistory")
        self.metrics, self.title = metrics, title
        self.logs: dict = {}
        self.figure = self._drawn = self._display = None

    def on_train_begin(self, logs=None):
        from kerasnp.viz.figures import matplotlib

        matplotlib()
        self.logs, self._drawn, self._display = {}, None, None

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.logs.setdefault(name, []).append(value)
        if (epoch + 1) % self.every == 0:
            self._draw(epoch)

    def on_train_end(self, logs=None):
        epochs = max(map(len, self.logs.values()), default=0)
        if epochs and self._drawn != epochs:
            self._draw(epochs - 1)

    on_train_interrupt = on_train_end

    def _draw(self, epoch):
        self.figure = plot_history(self.logs, self.metrics, self.title)
        self._drawn = max(map(len, self.logs.values()))
        if self.path is not None:
            finish(self.figure, self.path)
        if "IPython" in sys.modules:
            self._show()

    def _show(self):
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is None:
            return
        if self._display is None:
            self._display = display(self.figure, display_id=True)
        else:
            self._display.update(self.figure)

