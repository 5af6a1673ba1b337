"""The loss around a trained model."""

from kerasnp import backend as K
from kerasnp.models import probe
from kerasnp.models.arrays import as_input, as_labels
from kerasnp.utils import check
from kerasnp.viz.figures import BAD, COLORS, finish, subplots, tidy


def landscape(model, x, y, span=1.0, points=21, seed=0, sample_weight=None, title=None, path=None):
    """The loss on a plane through the weights, spanned by two random directions, as contours and as two profiles.

    Each direction is Gaussian, and every filter of it (the values that lead to one output) is given the norm of the
    model's own filter, so that landscapes of different models may be compared; biases and other vectors stay. Li, Xu,
    Taylor, Studer and Goldstein (2018), "Visualizing the loss landscape of neural nets", arXiv:1712.09913.

        f(a, b) = loss(w + a * d1 + b * d2),  a and b in [-span, span]

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((3,)), kerasnp.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> figure = landscape(model, kerasnp.ops.ones((4, 3)), kerasnp.ops.ones((4, 1)), points=5)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['loss on the plane', 'loss along each direction']

    Args:
        model: a compiled, built model; its weights are put back afterwards.
        x, y: the samples the loss is taken on; it is computed `points`² times, so a few hundred are enough.
        span: how far to go, in units of the weights' own size.
        points: grid points along each direction; an odd number includes the model itself.
        seed: seed of the directions.
        sample_weight: one weight per sample.
        title: replaces the loss above the pictures.
        path: a file to write.

    Returns: a matplotlib Figure.

    Raises: ValueError for a model that is not compiled, or arguments out of range.
    """
    who = "landscape"
    probe.require_compiled(model, who)
    points = check.positive_int("points", points, who)
    if points < 3 or not 0 < float(span) < K.inf:
        raise ValueError(f"{who}: points must be at least 3 and span positive. Received: points={points}, span={span!r}")
    x, y = as_input(x, who), None if y is None else as_labels("y", y, who)
    if not model.built:
        model._build_from(x)
    steps = K.linspace(-float(span), float(span), points)
    surface = surface_of(model, x, y, steps, steps, seed, sample_weight)
    here = probe.loss_of(model, x, y, sample_weight)
    return finish(_draw(surface, steps, here, title or f"Loss landscape, filter-normalised (loss here {here:.4g})"), path)


def surface_of(model, x, y, along, across, seed=0, sample_weight=None):
    """The losses (len(across), len(along)) at the grid points of two filter-normalised directions."""
    weights = [w for w in model.trainable_weights if w.value.dtype.kind == "f"]
    origins = [w.numpy() for w in weights]
    rng = K.random.generator(seed)
    first, second = ([_direction(rng, o) for o in origins] for _ in range(2))
    surface = K.empty((len(across), len(along)))
    try:
        for j, b in enumerate(across):
            for i, a in enumerate(along):
                for w, o, d, e in zip(weights, origins, first, second):
                    w.value[...] = o + a * d + b * e
                surface[j, i] = probe.loss_of(model, x, y, sample_weight)
    finally:
        for w, o in zip(weights, origins):
            w.value[...] = o
    return surface


def _direction(rng, weight):
    """A Gaussian direction whose filters have the norms of the weight's own; zeros for vectors."""
    if weight.ndim < 2:
        return K.zeros_like(weight)
    d = rng.standard_normal(weight.shape).astype(weight.dtype)
    axes = tuple(range(weight.ndim - 1))
    norm = K.sqrt(K.square(d).sum(axis=axes, keepdims=True))
    return d * K.sqrt(K.square(weight).sum(axis=axes, keepdims=True)) / K.maximum(norm, 1e-12)


def _draw(surface, steps, here, title):
    figure, [[plane, profile]] = subplots(1, 2, (9.6, 4.2), title, gridspec_kw={"width_ratios": [1.15, 1]})
    finite = surface[K.isfinite(surface)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    wide = low > 0 and high > 8 * low
    levels = K.geomspace(low, high, 18) if wide else K.linspace(low, high if high > low else low + 1, 18)
    from matplotlib.colors import LogNorm

    values = K.where(K.isfinite(surface), surface, high)
    filled = plane.contourf(steps, steps, values, levels, cmap="viridis", norm=LogNorm(low, high) if wide else None)
    plane.contour(steps, steps, values, levels[::3], colors="white", linewidths=0.5, alpha=0.6)
    plane.plot(0, 0, "*", color="white", markersize=13, markeredgecolor=BAD)
    tidy(plane, "loss on the plane", "along direction 1 (norm of the weights = 1)", "along direction 2", grid=None)
    plane.set_aspect("equal")
    plane.locator_params(nbins=5)
    bar = figure.colorbar(filled, ax=plane, fraction=0.046, pad=0.03, ticks=levels[:: 3 if wide else 4])
    bar.ax.set_yticklabels([f"{v:.3g}" for v in bar.get_ticks()])
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    middle = len(steps) // 2
    profile.plot(steps, values[middle], color=COLORS[0], label="direction 1")
    profile.plot(steps, values[:, middle], color=COLORS[1], label="direction 2")
    profile.plot(0, here, "*", color="white", markersize=13, markeredgecolor=BAD, label="the model", linestyle="none")
    tidy(profile, "loss along each direction", "distance (norm of the weights = 1)", "loss", grid="both")
    if wide:
        profile.set_yscale("log")
        profile.yaxis.set_major_formatter("{x:g}")
        profile.yaxis.set_minor_formatter(lambda v, _: f"{v:g}" if f"{v:.0e}"[0] in "246" else "")
        profile.tick_params(which="minor", labelsize=9, colors="#444444")
    profile.locator_params(axis="x", nbins=5)
    profile.legend(frameon=False, fontsize=8)
    return figure
