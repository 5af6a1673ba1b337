"""Batch normalization: statistics over all axes but the kept ones, and the closed-form gradient."""

import numpy as np

from kerasnp.backend.linear import sum_rows


def column_sums(x, axes):
    """Sum over `axes`, kept as size-1 axes; a matrix product when the last axis is the only one left."""
    if axes == tuple(range(x.ndim - 1)) and x.flags.c_contiguous:
        return sum_rows(x).reshape((1,) * (x.ndim - 1) + (-1,))
    return x.sum(axis=axes, keepdims=True)


def moments(x, axes):
    """Mean and (population) variance over `axes`, kept as size-1 axes."""
    n = np.prod([x.shape[a] for a in axes], dtype=np.int64)
    mean = column_sums(x, axes) / x.dtype.type(n)
    centred = x - mean
    return mean, column_sums(centred * centred, axes) / x.dtype.type(n)


def batch_norm(x, mean, variance, gamma, beta, epsilon):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta; gamma and beta may be None, all broadcast against x."""
    scale = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    if gamma is not None:
        scale = scale * gamma
    shift = -mean * scale if beta is None else beta - mean * scale
    y = x * scale
    y += shift
    return y


def batch_norm_train(x, gamma, beta, axes, epsilon):
    """Normalize by the batch's own statistics: y, x_hat, 1/std, mean, variance."""
    n = x.dtype.type(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    mean = column_sums(x, axes) / n
    x_hat = x - mean
    variance = column_sums(x_hat * x_hat, axes) / n
    inverse_std = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    x_hat *= inverse_std
    y = x_hat * gamma if gamma is not None else x_hat.copy() if beta is not None else x_hat
    if beta is not None:
        y += beta
    return y, x_hat, inverse_std, mean, variance


def batch_norm_grad(dy, x_hat, inverse_std, gamma, axes, wants_dx=True):
    """dx = gamma / std * (dy - mean(dy) - x_hat * mean(dy * x_hat)), dgamma = sum(dy * x_hat), dbeta = sum(dy)."""
    n = dy.dtype.type(np.prod([dy.shape[a] for a in axes], dtype=np.int64))
    dbeta = column_sums(dy, axes)
    product = dy * x_hat
    dgamma = column_sums(product, axes)
    if not wants_dx:
        return None, dgamma, dbeta
    dx = np.multiply(x_hat, dgamma / -n, out=product)
    dx += dy
    dx -= dbeta / n
    dx *= inverse_std if gamma is None else inverse_std * gamma
    return dx, dgamma, dbeta
