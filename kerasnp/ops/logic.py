"""Comparisons, logic and bits, through which no gradient passes."""

from kerasnp import backend as K
from kerasnp.autodiff.variable import Variable, install_arithmetic
from kerasnp.ops.elementwise import convert, countable_operands, floating_operands, operands, stop_gradient, titled


def _compare(name, doc, call, result, prepare=operands):
    kernel = getattr(K, name)

    def function(x1, x2):
        a, b = (x.value if isinstance(x, Variable) else x for x in prepare(x1, x2))
        return kernel(a, b)

    return titled(function, name, doc, call, result)


def _bits(name, doc, call, result, prepare=operands):
    kernel = getattr(K, name)

    # The arguments have other names in Keras here.
    def function(x, y):
        a, b = (v.value if isinstance(v, Variable) else v for v in prepare(x, y))
        return kernel(a, b)

    return titled(function, name, doc, call, result)


equal = _compare("equal", "Element by element: x1 == x2.", "equal([1, 2, 3], [1, 0, 3])", "[ True, False,  True]")
not_equal = _compare("not_equal", "Element by element: x1 != x2.", "not_equal([1, 2, 3], [1, 0, 3])", "[False,  True, False]")
greater = _compare("greater", "Element by element: x1 > x2.", "greater([1, 2, 3], 2)", "[False, False,  True]")
greater_equal = _compare(
    "greater_equal", "Element by element: x1 >= x2.", "greater_equal([1, 2, 3], 2)", "[False,  True,  True]"
)
less = _compare("less", "Element by element: x1 < x2.", "less([1, 2, 3], 2)", "[ True, False, False]")
less_equal = _compare("less_equal", "Element by element: x1 <= x2.", "less_equal([1, 2, 3], 2)", "[ True,  True, False]")
logical_and = _compare(
    "logical_and", "Element by element: x1 and x2.",
    "logical_and([True, True, False], [True, False, False])", "[ True, False, False]",
)  # fmt: skip
logical_or = _compare(
    "logical_or", "Element by element: x1 or x2.",
    "logical_or([True, True, False], [True, False, False])", "[ True,  True, False]",
)  # fmt: skip
logical_xor = _compare(
    "logical_xor", "Element by element: either x1 or x2.",
    "logical_xor([True, True, False], [True, False, False])", "[False,  True, False]",
)  # fmt: skip
floor_divide = _compare(
    "floor_divide", "The largest integers not above x1 / x2.", "floor_divide([7, -7], 2)", "[ 3, -4]", countable_operands
)
bitwise_and = _bits("bitwise_and", "The bits set in both integers.", "bitwise_and([12, 5], 10)", "[8, 0]")
bitwise_or = _bits("bitwise_or", "The bits set in either integer.", "bitwise_or([12, 5], 10)", "[14, 15]")
bitwise_xor = _bits("bitwise_xor", "The bits set in one integer only.", "bitwise_xor([12, 5], 10)", "[ 6, 15]")
bitwise_left_shift = _bits(
    "left_shift", "x with its bits moved y places to the left.", "left_shift([1, 3], 4)", "[16, 48]", countable_operands
)
bitwise_right_shift = _bits(
    "right_shift", "x with its bits moved y places to the right.", "right_shift([16, 49], 4)", "[1, 3]", countable_operands
)
left_shift, right_shift = bitwise_left_shift, bitwise_right_shift
gcd = _compare("gcd", "The greatest common divisor of the integers.", "gcd([12, 7], 18)", "[6, 1]")
lcm = _compare("lcm", "The least common multiple of the integers.", "lcm([4, 7], 6)", "[12, 42]")


def _test(name, doc, call, result):
    kernel = getattr(K, name)

    def function(x):
        return kernel(stop_gradient(x))

    return titled(function, name, doc, call, result)


logical_not = _test("logical_not", "Element by element: not x.", "logical_not([True, False])", "[False,  True]")
bitwise_not = bitwise_invert = _test(
    "invert", "The integer with every bit turned over.", "bitwise_not([0, 5, -1])", "[-1, -6,  0]"
)
isnan = _test(
    "isnan", "Element by element: whether x is not a number.",
    'isnan([1.0, float("nan"), float("inf")])', "[False,  True, False]",
)  # fmt: skip
isinf = _test(
    "isinf", "Element by element: whether x is infinite.", 'isinf([1.0, float("nan"), float("-inf")])', "[False, False,  True]"
)
isfinite = _test(
    "isfinite", "Element by element: whether x is neither infinite nor NaN.",
    'isfinite([1.0, float("nan"), float("inf")])', "[ True, False, False]",
)  # fmt: skip
signbit = _test(
    "signbit", "Element by element: whether the sign bit of x is set, -0.0 included.",
    "signbit([-1.0, -0.0, 0.0])", "[ True,  True, False]",
)  # fmt: skip


def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Element by element: |x1 - x2| <= atol + rtol * |x2|.

    >>> from kerasnp import ops
    >>> ops.isclose([1.0, 1.0], [1.000001, 1.001])
    array([ True, False])
    """
    a, b = map(stop_gradient, floating_operands(x1, x2))
    close = K.equal(a, b) | (K.isfinite(b) & (K.abs(a - b) <= atol + rtol * K.abs(b)))
    return close | (K.isnan(a) & K.isnan(b)) if equal_nan else close


def array_equal(x1, x2):
    """Whether the arrays have the same shape and elements.

    >>> from kerasnp import ops
    >>> bool(ops.array_equal([1, 2], [1, 2])), bool(ops.array_equal([1, 2], [[1, 2]]))
    (True, False)
    """
    a, b = map(stop_gradient, (x1, x2))
    return K.asarray(a.shape == b.shape and bool(K.equal(a, b).all()))


def all(x, axis=None, keepdims=False):
    """Whether all elements hold, over the axes.

    >>> from kerasnp import ops
    >>> ops.all([[True, False], [True, True]], axis=1)
    array([False,  True])
    """
    return K.asarray(stop_gradient(convert(x)).astype(bool).all(axis=axis, keepdims=keepdims))


def any(x, axis=None, keepdims=False):
    """Whether any element holds, over the axes.

    >>> from kerasnp import ops
    >>> ops.any([[True, False], [False, False]], axis=1)
    array([ True, False])
    """
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
    # As in Keras these are logical for every type, and only ~ turns the bits of integers over.
    "__and__": logical_and,
    "__rand__": lambda a, b: logical_and(b, a),
    "__or__": logical_or,
    "__ror__": lambda a, b: logical_or(b, a),
    "__xor__": logical_xor,
    "__rxor__": lambda a, b: logical_xor(b, a),
    "__invert__": bitwise_not,
}

install_arithmetic(
    _COMPARISONS,
    {f.__name__: f for f in (equal, not_equal, greater, greater_equal, less, less_equal, floor_divide)},
)
