"""Layers that disturb or penalise activities in training and pass them on unchanged otherwise."""

from kerasnp import backend as K
from kerasnp import ops, regularizers
from kerasnp.layers.input_spec import InputSpec
from kerasnp.layers.layer import Layer
from kerasnp.ops.noise import Dropout as DropoutOperator
from kerasnp.ops.noise import noise_dims
from kerasnp.random import SeedGenerator
from kerasnp.utils import check


class _Noise(Layer, abstract=True):
    """Base of the random ones: `call` lets inputs through outside of training, and `disturb` does the rest."""

    supports_masking = True

    def _set_seed(self, seed, needed):
        self.seed = seed
        if needed:
            self.seed_generator = SeedGenerator(seed)
        self._active = needed

    def call(self, inputs, training=False):
        return self.disturb(inputs) if training and self._active else inputs

    def operators(self, input_shape, training=True):
        """None outside of training."""
        return None if training and self._active else []

    def compute_output_shape(self, input_shape):
        return input_shape


class Dropout(_Noise):
    """Zero a random share of the activities in training and scale the others up, so that the expected sum stays.

    y = x * m / (1 - rate), m being 0 with probability `rate` and 1 otherwise; y = x outside of training
    (Srivastava et al., 2014).

    >>> Dropout(0.5, seed=1)(ops.ones((1, 4)))
    array([[1., 1., 1., 1.]], dtype=float32)
    >>> sorted(set(Dropout(0.5, seed=1)(ops.ones((1, 100)), training=True).ravel().tolist()))
    [0.0, 2.0]

    Args:
        rate: the share to drop, from 0 to 1.
        noise_shape: the shape of the mask, broadcast against the inputs; None entries follow the inputs. `(None, 1, 3)`
            drops the same features at every step.
        seed: an integer for the same masks in every run, or a SeedGenerator.

    Raises: ValueError for a rate outside [0, 1] or a noise_shape that is no shape.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = check.fraction("rate", rate, self._who)
        self.noise_shape = _noise_shape(noise_shape, self._who)
        self._set_seed(seed, rate > 0)

    def disturb(self, inputs):
        """The inputs with a share dropped."""
        return ops.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)

    def operators(self, input_shape, training=True):
        """One that draws a mask, in training."""
        if not (training and self._active):
            return []
        shape = noise_dims(self.noise_shape, input_shape)
        return [(DropoutOperator(self.rate, shape, self.seed_generator), ())]


class _SpatialDropout(Dropout, abstract=True):
    """Base: whole channels are dropped, since neighbours in space say nearly the same."""

    rank = 2

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = K.standardize_data_format(data_format)
        space = (1,) * self.rank
        self.noise_shape = (None, None, *space) if self.data_format == "channels_first" else (None, *space, None)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def get_config(self):
        """The constructor arguments."""
        # Keras's constructors of this family take no `trainable`, so a file with it could not be read there.
        left_out = ("noise_shape", "trainable", "data_format") if self.rank == 1 else ("noise_shape", "trainable")
        return {name: value for name, value in super().get_config().items() if name not in left_out}


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of sequences: a channel is zero at every step, or scaled up at every step.

    >>> from kerasnp import ops
    >>> y = SpatialDropout1D(0.5, seed=1)(ops.ones((1, 5, 4)), training=True)
    >>> bool((y == y[:, :1]).all())  # what a channel is at one step, it is at all
    True

    Args:
        rate: the share of channels to drop, from 0 to 1.
        seed: an integer for the same masks in every run, or a SeedGenerator.

    Shapes: inputs and outputs `(batch, steps, channels)`.
    """

    rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, "channels_last", seed, name, dtype, **kwargs)


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images, since neighbouring pixels are too much alike to drop apart.

    All pixels of a channel share one entry of the mask (Tompson et al., 2015).

    >>> y = SpatialDropout2D(0.5, seed=1)(ops.ones((1, 2, 2, 8)), training=True)
    >>> bool((y == y[:, :1, :1]).all())
    True

    Args:
        rate: the share of channels to drop, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; default `kerasnp.config.image_data_format()`.
        seed: an integer for the same masks in every run, or a SeedGenerator.

    Shapes: inputs and outputs `(batch, height, width, channels)`.
    """

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of volumes.

    The arguments are those of `SpatialDropout2D`.

    >>> from kerasnp import ops
    >>> y = SpatialDropout3D(0.5, seed=1)(ops.ones((1, 2, 2, 2, 4)), training=True)
    >>> bool((y == y[:, :1, :1, :1]).all())
    True

    Shapes: inputs and outputs `(batch, depth, height, width, channels)`.
    """

    rank = 3


