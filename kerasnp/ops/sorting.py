"""Order and counting: sorting, quantiles, membership, histograms, segments."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.ops.arrange import Scatter
from kerasnp.ops.elementwise import convert, floating, stop_gradient, where
from kerasnp.ops.reduce import sum as sum_
from kerasnp.ops.shape import expand_dims, moveaxis, ravel, reshape, take, take_along_axis


class SegmentReduction(Operator):
    """y[s] = the largest, smallest, or product of the entries x[i] with ids[i] = s; an empty segment has `empty`."""

    ufunc: object = None
    empty: object = None

    def __init__(self, ids, count):
        self.ids, self.count = ids, count

    def forward(self, x):
        y = K.full((self.count, *x.shape[1:]), self.empty(x.dtype), x.dtype)
        self.ufunc.at(y, self.ids, x)
        self.save(x, y)
        return y


class SegmentMax(SegmentReduction):
    """y[s] = max of the x[i] with ids[i] = s; the gradient is shared evenly among equals."""

    ufunc: object = K.maximum

    @staticmethod
    def empty(dtype):
        return -K.inf if dtype.kind == "f" else dtype.kind != "b" and K.iinfo(dtype).min

    def backward(self, dy):
        x, y = self.saved
        chosen = (x == y[self.ids]).astype(dy.dtype)
        counts = K.zeros(y.shape, dy.dtype)
        K.add.at(counts, self.ids, chosen)
        return chosen * (dy / K.maximum(counts, 1))[self.ids]


class SegmentMin(SegmentMax):
    """y[s] = min of the x[i] with ids[i] = s; the gradient is shared evenly among equals."""

    ufunc: object = K.minimum

    @staticmethod
    def empty(dtype):
        return K.inf if dtype.kind == "f" else dtype.kind == "b" or K.iinfo(dtype).max


class SegmentProd(SegmentReduction):
    """y[s] = product of the x[i] with ids[i] = s, 1 for none."""

    ufunc = K.multiply

    @staticmethod
    def empty(dtype):
        return 1

    def backward(self, dy):
        x, _ = self.saved
        dx = K.zeros(x.shape, dy.dtype)
        for i, s in enumerate(self.ids):
            others = self.ids == s
            others[i] = False
            if 0 <= s < self.count:
                dx[i] = dy[s] * K.prod(x[others], axis=0)
        return dx


def sort(x, axis=-1):
    """x in rising order along an axis (of x as one row for None).

    >>> from kerasnp import ops
    >>> ops.sort([[3, 1, 2], [9, 7, 8]])
    array([[1, 2, 3],
           [7, 8, 9]], dtype=int32)
    """
    x = convert(x)
    if axis is None:
        x, axis = ravel(x), 0
    return take_along_axis(x, K.argsort(stop_gradient(x), axis=axis, kind="stable"), axis)


def top_k(x, k, sorted=True):
    """The k largest elements of the last axis, largest first, and their indices.

    Of equal elements the first comes first.     x (..., n)   ->   (..., k), (..., k), the indices int32

    >>> from kerasnp import ops
    >>> values, indices = ops.top_k([0.1, 0.7, 0.2], k=2)
    >>> values, indices
    (array([0.7, 0.2], dtype=float32), array([1, 2], dtype=int32))
    """
    x = convert(x)
    # Counted from the end, so that of equals the first comes first.
    values = stop_gradient(x)
    order = values.shape[-1] - 1 - K.argsort(values[..., ::-1], axis=-1, kind="stable")[..., ::-1][..., :k]
    return take_along_axis(x, order, -1), order.astype(K.int32)


def in_top_k(targets, predictions, k):
    """Whether each target class is among the k largest predictions of its row; equals of the k-th count as in.

    A target of infinite or NaN score is not in.     targets (n,)   predictions (n, classes)   ->   (n,) booleans

    >>> from kerasnp import ops
    >>> ops.in_top_k([2, 0], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]], k=2)
    array([ True, False])
    """
    targets, predictions = stop_gradient(targets), stop_gradient(predictions)
    chosen = K.take_along_axis(predictions, targets[..., None].astype(K.int64), -1)
    return ((predictions > chosen).sum(axis=-1) < k) & K.isfinite(chosen[..., 0])


def argpartition(x, kth, axis=-1):
    """Indices that put the kth element in its sorted place, smaller ones before it, int32.

    In what order the others come is not told.

    >>> from kerasnp import ops
    >>> x = ops.array([30, 10, 20])
    >>> int(x[ops.argpartition(x, 1)[1]])
    20
    """
    return K.argpartition(stop_gradient(x), kth, axis).astype(K.int32)


def searchsorted(sorted_sequence, values, side="left"):
    """Where each value would be inserted to keep the sequence sorted, int32.

    >>> from kerasnp import ops
    >>> ops.searchsorted([10, 20, 30], [5, 20, 99]), ops.searchsorted([10, 20, 30], [20], side="right")
    (array([0, 1, 3], dtype=int32), array([2], dtype=int32))

    Args:
        side: of equal elements, the place before the first (`"left"`) or after the last (`"right"`).
    """
    return K.asarray(K.searchsorted(stop_gradient(sorted_sequence), stop_gradient(values), side), K.int32)


def digitize(x, bins):
    """The i with bins[i - 1] <= x < bins[i], int32: 0 below the first of the rising edges, len(bins) from the last on.

    >>> from kerasnp import ops
    >>> ops.digitize([0.5, 1.0, 9.0], bins=[0.0, 1.0, 2.0])
    array([1, 2, 3], dtype=int32)
    """
    return K.asarray(K.digitize(stop_gradient(x), stop_gradient(bins)), K.int32)


def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each integer occurs along the last axis, or the sum of its weights.

    >>> from kerasnp import ops
    >>> ops.bincount([0, 1, 1, 3]), ops.bincount([0, 1, 1], weights=[0.5, 1.0, 2.0])
    (array([1, 2, 0, 1], dtype=int32), array([0.5, 3. ], dtype=float32))

    Args:
        weights: of the shape of x.
        minlength: the least number of counts.
    """
    x = stop_gradient(x)
    length = max(int(x.max()) + 1 if x.size else 0, minlength or 0)
    hot = x[..., None] == K.arange(length)
    if weights is None:
        return hot.sum(axis=-2, dtype=K.int32)
    return sum_(expand_dims(convert(weights), -1) * hot, axis=-2)


