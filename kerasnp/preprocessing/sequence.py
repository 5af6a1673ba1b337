"""Sequences of different lengths."""

from kerasnp.data.windows import pad_sequences

__all__ = ["pad_sequences"]
