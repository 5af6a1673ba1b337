"""Numpy's further functions: means and differences, products, and reductions that leave NaN out."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.variable import Variable
from kerasnp.ops.arrange import diagonal
from kerasnp.ops.elementwise import (
    alike, cast, clip, convert, divide, floating, floating_operands, maximum, minimum, operands, sin, sqrt, square,
    stop_gradient, where,
)  # fmt: skip
from kerasnp.ops.linear import Matmul, matmul
from kerasnp.ops.reduce import cumsum, mean, prod
from kerasnp.ops.reduce import max as max_
from kerasnp.ops.reduce import min as min_
from kerasnp.ops.reduce import sum as sum_
from kerasnp.ops.shape import GetItem, concatenate, expand_dims, moveaxis, ravel, reshape, stack, swapaxes
from kerasnp.ops.sorting import quantile


class CumProd(Operator):
    """y[i] = x[0] * ... * x[i] along an axis."""

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        self.save(x)
        return K.cumprod(x, axis=self.axis, dtype=x.dtype if x.dtype.kind != "b" else K.int32)

    def backward(self, dy):
        x, dy = (K.moveaxis(v, self.axis, 0) for v in (self.saved[0], dy))
        # dx[i] = (product of the x before i) * s[i], s[i] = dy[i] + x[i + 1] * s[i + 1]: exact where some x are zero.
        dx = K.empty(x.shape, dy.dtype)
        s = K.zeros(x.shape[1:], dy.dtype)
        for i in reversed(range(len(x))):
            s = dy[i] + (x[i + 1] * s if i + 1 < len(x) else 0)
            dx[i] = s
        dx[1:] *= K.cumprod(x, axis=0)[:-1]
        return K.moveaxis(dx, 0, self.axis)


def cumprod(x, axis=None, dtype=None):
    """Running products along an axis (of x as one row without an axis).

    >>> from kerasnp import ops
    >>> ops.cumprod([1, 2, 3, 4])
    array([ 1,  2,  6, 24], dtype=int32)
    """
    x = convert(x) if dtype is None else cast(x, dtype)
    return CumProd(0)(ravel(x)) if axis is None else CumProd(axis)(x)


def average(x, axis=None, weights=None):
    """sum(w * x) / sum(w) over an axis, or the mean without weights.

    >>> from kerasnp import ops
    >>> ops.average([[1.0, 3.0], [2.0, 4.0]], axis=1, weights=[3.0, 1.0])
    array([1.5, 2.5], dtype=float32)

    Args:
        weights: of the shape of x, or one number for each entry of the axis.
    """
    if weights is None:
        return mean(x, axis)
    x, w = floating_operands(convert(x), convert(weights))
    if w.shape != x.shape and not isinstance(axis, int):
        raise ValueError(
            "average: weights of another shape than x need one axis, which they belong to. "
            f"Received: x.shape={tuple(x.shape)}, weights.shape={tuple(w.shape)}, axis={axis}"
        )
    if w.shape != x.shape:
        w = reshape(w, [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    return sum_(x * w, axis) / sum_(w + K.zeros(x.shape, stop_gradient(x).dtype), axis)


def ptp(x, axis=None, keepdims=False):
    """The largest minus the smallest element over the axes.

    >>> from kerasnp import ops
    >>> ops.ptp([[1, 5], [2, 9]], axis=1)
    array([4, 7], dtype=int32)
    """
    return max_(x, axis, keepdims) - min_(x, axis, keepdims)


def diff(a, n=1, axis=-1):
    """Each element minus the one before along an axis, n times.

    >>> from kerasnp import ops
    >>> ops.diff([1, 4, 9, 16]), ops.diff([1, 4, 9, 16], n=2)
    (array([3, 5, 7], dtype=int32), array([2, 2], dtype=int32))
    """
    a = convert(a)
    key = (slice(None),) * (axis % a.ndim)
    for _ in range(n):
        after, before = GetItem((*key, slice(1, None)))(a), GetItem((*key, slice(None, -1)))(a)
        a = K.logical_xor(after, before) if after.dtype == bool else after - before
    return a


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral of y along an axis by the trapezoidal rule, the sum of (y[i] + y[i + 1]) / 2 * (x[i + 1] - x[i]).

    >>> from kerasnp import ops
    >>> ops.trapezoid([[0.0, 1.0, 4.0]], dx=0.5)
    array([1.5], dtype=float32)

    Args:
        x: the places of y, a vector or an array of its shape; by default `dx` apart.
    """
    y = floating(y) if x is None else convert(y)
    if x is not None:
        y, x = floating_operands(y, convert(x))
    y = moveaxis(y, axis, -1)
    if x is not None:
        dx = diff(x if x.ndim == 1 else moveaxis(x, axis, -1))
    return sum_((y[..., 1:] + y[..., :-1]) * dx, -1) / 2