def histogram(x, bins=10, range=None):
    """Counts of x in bins of equal width, and the edges between them.

    >>> from kerasnp import ops
    >>> counts, edges = ops.histogram([1.0, 2.0, 2.0, 5.0], bins=2)
    >>> counts, edges
    (array([3, 1], dtype=int32), array([1., 3., 5.], dtype=float32))

    Args:
        bins: how many.
        range: (lowest, highest), by default those of x; what lies outside is not counted.

    Raises: ValueError for an x of several axes, or other `bins` or `range`.
    """
    x = stop_gradient(x)
    if x.ndim != 1:
        raise ValueError(f"histogram: Input tensor must be 1-dimensional. Received: x.shape={x.shape}")
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 0:
        raise ValueError(f"histogram: Argument `bins` should be a non-negative integer. Received: bins={bins!r}")
    if range is not None and (not isinstance(range, (tuple, list)) or len(range) != 2 or range[0] > range[1]):
        raise ValueError(
            "histogram: Argument `range` must be a tuple of two elements, the lowest and the highest. "
            f"Received: range={range!r}"
        )
    counts, edges = K.histogram(stop_gradient(x), bins=bins, range=range)
    return counts.astype(K.int32), edges.astype(K.storage_dtype(K.floatx()))


def unique(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, fill_value=None
):
    """The different elements (or entries along an axis) in rising order, each NaN one of its own; with `size`, cut or
    filled to that many.

    The indices of first places, the indices that restore x, and the counts come after it where asked for, int32.

    >>> from kerasnp import ops
    >>> ops.unique([3, 1, 3, 2], return_counts=True)
    (array([1, 2, 3], dtype=int32), array([1, 1, 2], dtype=int32))
    """
    found = K.unique(
        stop_gradient(x),
        return_index=return_index,
        return_inverse=return_inverse,
        return_counts=return_counts,
        axis=axis,
        equal_nan=False,
    )
    parts = list(found) if isinstance(found, tuple) else [found]
    parts[1:] = [p.astype(K.int32) for p in parts[1:]]
    if size is not None and return_counts:
        counts = K.zeros(size, K.int32)
        counts[: len(parts[-1])] = parts[-1][:size]
        parts[-1] = counts
    if size is not None:
        along = axis or 0
        values = parts[0]
        missing = size - values.shape[along]
        if missing > 0:
            filler = K.take(values, [0] * missing, along) if fill_value is None else None
            shape = [missing if a == along else n for a, n in enumerate(values.shape)]
            filler = K.full(shape, fill_value, values.dtype) if filler is None else filler
            parts[0] = K.concatenate([values, filler], along)
        else:
            parts[0] = K.take(values, K.arange(size), along)
    return tuple(parts) if len(parts) > 1 else parts[0]


