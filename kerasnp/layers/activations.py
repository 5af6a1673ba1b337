"""Activations as layers: those with options or weights of their own."""

from kerasnp import activations, constraints, initializers, ops, regularizers
from kerasnp import backend as K
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer
from kerasnp.ops.activation import Softmax as SoftmaxOperator
from kerasnp.ops.activation import activation_operator


class _Elementwise(Layer, abstract=True):
    supports_masking = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def _number(self, name, value, layer, optional=False):
        """`value` as a number that is not negative."""
        if value is None and optional:
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
            refused = "a negative value" if optional else "None or a negative value"
            raise ValueError(f"{self._who}: The {name} {layer} cannot be {refused}. Received: {name}={value!r}")
        return value


class ReLU(_Elementwise):
    """max(x, 0), or with a ceiling, a slope below and a threshold.

    y = max_value for x >= max_value, x for threshold < x < max_value, negative_slope * (x - threshold) below.

    >>> ReLU(max_value=6)([-3.0, 0.5, 9.0])
    array([0. , 0.5, 6. ], dtype=float32)

    Raises: ValueError for a negative number.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        self.max_value = self._number("max_value", max_value, "of a ReLU layer", optional=True)
        self.negative_slope = self._number("negative_slope", negative_slope, "of a ReLU layer")
        self.threshold = self._number("threshold", threshold, "of a ReLU layer")

    def call(self, inputs):
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def operators(self, input_shape, training=True):
        """max(x, 0), where that is all."""
        if self.max_value is not None or self.negative_slope or self.threshold:
            return None
        return [(activation_operator(activations.relu), ())]


class LeakyReLU(_Elementwise):
    """x where positive, negative_slope * x elsewhere (Maas et al., 2013).

    >>> LeakyReLU(0.5)([-2.0, 3.0])
    array([-1.,  3.], dtype=float32)

    Raises: ValueError for a slope that is negative or None.
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        alpha = kwargs.pop("alpha", None)  # Keras 2's name
        super().__init__(**kwargs)
        slope = negative_slope if alpha is None else alpha
        self.negative_slope = self._number("negative_slope", slope, "value of a Leaky ReLU layer")

    def call(self, inputs):
        return ops.leaky_relu(inputs, self.negative_slope)


class PReLU(_Elementwise):
    """x where positive, alpha * x elsewhere, alpha learned (He et al., 2015).

    >>> PReLU(alpha_initializer="ones")(ops.convert_to_tensor([[-2.0, 3.0]]))
    array([[-2.,  3.]], dtype=float32)

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: as for any weight.
        shared_axes: axes along which one alpha serves all; `[1, 2]` gives one per channel of an image.
    """

    def __init__(
        self, alpha_initializer="Zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)

    def build(self, input_shape):
        shared = self.shared_axes or ()
        shape = [1 if a in shared else n for a, n in enumerate(input_shape)][1:]
        if None in shape:
            raise ValueError(
                f"{self._who}: every axis that alpha is not shared along must be defined. Received: "
                f"input_shape={tuple(input_shape)}; share the undefined axes with shared_axes."
            )
        self.alpha = self.add_weight(
            shape,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        axes = {a: n for a, n in enumerate(input_shape) if a and a not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs):
        return ops.prelu(inputs, self.alpha)


class ELU(_Elementwise):
    """x where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2016).

    >>> ELU()([0.0, 3.0])
    array([0., 3.], dtype=float32)
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs):
        return ops.elu(inputs, self.alpha)


class Softmax(_Elementwise):
    """exp(x) / sum(exp(x)) along an axis: positive numbers that sum to one.

    >>> Softmax()(ops.convert_to_tensor([[1.0, 1.0, 9.0]]), mask=ops.convert_to_tensor([[True, True, False]]))
    array([[0.5, 0.5, 0. ]], dtype=float32)

    Args:
        axis: one axis or several.

    The call takes a `mask` that broadcasts to the inputs; where it is False the output is 0.

    Raises: ValueError for a mask that does not.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.softmax(inputs, self.axis)
        self._check_mask(inputs.shape, mask.shape)
        kept = ops.cast(mask, inputs.dtype)
        lowest = K.finfo(kept.dtype).min / 2
        return ops.softmax(inputs + (1 - kept) * lowest, self.axis) * kept

    def operators(self, input_shape, training=True):
        """The softmax, without a mask; None where it is over the batch, too."""
        axes = self.axis if isinstance(self.axis, (tuple, list)) else (self.axis,)
        if any(axis % len(input_shape) == 0 for axis in axes):
            return None
        return [(SoftmaxOperator(self.axis), ())]

    def _check_mask(self, shape, mask_shape):
        if len(mask_shape) > len(shape):
            problem = "must not have more dimensions than"
        elif any(m not in (1, n) for m, n in zip(mask_shape[::-1], shape[::-1])):
            problem = "must be broadcastable to"
        else:
            return
        raise ValueError(
            f"{self._who}: the mask {problem} the inputs. Received: a mask of shape {tuple(mask_shape)} for inputs of shape "
            f"{tuple(shape)}"
        )