def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The cross product of vectors of three components; of two, the third component alone.

    >>> from kerasnp import ops
    >>> ops.cross([1, 0, 0], [0, 1, 0])
    array([0, 0, 1], dtype=int32)

    Args:
        axisa, axisb, axisc: where the components are in x1, x2 and the result; `axis` sets all three.

    Raises: ValueError for vectors of another length.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = operands(x1, x2)
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError(f"cross expects vectors of two or three components. Received: shapes {a.shape} and {b.shape}")
    (a1, a2, a3), (b1, b2, b3) = ([v[..., i] if i < v.shape[-1] else 0 for i in range(3)] for v in (a, b))
    z = a1 * b2 - a2 * b1
    if a.shape[-1] == b.shape[-1] == 2:
        return z
    return moveaxis(stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, z], -1), -1, axisc)


def inner(x1, x2):
    """The sums of products over the last axes.     x1 (..., n)   x2 (m, n)   ->   (..., m)

    >>> from kerasnp import ops
    >>> ops.inner([[1, 2], [3, 4]], [10, 1])
    array([12, 34], dtype=int32)
    """
    a, b = alike((x1, x2))
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"inner: the last dimension of both arrays must agree. Received: shapes {tuple(a.shape)} and {tuple(b.shape)}"
        )
    flat = Matmul()(reshape(a, (-1, a.shape[-1])), swapaxes(reshape(b, (-1, b.shape[-1])), 0, 1))
    return reshape(flat, (*a.shape[:-1], *b.shape[:-1]))


def vdot(x1, x2):
    """The sum of the products of all elements.

    >>> from kerasnp import ops
    >>> ops.vdot([[1, 2], [3, 4]], [[1, 0], [0, 1]])
    array(5, dtype=int32)
    """
    return Matmul()(*alike((ravel(x1), ravel(x2))))


def cdist(x, y):
    """The Euclidean distances between the rows of x and of y.     x (..., n, d)   y (..., m, d)   ->   (..., n, m)

    >>> from kerasnp import ops
    >>> ops.cdist([[0.0, 0.0], [3.0, 0.0]], [[0.0, 4.0]])
    array([[4.],
           [5.]], dtype=float32)
    """
    d = square(expand_dims(floating(x), -2) - expand_dims(floating(y), -3))
    total = sum_(d, -1)
    # At distance 0 the root has no slope; 0 is taken.
    zero = stop_gradient(total) == 0
    return where(zero, 0, sqrt(where(zero, 1, total)))


