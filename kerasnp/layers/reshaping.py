"""Layers that rearrange elements."""

import math

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer
from kerasnp.ops.shape import Reshape as ReshapeOperator
from kerasnp.utils import check


class Flatten(Layer):
    """All axes but the batch as one.

    >>> Flatten()(ops.zeros((2, 3, 4))).shape
    (2, 12)

    Args:
        data_format: `"channels_first"` moves the channels last before flattening, so that weights that follow mean the
            same in both formats; default `kerasnp.config.image_data_format()`.

    Shapes: inputs `(batch, ...)`, outputs `(batch, product of the others)`; a `(batch,)` becomes `(batch, 1)`.
    """

    casts_integers = False

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = K.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        shape = inputs.shape
        if self.data_format == "channels_first" and len(shape) > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, (shape[0], math.prod(shape[1:])))

    def operators(self, input_shape, training=True):
        """A reshape, where channels need not be moved before."""
        if self.data_format == "channels_first" and len(input_shape) > 2:
            return None
        return [(ReshapeOperator((input_shape[0], math.prod(input_shape[1:]))), ())]

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))


class Reshape(Layer):
    """The elements of every sample in another shape.

    >>> Reshape((2, -1))(ops.zeros((5, 6))).shape
    (5, 2, 3)

    Args:
        target_shape: the shape without the batch; one -1 stands for what is left.

    Raises: ValueError for more than one -1, or a shape of another number of elements.
    """

    casts_integers = False

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = check.shape(target_shape, "target_shape", self._who)
        sizes = [d for d in self.target_shape if d != -1]
        if len(self.target_shape) - len(sizes) > 1 or any(d is None or d < 0 for d in sizes):
            raise ValueError(
                f"{self._who}: target_shape must hold non-negative integers and at most one unknown dimension, which is -1. "
                f"Received: target_shape={target_shape}"
            )

    def check_shape(self, input_shape):
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        return ops.reshape(inputs, (inputs.shape[0], *self._target(inputs.shape[1:])))

    def operators(self, input_shape, training=True):
        """A reshape."""
        return [(ReshapeOperator(self.compute_output_shape(input_shape)), ())]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._target(input_shape[1:]))

    def _target(self, shape):
        """The target shape with its -1 resolved, or None in that place where the input's size is unknown."""
        known = math.prod(d for d in self.target_shape if d != -1)
        size = None if None in shape else math.prod(shape)
        missing = None if size is None else size // known if known else 0
        target = tuple(missing if d == -1 else d for d in self.target_shape)
        if size is not None and math.prod(target) != size:
            raise ValueError(
                f"{self._who}: the shape before and after must have as many elements. "
                f"Received: {tuple(shape)} with {size} elements for target_shape={self.target_shape}"
            )
        return target


class Permute(Layer):
    """The axes in another order.

    >>> Permute((2, 1))(ops.zeros((5, 3, 7))).shape
    (5, 7, 3)

    Args:
        dims: the order, counted from 1; the batch stays in front. `(2, 1)` exchanges the two axes after it.

    Raises: ValueError if dims is not a permutation of 1, ..., n.
    """

    casts_integers = False

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"{self._who}: Invalid permutation argument `dims`. Expected the integers from 1 to the number of axes, "
                f"each once. Received: dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))


class RepeatVector(Layer):
    """The same vector at each of `n` steps.

    >>> RepeatVector(3)(ops.zeros((5, 2))).shape
    (5, 3, 2)

    Args:
        n: how many times.

    Shapes: inputs `(batch, features)`, outputs `(batch, n, features)`.

    Raises: TypeError for an n that is not an integer.
    """

    casts_integers = False

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(n, int) or isinstance(n, bool):
            raise TypeError(f"{self._who}: Expected an integer value for `n`. Received: n={n!r}")
        if n <= 0:
            raise ValueError(f"{self._who}: `n` should be a positive integer. Received: n={n}")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        batch, features = inputs.shape
        return ops.broadcast_to(ops.reshape(inputs, (batch, 1, features)), (batch, self.n, features))

    def compute_output_shape(self, input_shape):
        batch, features = input_shape
        return (batch, self.n, features)
