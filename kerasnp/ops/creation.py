"""New arrays: ranges, identity matrices, windows."""

from kerasnp import backend as K
from kerasnp.ops.elementwise import convert, power, stop_gradient
from kerasnp.ops.shape import convert_to_tensor


def array(x, dtype=None):
    """x as an array.

    >>> from kerasnp import ops
    >>> ops.array([1, 2.5]), ops.array([1, 2], dtype="uint8")
    (array([1. , 2.5], dtype=float32), array([1, 2], dtype=uint8))
    """
    return convert_to_tensor(x, dtype)


def copy(x):
    """A copy of the values of x.

    >>> from kerasnp import ops
    >>> x = ops.ones((2,))
    >>> y = ops.copy(x)
    >>> y[0] = 5
    >>> x, y
    (array([1., 1.], dtype=float32), array([5., 1.], dtype=float32))
    """
    return K.array(stop_gradient(x))


def empty(shape, dtype=None):
    """An array that is to be filled (with zeros for now).

    >>> from kerasnp import ops
    >>> ops.empty((2, 3)).shape
    (2, 3)
    """
    return K.zeros(shape, K.storage_dtype(dtype))


def empty_like(x, dtype=None):
    """An array of the shape and type of x that is to be filled (with zeros for now).

    >>> from kerasnp import ops
    >>> ops.empty_like([[1, 2]]).shape
    (1, 2)
    """
    return K.zeros_like(stop_gradient(x), dtype=dtype and K.storage_dtype(dtype))


def full_like(x, fill_value, dtype=None):
    """An array of one value, of the shape and type of x.

    >>> from kerasnp import ops
    >>> ops.full_like([[1, 2]], 7)
    array([[7, 7]], dtype=int32)
    """
    return K.full_like(stop_gradient(x), fill_value, dtype=dtype and K.storage_dtype(dtype))


def eye(N, M=None, k=0, dtype=None):
    """Ones on the diagonal k, zeros elsewhere.     ->   (N, M), M = N by default

    >>> from kerasnp import ops
    >>> ops.eye(2, 3, k=1)
    array([[0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    return K.eye(N, M, k, K.storage_dtype(dtype))


def identity(n, dtype=None):
    """The identity matrix.

    >>> from kerasnp import ops
    >>> ops.identity(2)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return K.eye(n, dtype=K.storage_dtype(dtype))


def _type(dtype, *numbers):
    if dtype is not None:
        return K.storage_dtype(dtype)
    kinds = [stop_gradient(v).dtype for v in numbers]
    return (
        K.wider(*(k for k in kinds if k.kind == "f"), K.storage_dtype("float16"))
        if any(k.kind == "f" for k in kinds)
        else K.storage_dtype(K.floatx())
    )


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """`num` evenly spaced numbers from start to stop; with `retstep`, also the distance between them.

    >>> from kerasnp import ops
    >>> ops.linspace(0, 1, 5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    >>> ops.linspace(0, 1, 4, endpoint=False)
    array([0.  , 0.25, 0.5 , 0.75], dtype=float32)

    Args:
        endpoint: whether stop is the last of them.
    """
    dtype = _type(dtype, start, stop)
    y, step = K.linspace(stop_gradient(start), stop_gradient(stop), num, endpoint, True, K.float64, axis)
    y = y.astype(dtype)
    return (y, K.asarray(step, dtype)) if retstep else y


