"""Weights, activations and gradients, layer by layer: where a network is dead, saturated or starved."""

from kerasnp import backend as K
from kerasnp.models import probe
from kerasnp.utils import check
from kerasnp.viz import inputs
from kerasnp.viz.features import _find
from kerasnp.viz.figures import BAD, COLORS, blank, finish, grid_of, subplots, tidy


def weight_histograms(model, bins=50, title=None, path=None):
    """The distribution of the values of every weight, with its mean and standard deviation.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((3,)), kerasnp.layers.Dense(2, name="out")])
    >>> [axes.get_title().split("\\n")[0] for axes in weight_histograms(model).axes]
    ['out/kernel (3 × 2)', 'out/bias (2)']

    Args:
        model: a built model or layer.
        bins: bars in each histogram.
        title: above the histograms.
        path: a file to write.

    Returns: a matplotlib Figure.

    Raises: ValueError for a model without weights.
    """
    bins = check.positive_int("bins", bins, "weight_histograms")
    weights = [w for w in model.weights if w.value.dtype.kind == "f"]
    if not weights:
        raise ValueError(f"weight_histograms: '{model.name}' has no weights yet; build it, or fit it first.")
    panels = [(f"{_short(w)} ({' × '.join(map(str, w.shape))})", w.value) for w in weights]
    return finish(_histograms(panels, bins, title, "value of a weight", "weights"), path)


def activation_histograms(model, x, layers=None, bins=50, title=None, path=None):
    """The distribution of every layer's outputs for x, with the share of zeros: dead and saturated units show at once.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((3,)), kerasnp.layers.Dense(4, activation="relu", name="hidden")])
    >>> figure = activation_histograms(model, kerasnp.random.normal((20, 3), seed=1))
    >>> figure.axes[0].get_xlabel()
    'output'

    Args:
        model: a model.
        x: a batch of samples.
        layers: layers to show, by name, index or themselves; all by default.
        bins: bars in each histogram.
        title: above the histograms.
        path: a file to write.

    Returns: a matplotlib Figure.
    """
    who = "activation_histograms"
    bins = check.positive_int("bins", bins, who)
    x = inputs.array("x", x, who)
    chosen = model.layers if layers is None else [_find(model, one) for one in layers]
    if not chosen:
        raise ValueError(f"{who}: expected at least one layer. Received: none")
    panels = [(layer.name, model.activations_of(layer, x)) for layer in chosen]
    return finish(_histograms(panels, bins, title, "output", "outputs"), path)


def _histograms(panels, bins, title, x, y):
    rows, columns = grid_of(len(panels), 4 if len(panels) > 6 else 3)
    figure, axes = subplots(rows, columns, (3.1 * columns + 0.2, 2.35 * rows + 0.35 * bool(title)), title)
    places = [a for row in axes for a in row]
    from matplotlib.ticker import MaxNLocator

    for i, (place, (name, values)) in enumerate(zip(places, panels)):
        values = values.astype("float64").ravel()
        finite = values[K.isfinite(values)]
        lost = values.size - finite.size
        note = f"mean {finite.mean():.2g}, std {finite.std():.2g}" if finite.size else "no finite values"
        zeros = int((finite == 0).sum())
        if zeros and zeros < values.size:
            note += f", {100 * zeros / values.size:.0f} % zero"
        elif zeros:
            note = "all zero"
        if lost:
            note += f", {lost} not finite"
        tidy(place, None, x if i >= len(panels) - columns else None, y if i % columns == 0 else None)
        place.set_title(f"{name}\n{note}", size=8.5, color=BAD if lost else "#222222")
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        if high - low < 1e-12 * max(1.0, abs(low)):
            low, high = low - 0.5, high + 0.5
        counts, edges = K.histogram(finite, min(bins, max(10, finite.size)), (low, high))
        place.bar(edges[:-1], counts, edges[1:] - edges[:-1], align="edge", color=COLORS[0], alpha=0.85)
        place.axvline(0, color="#8C8C8C", linewidth=0.8)
        place.tick_params(labelsize=8)
        place.locator_params(axis="x", nbins=5)
        place.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        place.yaxis.set_major_formatter("{x:,.0f}")
    for place in places[len(panels) :]:
        blank(place)
    return figure


def gradient_flow(model, x, y, sample_weight=None, title=None, path=None):
    """How large the gradients are, from the first weight to the last, on one batch; the model is left as it is.

    Each bar reaches from the mean to the largest absolute value of a weight's gradient, on a logarithmic scale: a fall
    by orders of magnitude towards the input is the vanishing gradient, a rise the exploding one. A weight that receives
    none, or only zeros, is marked.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((3,)), kerasnp.layers.Dense(2), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> figure = gradient_flow(model, kerasnp.ops.ones((4, 3)), kerasnp.ops.ones((4, 1)))
    >>> len(figure.axes[0].get_yticklabels())
    4

    Args:
        model: a compiled model.
        x, y: a batch of samples with their labels.
        sample_weight: one weight per sample.
        title: replaces the loss above the bars.
        path: a file to write.

    Returns: a matplotlib Figure.

    Raises: ValueError for a model that is not compiled.
    """
    loss, pairs = probe.gradients(model, x, y, sample_weight, who="gradient_flow")
    figure, [[axes]] = subplots(
        size=(7.2, max(2.6, 0.27 * len(pairs) + 1.3)), title=title or f"Gradient flow on one batch (loss {loss:.4g})"
    )
    tidy(axes, None, "absolute gradient: mean (dot) to maximum", None, grid="x")
    axes.set_xscale("log")
    sizes = [None if g is None else (float(K.abs(g).mean()), float(K.abs(g).max())) for _, g in pairs]
    seen = [s for pair in sizes if pair for s in pair if 0 < s < K.inf]
    low = min(seen, default=1e-8) / 3
    for i, ((weight, _), pair) in enumerate(zip(pairs, sizes)):
        color = COLORS[0] if len(weight.shape) > 1 else COLORS[5]
        if pair is None or not 0 < pair[1] < K.inf:
            what = "no gradient" if pair is None else "all zero" if pair[1] == 0 else "not finite"
            axes.text(low * 1.15, i, what, va="center", size=8.5, color=BAD)
            continue
        mean, largest = pair
        axes.plot([mean, largest], [i, i], color=color, linewidth=5, alpha=0.45, solid_capstyle="round")
        axes.plot(mean, i, "o", color=color, markersize=5)
    axes.set_yticks(range(len(pairs)), [_short(w) for w, _ in pairs], size=8.5)
    axes.set_xlim(low, max(seen, default=1.0) * 3)
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    axes.set_ylabel("weights, input first", size=9.5)
    for label, color in (("matrices and kernels", COLORS[0]), ("biases and other vectors", COLORS[5])):
        axes.plot([], [], "o", color=color, label=label, markersize=5)
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=2)
    return finish(figure, path)


def _short(weight):
    """The path of a weight without the name of the model."""
    return "/".join(weight.path.split("/")[-2:])
