"""First values of weights, under the names of `keras.initializers`."""

import math

from kerasnp import backend as K
from kerasnp import random
from kerasnp.saving.config import deserialize_keras_object, serialize_value
from kerasnp.utils import check, registry
from kerasnp.utils.registry import Registered


class Initializer(Registered, abstract=True):
    """Base: a subclass writes `__call__(shape, dtype=None)` and stores its arguments.

    >>> import kerasnp
    >>> class Sevens(kerasnp.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return kerasnp.ops.full(shape, 7.0)
    >>> kerasnp.layers.Dense(1, kernel_initializer=Sevens())(kerasnp.ops.ones((1, 2))).tolist()
    [[14.0]]
    """

    family = "initializers"

    def __call__(self, shape, dtype=None, **kwargs):
        """An array of `shape`."""
        raise NotImplementedError(f"{type(self).__name__}: write __call__(self, shape, dtype=None), returning an array.")

    def clone(self):
        """A copy.

        >>> Constant(2.0).clone().value
        2.0
        """
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All 0.

    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape, dtype=None, **kwargs):
        return K.zeros(shape, K.storage_dtype(dtype))


class Ones(Initializer):
    """All 1.

    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape, dtype=None, **kwargs):
        return K.ones(shape, K.storage_dtype(dtype))


class Constant(Initializer):
    """All `value`, or an array that broadcasts to the shape.

    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    >>> Constant([1.0, 2.0])((2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]

    Args:
        value: a number or an array.

    Raises: ValueError for a shape that the value does not broadcast to.
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None, **kwargs):
        value = K.asarray(self.value, K.storage_dtype(dtype))
        try:
            return K.array(K.broadcast_to(value, shape))
        except ValueError:
            raise ValueError(
                f"Constant: Expected `shape` to be one that the value of shape {value.shape} broadcasts to. "
                f"Received: shape={shape}"
            ) from None


class Identity(Initializer, aliases=("eye", "IdentityInitializer", "identity_initializer")):
    """The identity matrix times `gain`; a square or oblong matrix only.

    >>> Identity(gain=2.0)((2, 3)).tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]

    Args:
        gain: a factor on the matrix.

    Raises: ValueError for a shape of other than two axes.
    """

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None, **kwargs):
        if len(shape) != 2:
            raise ValueError(f"Identity makes matrices, whose shape has two axes. Received: shape={shape}")
        return self.gain * K.eye(*shape, dtype=K.storage_dtype(dtype))


class _Random(Initializer, abstract=True):
    """Base of the random ones. A number as seed gives the same array at every call; None or a SeedGenerator does not."""

    def _begin(self, seed):
        self._seed = seed
        self.seed = K.random.make_seed() if seed is None else seed

    def get_config(self):
        config = super().get_config()
        config["seed"] = serialize_value(self._seed)
        return config

    @classmethod
    def from_config(cls, config):
        """Rebuild an initializer from `get_config()`; a SeedGenerator begins its stream again."""
        if isinstance(config.get("seed"), dict):
            config = {**config, "seed": deserialize_keras_object(config["seed"], family="random")}
        return cls(**config)


class RandomNormal(_Random, aliases=("normal",)):
    """Gaussian with the given mean and standard deviation.

    >>> w = RandomNormal(stddev=0.1, seed=1)((100, 100))
    >>> round(float(w.std()), 2)
    0.1

    Args:
        mean, stddev: mean and standard deviation.
        seed: an integer for the same array at every call, a SeedGenerator, or None.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean, self.stddev = mean, stddev
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)


class TruncatedNormal(_Random):
    """Gaussian, without what lies further than two standard deviations from the mean.

    >>> w = TruncatedNormal(stddev=0.1, seed=1)((100, 100))
    >>> bool(abs(w).max() <= 0.2)
    True

    Args:
        mean, stddev: mean and standard deviation before cutting.
        seed: an integer for the same array at every call, a SeedGenerator, or None.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean, self.stddev = mean, stddev
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(_Random, aliases=("uniform",)):
    """Evenly spread over [minval, maxval).

    >>> w = RandomUniform(-1.0, 1.0, seed=1)((100, 100))
    >>> bool(w.min() >= -1), bool(w.max() < 1), bool((w == RandomUniform(-1.0, 1.0, seed=1)((100, 100))).all())
    (True, True, True)

    Args:
        minval, maxval: the bounds, the upper one not included.
        seed: an integer for the same array at every call, a SeedGenerator, or None.
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval, self.maxval = minval, maxval
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)


def compute_fans(shape, input_axes=None, output_axes=None):
    """(fan_in, fan_out): how many inputs feed one output, and how many outputs one input feeds.

    >>> compute_fans((3, 3, 16, 32))
    (144, 288)
    >>> compute_fans((64, 8, 16), input_axes=[0], output_axes=[1, 2])
    (64, 128)

    Args:
        shape: the shape of a kernel.
        input_axes, output_axes: which axes count inputs and outputs; by default the last two, the others being places
            that a convolution sees.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return int(n), int(n)
    receptive = math.prod(shape[:-2])
    return int(shape[-2] * receptive), int(shape[-1] * receptive)