def _unique_symbolic(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, fill_value=None
):
    """How many different elements there are is open."""
    shape = (size,) if axis is None else tuple(size if a == axis % x.ndim else n for a, n in enumerate(x.shape))
    along = x.size if axis is None else x.shape[axis]
    parts = [KerasTensor(shape, x.dtype)]
    parts += [KerasTensor((n,), "int32") for n, asked in ((size, return_index), (along, return_inverse)) if asked]
    parts += [KerasTensor((size,), "int32")] * return_counts
    return tuple(parts) if len(parts) > 1 else parts[0]


unique.symbolic = _unique_symbolic


def isin(x1, x2, assume_unique=False, invert=False):
    """Whether each element of x1 is among those of x2.

    >>> from kerasnp import ops
    >>> ops.isin([1, 2, 3], [3, 1])
    array([ True, False,  True])
    """
    return K.isin(stop_gradient(x1), stop_gradient(x2), assume_unique=assume_unique, invert=invert)


def nonzero(x):
    """The indices of the elements that are not zero, one array per axis, int32.

    >>> from kerasnp import ops
    >>> ops.nonzero([[0, 5], [6, 0]])
    (array([0, 1], dtype=int32), array([1, 0], dtype=int32))
    """
    return tuple(i.astype(K.int32) for i in K.nonzero(stop_gradient(x)))


nonzero.symbolic = lambda x: tuple(KerasTensor((None,), "int32") for _ in x.shape)


def count_nonzero(x, axis=None):
    """How many elements are not zero, over the axes.

    >>> from kerasnp import ops
    >>> ops.count_nonzero([[0, 5], [6, 7]], axis=1)
    array([1, 2], dtype=int32)
    """
    return K.asarray((stop_gradient(x) != 0).sum(axis=axis), K.int32)


def unravel_index(indices, shape):
    """Positions in an array of `shape` from positions in its elements as one row.

    >>> from kerasnp import ops
    >>> ops.unravel_index([0, 5], (2, 3))
    (array([0, 1], dtype=int32), array([0, 2], dtype=int32))
    """
    return tuple(i.astype(K.int32) for i in K.unravel_index(stop_gradient(indices), shape))


def quantile(x, q, axis=None, method="linear", keepdims=False):
    """The value below which a share q of the elements lies; the axis of several q comes first.

    >>> from kerasnp import ops
    >>> ops.quantile([1.0, 2.0, 3.0, 4.0], [0.25, 0.5])
    array([1.75, 2.5 ], dtype=float32)

    Args:
        method: between two elements, `"linear"`, `"lower"`, `"higher"`, `"midpoint"` or `"nearest"`.

    Raises: ValueError for another method.
    """
    x, q = floating(x), stop_gradient(q)
    axes = (
        tuple(range(x.ndim)) if axis is None else tuple(a % x.ndim for a in ([axis] if isinstance(axis, int) else axis))
    )
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = sort(reshape(moveaxis(x, axes, range(-len(axes), 0)), [*(x.shape[a] for a in kept), -1]))
    place = K.asarray(q, K.float64).reshape(-1) * (rows.shape[-1] - 1)
    low, high = K.floor(place), K.ceil(place)
    share = {
        "linear": place - low,
        "lower": 0 * place,
        "higher": K.ceil(place - low),
        "midpoint": 0.5 * K.ceil(place - low),
        "nearest": K.round(place) - low,
    }
    if method not in share:
        raise ValueError(f"quantile: method must be one of {', '.join(map(repr, share))}. Received: method={method!r}")
    weight = K.asarray(share[method], stop_gradient(x).dtype)
    low, high = take(rows, low.astype(int), -1), take(rows, high.astype(int), -1)
    # Infinity times nothing would be NaN.
    y = moveaxis(where(weight == 1, 0, low) * (1 - weight) + where(weight == 0, 0, high) * weight, -1, 0)
    y = reshape(y, (*q.shape, *y.shape[1:]))
    return expand_dims(y, tuple(a + q.ndim for a in axes)) if keepdims else y