def corrcoef(x):
    """The correlation coefficients of the rows of x, from -1 to 1.     x (n, samples)   ->   (n, n)

    >>> from kerasnp import ops
    >>> ops.corrcoef([[1.0, 2.0, 3.0], [6.0, 4.0, 2.0]]).round(3)
    array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    x = floating(x)
    x = reshape(x, (1, -1)) if x.ndim == 1 else x
    centred = x - mean(x, 1, keepdims=True)
    c = matmul(centred, swapaxes(centred, 0, 1))
    size = sqrt(diagonal(c))
    y = clip(c / size[:, None] / size[None, :], -1, 1)
    return reshape(y, ()) if y.shape == (1, 1) else y


def correlate(x1, x2, mode="valid"):
    """y[k] = sum over i of x1[k + i] * x2[i]: a vector laid over every place of another.

    >>> from kerasnp import ops
    >>> ops.correlate([1, 2, 3, 4], [1, 10])
    array([21., 32., 43.], dtype=float32)

    Args:
        mode: `"valid"`: where they overlap entirely; `"same"`: as long as x1; `"full"`: where they overlap at all.

    Raises: ValueError for another mode.
    """
    a, v = floating_operands(convert(x1), convert(x2))
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError(f"correlate: both arrays must have one axis. Received: shapes {tuple(a.shape)} and {tuple(v.shape)}")
    n, m = a.shape[0], v.shape[0]
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"correlate: mode must be 'valid', 'same' or 'full'. Received: mode={mode!r}")
    if n < m:
        return correlate(v, a, mode)[::-1]
    zeros = K.zeros(m - 1, stop_gradient(a).dtype)
    padded = concatenate([zeros, a, zeros])
    full = matmul(padded[K.arange(n + m - 1)[:, None] + K.arange(m)], v)
    cut = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[mode]
    length = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    if mode == "same":
        cut = m // 2 if m % 2 else m // 2 - 1
    return full[cut : cut + length]


def sinc(x):
    """sin(pi x) / (pi x), 1 at 0.

    >>> from kerasnp import ops
    >>> ops.sinc([0.0, 0.5, 1.5]).round(3)
    array([ 1.   ,  0.637, -0.212], dtype=float32)
    """
    x = floating(x)
    zero = stop_gradient(x) == 0
    t = where(zero, 1, x) * K.pi
    return where(zero, 1, sin(t) / t)


def divide_no_nan(x1, x2):
    """x1 / x2, 0 where x2 is 0.

    >>> from kerasnp import ops
    >>> ops.divide_no_nan([1.0, 0.0, 3.0], [0.0, 0.0, 2.0])
    array([0. , 0. , 1.5], dtype=float32)
    """
    a, b = operands(x1, x2)
    zero = stop_gradient(b) == 0
    return where(zero, 0, divide(a, where(zero, 1, b)))


def fabs(x):
    """|x| as a float.

    >>> from kerasnp import ops
    >>> ops.fabs([-3, 2])
    array([3., 2.], dtype=float32)
    """
    return abs(floating(x))


def fmax(x1, x2):
    """The larger of x1 and x2, a NaN giving way to a number.

    >>> from kerasnp import ops
    >>> ops.fmax([1.0, float("nan")], [0.0, 2.0])
    array([1., 2.], dtype=float32)
    """
    a, b = operands(x1, x2)
    return where(K.isnan(stop_gradient(a)), b, where(K.isnan(stop_gradient(b)), a, maximum(a, b)))


def fmin(x1, x2):
    """The smaller of x1 and x2, a NaN giving way to a number.

    >>> from kerasnp import ops
    >>> ops.fmin([1.0, float("nan")], [0.0, 2.0])
    array([0., 2.], dtype=float32)
    """
    a, b = operands(x1, x2)
    return where(K.isnan(stop_gradient(a)), b, where(K.isnan(stop_gradient(b)), a, minimum(a, b)))


def heaviside(x1, x2):
    """0 for x1 < 0, x2 at 0, 1 above.

    >>> from kerasnp import ops
    >>> ops.heaviside([-2.0, 0.0, 3.0], 0.5)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    a, b = floating_operands(convert(x1), x2)
    values = stop_gradient(a)
    return where(values == 0, b, (values > 0).astype(values.dtype))


