"""Layers around a layer."""

from kerasnp import initializers, ops
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer
from kerasnp.saving.config import deserialize_keras_object
from kerasnp.utils import check


class Wrapper(Layer, abstract=True):
    """Base of layers that hold another one, `layer`, and change how it is called.

    >>> import kerasnp
    >>> class Residual(Wrapper):
    ...     def call(self, x):
    ...         return x + self.layer(x)
    >>> Residual(kerasnp.layers.Rescaling(2.0))(kerasnp.ops.ones((1, 2)))
    array([[3., 3.]], dtype=float32)

    Args:
        layer: the layer inside.

    Raises: ValueError for anything else.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{self._who}: it wraps layers, and {layer!r} isn't a supported layer type. Expected a "
                f"kerasnp.layers.Layer. Received: {type(layer).__name__}"
            )
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(cls, config):
        """The wrapper, and the layer inside, that `get_config` described."""
        return cls(**{**config, "layer": deserialize_keras_object(config["layer"], family="layers")})


class SpectralNormalization(Wrapper):
    """Keep the largest singular value of a layer's kernel at one, so that the layer stretches no distance.

    Every call in training divides the kernel by sigma = v W u', with u and v from `power_iterations` steps of
    v = u W' / |u W'|, u = v W / |v W| that go on from call to call; no gradient passes through sigma
    (Miyato et al., 2018).

    >>> from kerasnp.layers import Dense
    >>> SpectralNormalization(Dense(3))(ops.ones((2, 4))).shape
    (2, 3)

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: steps for each call, a positive integer.

    Raises: ValueError for a layer without either, or a number that is not positive.
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        if check.integer("power_iterations", power_iterations, self._who) < 1:
            raise ValueError(
                f"{self._who}: `power_iterations` should be greater than zero, the steps of each call. Received: "
                f"power_iterations={power_iterations}"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if self.kernel is None:
            raise ValueError(
                f"{self._who}: {type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'; "
                "wrap a layer that has one of them."
            )
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]), initializers.TruncatedNormal(stddev=0.02), trainable=False, name="vector_u"
        )
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))

    def call(self, inputs, training=False):
        if training:
            self._divide()
        return self.layer(inputs)

    def _divide(self):
        w = self.kernel.value.reshape(-1, self.kernel.shape[-1])
        u = self.vector_u.value
        for _ in range(self.power_iterations):
            v = ops.normalize(u @ w.T)
            u = ops.normalize(v @ w)
        self.vector_u.assign(u)
        self.kernel.assign(self.kernel.value / (v @ w @ u.T))

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)
