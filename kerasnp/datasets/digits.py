"""Handwritten-looking digits, drawn on the spot: no download, no file, any number of them.

Each digit has a few ways of being written, each a handful of pen strokes. An image takes one of them, moves its nodes,
joins them by a spline, bends, stretches, slants and turns the result, and inks it with a pen of its own.

The arithmetic keeps to what IEEE 754 rounds exactly (+ - * / sqrt, element by element) and to uniform random numbers,
so a seed gives the same bytes on every machine: hence no sine, matrix product or normal deviate below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerasnp.utils import check

__all__ = ["load_data", "render"]

SIZE = 28  # pixels on a side, as in MNIST
UNIT = 9.2  # pixels to a hundred units of STYLES, so a digit about fills MNIST's box of 20 by 20
MARGIN = 2.5  # pixels the middle of a stroke keeps from the border
POINTS = 64  # pen positions along a digit: about a pixel apart, so a round pen leaves no gaps
CHUNK = 128  # images drawn together; 10,000 take 1.4 s by 32, 1.0 s by 128, 0.9 s by 512 (Xeon 2.5 GHz, one core)

# How unlike the images are. After training on 10,000, a linear classifier gets 89 % right and LeNet-5 99 %; SHIFT moves
# the former by some 6 % per pixel and hardly the latter.
WOBBLE = 0.03  # standard deviation of a node, in hundreds of units
BEND = 0.18  # of a lattice point, likewise
WIDTH, HEIGHT = 0.12, 0.08  # of the stretch
LEAN, SLANT = 0.1, 0.18  # mean and deviation of the slant: most hands lean to the right
TURN = 0.08  # deviation of the tangent of half the angle turned
SHIFT = 3.0  # furthest off the middle, in pixels
THIN, THICK = 0.75, 1.75  # pen radius in pixels
GRAIN = 0.06  # strongest noise, as a part of full ink

# Nodes "x y", x to the right, y down, from the middle; "|" lifts the pen. Strokes naming the same node are joined
# there, in a corner, whatever moves it; a stroke ending where it began closes smoothly.
STYLES = {
    0: [
        "0 -100  36 -81  59 -31  59 31  36 81  0 100  -36 81  -59 31  -59 -31  -36 -81  0 -100",
        "24 -87  44 -39  47 24  30 78  2 100  -28 82  -46 31  -45 -33  -27 -83  2 -100  31 -77",
        "-23 -85  17 -87  51 -58  66 -8  57 45  28 82  -12 89  -47 64  -65 16  -60 -38  -33 -78",
    ],
    1: [
        "0 -100  0 -30  0 40  0 100",
        "-30 -52  -13 -72  0 -100 | 0 -100  0 -30  0 40  0 100",
        "-32 -58  0 -100 | 0 -100  0 -30  0 40  0 100 | -36 100  0 100  36 100",
    ],
    2: [
        "-54 -60  -34 -92  4 -100  42 -82  48 -44  20 10  -56 94 | -56 94  0 92  58 92",
        "-50 -66  -20 -98  28 -92  46 -50  20 10  -18 66  -46 92  -60 74  -42 56  -12 74  20 94  60 84",
        "-48 -76  -12 -100  34 -90  50 -50  26 2  -20 44  -50 88 | -50 88  -16 78  20 94  60 84",
    ],
    3: [
        "-50 -76  -18 -99  24 -94  44 -60  26 -24  -12 -8 | -12 -8  34 6  52 44  32 84  -10 100  -54 78",
        "-52 -94  0 -96  46 -96 | 46 -96  18 -56  -10 -18 | -10 -18  34 -8  54 34  36 80  -6 98  -54 80",
        "-46 -84  -6 -100  36 -82  38 -40  2 -10  -14 -6  6 -2  46 20  50 62  18 96  -24 98  -58 72",
    ],
    4: [
        "-44 -90  -50 -40  -56 10 | -56 10  0 12  60 8 | 30 -86  28 -20  24 40  22 100",
        "26 -100  -18 -44  -62 24 | -62 24  0 26  62 24 | 26 -100  26 -20  26 40  26 100",
        "-46 -92  -56 -40  -44 -2  -6 4  36 -16 | 48 -94  42 -52  36 -16  30 40  26 100",
    ],
    5: [
        "-36 -96  -40 -56  -44 -16 | -44 -16  -10 -30  30 -16  50 30  30 80  -10 100  -54 80 | -36 -96  10 -96  58 -98",
        "56 -100  10 -96  -30 -90 | -30 -90  -38 -54  -42 -12 | -42 -12  6 -22  44 8  46 56  14 92  -26 100  -56 86",
        "54 -94  8 -98  -36 -80  -46 -42  -14 -16  26 6  46 42  28 84  -12 100  -54 80",
    ],
    6: [
        "34 -100  -8 -70  -40 -20  -52 34  -32 86  8 100  46 76  50 36  20 4  -20 12  -48 44",
        "6 -100  -30 -50  -50 6  -50 60  -20 96  24 94  50 60  38 20  0 10  -30 32  -42 56",
        "50 -84  16 -100  -26 -76  -50 -24  -54 36  -34 84  6 100  42 78  44 34  14 8  -26 18  -50 50",
    ],
    7: [
        "-56 -92  0 -94  54 -96 | 54 -96  26 -36  2 30  -16 100",
        "-56 -92  0 -94  54 -96 | 54 -96  24 -36  0 30  -20 100 | -28 2  10 0  48 -2",
        "-54 -60  -50 -92 | -50 -92  -10 -86  20 -88  54 -96 | 54 -96  16 -40  -4 20  -8 100",
    ],
    8: [
        "2 -10  -36 -34  -34 -82  6 -100  42 -78  36 -36  2 -10  -40 24  -46 74  0 100  44 74  38 24  2 -10",
        "0 -100  34 -80  34 -30  0 -8  -34 -30  -34 -80  0 -100 |"
        " 0 -8  38 12  50 50  35 86  0 100  -35 86  -50 50  -38 12  0 -8",
        "44 -82  6 -100  -36 -78  -28 -32  8 -4  42 30  42 76  2 100  -42 78  -38 32  0 -2  30 -34  50 -72",
    ],
    9: [
        "44 -61  40 -23  12 0  -23 -5  -44 -35  -40 -73  -12 -96  23 -91  44 -61 | 46 -94  44 -30  40 40  36 100",
        "44 -72  10 -100  -32 -84  -48 -44  -24 -8  18 -14  44 -50  46 -80  46 -30  36 36  12 100",
        "46 -66  14 -98  -30 -86  -46 -46  -20 -10  20 -20  46 -66 | 46 -66  46 -10  42 50  18 92  -16 98  -46 76",
    ],
}

NODES = 16  # the most nodes a style may have; the richest has 13
# Uniform numbers an image uses, three to a bell-shaped one. As many for every image, so none depends on those after it.
DRAWS = {"style": 1, "nodes": 6 * NODES, "lattice": 6 * 16, "pose": 3 * 4, "place": 2, "pen": 5, "grain": SIZE * SIZE}

Images = NDArray[np.uint8]
Split = tuple[Images, Images]


def load_data(num_train: int = 10000, num_test: int = 2000, seed: int = 0) -> tuple[Split, Split]:
    """Return drawn digits in the arrangement of MNIST, `(x_train, y_train), (x_test, y_test)`.

    Images are uint8 `(count, 28, 28)`, white ink (255) on black (0); labels are uint8 `(count,)`. Each ten labels, from
    the first on, hold every digit once, in random order. Training and test images come from separate random streams,
    and a longer data set of the same seed begins with the shorter one.

    Harder than it looks: on the default 10,000 images a linear classifier stays below 93 %, LeNet-5 passes 98 %.

    Args:
        num_train: number of training images.
        num_test: number of test images.
        seed: a non-negative integer; the same one gives the same bytes on any machine.

    Raises:
        ValueError: an argument is not an integer, or is negative.

    Example:
        >>> from kerasnp.datasets import digits
        >>> (x_train, y_train), (x_test, y_test) = digits.load_data(num_train=50, num_test=20)
        >>> x_train.shape, x_train.dtype, y_train.shape
        ((50, 28, 28), dtype('uint8'), (50,))
        >>> sorted(y_test[:10].tolist())
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    num_train = _natural("digits.load_data", "num_train", num_train)
    num_test = _natural("digits.load_data", "num_test", num_test)
    seed = _natural("digits.load_data", "seed", seed)
    train, test = np.random.SeedSequence(seed).spawn(2)
    return _split(num_train, train), _split(num_test, test)


