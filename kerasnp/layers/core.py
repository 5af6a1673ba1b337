"""The layers everything starts from: Input, Dense, Activation."""

import warnings

from kerasnp import activations, constraints, initializers, ops, regularizers
from kerasnp import backend as K
from kerasnp.autodiff.history import Node
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer
from kerasnp.ops.activation import activation_operator
from kerasnp.ops.linear import Dense as DenseOperator
from kerasnp.layers.lora import Adaptable, Adapted
from kerasnp.utils import check


class InputLayer(Layer):
    """Says what shape and type a model takes; it computes nothing.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([InputLayer(shape=(28, 28)), kerasnp.layers.Flatten()])
    >>> model.output_shape
    (None, 784)

    Args:
        shape: the shape of one sample, without the batch axis; None for a length that may vary.
        batch_size: a fixed batch size, or None.
        dtype: the type of the input.
        sparse, ragged: must be None or False, since arrays are dense.
        batch_shape: the shape with the batch axis, instead of `shape`.
        input_tensor: a symbolic tensor that says all of it.
        optional: whether None may be passed in its place.

    Raises: ValueError for a shape that is missing, given twice or no shape.
    """

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        super().__init__(name=name)
        for new, old in (("shape", "input_shape"), ("batch_shape", "batch_input_shape")):
            if old in kwargs:
                warnings.warn(f"Argument `{old}` is deprecated. Use `{new}` instead.", stacklevel=2)
        shape, batch_shape = kwargs.pop("input_shape", shape), kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to InputLayer: {kwargs}")
        if input_tensor is not None:
            batch_shape, dtype = self._of_tensor(input_tensor, shape, batch_size, dtype, sparse, batch_shape)
            shape = batch_size = None
        for name, value in (("sparse", sparse), ("ragged", ragged)):
            if value:
                raise ValueError(
                    f"{self._who}: `{name}=True` is not supported, since arrays are dense. Received: {name}={value!r}"
                )
        if shape is not None and batch_shape is not None:
            raise ValueError("Input: you cannot pass both `shape` and `batch_shape`, which begins with the size of the batch.")
        if batch_size is not None and batch_shape is not None:
            raise ValueError("Input: you cannot pass both `batch_size` and `batch_shape`, which begins with it.")
        if shape is None and batch_shape is None:
            raise ValueError("Input: pass a `shape` argument, the shape of one sample, such as shape=(28, 28, 1).")
        if batch_shape is None:
            batch_shape = (batch_size, *check.shape(shape, "shape", self._who))
        self.batch_shape = check.shape(batch_shape, "batch_shape", self._who)
        if any(d is not None and d < 0 for d in self.batch_shape):
            raise ValueError(f"{self._who}: the lengths of a shape must not be negative. Received: {self.batch_shape}")
        self.sparse, self.ragged, self.optional = bool(sparse), bool(ragged), optional
        self._input_dtype = K.standardize_dtype(dtype)
        self._storage_type = K.storage_dtype(self._input_dtype)
        self.built = True
        self._trainable = True
        if self._input_dtype.startswith(("float", "bfloat")):
            self.dtype_policy = self._input_dtype
        if input_tensor is None:
            input_tensor = KerasTensor(self.batch_shape, dtype=self._input_dtype, name=self.name)
        Node(self, (), {}, [], [input_tensor])
        self._output = input_tensor

    @staticmethod
    def _of_tensor(tensor, shape, batch_size, dtype, sparse, batch_shape):
        """The batch shape and type of a symbolic tensor, which whatever else is given must agree with."""
        if not isinstance(tensor, KerasTensor):
            raise ValueError(
                f"Argument `input_tensor` must be a KerasTensor, such as Input returns. Received: input_tensor={tensor!r}"
            )
        given = {"shape": shape and tuple(shape), "batch_size": batch_size, "batch_shape": batch_shape and tuple(batch_shape),
                 "dtype": dtype, "sparse": sparse}  # fmt: skip
        own = {"shape": tensor.shape[1:], "batch_size": tensor.shape[0] if tensor.shape else None,
               "batch_shape": tensor.shape, "dtype": tensor.dtype, "sparse": tensor.sparse}  # fmt: skip
        for name, value in given.items():
            if value is not None and value != own[name]:
                raise ValueError(
                    f"Input: beside input_tensor you cannot provide an incompatible `{name}`. Expected {own[name]}. Received: "
                    f"{name}={value!r}"
                )
        return tensor.shape, tensor.dtype

    @property
    def dtype(self):
        """The type of the input.

        >>> InputLayer(shape=(2,), dtype="int32").dtype
        'int32'
        """
        return self._input_dtype

    @property
    def output(self):
        """The symbolic tensor that stands for the data."""
        return self._output

    @property
    def input(self):
        """The same tensor."""
        return self._output

    def __setstate__(self, state):
        self.__dict__.update(state)
        Node(self, (), {}, [], [self._output])

    @property
    def shape(self):
        """The shape with the batch axis."""
        return self.batch_shape

    def call(self):
        """Nothing: an input layer marks where data enter, and is never computed."""

    def compute_output_shape(self, input_shape=None):
        """The declared shape."""
        return self.batch_shape

    def get_config(self):
        """The constructor's arguments, under Keras's names."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._input_dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def Input(
    shape=None, batch_size=None, dtype=None, sparse=None, ragged=None, batch_shape=None, name=None, tensor=None,
    optional=False,
):  # noqa: N802
    """Where data enter a model: what one sample looks like, as a symbolic tensor on which layers can be called.

    >>> import kerasnp
    >>> kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(2)]).output_shape
    (None, 2)
    >>> kerasnp.layers.Dense(2)(kerasnp.Input((4,)))
    <KerasTensor shape=(None, 2), dtype=float32>

    See `InputLayer` for the arguments.
    """
    return InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, input_tensor=tensor, optional=optional, name=name
    ).output


class Dense(Adaptable, Layer):
    """The fully connected layer, y = activation(x @ kernel + bias).

    Shapes: x (batch, ..., inputs), kernel (inputs, units), bias (units,), y (batch, ..., units).

    >>> Dense(2, kernel_initializer="ones")([[1.0, 2.0]])
    array([[3., 3.]], dtype=float32)

    Args:
        units: the number of outputs, a positive integer.
        activation: a name or function; None computes nothing.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, bias_regularizer: penalties added to the loss.
        activity_regularizer: a penalty on the output.
        kernel_constraint, bias_constraint: applied after each update.
        lora_rank, lora_alpha: what `build` calls `enable_lora` with, where a rank is given.

    Raises: ValueError for units that are no positive integer, or an input whose last axis is unknown or differs.
    """

    kernel = Adapted()

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        check.unset(self._who, quantization_config=quantization_config)
        self.units = check.positive_int("units", units, self._who)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.quantization_config = None
        self._set_lora(lora_rank, lora_alpha)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        inputs = input_shape[-1]
        if inputs is None:
            raise ValueError(
                f"{self._who}: the last axis of the input must be known to make the kernel. Received: {tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            (inputs, self.units), self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint, name="bias",
            )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2, axes={-1: inputs})
        self._enable_lora_if_asked()

    def call(self, inputs, training=None):
        return ops.dense(inputs, self.kernel, self.bias, self.activation)

    def operators(self, input_shape, training=True):
        """The product, and the activation where it is not part of that."""
        if self.lora_enabled:
            return None
        variables = (self.kernel,) if self.bias is None else (self.kernel, self.bias)
        return self._with_activation(DenseOperator, variables)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return self._without_unused_lora(super().get_config())


class Activation(Layer):
    """An activation as a layer of its own, y = activation(x).

    >>> Activation("relu")([-1.0, 2.0])
    array([0., 2.], dtype=float32)

    Args:
        activation: a name or function of `kerasnp.activations`.
    """

    supports_masking = True

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)

    def operators(self, input_shape, training=True):
        """The activation, where it is a single operator."""
        operator = activation_operator(self.activation)
        return None if operator is None else [(operator, ())]

    def compute_output_shape(self, input_shape):
        return input_shape
