"""The picture of a Comparison."""

from kerasnp.viz.figures import COLORS, finish, grid_of, subplots, tidy

STYLES = ("-", "--", ":", "-.")


def draw(comparison, metrics=None, title=None, path=None):
    """Curves by epoch, and the gradient norm of each layer before training; see `Comparison.plot`.

    Raises: ValueError for a metric that no run has.
    """
    runs = list(comparison)
    known = list(dict.fromkeys(name for run in runs for name in run.last))
    if metrics is None:
        metrics = [name for name in known if not name.startswith("val_")]
        metrics = [f"val_{name}" if f"val_{name}" in known else name for name in metrics]
        metrics.sort(key=lambda name: not name.endswith("loss"))
    metrics = [metrics] if isinstance(metrics, str) else list(metrics)
    missing = [name for name in metrics if name not in known]
    if missing or not metrics:
        raise ValueError(f"plot: metrics must be among {', '.join(known)}. Received: {missing or metrics}")
    flow = any(len(run.gradients) > 1 for run in runs)
    rows, columns = grid_of(len(metrics) + flow, 3)
    height = 3.5 * rows + 0.35 * bool(title) + 0.22 * -(-len(runs) // 4)
    figure, axes = subplots(rows, columns, (4.3 * columns + 0.4, height), title)
    places = [a for row in axes for a in row]
    # Further runs take up the colours again with another line.
    looks = [{"color": COLORS[i % len(COLORS)], "linestyle": STYLES[i // len(COLORS) % len(STYLES)]} for i in range(len(runs))]
    from matplotlib.ticker import MaxNLocator

    for place, name in zip(places, metrics):
        text = name.replace("_", " ")
        text = f"{text.removeprefix('val ')} (validation)" if name.startswith("val_") else f"{text} (training)"
        tidy(place, text, "epoch", name.removeprefix("val_").replace("_", " "), grid="both")
        for run, look in zip(runs, looks):
            values = [float(v) for v in run.history.get(name, [])]
            place.plot(range(1, len(values) + 1), values, label=run.label, linewidth=1.6, marker=_marker(values), **look)
        place.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if flow:
        place = places[len(metrics)]
        tidy(place, "gradient before training", "layer, input first", "norm of the kernel's gradient", grid="both")
        flows = [list(run.gradients.values()) for run in runs]
        for i, (norms, look) in enumerate(zip(flows, looks)):
            # Runs that begin with the same weights have the same gradients: the later lie on the earlier, narrower.
            under = flows[i + 1 :].count(norms)
            seen = [v if v > 0 else float("nan") for v in norms]
            place.plot(range(len(norms)), seen, marker="o", markersize=4 + 3 * under, linewidth=1.5 + 2.5 * under, **look)
        place.set_yscale("log")
        longest = max(runs, key=lambda run: len(run.gradients)).gradients
        names = [name.rpartition("/")[2] for name in longest]
        turned = {"rotation": 35, "ha": "right"} if len(names) > 3 else {}
        place.set_xticks(range(len(names)), names, size=8, **turned)
    for place in places[len(metrics) + flow :]:
        place.set_axis_off()
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8.5, loc="outside lower center", ncols=min(4, len(runs)))
    return finish(figure, path)


def _marker(values):
    return "o" if len(values) == 1 else None
