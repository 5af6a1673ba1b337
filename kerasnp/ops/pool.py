"""Pooling."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.conv import explicit_padding, move_channels
from kerasnp.ops.elementwise import convert
from kerasnp.utils import check


class MaxPool(Operator):
    """y = the largest x in each window; its gradient goes to the first of equals.     x (n, *space, c)"""

    def __init__(self, size, strides, padding):
        self.options = (size, strides, padding)

    def forward(self, x):
        y = K.max_pool(x, *self.options)
        self.save(x, y)
        return y

    def backward(self, dy):
        x, y = self.saved
        return K.max_pool_grad(x, y, dy, *self.options)


class AveragePool(Operator):
    """y = the mean of x in each window, padding not counted.     x (n, *space, c)"""

    def __init__(self, size, strides, padding):
        self.options = (size, strides, padding)

    def forward(self, x):
        self.save(x.shape)
        return K.avg_pool(x, *self.options)

    def backward(self, dy):
        return K.avg_pool_grad(dy, self.saved[0], *self.options)


def _pool(operator, inputs, pool_size, strides, padding, data_format):
    inputs = convert(inputs)
    rank = len(inputs.shape) - 2
    channels_first = K.standardize_data_format(data_format) == "channels_first"
    x = move_channels(inputs, last=True) if channels_first else inputs
    size = check.int_tuple("pool_size", pool_size, rank)
    strides = size if strides is None else check.int_tuple("strides", strides, rank)
    pads = explicit_padding(check.one_of("padding", padding, ("valid", "same")), x.shape[1:-1], size, strides, (1,) * rank)
    y = operator(size, strides, pads)(x)
    return move_channels(y, last=False) if channels_first else y


def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The largest value in each window of 1, 2 or 3 spatial axes; `strides` default to the window.

    An axis of n becomes one of (n - size) // stride + 1, or of ceil(n / stride) with `padding="same"`.

    >>> from kerasnp import ops
    >>> ops.max_pool(ops.reshape(ops.arange(16.0), (1, 4, 4, 1)), 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) for `data_format="channels_first"`.
        pool_size, strides: an int or one per spatial axis.
        padding: `"valid"` or `"same"`.

    Raises: ValueError for another padding, or sizes that are not positive integers.
    """
    return _pool(MaxPool, inputs, pool_size, strides, padding, data_format)


def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of each window of 1, 2 or 3 spatial axes, padding not counted; `strides` default to the window.

    An axis of n becomes one of (n - size) // stride + 1, or of ceil(n / stride) with `padding="same"`.

    >>> from kerasnp import ops
    >>> ops.average_pool(ops.reshape(ops.arange(16.0), (1, 4, 4, 1)), 2)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) for `data_format="channels_first"`.
        pool_size, strides: an int or one per spatial axis.
        padding: `"valid"` or `"same"`.

    Raises: ValueError for another padding, or sizes that are not positive integers.
    """
    return _pool(AveragePool, inputs, pool_size, strides, padding, data_format)
