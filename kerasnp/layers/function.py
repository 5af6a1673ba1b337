"""Layers made of a function."""

import inspect

from kerasnp.layers.layer import Layer
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object


class Identity(Layer):
    """y = x.

    >>> Identity()([1.0, 2.0])
    array([1., 2.], dtype=float32)
    """

    supports_masking = True
    casts_integers = False

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


class Lambda(Layer):
    """A function of `kerasnp.ops` as a layer, y = function(x); its gradient follows by itself.

    >>> from kerasnp import ops
    >>> Lambda(lambda x: ops.square(x))([1.0, 3.0])
    array([1., 9.], dtype=float32)

    A named function is written into a configuration by its name; to read it back, register it with
    `kerasnp.saving.register_keras_serializable`. A Python lambda cannot be written.

    Args:
        function: called with the inputs; also with `mask` and `training`, if it has arguments of these names.
        output_shape: the shape of the output without the batch axis, or a function of the input's shape; default: the
            function is tried on zeros.
        mask: the mask of the output, or a function of (inputs, mask) that returns it.
        arguments: further keyword arguments of the function.

    Raises: TypeError for a function that cannot be called.
    """

    casts_integers = False

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"{self._who}: function must be callable. Received: function={function!r}")
        self.function = function
        self.output_shape, self.mask = output_shape, mask
        self.arguments = dict(arguments or {})
        self.supports_masking = mask is not None
        self._makes_mask = mask is not None
        names = inspect.signature(function).parameters
        self._passes = [name for name in ("mask", "training") if name in names]

    def call(self, inputs, mask=None, training=None):
        given = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: given[name] for name in self._passes})

    def compute_mask(self, inputs, mask=None):
        """What the argument `mask` says."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape):
        if self.output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self.output_shape):
            return tuple(self.output_shape(input_shape))
        shape = self.output_shape
        return (input_shape[0], *((shape,) if isinstance(shape, int) else shape))

    def get_config(self):
        """The constructor arguments, functions by their names."""
        config = super().get_config()
        for name in ("function", "output_shape", "mask"):
            value = getattr(self, name)
            if callable(value):
                config[name] = serialize_keras_object(value)
            elif value is None:
                del config[name]
        return config

    @classmethod
    def from_config(cls, config):
        """The layer that `get_config` described; its functions must be known by name."""
        named = {k: v for k, v in config.items() if k in ("function", "output_shape", "mask")}
        return cls(**{**config, **{k: deserialize_keras_object(v, family="activations") for k, v in named.items()}})
