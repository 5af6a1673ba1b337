"""Activation functions, under the names of `keras.activations`."""

import functools

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.ops.activation import Gelu, LogSoftmax, Silu, Softmax, Softsign
from kerasnp.ops.elementwise import Unary
from kerasnp.saving.config import deserialize_keras_object
from kerasnp.utils import registry

_activation = registry.function


@_activation("activations", "identity")
def linear(x):
    """x itself.

    >>> from kerasnp import activations, ops
    >>> activations.linear(ops.array([-1.0, 2.0]))
    array([-1.,  2.], dtype=float32)
    """
    return x


@_activation("activations")
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """max(x, 0); or with a slope below, a ceiling, a threshold.

    f(x) = max_value for x >= max_value, x for threshold < x < max_value, negative_slope * (x - threshold) below.

    >>> relu(K.array([-2.0, 3.0]), max_value=2.0)
    array([0., 2.])
    """
    x = ops.convert_to_tensor(x)
    if threshold == 0 and max_value is None:
        return ops.leaky_relu(x, negative_slope) if negative_slope else ops.relu(x)
    above = ops.where(ops.stop_gradient(x) > threshold, x, 0)
    y = above if max_value is None else ops.minimum(above, max_value)
    if negative_slope:
        y = y + negative_slope * ops.minimum(x - threshold, 0)
    return y


@_activation("activations")
def leaky_relu(x, negative_slope=0.2):
    """x where positive, negative_slope * x elsewhere.

    >>> from kerasnp import activations
    >>> activations.leaky_relu([-10.0, 3.0])
    array([-2.,  3.], dtype=float32)
    """
    return ops.leaky_relu(x, negative_slope)


@_activation("activations")
def relu6(x):
    """min(max(x, 0), 6).

    >>> from kerasnp import activations
    >>> activations.relu6([-1.0, 3.0, 9.0])
    array([0., 3., 6.], dtype=float32)
    """
    return ops.relu6(x)


@_activation("activations")
def elu(x, alpha=1.0):
    """x where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2016).

    >>> from kerasnp import activations
    >>> activations.elu([-100.0, -1.0, 2.0]).round(3)
    array([-1.   , -0.632,  2.   ], dtype=float32)
    """
    return ops.elu(x, alpha)


@_activation("activations")
def selu(x):
    """1.0507 * (x where positive, 1.6733 * (exp(x) - 1) elsewhere); goes with `lecun_normal` weights (Klambauer et al., 2017).

    >>> from kerasnp import activations
    >>> activations.selu([-100.0, 0.0, 1.0]).round(3)
    array([-1.758,  0.   ,  1.051], dtype=float32)
    """
    return ops.selu(x)