class VarianceScaling(_Random):
    """Random with variance scale / n, n the fan-in, the fan-out or their mean.

    >>> w = VarianceScaling(2.0, mode="fan_in", seed=1)((200, 50))
    >>> round(float(w.var()), 2)  # 2 / 200
    0.01

    Args:
        scale: a positive number.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`.
        distribution: `"truncated_normal"`, `"untruncated_normal"` or `"uniform"`.
        seed: an integer, a SeedGenerator or None.
        input_axes, output_axes: see `compute_fans`.

    Raises: ValueError for other values.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive float, the spread of the values. Received: scale={scale}")
        self.scale = scale
        distribution = "truncated_normal" if distribution == "normal" else distribution
        self.mode = _choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        self.distribution = _choice(
            "distribution", distribution, ("uniform", "truncated_normal", "untruncated_normal")
        )
        self.input_axes, self.output_axes = input_axes, output_axes
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        # A normal cut at two standard deviations keeps 0.8796 of its standard deviation.
        return random.truncated_normal(shape, 0.0, math.sqrt(variance) / 0.87962566103423978, dtype, self.seed)


def _choice(name, value, choices):
    value = value.lower() if isinstance(value, str) else value
    if value not in choices:
        raise ValueError(f"Invalid `{name}` argument: expected one of {', '.join(choices)}. Received: {name}={value!r}")
    return value


class _FixedScaling(VarianceScaling, abstract=True):
    """A named choice of scale, mode and distribution; seed and axes are left to choose."""

    choice: tuple = ()

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self.choice, seed=seed, input_axes=input_axes, output_axes=output_axes)


class GlorotUniform(_FixedScaling, aliases=("xavier_uniform",)):
    """Uniform with variance 2 / (fan_in + fan_out), for tanh and sigmoid; Xavier's (Glorot and Bengio, 2010).

    >>> w = GlorotUniform(seed=1)((4, 2))
    >>> bool(abs(w).max() <= 1)  # the limit is sqrt(6 / (4 + 2))
    True

    Args:
        seed: an integer for the same array at every call, a SeedGenerator, or None.
        input_axes, output_axes: see `compute_fans`.
    """

    choice = (1.0, "fan_avg", "uniform")


class GlorotNormal(_FixedScaling, aliases=("xavier_normal",)):
    """Truncated normal with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010).

    >>> w = GlorotNormal(seed=1)((150, 50))
    >>> round(float(w.var()), 2)  # 2 / (150 + 50)
    0.01

    Args:
        seed: an integer for the same array at every call, a SeedGenerator, or None.
        input_axes, output_axes: see `compute_fans`.
    """

    choice = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_FixedScaling, aliases=("msra", "msra_normal")):
    """Truncated normal with variance 2 / fan_in, for ReLU; also called MSRA (He et al., 2015).

    >>> w = HeNormal(seed=1)((3, 3, 8, 32))
    >>> round(float(w.var()), 3)  # 2 / 72
    0.028

    Args:
        seed: an integer for the same array at every call, a SeedGenerator, or None.
        input_axes, output_axes: see `compute_fans`.
    """

    choice = (2.0, "fan_in", "truncated_normal")


class HeUniform(_FixedScaling, aliases=("msra_uniform",)):
    """Uniform with variance 2 / fan_in, for ReLU (He et al., 2015).

    >>> w = HeUniform(seed=1)((6, 10))
    >>> bool(abs(w).max() <= 1)  # the limit is sqrt(6 / 6)
    True

    Args:
        seed: an integer for the same array at every call, a SeedGenerator, or None.
        input_axes, output_axes: see `compute_fans`.
    """

    choice = (2.0, "fan_in", "uniform")


class LecunNormal(_FixedScaling):
    """Truncated normal with variance 1 / fan_in (LeCun et al., 1998); goes with selu.

    >>> w = LecunNormal(seed=1)((100, 100))
    >>> round(float(w.var()), 2)  # 1 / 100
    0.01

    Args:
        seed: an integer for the same array at every call, a SeedGenerator, or None.
        input_axes, output_axes: see `compute_fans`.
    """

    choice = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_FixedScaling):
    """Uniform with variance 1 / fan_in (LeCun et al., 1998).

    >>> w = LecunUniform(seed=1)((3, 10))
    >>> bool(abs(w).max() <= 1)  # the limit is sqrt(3 / 3)
    True

    Args:
        seed: an integer for the same array at every call, a SeedGenerator, or None.
        input_axes, output_axes: see `compute_fans`.
    """

    choice = (1.0, "fan_in", "uniform")


class Orthogonal(_Random, aliases=("OrthogonalInitializer", "orthogonal_initializer")):
    """A random matrix with orthonormal rows or columns, times `gain` (Saxe et al., 2014).

    >>> w = Orthogonal(seed=1)((3, 2))
    >>> (abs(w.T @ w).round(5)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    Args:
        gain: a factor on the matrix.
        seed: an integer for the same array at every call, a SeedGenerator, or None.

    Raises: ValueError for a shape of fewer than two axes.
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        self._begin(seed)

    def __call__(self, shape, dtype=None, **kwargs):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal makes matrices: shape must have two axes or more. Received: shape={shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        x = random.normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, "float64", self.seed)
        q = K.orthonormal(x)
        q = q.T if rows < columns else q
        return K.asarray(self.gain * q.reshape(shape), K.storage_dtype(dtype))


class STFT(Initializer, aliases=("stft", "STFTInitializer", "stft_initializer")):
    """Kernels of a convolution that takes the Fourier transform of windows of a signal: cos or sin of -2 pi t f.

    Shape (frame_length, 1, bins), for `(bins - 1) * 2` frequencies of which the upper half mirrors the lower.

    >>> STFT("real", window=None)((4, 1, 3)).round(4)[:, 0, 2].tolist()  # the fastest cosine of three
    [1.0, -1.0, 1.0, -1.0]

    Args:
        side: `"real"` for the cosines, `"imag"` for the sines.
        window: `"hann"`, `"hamming"`, `"blackman"`, `"bartlett"`, `"tukey"`, numbers, or None.
        scaling: the window divided by its Euclidean norm (`"density"`), by its sum (`"spectrum"`), or not at all (None).
        periodic: whether the window goes on, instead of ending where it began.

    Raises: ValueError for other values.
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        self.side = check.one_of("side", side, ("real", "imag"), "STFT")
        self.scaling = check.one_of("scaling", scaling, ("density", "spectrum", None), "STFT")
        if isinstance(window, str):
            check.one_of("window", window, K.WINDOWS, "STFT")
        self.window, self.periodic = window, periodic

    def __call__(self, shape, dtype=None, **kwargs):
        frame, _, bins = shape
        angles = -2 * K.pi * K.arange(frame)[:, None, None] * K.arange(bins) / (2 * (bins - 1))
        kernel = K.cos(angles) if self.side == "real" else K.sin(angles)
        if self.window is not None:
            named = isinstance(self.window, str)
            w = K.window(self.window, frame, self.periodic) if named else K.asarray(self.window, K.float64)
            if w.shape != (frame,):
                raise ValueError(f"STFT: window must hold {frame} numbers, one per time step. Received: shape {w.shape}")
            scale = {"density": K.sqrt(K.sum(w * w)), "spectrum": K.sum(K.abs(w)), None: 1.0}[self.scaling]
            kernel = kernel * (w / scale)[:, None, None]
        return kernel.astype(K.storage_dtype(dtype))


zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal, he_normal, he_uniform = GlorotUniform, GlorotNormal, HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
stft = STFTInitializer = STFT
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal


def get(identifier):
    """An initializer from its name, configuration, class, callable or instance.

    An array becomes a Constant. Raises: ValueError for an unknown name.

    >>> get("he_normal").scale
    2.0
    >>> get("glorot")
    Traceback (most recent call last):
        ...
    ValueError: Unknown initializer: 'glorot'. Did you mean 'glorot_normal', 'glorot_uniform'?
    """
    if isinstance(identifier, K.ndarray):
        return Constant(identifier)
    return registry.get("initializers", identifier)


def serialize(initializer):
    """The configuration of an initializer.

    >>> serialize(Constant(2.0))["config"]
    {'value': 2.0}
    """
    return serialize_value(initializer)


def deserialize(config, custom_objects=None):
    """The initializer that `serialize` described.

    >>> deserialize(serialize(Constant(2.0))).value
    2.0
    """
    return deserialize_keras_object(config, custom_objects, family="initializers")