def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """`num` numbers from base^start to base^stop, evenly spaced on a log scale.

    >>> from kerasnp import ops
    >>> ops.logspace(0, 3, 4)
    array([   1.,   10.,  100., 1000.], dtype=float32)
    """
    exponents = K.linspace(stop_gradient(start), stop_gradient(stop), num, endpoint, False, K.float64, axis)
    return K.power(float(base), exponents).astype(_type(dtype, start, stop))


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` numbers from start to stop, each a constant multiple of the one before.

    >>> from kerasnp import ops
    >>> ops.geomspace(1, 8, 4)
    array([1., 2., 4., 8.], dtype=float32)
    """
    start, stop = stop_gradient(start), stop_gradient(stop)
    return K.geomspace(start, stop, num, endpoint, K.float64, axis).astype(_type(dtype, start, stop))


def bartlett(x):
    """The triangular window 1 - |2 i / (n - 1) - 1|, i = 0 ... n - 1, of n = x numbers.

    >>> from kerasnp import ops
    >>> ops.bartlett(5)
    array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return _window(x, lambda t: 1 - K.abs(2 * t - 1))


def hanning(x):
    """The window (1 - cos(2 pi i / (n - 1))) / 2, i = 0 ... n - 1, of n = x numbers.

    >>> from kerasnp import ops
    >>> ops.hanning(5).round(3)
    array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return _window(x, lambda t: 0.5 - 0.5 * K.cos(2 * K.pi * t))


def hamming(x):
    """The window 0.54 - 0.46 cos(2 pi i / (n - 1)), i = 0 ... n - 1, of n = x numbers.

    >>> from kerasnp import ops
    >>> ops.hamming(5).round(3)
    array([0.08, 0.54, 1.  , 0.54, 0.08], dtype=float32)
    """
    return _window(x, lambda t: 0.54 - 0.46 * K.cos(2 * K.pi * t))


def blackman(x):
    """The window 0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t), t = i / (n - 1), i = 0 ... n - 1, of n = x numbers.

    >>> from kerasnp import ops
    >>> ops.blackman(5)[1:4].round(2)
    array([0.34, 1.  , 0.34], dtype=float32)
    """
    return _window(x, lambda t: 0.42 - 0.5 * K.cos(2 * K.pi * t) + 0.08 * K.cos(4 * K.pi * t))


def kaiser(x, beta):
    """The window i0(beta * sqrt(1 - (2 i / (n - 1) - 1)^2)) / i0(beta), i = 0 ... n - 1, of n = x numbers (Kaiser, 1974).

    >>> from kerasnp import ops
    >>> ops.kaiser(5, beta=2.0).round(3)
    array([0.439, 0.835, 1.   , 0.835, 0.439], dtype=float32)
    """
    beta = float(stop_gradient(beta))
    return _window(x, lambda t: K.i0(beta * K.sqrt(K.maximum(0, 1 - (2 * t - 1) ** 2))) / K.i0(beta))


def _window(n, shape):
    n = int(stop_gradient(n))
    t = K.arange(n) / (n - 1) if n > 1 else K.full(n, 0.5)
    return K.asarray(shape(t), K.storage_dtype(K.floatx())) if n != 1 else K.ones(1, K.storage_dtype(K.floatx()))


def vander(x, N=None, increasing=False):
    """The powers of a vector as N columns: y[i, j] = x[i]^(N - 1 - j), or x[i]^j with `increasing=True`.

    >>> from kerasnp import ops
    >>> ops.vander([1, 2, 3])
    array([[1, 1, 1],
           [4, 2, 1],
           [9, 3, 1]], dtype=int32)
    """
    x = convert(x)
    powers = K.arange(x.shape[0] if N is None else N).astype(stop_gradient(x).dtype)
    return power(x[:, None], powers if increasing else powers[::-1])


def ndim(x):
    """The number of axes.

    >>> from kerasnp import ops
    >>> ops.ndim([[1, 2], [3, 4]])
    2
    """
    return len(convert(x).shape)


def size(x):
    """The number of elements.

    >>> from kerasnp import ops
    >>> ops.size([[1, 2, 3], [4, 5, 6]])
    6
    """
    return int(stop_gradient(x).size)


def dtype(x):
    """The name of the type of x.

    >>> from kerasnp import ops
    >>> ops.dtype([1.0, 2.0]), ops.dtype([1, 2])
    ('float32', 'int32')
    """
    return K.standardize_dtype(convert(x).dtype)


def view(x, dtype=None):
    """The bytes of x read as another type; no gradient passes.

    >>> from kerasnp import ops
    >>> ops.view([1.0, -2.0], "int32")
    array([ 1065353216, -1073741824], dtype=int32)
    """
    values = K.ascontiguousarray(stop_gradient(x))
    return values if dtype is None else values.view(K.storage_dtype(dtype))