def render(labels: ArrayLike, seed: int = 0) -> Images:
    """Draw one image for each label: `(count,)` integers from 0 to 9 -> `(count, 28, 28)` uint8, white on black.

    Image i depends on the seed, on i and on its own label alone.

    Args:
        labels: the digits to draw, a sequence or array with one axis.
        seed: a non-negative integer; the same one gives the same bytes on any machine.

    Raises:
        TypeError: labels are not integers.
        ValueError: labels are outside 0 to 9 or do not have one axis, or seed is not a non-negative integer.

    Example:
        >>> from kerasnp.datasets import digits
        >>> images = digits.render([3, 1, 4], seed=7)
        >>> images.shape, images.dtype
        ((3, 28, 28), dtype('uint8'))
        >>> bool((digits.render([3, 1, 4, 1, 5], seed=7)[:3] == images).all())
        True
    """
    digit = np.asarray(labels)
    if digit.size == 0:
        digit = digit.astype(np.intp)
    if digit.dtype.kind not in "iu":
        raise TypeError(f"digits.render: labels must be integers. Received: dtype={digit.dtype}")
    if digit.ndim != 1:
        raise ValueError(f"digits.render: labels must have one axis, (count,). Received: shape={digit.shape}")
    if digit.size and (digit.min() < 0 or digit.max() > 9):
        raise ValueError(f"digits.render: labels must lie in 0 to 9. Received: {digit.min()} to {digit.max()}")
    return _render(digit, np.random.SeedSequence(_natural("digits.render", "seed", seed)))