@_activation("activations")
def gelu(x, approximate=False):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016).

    With `approximate=True`, x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))).

    >>> from kerasnp import activations
    >>> activations.gelu([-3.0, 0.0, 3.0]).round(3)
    array([-0.004,  0.   ,  2.996], dtype=float32)
    """
    return ops.gelu(x, approximate)


@_activation("activations")
def sigmoid(x):
    """1 / (1 + exp(-x)); its output lends its input to a binary cross-entropy, which is then exact for any x.

    >>> from kerasnp import activations
    >>> activations.sigmoid([-100.0, 0.0, 1.0]).round(3)
    array([0.   , 0.5  , 0.731], dtype=float32)
    """
    return ops.sigmoid(x)


@_activation("activations")
def hard_sigmoid(x):
    """clip(x / 6 + 1/2, 0, 1), the definition since Keras 3.

    >>> from kerasnp import activations
    >>> activations.hard_sigmoid([-3.0, 0.0, 1.5, 6.0])
    array([0.  , 0.5 , 0.75, 1.  ], dtype=float32)
    """
    return ops.hard_sigmoid(x)


@_activation("activations")
def hard_sigmoid_keras2(x):
    """clip(0.2 * x + 1/2, 0, 1), the definition before Keras 3; files of that age are loaded with it.

    >>> from kerasnp import activations
    >>> activations.hard_sigmoid_keras2([-3.0, 0.0, 1.0, 6.0]).round(3)
    array([0. , 0.5, 0.7, 1. ], dtype=float32)
    """
    return ops.clip(ops.multiply(x, 0.2) + 0.5, 0.0, 1.0)


@_activation("activations", "hard_swish")
def hard_silu(x):
    """x * hard_sigmoid(x) (Howard et al., 2019).

    >>> from kerasnp import activations, ops
    >>> activations.hard_silu(ops.array([-1.5, 0.0, 1.5, 6.0]))
    array([-0.375,  0.   ,  1.125,  6.   ], dtype=float32)
    """
    return ops.hard_silu(x)


@_activation("activations")
def tanh(x):
    """The hyperbolic tangent, (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    >>> from kerasnp import activations
    >>> activations.tanh([-10.0, 0.0, 0.5]).round(3)
    array([-1.   ,  0.   ,  0.462], dtype=float32)
    """
    return ops.tanh(x)


@_activation("activations")
def tanh_shrink(x):
    """x - tanh(x).

    >>> from kerasnp import activations, ops
    >>> activations.tanh_shrink(ops.array([-2.0, 0.0, 2.0])).round(3)
    array([-1.036,  0.   ,  1.036], dtype=float32)
    """
    return ops.tanh_shrink(x)


@_activation("activations")
def hard_tanh(x):
    """x limited to [-1, 1].

    >>> from kerasnp import activations
    >>> activations.hard_tanh([-3.0, 0.5, 3.0])
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    return ops.hard_tanh(x)


@_activation("activations")
def hard_shrink(x, threshold=0.5):
    """x where |x| > threshold, 0 elsewhere.

    >>> from kerasnp import activations
    >>> activations.hard_shrink([-2.0, 0.3, 0.7])
    array([-2. ,  0. ,  0.7], dtype=float32)
    """
    return ops.hard_shrink(x, threshold)


@_activation("activations")
def soft_shrink(x, threshold=0.5):
    """x brought towards 0 by threshold, 0 where |x| is smaller.

    >>> from kerasnp import activations, ops
    >>> activations.soft_shrink(ops.array([-2.0, 0.25, 1.0]))
    array([-1.5,  0. ,  0.5], dtype=float32)
    """
    return ops.soft_shrink(x, threshold)


@_activation("activations")
def threshold(x, threshold, default_value):
    """x where x > threshold, default_value elsewhere.

    >>> from kerasnp import activations
    >>> activations.threshold([-1.0, 0.5, 2.0], 1.0, default_value=-9.0)
    array([-9., -9.,  2.], dtype=float32)
    """
    return ops.threshold(x, threshold, default_value)


@_activation("activations")
def softplus(x):
    """log(1 + exp(x)).

    >>> from kerasnp import activations
    >>> activations.softplus([-100.0, 0.0, 100.0]).round(3)
    array([  0.   ,   0.693, 100.   ], dtype=float32)
    """
    return ops.softplus(x)


@_activation("activations")
def softsign(x):
    """x / (1 + |x|).

    >>> from kerasnp import activations
    >>> activations.softsign([-1.0, 0.0, 3.0])
    array([-0.5 ,  0.  ,  0.75], dtype=float32)
    """
    return ops.softsign(x)


@_activation("activations", "swish")
def silu(x):
    """x * sigmoid(x) (Ramachandran et al., 2017).

    >>> from kerasnp import activations
    >>> activations.silu([-3.0, 0.0, 3.0]).round(3)
    array([-0.142,  0.   ,  2.858], dtype=float32)
    """
    return ops.silu(x)


@_activation("activations")
def mish(x):
    """x * tanh(softplus(x)) (Misra, 2019).

    >>> from kerasnp import activations, ops
    >>> activations.mish(ops.array([-3.0, 0.0, 3.0])).round(3)
    array([-0.146,  0.   ,  2.987], dtype=float32)
    """
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


@_activation("activations")
def celu(x, alpha=1.0):
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0) (Barron, 2017).

    >>> from kerasnp import activations
    >>> activations.celu([-100.0, -1.0, 2.0], alpha=2.0).round(3)
    array([-2.   , -0.787,  2.   ], dtype=float32)
    """
    return ops.celu(x, alpha)


@_activation("activations")
def glu(x, axis=-1):
    """a * sigmoid(b) for the two halves a and b of x along `axis` (Dauphin et al., 2017).

    The axis must be even in length, and comes out half as long.

    >>> from kerasnp import activations
    >>> activations.glu([[1.0, 2.0, 0.0, 100.0]])
    array([[0.5, 2. ]], dtype=float32)
    """
    return ops.glu(x, axis)


@_activation("activations")
def log_sigmoid(x):
    """log(sigmoid(x)) = -log(1 + exp(-x)), which does not underflow.

    >>> from kerasnp import activations
    >>> activations.log_sigmoid([-200.0, 0.0]).round(3)
    array([-200.   ,   -0.693], dtype=float32)
    """
    return ops.log_sigmoid(x)


@_activation("activations")
def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2 (Barron, 2021).

    >>> from kerasnp import activations, ops
    >>> activations.squareplus(ops.array([-1.5, 0.0, 1.5]))
    array([0.5, 1. , 2. ], dtype=float32)
    """
    return ops.squareplus(x, b)


