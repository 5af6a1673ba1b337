"""Operators that move elements without changing them."""

import math

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.autodiff.tape import current
from kerasnp.autodiff.variable import Variable, install_arithmetic
from kerasnp.ops.elementwise import alike, cast, convert, stop_gradient
from kerasnp.utils import check


class Reshape(Operator):
    """y holds the elements of x in order, in another shape."""

    def __init__(self, newshape):
        self.newshape = newshape

    def forward(self, x):
        self.save(x.shape)
        return x.reshape(self.newshape)

    def backward(self, dy):
        return dy.reshape(self.saved[0])


class Transpose(Operator):
    """y[..., i, ...] = x[..., i, ...] with the axes permuted."""

    def __init__(self, axes=None):
        self.axes = axes

    def forward(self, x):
        axes = self.axes if self.axes is not None else tuple(range(x.ndim))[::-1]
        self.save(tuple(int(i) for i in K.argsort([a % x.ndim for a in axes])))
        return x.transpose(axes)

    def backward(self, dy):
        return dy.transpose(self.saved[0])


class Concatenate(Operator):
    """y = the inputs one after the other along an axis."""

    def __init__(self, axis):
        self.axis = axis

    def forward(self, *xs):
        y = K.concatenate(xs, self.axis)
        self.save([x.shape[self.axis] for x in xs])
        return y

    def backward(self, dy):
        return tuple(K.split(dy, K.cumsum(self.saved[0])[:-1], self.axis))


class Stack(Operator):
    """y[..., i, ...] = xs[i] along a new axis."""

    def __init__(self, axis):
        self.axis = axis

    def forward(self, *xs):
        return K.stack(xs, self.axis)

    def backward(self, dy):
        return tuple(K.moveaxis(dy, self.axis, 0))


class Split(Operator):
    """The pieces of x along an axis, between the given indices."""

    def __init__(self, indices, axis):
        self.indices, self.axis = indices, axis

    def forward(self, x):
        return tuple(K.split(x, self.indices, self.axis))

    def backward(self, *dys):
        return K.concatenate(dys, self.axis)


class GetItem(Operator):
    """y = x[key], any numpy key."""

    def __init__(self, key):
        self.key = key

    def forward(self, x):
        self.save(x.shape, x.dtype)
        return x[self.key]

    def backward(self, dy):
        shape, dtype = self.saved
        dx = K.zeros(shape, dtype)
        if _is_basic(self.key):
            dx[self.key] = dy
        else:
            K.add.at(dx, self.key, dy)
        return dx


class Take(Operator):
    """y = the entries of x at `indices` along an axis."""

    def __init__(self, indices, axis):
        self.indices, self.axis = indices, axis

    def forward(self, x):
        self.save(x.shape)
        return K.take(x, self.indices, self.axis)

    def backward(self, dy):
        (shape,) = self.saved
        if self.axis is None:
            return K.add_rows(self._places(math.prod(shape)), dy.reshape(-1, 1), math.prod(shape)).reshape(shape)
        axis, count = self.axis % len(shape), self.indices.ndim
        rest = shape[:axis] + shape[axis + 1 :]
        rows = K.moveaxis(dy, range(axis, axis + count), range(count)).reshape(self.indices.size, math.prod(rest))
        out = self.out(0)
        out = out.reshape(shape[0], -1) if out is not None and axis == 0 else None
        dx = K.add_rows(self._places(shape[axis]), rows, shape[axis], out)
        return K.moveaxis(dx.reshape(shape[axis], *rest), 0, axis)

    def _places(self, size):
        """The indices in a row, negative ones counted from the end."""
        places = self.indices.reshape(-1).astype("int64", copy=False)
        return K.where(places < 0, places + size, places)


class TakeAlongAxis(Operator):
    """y[..., i, ...] = x[..., indices[..., i, ...], ...] along an axis."""

    def __init__(self, indices, axis):
        self.indices, self.axis = indices, axis

    def forward(self, x):
        self.save(x.shape, x.dtype)
        return K.take_along_axis(x, self.indices, self.axis)

    def backward(self, dy):
        shape, dtype = self.saved
        dx = K.zeros(shape, dtype)
        axis = self.axis % len(shape)
        key = [K.arange(n).reshape([-1 if i == j else 1 for j in range(dy.ndim)]) for i, n in enumerate(dy.shape)]
        key[axis] = self.indices
        K.add.at(dx, tuple(key), dy)
        return dx


