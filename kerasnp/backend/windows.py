"""Windows that fade a stretch of a signal in and out."""

import numpy as np

# Cosine windows: sum of (-1)^k a_k cos(2 pi k t).
_COSINES = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46), "blackman": (0.42, 0.5, 0.08)}

WINDOWS = (*_COSINES, "bartlett", "tukey")


def window(name, n, periodic=False):
    """`n` numbers of the window `name`, symmetric, or beginning one that repeats every `n`.

    >>> window("bartlett", 5)
    array([0. , 0.5, 1. , 0.5, 0. ])
    """
    if n == 1:
        return np.ones(1)
    t = np.arange(n) / (n if periodic else n - 1)
    if name == "bartlett":
        return 1 - np.abs(2 * t - 1)
    if name == "tukey":  # flat in the middle half
        return 0.5 * (1 - np.cos(4 * np.pi * np.minimum(np.minimum(t, 1 - t), 0.25)))
    return sum((-1) ** k * a * np.cos(2 * np.pi * k * t) for k, a in enumerate(_COSINES[name]))
