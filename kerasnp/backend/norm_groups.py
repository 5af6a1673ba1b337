"""Group normalization: statistics of every sample over all positions and the channels of a group."""

import math

import numpy as np

from kerasnp.backend.linear import constant, matmul


def group_norm(x, gamma, beta, groups, epsilon):
    """y = x_hat * gamma + beta with x_hat = (x - mean) * s, s = 1 / sqrt(variance + epsilon); also x_hat and s.

    x (n, *positions, c), gamma and beta (c,) or None.
    """
    mean = _group_means(_position_sums(x), x, groups)
    x_hat = x - mean
    inverse_std = 1 / np.sqrt(_group_means(_position_sums(x_hat * x_hat), x, groups) + x.dtype.type(epsilon))
    x_hat *= inverse_std
    y = x_hat if gamma is None else x_hat * gamma
    return (y if beta is None else y + beta), x_hat, inverse_std


def group_norm_grad(dy, x_hat, inverse_std, gamma, groups, wants_dx=True):
    """dx = s * (g - mean(g) - x_hat * mean(g * x_hat)) with g = dy * gamma and s = inverse_std; dgamma; dbeta."""
    sums, products = _position_sums(dy), _position_sums(dy * x_hat)
    every = tuple(range(dy.ndim - 1))
    dgamma, dbeta = products.sum(axis=every), sums.sum(axis=every)
    if not wants_dx:
        return None, dgamma, dbeta
    if gamma is not None:
        sums, products = sums * gamma, products * gamma
    # dx = dy * a + x_hat * b + c, each of them one number for every sample and channel.
    dx = x_hat * (-inverse_std * _group_means(products, dy, groups))
    dx -= inverse_std * _group_means(sums, dy, groups)
    dx += dy * (inverse_std if gamma is None else inverse_std * gamma)
    return dx, dgamma, dbeta


def _position_sums(x):
    """Sums over the positions, (n, 1, ..., 1, c): a matrix product, seven times faster than sums over axes 1, 2, 4."""
    n, *positions, c = x.shape
    rows = x.reshape(n, math.prod(positions), c)
    return matmul(constant(1, rows.shape[1], x.dtype), rows).reshape(n, *(1 for _ in positions), c)


def _group_means(sums, x, groups):
    """The mean of every group from the sums of its channels, repeated for each of them."""
    n, c = x.shape[0], x.shape[-1]
    count = math.prod(x.shape[1:-1]) * (c // groups)
    means = sums.reshape(n, groups, c // groups).sum(axis=-1, keepdims=True) / x.dtype.type(max(1, count))
    return np.broadcast_to(means, (n, groups, c // groups)).reshape(sums.shape)