class BroadcastTo(Operator):
    """y = x repeated along its axes of size one."""

    def __init__(self, shape):
        self.shape = tuple(shape)

    def forward(self, x):
        self.save(x.shape)
        return K.broadcast_to(x, self.shape)

    def backward(self, dy):
        return K.unbroadcast(dy, self.saved[0])


class Pad(Operator):
    """y = x with `pad_width` constant elements before and after each axis."""

    def __init__(self, pad_width, mode="constant", constant_values=None):
        self.pad_width, self.mode, self.constant_values = pad_width, mode, constant_values

    def forward(self, x):
        self.save(x.shape)
        if self.mode == "constant":
            return K.pad(x, self.pad_width, constant_values=self.constant_values or 0)
        return K.pad(x, self.pad_width, mode=self.mode)

    def backward(self, dy):
        shape = self.saved[0]
        if self.mode != "constant":
            index = K.pad(K.arange(int(K.prod(shape))).reshape(shape), self.pad_width, mode=self.mode)
            dx = K.zeros(int(K.prod(shape)), dy.dtype)
            K.add.at(dx, index, dy)
            return dx.reshape(shape)
        return dy[tuple(slice(before, before + n) for (before, _), n in zip(self.pad_width, shape))]


class Repeat(Operator):
    """y = each entry of x along an axis, `repeats` times."""

    def __init__(self, repeats, axis):
        self.repeats, self.axis = repeats, axis

    def forward(self, x):
        self.save(x.shape)
        return K.repeat(x, self.repeats, self.axis)

    def backward(self, dy):
        shape = self.saved[0]
        axis = self.axis % len(shape)
        index = K.repeat(K.arange(shape[axis]), self.repeats)
        dx = K.zeros(shape, dy.dtype)
        K.add.at(dx, (slice(None),) * axis + (index,), dy)
        return dx


class Flip(Operator):
    """y = x in reverse order along the axes."""

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        return K.flip(x, self.axis)

    def backward(self, dy):
        return K.flip(dy, self.axis)


def _is_basic(key):
    return all(isinstance(k, (int, slice, type(None), type(...))) for k in (key if isinstance(key, tuple) else (key,)))


def reshape(x, newshape):
    """x in another shape of as many elements; one length may be -1.

    >>> from kerasnp import ops
    >>> ops.reshape(ops.arange(6), (2, -1))
    array([[0, 1, 2],
           [3, 4, 5]], dtype=int32)

    Raises: ValueError where the numbers of elements differ, or for other lengths below 0.
    """
    if isinstance(newshape, (list, tuple)) and (newshape.count(-1) > 1 or any(type(n) is int and n < -1 for n in newshape)):
        raise ValueError(f"reshape: newshape may have one -1 and no other length below 0. Received: newshape={newshape}")
    return Reshape(newshape)(convert(x))


def transpose(x, axes=None):
    """x with its axes permuted, reversed by default.

    >>> from kerasnp import ops
    >>> ops.transpose(ops.ones((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)

    Raises: ValueError where `axes` are not a permutation of x's.
    """
    x = convert(x)
    if axes is not None and sorted(check.axis(a, x.ndim, "transpose", "axes") for a in axes) != list(range(x.ndim)):
        raise ValueError(f"transpose: axes must be a valid permutation of the {x.ndim} axes. Received: axes={list(axes)}")
    return Transpose(axes)(x)


def moveaxis(x, source, destination):
    """x with axes moved to other positions.

    >>> from kerasnp import ops
    >>> ops.moveaxis(ops.ones((8, 32, 32, 3)), -1, 1).shape
    (8, 3, 32, 32)
    """
    x = convert(x)
    sources, destinations = (
        [check.axis(a, x.ndim, "moveaxis", name) for a in ((v,) if isinstance(v, int) else v)]
        for name, v in (("source", source), ("destination", destination))
    )
    order = [a for a in range(x.ndim) if a not in sources]
    for to, origin in sorted(zip(destinations, sources)):
        order.insert(to, origin)
    return Transpose(tuple(order))(x)