class AlphaDropout(_Noise):
    """Dropout that keeps mean 0 and variance 1, for selu networks (Klambauer et al., 2017).

    Dropped activities become selu's lower bound -1.758, then all are scaled and shifted: y = a * (m ? x : -1.758) + b.

    >>> AlphaDropout(0.2)(ops.ones((1, 3)))
    array([[1., 1., 1.]], dtype=float32)

    Args:
        rate: the share to drop, from 0 up to, but without, 1.
        noise_shape: the shape of the mask, broadcast against the inputs; None entries follow the inputs.
        seed: an integer for the same masks in every run, or a SeedGenerator.

    Raises: ValueError for a rate out of range.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = _share_below_one(rate, self._who)
        self.noise_shape = _noise_shape(noise_shape, self._who)
        self._set_seed(seed, rate > 0)

    def disturb(self, inputs):
        """The inputs with a share at the lower bound."""
        return ops.alpha_dropout(inputs, self.rate, self.noise_shape, self.seed_generator)


class GaussianDropout(_Noise):
    """Multiply by Gaussian noise around 1 in training (Srivastava et al., 2014).

    y = x * e, e of mean 1 and standard deviation sqrt(rate / (1 - rate)), which is that of dropout.

    >>> GaussianDropout(0.2)(ops.ones((1, 3)))
    array([[1., 1., 1.]], dtype=float32)

    Args:
        rate: from 0 up to, but without, 1.
        seed: an integer for the same noise in every run, or a SeedGenerator.

    Raises: ValueError for a rate out of range.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = _share_below_one(rate, self._who)
        self._set_seed(seed, rate > 0)

    def disturb(self, inputs):
        """The inputs times noise."""
        return ops.gaussian_dropout(inputs, self.rate, self.seed_generator)


class GaussianNoise(_Noise):
    """Add Gaussian noise of mean 0 in training: a way to enlarge the training set (Bishop, 1995).

    >>> GaussianNoise(0.2)(ops.ones((1, 3)))
    array([[1., 1., 1.]], dtype=float32)

    Args:
        stddev: the noise's standard deviation, not negative.
        seed: an integer for the same noise in every run, or a SeedGenerator.

    Raises: ValueError for a negative stddev.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(stddev, (int, float)) or isinstance(stddev, bool) or not stddev >= 0:
            raise ValueError(f"{self._who}: stddev must be a number of at least 0. Received: stddev={stddev!r}")
        self.stddev = stddev
        self._set_seed(seed, stddev > 0)

    def disturb(self, inputs):
        """The inputs plus noise."""
        return ops.gaussian_noise(inputs, self.stddev, self.seed_generator)


class ActivityRegularization(Layer):
    """Pass the inputs on, and add l1 * sum(|x|) + l2 * sum(x^2), divided by the batch size, to the loss.

    >>> from kerasnp import ops
    >>> layer = ActivityRegularization(l1=0.5)
    >>> layer(ops.array([[1.0, -3.0]]))
    array([[ 1., -3.]], dtype=float32)
    >>> float(layer.losses[0])
    2.0

    Args:
        l1, l2: factors of the two penalties.
    """

    supports_masking = True

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        """The constructor arguments."""
        config = super().get_config()
        del config["activity_regularizer"]
        return config


def _share_below_one(rate, who):
    if check.fraction("rate", rate, who) == 1:
        raise ValueError(f"{who}: rate must be less than 1, or nothing is left to scale up. Received: rate={rate!r}")
    return rate


def _noise_shape(value, who):
    """The shape of a mask, a tuple of positive integers or None."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        expected = "a tuple or list of integers"
    elif not all(n is None or (isinstance(n, int) and not isinstance(n, bool)) for n in value):
        expected = "all elements to be integers or None"
    elif not all(n is None or n > 0 for n in value):
        expected = "all dimensions to be positive integers or None"
    else:
        return tuple(value)
    raise ValueError(
        f"{who}: Invalid value received for argument `noise_shape`. Expected {expected}. Received: noise_shape={value!r}"
    )
