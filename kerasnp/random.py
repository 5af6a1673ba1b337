"""Random arrays with explicit seeds, under the names of `keras.random`."""

from kerasnp import backend as K
from kerasnp.autodiff.variable import Variable, scopes
from kerasnp.utils import registry


class SeedGenerator:
    """A stream of seeds whose whole state is two integers, so that saving them resumes the stream.

    >>> a, b = SeedGenerator(seed=1), SeedGenerator(seed=1)
    >>> bool((normal((2,), seed=a) == normal((2,), seed=b)).all())
    True

    Args:
        seed: an integer; None takes one from the global seed (`kerasnp.utils.set_random_seed`) or the system.

    Raises: ValueError for anything else.
    """

    def __init__(self, seed=None, name=None, **kwargs):
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        if seed is not None:
            seed = _integer(seed)
            if seed < 0:
                raise ValueError(f"SeedGenerator: seed must not be negative. Received: seed={seed}")
        self.name = name or "seed_generator"
        self.initial_seed = make_default_seed() if seed is None else seed
        self.state = Variable(_pair(self.initial_seed), trainable=False, name="seed_generator_state")

    @property
    def seed(self):
        """The seed that the stream began with."""
        return self.initial_seed

    def next(self, ordered=True):
        """The next pair of the stream, an array (seed, counter)."""
        state = self.state.value
        seed, counter = state.tolist()
        if scopes:
            state = state.copy()
            self.state.assign(_pair(seed, counter + 1))
        else:
            # A new array, so that the pair stays what it is.
            self.state.value = K.array((seed, (counter + 1) % 2**32), K.uint32)
        return state

    def generator(self):
        """A numpy Generator for the next draw."""
        return K.random.generator(*self.next())

    def get_config(self):
        """The constructor's arguments."""
        return {"seed": self.initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config):
        """A generator at the beginning of the configured stream."""
        return cls(**config)


registry.register_builtin("random", SeedGenerator, ("SeedGenerator",))

_global_generator = None


def _integer(seed):
    try:
        if isinstance(seed, bool):
            raise TypeError
        return int(seed.__index__())
    except (AttributeError, TypeError):
        raise ValueError(f"Argument `seed` must be an integer or None. Received: seed={seed!r}") from None


def _pair(seed, counter=0):
    return K.array([int(seed) % 2**32, counter % 2**32], K.uint32)


def make_default_seed():
    """A seed that nobody chose: the next of a fixed sequence after `set_random_seed`, otherwise the system's.

    >>> from kerasnp import random
    >>> random.set_random_seed(3)
    >>> first = random.make_default_seed()
    >>> random.set_random_seed(3)
    >>> random.make_default_seed() == first
    True
    """
    return K.random.make_seed()


def draw_seed(seed):
    """The pair (seed, counter) behind a `seed` argument: an integer, a SeedGenerator (the next), or None (the next).

    >>> from kerasnp import random
    >>> random.draw_seed(5)
    array([5, 0], dtype=uint32)
    >>> stream = random.SeedGenerator(5)
    >>> random.draw_seed(stream), random.draw_seed(stream)
    (array([5, 0], dtype=uint32), array([5, 1], dtype=uint32))

    Raises: ValueError for anything else.
    """
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    try:
        return _pair(_integer(seed))
    except ValueError:
        raise ValueError(
            "Argument `seed` must be either an integer or a SeedGenerator, which goes on from where it is. Received: "
            f"seed={seed!r} (of type {type(seed).__name__})"
        ) from None


def global_seed_generator():
    """The generator behind every call without a seed.

    >>> from kerasnp import random
    >>> random.set_random_seed(3)
    >>> _ = random.uniform((1,))
    >>> random.global_seed_generator().state.numpy()[1:]
    array([1], dtype=uint32)
    """
    global _global_generator
    if _global_generator is None:
        _global_generator = SeedGenerator(name="global_seed_generator")
    return _global_generator


def global_state():
    """The state of the generator behind calls without a seed, or None before the first; looking does not make one.

    >>> from kerasnp import random
    >>> random.set_random_seed(3)
    >>> random.global_state() is None
    True
    >>> _ = random.uniform((1,))
    >>> random.global_state()[1:]
    array([1], dtype=uint32)
    """
    return None if _global_generator is None else _global_generator.state.numpy()


