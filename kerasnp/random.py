"""Random arrays with explicit seeds, under the names of `keras.random`."""

from kerasnp import backend as K
from kerasnp.autodiff.variable import Variable
from kerasnp.utils import check


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
            seed = check.integer("seed", seed, "SeedGenerator")
            if seed < 0:
                raise ValueError(f"SeedGenerator: seed must not be negative. Received: seed={seed}")
        self.name = name or "seed_generator"
        self.initial_seed = K.random.make_seed() if seed is None else seed
        self.state = Variable(
            K.array([self.initial_seed, 0], dtype="int64"), dtype="int64", trainable=False, name="seed_generator_state"
        )

    @property
    def seed(self):
        """The seed that the stream began with."""
        return self.initial_seed

    def next(self, ordered=True):
        """The next pair (seed, counter) of the stream."""
        state = self.state.value
        pair = int(state[0]), int(state[1])
        state[1] += 1
        return pair

    def generator(self):
        """A numpy Generator for the next draw."""
        return K.random.generator(*self.next())

    def get_config(self):
        """The constructor's arguments."""
        return {"seed": self.initial_seed}

    @classmethod
    def from_config(cls, config):
        """A generator at the beginning of the configured stream."""
        return cls(**config)


_global_generator = None


def global_generator():
    """The generator behind every call without a seed."""
    global _global_generator
    if _global_generator is None:
        _global_generator = SeedGenerator(name="global_seed_generator")
    return _global_generator


def global_state():
    """The state of the generator behind calls without a seed, or None before the first; looking does not make one."""
    return None if _global_generator is None else _global_generator.state.numpy()


def set_global_state(state):
    """Take back what `global_state` returned."""
    reset_global_generator()
    if state is not None:
        generator = global_generator()
        generator.state.assign(state)
        generator.initial_seed = int(state[0])


def reset_global_generator():
    """Start the stream behind calls without a seed again, from the global seed."""
    global _global_generator
    _global_generator = None


def generator_from(seed):
    """A numpy Generator for a `seed` argument: an int (the same numbers every time), a SeedGenerator (the next), or None."""
    if seed is None:
        return global_generator().generator()
    if isinstance(seed, SeedGenerator):
        return seed.generator()
    return K.random.generator(check.integer("seed", seed))


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Gaussian numbers of the given mean and standard deviation."""
    return K.random.normal(generator_from(seed), shape, mean, stddev, K.standardize_dtype(dtype))


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Numbers spread evenly over [minval, maxval)."""
    return K.random.uniform(generator_from(seed), shape, minval, maxval, K.standardize_dtype(dtype))


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Gaussian numbers within two standard deviations of the mean."""
    return K.random.truncated_normal(generator_from(seed), shape, mean, stddev, K.standardize_dtype(dtype))


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Integers spread evenly over [minval, maxval)."""
    return generator_from(seed).integers(minval, maxval, shape).astype(K.storage_dtype(dtype))


def shuffle(x, axis=0, seed=None):
    """A copy of x with its entries along an axis in random order."""
    return generator_from(seed).permutation(K.asarray(x), axis=axis)


def set_random_seed(seed):
    """Fix every random number that follows: Python's, numpy's and kerasnp's.

    Two runs that begin with the same seed end in identical bits.

    Raises: ValueError for anything but an integer.
    """
    K.random.set_global_seed(check.integer("seed", seed, "set_random_seed"))
    reset_global_generator()
