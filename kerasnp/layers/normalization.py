"""Normalization layers."""

import math

from kerasnp import backend as K
from kerasnp import constraints, initializers, ops, regularizers
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer
from kerasnp.ops.norm import BatchNorm
from kerasnp.utils import check


class _Normalization(Layer, abstract=True):
    """Base: the output is shaped like the input."""

    def _sizes(self, input_shape, axes):
        """The lengths of `axes`, which must be defined."""
        if any(not -len(input_shape) <= a < len(input_shape) for a in axes):
            raise ValueError(
                f"{self._who}: axis {self.axis} is out of range. Received: input_shape={tuple(input_shape)}"
            )
        sizes = tuple(input_shape[a] for a in axes)
        if None in sizes:
            raise ValueError(
                f"{self._who}: the size of axis {self.axis} must be known when the weights are made. Received: an input with "
                f"shape {tuple(input_shape)}"
            )
        return sizes

    def compute_output_shape(self, input_shape):
        return input_shape


class _ScaleAndCenter(_Normalization, abstract=True):
    """Base of those with learned gamma and beta."""

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
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )


class BatchNormalization(_ScaleAndCenter):
    """Normalize every channel by its mean and variance over the batch, then scale and shift it.

    In training y = (x - mean) / sqrt(variance + epsilon) * gamma + beta with mean and variance of the batch, which also
    move the averages: moving = moving * momentum + batch * (1 - momentum). Otherwise, and always while `trainable` is
    False, the moving averages take the place of the batch's own (Ioffe and Szegedy, 2015).

    >>> y = BatchNormalization(epsilon=0.0)(ops.convert_to_tensor([[1.0], [3.0]]), training=True)
    >>> y.ravel()
    array([-1.,  1.], dtype=float32)

    Args:
        axis: the axis to keep, that of the channels.
        momentum: how slowly the moving averages follow, from 0 to 1.
        epsilon: added to the variance, against division by zero.
        center, scale: whether beta is added, whether gamma multiplies.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as for any weight.
        renorm: batch renormalization (Ioffe, 2017): in training, statistics of the batch are corrected towards averages, so
            that small batches train like large ones; y = ((x - mean) / stddev * r + d) * gamma + beta, where
            r = stddev / renorm_stddev and d = (mean - renorm_mean) / renorm_stddev have no gradient.
        renorm_clipping: limits `{"rmin": , "rmax": , "dmax": }` of the correction.
        renorm_momentum: how slowly its averages follow.
        synchronized: statistics over several devices; there is one, so it changes nothing.

    Shapes: outputs as inputs; gamma, beta, moving_mean and moving_variance `(channels,)`. With a mask, the statistics
    leave the masked steps out.

    Raises: ValueError for an axis that the input lacks, or limits that make no sense.
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
        self.axis, self.momentum = axis, float(momentum)
        self._set_affine(
            epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint,
        )  # fmt: skip
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm, self.renorm_momentum = renorm, renorm_momentum
        self.renorm_clipping = self._clipping(renorm_clipping or {}) if renorm else renorm_clipping
        self.synchronized = synchronized

    def build(self, input_shape):
        shape = self._sizes(input_shape, (self.axis,))
        self._add_affine(shape)
        self.moving_mean = self.add_weight(shape, self.moving_mean_initializer, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        if self.renorm:
            self._add_renorm(shape)
        ndim = len(input_shape)
        self.input_spec = InputSpec(ndim=ndim, axes={self.axis: shape[0]})
        self._axes = tuple(a for a in range(ndim) if a != self.axis % ndim)

    def _clipping(self, limits):
        """The limits of the correction, checked."""
        unknown = sorted(set(limits) - {"rmax", "rmin", "dmax"})
        if unknown:
            raise ValueError(
                f"{self._who}: renorm_clipping may hold 'rmax', 'rmin' and 'dmax'. Received invalid keys: {unknown}"
            )
        if limits.get("rmax", math.inf) <= limits.get("rmin", 0.0):
            raise ValueError(f"{self._who}: rmax should be greater than rmin. Received: renorm_clipping={limits}")
        if limits.get("dmax", math.inf) < 0:
            raise ValueError(f"{self._who}: dmax should be non-negative. Received: renorm_clipping={limits}")
        return limits

    def _add_renorm(self, shape):
        def deviation(shape, dtype=None):
            return K.sqrt(ops.stop_gradient(self.moving_variance_initializer(shape, dtype=dtype)))

        self.moving_stddev = self.add_weight(shape, deviation, trainable=False, name="moving_stddev")
        self.renorm_mean = self.add_weight(shape, self.moving_mean_initializer, trainable=False, name="renorm_mean")
        self.renorm_stddev = self.add_weight(shape, deviation, trainable=False, name="renorm_stddev")

    def call(self, inputs, training=None, mask=None):
        # Half precision holds neither the sums nor the small variances.
        x = ops.cast(inputs, "float32") if inputs.dtype == "float16" else inputs
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable and self.renorm:
            y = self._renormalized(x, mask)
        elif training and self.trainable and mask is None:
            y, mean, variance = ops.batch_normalization_training(x, self._axes, self.gamma, self.beta, self.epsilon)
        else:
            if training and self.trainable:
                mean, variance = self._masked_moments(x, mask)
            y = ops.batch_normalization(x, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)
        if mean is not self.moving_mean:
            self._move(self.moving_mean, mean)
            if self.sample_variance and len(x.shape) == 4:
                n = K.group.count(x.size // variance.size)
                variance = ops.stop_gradient(variance) * (n / max(n - 1, 1))
            self._move(self.moving_variance, variance)
        return ops.cast(y, self.compute_dtype) if x is not inputs else y

    def operators(self, input_shape, training=True):
        """The formula with the moving statistics; in training there is more to do."""
        if (training and self.trainable) or self.compute_dtype == "float16":
            return None
        given = [p for p in (self.gamma, self.beta) if p is not None]
        operator = BatchNorm(self.axis, self.epsilon, self.gamma is not None, self.beta is not None)
        return [(operator, (self.moving_mean, self.moving_variance, *given))]

    def _want_whole_batch(self, what):
        if K.group.member() is not None:
            raise ValueError(
                f"{self._who}: {what} cannot be divided among processes; train it without: "
                "kerasnp.distribution.set_distribution(None)."
            )

    def _renormalized(self, x, mask):
        """Batch renormalization (Ioffe, 2017): the batch's statistics, corrected towards the averages, as a constant."""
        self._want_whole_batch("a batch where a layer has renorm=True")
        if mask is None:
            mean, variance = ops.moments(x, self._axes)
        else:
            mean, variance = self._masked_moments(x, mask)
        own_mean = ops.stop_gradient(mean)
        own_stddev = K.sqrt(ops.stop_gradient(variance) + self.epsilon)
        limits = self.renorm_clipping
        r = own_stddev / self.renorm_stddev.value
        d = (own_mean - self.renorm_mean.value) / self.renorm_stddev.value
        r = K.clip(r, limits.get("rmin", 0.0), limits.get("rmax", math.inf))
        d = K.clip(d, -limits.get("dmax", math.inf), limits.get("dmax", math.inf))
        gamma = r if self.gamma is None else self.gamma * r
        beta = d if self.gamma is None else self.gamma * d
        beta = beta if self.beta is None else beta + self.beta
        if mask is None:
            y = ops.batch_normalization_training(x, self._axes, gamma, beta, self.epsilon)[0]
        else:
            y = ops.batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        self._move(self.renorm_mean, own_mean, self.renorm_momentum)
        self._move(self.renorm_stddev, own_stddev, self.renorm_momentum)
        self._move(self.moving_mean, own_mean)
        self._move(self.moving_stddev, own_stddev)
        self.moving_variance.assign(K.maximum(K.square(self.moving_stddev.value) - self.epsilon, 0))
        return y

    # Keras 2 let the moving variance of images follow n / (n - 1) times the batch's; set for models from its files.
    sample_variance = False

    def _masked_moments(self, x, mask):
        """The mean and variance of the unmasked positions; the mask lacks the last axes of x."""
        self._want_whole_batch("a batch with a mask")
        kept = ops.cast(mask, x.dtype)
        kept = ops.reshape(kept, (*kept.shape, *(1,) * (len(x.shape) - len(kept.shape))))
        kept = ops.broadcast_to(kept, x.shape)
        total = ops.sum(kept, self._axes, keepdims=True) + K.epsilon()
        mean = ops.sum(x * kept, self._axes, keepdims=True) / total
        variance = ops.sum(ops.square(x - mean) * kept, self._axes, keepdims=True) / total
        return ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))

    def _move(self, average, value, momentum=None):
        momentum = self.momentum if momentum is None else momentum
        average.assign(average.value * momentum + ops.stop_gradient(value) * (1 - momentum))


