"""Functions of `kerasnp.ops` in a graph of layers, as the operations that Keras 3 writes.

Keras has a class for each function: some of its arguments belong to the constructor, and stand in the configuration, the
others to the call. `ops.mean(x, axis=1)` is the call of `Mean(axis=1)` on x.
"""

import importlib
import inspect
import math

from kerasnp.saving import limits
from kerasnp.utils.naming import to_snake_case

# Module of keras.src.ops -> its classes.
CLASSES = {
    "numpy": "Abs Absolute Add All AllClose Amax Amin Angle Any Append Arange Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 "
    "Arctanh Argmax Argmin Argpartition Argsort Array ArraySplit Average Bincount BitwiseAnd BitwiseInvert BitwiseLeftShift "
    "BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor BroadcastTo Cbrt Ceil Clip Concatenate Conj Conjugate Copy Corrcoef "
    "Correlate Cos Cosh CountNonzero Cross Cumprod Cumsum Deg2rad Diag Diagflat Diagonal Diff Digitize Divide DivideNoNan Dot "
    "Dsplit Dstack Einsum EmptyLike Equal Exp Exp2 ExpandDims Expm1 Fabs Flip Fliplr Flipud Floor FloorDivide Fmax Fmin Fmod "
    "Full FullLike Gcd Geomspace GetItem Greater GreaterEqual Heaviside Histogram Hsplit Hstack Hypot I0 Imag Inner IsIn "
    "Isclose Isfinite Isinf Isnan Isneginf Isposinf Isreal Kron Lcm Ldexp LeftShift Less LessEqual Linspace Log Log10 Log1p "
    "Log2 Logaddexp Logaddexp2 LogicalAnd LogicalNot LogicalOr LogicalXor Logspace Matmul Max Maximum Mean Median Meshgrid Min "
    "Minimum Mod Moveaxis Multiply NanToNum Nanargmax Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin "
    "Nanpercentile Nanprod Nanquantile Nanstd Nansum Nanvar Ndim Negative Nextafter Nonzero NotEqual OnesLike Outer Pad "
    "Percentile Power Prod Ptp Quantile Rad2deg Ravel Real Reciprocal Repeat Reshape RightShift Roll Rot90 Round SearchSorted "
    "Select Sign Signbit Sin Sinc Sinh Size Slogdet Sort Split Sqrt Square Squeeze Stack Std Subtract Sum Swapaxes Take "
    "TakeAlongAxis Tan Tanh Tensordot Tile Trace Transpose Trapezoid Tril Triu TrueDivide Trunc Unique UnravelIndex Vander Var "
    "Vdot View Vsplit Vstack Where ZerosLike",
    "nn": "AdaptiveAveragePool AdaptiveMaxPool AveragePool BinaryCrossentropy CTCDecode CTCLoss CategoricalCrossentropy Celu "
    "Conv ConvTranspose DepthToSpace DepthwiseConv DotProductAttention Elu Fold Gelu Glu HardShrink HardSigmoid HardSilu "
    "HardTanh LeakyRelu LogSigmoid LogSoftmax MaxPool Moments MultiHot Normalize OneHot PSNR Polar Relu Relu6 Selu "
    "SeparableConv Sigmoid Silu SoftShrink Softmax Softplus Softsign SpaceToDepth SparseCategoricalCrossentropy SparsePlus "
    "SparseSigmoid Sparsemax Squareplus TanhShrink Threshold Unfold",
    "math": "CDist Erf Erfc Erfinv ExtractSequences FFT FFT2 IFFT2 IRFFT ISTFT InTopK Logdet Logsumexp RFFT Rsqrt STFT "
    "SegmentMax SegmentMin SegmentProd SegmentSum TopK ViewAsComplex ViewAsReal",
    "core": "Cast ConvertToTensor SaturateCast Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack",
    "image": "AffineTransform CropImages ElasticTransform ExtractPatches GaussianBlur HSVToRGB MapCoordinates PadImages "
    "PerspectiveTransform RGBToGrayscale RGBToHSV Resize SSIM ScaleAndTranslate SobelEdges",
    "linalg": "Cholesky CholeskyInverse Det Eig Eigh Inv Lstsq LuFactor MatrixRank Norm Pinv Qr SVD Solve SolveTriangular",
}
# Functions with another name than their class in snake case, with or without the underscores.
SAME = {"conjugate": "conj", "swish": "silu", "hard_swish": "hard_silu", "bitwise_invert": "bitwise_not"}

# Arguments of the call, in every class but those below.
CALL = frozenset(
    "x x1 x2 xs inputs indices condition a b y abs_ angle array bias choicelist condlist constant_values coordinates data "
    "default depthwise_kernel end_points image1 image2 images kernel key mask operands output output_length output_shape "
    "pointwise_kernel predictions q query scale segment_ids sequence_lengths sorted_sequence start start_indices start_points "
    "step stop target target_length targets transform translation updates value values variable".split()
)
CALL_TOO = {
    "average": {"weights"}, "digitize": {"bins"}, "full": {"fill_value"}, "full_like": {"fill_value"},
    "isclose": {"rtol", "atol"},
}  # fmt: skip
NOT_CALL = {
    "trapezoid": {"x"}, "squareplus": {"b"},
    **dict.fromkeys(("conv", "depthwise_conv", "separable_conv", "conv_transpose"), {"bias"}),
}  # fmt: skip

