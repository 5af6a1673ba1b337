"""Activation functions, under the names of `keras.activations`."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.ops.activation import Piecewise
from kerasnp.saving.config import deserialize_keras_object
from kerasnp.utils import registry

_activation = registry.function


@_activation("activations", "identity")
def linear(x):
    """x itself."""
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
    """x where positive, negative_slope * x elsewhere."""
    return ops.leaky_relu(x, negative_slope)


@_activation("activations")
def relu6(x):
    """min(max(x, 0), 6)."""
    return ops.clip(x, 0, 6)


@_activation("activations")
def elu(x, alpha=1.0):
    """x where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2016)."""
    return ops.elu(x, alpha)


@_activation("activations")
def selu(x):
    """The self-normalizing elu (Klambauer et al., 2017); goes with `lecun_normal` weights."""
    return ops.selu(x)


@_activation("activations")
def gelu(x, approximate=False):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016)."""
    return ops.gelu(x, approximate)


@_activation("activations")
def sigmoid(x):
    """1 / (1 + exp(-x)); its output lends its input to a binary cross-entropy, which is then exact for any x."""
    return ops.sigmoid(x)


@_activation("activations")
def hard_sigmoid(x):
    """clip(x / 6 + 1/2, 0, 1), the definition since Keras 3."""
    return ops.hard_sigmoid(x)


@_activation("activations")
def hard_sigmoid_keras2(x):
    """clip(0.2 * x + 1/2, 0, 1), the definition before Keras 3; files of that age are loaded with it."""
    return Piecewise(0.2, 0.5)(ops.convert_to_tensor(x))


@_activation("activations", "hard_swish")
def hard_silu(x):
    """x * hard_sigmoid(x) (Howard et al., 2019)."""
    return x * ops.hard_sigmoid(x)


@_activation("activations")
def tanh(x):
    """The hyperbolic tangent."""
    return ops.tanh(x)


@_activation("activations")
def tanh_shrink(x):
    """x - tanh(x)."""
    return x - ops.tanh(x)


@_activation("activations")
def hard_tanh(x):
    """x limited to [-1, 1]."""
    return ops.clip(x, -1, 1)


@_activation("activations")
def hard_shrink(x, threshold=0.5):
    """x where |x| > threshold, 0 elsewhere."""
    return ops.where(ops.abs(ops.stop_gradient(x)) > threshold, x, 0)


@_activation("activations")
def soft_shrink(x, threshold=0.5):
    """x brought towards 0 by threshold, 0 where |x| is smaller."""
    return ops.maximum(x - threshold, 0) + ops.minimum(x + threshold, 0)


@_activation("activations")
def threshold(x, threshold, default_value):
    """x where x > threshold, default_value elsewhere."""
    return ops.where(ops.stop_gradient(x) > threshold, x, default_value)


@_activation("activations")
def softplus(x):
    """log(1 + exp(x))."""
    return ops.softplus(x)


@_activation("activations")
def softsign(x):
    """x / (1 + |x|)."""
    return ops.softsign(x)


@_activation("activations", "swish")
def silu(x):
    """x * sigmoid(x) (Ramachandran et al., 2017)."""
    return ops.silu(x)


@_activation("activations")
def mish(x):
    """x * tanh(softplus(x)) (Misra, 2019)."""
    return x * ops.tanh(ops.softplus(x))


@_activation("activations")
def celu(x, alpha=1.0):
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0) (Barron, 2017)."""
    return ops.maximum(x, 0) + alpha * ops.expm1(ops.minimum(x, 0) / alpha)


@_activation("activations")
def glu(x, axis=-1):
    """a * sigmoid(b) for the two halves a and b of x along `axis` (Dauphin et al., 2017)."""
    a, b = ops.split(x, 2, axis)
    return a * ops.sigmoid(b)


@_activation("activations")
def log_sigmoid(x):
    """log(sigmoid(x))."""
    return -ops.softplus(-ops.convert_to_tensor(x))


@_activation("activations")
def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2 (Barron, 2021)."""
    return (x + ops.sqrt(ops.square(x) + b)) / 2


@_activation("activations")
def sparse_plus(x):
    """0 for x <= -1, (x + 1)^2 / 4 for -1 < x < 1, x above."""
    inside = ops.clip(x, -1, 1)
    return ops.square(inside + 1) / 4 + ops.maximum(x, 1) - 1


@_activation("activations")
def sparse_sigmoid(x):
    """0 for x <= -1, (x + 1) / 2 for -1 < x < 1, 1 above."""
    return ops.clip((x + 1) / 2, 0, 1)


@_activation("activations")
def exponential(x):
    """exp(x)."""
    return ops.exp(x)


@_activation("activations")
def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`; its output lends its input to a cross-entropy, which is then exact for any x."""
    return ops.softmax(x, axis)


@_activation("activations")
def log_softmax(x, axis=-1):
    """log(softmax(x))."""
    return ops.log_softmax(x, axis)


@_activation("activations")
def sparsemax(x, axis=-1):
    """The nearest point of the probability simplex, which has exact zeros (Martins and Astudillo, 2016)."""
    values = ops.stop_gradient(x)
    values = K.moveaxis(values, axis, -1)
    ordered = K.flip(K.sort(values, axis=-1), -1)
    k = K.arange(1, values.shape[-1] + 1)
    support = 1 + k * ordered > K.cumsum(ordered, axis=-1)
    size = support.sum(axis=-1, keepdims=True)
    inside = K.moveaxis(values > K.take_along_axis(ordered, size - 1, -1) - 0, -1, axis)
    inside = inside | (ops.stop_gradient(x) == K.moveaxis(K.take_along_axis(ordered, size - 1, -1), -1, axis))
    size = K.moveaxis(size, -1, axis)
    tau = (ops.sum(ops.where(inside, x, 0), axis=axis, keepdims=True) - 1) / size.astype(values.dtype)
    return ops.maximum(x - tau, 0)


# Keras's second names.
swish, hard_swish = silu, hard_silu

# Fused into the dense and convolution kernels; sigmoid is not, so that it can lend its logits.
relu.fused, tanh.fused, elu.fused = K.fused["relu"], K.fused["tanh"], K.fused["elu"]
selu.fused, exponential.fused, softplus.fused = K.fused["selu"], K.fused["exponential"], K.fused["softplus"]


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
    """The name of an activation, or the configuration of a layer or registered function."""
    from kerasnp.saving.config import serialize_value

    return serialize_value(activation)


def deserialize(config, custom_objects=None):
    """The activation that `serialize` described."""
    if isinstance(config, dict):
        return deserialize_keras_object(config, custom_objects, family="activations")
    return get(config)