class LayerNormalization(_ScaleAndCenter):
    """Normalize every sample by its own mean and variance, then scale and shift it (Ba et al., 2016).

    y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, mean and variance taken over `axis`; the same in
    training and afterwards.

    >>> LayerNormalization(epsilon=0.0)([[1.0, 3.0]])
    array([[-1.,  1.]], dtype=float32)

    Args:
        axis: the axis, or axes, to normalize over; gamma and beta have their shape.
        epsilon: added to the variance, against division by zero.
        center, scale: whether beta is added, whether gamma multiplies.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as
            for any weight.
        rms_scaling: y = x / sqrt(variance + epsilon) * gamma instead, as Keras does; deprecated there, see
            RMSNormalization.

    Raises: ValueError for an axis that the input lacks.
    """

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        *,
        rms_scaling=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = _axis_argument(
            axis, self._who, "axis must be an int, or a list of ints"
        )
        self._set_affine(
            epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint,
        )  # fmt: skip
        self.rms_scaling = rms_scaling

    def build(self, input_shape):
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        shape = self._sizes(input_shape, axes)
        scale, center = self.scale, self.center
        if self.rms_scaling:
            self.scale, self.center = True, False
        self._add_affine(shape)
        self.scale, self.center = scale, center
        ndim = len(input_shape)
        self.input_spec = InputSpec(
            min_ndim=max(-a if a < 0 else a + 1 for a in axes), axes=dict(zip(axes, shape))
        )
        # Weights of several axes broadcast against the input with ones in between.
        self._broadcast = None
        positions = sorted(a % ndim for a in axes)
        if positions != list(range(positions[0], ndim)) or [a % ndim for a in axes] != positions:
            self._broadcast = tuple(input_shape[a] if a in positions else 1 for a in range(ndim))

    def _weight(self, w):
        return w if w is None or self._broadcast is None else ops.reshape(w, self._broadcast)

    def call(self, inputs):
        x = ops.cast(inputs, "float32") if inputs.dtype == "float16" else inputs
        gamma = self._weight(self.gamma)
        if self.rms_scaling:
            y = x * ops.rsqrt(ops.var(x, self.axis, keepdims=True) + self.epsilon) * gamma
        else:
            y = ops.layer_normalization(x, gamma, self._weight(self.beta), self.axis, self.epsilon)
        return ops.cast(y, self.compute_dtype) if x is not inputs else y