def set_global_state(state):
    """Take back what `global_state` returned.

    >>> from kerasnp import random
    >>> _ = random.uniform((1,))
    >>> state = random.global_state()
    >>> x = random.uniform((3,))
    >>> random.set_global_state(state)
    >>> bool((x == random.uniform((3,))).all())
    True
    """
    reset_global_generator()
    if state is not None:
        generator = global_seed_generator()
        generator.state.assign(state)
        generator.initial_seed = int(state[0])


def reset_global_generator():
    """Start the stream behind calls without a seed again, from the global seed.

    >>> from kerasnp import random
    >>> random.set_random_seed(3)
    >>> _ = random.uniform((1,))
    >>> random.reset_global_generator()
    >>> random.global_state() is None
    True
    """
    global _global_generator
    _global_generator = None


def generator_from(seed):
    """A numpy Generator for a `seed` argument: an int (the same numbers every time), a SeedGenerator (the next), or None.

    >>> from kerasnp import random
    >>> a, b = random.generator_from(5), random.generator_from(5)
    >>> int(a.integers(100)) == int(b.integers(100))
    True
    """
    return K.random.generator(*draw_seed(seed))


def _float_type(dtype, who):
    dtype = K.standardize_dtype(dtype)
    if dtype not in (*K.FLOAT_TYPES, "bfloat16"):
        raise ValueError(f"`kerasnp.random.{who}` requires a floating point `dtype`. Received: dtype={dtype}")
    return dtype


def _integer_type(dtype, who):
    dtype = K.standardize_dtype(dtype)
    if "int" not in dtype:
        raise ValueError(f"`kerasnp.random.{who}` requires an integer `dtype`. Received: dtype={dtype}")
    return K.storage_dtype(dtype)


def _as(x, dtype):
    """Numbers drawn in double precision, in the type asked for."""
    from kerasnp import ops

    return ops.cast(K.asarray(x), dtype)


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Gaussian numbers of the given mean and standard deviation.

    >>> from kerasnp import random
    >>> x = random.normal((10000,), mean=5.0, stddev=2.0, seed=1)
    >>> x.shape, round(float(x.mean())), round(float(x.std()))
    ((10000,), 5, 2)

    Args:
        seed: an integer (the same numbers every time), a SeedGenerator (the next), or None (drawn from the global seed).

    Raises: ValueError for a dtype that is not floating.
    """
    dtype = _float_type(dtype, "normal")
    x = K.random.normal(generator_from(seed), shape, mean, stddev, dtype)
    return _as(x, dtype) if dtype == "bfloat16" else x


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Numbers spread evenly over [minval, maxval).

    >>> from kerasnp import random
    >>> x = random.uniform((10000,), -1.0, 1.0, seed=1)
    >>> bool((x >= -1).all() and (x < 1).all()), round(float(x.std()), 1)
    (True, 0.6)

    Args:
        seed: an integer (the same numbers every time), a SeedGenerator (the next), or None (drawn from the global seed).

    Raises: ValueError for a dtype that is not floating.
    """
    dtype = _float_type(dtype, "uniform")
    x = K.random.uniform(generator_from(seed), shape, minval, maxval, dtype)
    return _as(x, dtype) if dtype == "bfloat16" else x


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Gaussian numbers within two standard deviations of the mean, drawn again where they fall outside.

    >>> from kerasnp import random
    >>> x = random.truncated_normal((10000,), stddev=0.1, seed=1)
    >>> bool((abs(x) <= 0.2).all())
    True

    Raises: ValueError for a dtype that is not floating.
    """
    dtype = _float_type(dtype, "truncated_normal")
    x = K.random.truncated_normal(generator_from(seed), shape, mean, stddev, dtype)
    return _as(x, dtype) if dtype == "bfloat16" else x


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Integers spread evenly over [minval, maxval).

    >>> from kerasnp import random
    >>> sorted(set(random.randint((1000,), 3, 6, seed=1).tolist()))
    [3, 4, 5]

    Raises: ValueError for a dtype that is not of integers.
    """
    dtype = _integer_type(dtype, "randint")
    return K.asarray(generator_from(seed).integers(minval, maxval, shape)).astype(dtype)


