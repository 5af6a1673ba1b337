"""Differentiable functions on arrays and Variables, under the names and signatures of `keras.ops`.

Without an open tape each returns a plain array; inside `with kerasnp.Tape():` results remember how they were made.

>>> import kerasnp
>>> kerasnp.ops.relu([-1.0, 2.0])
array([0., 2.], dtype=float32)
"""

import types

from kerasnp.autodiff.symbolic import remember_functions, traced
from kerasnp.autodiff.variable import is_tensor  # noqa: F401
from kerasnp.ops.activation import (  # noqa: F401
    elu, gelu, hard_sigmoid, leaky_relu, log_softmax, logits_behind, prelu, selu, silu, softmax, softsign, swish,
)  # fmt: skip
from kerasnp.ops.attention import dot_product_attention  # noqa: F401
from kerasnp.ops.conv import (  # noqa: F401
    conv, conv_transpose, conv_transpose_size, depthwise_conv, separable_conv,
)  # fmt: skip
from kerasnp.ops.complex import angle, conj, conjugate, polar  # noqa: F401
from kerasnp.ops.ctc import ctc_loss  # noqa: F401
from kerasnp.ops.ctc_decode import ctc_decode  # noqa: F401
from kerasnp.ops.elementwise import Binary, Unary  # noqa: F401
from kerasnp.ops.elementwise import (  # noqa: F401
    abs, absolute, add, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, cast, cbrt, ceil, clip, cos, cosh,
    deg2rad, divide, erf, erfc, erfinv, exp, exp2, expm1, floor, fmod, hypot, i0, log, log1p, log2, log10, logaddexp,
    logaddexp2, maximum, minimum, mod, multiply, negative, power, rad2deg, reciprocal, relu, round, rsqrt, sigmoid, sign,
    sin, sinh, softplus, sqrt, square, stop_gradient, subtract, tan, tanh, true_divide, trunc, where,
)  # fmt: skip
from kerasnp.ops.forward import jvp  # noqa: F401
from kerasnp.ops.linear import dense, dot, einsum, matmul, outer, tensordot  # noqa: F401
from kerasnp.ops.logic import (  # noqa: F401
    all, any, array_equal, bitwise_and, bitwise_invert, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift,
    bitwise_xor, equal, floor_divide, gcd, greater, greater_equal, isclose, isfinite, isinf, isnan, lcm, left_shift, less,
    less_equal, logical_and, logical_not, logical_or, logical_xor, not_equal, right_shift, signbit,
)  # fmt: skip
from kerasnp.ops.losses import (  # noqa: F401
    binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy,
)  # fmt: skip
from kerasnp.ops.noise import alpha_dropout, dropout, gaussian_dropout, gaussian_noise  # noqa: F401
from kerasnp.ops.norm import (  # noqa: F401
    batch_normalization, batch_normalization_training, group_normalization, layer_normalization, moments, normalize,
    rms_normalization,
)  # fmt: skip
from kerasnp.ops.patches import fold, rearrange, unfold  # noqa: F401
from kerasnp.ops.pool import average_pool, max_pool  # noqa: F401
from kerasnp.ops.reduce import (  # noqa: F401
    amax, amin, argmax, argmin, argsort, cumsum, logsumexp, max, mean, min, prod, std, sum, var,
)  # fmt: skip
from kerasnp.ops.resample import adaptive_average_pool, adaptive_max_pool, upsample  # noqa: F401
from kerasnp.ops.shape import (  # noqa: F401
    arange, broadcast_to, concatenate, convert_to_numpy, convert_to_tensor, expand_dims, flip, full, moveaxis, one_hot, ones,
    ones_like, pad, ravel, repeat, reshape, shape, split, squeeze, stack, swapaxes, take, take_along_axis, tile, transpose,
    zeros, zeros_like,
)  # fmt: skip
from kerasnp.ops.arrange import (  # noqa: F401
    append, array_split, depth_to_space, diag, diagflat, diagonal, dsplit, dstack, fliplr, flipud, get_item, hsplit, hstack,
    kron, meshgrid, roll, rot90, scatter, scatter_update, select, slice, slice_update, space_to_depth, trace, tri, tril,
    triu, unstack, vsplit, vstack,
)  # fmt: skip
from kerasnp.ops.control import (  # noqa: F401
    associative_scan, cond, custom_gradient, fori_loop, map, scan, switch, vectorize, vectorized_map, while_loop,
)  # fmt: skip
from kerasnp.ops.creation import (  # noqa: F401
    array, bartlett, blackman, copy, dtype, empty, empty_like, eye, full_like, geomspace, hamming, hanning, identity,
    kaiser, linspace, logspace, ndim, size, vander, view,
)  # fmt: skip
from kerasnp.ops.fourier import (  # noqa: F401
    extract_sequences, fft, fft2, ifft2, imag, irfft, istft, real, rfft, stft, view_as_complex, view_as_real,
)  # fmt: skip
from kerasnp.ops.linalg import (  # noqa: F401
    cholesky, cholesky_inverse, det, eig, eigh, inv, logdet, lstsq, lu_factor, matrix_rank, norm, pinv, qr, slogdet, solve,
    solve_triangular, svd,
)  # fmt: skip
from kerasnp.ops.nn import (  # noqa: F401
    celu, glu, hard_shrink, hard_silu, hard_swish, hard_tanh, log_sigmoid, multi_hot, psnr, relu6,
    soft_shrink, sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh_shrink, threshold,
)  # fmt: skip
from kerasnp.ops.numeric import (  # noqa: F401
    allclose, average, cdist, corrcoef, correlate, cross, cumprod, diff, divide_no_nan, fabs, fmax, fmin, heaviside,
    inner, isneginf, isposinf, isreal, ldexp, nan_to_num, nanargmax, nanargmin, nancumprod, nancumsum, nanmax, nanmean,
    nanmedian, nanmin, nanpercentile, nanprod, nanquantile, nanstd, nansum, nanvar, nextafter, ptp, saturate_cast, sinc,
    trapezoid, vdot,
)  # fmt: skip
from kerasnp.ops.sorting import (  # noqa: F401
    argpartition, bincount, count_nonzero, digitize, histogram, in_top_k, isin, median, nonzero, percentile, quantile,
    searchsorted, segment_max, segment_min, segment_prod, segment_sum, sort, top_k, unique, unravel_index,
)  # fmt: skip
from kerasnp.ops import image, linalg, nn  # noqa: F401, E402