def _natural(who: str, name: str, value: int) -> int:
    number = check.integer(name, value, who)
    if number < 0:
        raise ValueError(f"{who}: {name} must not be negative. Received: {name}={value}")
    return number


def _split(count: int, seed: np.random.SeedSequence) -> Split:
    """`count` images and labels, each run of ten labels a permutation of the digits."""
    order, ink = seed.spawn(2)
    tens = np.random.Generator(np.random.PCG64(order)).random((-(-count // 10), 10))
    labels = tens.argsort(axis=1, kind="stable").reshape(-1)[:count].astype(np.uint8)
    return _render(labels, ink), labels


def _render(labels: NDArray, seed: np.random.SeedSequence) -> Images:
    generator = np.random.Generator(np.random.PCG64(seed))
    images = np.empty((len(labels), SIZE, SIZE), np.uint8)
    ends = np.cumsum(list(DRAWS.values()))
    for start in range(0, len(labels), CHUNK):
        digit = labels[start : start + CHUNK].astype(np.intp)
        numbers = generator.random((len(digit), ends[-1])).T  # one image's numbers are drawn in a row, then one's next
        draws = dict(zip(DRAWS, np.split(np.ascontiguousarray(numbers), ends[:-1]), strict=True))
        x, y = _write(digit, draws)
        x, y = _bend(x, y, draws)
        x, y = _pose(x, y, draws)
        images[start : start + CHUNK] = _ink(x, y, draws)
    return images


@dataclass(frozen=True)
class _Tables:
    """STYLES compiled: the spline through a style's nodes as four weighted nodes for each pen position."""

    first: NDArray[np.intp]  # (10,)                   row of a digit's first style
    count: NDArray[np.intp]  # (10,)                   how many it has
    nodes: NDArray[np.float64]  # (styles, 2, NODES)   x and y
    index: NDArray[np.intp]  # (styles, 4, POINTS)     which nodes
    weight: NDArray[np.float64]  # (styles, 4, POINTS) in what proportion


@cache
def _tables() -> _Tables:
    styles = [style for digit in range(10) for style in STYLES[digit]]
    count = np.array([len(STYLES[digit]) for digit in range(10)])
    nodes = np.zeros((len(styles), 2, NODES))
    index = np.zeros((len(styles), 4, POINTS), np.intp)
    weight = np.zeros((len(styles), 4, POINTS))
    for row, style in enumerate(styles):
        strokes = []
        for text in style.split("|"):
            numbers = [int(word) / 100 for word in text.split()]
            strokes.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
        names = list(dict.fromkeys(node for stroke in strokes for node in stroke))
        nodes[row, :, : len(names)] = np.array(names).T
        _spline([[names.index(node) for node in stroke] for stroke in strokes], nodes[row], index[row], weight[row])
    return _Tables(np.cumsum(count) - count, count, nodes, index, weight)


def _spline(strokes: list[list[int]], nodes: NDArray, index: NDArray, weight: NDArray) -> None:
    """Fill index and weight (4, POINTS) with the Catmull-Rom spline of each stroke, positions shared out by length."""
    spans = []  # four node numbers and the length of the piece between the middle two
    for path in strokes:
        before, after = (path[-2], path[1]) if path[0] == path[-1] else (path[0], path[-1])
        padded = [before, *path, after]
        for four in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
            dx, dy = nodes[:, four[2]] - nodes[:, four[1]]
            spans.append((four, float(np.sqrt(dx * dx + dy * dy))))
    total = math.fsum(length for _, length in spans)  # sum() rounds otherwise since Python 3.12
    for point in range(POINTS):
        along = total * (point + 0.5) / POINTS
        span = 0
        while along > spans[span][1]:
            along -= spans[span][1]
            span += 1
        index[:, point], length = spans[span]
        t = along / length
        weight[:, point] = (
            ((2.0 - t) * t - 1.0) * t / 2.0,
            ((3.0 * t - 5.0) * t * t + 2.0) / 2.0,
            ((4.0 - 3.0 * t) * t + 1.0) * t / 2.0,
            (t - 1.0) * t * t / 2.0,
        )


def _bell(uniform: NDArray) -> NDArray:
    """Thirds added up: (3k, n) uniform -> (k, n) with mean 0, deviation 1 and nothing beyond 3."""
    a, b, c = np.split(uniform, 3)
    return 2.0 * (a + b + c) - 3.0


def _write(digit: NDArray[np.intp], draws: dict[str, NDArray]) -> tuple[NDArray, NDArray]:
    """Pen positions x, y (POINTS, n) of a style picked at random, its nodes unsteady."""
    tables = _tables()
    style = tables.first[digit] + (draws["style"][0] * tables.count[digit]).astype(np.intp)
    nodes = tables.nodes[style].transpose(1, 2, 0) + WOBBLE * _bell(draws["nodes"]).reshape(2, NODES, -1)
    index, weight = tables.index[style].transpose(1, 2, 0), tables.weight[style].transpose(1, 2, 0)
    x, y = (sum(w * np.take_along_axis(axis, i, 0) for i, w in zip(index, weight, strict=True)) for axis in nodes)
    return x, y


def _bend(x: NDArray, y: NDArray, draws: dict[str, NDArray]) -> tuple[NDArray, NDArray]:
    """Free-form deformation: a pushed 4 by 4 lattice, Bernstein polynomials in between (Sederberg and Parry, 1986)."""
    push = BEND * _bell(draws["lattice"]).reshape(2, 4, 4, -1)
    across, down = _bernstein(0.5 + 0.625 * x), _bernstein(0.5 + 0.4 * y)
    for i in range(4):
        for j in range(4):
            basis = across[i] * down[j]
            x, y = x + basis * push[0, i, j], y + basis * push[1, i, j]
    return x, y


def _bernstein(t: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    s = 1.0 - t
    return s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t


def _pose(x: NDArray, y: NDArray, draws: dict[str, NDArray]) -> tuple[NDArray, NDArray]:
    """Stretch, slant and turn about the origin, then put the box around it near the middle of the image, in pixels."""
    width, height, slant, turn = _bell(draws["pose"])
    x, y = x * (1.0 + WIDTH * width), y * (1.0 + HEIGHT * height)
    x = x - (LEAN + SLANT * slant) * y
    half = TURN * turn  # the tangent of half the angle gives sine and cosine by division alone
    cos, sin = (1.0 - half * half) / (1.0 + half * half), 2.0 * half / (1.0 + half * half)
    across, down = draws["place"]
    return _place(cos * x - sin * y, across), _place(sin * x + cos * y, down)


def _place(x: NDArray, where: NDArray) -> NDArray:
    """One axis in pixels, shrunk if too large and shifted no further than the margin allows; where is in 0 to 1."""
    low, high = x.min(axis=0), x.max(axis=0)
    reach = (SIZE - 1) / 2.0 - MARGIN
    scale = np.minimum(UNIT, 2.0 * reach / (high - low + 1e-9))
    room = np.minimum(SHIFT, reach - scale * (high - low) / 2.0)
    return scale * (x - (low + high) / 2.0) + (SIZE - 1) / 2.0 + room * (2.0 * where - 1.0)


def _ink(x: NDArray, y: NDArray, draws: dict[str, NDArray]) -> Images:
    """Images (n, 28, 28) of a round pen drawn through the positions (POINTS, n), fading out across its edge.

    The distance of pixel (u, v) from the path is taken in pen radii, min_p ((u - x_p)^2 + (v - y_p)^2) / r_p^2, so that
    the pen may press harder at one end. The squares are tabled per axis; a pixel costs one addition and one minimum.
    """
    thick, press, soft, dark, grain = draws["pen"]
    radius = THIN + (THICK - THIN) * thick
    along = np.arange(0.5, POINTS)[:, None] / POINTS - 0.5
    inverse = 1.0 / (radius * (1.0 + 0.6 * (press - 0.5) * along))
    pixel = np.arange(float(SIZE))[:, None]
    nearest = np.full((SIZE, SIZE, x.shape[1]), np.inf, np.float32)
    square = np.empty_like(nearest)
    for across, down, inv in zip(x, y, inverse, strict=True):
        u, v = (pixel - across) * inv, (pixel - down) * inv
        np.add((v * v).astype(np.float32)[:, None], (u * u).astype(np.float32)[None], out=square)
        np.minimum(nearest, square, out=nearest)
    edge, peak, noise = (a.astype(np.float32) for a in (radius / (1.0 + soft), 0.75 + 0.3 * dark, GRAIN * grain))
    speckle = 2.0 * draws["grain"].reshape(nearest.shape).astype(np.float32) - 1.0
    ink = np.clip((1.0 - np.sqrt(nearest)) * edge + 0.5, 0.0, 1.0) * peak
    ink = np.clip(ink + noise * speckle, 0.0, 1.0)
    return (255.0 * ink + 0.5).astype(np.uint8).transpose(2, 0, 1)
