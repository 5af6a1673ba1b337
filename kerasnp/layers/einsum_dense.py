"""EinsumDense: an affine layer for any arrangement of axes."""

import copy
import math
import re

from kerasnp import activations, constraints, initializers, ops, regularizers
from kerasnp.layers.layer import Layer
from kerasnp.layers.lora import Adaptable, Adapted
from kerasnp.utils import check


class EinsumDense(Adaptable, Layer):
    """activation(einsum(equation, x, kernel) + bias), for inputs with any number of axes.

    >>> EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")(ops.ones((2, 32, 128))).shape
    (2, 32, 64)

    Args:
        equation: an einsum of the inputs and the kernel, such as `"ab,bc->ac"`; `...` may stand for batch axes.
        output_shape: the output's shape without the batch axes; None where an axis follows the inputs.
        activation: a name or function; none by default.
        bias_axes: the letters of the output axes that the bias has, such as `"c"`; no bias by default.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties added to the loss.
        kernel_constraint, bias_constraint: projections after each update.
        lora_rank, lora_alpha: what `build` calls `enable_lora` with, where a rank is given.

    Shapes: by the equation; the kernel's letters get their lengths from the input's shape and `output_shape`.

    Raises: ValueError for an equation that is malformed or does not fit the shapes.
    """

    kernel = Adapted()

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check.unset(
            self._who, gptq_unpacked_column_size=gptq_unpacked_column_size, quantization_config=quantization_config
        )
        self.gptq_unpacked_column_size = self.quantization_config = None
        self._set_lora(lora_rank, lora_alpha)
        self.equation = equation
        self._inputs, self._summed_with, self._outputs = self._parse(equation)
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _parse(self, equation):
        axes = r"((?:\.\.\.)?[a-zA-Z]+|[a-zA-Z]+\.\.\.)"
        match = re.fullmatch(f"{axes},([a-zA-Z]+)->{axes}", equation.replace(" ", ""))
        if not match:
            raise ValueError(
                f"{self._who}: equation must be an einsum of inputs and kernel, as 'ab,bc->ac' or '...b,bc->...c'. "
                f"Received: equation={equation!r}"
            )
        return match.groups()

    def _lengths(self, input_shape):
        """The length of every letter, and the lengths of the axes that `...` stands for."""
        inputs, outputs = self._inputs.replace("...", ""), self._outputs.replace("...", "")
        free = len(input_shape) - len(inputs)
        if free < 0 or (free > 0 and "..." not in self._inputs):
            raise ValueError(
                f"{self._who}: the inputs of {self.equation!r} have {len(inputs)} axes. "
                f"Received: input shape {tuple(input_shape)}"
            )
        before = free if self._inputs.startswith("...") else 0
        lengths = dict(zip(inputs, input_shape[before:]))
        # output_shape leaves out leading axes: the batch at least, unless `...` stands for it.
        wanted = dict(zip(reversed(outputs), reversed(self.output_shape)))
        if len(self.output_shape) > len(outputs):
            raise ValueError(
                f"{self._who}: output_shape must not have more axes than the output of {self.equation!r}. "
                f"Received: output_shape={self.output_shape}"
            )
        for letter, n in wanted.items():
            if n is not None and lengths.setdefault(letter, n) not in (n, None):
                raise ValueError(
                    f"{self._who}: output_shape and input disagree about the axis {letter!r} of {self.equation!r}. "
                    f"Received: output_shape={self.output_shape}, input shape {tuple(input_shape)}"
                )
            lengths[letter] = lengths.get(letter) if n is None else n
        return lengths, tuple(input_shape[:before] if before else input_shape[len(inputs) :])

    def build(self, input_shape):
        lengths, rest = self._lengths(input_shape)
        shape = tuple(lengths.get(letter) for letter in self._summed_with)
        if None in shape:
            raise ValueError(
                f"{self._who}: the axes of the kernel {self._summed_with!r} in {self.equation!r} must have known lengths. "
                f"Received: input shape {tuple(input_shape)}, output_shape={self.output_shape}"
            )
        self.kernel = self.add_weight(
            shape,
            self._scaled_by_equation(self.kernel_initializer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.bias_axes is not None:
            outputs = self._outputs.replace("...", "")
            if not set(self.bias_axes) <= set(outputs):
                raise ValueError(
                    f"{self._who}: bias_axes must be axes of the output of {self.equation!r}. "
                    f"Received: bias_axes={self.bias_axes!r}"
                )
            tail = outputs[min(outputs.index(letter) for letter in self.bias_axes) :]
            shape = tuple(lengths[letter] if letter in self.bias_axes else 1 for letter in tail)
            self.bias = self.add_weight(
                shape + (1,) * (len(rest) if self._outputs.endswith("...") else 0),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self._enable_lora_if_asked()

    def _scaled_by_equation(self, initializer):
        """The initializer, counting as inputs the axes of the kernel that are summed over, unless it says which those are."""
        if not isinstance(initializer, initializers.VarianceScaling) or None not in (
            initializer.input_axes, initializer.output_axes
        ):  # fmt: skip
            return initializer
        initializer = copy.copy(initializer)
        kept = [letter in self._outputs for letter in self._summed_with]
        initializer.output_axes = [i for i, k in enumerate(kept) if k]
        initializer.input_axes = [i for i, k in enumerate(kept) if not k]
        return initializer

    def call(self, inputs):
        summed, kernel = self._summed(), self.kernel
        if summed and (self.bias is None or self.bias.shape == kernel.shape[summed:]):
            return self._affine(inputs, kernel, summed)
        y = ops.einsum(self.equation, inputs, kernel)
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)

    def _summed(self):
        """How many axes are summed over, if they are the input's last and the kernel's first; else 0."""
        for n in range(1, len(self._summed_with) + 1):
            first, rest = self._summed_with[:n], self._summed_with[n:]
            if self._inputs.endswith(first) and self._outputs == self._inputs[:-n] + rest:
                return n
        return 0

    def _affine(self, x, kernel, summed):
        """The equation as one product of matrices, with bias and activation in the same step."""
        bias = self.bias
        inner, outer = kernel.shape[:summed], kernel.shape[summed:]
        if summed > 1:
            x = ops.reshape(x, (*x.shape[:-summed], math.prod(inner)))
        if kernel.ndim > 2 or not outer:
            kernel = ops.reshape(kernel, (math.prod(inner), math.prod(outer)))
        if bias is not None and bias.ndim > 1:
            bias = ops.reshape(bias, (-1,))
        y = ops.dense(x, kernel, bias, self.activation)
        return y if len(outer) == 1 else ops.reshape(y, (*y.shape[:-1], *outer))

    def compute_output_shape(self, input_shape):
        lengths, rest = self._lengths(input_shape)
        named = tuple(lengths.get(letter) for letter in self._outputs.replace("...", ""))
        return (*rest, *named) if self._outputs.startswith("...") else (*named, *rest)

    def get_config(self):
        """The constructor arguments; Keras writes `activity_regularizer` even where there is none."""
        config = {**super().get_config(), "activity_regularizer": regularizers.serialize(self.activity_regularizer)}
        config = self._without_unused_lora(config)
        return {k: v for k, v in config.items() if not k.startswith("gptq_")}