def ldexp(x1, x2):
    """x1 times 2 to the power x2.

    >>> from kerasnp import ops
    >>> ops.ldexp([1.5, 3.0], [4, -1])
    array([24. ,  1.5], dtype=float32)
    """
    a = floating(x1)
    return a * K.exp2(stop_gradient(x2).astype(stop_gradient(a).dtype))


def nextafter(x1, x2):
    """The next number after x1 towards x2; no gradient passes.

    >>> from kerasnp import ops
    >>> one = ops.ones((1,))
    >>> ops.nextafter(one, 2.0) - one
    array([1.1920929e-07], dtype=float32)
    """
    a, b = (x.value if isinstance(x, Variable) else x for x in floating_operands(x1, x2))
    return K.nextafter(a, b)


def isposinf(x):
    """Element by element: whether x is infinity.

    >>> from kerasnp import ops
    >>> ops.isposinf([1.0, float("inf"), float("-inf")])
    array([False,  True, False])
    """
    return stop_gradient(x) == K.inf


def isneginf(x):
    """Element by element: whether x is minus infinity.

    >>> from kerasnp import ops
    >>> ops.isneginf([1.0, float("inf"), float("-inf")])
    array([False, False,  True])
    """
    return stop_gradient(x) == -K.inf


def isreal(x):
    """Element by element: whether x has no imaginary part.

    >>> from kerasnp import ops
    >>> ops.isreal([1 + 0j, 2j])
    array([ True, False])
    """
    return K.imag(stop_gradient(x)) == 0


