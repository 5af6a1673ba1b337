"""Element-by-element operators, with broadcasting."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.variable import Variable, install_arithmetic


def convert(x):
    """`x` as an operator input: arrays and Variables as they are, everything else as an array."""
    return x if isinstance(x, (K.ndarray, Variable)) else K.tensor(x)


def operand(x):
    """Like `convert`, but a Python number stays one, so that it does not widen its partner's type."""
    return x if isinstance(x, (K.ndarray, Variable, int, float)) else K.tensor(x)


class Unary(Operator):
    """y = f(x), where the gradient is a function of x, y and dy."""

    # name -> (forward, gradient)
    table = {
        "abs": (K.abs, lambda x, y, dy: dy * K.sign(x)),
        "ceil": (K.ceil, None),
        "cos": (K.cos, lambda x, y, dy: -dy * K.sin(x)),
        "cosh": (K.cosh, lambda x, y, dy: dy * K.sinh(x)),
        "erf": (K.erf, lambda x, y, dy: dy * K.exp(-x * x) * 1.1283791670955126),
        "exp": (K.exp, lambda x, y, dy: dy * y),
        "expm1": (K.expm1, lambda x, y, dy: dy * (y + 1)),
        "floor": (K.floor, None),
        "log": (K.log, lambda x, y, dy: dy / x),
        "log1p": (K.log1p, lambda x, y, dy: dy / (1 + x)),
        "negative": (K.negative, lambda x, y, dy: -dy),
        "reciprocal": (K.reciprocal, lambda x, y, dy: -dy * y * y),
        "relu": (lambda x: K.maximum(x, 0), lambda x, y, dy: dy * (y > 0)),
        "rint": (K.rint, None),
        "rsqrt": (lambda x: 1 / K.sqrt(x), lambda x, y, dy: dy * -0.5 * y / x),
        "sigmoid": (K.sigmoid, lambda x, y, dy: dy * y * (1 - y)),
        "sign": (K.sign, None),
        "sin": (K.sin, lambda x, y, dy: dy * K.cos(x)),
        "sinh": (K.sinh, lambda x, y, dy: dy * K.cosh(x)),
        "softplus": (lambda x: K.logaddexp(x, x.dtype.type(0)), lambda x, y, dy: dy * K.sigmoid(x)),
        "sqrt": (K.sqrt, lambda x, y, dy: dy * 0.5 / y),
        "square": (K.square, lambda x, y, dy: 2 * dy * x),
        "tan": (K.tan, lambda x, y, dy: dy * (1 + y * y)),
        "tanh": (K.tanh, lambda x, y, dy: dy * (1 - y * y)),
    }

    def __init__(self, name):
        self.name = name
        self.kernel, self.gradient = self.table[name]

    def forward(self, x):
        y = self.kernel(x)
        self.save(x, y)
        return y

    def backward(self, dy):
        return None if self.gradient is None else self.gradient(*self.saved, dy)


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
            lambda a, b, y, dy: dy * b * K.power(a, b - 1),
            lambda a, b, y, dy: dy * y * K.log(K.where(K.asarray(a) > 0, a, 1)),
        ),
        # On a tie each side takes half, as in Keras on JAX.
        "maximum": (
            K.maximum,
            lambda a, b, y, dy: dy * ((a > b) + 0.5 * (a == b)).astype(dy.dtype),
            lambda a, b, y, dy: dy * ((b > a) + 0.5 * (a == b)).astype(dy.dtype),
        ),
        "minimum": (
            K.minimum,
            lambda a, b, y, dy: dy * ((a < b) + 0.5 * (a == b)).astype(dy.dtype),
            lambda a, b, y, dy: dy * ((b < a) + 0.5 * (a == b)).astype(dy.dtype),
        ),
        "mod": (K.mod, lambda a, b, y, dy: dy, lambda a, b, y, dy: -dy * K.floor(K.divide(a, b))),
        "logaddexp": (
            K.logaddexp,
            lambda a, b, y, dy: dy * K.exp(a - y),
            lambda a, b, y, dy: dy * K.exp(b - y),
        ),
    }

    def __init__(self, name):
        self.name = name
        self.kernel, *self.gradients = self.table[name]

    def forward(self, a, b):
        y = self.kernel(a, b)
        self.save(a, b, y)
        return y

    def backward(self, dy):
        a, b, y = self.saved
        return tuple(
            K.unbroadcast(gradient(a, b, y, dy), K.asarray(x).shape) if self.wants(i) else None
            for i, (x, gradient) in enumerate(zip((a, b), self.gradients))
        )


class Where(Operator):
    """y = x1 where condition else x2."""

    def forward(self, condition, x1, x2):
        self.save(condition, K.asarray(x1).shape, K.asarray(x2).shape)
        y = K.where(condition, x1, x2)
        wanted = K.result_type(*(x for x in (x1, x2)))
        return y if y.dtype == wanted else y.astype(wanted)

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
        return K.clip(x, self.low, self.high)

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


class StopGradient(Operator):
    """y = x, through which no gradient passes."""

    def forward(self, x):
        return x

    def backward(self, dy):
        return None


def _unary(name, doc):
    table_name = name

    def function(x):
        return Unary(table_name)(_floating(x) if name not in _KEEP_INTEGERS else convert(x))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


