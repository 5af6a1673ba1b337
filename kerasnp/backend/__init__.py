"""K: the vocabulary of array arithmetic, each name bound to its best kernel.

Everything in kerasnp that computes says `from kerasnp import backend as K`. A plain ufunc is re-exported as itself. Kernels
live beside this file, a family each; `reference.py` holds the readable definition of every non-trivial one under the same
name, and `with using("reference"):` runs the definitions instead.
"""

import contextlib

import numpy as np
from numpy import result_type as wider  # noqa: F401
from numpy import (  # noqa: F401
    abs, add, angle, arange, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, argmax, argmin, argpartition,
    argsort, array, asarray, ascontiguousarray, bincount, bitwise_and, bitwise_or, bitwise_xor, broadcast_shapes,
    broadcast_to, cbrt, ceil, clip, complex64, concatenate, conj, copysign, copyto, cos, cosh, count_nonzero, cumprod,
    cumsum, deg2rad, diag, digitize, divide, empty, empty_like, equal, exp, exp2, expand_dims, expm1, eye, finfo, flip,
    float32, float64, floor, floor_divide, fmax, fmin, fmod, frombuffer, full, full_like, gcd, geomspace, greater,
    greater_equal, histogram, hypot, iinfo, imag, inf, int8, int32, int64, interp, invert, isclose, isfinite, isin, isinf,
    isnan, lcm, left_shift, less, less_equal, lexsort, linspace, log, log10, log1p, log2, logaddexp, logaddexp2,
    logical_and, logical_not, logical_or, logical_xor, max, maximum, mean, min, minimum, mod, moveaxis, multiply, nan,
    nan_to_num, ndarray, negative, newaxis, nextafter, nonzero, not_equal, ones, ones_like, pad, partition, pi, power, prod,
    rad2deg, real, reciprocal, repeat, reshape, right_shift, rint, roll, round, searchsorted, shape, sign, signbit, sin,
    sinh, sort, split, sqrt, square, squeeze, stack, subtract, sum, swapaxes, take, take_along_axis, tan, tanh, tile,
    transpose, tril, triu, trunc, uint32, uint64, unique, unravel_index, var, where, zeros, zeros_like,
)  # fmt: skip

from kerasnp.backend import arena, group, linalg, random, reference, threads
from kerasnp.backend.activation import (  # noqa: F401
    constant_range, erf, fused, log_softmax, log_softmax_grad, relu, relu_grad, sigmoid, sigmoid_cross_entropy, softmax,
    softmax_cross_entropy, softmax_cross_entropy_grad, softmax_grad, softmax_mean_cross_entropy,
    softmax_mean_cross_entropy_grad, softplus,
)  # fmt: skip
from kerasnp.backend.bfloat16 import bfloat16_bits, round_to_bfloat16  # noqa: F401
from kerasnp.backend.attention import attention, attention_grad  # noqa: F401
from kerasnp.backend.config import (  # noqa: F401
    DTYPES, FLOAT_TYPES, epsilon, floatx, image_data_format, max_epochs, max_steps_per_epoch, set_epsilon, set_floatx,
    set_image_data_format, standardize_data_format, standardize_dtype, storage_dtype,
)  # fmt: skip
from kerasnp.backend.conv import (  # noqa: F401
    conv, conv_grad, conv_grad_input, conv_grad_kernel, output_size, same_padding,
)  # fmt: skip
from kerasnp.backend.conv_fused import conv_pool, conv_pool_grad  # noqa: F401
from kerasnp.backend.conv_schemes import even_cuts  # noqa: F401
from kerasnp.backend.gather import add_rows  # noqa: F401
from kerasnp.backend.image import FILL_MODES, round_half_away, warp, warp_grad  # noqa: F401
from kerasnp.backend.linear import dense, einsum, matmul, orthonormal, sum_rows  # noqa: F401
from kerasnp.backend.norm import (  # noqa: F401
    batch_norm, batch_norm_grad, batch_norm_train, column_sums, moments, scale_and_shift, standardize, standardize_grad,
)  # fmt: skip
from kerasnp.backend.norm_groups import group_norm, group_norm_grad  # noqa: F401
from kerasnp.backend.pool import avg_pool, avg_pool_grad, max_pool, max_pool_grad  # noqa: F401
from kerasnp.backend.promotion import common_type, result_type  # noqa: F401
from kerasnp.backend.recurrent import recurrent, recurrent_grad  # noqa: F401
from kerasnp.backend.recurrent_cells import HardSigmoid, Linear  # noqa: F401
from kerasnp.backend.special import erfc, erfinv, i0, i1  # noqa: F401
from kerasnp.backend.update import (  # noqa: F401
    SMALL_UPDATE, flat, for_blocks, joined, offsets, scratch, segments, squared_norm,
)  # fmt: skip
from kerasnp.backend.windows import WINDOWS, window  # noqa: F401
from kerasnp.utils import lazy, naming, session
from kerasnp.utils.masks import get_mask as get_keras_mask  # noqa: F401
from kerasnp.utils.masks import set_mask as set_keras_mask  # noqa: F401
from kerasnp.utils.naming import name_scope  # noqa: F401


