"""Random disturbances with a gradient."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import _floating
from kerasnp.random import generator_from


class Dropout(Operator):
    """y = x * m, each m being 0 with probability `rate` and 1 / (1 - rate) otherwise.     m broadcast from `shape`"""

    def __init__(self, rate, shape, generator):
        self.rate, self.shape, self.generator = rate, shape, generator

    def forward(self, x):
        if self.rate < 1:
            m = K.random.dropout_mask(self.generator, self.shape, self.rate, x.dtype)
        else:
            m = K.zeros(self.shape, x.dtype)
        self.save(m)
        return x * m

    def backward(self, dy):
        return dy * self.saved[0]


def dropout(inputs, rate, noise_shape=None, seed=None):
    """The inputs with a share `rate` of them, chosen at random, set to 0 and the others scaled up by 1 / (1 - rate).

    Args:
        noise_shape: the shape of the random choice, broadcast against the inputs; None entries follow the inputs.
        seed: an integer (the same choice every time), a SeedGenerator (the next), or None.
    """
    x = _floating(inputs)
    return Dropout(rate, noise_dims(noise_shape, x.shape), generator_from(seed))(x)


def noise_dims(noise_shape, shape):
    """`noise_shape` with its None entries taken from `shape`; all of `shape` for None."""
    if noise_shape is None:
        return shape
    return tuple(n if d is None else d for d, n in zip(noise_shape, shape, strict=True))