_KEEP_INTEGERS = ("abs", "negative", "sign", "square", "relu", "ceil", "floor")


def _floating(x):
    x = convert(x)
    return x if K.is_float(x.dtype) else Cast(K.floatx())(x)


abs = absolute = _unary("abs", "|x|, element by element.")
ceil = _unary("ceil", "The smallest integers not below x; no gradient passes.")
cos = _unary("cos", "cos(x), x in radians.")
cosh = _unary("cosh", "The hyperbolic cosine.")
erf = _unary("erf", "The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.")
exp = _unary("exp", "e to the power x.")
expm1 = _unary("expm1", "exp(x) - 1, exact near 0.")
floor = _unary("floor", "The largest integers not above x; no gradient passes.")
log = _unary("log", "The natural logarithm.")
log1p = _unary("log1p", "log(1 + x), exact near 0.")
negative = _unary("negative", "-x.")
reciprocal = _unary("reciprocal", "1 / x.")
rsqrt = _unary("rsqrt", "1 / sqrt(x).")
sign = _unary("sign", "-1, 0 or 1 by the sign of x; no gradient passes.")
sin = _unary("sin", "sin(x), x in radians.")
sinh = _unary("sinh", "The hyperbolic sine.")
sqrt = _unary("sqrt", "The square root.")
square = _unary("square", "x times x.")
tan = _unary("tan", "tan(x), x in radians.")
tanh = _unary("tanh", "The hyperbolic tangent.")
relu = _unary("relu", "max(x, 0).")
sigmoid = _unary("sigmoid", "1 / (1 + exp(-x)).")
softplus = _unary("softplus", "log(1 + exp(x)).")


def round(x, decimals=0):
    """The nearest numbers with `decimals` digits after the point, ties to even; no gradient passes."""
    x = convert(x)
    return StopGradient()(K.round(x.value if isinstance(x, Variable) else x, decimals))


def _binary(name, doc):
    def function(x1, x2):
        return Binary(name)(operand(x1), operand(x2))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


add = _binary("add", "x1 + x2 with broadcasting.")
subtract = _binary("subtract", "x1 - x2 with broadcasting.")
multiply = _binary("multiply", "x1 * x2 with broadcasting.")
divide = _binary("divide", "x1 / x2 with broadcasting.")
true_divide = divide
power = _binary("power", "x1 to the power x2 with broadcasting.")
maximum = _binary("maximum", "The larger of x1 and x2, element by element.")
minimum = _binary("minimum", "The smaller of x1 and x2, element by element.")
mod = _binary("mod", "The remainder of x1 / x2, with the sign of x2.")
logaddexp = _binary("logaddexp", "log(exp(x1) + exp(x2)) without overflow.")


def where(condition, x1=None, x2=None):
    """x1 where `condition` holds, x2 elsewhere; with the condition alone, the indices where it holds."""
    condition = convert(condition)
    condition = condition.value if isinstance(condition, Variable) else condition
    if x1 is None and x2 is None:
        return K.nonzero(condition)
    if x1 is None or x2 is None:
        raise ValueError("`x1` and `x2` either both should be `None` or both should have non-None value.")
    return Where()(condition, operand(x1), operand(x2))


def clip(x, x_min, x_max):
    """x limited to [x_min, x_max]."""
    low, high = (getattr(v, "value", v) for v in (x_min, x_max))
    return Clip(low, high)(convert(x))


def cast(x, dtype):
    """x in another dtype."""
    x = convert(x)
    return x if x.dtype == K.storage_dtype(dtype) else Cast(dtype)(x)


def stop_gradient(variable):
    """The values of x, through which no gradient passes."""
    return variable.value if isinstance(variable, Variable) else convert(variable)


def _compare(name, kernel):
    def function(x1, x2):
        a, b = (x.value if isinstance(x, Variable) else x for x in (operand(x1), operand(x2)))
        return kernel(a, b)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Element by element: {name.replace('_', ' ')}, as booleans."
    return function


equal = _compare("equal", K.equal)
not_equal = _compare("not_equal", K.not_equal)
greater = _compare("greater", K.greater)
greater_equal = _compare("greater_equal", K.greater_equal)
less = _compare("less", K.less)
less_equal = _compare("less_equal", K.less_equal)
logical_and = _compare("logical_and", K.logical_and)
logical_or = _compare("logical_or", K.logical_or)
floor_divide = _compare("floor_divide", K.floor_divide)


def logical_not(x):
    """Element by element: not x."""
    return K.logical_not(stop_gradient(x))


def isnan(x):
    """Element by element: whether x is not a number."""
    return K.isnan(stop_gradient(x))


def isfinite(x):
    """Element by element: whether x is neither infinite nor NaN."""
    return K.isfinite(stop_gradient(x))


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
        "__floordiv__": floor_divide,
        "__neg__": negative,
        "__pos__": lambda a: a,
        "__abs__": abs,
        "__eq__": equal,
        "__ne__": not_equal,
        "__lt__": less,
        "__le__": less_equal,
        "__gt__": greater,
        "__ge__": greater_equal,
    },
    {
        **{name: globals()[name] for name in (*Unary.table, *Binary.table) if name in globals()},
        "absolute": abs,
        **{n: globals()[n] for n in "equal not_equal greater greater_equal less less_equal".split()},
    },
)
