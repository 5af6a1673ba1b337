"""Random disturbances with a gradient."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.activation import SELU_ALPHA, SELU_SCALE
from kerasnp.ops.elementwise import _floating
from kerasnp.random import generator_from


class Dropout(Operator):
    """y = x * m, each m being 0 with probability `rate` and 1 / (1 - rate) otherwise.     m broadcast from `shape`"""

    def __init__(self, rate, shape, seed):
        self.rate, self.shape, self.seed = rate, shape, seed

    def forward(self, x):
        if self.rate < 1:
            m = K.random.dropout_mask(generator_from(self.seed), self.shape, self.rate, x.dtype, x)
        else:
            m = K.zeros(self.shape, x.dtype)
        self.save(m)
        return x * m

    def backward(self, dy):
        return dy * self.saved[0]


class AlphaDropout(Operator):
    """y = a * (x * m + floor * (1 - m)) + b, m in {0, 1}; a and b bring mean 0 and variance 1 back."""

    floor = -SELU_ALPHA * SELU_SCALE

    def __init__(self, rate, shape, generator):
        self.rate, self.shape, self.generator = rate, shape, generator

    def forward(self, x):
        rate, floor, t = self.rate, self.floor, x.dtype.type
        m = K.random.uniform(self.generator, self.shape, dtype=x.dtype.name) >= rate
        a = ((1 - rate) * (1 + rate * floor * floor)) ** -0.5
        self.save(m, t(a))
        return K.where(m, x, t(floor)) * t(a) - t(a * floor * rate)

    def backward(self, dy):
        m, a = self.saved
        return K.where(m, dy, dy.dtype.type(0)) * a


class GaussianDropout(Operator):
    """y = x * e, each e from a Gaussian around 1."""

    def __init__(self, stddev, generator):
        self.stddev, self.generator = stddev, generator

    def forward(self, x):
        e = K.random.normal(self.generator, x.shape, 1.0, self.stddev, x.dtype.name)
        self.save(e)
        return x * e

    def backward(self, dy):
        return dy * self.saved[0]


class GaussianNoise(Operator):
    """y = x + e, each e from a Gaussian around 0."""

    def __init__(self, stddev, generator):
        self.stddev, self.generator = stddev, generator

    def forward(self, x):
        return x + K.random.normal(self.generator, x.shape, 0.0, self.stddev, x.dtype.name)

    def backward(self, dy):
        return dy


def dropout(inputs, rate, noise_shape=None, seed=None):
    """The inputs with a share `rate` of them, chosen at random, set to 0 and the others scaled up by 1 / (1 - rate).

    >>> from kerasnp import ops
    >>> y = ops.dropout(ops.ones((1000,)), rate=0.5, seed=1)
    >>> ops.unique(y)
    array([0., 2.], dtype=float32)

    Args:
        noise_shape: the shape of the random choice, broadcast against the inputs; None entries follow the inputs.
        seed: an integer (the same choice every time), a SeedGenerator (the next), or None.
    """
    x = _floating(inputs)
    return Dropout(rate, noise_dims(noise_shape, x.shape), seed)(x)


def alpha_dropout(inputs, rate, noise_shape=None, seed=None):
    """Dropout for selu networks: the dropped inputs become selu's lower bound, and mean 0 and variance 1 stay
    (Klambauer et al., 2017).

    >>> from kerasnp import ops, random
    >>> y = ops.alpha_dropout(random.normal((10000,), seed=1), rate=0.5, seed=2)
    >>> bool(abs(y.mean()) < 0.1), round(float(y.std()), 1)
    (True, 1.0)

    Args:
        noise_shape, seed: as for `dropout`.
    """
    x = _floating(inputs)
    return AlphaDropout(rate, noise_dims(noise_shape, x.shape), generator_from(seed))(x)


def gaussian_dropout(inputs, rate, seed=None):
    """The inputs times Gaussian numbers of mean 1 and standard deviation sqrt(rate / (1 - rate)) (Srivastava et al., 2014).

    >>> from kerasnp import ops
    >>> y = ops.gaussian_dropout(ops.ones((10000,)), rate=0.2, seed=1)
    >>> round(float(y.mean()), 1), round(float(y.std()), 1)
    (1.0, 0.5)

    Args:
        seed: an integer (the same numbers every time), a SeedGenerator (the next), or None.
    """
    return GaussianDropout((rate / (1 - rate)) ** 0.5, generator_from(seed))(_floating(inputs))


def gaussian_noise(inputs, stddev, seed=None):
    """The inputs plus Gaussian numbers of mean 0 and standard deviation `stddev`.

    >>> from kerasnp import ops
    >>> y = ops.gaussian_noise(ops.zeros((10000,)), stddev=0.3, seed=1)
    >>> round(float(y.std()), 1)
    0.3

    Args:
        seed: an integer (the same numbers every time), a SeedGenerator (the next), or None.
    """
    return GaussianNoise(stddev, generator_from(seed))(_floating(inputs))


def noise_dims(noise_shape, shape):
    """`noise_shape` with its None entries taken from `shape`; all of `shape` for None."""
    if noise_shape is None:
        return shape
    return tuple(n if d is None else d for d, n in zip(noise_shape, shape, strict=True))
