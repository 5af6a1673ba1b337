"""Constraints applied to weights after each update, under the names of `keras.constraints`."""

from kerasnp import backend as K
from kerasnp.saving.config import deserialize_keras_object, serialize_value
from kerasnp.utils import registry
from kerasnp.utils.registry import Registered


def _norms(w, axis):
    axis = tuple(axis) if isinstance(axis, list) else axis
    return K.sqrt(K.sum(K.square(w), axis=axis, keepdims=True))


class Constraint(Registered, abstract=True):
    """Base: a subclass writes `__call__(w)`, which returns the projected weights, an array.

    >>> import kerasnp
    >>> class SumsToOne(Constraint):
    ...     def __call__(self, w):
    ...         return w / w.sum()
    >>> layer = kerasnp.layers.Dense(1, kernel_constraint=SumsToOne())
    >>> layer.build((None, 2))
    >>> kerasnp.optimizers.SGD(1.0).apply([[[0.0], [1.0]]], [layer.kernel])
    >>> round(float(layer.kernel.numpy().sum()), 4)
    1.0
    """

    family = "constraints"

    def __call__(self, w):
        """`w` itself, for the base class."""
        return K.asarray(w)


class MaxNorm(Constraint, aliases=("max_norm",)):
    """Scale w down to at most `max_value` in norm along `axis` (Srivastava et al., 2014).

    >>> MaxNorm(2.5)([[3.0], [4.0]]).round(4).tolist()  # a column of length 5
    [[1.5], [2.0]]

    Args:
        max_value: the largest norm.
        axis: the axis, or axes, along which norms are taken: 0 for the inputs of a Dense kernel (inputs, units), [0, 1, 2]
            for a Conv2D kernel (height, width, channels, filters).
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w):
        w = K.asarray(w)
        norms = _norms(w, self.axis)
        return w * (K.clip(norms, 0, self.max_value) / (K.epsilon() + norms))


class NonNeg(Constraint, aliases=("non_neg",)):
    """max(w, 0).

    >>> NonNeg()([-1.0, 2.0])
    array([-0.,  2.])
    """

    def __call__(self, w):
        w = K.asarray(w)
        return w * (w >= 0)


class UnitNorm(Constraint, aliases=("unit_norm",)):
    """w divided by its norm along `axis`.

    >>> UnitNorm()([[3.0], [4.0]]).round(4)
    array([[0.6],
           [0.8]])

    Args:
        axis: the axis, or axes, along which norms are taken: 0 for the inputs of a Dense kernel (inputs, units), [0, 1, 2]
            for a Conv2D kernel (height, width, channels, filters).
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = K.asarray(w)
        return w / (K.epsilon() + _norms(w, self.axis))


class MinMaxNorm(Constraint, aliases=("min_max_norm",)):
    """Bring the norm of w along `axis` towards [min_value, max_value], by the share `rate` of the way.

    >>> MinMaxNorm(min_value=1.0, max_value=2.5, rate=0.5)([[0.0], [4.5]]).round(4)  # half of the way from 4.5 to 2.5
    array([[0. ],
           [3.5]])

    Args:
        min_value, max_value: the bounds of the norm.
        rate: the share of the way that one update goes, 1 for all of it.
        axis: the axis, or axes, along which norms are taken: 0 for the inputs of a Dense kernel (inputs, units), [0, 1, 2]
            for a Conv2D kernel (height, width, channels, filters).
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w):
        w = K.asarray(w)
        norms = _norms(w, self.axis)
        wanted = self.rate * K.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (K.epsilon() + norms))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm


def get(identifier):
    """A constraint from its name, configuration, class or instance; None stays None.

    >>> get("max_norm").get_config()
    {'max_value': 2, 'axis': 0}
    """
    return registry.get("constraints", identifier)


def serialize(constraint):
    """The configuration of a constraint.

    >>> serialize(UnitNorm(axis=1))["config"]
    {'axis': 1}
    """
    return serialize_value(constraint)


def deserialize(config, custom_objects=None):
    """The constraint that `serialize` described.

    >>> deserialize(serialize(UnitNorm(axis=1))).axis
    1
    """
    return deserialize_keras_object(config, custom_objects, family="constraints")
