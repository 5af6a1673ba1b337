"""Differentiable functions on arrays and Variables, under the names and signatures of `keras.ops`.

Without an open tape each returns a plain array; inside `with kerasnp.Tape():` results remember how they were made.

>>> import kerasnp
>>> kerasnp.ops.relu([-1.0, 2.0])
array([0., 2.], dtype=float32)
"""

from kerasnp.autodiff.variable import is_tensor  # noqa: F401
from kerasnp.ops.activation import (  # noqa: F401
    elu, gelu, hard_sigmoid, leaky_relu, log_softmax, logits_behind, prelu, selu, silu, softmax, softsign, swish,
)  # fmt: skip
from kerasnp.ops.conv import conv  # noqa: F401
from kerasnp.ops.elementwise import (  # noqa: F401
    abs, absolute, add, cast, ceil, clip, cos, cosh, divide, equal, erf, exp, expm1, floor, floor_divide, greater,
    greater_equal, isfinite, isnan, less, less_equal, log, log1p, logaddexp, logical_and, logical_not, logical_or, maximum,
    minimum, mod, multiply, negative, not_equal, power, reciprocal, relu, round, rsqrt, sigmoid, sign, sin, sinh, softplus,
    sqrt, square, stop_gradient, subtract, tan, tanh, true_divide, where,
)  # fmt: skip
from kerasnp.ops.linear import dense, dot, einsum, matmul, outer, tensordot  # noqa: F401
from kerasnp.ops.losses import (  # noqa: F401
    binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy,
)  # fmt: skip
from kerasnp.ops.noise import dropout  # noqa: F401
from kerasnp.ops.norm import batch_normalization, batch_normalization_training, moments  # noqa: F401
from kerasnp.ops.pool import average_pool, max_pool  # noqa: F401
from kerasnp.ops.reduce import (  # noqa: F401
    all, amax, amin, any, argmax, argmin, argsort, cumsum, logsumexp, max, mean, min, norm, prod, std, sum, var,
)  # fmt: skip
from kerasnp.ops.shape import (  # noqa: F401
    arange, broadcast_to, concatenate, convert_to_numpy, convert_to_tensor, expand_dims, flip, full, moveaxis, one_hot, ones,
    ones_like, pad, ravel, repeat, reshape, shape, split, squeeze, stack, swapaxes, take, take_along_axis, tile, transpose,
    zeros, zeros_like,
)  # fmt: skip

