"""Element-by-element operators, with broadcasting."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.variable import Variable, install_arithmetic


def convert(x):
    """`x` as an operator input: arrays and Variables as they are, everything else as an array."""
    return x if isinstance(x, (K.ndarray, Variable)) else K.tensor(x)


def floating(x):
    """`x` as an operator input of a float type, or a complex one."""
    x = convert(x)
    if (x.value if isinstance(x, Variable) else x).dtype.kind in "fc":
        return x
    return stop_gradient(x).astype(K.storage_dtype(K.floatx()))


_floating = floating


def operands(x1, x2):
    """Two operator inputs that compute in Keras's common type: a Python number takes its partner's, a float outranks
    every integer, however wide.
    """
    u = x1.value if isinstance(x1, Variable) else x1
    v = x2.value if isinstance(x2, Variable) else x2
    if isinstance(u, K.ndarray) and isinstance(v, K.ndarray) and u.dtype is v.dtype:
        return x1, x2
    return _common(_operand(x1), _operand(x2))


def _common(a, b):
    u = a.value if isinstance(a, Variable) else a
    v = b.value if isinstance(b, Variable) else b
    if isinstance(u, K.ndarray) and isinstance(v, K.ndarray):
        if u.dtype == v.dtype or u.dtype.kind == "f" == v.dtype.kind:
            return a, b
        dtype = K.common_type(u.dtype, v.dtype)
        return _in_type(a, u, dtype), _in_type(b, v, dtype)
    if isinstance(u, K.ndarray):
        return _beside(a, u, b), b
    if isinstance(v, K.ndarray):
        return a, _beside(b, v, a)
    return tuple(alike((a, b)))


def floating_operands(x1, x2):
    """`operands` of a float type."""
    a, b = operands(x1, x2)
    u, v = (x.value if isinstance(x, Variable) else x for x in (a, b))
    if any(isinstance(x, K.ndarray) and x.dtype.kind in "fc" for x in (u, v)):
        return a, b
    return floating(u), floating(v)


def countable(x):
    """An operator input, booleans as integers."""
    return x.astype(K.int32) if getattr(x, "dtype", None) == "bool" else x


def countable_operands(x1, x2):
    """`operands`, booleans as integers."""
    a, b = operands(x1, x2)
    return countable(a), countable(b)


def _in_type(x, array, dtype):
    """x, whose array is given; no gradient passes from or to integers, floats are left to numpy."""
    return x if array.dtype.kind in "fc" or array.dtype == dtype else array.astype(dtype)


def alike(xs):
    """Operator inputs in Keras's common type, as `operands` has two."""
    xs = list(map(convert, xs))
    arrays = [x.value if isinstance(x, Variable) else x for x in xs]
    types = {a.dtype for a in arrays}
    if len(types) < 2:
        return xs
    dtype = K.common_type(*types)
    return [_in_type(x, a, dtype) for x, a in zip(xs, arrays)]


def _operand(x):
    if isinstance(x, (K.ndarray, Variable)):
        return x
    if isinstance(x, K.float64):
        # A subclass of float, and like one it does not widen its partner.
        return float(x)
    return x if isinstance(x, (int, float)) else K.tensor(x)


def _beside(x, array, number):
    """x, whose array is given, next to a Python number."""
    kind = array.dtype.kind
    if kind in "fc":
        return x
    if isinstance(number, float):
        return array.astype(K.floatx())
    return array.astype(K.int32) if kind == "b" and not isinstance(number, bool) else x