class GroupNormalization(_ScaleAndCenter):
    """Normalize groups of channels of every sample by their own mean and variance, then scale and shift.

    y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, mean and variance taken over all positions and
    the channels of a group (Wu and He, 2018).

    >>> GroupNormalization(2)(ops.ones((1, 5, 5, 4))).shape
    (1, 5, 5, 4)

    Args:
        groups: the number of groups, a divisor of the number of channels; -1 makes every channel a group of its own.
        axis: the axis of the channels.
        epsilon: added to the variance, against division by zero.
        center, scale: whether beta is added, whether gamma multiplies.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as
            for any weight.

    Shapes: outputs as inputs; gamma and beta `(channels,)`.

    Raises: ValueError for groups that do not divide the channels.
    """

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = check.integer("axis", axis, self._who)
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(
                f"{self._who}: Invalid value for argument `groups`. Expected a positive integer, or -1 for one per channel. "
                f"Received: groups={groups!r}"
            )
        self.groups = groups
        # Half precision would make an infinity of what is normalized to a small number.
        self.autocast = False
        self._set_affine(
            epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer,
            beta_constraint, gamma_constraint,
        )  # fmt: skip

    def build(self, input_shape):
        (channels,) = self._sizes(input_shape, (self.axis,))
        groups = channels if self.groups == -1 else self.groups
        if channels % groups:
            problem = "cannot be more than" if groups > channels else "must divide"
            raise ValueError(
                f"{self._who}: the number of groups {problem} the number of channels. "
                f"Received: groups={groups} and {channels} channels (input shape {tuple(input_shape)})."
            )
        self.groups = groups
        self._add_affine((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs):
        x = ops.cast(inputs, "float32" if self.compute_dtype == "float16" else self.compute_dtype)
        y = ops.group_normalization(x, self.gamma, self.beta, self.groups, self.axis, self.epsilon)
        return ops.cast(y, self.compute_dtype)


class RMSNormalization(_Normalization):
    """Divide every sample by its root mean square, then scale it (Zhang and Sennrich, 2019).

    y = x / sqrt(mean(x^2) + epsilon) * scale, the mean taken over `axis`.

    >>> RMSNormalization(epsilon=0.0)([[1.0, 7.0]])
    array([[0.2, 1.4]], dtype=float32)

    Args:
        axis: the axis, or axes, to normalize over; the scale has their shape.
        epsilon: added to the mean square, against division by zero.

    Raises: ValueError for an axis that the input lacks.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.epsilon = _axis_argument(axis, self._who), epsilon

    def build(self, input_shape):
        ndim = len(input_shape)
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        self.scale = self.add_weight(self._sizes(input_shape, axes), "ones", name="scale")
        axes = sorted(a % ndim for a in axes)
        self._broadcast = tuple(input_shape[a] if a in axes else 1 for a in range(axes[0], ndim))

    def call(self, inputs):
        scale = self.scale if len(self._broadcast) == 1 else ops.reshape(self.scale, self._broadcast)
        return ops.rms_normalization(inputs, scale, self.axis, self.epsilon)


class UnitNormalization(_Normalization):
    """Divide every sample by its Euclidean length, so that it has length one.

    y = x / sqrt(sum(x^2)), the sum taken over `axis`.

    >>> UnitNormalization()([[3.0, 4.0]])
    array([[0.6, 0.8]], dtype=float32)

    Args:
        axis: the axis, or axes, to normalize over.

    Raises: TypeError for an axis that is neither an integer nor several.
    """

    supports_masking = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = _axis_argument(axis, self._who)

    def call(self, inputs):
        return ops.normalize(inputs, self.axis, epsilon=1e-6)


def _axis_argument(axis, who, problem="Invalid value for `axis` argument: it is an int, or a list of ints"):
    """An axis, or a list of them."""
    if isinstance(axis, (list, tuple)) and axis and all(isinstance(a, int) for a in axis):
        return list(axis)
    if isinstance(axis, int) and not isinstance(axis, bool):
        return axis
    raise TypeError(f"{who}: {problem}. Received: axis={axis!r}")
