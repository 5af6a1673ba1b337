"""Random numbers from explicit seeds.

Every stream is fixed by a pair (seed, counter), so a saved state of two integers resumes it exactly and the number of
threads never matters. `SFC64` fills arrays fastest of numpy's generators here; a 64-bit mix spreads neighbouring pairs.
"""

import os

import numpy as np

from kerasnp.backend import layout
from kerasnp.backend.config import storage_dtype

_global = {"seed": None, "made": 0}


def _python():
    """Python's own generator; imported here, since few programs set a seed."""
    import random

    return random


def set_global_seed(seed):
    """Seed Python's, numpy's and kerasnp's generators."""
    _python().seed(seed)
    np.random.seed(seed % 2**32)
    _global.update(seed=int(seed), made=0)


def make_seed():
    """A fresh seed: the next of a fixed sequence after `set_global_seed`, otherwise from the operating system."""
    if _global["seed"] is None:
        return int.from_bytes(os.urandom(4), "little")
    _global["made"] += 1
    return int(np.random.SeedSequence([_global["seed"], _global["made"]]).generate_state(1)[0])


def get_state():
    """The state of the global seed sequence, and of Python's and numpy's generators, for resuming."""
    kind, *numpy_state = np.random.get_state()
    return {**_global, "python": _python().getstate(), "numpy": [kind, *numpy_state]}


def set_state(state):
    """Restore what `get_state` returned."""
    _global.update({name: state[name] for name in _global})
    version, words, gauss = state["python"]
    _python().setstate((version, tuple(words), gauss))
    np.random.set_state(tuple(state["numpy"]))


def generator(seed, counter=0):
    """A numpy Generator for the stream (seed, counter)."""
    return np.random.Generator(np.random.SFC64([int(seed) & 0xFFFFFFFFFFFFFFFF, int(counter) & 0xFFFFFFFFFFFFFFFF]))


def keep_mask(rng, shape, rate):
    """Booleans with P(False) = rate, from 16-bit words: twice as fast as comparing float uniforms."""
    size = int(np.prod(shape, dtype=np.int64))
    words = rng.bit_generator.random_raw((size + 3) // 4).view(np.uint16)[:size]
    return (words >= np.uint16(min(round(rate * 65536), 65535))).reshape(shape)


def dropout_mask(rng, shape, rate, dtype, like=None):
    """Array of 0 and 1/(1 - rate) with P(0) = rate; it lies in memory as `like` does, since products of two orders are slow."""
    keep = keep_mask(rng, shape, rate)
    if like is not None and layout.is_turned(like) and keep.shape == like.shape:
        keep = np.asfortranarray(keep)
    return np.multiply(keep, np.asarray(1 / (1 - rate), dtype), dtype=dtype)


def normal(rng, shape, mean=0.0, stddev=1.0, dtype="float32"):
    """Gaussian numbers."""
    wide = np.float64 if dtype == "float64" else np.float32
    x = rng.standard_normal(shape, dtype=wide)
    return np.asarray(x * wide(stddev) + wide(mean), storage_dtype(dtype))


def uniform(rng, shape, minval=0.0, maxval=1.0, dtype="float32"):
    """Numbers spread evenly over [minval, maxval)."""
    wide = np.float64 if dtype == "float64" else np.float32
    x = rng.random(shape, dtype=wide)
    return np.asarray(x * wide(maxval - minval) + wide(minval), storage_dtype(dtype))


def truncated_normal(rng, shape, mean=0.0, stddev=1.0, dtype="float32"):
    """Gaussian numbers, drawn again while further than two standard deviations from the mean."""
    x = np.atleast_1d(normal(rng, shape, dtype=dtype))
    while (far := np.abs(x) > 2).any():
        x[far] = normal(rng, int(far.sum()), dtype=dtype)
    return np.asarray(x.reshape(shape) * np.asarray(stddev, x.dtype) + np.asarray(mean, x.dtype))
