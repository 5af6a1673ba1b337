"""Special functions: the complement and the inverse of erf, and Bessel functions, computed in float64."""

import numpy as np

from kerasnp.backend.activation import _CODY, _ratio, erf


def erfc(x):
    """1 - erf(x), exact far out as well, where erf(x) is 1 to the last digit (Cody, 1969)."""
    flat = np.asarray(x, np.float64).reshape(-1)
    z = np.abs(flat)
    y = np.where(np.isnan(z), z, 0.0)
    small, large = z <= 0.46875, (z > 4) & (z < 27)
    middle = (z > 0.46875) & (z <= 4)
    y[small] = 1 - erf(z[small])
    m = z[middle]
    y[middle] = np.exp(-m * m) * _ratio(m, _CODY[1])
    b = z[large]
    t = 1 / (b * b)
    y[large] = np.exp(-b * b) / b * (0.5641895835477563 - t * _ratio(t, _CODY[2]))
    return np.where(flat < 0, 2 - y, y).reshape(np.shape(x)).astype(x.dtype, copy=False)


def erfinv(x):
    """The y for which erf(y) = x: infinite at -1 and 1, not a number beyond."""
    p = np.asarray(x, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # S. Winitzki's approximation (2008), right to 0.2 %, then Halley's method, which triples the digits.
        log = np.log((1 - p) * (1 + p))
        a = 2 / (np.pi * 0.147) + log / 2
        y = np.copysign(np.sqrt(np.sqrt(a * a - log / 0.147) - a), p)
        for _ in range(3):
            error = np.where(np.abs(p) < 0.5, erf(y) - p, np.sign(p) * (1 - np.abs(p) - erfc(np.abs(y))))
            newton = error * np.exp(y * y) * (np.sqrt(np.pi) / 2)
            y = np.where(np.isfinite(newton), y - newton / (1 + y * newton), y)
    return y.astype(x.dtype, copy=False)


def i0(x):
    """The modified Bessel function of the first kind and order 0."""
    x = np.asarray(x)
    return np.i0(x.astype(np.float64)).reshape(x.shape).astype(x.dtype, copy=False)


def i1(x):
    """That of order 1, the derivative of `i0`: the mean of exp(x cos t) cos t over the circle."""
    x64 = np.asarray(x, np.float64)
    y = np.zeros_like(x64)
    # Equal steps integrate a periodic function to the last digit, here as far as the result is finite.
    for cos in np.cos(np.pi * (np.arange(128) + 0.5) / 128):
        y += np.exp(x64 * cos) * cos
    return np.asarray(y / 128).astype(x.dtype, copy=False)
