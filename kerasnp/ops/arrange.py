"""Rearranging, cutting and overwriting arrays."""

import builtins

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import alike, convert, maximum, minimum, multiply, operands, stop_gradient, where
from kerasnp.ops.reduce import sum as sum_
from kerasnp.ops.shape import (
    GetItem, concatenate, expand_dims, flip, moveaxis, ravel, reshape, split, squeeze, swapaxes, transpose,
)  # fmt: skip
from kerasnp.utils import check


class Scatter(Operator):
    """y = zeros with every value added at its index.     values (n, ...)   ->   y `shape`"""

    def __init__(self, indices, shape):
        self.indices, self.shape = indices, shape

    def forward(self, values):
        y = K.zeros(self.shape, values.dtype)
        K.add.at(y, self.indices, values)
        return y

    def backward(self, dy):
        return dy[self.indices]


class Update(Operator):
    """y = x, but for y[key] = u; an element written twice keeps the last."""

    def __init__(self, key):
        self.key = key

    def forward(self, x, u):
        y = K.array(x)
        y[self.key] = u
        self.save(x.shape, u.shape)
        return y

    def backward(self, dy):
        shape, u_shape = self.saved
        dx = du = None
        if self.wants(0):
            dx = K.array(dy)
            dx[self.key] = 0
        if self.wants(1):
            # What was overwritten by a later write has no part in y.
            writer = K.full(shape, -1)
            order = K.arange(K.prod(u_shape, dtype=int)).reshape(u_shape)
            writer[self.key] = order
            du = K.where(writer[self.key] == order, dy[self.key], dy.dtype.type(0))
        return dx, du


def slice(inputs, start_indices, shape):
    """The part of `inputs` of `shape` that begins at `start_indices`; a length of -1 reaches to the end.

    >>> from kerasnp import ops
    >>> x = ops.reshape(ops.arange(12), (3, 4))
    >>> ops.slice(x, (1, 2), (2, 2))
    array([[ 6,  7],
           [10, 11]], dtype=int32)

    Raises: ValueError where there are not as many indices and lengths as axes.
    """
    inputs = convert(inputs)
    starts, lengths = ([int(i) for i in stop_gradient(v)] for v in (start_indices, shape))
    if not len(starts) == len(lengths) == inputs.ndim:
        raise ValueError(
            "slice: the number of dimensions in `start_indices` must match the number of dimensions in `inputs`, and the "
            "number of dimensions in `inputs` must match the number of dimensions in `shape`. "
            f"Received: inputs.shape={tuple(inputs.shape)}, start_indices={starts}, shape={lengths}"
        )
    return GetItem(tuple(builtins.slice(i, None if n == -1 else i + n) for i, n in zip(starts, lengths)))(inputs)


def slice_update(inputs, start_indices, updates):
    """`inputs` with `updates` written over the part that begins at `start_indices`.

    >>> from kerasnp import ops
    >>> ops.slice_update(ops.zeros((3, 3)), (1, 1), ops.ones((2, 2)))
    array([[0., 0., 0.],
           [0., 1., 1.],
           [0., 1., 1.]], dtype=float32)
    """
    inputs, updates = operands(inputs, updates)
    starts = [int(i) for i in stop_gradient(start_indices)]
    return Update(tuple(_span(i, n) for i, n in zip(starts, updates.shape, strict=True)))(inputs, updates)


def _span(start, length):
    return builtins.slice(start, start + length)


def scatter(indices, values, shape):
    """Zeros of `shape` with every value added at its index.     indices (n, d)   values (n, ...)

    >>> from kerasnp import ops
    >>> ops.scatter([[1], [3], [1]], [10, 20, 5], (5,))
    array([ 0, 15,  0, 20,  0], dtype=int32)
    """
    return Scatter(_index(indices), tuple(shape))(convert(values))


