"""The type of what is computed from several types, by the rules of Keras, which are those of JAX."""

import functools

import numpy as np

from kerasnp.backend.config import FLOAT_TYPES, floatx, standardize_dtype, storage_dtype

# No type of 64 bits comes out unless nothing was asked, as in Keras.
_NARROWER = {"int64": "int32", "uint64": "uint32", "float64": "float32"}


def result_type(*dtypes):
    """The name of the least type that values of all of `dtypes` are promoted to.

    bool < integers < float16 and bfloat16 < float32: among integers the least one that holds both, of a float and an
    integer the float, of float16 and bfloat16 float32. The Python types `int` and `float` take the width of what they
    meet, that of `floatx()` among themselves. 64 bits come out as 32.

    >>> result_type("bool", "int8"), result_type("uint8", "int8"), result_type("int32", "float16")
    ('int8', 'int16', 'float16')
    >>> result_type("uint8", int), result_type("int32", float), result_type("int64")
    ('uint8', 'float32', 'int32')

    Args:
        dtypes: names, numpy types or Python types; None is the default float type, as is no argument.

    Raises:
        ValueError: an unknown type, or strings among numbers.
    """
    if not dtypes:
        return floatx()
    weak = {t for t in dtypes if t is int or t is float}
    strong = {standardize_dtype(t) for t in dtypes if not (t is int or t is float)}
    if "string" in strong and (weak or len(strong) > 1):
        raise ValueError(f"result_type: there is no type that holds strings and numbers. Received: dtypes={dtypes}")
    name = strong.pop() if len(strong) == 1 and not weak else _promoted(strong, weak)
    return _NARROWER.get(name, name)


@functools.cache
def common_type(*dtypes):
    """The numpy type that arrays of numpy types `dtypes` compute in: `result_type`, but arrays of 64 bits stay so wide.

    >>> common_type(np.dtype("uint32"), np.dtype("int8")), common_type(np.dtype("int32"), np.dtype("float16"))
    (dtype('int32'), dtype('float16'))
    """
    if any(t.kind not in "biufc" for t in dtypes):
        return np.result_type(*dtypes)
    if any(t.kind == "c" for t in dtypes):
        return storage_dtype(result_type(*dtypes))
    if any(t.itemsize == 8 for t in dtypes):
        return np.result_type(*([t for t in dtypes if t.kind == "f"] or dtypes))
    return storage_dtype(result_type(*dtypes))


def _promoted(strong, weak):
    if any(t.startswith("complex") for t in strong):
        return "complex128" if {"complex128", "float64"} & strong else "complex64"
    floats = [t for t in strong if "float" in t]
    if floats:
        if {"float16", "bfloat16"} <= strong:
            floats.append("float32")
        return max(floats, key=lambda t: FLOAT_TYPES.index(t) if t in FLOAT_TYPES else 0)
    integers = [t for t in strong if "int" in t]
    if float not in weak and integers:
        return _integer(integers)
    if weak:
        return ("float" if float in weak else "int") + floatx()[-2:]
    return "bool"


def _integer(names):
    bits = {kind: max((int(t.removeprefix(kind)) for t in names if t.startswith(kind)), default=0) for kind in ("int", "uint")}
    if not bits["int"]:
        return f"uint{bits['uint']}"
    # One bit more than the unsigned one has, in the next width.
    width = max(bits["int"], 2 * bits["uint"])
    return f"int{width}" if width <= 64 else f"float{floatx()[-2:]}"