def tensor(x, dtype=None):
    """`x` as an array; Python floats become the default float type and Python integers int32, as in Keras."""
    if dtype is not None:
        return np.asarray(x, dtype=storage_dtype(dtype))
    if isinstance(x, (np.ndarray, np.generic)):
        return np.asarray(x)
    x = np.asarray(x)
    if x.dtype == np.float64:
        return x.astype(floatx())
    return x.astype(np.int32) if x.dtype == np.int64 else x


def unbroadcast(g, shape):  # noqa: F811
    """Sum a gradient over the axes along which an array of `shape` was broadcast."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    if extra == g.ndim - 1 and len(shape) == 1 and shape[0] == g.shape[-1]:
        return sum_rows(g)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1)
    return g.sum(axis=axes, keepdims=True).reshape(shape)


@contextlib.contextmanager
def using(kernels):
    """`with using("reference"):` every kernel that has a definition in reference.py is replaced by it."""
    if kernels != "reference":
        raise ValueError(f"using: the kernel sets are 'reference' and the default one. Received: {kernels!r}")
    names = [n for n in vars(reference) if not n.startswith("_") and n in globals() and callable(getattr(reference, n))]
    fast = {n: globals()[n] for n in names}
    globals().update({n: getattr(reference, n) for n in names})
    try:
        yield
    finally:
        globals().update(fast)


def clear_session(free_memory=True):
    """Start automatic names again and give recycled memory back."""
    session.clear()
    if free_memory:
        arena.clear()


def backend():
    """The name of the backend: `"numpy"`."""
    return "numpy"


def is_float_dtype(dtype):
    """Whether a type, or its name, is a floating one, bfloat16 among them.

    >>> is_float_dtype("bfloat16"), is_float_dtype("int32")
    (True, False)
    """
    return "float" in standardize_dtype(dtype)


def is_int_dtype(dtype):
    """Whether a type, or its name, is an integer one, with a sign or without.

    >>> is_int_dtype("uint8"), is_int_dtype("bool")
    (True, False)
    """
    return "int" in standardize_dtype(dtype)


def is_keras_tensor(x):
    """Whether `x` is a symbolic tensor, which has a shape and no values."""
    from kerasnp.autodiff.symbolic import is_keras_tensor

    return is_keras_tensor(x)


def compute_output_spec(fn, *args, **kwargs):
    """What `fn` returns for arguments with symbolic tensors among them: shapes and types, without values.

    >>> import kerasnp
    >>> compute_output_spec(lambda x: kerasnp.ops.sum(x, axis=-1), kerasnp.KerasTensor((None, 3)))
    <KerasTensor shape=(None,), dtype=float32>
    """
    from kerasnp.autodiff.symbolic import infer

    return infer(fn, args, kwargs)


def get_uid(prefix=""):
    """How many times this has been asked for `prefix` since the last `clear_session`, from 1 on.

    >>> get_uid("block of this example"), get_uid("block of this example")
    (1, 2)
    """
    return naming.count(f"uid {prefix}")


def is_float(dtype):
    """Whether a numpy dtype or dtype name is a floating type."""
    return np.dtype(storage_dtype(dtype) if isinstance(dtype, str) else dtype).kind == "f"


__getattr__, _, _ = lazy.attach(__name__, {"numpy": "fft"})  # which NumPy too loads on first touch

__all__ = ["arena", "group", "linalg", "random", "reference", "threads"]
