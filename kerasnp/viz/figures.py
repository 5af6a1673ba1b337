"""What all pictures share: figures without pyplot, one look, and files."""

import os

from kerasnp.saving.atomic import atomic_write

# Distinct for all kinds of colour vision (Okabe and Ito, 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
INK, FAINT, GOOD, BAD = "#222222", "#D9D9D9", "#007A50", "#C0392B"


def matplotlib():
    """The module matplotlib, imported on first use.

    Raises: ImportError with the remedy where it is not installed.
    """
    try:
        import matplotlib as module
    except ImportError:
        raise ImportError(
            "kerasnp.viz draws with matplotlib, which is absent: run pip install 'kerasnp[viz]' or pip install matplotlib."
        ) from None
    return module


def subplots(rows=1, columns=1, size=(6.4, 4.2), title=None, **options):
    """(figure, axes as nested lists): a Figure that belongs to nobody else, so no window opens and none must be closed."""
    matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    if title:
        figure.suptitle(title, size=12, color=INK)
    return figure, axes.tolist()


def tidy(axes, title=None, x=None, y=None, grid="y"):
    """Labels, a light grid and two spines."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#8C8C8C")
    axes.tick_params(colors="#444444", labelsize=9)
    if grid:
        axes.grid(axis=grid, color=FAINT, linewidth=0.7)
        axes.set_axisbelow(True)
    if title:
        axes.set_title(title, size=10.5, color=INK)
    if x:
        axes.set_xlabel(x, size=9.5)
    if y:
        axes.set_ylabel(y, size=9.5)
    return axes


def picture(axes, image, title=None, color=INK, **options):
    """One image without ticks; channels of size one are drawn in grey."""
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    if image.ndim == 2:
        options = {"cmap": "gray_r", **options}
    axes.imshow(image, interpolation="nearest", **options)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    if title:
        axes.set_title(title, size=8.5, color=color, pad=3)


def blank(axes):
    """Leave a place of the grid empty."""
    axes.set_axis_off()


def grid_of(count, columns):
    """(rows, columns) for so many pictures."""
    columns = max(1, min(count, columns))
    return -(-count // columns), columns


def finish(figure, path=None, dpi=150):
    """Write the figure where a path is given, as a whole, so that a viewer never sees half of it; returns it.

    Raises: ValueError for a path without a suffix that matplotlib can write, OSError where the folder is missing.
    """
    if path is None:
        return figure
    kind = os.path.splitext(os.fspath(path))[1][1:].lower()
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(f"kerasnp.viz: path must end in .{', .'.join(sorted(known))}. Received: path={os.fspath(path)!r}")
    with atomic_write(path) as stream:
        figure.savefig(stream, format=kind, dpi=dpi)
    return figure
