"""Differentiable functions on arrays and Variables, under the names and signatures of `keras.ops`.

Without an open tape each returns a plain array; inside `with kerasnp.Tape():` results remember how they were made.

>>> import kerasnp
>>> kerasnp.ops.relu([-1.0, 2.0])
array([0., 2.], dtype=float32)
"""

import importlib as _importlib
from types import FunctionType as _Function

from kerasnp.autodiff.symbolic import traced as _traced
from kerasnp.ops.elementwise import Binary as _Binary
from kerasnp.ops.elementwise import Unary as _Unary
from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".activation": "elu gelu hard_sigmoid leaky_relu log_softmax logits_behind prelu selu silu softmax softsign swish",
    ".arrange": (
        "append array_split depth_to_space diag diagflat diagonal dsplit dstack fliplr flipud get_item hsplit hstack "
        "kron meshgrid roll rot90 scatter scatter_update select slice slice_update space_to_depth trace tri tril triu "
        "unstack vsplit vstack"
    ),
    ".attention": "dot_product_attention",
    ".complex": "angle conj conjugate polar",
    ".composed": (
        "celu glu hard_shrink hard_silu hard_swish hard_tanh log_sigmoid multi_hot psnr relu6 soft_shrink sparse_plus "
        "sparse_sigmoid sparsemax squareplus tanh_shrink threshold"
    ),
    ".control": "associative_scan cond custom_gradient fori_loop map scan switch vectorize vectorized_map while_loop",
    ".conv": "conv conv_transpose conv_transpose_size depthwise_conv separable_conv",
    ".creation": (
        "array bartlett blackman copy dtype empty empty_like eye full_like geomspace hamming hanning identity kaiser "
        "linspace logspace ndim size vander view"
    ),
    ".ctc": "ctc_loss",
    ".ctc_decode": "ctc_decode",
    ".decompositions": (
        "cholesky cholesky_inverse det eig eigh inv logdet lstsq lu_factor matrix_rank norm pinv qr slogdet solve "
        "solve_triangular svd"
    ),
    ".elementwise": (
        "abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cast cbrt ceil clip cos cosh deg2rad "
        "divide erf erfc erfinv exp exp2 expm1 floor fmod hypot i0 log log1p log2 log10 logaddexp logaddexp2 maximum "
        "minimum mod multiply negative power rad2deg reciprocal relu round rsqrt sigmoid sign sin sinh softplus sqrt "
        "square stop_gradient subtract tan tanh true_divide trunc where"
    ),
    ".forward": "jvp",
    ".fourier": "extract_sequences fft fft2 ifft2 imag irfft istft real rfft stft view_as_complex view_as_real",
    ".linear": "dense dot einsum matmul outer tensordot",
    ".logic": (
        "all any array_equal bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift "
        "bitwise_xor equal floor_divide gcd greater greater_equal isclose isfinite isinf isnan lcm left_shift less "
        "less_equal logical_and logical_not logical_or logical_xor not_equal right_shift signbit"
    ),
    ".losses": "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy",
    ".noise": "alpha_dropout dropout gaussian_dropout gaussian_noise",
    ".norm": (
        "batch_normalization batch_normalization_training group_normalization layer_normalization moments normalize "
        "rms_normalization"
    ),
    ".numeric": (
        "allclose average cdist corrcoef correlate cross cumprod diff divide_no_nan fabs fmax fmin heaviside inner "
        "isneginf isposinf isreal ldexp nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian "
        "nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar nextafter ptp saturate_cast sinc trapezoid vdot"
    ),
    ".patches": "fold rearrange unfold",
    ".pool": "average_pool max_pool",
    ".reduce": "amax amin argmax argmin argsort cumsum logsumexp max mean min prod std sum var",
    ".resample": "adaptive_average_pool adaptive_max_pool upsample",
    ".shape": (
        "arange broadcast_to concatenate convert_to_numpy convert_to_tensor expand_dims flip full moveaxis one_hot ones "
        "ones_like pad ravel repeat reshape shape split squeeze stack swapaxes take take_along_axis tile transpose "
        "zeros zeros_like"
    ),
    ".sorting": (
        "argpartition bincount count_nonzero digitize histogram in_top_k isin median nonzero percentile quantile "
        "searchsorted segment_max segment_min segment_prod segment_sum sort top_k unique unravel_index"
    ),
    "kerasnp.autodiff.variable": "is_tensor",
}

# Beside the tables of operators: what answers with the shape to which its arguments broadcast.
_ELEMENTWISE = (
    "absolute", "cast", "clip", "true_divide", "where", "stop_gradient", "elu", "gelu", "hard_sigmoid", "leaky_relu", "selu",
    "silu", "swish", "softsign", "equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "logical_and",
    "logical_or", "logical_xor", "logical_not", "floor_divide", "isnan", "isinf", "isfinite", "celu", "hard_silu",
    "hard_swish", "hard_tanh", "log_sigmoid", "relu6", "square",
)  # fmt: skip


def _public(name, value):
    """A function as programs see it: it answers symbolic tensors too."""
    if not isinstance(value, _Function):
        return value
    return _traced(value, name, name in _ELEMENTWISE or name in _Unary.table or name in _Binary.table)


__getattr__, __dir__, __all__ = _lazy.attach(
    __name__, _HOMES, submodules=("image", "linalg", "nn", "numpy"), public=_public
)

# A Variable gets its arithmetic from these, and four functions would be hidden by the modules of the same name.
for _name in ("linear", "logic", "reduce", "conv", "ctc_decode", "norm", "shape"):
    _importlib.import_module(f"{__name__}.{_name}")
for _name in ("conv", "ctc_decode", "norm", "shape"):
    __getattr__(_name)
