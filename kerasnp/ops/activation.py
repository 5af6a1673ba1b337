"""Activations as operators, and the softmax family."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import Unary, _floating, relu, sigmoid, softplus, tanh  # noqa: F401

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


class LeakyRelu(Operator):
    """y = x for x > 0, slope * x below."""

    def __init__(self, negative_slope):
        self.negative_slope = negative_slope

    def forward(self, x):
        self.save(x)
        below = x * x.dtype.type(self.negative_slope)
        if not 0 <= self.negative_slope <= 1:
            return K.where(x > 0, x, below)
        # A maximum takes a seventh of the time of `where`.
        return K.maximum(x, below, out=below if x.ndim else None)

    def backward(self, dy):
        (x,) = self.saved
        slope = dy.dtype.type(self.negative_slope)
        dx = K.multiply(x > 0, 1 - slope, dtype=dy.dtype)
        dx += slope
        dx *= dy
        return dx


class PRelu(Operator):
    """y = x for x > 0, alpha * x below, alpha learned and broadcast against x."""

    def forward(self, x, alpha):
        self.save(x, alpha)
        y = K.minimum(x, 0) * alpha
        y += K.maximum(x, 0)
        return y

    def backward(self, dy):
        x, alpha = self.saved
        dx = dalpha = None
        if self.wants(0):
            dx = K.unbroadcast(dy * (1 + (x <= 0) * (alpha - 1)), x.shape)
        if self.wants(1):
            dalpha = K.unbroadcast(dy * K.minimum(x, 0), alpha.shape)
        return dx, dalpha


class Elu(Operator):
    """y = scale * (x for x > 0, alpha * (exp(x) - 1) below)."""

    def __init__(self, alpha=1.0, scale=1.0):
        self.alpha, self.scale = alpha, scale

    def forward(self, x):
        t = x.dtype.type
        below = K.expm1(K.minimum(x, 0))
        if self.alpha != 1:
            below *= t(self.alpha)
        self.save(x, below)
        y = K.maximum(x, 0)
        y += below
        if self.scale != 1:
            y *= t(self.scale)
        return y

    def backward(self, dy):
        x, below = self.saved
        t = dy.dtype.type
        # Above 0 `below` is 0, so its derivative there is alpha, which must be 1.
        dx = below + t(self.alpha)
        if self.alpha != 1:
            dx += (x > 0) * t(1 - self.alpha)
        dx *= t(self.scale) * dy if self.scale != 1 else dy
        return dx


class Gelu(Operator):
    """y = x * Phi(x), Phi the normal distribution function, or its tanh approximation (Hendrycks and Gimpel, 2016)."""

    def __init__(self, approximate):
        self.approximate = approximate

    def forward(self, x):
        t = x.dtype.type
        if self.approximate:
            phi = (1 + K.tanh(t(0.7978845608028654) * (x + t(0.044715) * x * x * x))) * t(0.5)
        else:
            phi = (1 + K.erf(x * t(0.7071067811865476))) * t(0.5)
        self.save(x, phi)
        return x * phi

    def backward(self, dy):
        x, phi = self.saved
        t = x.dtype.type
        if self.approximate:
            density = 2 * phi * (1 - phi) * t(0.7978845608028654) * (1 + t(3 * 0.044715) * x * x)
        else:
            density = K.exp(-x * x * t(0.5)) * t(0.3989422804014327)
        return dy * (phi + x * density)


class Silu(Operator):
    """y = x * sigmoid(x) (Ramachandran et al., 2017)."""

    def forward(self, x):
        s = K.sigmoid(x)
        self.save(x, s)
        return x * s

    def backward(self, dy):
        x, s = self.saved
        return dy * s * (1 + x * (1 - s))


class Piecewise(Operator):
    """y = clip(slope * x + shift, 0, 1): the hard sigmoid."""

    def __init__(self, slope, shift):
        self.slope, self.shift = slope, shift

    def forward(self, x):
        t = x.dtype.type
        y = K.clip(x * t(self.slope) + t(self.shift), t(0), t(1))
        self.save(y)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy * ((y > 0) & (y < 1)) * dy.dtype.type(self.slope)


class Softsign(Operator):
    """y = x / (1 + |x|)."""

    def forward(self, x):
        bottom = 1 + K.abs(x)
        self.save(bottom)
        return x / bottom

    def backward(self, dy):
        (bottom,) = self.saved
        return dy / (bottom * bottom)


class Softmax(Operator):
    """y = exp(x) / sum(exp(x)) along an axis, or several."""

    def __init__(self, axis=-1):
        self.axis = tuple(axis) if isinstance(axis, list) else axis

    def forward(self, x):
        y = K.softmax(x, self.axis)
        self.save(y)
        return y

    def backward(self, dy):
        return K.softmax_grad(self.saved[0], dy, self.axis)


class LogSoftmax(Operator):
    """y = x - log(sum(exp(x))) along an axis."""

    def __init__(self, axis=-1):
        self.axis = axis

    def forward(self, x):
        y = K.log_softmax(x, self.axis)
        self.save(y)
        return y

    def backward(self, dy):
        return K.log_softmax_grad(self.saved[0], dy, self.axis)


def fused_activation(activation):
    """The fused kernel for an activation function, or None where the activation needs an operator of its own.

    Sigmoid and softmax are left out on purpose: as operators of their own they lend their input to the cross-entropies.
    """
    return getattr(activation, "fused", None)


def activation_operator(activation):
    """The operator that an activation function is by itself, or None where it is several."""
    make = getattr(activation, "operator", None)
    return None if make is None else make()


def activate(activation, x):
    """activation(x); an identity costs nothing."""
    return x if activation is None else activation(x)


def logits_behind(y, kind):
    """The input of the softmax or sigmoid that made `y` on the tape, or None: the stable way into a cross-entropy.

    >>> from kerasnp import Tape, Variable, ops
    >>> x = Variable([[1.0, 2.0]])
    >>> with Tape():
    ...     y = ops.softmax(x)
    >>> ops.logits_behind(y, "softmax") is x, ops.logits_behind(x, "softmax") is None
    (True, True)
    """
    op = getattr(y, "creator", None)
    return op.inputs[0] if op is not None and lent_by(op, y.ndim) == kind else None


def lent_by(operator, ndim):
    """`"softmax"` or `"sigmoid"` for an operator whose input a cross-entropy may take instead of its output, or None."""
    if type(operator) is Softmax and operator.axis in (-1, ndim - 1):
        return "softmax"
    return "sigmoid" if type(operator) is Unary and operator.name == "sigmoid" else None


def leaky_relu(x, negative_slope=0.2):
    """x where positive, negative_slope * x elsewhere.

    >>> from kerasnp import ops
    >>> ops.leaky_relu([-10.0, 3.0], negative_slope=0.1)
    array([-1.,  3.], dtype=float32)
    """
    return LeakyRelu(negative_slope)(_floating(x))


def elu(x, alpha=1.0):
    """x where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2016).

    >>> from kerasnp import ops
    >>> ops.elu([-100.0, -1.0, 2.0]).round(3)
    array([-1.   , -0.632,  2.   ], dtype=float32)
    """
    return Elu(alpha)(_floating(x))


def selu(x):
    """1.0507 * (x where positive, 1.6733 * (exp(x) - 1) elsewhere): keeps mean 0 and variance 1 (Klambauer et al., 2017).

    >>> from kerasnp import ops
    >>> ops.selu([-100.0, 0.0, 1.0]).round(3)
    array([-1.758,  0.   ,  1.051], dtype=float32)
    """
    return Elu(SELU_ALPHA, SELU_SCALE)(_floating(x))


def gelu(x, approximate=True):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016).

    With `approximate=True`, x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))).

    >>> from kerasnp import ops
    >>> ops.gelu([-3.0, 0.0, 3.0], approximate=False).round(3)
    array([-0.004,  0.   ,  2.996], dtype=float32)
    """
    return Gelu(approximate)(_floating(x))