class Unary(Operator):
    """y = f(x), where the gradient is a function of x, y and dy."""

    # name -> (forward, gradient); kernels that have a definition in reference.py are looked up at every call.
    table = {
        "abs": (K.abs, lambda x, y, dy: dy * K.sign(x)),
        "arccos": (K.arccos, lambda x, y, dy: -dy / K.sqrt(1 - x * x)),
        "arccosh": (K.arccosh, lambda x, y, dy: dy / K.sqrt(x * x - 1)),
        "arcsin": (K.arcsin, lambda x, y, dy: dy / K.sqrt(1 - x * x)),
        "arcsinh": (K.arcsinh, lambda x, y, dy: dy / K.sqrt(x * x + 1)),
        "arctan": (K.arctan, lambda x, y, dy: dy / (1 + x * x)),
        "arctanh": (K.arctanh, lambda x, y, dy: dy / (1 - x * x)),
        "cbrt": (K.cbrt, lambda x, y, dy: dy / (3 * y * y)),
        "ceil": (K.ceil, None),
        "cos": (K.cos, lambda x, y, dy: -dy * K.sin(x)),
        "cosh": (K.cosh, lambda x, y, dy: dy * K.sinh(x)),
        "deg2rad": (K.deg2rad, lambda x, y, dy: dy * 0.017453292519943295),
        "erf": (lambda x: K.erf(x), lambda x, y, dy: dy * K.exp(-x * x) * 1.1283791670955126),
        "erfc": (lambda x: K.erfc(x), lambda x, y, dy: dy * K.exp(-x * x) * -1.1283791670955126),
        "erfinv": (lambda x: K.erfinv(x), lambda x, y, dy: dy * K.exp(y * y) * 0.886226925452758),
        "exp": (K.exp, lambda x, y, dy: dy * y),
        "exp2": (K.exp2, lambda x, y, dy: dy * y * 0.6931471805599453),
        "expm1": (K.expm1, lambda x, y, dy: dy * (y + 1)),
        "floor": (K.floor, None),
        "i0": (lambda x: K.i0(x), lambda x, y, dy: dy * K.i1(x)),
        "log": (K.log, lambda x, y, dy: dy / x),
        "log10": (K.log10, lambda x, y, dy: dy / (x * 2.302585092994046)),
        "log1p": (K.log1p, lambda x, y, dy: dy / (1 + x)),
        "log2": (K.log2, lambda x, y, dy: dy / (x * 0.6931471805599453)),
        "negative": (K.negative, lambda x, y, dy: -dy),
        "rad2deg": (K.rad2deg, lambda x, y, dy: dy * 57.29577951308232),
        "reciprocal": (K.reciprocal, lambda x, y, dy: -dy * y * y),
        "relu": (lambda x: K.relu(x), lambda x, y, dy: K.relu_grad(y, dy)),
        "rint": (K.rint, None),
        "rsqrt": (lambda x: 1 / K.sqrt(x), lambda x, y, dy: dy * -0.5 * y / x),
        "sigmoid": (lambda x: K.sigmoid(x), lambda x, y, dy: dy * y * (1 - y)),
        "sign": (K.sign, None),
        "sin": (K.sin, lambda x, y, dy: dy * K.cos(x)),
        "sinh": (K.sinh, lambda x, y, dy: dy * K.cosh(x)),
        "softplus": (lambda x: K.softplus(x), lambda x, y, dy: dy * K.sigmoid(x)),
        "sqrt": (K.sqrt, lambda x, y, dy: dy * 0.5 / y),
        "square": (K.square, lambda x, y, dy: 2 * dy * x),
        "tan": (K.tan, lambda x, y, dy: dy * (1 + y * y)),
        "tanh": (K.tanh, lambda x, y, dy: dy * (1 - y * y)),
        "trunc": (lambda x: K.trunc(x) if x.dtype.kind == "f" else K.array(x), None),  # NumPy 1 makes floats
    }

    def __init__(self, name):
        self.name = name

    def forward(self, x):
        y = self.table[self.name][0](x)
        if self.recorded:
            self.save(x, y)
        return y

    def backward(self, dy):
        gradient = self.table[self.name][1]
        return None if gradient is None else gradient(*self.saved, dy)


def _power_of_base(a, b, y, dy):
    # b = 0 has slope 0 everywhere, also where a^(b - 1) has none.
    if isinstance(b, (int, float)):
        return dy * b * K.power(a, b - 1) if b != 0 else K.zeros_like(dy)
    return dy * b * K.power(a, K.where(K.equal(b, 0), K.asarray(1, b.dtype), b - 1))