# Functions whose output may be larger than their inputs.
GROWING = frozenset(
    "tile repeat pad broadcast_to one_hot multi_hot image.resize full arange linspace logspace geomspace outer kron vander "
    "meshgrid matmul dot tensordot einsum inner scatter diag diagflat extract_sequences image.extract_patches image.pad_images "
    "image.scale_and_translate image.crop_images unfold fold segment_sum segment_max segment_min segment_prod bincount "
    "histogram cdist correlate conv conv_transpose depthwise_conv separable_conv append".split()
)


def is_operation(entry):
    """Whether a layer's entry in a configuration is an operation of Keras, which is a function here."""
    module = entry.get("module")
    if isinstance(module, str):
        return module.startswith(("keras.src.ops", "keras.ops"))
    # Keras 3 leaves the module out of a classic .h5, where a layer says at least whether it is trainable.
    config = entry.get("config")
    known = entry.get("class_name") in _all_classes()
    nodes = entry.get("inbound_nodes")
    return known and isinstance(config, dict) and "trainable" not in config and bool(nodes) and isinstance(nodes[0], dict)


def _all_classes():
    return {name for names in CLASSES.values() for name in names.split()}


def kind_of(class_name):
    """The public name of the function that an operation of Keras stands for, None where there is none."""
    ops = importlib.import_module("kerasnp.ops")
    for module, names in CLASSES.items():
        if class_name in names.split():
            prefix, place = ("image.", ops.image) if module == "image" else ("", ops)
            snake = to_snake_case(class_name)
            return next((prefix + n for n in (snake, snake.replace("_", "")) if hasattr(place, n)), None)
    return None


def class_of(kind):
    """(module, class name) under which Keras knows a function, None where it has no class for it."""
    return _table().get(SAME.get(kind, kind))


_known: dict = {}


def _table():
    if not _known:
        for module, names in CLASSES.items():
            for name in names.split():
                kind = kind_of(name)
                if kind is not None:
                    _known.setdefault(kind, (f"keras.src.ops.{module}", name))
        for alias, kind in SAME.items():
            if kind not in _known and alias in _known:
                _known[kind] = _known[alias]
    return _known


def call_names(kind, function):
    """The arguments of a function that belong to the call, in order."""
    names = inspect.signature(function).parameters
    return [n for n in names if (n in CALL and n not in NOT_CALL.get(kind, ())) or n in CALL_TOO.get(kind, ())]


def split(function, args, kwargs):
    """(configuration, positional arguments, keyword arguments) of a call of a Function, as Keras divides them."""
    bound = inspect.signature(function.function).bind(*args, **kwargs)
    bound.apply_defaults()
    of_call = call_names(function.kind, function.function)
    config = {n: v for n, v in bound.arguments.items() if n not in of_call and not (n == "bias" and v is None)}
    positional = []
    for n in of_call:
        kind = bound.signature.parameters[n].kind
        positional += list(bound.arguments[n]) if kind is inspect.Parameter.VAR_POSITIONAL else [bound.arguments[n]]
    defaults = [bound.signature.parameters[n].default for n in of_call]
    while len(positional) == len(of_call) and positional and positional[-1] is None and defaults[-1] is None:
        positional, of_call, defaults = positional[:-1], of_call[:-1], defaults[:-1]
    return config, positional, {}


def join(function, config, args, kwargs):
    """The arguments of a Function for a call that Keras wrote.

    Raises: ValueError for arguments that it does not have.
    """
    signature = inspect.signature(function.function)
    of_call = call_names(function.kind, function.function)
    config = {k: v for k, v in config.items() if k != "name"}
    unknown = [k for k in (*config, *kwargs) if k not in signature.parameters]
    if unknown:
        raise ValueError(f"{function.name}: the function {function.kind} has no arguments {', '.join(map(repr, unknown))}.")
    if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        return [*config.values(), *args], dict(kwargs)
    if len(args) > len(of_call):
        raise ValueError(f"{function.name}: {function.kind} takes {len(of_call)} arguments in a call, not {len(args)}.")
    given = {**config, **dict(zip(of_call, args)), **kwargs}
    bound = signature.bind(**given)
    return list(bound.args), bound.kwargs


def check_size(function, args, kwargs, shapes):
    """Refuse a call from a file whose result would need more memory than a model's may.

    Args:
        shapes: of the symbolic tensors among the arguments.

    Raises: ValueError.
    """
    sizes = [math.prod(n if n is not None else 41 if i else 3 for i, n in enumerate(shape)) for shape in shapes]
    bound = sum(sizes)
    if function.kind in GROWING:
        factor = 1
        for n in _numbers([*args, *kwargs.values()]):
            factor *= max(1, min(abs(n), limits.MAX_TRIAL + 1))
        if function.kind == "image.resize":  # the new height and width take the place of the old ones
            areas = [math.prod(n or 1 for n in shape[-3:-1]) for shape in shapes]
            bound = max((size // max(area, 1) for size, area in zip(sizes, areas)), default=1)
        for size in sizes[1:] if function.kind in ("outer", "kron") else ():
            factor *= size
        bound = max(bound, 1) * factor
    if bound > limits.MAX_TRIAL:
        raise ValueError(
            f"{function.name}: the function {function.kind} would make an array of up to {bound:,} numbers, which no real "
            "model does; the file is damaged or made to do harm."
        )


def _numbers(values):
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _numbers(value)
        elif isinstance(value, dict):
            yield from _numbers(list(value.values()))
        elif type(value) is int:
            yield value
