"""Images read at other places: moved, turned, tilted, bent."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import convert, floating
from kerasnp.ops.image.filters import gaussian_blur
from kerasnp.ops.image.layout import Layout, array_of, check_rank
from kerasnp.ops.shape import expand_dims, reshape
from kerasnp.random import generator_from
from kerasnp.utils import check

_ORDERS = {"nearest": 0, "bilinear": 1}


class Warp(Operator):
    """y[n, m, c] = x[n] at places[n, :, m], in channel c.     x (n, *space, c)   places (n, len(space), m)"""

    def __init__(self, places, order=1, fill_mode="constant", fill_value=0.0):
        self.places, self.order, self.fill_mode, self.fill_value = places, order, fill_mode, fill_value

    def forward(self, x):
        self.save(x.shape)
        return K.warp(x, self.places, self.order, self.fill_mode, self.fill_value)

    def backward(self, dy):
        return K.warp_grad(dy, self.places, self.saved[0], self.order, self.fill_mode)


def _read(images, places, order, fill_mode, fill_value):
    """`Warp` on images of any type; whole numbers are rounded, halves away from zero."""
    dtype = array_of(images).dtype
    y = Warp(places, order, fill_mode, fill_value)(floating(images))
    return y if dtype.kind == "f" else K.round_half_away(y).astype(dtype)


def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0.0):
    """The inputs read at places between their elements.

    >>> map_coordinates(K.array([0.0, 10.0], "float32"), [[0.25, 0.5, 3.0]], order=1, fill_mode="nearest")
    array([ 2.5,  5. , 10. ], dtype=float32)

    Args:
        inputs: an array of any rank r.
        coordinates: (r, ...), the places along each axis, counted in elements.
        order: 1 mixes the neighbours linearly, 0 takes the nearest; halves are rounded away from zero, as Keras does on
            JAX (on torch to the even neighbour).
        fill_mode: what lies outside: `"constant"` (fill_value), `"nearest"` (a a | a b c | c c), `"wrap"`
            (b c | a b c | a b), `"mirror"` (c b | a b c | b a), `"reflect"` (b a | a b c | c b).
        fill_value: for `"constant"`.

    Returns: an array of the shape of `coordinates[0]`; differentiable in `inputs`.

    Raises: ValueError for coordinates that do not fit, another order or fill_mode.
    """
    x = convert(inputs)
    places = _coordinates(coordinates)
    if places.shape[0] != len(x.shape):
        raise ValueError(
            "map_coordinates: the length of the first axis of `coordinates` must be the same as the rank of `inputs`. "
            f"Received inputs with shape: {tuple(x.shape)} and coordinate leading dim of {places.shape[0]}"
        )
    if places.ndim < 2:
        raise ValueError(
            f"Invalid coordinates rank: expected at least rank 2. Received input with shape: {places.shape}"
        )
    _check_fill(fill_mode)
    if order not in (0, 1):
        raise ValueError(f"Invalid value for argument `order`. Expected one of [0, 1]. Received: order={order}")
    y = _read(expand_dims(expand_dims(x, 0), -1), places.reshape(1, len(places), -1), order, fill_mode, fill_value)
    return reshape(y, places.shape[1:])


def _coordinates(coordinates):
    """Coordinates, given as an array or a list of them, as one array of floats."""
    parts = coordinates if isinstance(coordinates, (list, tuple)) else [coordinates]
    arrays = [array_of(convert(c)) for c in parts]
    places = K.stack(arrays) if isinstance(coordinates, (list, tuple)) else arrays[0]
    return places if places.dtype.kind == "f" else places.astype(K.floatx())


def _check_fill(fill_mode):
    if fill_mode not in K.FILL_MODES:
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Expected of one {set(K.FILL_MODES)}. Received: fill_mode={fill_mode}"
        )


def _order(interpolation):
    if interpolation not in _ORDERS:
        raise ValueError(
            f"Invalid value for argument `interpolation`. Expected of one {set(_ORDERS)}. "
            f"Received: interpolation={interpolation}"
        )
    return _ORDERS[interpolation]


def affine_transform(images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0, data_format=None):
    """Images moved, turned, scaled and sheared: the output at (x, y) is the input at (x', y').

    x' = (a0 x + a1 y + a2) / k and y' = (b0 x + b1 y + b2) / k with k = c0 x + c1 y + 1.

    >>> move_left = [1, 0, 1, 0, 1, 0, 0, 0]
    >>> affine_transform(K.arange(3.0, dtype="float32").reshape(1, 3, 1), move_left).ravel()
    array([1., 2., 0.], dtype=float32)

    Args:
        images: one image or a batch.
        transform: (8,) or (n, 8): a0, a1, a2, b0, b1, b2, c0, c1. Keras on JAX and torch knows c0 = c1 = 0 only.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: what lies outside, see `map_coordinates`.
        fill_value: for `"constant"`.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Raises: ValueError for images of another rank than 3 or 4, transforms of another than 1 or 2, another interpolation or
        fill_mode.
    """
    order = _order(interpolation)
    _check_fill(fill_mode)
    layout = Layout(images, data_format)
    t = array_of(convert(transform))
    if t.ndim not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1, or 2 with a batch axis. Received input with shape: "
            f"transform.shape={t.shape}"
        )
    t = t if t.dtype.kind == "f" else t.astype(K.floatx())
    return layout.restore(_projected(layout.batch, t.reshape(-1, 8), order, fill_mode, fill_value))


def _projected(x, t, order, fill_mode, fill_value):
    """A batch read where the transforms t (n, 8) send its pixels."""
    count, height, width, channels = x.shape
    t = K.broadcast_to(t, (count, 8))
    a0, a1, a2, b0, b1, b2, c0, c1 = (t[:, i, None, None] for i in range(8))
    across, down = K.arange(width, dtype=t.dtype), K.arange(height, dtype=t.dtype)[:, None]
    xs, ys = a0 * across + a1 * down + a2, b0 * across + b1 * down + b2
    if t[:, 6:].any():
        k = c0 * across + c1 * down + 1
        xs, ys = xs / k, ys / k
    places = K.stack([ys, xs], axis=1).reshape(count, 2, height * width)
    y = _read(x, places, order, fill_mode, fill_value)
    return reshape(y, (count, height, width, channels))


def homography(start_points, end_points):
    """The transforms (n, 8) that send `end_points` to `start_points`, both (n, 4, 2) as (x, y)."""
    start, end = (K.asarray(p, K.float64) for p in (start_points, end_points))
    one, zero = K.ones(end.shape[:2]), K.zeros(end.shape[:2])
    (sx, sy), (ex, ey) = K.moveaxis(start, -1, 0), K.moveaxis(end, -1, 0)
    rows_x = K.stack([ex, ey, one, zero, zero, zero, -sx * ex, -sx * ey], axis=-1)
    rows_y = K.stack([zero, zero, zero, ex, ey, one, -sy * ex, -sy * ey], axis=-1)
    system = K.concatenate([rows_x, rows_y], axis=1)
    # Points on a line determine nothing: every place is then far outside.
    flat = K.linalg.det(system) == 0
    system[flat] = K.eye(8)
    t = K.linalg.solve(system, K.concatenate([sx, sy], axis=1)[..., None])[..., 0]
    t[flat] = (0, 0, -1e6, 0, 0, -1e6, 0, 0)
    return t


def perspective_transform(images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None):
    """Images tilted in space, so that what was at `start_points` comes to `end_points`.

    >>> from kerasnp import ops
    >>> corners = [[0, 0], [1, 0], [0, 1], [1, 1]]
    >>> right = [[1, 0], [2, 0], [1, 1], [2, 1]]
    >>> ops.image.perspective_transform([[[1.0], [2.0], [3.0]]], corners, right)[0, :, 0]
    array([0., 1., 2.], dtype=float32)

    Args:
        images: one image or a batch.
        start_points, end_points: (4, 2) or (n, 4, 2): the top left, top right, bottom left and bottom right as (x, y).
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: what lies outside.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.

    Raises: ValueError for points of another shape.
    """
    order = _order(interpolation)
    layout = Layout(images, data_format)
    points = {"start_points": array_of(convert(start_points)), "end_points": array_of(convert(end_points))}
    for name, p in points.items():
        if p.shape[-2:] != (4, 2) or p.ndim not in (2, 3):
            raise ValueError(
                f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
                f"Received shape: {p.shape}"
            )
    start, end = points.values()
    if start.shape != end.shape:
        raise ValueError(
            "start_points and end_points must have the same shape, (4, 2) or (batch, 4, 2). Received "
            f"start_points.shape={start.shape}, end_points.shape={end.shape}"
        )
    t = homography(start.reshape(-1, 4, 2), end.reshape(-1, 4, 2))
    return layout.restore(_projected(layout.batch, t, order, "constant", fill_value))


def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Images bent at random: every pixel is read from a place that smooth noise moved (Simard et al., 2003).

    >>> from kerasnp import ops
    >>> x = ops.reshape(ops.arange(64.0), (8, 8, 1))
    >>> ops.image.elastic_transform(x, seed=1).shape
    (8, 8, 1)
    >>> bool(ops.allclose(ops.image.elastic_transform(x, alpha=0.0, seed=1), x))
    True

    Args:
        images: one image or a batch.
        alpha: how far pixels move.
        sigma: how smooth the noise is, in pixels.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode, fill_value: what lies outside, see `map_coordinates`.
        seed: an integer (the same every time), a SeedGenerator (the next), or None.
        data_format: where the channels are; default `kerasnp.config.image_data_format()`.
    """
    order = _order(interpolation)
    _check_fill(fill_mode)
    check_rank(convert(images))
    layout = Layout(images, data_format)
    count, height, width, channels = layout.batch.shape
    alpha, sigma = float(array_of(convert(alpha))), float(array_of(convert(sigma)))
    noise = K.random.normal(generator_from(seed), (count, height, width, 2), 0.0, sigma, "float32")
    size = int(6 * sigma) | 1
    moved = alpha * gaussian_blur(noise, (size, size), (sigma, sigma), "channels_last")
    down, across = moved[..., 0] + K.arange(height, dtype=K.float32)[:, None], moved[..., 1] + K.arange(width, dtype=K.float32)
    places = K.stack([down, across], axis=1).reshape(count, 2, -1)
    y = _read(layout.batch, places, order, fill_mode, fill_value)
    return layout.restore(reshape(y, (count, height, width, channels)))


def check_interpolation(interpolation, who):
    """`"nearest"` or `"bilinear"`.

    Raises: ValueError for another.
    """
    return check.one_of("interpolation", interpolation, tuple(_ORDERS), who)