def categorical(logits, num_samples, dtype="int32", seed=None):
    """Class numbers drawn with the probabilities softmax(logits).     logits (n, classes)   ->   (n, num_samples)

    >>> from kerasnp import random
    >>> random.categorical([[0.0, 100.0, 0.0], [100.0, 0.0, 0.0]], num_samples=4, seed=1)
    array([[1, 1, 1, 1],
           [0, 0, 0, 0]], dtype=int32)

    Raises: ValueError for logits of another rank.
    """
    logits = K.asarray(getattr(logits, "value", logits), K.float64)
    if logits.ndim != 2:
        raise ValueError(
            "`kerasnp.random.categorical` expects logits of shape (batch, classes). "
            f"Received: logits.shape={logits.shape}"
        )
    dtype = _integer_type(dtype, "categorical")
    edges = K.cumsum(K.softmax(logits, -1), axis=-1)
    edges[:, -1] = K.inf
    drawn = generator_from(seed).random((len(logits), num_samples))
    return (drawn[:, :, None] >= edges[:, None, :]).sum(axis=-1).astype(dtype)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """How many of `counts` independent trials succeed, each with the given probability; both broadcast to `shape`.

    Mean counts * p, variance counts * p * (1 - p).

    >>> from kerasnp import random
    >>> random.binomial((4,), counts=10, probabilities=[0.0, 0.0, 1.0, 1.0], seed=1)
    array([ 0.,  0., 10., 10.], dtype=float32)

    Raises: ValueError for a dtype that is not floating.
    """
    dtype = _float_type(dtype, "binomial")
    counts = K.asarray(getattr(counts, "value", counts)).astype(K.int64)
    return _as(generator_from(seed).binomial(counts, getattr(probabilities, "value", probabilities), shape), dtype)


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Numbers in [0, 1] of density proportional to x^(alpha - 1) * (1 - x)^(beta - 1); both broadcast to `shape`.

    The mean is alpha / (alpha + beta).

    >>> from kerasnp import random
    >>> x = random.beta((10000,), alpha=2.0, beta=6.0, seed=1)
    >>> bool((x >= 0).all() and (x <= 1).all()), round(float(x.mean()), 2)
    (True, 0.25)

    Raises: ValueError for a dtype that is not floating.
    """
    dtype = _float_type(dtype, "beta")
    return _as(generator_from(seed).beta(getattr(alpha, "value", alpha), getattr(beta, "value", beta), shape), dtype)


def gamma(shape, alpha, dtype=None, seed=None):
    """Positive numbers of density proportional to x^(alpha - 1) * exp(-x); alpha broadcasts to `shape`.

    Mean and variance are alpha.

    >>> from kerasnp import random
    >>> x = random.gamma((10000,), alpha=3.0, seed=1)
    >>> bool((x > 0).all()), round(float(x.mean()), 1)
    (True, 3.0)

    Raises: ValueError for a dtype that is not floating.
    """
    dtype = _float_type(dtype, "gamma")
    x = _as(generator_from(seed).gamma(getattr(alpha, "value", alpha), size=shape), dtype)
    # What is too small for the type is still positive.
    return x if dtype == "bfloat16" else K.maximum(x, K.finfo(x.dtype).tiny)


def dropout(inputs, rate, noise_shape=None, seed=None):
    """The inputs with a share `rate` of them, chosen at random, set to 0 and the others scaled up by 1 / (1 - rate).

    >>> from kerasnp import ops, random
    >>> x = random.dropout(ops.ones((1000,)), 0.5, seed=1)
    >>> ops.unique(x)
    array([0., 2.], dtype=float32)

    Args:
        noise_shape: the shape of the random choice, broadcast against the inputs; None entries follow the inputs.
    """
    from kerasnp import ops

    y = ops.dropout(inputs, rate, noise_shape, seed)
    return ops.cast(y, "bfloat16") if getattr(inputs, "dtype", None) == "bfloat16" else y


def shuffle(x, axis=0, seed=None):
    """A copy of x with its slices along an axis in random order.

    >>> from kerasnp import ops, random
    >>> x = random.shuffle(ops.arange(6), seed=1)
    >>> ops.sort(x)
    array([0, 1, 2, 3, 4, 5], dtype=int32)
    """
    return generator_from(seed).permutation(K.asarray(getattr(x, "value", x)), axis=axis)


def set_random_seed(seed):
    """Fix every random number that follows: Python's, numpy's and kerasnp's.

    Two runs that begin with the same seed end in identical bits, for any number of threads.

    >>> from kerasnp import layers
    >>> def weights():
    ...     set_random_seed(7)
    ...     layer = layers.Dense(2)
    ...     layer.build((None, 3))
    ...     return layer.kernel.numpy()
    >>> bool((weights() == weights()).all())
    True

    Raises: ValueError for anything but an integer.
    """
    K.random.set_global_seed(_integer(seed))
    reset_global_generator()
