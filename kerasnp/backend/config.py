"""Numeric settings: the default float type, the fuzz factor, the image layout."""

import numpy as np

_settings = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
_limits = {"epochs": None, "steps_per_epoch": None}

FLOAT_TYPES = ("float16", "float32", "float64")
DTYPES = FLOAT_TYPES + (
    "bfloat16", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "bool", "string",
)  # fmt: skip
# Those of arrays only: no gradient passes complex numbers, so no weight has such a type.
COMPLEX_TYPES = ("complex64", "complex128")


def floatx():
    """The float type of weights and inputs that name none, `"float32"` at first.

    >>> floatx()
    'float32'
    """
    return _settings["floatx"]


def set_floatx(value):
    """Set the default float type: `"float16"`, `"float32"` or `"float64"`.

    Raises: ValueError for any other name.
    """
    if value not in FLOAT_TYPES:
        raise ValueError(f"Unknown `floatx` value: {value!r}. Expected one of {', '.join(FLOAT_TYPES)}.")
    _settings["floatx"] = str(value)


def epsilon():
    """The fuzz factor that keeps divisions and logarithms finite, 1e-7 at first."""
    return _settings["epsilon"]


def set_epsilon(value):
    """Set the fuzz factor."""
    _settings["epsilon"] = float(value)


def image_data_format():
    """Where images keep their channels by default: `"channels_last"` or `"channels_first"`."""
    return _settings["image_data_format"]


def set_image_data_format(data_format):
    """Set the default image layout.

    Raises: ValueError for anything but `"channels_last"` and `"channels_first"`.
    """
    _settings["image_data_format"] = standardize_data_format(data_format)


def max_epochs():
    """The largest number of epochs that any `fit` runs, or None."""
    return _limits["epochs"]


def set_max_epochs(max_epochs):
    """Let no `fit` run more epochs than this, whatever its arguments say; None takes the limit away."""
    _limits["epochs"] = _limit("max_epochs", max_epochs)


def max_steps_per_epoch():
    """The largest number of batches that `fit`, `evaluate` and `predict` take from their data, or None."""
    return _limits["steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch):
    """Let `fit` (per epoch), `evaluate` and `predict` take no more batches than this; None takes the limit away."""
    _limits["steps_per_epoch"] = _limit("max_steps_per_epoch", max_steps_per_epoch)


def _limit(name, value):
    if value is not None and (not isinstance(value, int) or value < 0):
        raise ValueError(f"set_{name}: expected a non-negative integer or None. Received: {name}={value!r}")
    return value


def standardize_data_format(data_format):
    """`data_format` in lower case, or the default for None."""
    if data_format is None:
        return image_data_format()
    name = str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise ValueError(
            f"data_format must be 'channels_first' or 'channels_last'. Received: data_format={data_format!r}"
        )
    return name


def standardize_dtype(dtype):
    """The name of a dtype given as a name, a Python type or a numpy type; None is the default float.

    >>> standardize_dtype(np.int64)
    'int64'

    Raises: ValueError for a type that no variable can have.
    """
    if dtype is None:
        return floatx()
    if isinstance(dtype, str):
        name = "int32" if dtype == "int" else dtype
    elif isinstance(dtype, type) and dtype in (int, float, bool, str):
        name = {int: "int32", float: floatx(), bool: "bool", str: "string"}[dtype]
    else:
        name = getattr(dtype, "name", None) or getattr(dtype, "__name__", str(dtype).removeprefix("torch."))
    if name not in DTYPES and name not in COMPLEX_TYPES:
        raise ValueError(f"Invalid dtype: {dtype!r}. Expected one of {', '.join(DTYPES)}.")
    return name


def storage_dtype(dtype):
    """The numpy dtype that holds values of `dtype`; bfloat16, which numpy lacks, is held as float32."""
    held = _held.get(dtype) if type(dtype) is str else None
    if held is None:
        name = standardize_dtype(dtype)
        held = np.dtype("float32" if name == "bfloat16" else "object" if name == "string" else name)
        if type(dtype) is str:
            _held[dtype] = held
    return held


_held: dict = {}  # what names were found to mean