@_activation("activations")
def sparse_plus(x):
    """0 for x <= -1, (x + 1)^2 / 4 for -1 < x < 1, x above.

    >>> from kerasnp import activations
    >>> activations.sparse_plus([-2.0, 0.0, 2.0])
    array([0.  , 0.25, 2.  ], dtype=float32)
    """
    return ops.sparse_plus(x)


@_activation("activations")
def sparse_sigmoid(x):
    """0 for x <= -1, (x + 1) / 2 for -1 < x < 1, 1 above.

    >>> from kerasnp import activations, ops
    >>> activations.sparse_sigmoid(ops.array([-2.0, 0.5, 2.0]))
    array([0.  , 0.75, 1.  ], dtype=float32)
    """
    return ops.sparse_sigmoid(x)


@_activation("activations")
def exponential(x):
    """exp(x).

    >>> from kerasnp import activations
    >>> activations.exponential([-1.0, 0.0, 1.0]).round(3)
    array([0.368, 1.   , 2.718], dtype=float32)
    """
    return ops.exp(x)


@_activation("activations")
def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`; its output lends its input to a cross-entropy, which is then exact for any x.

    >>> from kerasnp import activations
    >>> activations.softmax([[0.0, 0.0], [1.0, 3.0]]).round(3)
    array([[0.5  , 0.5  ],
           [0.119, 0.881]], dtype=float32)
    """
    return ops.softmax(x, axis)


@_activation("activations")
def log_softmax(x, axis=-1):
    """x - log(sum(exp(x))) along `axis`: log(softmax(x)) without underflow.

    >>> from kerasnp import activations
    >>> activations.log_softmax([0.0, 200.0])
    array([-200.,    0.], dtype=float32)
    """
    return ops.log_softmax(x, axis)


@_activation("activations")
def sparsemax(x, axis=-1):
    """The nearest point of the probability simplex, which has exact zeros (Martins and Astudillo, 2016).

    >>> from kerasnp import activations, ops
    >>> activations.sparsemax(ops.array([[1.0, 1.5, -2.0]]))
    array([[0.25, 0.75, 0.  ]], dtype=float32)
    """
    return ops.sparsemax(x, axis)


# Keras's second names.
swish, hard_swish = silu, hard_silu

# Fused into the dense and convolution kernels; sigmoid is not, so that it can lend its logits.
relu.fused, tanh.fused, elu.fused = K.fused["relu"], K.fused["tanh"], K.fused["elu"]
selu.fused, exponential.fused, softplus.fused = K.fused["selu"], K.fused["exponential"], K.fused["softplus"]

# Those that are one operator when they come alone.
softmax.operator, log_softmax.operator = Softmax, LogSoftmax
silu.operator, softsign.operator = Silu, Softsign
gelu.operator = functools.partial(Gelu, False)
for _one in (relu, sigmoid, tanh):
    _one.operator = functools.partial(Unary, _one.__name__)


def get(identifier):
    """An activation from its name, configuration or a callable; None is `linear`.

    >>> get("relu") is relu
    True

    Raises: ValueError for an unknown name.
    """
    if identifier is None:
        return linear
    return registry.get("activations", identifier)


def serialize(activation):
    """The name of an activation, or the configuration of a layer or registered function.

    >>> from kerasnp import activations
    >>> activations.serialize(activations.relu)
    'relu'
    """
    from kerasnp.saving.config import serialize_value

    return serialize_value(activation)


def deserialize(config, custom_objects=None):
    """The activation that `serialize` described.

    >>> from kerasnp import activations
    >>> activations.deserialize("relu") is activations.relu
    True

    Raises: ValueError for a name that is not known.
    """
    if isinstance(config, dict):
        return deserialize_keras_object(config, custom_objects, family="activations")
    return get(config)