# Beside the tables of operators: what answers with the shape to which its arguments broadcast.
ELEMENTWISE = (
    "absolute", "cast", "clip", "true_divide", "where", "stop_gradient", "elu", "gelu", "hard_sigmoid", "leaky_relu", "selu",
    "silu", "swish", "softsign", "equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "logical_and",
    "logical_or", "logical_xor", "logical_not", "floor_divide", "isnan", "isinf", "isfinite", "celu", "hard_silu",
    "hard_swish", "hard_tanh", "log_sigmoid", "relu6", "square",
)  # fmt: skip

# Each answers symbolic tensors too.
_own = (traced, remember_functions)
for prefix, names in (("", globals()), ("image.", vars(image))):
    names.update({
        n: traced(f, prefix + n, not prefix and n in {*Unary.table, *Binary.table, *ELEMENTWISE})
        for n, f in list(names.items()) if isinstance(f, types.FunctionType) and f not in _own
    })  # fmt: skip

# Keras groups most of them in namespaces once more.
nn.__dict__.update({n: globals()[n] for n in nn.NAMES})
linalg.__dict__.update({n: globals()[n] for n in linalg.NAMES})
from kerasnp.ops import numpy  # noqa: F401, E402

remember_functions({n: f for n, f in globals().items() if isinstance(f, types.FunctionType)} | {"remainder": mod})
del types, traced, names, prefix, remember_functions, Binary, Unary, ELEMENTWISE, _own