def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether |x1 - x2| <= atol + rtol * |x2| for all elements.

    >>> from kerasnp import ops
    >>> bool(ops.allclose([1.0, 2.0], [1.0, 2.000001])), bool(ops.allclose([1.0], [1.1]))
    (True, False)
    """
    return K.asarray(K.isclose(stop_gradient(x1), stop_gradient(x2), rtol, atol, equal_nan).all())


def saturate_cast(x, dtype):
    """x in another dtype, numbers beyond its range at its limits.

    >>> from kerasnp import ops
    >>> ops.saturate_cast([-5.0, 99.0, 300.0], "uint8")
    array([  0,  99, 255], dtype=uint8)
    """
    kind = K.storage_dtype(dtype)
    if kind.kind == "b":
        return cast(x, dtype)
    limits = K.finfo(kind) if kind.kind == "f" else K.iinfo(kind)
    values = stop_gradient(x)
    if values.dtype.kind == "f" and kind.kind != "f":
        # The limit as a float may round up beyond the integer; take the float below.
        high = K.nextafter(values.dtype.type(limits.max), values.dtype.type(0)) if limits.max > 2**23 else limits.max
        rounded = K.clip(values, values.dtype.type(limits.min), high).astype(kind)
        return K.where(values >= values.dtype.type(limits.max), kind.type(limits.max), rounded)
    if values.dtype.kind != "f" and kind.kind != "f":
        own = K.iinfo(values.dtype) if values.dtype.kind != "b" else K.iinfo(K.int32)
        low, high = max(int(limits.min), int(own.min)), min(int(limits.max), int(own.max))
        return K.clip(values, low, high).astype(kind) if values.dtype.kind != "b" else values.astype(kind)
    return cast(clip(x, float(limits.min), float(limits.max)), dtype)


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """x with NaN and the infinities replaced, the latter by the largest and smallest number by default.

    >>> from kerasnp import ops
    >>> ops.nan_to_num([1.0, float("nan"), float("inf")], nan=-1.0, posinf=9.0).tolist()
    [1.0, -1.0, 9.0]
    """
    x = convert(x)
    values = stop_gradient(x)
    if values.dtype.kind != "f":
        return x
    limits = K.finfo(values.dtype)
    x = where(K.isnan(values), nan, x)
    # Numbers of the array's type: NumPy 1 makes a wider one of Python's largest floats.
    x = where(values == K.inf, K.asarray(limits.max if posinf is None else posinf, values.dtype), x)
    return where(values == -K.inf, K.asarray(limits.min if neginf is None else neginf, values.dtype), x)


def _without_nan(x, filler):
    x = convert(x)
    if stop_gradient(x).dtype.kind != "f":
        return x, K.ones(x.shape, bool)
    return where(K.isnan(stop_gradient(x)), filler, x), ~K.isnan(stop_gradient(x))


def nansum(x, axis=None, keepdims=False):
    """The sum over the axes, NaN left out.

    >>> from kerasnp import ops
    >>> ops.nansum([[1.0, float("nan")], [2.0, 3.0]], axis=1)
    array([1., 5.], dtype=float32)
    """
    return sum_(_without_nan(x, 0)[0], axis, keepdims)


def nanprod(x, axis=None, keepdims=False):
    """The product over the axes, NaN left out.

    >>> from kerasnp import ops
    >>> ops.nanprod([[4.0, float("nan")], [2.0, 3.0]], axis=1)
    array([4., 6.], dtype=float32)
    """
    return prod(_without_nan(x, 1)[0], axis, keepdims)


def nancumsum(x, axis=None, dtype=None):
    """Running sums along an axis, NaN left out.

    >>> from kerasnp import ops
    >>> ops.nancumsum([1.0, float("nan"), 2.0])
    array([1., 1., 3.], dtype=float32)
    """
    return cumsum(_without_nan(x, 0)[0], axis, dtype)


def nancumprod(x, axis=None, dtype=None):
    """Running products along an axis, NaN left out.

    >>> from kerasnp import ops
    >>> ops.nancumprod([3.0, float("nan"), 2.0])
    array([3., 3., 6.], dtype=float32)
    """
    return cumprod(_without_nan(x, 1)[0], axis, dtype)


def nanmean(x, axis=None, keepdims=False):
    """The mean over the axes, NaN left out.

    >>> from kerasnp import ops
    >>> ops.nanmean([[1.0, float("nan")], [2.0, 3.0]], axis=1)
    array([1. , 2.5], dtype=float32)
    """
    x, known = _without_nan(floating(x), 0)
    axis = tuple(axis) if isinstance(axis, list) else axis
    return divide(sum_(x, axis, keepdims), known.sum(axis=axis, keepdims=keepdims).astype(stop_gradient(x).dtype))


def nanvar(x, axis=None, keepdims=False):
    """The (population) variance over the axes, NaN left out.

    >>> from kerasnp import ops
    >>> ops.nanvar([[1.0, float("nan")], [2.0, 4.0]], axis=1)
    array([0., 1.], dtype=float32)
    """
    x, known = _without_nan(floating(x), 0)
    axis = tuple(axis) if isinstance(axis, list) else axis
    dtype = stop_gradient(x).dtype
    # Counted by hand: a NaN would turn even a gradient of zero into NaN.
    m = divide(sum_(x, axis, True), known.sum(axis=axis, keepdims=True).astype(dtype))
    total = sum_(square(where(known, x - m, 0)), axis, keepdims)
    return divide(total, known.sum(axis=axis, keepdims=keepdims).astype(dtype))


def nanstd(x, axis=None, keepdims=False):
    """The (population) standard deviation over the axes, NaN left out.

    >>> from kerasnp import ops
    >>> ops.nanstd([[1.0, float("nan")], [2.0, 4.0]], axis=1)
    array([0., 1.], dtype=float32)
    """
    return sqrt(nanvar(x, axis, keepdims))


def _extreme(x, axis, keepdims, reduce, filler):
    x, known = _without_nan(x, filler)
    axis = tuple(axis) if isinstance(axis, list) else axis
    if stop_gradient(x).dtype.kind != "f":
        return reduce(x, axis, keepdims)
    return where(known.any(axis=axis, keepdims=keepdims), reduce(x, axis, keepdims), K.nan)


def nanmax(x, axis=None, keepdims=False):
    """The largest element over the axes, NaN left out.

    NaN where all elements are NaN.

    >>> from kerasnp import ops
    >>> ops.nanmax([[1.0, float("nan")], [2.0, 3.0]], axis=1)
    array([1., 3.], dtype=float32)
    """
    return _extreme(x, axis, keepdims, max_, -K.inf)


def nanmin(x, axis=None, keepdims=False):
    """The smallest element over the axes, NaN left out.

    NaN where all elements are NaN.

    >>> from kerasnp import ops
    >>> ops.nanmin([[1.0, float("nan")], [2.0, 3.0]], axis=1)
    array([1., 2.], dtype=float32)
    """
    return _extreme(x, axis, keepdims, min_, K.inf)


def _arg_extreme(x, axis, keepdims, find, filler):
    values, known = (stop_gradient(v) for v in _without_nan(floating(x), filler))
    index = K.asarray(find(values, axis=axis, keepdims=keepdims), K.int32)
    return K.asarray(K.where(known.any(axis=axis, keepdims=keepdims), index, -1), K.int32)


def nanargmax(x, axis=None, keepdims=False):
    """Index of the first largest element along an axis, NaN left out; -1 where all are NaN.

    >>> from kerasnp import ops
    >>> ops.nanargmax([[float("nan"), 1.0, 5.0], [float("nan")] * 3], axis=1)
    array([ 2, -1], dtype=int32)
    """
    return _arg_extreme(x, axis, keepdims, K.argmax, -K.inf)


def nanargmin(x, axis=None, keepdims=False):
    """Index of the first smallest element along an axis, NaN left out; -1 where all are NaN.

    >>> from kerasnp import ops
    >>> ops.nanargmin([[float("nan"), 1.0, 5.0], [float("nan")] * 3], axis=1)
    array([ 1, -1], dtype=int32)
    """
    return _arg_extreme(x, axis, keepdims, K.argmin, K.inf)


def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """The value below which a share q of the elements lies, NaN left out.

    NaN where all elements are NaN; for the methods see `quantile`.

    >>> from kerasnp import ops
    >>> ops.nanquantile([[1.0, 2.0, 3.0, float("nan")]], 0.5, axis=1).tolist()
    [2.0]
    """
    x, q = floating(x), stop_gradient(q)
    axes = (
        tuple(range(x.ndim)) if axis is None else tuple(a % x.ndim for a in ([axis] if isinstance(axis, int) else axis))
    )
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = reshape(moveaxis(x, axes, range(-len(axes), 0)), (-1, int(K.prod([x.shape[a] for a in axes], dtype=int))))
    known = ~K.isnan(stop_gradient(rows))
    nothing = K.full(q.shape, K.nan, stop_gradient(x).dtype)
    parts = [quantile(rows[i][known[i]], q, 0, method) if known[i].any() else nothing for i in range(len(rows))]
    y = reshape(stack(parts, -1), (*q.shape, *(x.shape[a] for a in kept)))
    return expand_dims(y, tuple(a + q.ndim for a in axes)) if keepdims else y


def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """The value below which q percent of the elements lie, NaN left out.

    NaN where all elements are NaN; for the methods see `quantile`.

    >>> from kerasnp import ops
    >>> ops.nanpercentile([[1.0, 2.0, 3.0, float("nan")]], [0, 75], axis=1)
    array([[1. ],
           [2.5]], dtype=float32)
    """
    return nanquantile(x, stop_gradient(q) / 100, axis, method, keepdims)


def nanmedian(x, axis=None, keepdims=False):
    """The middle element over the axes, NaN left out.

    The mean of the two in the middle of an even number; NaN where all elements are NaN.

    >>> from kerasnp import ops
    >>> ops.nanmedian([[1.0, 5.0, 3.0, float("nan")]], axis=1).tolist()
    [3.0]
    """
    return nanquantile(x, 0.5, axis, "linear", keepdims)