def scatter_update(inputs, indices, updates, reduction=None):
    """`inputs` with `updates` (n, ...) written at `indices` (n, d), or combined with what is there.

    >>> from kerasnp import ops
    >>> ops.scatter_update([1, 1, 1], [[0], [2]], [7, 9])
    array([7, 1, 9], dtype=int32)
    >>> ops.scatter_update([1, 1, 1], [[0], [0]], [7, 9], "add")
    array([17,  1,  1], dtype=int32)

    Args:
        reduction: None (the last update wins), `"add"`, `"max"`, `"min"` or `"mul"`.

    Raises: ValueError for another reduction.
    """
    inputs, updates = operands(inputs, updates)
    key = _index(indices)
    check.one_of("reduction", reduction, (None, "add", "max", "min", "mul"), "scatter_update")
    if reduction is None:
        return Update(key)(inputs, updates)
    if reduction == "add":
        return inputs + Scatter(key, inputs.shape)(updates)
    y = inputs
    for i in range(updates.shape[0]):
        here = tuple(k[i] for k in key)
        old, new = GetItem(here)(y), GetItem(i)(updates)
        y = Update(here)(y, _COMBINE[reduction](old, new))
    return y


def _index(indices):
    return tuple(K.moveaxis(stop_gradient(indices), -1, 0))


_COMBINE = {"max": maximum, "min": minimum, "mul": multiply}


def get_item(x, key):
    """x[key].

    >>> from kerasnp import ops
    >>> ops.get_item([[1, 2, 3], [4, 5, 6]], (..., -1))
    array([3, 6], dtype=int32)
    """
    return GetItem(key)(convert(x))


def unstack(x, num=None, axis=0):
    """The entries of x along an axis, as a list.

    >>> from kerasnp import ops
    >>> ops.unstack([[1, 2], [3, 4]], axis=1)
    [array([1, 3], dtype=int32), array([2, 4], dtype=int32)]

    Raises: ValueError where `num` is given and not the length of the axis.
    """
    x = convert(x)
    n = x.shape[check.axis(axis, x.ndim, "unstack")]
    if num not in (None, n):
        raise ValueError(f"unstack: num must be the length of axis {axis}, {n}. Received: num={num}")
    return [squeeze(part, axis) for part in split(x, n, axis)] if n else []