def silu(x):
    """x * sigmoid(x), also called swish (Ramachandran et al., 2017).

    >>> from kerasnp import ops
    >>> ops.silu([-3.0, 0.0, 3.0]).round(3)
    array([-0.142,  0.   ,  2.858], dtype=float32)
    """
    return Silu()(_floating(x))


swish = silu


def hard_sigmoid(x):
    """clip(x / 6 + 1/2, 0, 1).

    >>> from kerasnp import ops
    >>> ops.hard_sigmoid([-3.0, 0.0, 1.5, 6.0])
    array([0.  , 0.5 , 0.75, 1.  ], dtype=float32)
    """
    return Piecewise(1 / 6, 0.5)(_floating(x))


def softsign(x):
    """x / (1 + |x|).

    >>> from kerasnp import ops
    >>> ops.softsign([-1.0, 0.0, 3.0])
    array([-0.5 ,  0.  ,  0.75], dtype=float32)
    """
    return Softsign()(_floating(x))


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`: positive numbers that sum to one.

    >>> from kerasnp import ops
    >>> ops.softmax([[0.0, 0.0], [1.0, 3.0]]).round(3)
    array([[0.5  , 0.5  ],
           [0.119, 0.881]], dtype=float32)
    """
    return Softmax(axis)(_floating(x))


def log_softmax(x, axis=-1):
    """x - log(sum(exp(x))) along `axis`: log(softmax(x)) without underflow.

    >>> from kerasnp import ops
    >>> ops.log_softmax([0.0, 200.0])
    array([-200.,    0.], dtype=float32)
    """
    return LogSoftmax(axis)(_floating(x))


def prelu(x, alpha):
    """x where positive, alpha * x elsewhere, alpha an array that broadcasts against x (He et al., 2015).

    >>> from kerasnp import ops
    >>> ops.prelu(ops.array([[-4.0, -4.0]]), ops.array([0.25, 0.5]))
    array([[-1., -2.]], dtype=float32)
    """
    return PRelu()(x, alpha)


