"""Masking: mark the steps that hold no data."""

from kerasnp import ops
from kerasnp.layers.layer import Layer


class Masking(Layer):
    """Mark the steps of a sequence whose features all equal `mask_value`; the layers that follow leave them out.

    >>> Masking()([[[1.0, 2.0], [0.0, 0.0]]])
    array([[[1., 2.],
            [0., 0.]]], dtype=float32)

    Args:
        mask_value: the value that stands for no data.

    Shapes: inputs and outputs `(batch, steps, features)`; masked steps become zero. The mask is `(batch, steps)`.
    """

    supports_masking = True
    _makes_mask = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def _kept(self, inputs):
        return ops.not_equal(inputs, self.mask_value)

    def call(self, inputs):
        return inputs * ops.cast(ops.any(self._kept(inputs), axis=-1, keepdims=True), inputs.dtype)

    def compute_mask(self, inputs, mask=None):
        """Whether any feature of a step differs from the value.

        >>> from kerasnp import ops
        >>> Masking().compute_mask(ops.array([[[1.0, 2.0], [0.0, 0.0]]])).tolist()
        [[True, False]]
        """
        return ops.any(self._kept(inputs), axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape
