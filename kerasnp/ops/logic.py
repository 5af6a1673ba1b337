"""Comparisons, logic and bits, through which no gradient passes."""

from kerasnp import backend as K
from kerasnp.autodiff.variable import Variable, install_arithmetic
from kerasnp.ops.elementwise import convert, operands, stop_gradient


def _compare(name, doc):
    kernel = getattr(K, name)

    def function(x1, x2):
        a, b = (x.value if isinstance(x, Variable) else x for x in operands(x1, x2))
        return kernel(a, b)

    return _titled(function, name, doc)


def _bits(name, doc):
    kernel = getattr(K, name)

    # The arguments have other names in Keras here.
    def function(x, y):
        a, b = (v.value if isinstance(v, Variable) else v for v in operands(x, y))
        return kernel(a, b)

    return _titled(function, name, doc)


def _titled(function, name, doc):
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


equal = _compare("equal", "Element by element: x1 == x2.")
not_equal = _compare("not_equal", "Element by element: x1 != x2.")
greater = _compare("greater", "Element by element: x1 > x2.")
greater_equal = _compare("greater_equal", "Element by element: x1 >= x2.")
less = _compare("less", "Element by element: x1 < x2.")
less_equal = _compare("less_equal", "Element by element: x1 <= x2.")
logical_and = _compare("logical_and", "Element by element: x1 and x2.")
logical_or = _compare("logical_or", "Element by element: x1 or x2.")
logical_xor = _compare("logical_xor", "Element by element: either x1 or x2.")
floor_divide = _compare("floor_divide", "The largest integers not above x1 / x2.")
bitwise_and = _bits("bitwise_and", "The bits set in both integers.")
bitwise_or = _bits("bitwise_or", "The bits set in either integer.")
bitwise_xor = _bits("bitwise_xor", "The bits set in one integer only.")
bitwise_left_shift = _bits("left_shift", "x with its bits moved y places to the left.")
bitwise_right_shift = _bits("right_shift", "x with its bits moved y places to the right.")
left_shift, right_shift = bitwise_left_shift, bitwise_right_shift
gcd = _compare("gcd", "The greatest common divisor of the integers.")
lcm = _compare("lcm", "The least common multiple of the integers.")


def _test(name, doc):
    kernel = getattr(K, name)

    def function(x):
        return kernel(stop_gradient(x))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


logical_not = _test("logical_not", "Element by element: not x.")
bitwise_not = bitwise_invert = _test("invert", "The integer with every bit turned over.")
isnan = _test("isnan", "Element by element: whether x is not a number.")
isinf = _test("isinf", "Element by element: whether x is infinite.")
isfinite = _test("isfinite", "Element by element: whether x is neither infinite nor NaN.")
signbit = _test("signbit", "Element by element: whether the sign bit of x is set, -0.0 included.")


def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Element by element: |x1 - x2| <= atol + rtol * |x2|."""
    a, b = map(stop_gradient, (x1, x2))
    close = K.equal(a, b) | (K.isfinite(b) & (K.abs(a - b) <= atol + rtol * K.abs(b)))
    return close | (K.isnan(a) & K.isnan(b)) if equal_nan else close


def array_equal(x1, x2):
    """Whether the arrays have the same shape and elements."""
    a, b = map(stop_gradient, (x1, x2))
    return K.asarray(a.shape == b.shape and bool(K.equal(a, b).all()))


def all(x, axis=None, keepdims=False):
    """Whether all elements hold, over the axes."""
    return K.asarray(stop_gradient(convert(x)).astype(bool).all(axis=axis, keepdims=keepdims))


def any(x, axis=None, keepdims=False):
    """Whether any element holds, over the axes."""
    return K.asarray(stop_gradient(convert(x)).astype(bool).any(axis=axis, keepdims=keepdims))


_COMPARISONS = {
    "__eq__": equal,
    "__ne__": not_equal,
    "__lt__": less,
    "__le__": less_equal,
    "__gt__": greater,
    "__ge__": greater_equal,
    "__floordiv__": floor_divide,
    "__rfloordiv__": lambda a, b: floor_divide(b, a),
    "__and__": logical_and,
    "__or__": logical_or,
    "__invert__": logical_not,
}

install_arithmetic(
    _COMPARISONS,
    {f.__name__: f for f in (equal, not_equal, greater, greater_equal, less, less_equal, floor_divide)},
)
