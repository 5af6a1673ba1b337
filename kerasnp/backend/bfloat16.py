"""bfloat16, the upper half of a float32, for files and for rounding; NumPy has no such type to compute in."""

import numpy as np


def bfloat16_bits(x):
    """float32 numbers rounded to the nearest bfloat16, ties to even, as 16-bit integers."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(x), 0x7FC0, rounded).astype("<u2").reshape(np.shape(x))


def round_to_bfloat16(x):
    """float32 numbers rounded to the nearest bfloat16.

    >>> float(round_to_bfloat16(np.float32(1.001)))
    1.0
    """
    # NumPy 1 takes a scalar array times a Python number for 64 bits.
    return np.asarray(bfloat16_bits(x).astype(np.uint32) << np.uint32(16), np.uint32).view(np.float32)
