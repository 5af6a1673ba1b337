"""Normalization layers."""

from kerasnp import constraints, initializers, ops, regularizers
from kerasnp import backend as K
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer


class ScaleAndCenter(Layer, abstract=True):
    """Base of the normalizations with learned gamma and beta."""

    supports_masking = True

    def _set_affine(
        self, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
        beta_constraint, gamma_constraint,
    ):  # fmt: skip
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _add_affine(self, shape):
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, regularizer=self.gamma_regularizer, constraint=self.gamma_constraint,
                name="gamma",
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                shape, self.beta_initializer, regularizer=self.beta_regularizer, constraint=self.beta_constraint, name="beta"
            )

    def _sizes(self, input_shape, axes):
        """The lengths of `axes`, which must be defined."""
        if any(not -len(input_shape) <= a < len(input_shape) for a in axes):
            raise ValueError(f"{self._who}: axis {self.axis} is out of range. Received: input_shape={tuple(input_shape)}")
        sizes = tuple(input_shape[a] for a in axes)
        if None in sizes:
            raise ValueError(
                f"{self._who}: axis {self.axis} of the input must be defined. Received: input_shape={tuple(input_shape)}"
            )
        return sizes

    def compute_output_shape(self, input_shape):
        return input_shape


class BatchNormalization(ScaleAndCenter):
    """Normalize every channel by its mean and variance over the batch, then scale and shift it (Ioffe and Szegedy, 2015).

    In training y = (x - mean) / sqrt(variance + epsilon) * gamma + beta with mean and variance of the batch, which also move
    the averages: moving = moving * momentum + batch * (1 - momentum). Otherwise, and always while `trainable` is False, the
    moving averages take the place of the batch's own.

    >>> y = BatchNormalization(epsilon=0.0)(K.array([[1.0], [3.0]]), training=True)
    >>> y.ravel()
    array([-1.,  1.])

    Args:
        axis: the axis to keep, that of the channels.
        momentum: how slowly the moving averages follow, from 0 to 1.
        epsilon: added to the variance, against division by zero.
        center, scale: whether beta is added, whether gamma multiplies.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as for any weight.
        renorm, renorm_clipping, renorm_momentum: batch renormalization, not supported; for files that name it.
        synchronized: statistics over several devices; there is one, so it changes nothing.

    Shapes: outputs as inputs; gamma, beta, moving_mean and moving_variance `(channels,)`.

    Raises: ValueError for an axis that the input lacks, or `renorm=True`.
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            (axis,) = axis
        if not isinstance(axis, int):
            raise ValueError(f"{self._who}: axis must be an integer. Received: axis={axis!r}")
        if renorm:
            raise ValueError(f"{self._who}: batch renormalization is not supported. Received: renorm={renorm!r}")
        self.axis, self.momentum = axis, float(momentum)
        self._set_affine(
            epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint,
        )  # fmt: skip
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm, self.renorm_clipping, self.renorm_momentum = renorm, renorm_clipping, renorm_momentum
        self.synchronized = synchronized

    def build(self, input_shape):
        shape = self._sizes(input_shape, (self.axis,))
        self._add_affine(shape)
        self.moving_mean = self.add_weight(shape, self.moving_mean_initializer, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        ndim = len(input_shape)
        self.input_spec = InputSpec(ndim=ndim, axes={self.axis: shape[0]})
        self._axes = tuple(a for a in range(ndim) if a != self.axis % ndim)

    def call(self, inputs, training=None, mask=None):
        # Half precision holds neither the sums nor the small variances.
        x = ops.cast(inputs, "float32") if inputs.dtype == "float16" else inputs
        if training and self.trainable:
            y, mean, variance = ops.batch_normalization_training(x, self._axes, self.gamma, self.beta, self.epsilon)
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance)
        else:
            y = ops.batch_normalization(
                x, self.moving_mean, self.moving_variance, self.axis, self.beta, self.gamma, self.epsilon
            )
        return ops.cast(y, self.compute_dtype) if x is not inputs else y

    def _move(self, average, value):
        average.assign(average.value * self.momentum + ops.stop_gradient(value) * (1 - self.momentum))