def percentile(x, q, axis=None, method="linear", keepdims=False):
    """The value below which q percent of the elements lie; `quantile` of q / 100.

    >>> from kerasnp import ops
    >>> ops.percentile([1.0, 2.0, 3.0, 4.0], [0, 50, 100])
    array([1. , 2.5, 4. ], dtype=float32)
    """
    return quantile(x, stop_gradient(q) / 100, axis, method, keepdims)


def median(x, axis=None, keepdims=False):
    """The middle element over the axes, or the mean of the two in the middle.

    >>> from kerasnp import ops
    >>> ops.median([[1.0, 9.0, 2.0], [3.0, 4.0, 8.0]], axis=1)
    array([2., 4.], dtype=float32)
    """
    return quantile(x, 0.5, axis, "linear", keepdims)


def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """The sum of the entries of each segment.     data (n, ...)   segment_ids (n,)   ->   (num_segments, ...)

    >>> from kerasnp import ops
    >>> ops.segment_sum([1, 2, 10, 20], [0, 0, 2, 2], num_segments=3)
    array([ 3,  0, 30], dtype=int32)
    """
    ids, count, data = _segments(segment_ids, num_segments, data)
    return Scatter(ids, (count, *data.shape[1:]))(data)


def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """The largest entry of each segment; the lowest number of the type for an empty one.

    >>> from kerasnp import ops
    >>> ops.segment_max([1.0, 2.0, 10.0], [0, 0, 1])
    array([ 2., 10.], dtype=float32)
    """
    ids, count, data = _segments(segment_ids, num_segments, data)
    return SegmentMax(ids, count)(data)


def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """The smallest entry of each segment; the highest number of the type for an empty one.

    >>> from kerasnp import ops
    >>> ops.segment_min([1.0, 2.0, 10.0], [0, 0, 1])
    array([ 1., 10.], dtype=float32)
    """
    ids, count, data = _segments(segment_ids, num_segments, data)
    return SegmentMin(ids, count)(data)


def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    """The product of the entries of each segment; 1 for an empty one.

    >>> from kerasnp import ops
    >>> ops.segment_prod([2, 3, 10], [0, 0, 2], num_segments=3)
    array([ 6,  1, 10], dtype=int32)
    """
    ids, count, data = _segments(segment_ids, num_segments, data)
    return SegmentProd(ids, count)(data)


def _segments_symbolic(data, segment_ids, num_segments=None, sorted=False):
    """As many segments as told, or a number that the ids decide."""
    return KerasTensor((num_segments, *data.shape[1:]), data.dtype)


for function in (segment_sum, segment_max, segment_min, segment_prod):
    function.symbolic = _segments_symbolic


def _segments(ids, count, data):
    """Ids as integers with their entries, those outside the segments left out, as on JAX."""
    ids, data = stop_gradient(ids).astype(int), convert(data)
    if ids.ndim != 1 or ids.shape[0] != data.shape[0]:
        raise ValueError(
            "Argument `segment_ids` should be an 1-D vector, a number for each entry of `data`: "
            "Argument `segment_ids` and `data` should have same leading dimension. "
            f"Received: segment_ids.shape={ids.shape}, data.shape={tuple(data.shape)}"
        )
    count = int(ids.max(initial=-1)) + 1 if count is None else count
    inside = (ids >= 0) & (ids < count)
    return (ids, count, data) if inside.all() else (ids[inside], count, take(data, K.nonzero(inside)[0], axis=0))