def swapaxes(x, axis1, axis2):
    """x with two axes exchanged.

    >>> from kerasnp import ops
    >>> ops.swapaxes([[1, 2], [3, 4]], 0, 1)
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    x = convert(x)
    order = list(range(x.ndim))
    axis1, axis2 = check.axis(axis1, x.ndim, "swapaxes", "axis1"), check.axis(axis2, x.ndim, "swapaxes", "axis2")
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return Transpose(tuple(order))(x)


def expand_dims(x, axis):
    """x with axes of size one inserted.

    >>> from kerasnp import ops
    >>> ops.expand_dims(ops.ones((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)

    Args:
        axis: where the new axes are in the result, an integer or several.
    """
    x = convert(x)
    return Reshape(K.expand_dims(stop_gradient(x), axis).shape)(x)


def squeeze(x, axis=None):
    """x without its axes of size one, or without the named ones.

    >>> from kerasnp import ops
    >>> ops.squeeze(ops.ones((1, 3, 1))).shape, ops.squeeze(ops.ones((1, 3, 1)), axis=0).shape
    ((3,), (3, 1))
    """
    x = convert(x)
    return Reshape(K.squeeze(stop_gradient(x), axis).shape)(x)


def ravel(x):
    """x as one long row.

    >>> from kerasnp import ops
    >>> ops.ravel([[1, 2], [3, 4]])
    array([1, 2, 3, 4], dtype=int32)
    """
    return Reshape(-1)(convert(x))


def concatenate(xs, axis=0):
    """The arrays one after the other along an axis, their other axes of equal lengths; each as one row for `axis=None`.

    >>> from kerasnp import ops
    >>> ops.concatenate([[[1, 2]], [[3, 4], [5, 6]]], axis=0)
    array([[1, 2],
           [3, 4],
           [5, 6]], dtype=int32)
    """
    xs = alike(xs)
    return Concatenate(0)(*map(ravel, xs)) if axis is None else Concatenate(axis)(*xs)


def stack(x, axis=0):
    """The arrays, of one shape, along a new axis.

    >>> from kerasnp import ops
    >>> ops.stack([[1, 2], [3, 4]], axis=1)
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    return Stack(axis)(*alike(x))


def split(x, indices_or_sections, axis=0):
    """The pieces of x along an axis: so many equal ones, or cut at the given indices.

    >>> from kerasnp import ops
    >>> ops.split([1, 2, 3, 4], 2)
    [array([1, 2], dtype=int32), array([3, 4], dtype=int32)]
    >>> [len(part) for part in ops.split(ops.arange(10), [3, 4])]
    [3, 1, 6]

    Raises: ValueError where the parts would differ in length; see `array_split`.
    """
    x = convert(x)
    if isinstance(indices_or_sections, int):
        size = x.shape[check.axis(axis, x.ndim, "split")]
        if size % indices_or_sections:
            raise ValueError(
                f"split: axis {axis} must divide into {indices_or_sections} equal parts. Received: x.shape={x.shape}"
            )
        step = size // indices_or_sections
        indices_or_sections = [step * i for i in range(1, indices_or_sections)]
    return list(Split(list(indices_or_sections), axis)(x))


def take(x, indices, axis=None):
    """The entries of x at integer indices along an axis (of x as one row without an axis); negative ones count back.

    >>> from kerasnp import ops
    >>> ops.take([10, 20, 30], [0, -1, 0])
    array([10, 30, 10], dtype=int32)
    >>> ops.take([[1, 2, 3], [4, 5, 6]], [2, 0], axis=1)
    array([[3, 1],
           [6, 4]], dtype=int32)
    """
    return Take(stop_gradient(convert(indices)), axis)(convert(x))


def take_along_axis(x, indices, axis=None):
    """The entries of x at indices that differ by row.

    y[..., i, ...] = x[..., indices[..., i, ...], ...]; without an axis x is one row.

    >>> from kerasnp import ops
    >>> ops.take_along_axis([[3, 1, 2], [7, 9, 8]], [[1], [2]], axis=1)
    array([[1],
           [8]], dtype=int32)
    """
    x, indices = convert(x), stop_gradient(convert(indices))
    if axis is None:
        return TakeAlongAxis(indices.reshape(-1), 0)(Reshape(-1)(x))
    return TakeAlongAxis(indices, axis)(x)


def broadcast_to(x, shape):
    """x repeated to a larger shape by the rules of broadcasting: axes are matched from the last, and those of length 1 grow.

    >>> from kerasnp import ops
    >>> ops.broadcast_to([1, 2, 3], (2, 3))
    array([[1, 2, 3],
           [1, 2, 3]], dtype=int32)
    """
    return BroadcastTo(shape)(convert(x))


def pad(x, pad_width, mode="constant", constant_values=None):
    """x with elements added before and after each axis; `pad_width` is ((before, after), ...) or one number or pair.

    >>> from kerasnp import ops
    >>> ops.pad([1, 2], (1, 2))
    array([0, 1, 2, 0, 0], dtype=int32)
    >>> ops.pad([[1, 2]], ((1, 0), (0, 1)), constant_values=9)
    array([[9, 9, 9],
           [1, 2, 9]], dtype=int32)
    >>> ops.pad([1, 2, 3], 2, mode="reflect")
    array([3, 2, 1, 2, 3, 2, 1], dtype=int32)

    Args:
        mode: `"constant"`, or where the elements come from: `"reflect"`, `"symmetric"`, `"edge"`, `"wrap"`.
        constant_values: the elements of the mode `"constant"`, 0 by default.

    Raises: ValueError for constant_values with another mode.
    """
    if constant_values is not None and mode != "constant":
        raise ValueError(
            "pad: Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode!r}, constant_values={constant_values}"
        )
    x = convert(x)
    width = K.broadcast_to(K.asarray(pad_width), (x.ndim, 2))
    return Pad([(int(a), int(b)) for a, b in width], mode, constant_values)(x)


def repeat(x, repeats, axis=None):
    """Each element of x `repeats` times along an axis (of x as one row without an axis).

    >>> from kerasnp import ops
    >>> ops.repeat([1, 2], 3), ops.repeat([1, 2], [1, 3])
    (array([1, 1, 1, 2, 2, 2], dtype=int32), array([1, 2, 2, 2], dtype=int32))
    """
    x = convert(x)
    return Repeat(repeats, 0)(Reshape(-1)(x)) if axis is None else Repeat(repeats, axis)(x)


def tile(x, repeats):
    """x laid side by side `repeats` times along each axis.

    >>> from kerasnp import ops
    >>> ops.tile([[1, 2]], (2, 2))
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int32)
    """
    x = convert(x)
    repeats = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    shape = (1,) * (len(repeats) - x.ndim) + tuple(x.shape)
    repeats = (1,) * (len(shape) - len(repeats)) + repeats
    spread = BroadcastTo([n for pair in zip(repeats, shape) for n in pair])
    y = spread(Reshape([n for s in shape for n in (1, s)])(x))
    return Reshape([r * s for r, s in zip(repeats, shape)])(y)


def flip(x, axis=None):
    """x in reverse order along the axes, all by default.

    >>> from kerasnp import ops
    >>> ops.flip([[1, 2], [3, 4]], axis=1)
    array([[2, 1],
           [4, 3]], dtype=int32)
    """
    return Flip(axis)(convert(x))


def shape(x):
    """The shape of x, a tuple of ints.

    >>> from kerasnp import ops
    >>> ops.shape([[1, 2, 3]])
    (1, 3)
    """
    return tuple(convert(x).shape)


def zeros(shape, dtype=None):
    """An array of zeros, floats (`kerasnp.config.floatx()`) by default.

    >>> from kerasnp import ops
    >>> ops.zeros((2, 2))
    array([[0., 0.],
           [0., 0.]], dtype=float32)
    """
    return K.zeros(shape, K.storage_dtype(dtype))


def ones(shape, dtype=None):
    """An array of ones, floats (`kerasnp.config.floatx()`) by default.

    >>> from kerasnp import ops
    >>> ops.ones((3,), dtype="int32")
    array([1, 1, 1], dtype=int32)
    """
    return K.ones(shape, K.storage_dtype(dtype))


def zeros_like(x, dtype=None):
    """Zeros of the shape and type of x.

    >>> from kerasnp import ops
    >>> ops.zeros_like([[1, 2], [3, 4]])
    array([[0, 0],
           [0, 0]], dtype=int32)
    """
    return K.zeros_like(stop_gradient(x), dtype=dtype and K.storage_dtype(dtype))


def ones_like(x, dtype=None):
    """Ones of the shape and type of x.

    >>> from kerasnp import ops
    >>> ops.ones_like([[1, 2]], dtype="float32")
    array([[1., 1.]], dtype=float32)
    """
    return K.ones_like(stop_gradient(x), dtype=dtype and K.storage_dtype(dtype))


def full(shape, fill_value, dtype=None):
    """An array of one value.

    Of floats (`kerasnp.config.floatx()`) unless `dtype` says otherwise.

    >>> from kerasnp import ops
    >>> ops.full((2, 2), 7)
    array([[7., 7.],
           [7., 7.]], dtype=float32)
    """
    return K.full(shape, fill_value, K.storage_dtype(dtype))


def arange(start, stop=None, step=None, dtype=None):
    """Evenly spaced values; int32 unless a float is among the arguments.

    >>> from kerasnp import ops
    >>> ops.arange(3), ops.arange(0, 1, 0.25)
    (array([0, 1, 2], dtype=int32), array([0.  , 0.25, 0.5 , 0.75], dtype=float32))
    """
    start, stop = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    if dtype is None:
        dtype = K.floatx() if any(isinstance(v, float) for v in (start, stop, step)) else "int32"
    return K.arange(start, stop, step, dtype=K.storage_dtype(dtype))


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """Rows with a one at the position that x gives; all zeros for an index out of range.

    >>> from kerasnp import ops
    >>> ops.one_hot([0, 2, -1], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]], dtype=float32)

    Raises: ValueError for `sparse=True`.
    """
    if sparse:
        raise ValueError(
            "one_hot: sparse=True is not supported, since kerasnp has no sparse tensors; use sparse=False."
        )
    x = stop_gradient(convert(x))
    hot = (x[..., None] == K.arange(num_classes)).astype(K.storage_dtype(dtype))
    return hot if axis == -1 else K.moveaxis(hot, -1, axis)


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """x as an array; under a tape a Variable is handed back as it is, so that gradients reach it.

    >>> from kerasnp import ops
    >>> ops.convert_to_tensor([1.0, 2.0])
    array([1., 2.], dtype=float32)

    Raises: ValueError for `sparse=True` or `ragged=True`.
    """
    if sparse or ragged:
        raise ValueError("convert_to_tensor: sparse and ragged tensors are not supported; pass a dense array.")
    if isinstance(x, Variable):
        if x.creator is None and current() is None:
            return K.tensor(x.value, dtype)
        return x if dtype is None else cast(x, dtype)
    return K.tensor(x, dtype)


def convert_to_numpy(x):
    """x as a numpy array.

    >>> from kerasnp import Variable, ops
    >>> ops.convert_to_numpy(Variable([1.0, 2.0]))
    array([1., 2.], dtype=float32)
    """
    if isinstance(x, KerasTensor):
        raise ValueError(f"convert_to_numpy: a symbolic KerasTensor has no values to convert. Received: {x}")
    return K.array(stop_gradient(x))


install_arithmetic(
    {
        "__getitem__": lambda x, key: GetItem(_plain_key(key))(x),
        "reshape": lambda x, *newshape: reshape(x, newshape[0] if len(newshape) == 1 else newshape),
        "transpose": lambda x, *axes: transpose(x, (axes[0] if len(axes) == 1 else axes) or None),
        "T": property(transpose),
    },
    {
        f.__name__: f
        for f in (
            reshape,
            transpose,
            moveaxis,
            swapaxes,
            expand_dims,
            squeeze,
            ravel,
            concatenate,
            stack,
            split,
            take,
            take_along_axis,
            broadcast_to,
            pad,
            repeat,
            tile,
            flip,
        )
    },
)


def _plain_key(key):
    if isinstance(key, tuple):
        return tuple(k.value if isinstance(k, Variable) else k for k in key)
    return key.value if isinstance(key, Variable) else key