def _share(dy, wins, ties):
    """dy where one side wins, half of it on a tie, as in Keras on JAX."""
    return dy * (wins.astype(dy.dtype) + ties.astype(dy.dtype) * dy.dtype.type(0.5))


class Binary(Operator):
    """y = f(a, b) with broadcasting; the gradients are functions of a, b, y and dy."""

    # name -> (forward, gradient of a, gradient of b)
    table = {
        "add": (K.add, lambda a, b, y, dy: dy, lambda a, b, y, dy: dy),
        "subtract": (K.subtract, lambda a, b, y, dy: dy, lambda a, b, y, dy: -dy),
        "multiply": (K.multiply, lambda a, b, y, dy: dy * b, lambda a, b, y, dy: dy * a),
        "divide": (K.divide, lambda a, b, y, dy: dy / b, lambda a, b, y, dy: -dy * y / b),
        "power": (
            K.power,
            _power_of_base,
            lambda a, b, y, dy: dy * y * K.log(K.where(K.greater(a, 0), a, K.ones_like(y))),
        ),
        "maximum": (
            K.maximum,
            lambda a, b, y, dy: _share(dy, K.greater(a, b), K.equal(a, b)),
            lambda a, b, y, dy: _share(dy, K.greater(b, a), K.equal(a, b)),
        ),
        "minimum": (
            K.minimum,
            lambda a, b, y, dy: _share(dy, K.less(a, b), K.equal(a, b)),
            lambda a, b, y, dy: _share(dy, K.less(b, a), K.equal(a, b)),
        ),
        "mod": (K.mod, lambda a, b, y, dy: dy, lambda a, b, y, dy: -dy * K.floor(K.divide(a, b))),
        "fmod": (K.fmod, lambda a, b, y, dy: dy, lambda a, b, y, dy: -dy * K.trunc(K.divide(a, b))),
        "arctan2": (
            K.arctan2,
            lambda a, b, y, dy: dy * b / (a * a + b * b),
            lambda a, b, y, dy: -dy * a / (a * a + b * b),
        ),
        "hypot": (K.hypot, lambda a, b, y, dy: dy * a / y, lambda a, b, y, dy: dy * b / y),
        "logaddexp": (
            K.logaddexp,
            lambda a, b, y, dy: dy * K.exp(a - y),
            lambda a, b, y, dy: dy * K.exp(b - y),
        ),
        "logaddexp2": (
            K.logaddexp2,
            lambda a, b, y, dy: dy * K.exp2(a - y),
            lambda a, b, y, dy: dy * K.exp2(b - y),
        ),
    }

    def __init__(self, name):
        self.name = name

    def forward(self, a, b):
        y = self.table[self.name][0](a, b)
        if self.recorded:
            self.save(a, b, y)
        return y

    def backward(self, dy):
        a, b, y = self.saved
        _, of_a, of_b = self.table[self.name]
        da = K.unbroadcast(of_a(a, b, y, dy), a.shape) if self.wanted[0] else None
        db = K.unbroadcast(of_b(a, b, y, dy), b.shape) if self.wanted[1] else None
        return da, db


class Where(Operator):
    """y = x1 where condition else x2."""

    def forward(self, condition, x1, x2):
        self.save(condition, K.shape(x1), K.shape(x2))
        return K.where(condition, x1, x2)

    def backward(self, dy):
        condition, shape1, shape2 = self.saved
        zero = dy.dtype.type(0)
        return (
            None,
            K.unbroadcast(K.where(condition, dy, zero), shape1) if self.wants(1) else None,
            K.unbroadcast(K.where(condition, zero, dy), shape2) if self.wants(2) else None,
        )