def roll(x, shift, axis=None):
    """x with its elements moved along the axes, those that fall off coming in at the other end.

    >>> from kerasnp import ops
    >>> ops.roll([1, 2, 3, 4], 1)
    array([4, 1, 2, 3], dtype=int32)
    >>> ops.roll([[1, 2], [3, 4], [5, 6]], -1, axis=0)
    array([[3, 4],
           [5, 6],
           [1, 2]], dtype=int32)

    Args:
        shift, axis: integers, or as many of both; without an axis x is one row.
    """
    x = convert(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    axes = tuple(check.axis(a, x.ndim, "roll") for a in ((axis,) if isinstance(axis, int) else axis))
    shifts = (shift,) * len(axes) if isinstance(shift, int) else tuple(shift)
    for n, a in zip(shifts, axes, strict=True):
        cut = -n % x.shape[a] if x.shape[a] else 0
        if cut:
            x = concatenate(split(x, [cut], a)[::-1], a)
    return x


def rot90(array, k=1, axes=(0, 1)):
    """The array turned by k quarters in the plane of two axes, from the first towards the second.

    >>> from kerasnp import ops
    >>> ops.rot90([[1, 2], [3, 4]])
    array([[2, 4],
           [1, 3]], dtype=int32)

    Raises: ValueError for fewer than two axes, or twice the same.
    """
    array = convert(array)
    if array.ndim < 2:
        raise ValueError(f"rot90: the array must have at least two axes. Received: array.shape={tuple(array.shape)}")
    first, second = (check.axis(a, array.ndim, "rot90", "axes") for a in axes)
    if first == second:
        raise ValueError(f"rot90: axes must be two different axes of the array. Received: axes={axes}")
    for _ in range(k % 4):
        array = flip(swapaxes(array, first, second), first)
    return array


def fliplr(x):
    """x in reverse order along the second axis.

    >>> from kerasnp import ops
    >>> ops.fliplr([[1, 2], [3, 4]])
    array([[2, 1],
           [4, 3]], dtype=int32)
    """
    return flip(x, 1)


def flipud(x):
    """x in reverse order along the first axis.

    >>> from kerasnp import ops
    >>> ops.flipud([[1, 2], [3, 4]])
    array([[3, 4],
           [1, 2]], dtype=int32)
    """
    return flip(x, 0)


def _at_least(x, ndim):
    x = convert(x)
    if x.ndim >= ndim:
        return x
    return reshape(x, {1: (1,), 2: (1, -1), 3: (1, -1, 1) if x.ndim < 2 else (*x.shape, 1)}[ndim])


def vstack(xs):
    """The arrays one above the other, along the first axis; vectors are rows.

    >>> from kerasnp import ops
    >>> ops.vstack([[1, 2], [3, 4]])
    array([[1, 2],
           [3, 4]], dtype=int32)
    """
    return concatenate([_at_least(x, 2) for x in xs], 0)


def hstack(xs):
    """The arrays side by side, along the second axis; vectors along their only one.

    >>> from kerasnp import ops
    >>> ops.hstack([[1, 2], [3]])
    array([1, 2, 3], dtype=int32)
    >>> ops.hstack([[[1], [2]], [[3], [4]]])
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    xs = [_at_least(x, 1) for x in xs]
    return concatenate(xs, 0 if xs[0].ndim == 1 else 1)


def dstack(xs):
    """The arrays along a third axis: (h, w) is taken as (h, w, 1), a vector as (1, n, 1).

    >>> from kerasnp import ops
    >>> ops.dstack([ops.ones((4, 4)), ops.ones((4, 4))]).shape
    (4, 4, 2)
    """
    return concatenate([_at_least(x, 3) for x in xs], 2)


def append(x1, x2, axis=None):
    """x2 after x1 along an axis (both as one row without an axis).

    >>> from kerasnp import ops
    >>> ops.append([1, 2], [[3], [4]])
    array([1, 2, 3, 4], dtype=int32)
    """
    return concatenate([ravel(x1), ravel(x2)], 0) if axis is None else concatenate([x1, x2], axis)


def array_split(x, indices_or_sections, axis=0):
    """The pieces of x along an axis, so many or cut at the given indices; where they cannot be equal the first are one longer.

    >>> from kerasnp import ops
    >>> ops.array_split([1, 2, 3, 4, 5], 3)
    [array([1, 2], dtype=int32), array([3, 4], dtype=int32), array([5], dtype=int32)]
    """
    if isinstance(indices_or_sections, int):
        n, parts = convert(x).shape[axis], indices_or_sections
        indices_or_sections = [i * (n // parts) + min(i, n % parts) for i in range(1, parts)]
    return split(x, indices_or_sections, axis)


def vsplit(x, indices_or_sections):
    """`split` along the first axis.

    >>> from kerasnp import ops
    >>> [part.shape for part in ops.vsplit(ops.ones((4, 6)), 2)]
    [(2, 6), (2, 6)]
    """
    return split(x, indices_or_sections, 0)


def hsplit(x, indices_or_sections):
    """`split` along the second axis, of a vector along its only one.

    >>> from kerasnp import ops
    >>> [part.shape for part in ops.hsplit(ops.ones((4, 6)), [1, 3])]
    [(4, 1), (4, 2), (4, 3)]
    """
    x = convert(x)
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


def dsplit(x, indices_or_sections):
    """`split` along the third axis.

    >>> from kerasnp import ops
    >>> [part.shape for part in ops.dsplit(ops.ones((2, 4, 6)), 3)]
    [(2, 4, 2), (2, 4, 2), (2, 4, 2)]
    """
    return split(x, indices_or_sections, 2)


def diagonal(x, offset=0, axis1=0, axis2=1):
    """The diagonal of the matrices in two axes, as a last axis.

    >>> from kerasnp import ops
    >>> ops.diagonal([[1, 2], [3, 4]]), ops.diagonal([[1, 2], [3, 4]], offset=1)
    (array([1, 4], dtype=int32), array([2], dtype=int32))
    """
    x = moveaxis(convert(x), (axis1, axis2), (-2, -1))
    rows, columns = x.shape[-2:]
    n = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    i = K.arange(n)
    return GetItem((..., i + max(-offset, 0), i + max(offset, 0)))(x)


def trace(x, offset=0, axis1=0, axis2=1):
    """The sum of the diagonal of the matrices in two axes.

    >>> from kerasnp import ops
    >>> ops.trace([[1, 2], [3, 4]])
    array(5, dtype=int32)
    """
    return sum_(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x, k=0):
    """The diagonal of a matrix, or the matrix that has a vector for its diagonal.

    >>> from kerasnp import ops
    >>> ops.diag([1, 2])
    array([[1, 0],
           [0, 2]], dtype=int32)
    >>> ops.diag([[1, 2], [3, 4]])
    array([1, 4], dtype=int32)

    Raises: ValueError for an array of more than two axes.
    """
    x = convert(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag expects an array of one or two axes. Received: x.shape={x.shape}")
    n, i = x.shape[0] + abs(k), K.arange(x.shape[0])
    return Scatter((i + max(-k, 0), i + max(k, 0)), (n, n))(x)


def diagflat(x, k=0):
    """The matrix that has the elements of x for its diagonal.

    >>> from kerasnp import ops
    >>> ops.diagflat([[1, 2]], k=1)
    array([[0, 1, 0],
           [0, 0, 2],
           [0, 0, 0]], dtype=int32)
    """
    return diag(ravel(x), k)


def tri(N, M=None, k=0, dtype=None):
    """Ones on and below the diagonal k, zeros above it.

    >>> from kerasnp import ops
    >>> ops.tri(3, 4)
    array([[1., 0., 0., 0.],
           [1., 1., 0., 0.],
           [1., 1., 1., 0.]], dtype=float32)
    """
    below = K.arange(N)[:, None] >= K.arange(N if M is None else M) - k
    return below.astype(K.storage_dtype(dtype))


def tril(x, k=0):
    """x with zeros above the diagonal k of its last two axes.

    >>> from kerasnp import ops
    >>> ops.tril([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    array([[1, 0, 0],
           [4, 5, 0],
           [7, 8, 9]], dtype=int32)
    """
    x = convert(x)
    return where(tri(*x.shape[-2:], k, "bool"), x, K.zeros((), stop_gradient(x).dtype))


def triu(x, k=0):
    """x with zeros below the diagonal k of its last two axes.

    >>> from kerasnp import ops
    >>> ops.triu([[1, 2, 3], [4, 5, 6], [7, 8, 9]], k=1)
    array([[0, 2, 3],
           [0, 0, 6],
           [0, 0, 0]], dtype=int32)
    """
    x = convert(x)
    return where(tri(*x.shape[-2:], k - 1, "bool"), K.zeros((), stop_gradient(x).dtype), x)


def meshgrid(*x, indexing="xy"):
    """Coordinate vectors as arrays over their grid, the first two axes exchanged for `indexing="xy"`.

    >>> from kerasnp import ops
    >>> x, y = ops.meshgrid([0, 1, 2], [10, 20])
    >>> x
    array([[0, 1, 2],
           [0, 1, 2]], dtype=int32)
    >>> y
    array([[10, 10, 10],
           [20, 20, 20]], dtype=int32)

    Raises: ValueError for another indexing.
    """
    check.one_of("indexing", indexing, ("xy", "ij"), "meshgrid")
    x = [ravel(v) for v in x]
    shape = [v.shape[0] for v in x]
    grids = []
    for i, v in enumerate(x):
        v = reshape(v, [-1 if i == j else 1 for j in range(len(x))]) + K.zeros(shape, stop_gradient(v).dtype)
        grids.append(swapaxes(v, 0, 1) if indexing == "xy" and len(x) > 1 else v)
    return grids


def _block_size(value, who):
    if check.integer("block_size", value, who) < 2:
        raise ValueError(f"{who}: `block_size` must be at least 2. Received: block_size={value}")
    return value


def space_to_depth(x, block_size, data_format="channels_last"):
    """Blocks of pixels as channels: (n, h, w, c) becomes (n, h / b, w / b, b * b * c).

    >>> from kerasnp import ops
    >>> ops.space_to_depth(ops.reshape(ops.arange(4), (1, 2, 2, 1)), 2)
    array([[[[0, 1, 2, 3]]]], dtype=int32)

    Raises: ValueError for a block size below 2, or one that does not divide height and width.
    """
    x, b = convert(x), _block_size(block_size, "space_to_depth")
    if K.standardize_data_format(data_format) == "channels_first":
        return moveaxis(space_to_depth(moveaxis(x, 1, -1), b), -1, 1)
    n, h, w, c = x.shape
    if h % b or w % b:
        raise ValueError(f"space_to_depth: block_size={b} must divide height and width. Received: x.shape={tuple(x.shape)}")
    return reshape(
        transpose(reshape(x, (n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5)), (n, h // b, w // b, b * b * c)
    )


def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels as blocks of pixels: (n, h, w, b * b * c) becomes (n, h * b, w * b, c).

    >>> from kerasnp import ops
    >>> ops.depth_to_space(ops.reshape(ops.arange(4), (1, 1, 1, 4)), 2)[0, :, :, 0]
    array([[0, 1],
           [2, 3]], dtype=int32)

    Raises: ValueError for a block size below 2, or a number of channels that its square does not divide.
    """
    x, b = convert(x), _block_size(block_size, "depth_to_space")
    if K.standardize_data_format(data_format) == "channels_first":
        return moveaxis(depth_to_space(moveaxis(x, 1, -1), b), -1, 1)
    n, h, w, c = x.shape
    if c % b**2:
        raise ValueError(f"depth_to_space: {b}^2 must divide the channels. Received: x.shape={tuple(x.shape)}")
    return reshape(transpose(reshape(x, (n, h, w, b, b, c // b**2)), (0, 1, 3, 2, 4, 5)), (n, h * b, w * b, c // b**2))


def select(condlist, choicelist, default=0):
    """Element by element the choice of the first condition that holds, or the default.

    >>> from kerasnp import ops
    >>> x = ops.arange(6)
    >>> ops.select([x < 2, x < 4], [-x, 10 * x], default=9)
    array([ 0, -1, 20, 30,  9,  9], dtype=int32)
    """
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        y = where(condition, choice, y)
    return y


def kron(x1, x2):
    """The Kronecker product: every element of x1 replaced by its product with x2.     (m, n), (p, q)   ->   (m * p, n * q)

    >>> from kerasnp import ops
    >>> ops.kron([1, 10], [[1, 2], [3, 4]])
    array([[ 1,  2, 10, 20],
           [ 3,  4, 30, 40]], dtype=int32)
    """
    x1, x2 = alike((x1, x2))
    ndim = max(x1.ndim, x2.ndim)
    x1, x2 = (reshape(x, (1,) * (ndim - x.ndim) + tuple(x.shape)) for x in (x1, x2))
    shape = [m * n for m, n in zip(x1.shape, x2.shape)]
    spread = expand_dims(x1, tuple(range(1, 2 * ndim, 2))) * expand_dims(x2, tuple(range(0, 2 * ndim, 2)))
    return reshape(spread, shape)
