"""First values of weights, under the names of `keras.initializers`."""

import math

from kerasnp import backend as K
from kerasnp import random
from kerasnp.saving.config import deserialize_keras_object, serialize_value
from kerasnp.utils import check, registry
from kerasnp.utils.registry import Registered


class Initializer(Registered, abstract=True):
    """Base: a subclass writes `__call__(shape, dtype=None)` and stores its arguments."""

    family = "initializers"

    def __call__(self, shape, dtype=None, **kwargs):
        """An array of `shape`."""
        raise NotImplementedError(f"{type(self).__name__}: write __call__(self, shape, dtype=None), returning an array.")

    def clone(self):
        """A copy."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape, dtype=None, **kwargs):
        return K.zeros(shape, K.storage_dtype(dtype))


class Ones(Initializer):
    """All 1."""

    def __call__(self, shape, dtype=None, **kwargs):
        return K.ones(shape, K.storage_dtype(dtype))


class Constant(Initializer):
    """All `value`, or an array that broadcasts to the shape."""

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None, **kwargs):
        return K.array(K.broadcast_to(K.asarray(self.value, K.storage_dtype(dtype)), shape))


class Identity(Initializer, aliases=("eye",)):
    """The identity matrix times `gain`; a square or oblong matrix only."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None, **kwargs):
        if len(shape) != 2:
            raise ValueError(f"Identity matrix initializer can only be used for 2D matrices. Received: shape={shape}")
        return self.gain * K.eye(*shape, dtype=K.storage_dtype(dtype))


class _Random(Initializer, abstract=True):
    """Base of the random ones. A number as seed gives the same array at every call; None or a SeedGenerator does not."""

    def _begin(self, seed):
        self._seed = seed
        self.seed = K.random.make_seed() if seed is None else seed

    def get_config(self):
        config = super().get_config()
        config["seed"] = self._seed.get_config() if isinstance(self._seed, random.SeedGenerator) else self._seed
        return config


class RandomNormal(_Random, aliases=("normal",)):
    """Gaussian with the given mean and standard deviation."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean, self.stddev = mean, stddev
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)


class TruncatedNormal(_Random):
    """Gaussian, without what lies further than two standard deviations from the mean."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean, self.stddev = mean, stddev
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(_Random, aliases=("uniform",)):
    """Evenly spread over [minval, maxval)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval, self.maxval = minval, maxval
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)


def compute_fans(shape):
    """(fan_in, fan_out): how many inputs feed one output, and how many outputs one input feeds.

    >>> compute_fans((3, 3, 16, 32))
    (144, 288)
    """
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return int(n), int(n)
    receptive = math.prod(shape[:-2])
    return int(shape[-2] * receptive), int(shape[-1] * receptive)


class VarianceScaling(_Random):
    """Random with variance scale / n, n the fan-in, the fan-out or their mean.

    Args:
        scale: a positive number.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`.
        distribution: `"truncated_normal"`, `"untruncated_normal"` or `"uniform"`.
        seed: an integer, a SeedGenerator or None.

    Raises: ValueError for other values.
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None):
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        self.scale = scale
        self.mode = check.one_of("mode", mode, ("fan_in", "fan_out", "fan_avg"), type(self).__name__)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        self.distribution = check.one_of(
            "distribution", distribution, ("uniform", "truncated_normal", "untruncated_normal"), type(self).__name__
        )
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        fan_in, fan_out = compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        # A normal cut at two standard deviations keeps 0.8796 of its standard deviation.
        return random.truncated_normal(shape, 0.0, math.sqrt(variance) / 0.87962566103423978, dtype, self.seed)


class _FixedScaling(VarianceScaling, abstract=True):
    """A named choice of scale, mode and distribution; only the seed is left to choose."""

    choice: tuple = ()

    def __init__(self, seed=None):
        super().__init__(*self.choice, seed=seed)


class GlorotUniform(_FixedScaling, aliases=("xavier_uniform",)):
    """Uniform with variance 2 / (fan_in + fan_out), for tanh and sigmoid; Xavier's (Glorot and Bengio, 2010)."""

    choice = (1.0, "fan_avg", "uniform")


class GlorotNormal(_FixedScaling, aliases=("xavier_normal",)):
    """Truncated normal with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""

    choice = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_FixedScaling, aliases=("msra", "msra_normal")):
    """Truncated normal with variance 2 / fan_in, for ReLU; also called MSRA (He et al., 2015)."""

    choice = (2.0, "fan_in", "truncated_normal")


class HeUniform(_FixedScaling, aliases=("msra_uniform",)):
    """Uniform with variance 2 / fan_in, for ReLU (He et al., 2015)."""

    choice = (2.0, "fan_in", "uniform")


class LecunNormal(_FixedScaling):
    """Truncated normal with variance 1 / fan_in (LeCun et al., 1998); goes with selu."""

    choice = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_FixedScaling):
    """Uniform with variance 1 / fan_in (LeCun et al., 1998)."""

    choice = (1.0, "fan_in", "uniform")


class Orthogonal(_Random, aliases=("orthogonal_initializer",)):
    """A random matrix with orthonormal rows or columns, times `gain` (Saxe et al., 2014)."""

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        if len(shape) < 2:
            raise ValueError(f"The tensor to initialize must be at least two-dimensional. Received: shape={shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        x = random.normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, "float64", self.seed)
        q = K.orthonormal(x)
        q = q.T if rows < columns else q
        return K.asarray(self.gain * q.reshape(shape), K.storage_dtype(dtype))


zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal, he_normal, he_uniform = GlorotUniform, GlorotNormal, HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform


def get(identifier):
    """An initializer from its name, configuration, class, callable or instance.

    An array becomes a Constant. Raises: ValueError for an unknown name.
    """
    if isinstance(identifier, K.ndarray):
        return Constant(identifier)
    return registry.get("initializers", identifier)


def serialize(initializer):
    """The configuration of an initializer."""
    return serialize_value(initializer)


def deserialize(config, custom_objects=None):
    """The initializer that `serialize` described."""
    return deserialize_keras_object(config, custom_objects, family="initializers")