class Clip(Operator):
    """y = min(max(x, low), high); the gradient passes where x was inside."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def forward(self, x):
        self.save(x)
        y = K.clip(x, self.low, self.high)
        return y if y.dtype == x.dtype else y.astype(x.dtype)  # NumPy 1 widens where a limit is below an unsigned type

    def backward(self, dy):
        (x,) = self.saved
        return dy * ((x >= self.low) & (x <= self.high))


class Cast(Operator):
    """y = x in another dtype; a gradient flows between floating types only."""

    def __init__(self, dtype):
        self.dtype = K.storage_dtype(dtype)

    def forward(self, x):
        self.save(x.dtype)
        return x.astype(self.dtype, copy=False)

    def backward(self, dy):
        (dtype,) = self.saved
        return dy.astype(dtype) if K.is_float(dtype) and K.is_float(self.dtype) else None


class RoundToBfloat16(Operator):
    """y = x with eight bits of precision, still held in float32; the gradient passes as it is."""

    def forward(self, x):
        return K.round_to_bfloat16(x)

    def backward(self, dy):
        return dy


class StopGradient(Operator):
    """y = x, through which no gradient passes."""

    def forward(self, x):
        return x

    def backward(self, dy):
        return None


def titled(function, name, doc, call, result):
    """`function` under a name, with a docstring that ends in an example: a call and the elements of the array it gives."""
    dtype = ", dtype=float32" if "." in result else "" if "e" in result else ", dtype=int32"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n\n>>> from kerasnp import ops\n>>> ops.{call}\narray({result}{dtype})\n"
    return function


def _square_of(x):
    return countable(convert(x))


def _unary(name, doc, call, result):
    prepare = {"square": _square_of}.get(name, convert) if name in _KEEP_INTEGERS else floating

    def function(x):
        return Unary(name)(prepare(x))

    return titled(function, name, doc, call, result)


_KEEP_INTEGERS = ("abs", "negative", "sign", "square", "relu", "trunc")


abs = absolute = _unary("abs", "|x|, element by element.", "abs([-3, 0, 2])", "[3, 0, 2]")
arccos = _unary(
    "arccos", "The angle in [0, pi] whose cosine is x.", "arccos([1.0, 0.0, -1.0]).round(3)", "[0.   , 1.571, 3.142]"
)
arccosh = _unary(
    "arccosh", "log(x + sqrt(x^2 - 1)), the inverse of cosh, for x from 1.",
    "arccosh(ops.cosh([0.0, 1.0, 2.0])).round(3)", "[0., 1., 2.]",
)  # fmt: skip
arcsin = _unary(
    "arcsin", "The angle in [-pi/2, pi/2] whose sine is x.", "arcsin([-1.0, 0.0, 1.0]).round(3)", "[-1.571,  0.   ,  1.571]"
)
arcsinh = _unary(
    "arcsinh", "log(x + sqrt(x^2 + 1)), the inverse of sinh.", "arcsinh(ops.sinh([-1.0, 0.0, 2.0])).round(3)", "[-1.,  0.,  2.]"
)
arctan = _unary(
    "arctan", "The angle in [-pi/2, pi/2] whose tangent is x.", "arctan([-1.0, 0.0, 1e9]).round(3)", "[-0.785,  0.   ,  1.571]"
)
arctanh = _unary(
    "arctanh", "log((1 + x) / (1 - x)) / 2, the inverse of tanh on (-1, 1).",
    "arctanh(ops.tanh([-1.0, 0.0, 2.0])).round(3)", "[-1.,  0.,  2.]",
)  # fmt: skip
cbrt = _unary("cbrt", "The cube root, of negative numbers too.", "cbrt([-8.0, 0.0, 27.0]).round(3)", "[-2.,  0.,  3.]")
ceil = _unary("ceil", "The smallest integers not below x; no gradient passes.", "ceil([-1.5, 0.2, 3.0])", "[-1.,  1.,  3.]")
cos = _unary("cos", "cos(x), x in radians.", "cos(ops.deg2rad([0.0, 60.0, 180.0])).round(3)", "[ 1. ,  0.5, -1. ]")
cosh = _unary(
    "cosh", "The hyperbolic cosine, (exp(x) + exp(-x)) / 2.", "cosh([-1.0, 0.0, 1.0]).round(3)", "[1.543, 1.   , 1.543]"
)
erf = _unary(
    "erf", "The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
    "erf([-1.0, 0.0, 3.0]).round(3)", "[-0.843,  0.   ,  1.   ]",
)  # fmt: skip
erfc = _unary("erfc", "1 - erf(x), exact for large x too.", "erfc([-1.0, 0.0, 1.0]).round(3)", "[1.843, 1.   , 0.157]")
erfinv = _unary("erfinv", "The inverse of erf on (-1, 1).", "erfinv([-0.5, 0.0, 0.5]).round(3)", "[-0.477,  0.   ,  0.477]")
exp = _unary("exp", "e to the power x.", "exp([-1.0, 0.0, 1.0]).round(3)", "[0.368, 1.   , 2.718]")
exp2 = _unary("exp2", "2 to the power x.", "exp2([-1, 0, 8])", "[  0.5,   1. , 256. ]")
deg2rad = _unary(
    "deg2rad", "Degrees as radians, x * pi / 180.", "deg2rad([0.0, 90.0, 180.0]).round(3)", "[0.   , 1.571, 3.142]"
)
rad2deg = _unary("rad2deg", "Radians as degrees, x * 180 / pi.", "rad2deg([3.1415927, -1.5707964]).round(3)", "[180., -90.]")
expm1 = _unary("expm1", "exp(x) - 1, exact near 0.", "expm1([1e-10, -1e-10])", "[ 1.e-10, -1.e-10]")
floor = _unary("floor", "The largest integers not above x; no gradient passes.", "floor([-1.5, 0.2, 3.0])", "[-2.,  0.,  3.]")
i0 = _unary(
    "i0", "The modified Bessel function of the first kind and order 0.", "i0([0.0, 1.0, 2.0]).round(3)", "[1.   , 1.266, 2.28 ]"
)
log = _unary("log", "The natural logarithm, the inverse of exp.", "log([1.0, 10.0, 100.0]).round(3)", "[0.   , 2.303, 4.605]")
log10 = _unary("log10", "The logarithm to base 10.", "log10([0.001, 1.0, 1000.0]).round(3)", "[-3.,  0.,  3.]")
log2 = _unary("log2", "The logarithm to base 2.", "log2([0.5, 1.0, 1024.0])", "[-1.,  0., 10.]")
log1p = _unary("log1p", "log(1 + x), exact near 0.", "log1p([1e-10, -1e-10])", "[ 1.e-10, -1.e-10]")
negative = _unary("negative", "-x.", "negative([1, -2])", "[-1,  2]")
reciprocal = _unary("reciprocal", "1 / x.", "reciprocal([0.5, -4.0])", "[ 2.  , -0.25]")
rsqrt = _unary("rsqrt", "1 / sqrt(x).", "rsqrt([4.0, 0.25])", "[0.5, 2. ]")
sign = _unary("sign", "-1, 0 or 1 by the sign of x; no gradient passes.", "sign([-3.5, 0.0, 2.0])", "[-1.,  0.,  1.]")
sin = _unary("sin", "sin(x), x in radians.", "sin(ops.deg2rad([0.0, 30.0, 90.0])).round(3)", "[0. , 0.5, 1. ]")
sinh = _unary(
    "sinh", "The hyperbolic sine, (exp(x) - exp(-x)) / 2.", "sinh([-1.0, 0.0, 1.0]).round(3)", "[-1.175,  0.   ,  1.175]"
)
sqrt = _unary("sqrt", "The square root.", "sqrt([0, 4, 9])", "[0., 2., 3.]")
square = _unary("square", "x times x.", "square([-3, 2])", "[9, 4]")
tan = _unary("tan", "tan(x), x in radians.", "tan(ops.deg2rad([-45.0, 0.0, 45.0])).round(3)", "[-1.,  0.,  1.]")
tanh = _unary(
    "tanh", "The hyperbolic tangent, sinh(x) / cosh(x).", "tanh([-10.0, 0.0, 0.5]).round(3)", "[-1.   ,  0.   ,  0.462]"
)
trunc = _unary(
    "trunc", "x without the digits after the point; no gradient passes.", "trunc([-1.5, 0.2, 3.9])", "[-1.,  0.,  3.]"
)
relu = _unary("relu", "max(x, 0).", "relu([-1.0, 0.0, 2.0])", "[0., 0., 2.]")
sigmoid = _unary("sigmoid", "1 / (1 + exp(-x)).", "sigmoid([-100.0, 0.0, 1.0]).round(3)", "[0.   , 0.5  , 0.731]")
softplus = _unary("softplus", "log(1 + exp(x)).", "softplus([-100.0, 0.0, 100.0]).round(3)", "[  0.   ,   0.693, 100.   ]")


def round(x, decimals=0):
    """The nearest numbers with `decimals` digits after the point, ties to even; no gradient passes.

    >>> from kerasnp import ops
    >>> ops.round([0.5, 1.5, 2.5])
    array([0., 2., 2.], dtype=float32)
    >>> ops.round([3.14159], decimals=2)
    array([3.14], dtype=float32)
    """
    return K.round(stop_gradient(x), decimals)


def _binary(name, doc, call, result, prepare=operands):
    def function(x1, x2):
        a, b = prepare(x1, x2)
        return Binary(name)(a, b)

    return titled(function, name, doc, call, result)


def divide(x1, x2):
    """x1 / x2 with broadcasting; integers give floats.

    >>> from kerasnp import ops
    >>> ops.divide([1, 2], [[2], [4]])
    array([[0.5 , 1.  ],
           [0.25, 0.5 ]], dtype=float32)
    """
    return Binary("divide")(*floating_operands(x1, x2))


true_divide = divide
add = _binary("add", "x1 + x2 with broadcasting.", "add([1, 2], [[10], [20]])", "[[11, 12],\n       [21, 22]]")
subtract = _binary("subtract", "x1 - x2 with broadcasting.", "subtract([10, 20], [1, 2])", "[ 9, 18]")
multiply = _binary("multiply", "x1 * x2 with broadcasting.", "multiply([1, 2, 3], 0.5)", "[0.5, 1. , 1.5]")
power = _binary(
    "power", "x1 to the power x2 with broadcasting.", "power([2, 3], [10, 2])", "[1024,    9]", countable_operands
)
arctan2 = _binary(
    "arctan2", "The angle of the point (x2, x1), in (-pi, pi].",
    "arctan2([1.0, 1.0, -1.0], [1.0, -1.0, -1.0]).round(3)", "[ 0.785,  2.356, -2.356]", floating_operands,
)  # fmt: skip
hypot = _binary(
    "hypot", "sqrt(x1^2 + x2^2) without overflow.", "hypot([3.0, 3e30], [4.0, 4e30])", "[5.e+00, 5.e+30]",
    floating_operands,
)
maximum = _binary("maximum", "The larger of x1 and x2, element by element.", "maximum([1, 5, 3], [4, 2, 3])", "[4, 5, 3]")
minimum = _binary("minimum", "The smaller of x1 and x2, element by element.", "minimum([1, 5, 3], [4, 2, 3])", "[1, 2, 3]")
mod = _binary(
    "mod", "The remainder x1 - floor(x1 / x2) * x2, with the sign of x2.", "mod([7, -7, 7], [3, 3, -3])", "[ 1,  2, -2]",
    countable_operands,
)
fmod = _binary(
    "fmod", "The remainder of x1 / x2, with the sign of x1.", "fmod([7, -7, 7], [3, 3, -3])", "[ 1, -1,  1]",
    countable_operands,
)  # fmt: skip
logaddexp = _binary(
    "logaddexp", "log(exp(x1) + exp(x2)) without overflow.",
    "logaddexp([0.0, -200.0], [0.0, -200.0]).round(3)", "[   0.693, -199.307]", floating_operands,
)  # fmt: skip
logaddexp2 = _binary(
    "logaddexp2", "log2(2^x1 + 2^x2) without overflow.",
    "logaddexp2([0.0, -200.0], [0.0, -200.0])", "[   1., -199.]", floating_operands,
)  # fmt: skip


def where(condition, x1=None, x2=None):
    """x1 where `condition` holds, x2 elsewhere; with the condition alone, the indices where it holds.

    >>> from kerasnp import ops
    >>> ops.where([True, False], [1, 2], [10, 20])
    array([ 1, 20], dtype=int32)
    >>> ops.where([[0, 1], [1, 1]])
    (array([0, 1, 1], dtype=int32), array([1, 0, 1], dtype=int32))

    Raises: ValueError where only one of x1 and x2 is given.
    """
    condition = convert(condition)
    condition = condition.value if isinstance(condition, Variable) else condition
    if x1 is None and x2 is None:
        return tuple(i.astype(K.int32) for i in K.nonzero(condition))
    if x1 is None or x2 is None:
        raise ValueError("where: `x1` and `x2` either both should be `None` or both be given.")
    return Where()(condition, *operands(x1, x2))


def clip(x, x_min, x_max):
    """x limited to [x_min, x_max].

    The gradient passes where x lies inside, the limits included.

    >>> from kerasnp import ops
    >>> ops.clip([-5, 0, 5], -1, 2)
    array([-1,  0,  2], dtype=int32)
    """
    x = countable(convert(x))
    dtype = (x.value if isinstance(x, Variable) else x).dtype
    if dtype.kind != "f" and any(isinstance(v, float) for v in (x_min, x_max)):
        x, dtype = floating(x), K.storage_dtype(K.floatx())
    low, high = (v if isinstance(v, (int, float)) else stop_gradient(v).astype(dtype) for v in (x_min, x_max))
    return Clip(low, high)(x)


def cast(x, dtype):
    """x in another dtype; NumPy has no bfloat16, so that is a Variable of rounded float32 numbers that names it.

    No gradient passes from or to integers.

    >>> from kerasnp import ops
    >>> ops.cast([1.7, -1.7], "int32")
    array([ 1, -1], dtype=int32)
    """
    x = convert(x)
    held = x.value if isinstance(x, Variable) else x
    y = x if held.dtype == K.storage_dtype(dtype) else Cast(dtype)(x)
    return _as_bfloat16(y) if dtype == "bfloat16" else y


def _as_bfloat16(x):
    if isinstance(x, Variable) and x.dtype == "bfloat16":
        return x
    y = RoundToBfloat16()(x)
    if not isinstance(y, Variable):
        y = Variable.result(y, None)
        y.trainable = False
    y.dtype = "bfloat16"
    return y


def stop_gradient(variable):
    """The values of x, through which no gradient passes.

    >>> from kerasnp import Tape, Variable, ops
    >>> w = Variable([3.0])
    >>> with Tape() as tape:
    ...     y = w * ops.stop_gradient(w)
    >>> tape.gradient(y, w)
    array([3.], dtype=float32)
    """
    return variable.value if isinstance(variable, Variable) else convert(variable)


install_arithmetic(
    {
        "__add__": add,
        "__radd__": lambda a, b: add(b, a),
        "__sub__": subtract,
        "__rsub__": lambda a, b: subtract(b, a),
        "__mul__": multiply,
        "__rmul__": lambda a, b: multiply(b, a),
        "__truediv__": divide,
        "__rtruediv__": lambda a, b: divide(b, a),
        "__pow__": power,
        "__rpow__": lambda a, b: power(b, a),
        "__mod__": mod,
        "__rmod__": lambda a, b: mod(b, a),
        "__neg__": negative,
        "__pos__": lambda a: a,
        "__abs__": abs,
        "__round__": lambda a, ndigits=None: round(a, ndigits or 0),
        "astype": cast,
    },
    {
        **{name: globals()[name] for name in (*Unary.table, *Binary.table) if name in globals()},
        "absolute": abs,
        "remainder": mod,
        "where": where,
        "clip": clip,
    },
)
