"""Every non-trivial kernel as its plain definition: what the fast ones of the same name must compute.

Swapped in by `with backend.using("reference"):`. Written to be read, not to be fast.
"""

import itertools
import math

import numpy as np

from .conv import output_size
from .image import pixel_for, round_half_away
from .recurrent_plain import recurrent, recurrent_grad  # noqa: F401

# --- convolution


def conv(x, kernel, bias=None, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """y[n, p, f] = act(bias[f] + sum of x[n, strides * p + dilation * i, c] kernel[i, c, f] over cells i, channels c).

    x (n, *spatial, c)   kernel (*window, c / groups, filters)   ->   y (n, *positions, filters); with groups, the
    filters of one group see the channels of that group only.
    """
    xp = np.pad(x, ((0, 0), *padding, (0, 0)))
    positions = tuple(map(output_size, xp.shape[1:-1], kernel.shape[:-2], strides, dilation))
    y = np.zeros((len(x), *positions, kernel.shape[-1]), x.dtype)
    for cell, seen in _cells_of(kernel.shape[:-2], positions, strides, dilation):
        for c, f in _groups_of(kernel.shape, groups):
            y[..., f] += xp[seen][..., c] @ kernel[cell][:, f]
    if bias is not None:
        y += bias
    return y if activation is None else activation.forward(y)


def conv_grad_kernel(
    x, dz, kernel_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1, out=None
):
    """dw[i, c, f] = the sum over images n and positions p of x[n, strides * p + dilation * i, c] dz[n, p, f]."""
    xp = np.pad(x, ((0, 0), *padding, (0, 0)))
    dw = np.empty(kernel_shape, x.dtype) if out is None else out
    every = list(range(dz.ndim - 1))
    for cell, seen in _cells_of(kernel_shape[:-2], dz.shape[1:-1], strides, dilation):
        for c, f in _groups_of(kernel_shape, groups):
            dw[cell][:, f] = np.tensordot(xp[seen][..., c], dz[..., f], axes=(every, every))
    return dw


def conv_grad_input(dz, kernel, x_shape, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """dx[n, q, c] = sum of dz[n, p, f] kernel[i, c, f] over filters f and p, i with strides * p + dilation * i = q."""
    dxp = np.pad(np.zeros(x_shape, dz.dtype), ((0, 0), *padding, (0, 0)))
    for cell, seen in _cells_of(kernel.shape[:-2], dz.shape[1:-1], strides, dilation):
        for c, f in _groups_of(kernel.shape, groups):
            dxp[seen][..., c] += dz[..., f] @ kernel[cell][:, f].T
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(x_shape[1:-1], padding, strict=True))
    return dxp[(slice(None),) + inside]


def conv_grad(
    x, kernel, y, dy, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    wants=(True, True, True),
):  # fmt: skip
    """dx, dw and db of y = act(x * kernel + bias), those wanted, from dy."""
    dz = dy if activation is None else activation.backward(y, dy)
    options = strides, padding, dilation, groups
    return (
        conv_grad_input(dz, kernel, x.shape, *options) if wants[0] else None,
        conv_grad_kernel(x, dz, kernel.shape, *options) if wants[1] else None,
        dz.sum(axis=tuple(range(dz.ndim - 1))) if wants[2] else None,
    )


def conv_pool(
    x, kernel, bias=None, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    pool=((2, 2), (2, 2), ((0, 0), (0, 0))), winners=True,
):  # fmt: skip
    """y = max_pool(z, *pool), and z = act(x * kernel + bias)."""
    z = conv(x, kernel, bias, activation, strides, padding, dilation, groups)
    return max_pool(z, *pool), z


def conv_pool_grad(
    x, kernel, y, won, dy, activation=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1,
    pool=((2, 2), (2, 2), ((0, 0), (0, 0))), wants=(True, True, True),
):  # fmt: skip
    """dx, dw and db, those wanted, from dy, where `y, won = conv_pool(...)`."""
    dz = max_pool_grad(won, y, dy, *pool)
    return conv_grad(x, kernel, won, dz, activation, strides, padding, dilation, groups, wants)


def _cells_of(window, positions, strides, dilation):
    """Every cell of a window, and the index of the elements it meets as the window moves."""
    for cell in itertools.product(*map(range, window)):
        seen = [slice(None)]
        for i, d, s, m in zip(cell, dilation, strides, positions, strict=True):
            seen.append(slice(i * d, i * d + s * m - s + 1, s) if m else slice(0, 0))
        yield cell, tuple(seen)


def _groups_of(kernel_shape, groups):
    """The input channels and the filters of every group."""
    depth, width = kernel_shape[-2], kernel_shape[-1] // groups
    for g in range(groups):
        yield slice(g * depth, g * depth + depth), slice(g * width, g * width + width)


# --- pooling


def max_pool(x, size, strides, padding):
    """y = the maximum of every window, padding left out.     x (n, *spatial, c)   ->   y (n, *positions, c)"""
    y = np.empty((len(x), *_positions(x.shape, size, strides, padding), x.shape[-1]), x.dtype)
    for position, window in _windows_of(x.shape, size, strides, padding):
        y[position] = x[window].max(axis=tuple(range(1, x.ndim - 1)), initial=-np.inf)
    return y


def max_pool_grad(x, y, dy, size, strides, padding):
    """dx: every dy is added to the first maximum of its window."""
    dx = np.zeros_like(x)
    for (_, *position), (_, *window) in _windows_of(x.shape, size, strides, padding):
        for n in range(len(x)):
            seen = x[n][tuple(window)]
            for c in range(x.shape[-1] if seen.size else 0):
                first = np.unravel_index(seen[..., c].argmax(), seen.shape[:-1])
                dx[n][tuple(window)][tuple(first) + (c,)] += dy[(n,) + tuple(position) + (c,)]
    return dx


def avg_pool(x, size, strides, padding):
    """y = the mean of every window, padding left out."""
    y = np.zeros((len(x), *_positions(x.shape, size, strides, padding), x.shape[-1]), x.dtype)
    for position, window in _windows_of(x.shape, size, strides, padding):
        if x[window].size:
            y[position] = x[window].mean(axis=tuple(range(1, x.ndim - 1)))
    return y


def avg_pool_grad(dy, x_shape, size, strides, padding):
    """dx: every dy is shared evenly among the elements of its window."""
    dx = np.zeros(x_shape, dy.dtype)
    for position, window in _windows_of(x_shape, size, strides, padding):
        part = dx[window]
        part += np.expand_dims(dy[position], tuple(range(1, dx.ndim - 1))) / max(1, math.prod(part.shape[1:-1]))
    return dx


def _positions(x_shape, size, strides, padding):
    return tuple(output_size(n, k, s, 1, p) for n, k, s, p in zip(x_shape[1:-1], size, strides, padding, strict=True))


def _windows_of(x_shape, size, strides, padding):
    """The index of every position, and that of the elements its window sees, without the padding."""
    for position in itertools.product(*map(range, _positions(x_shape, size, strides, padding))):
        starts = [p * s - before for p, s, (before, _) in zip(position, strides, padding, strict=True)]
        window = tuple(slice(max(0, i), max(0, i + k)) for i, k in zip(starts, size, strict=True))
        yield (slice(None), *position), (slice(None), *window)


# --- matrices


def sum_rows(x, out=None):
    """The sum over all axes but the last."""
    return np.sum(x, axis=tuple(range(x.ndim - 1)), out=out)


def dense(x, w, b=None, activation=None, out=None):
    """y[n, o] = act(b[o] + the sum over i of x[n, i] w[i, o]).     x (..., i)   w (i, o)   b (o,)"""
    y = np.sum(x[..., :, None] * w, axis=-2, out=out)
    if b is not None:
        y += b
    return y if activation is None else activation.forward(y)


# --- normalization


def moments(x, axes):
    """Mean and (population) variance over `axes`, kept as size-1 axes."""
    return x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)


def batch_norm(x, mean, variance, gamma, beta, epsilon):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta; gamma and beta may be None, all broadcast against x."""
    y = (x - mean) / np.sqrt(variance + epsilon)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


def batch_norm_train(x, gamma, beta, axes, epsilon):
    """Normalize by the batch's own statistics: y, and the mean and variance over `axes`, kept as size-1 axes."""
    mean, variance = moments(x, axes)
    return batch_norm(x, mean, variance, gamma, beta, epsilon), mean, variance


def batch_norm_grad(dy, x, mean, variance, gamma, axes, epsilon, dmean=None, dvariance=None, wants_dx=True):
    """dx, dgamma, dbeta by the chain rule, step by step: x -> mean, variance -> x_hat -> y."""
    n = math.prod(x.shape[a] for a in axes)
    std = np.sqrt(variance + epsilon)
    x_hat = (x - mean) / std
    dbeta = dy.sum(axis=axes, keepdims=True)
    dgamma = (dy * x_hat).sum(axis=axes, keepdims=True)
    if not wants_dx:
        return None, dgamma, dbeta
    dx_hat = dy if gamma is None else dy * gamma
    dvariance = (0 if dvariance is None else dvariance) - (dx_hat * x_hat).sum(axis=axes, keepdims=True) / (2 * std**2)
    dmean = (0 if dmean is None else dmean) - dx_hat.sum(axis=axes, keepdims=True) / std
    return dx_hat / std + dmean / n + dvariance * 2 * (x - mean) / n, dgamma, dbeta


def standardize(x, axes, epsilon):
    """x_hat = (x - mean) / sqrt(variance + epsilon), both over `axes`; and that 1 / sqrt(variance + epsilon)."""
    std = np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)
    return (x - x.mean(axis=axes, keepdims=True)) / std, 1 / std


def standardize_grad(dy, x_hat, inverse_std, axes):
    """dx = inverse_std * (dy - mean(dy) - x_hat * mean(dy * x_hat)), the means over `axes`."""
    mean, slope = dy.mean(axis=axes, keepdims=True), (dy * x_hat).mean(axis=axes, keepdims=True)
    return inverse_std * (dy - mean - x_hat * slope)


# --- activations

# name -> (the function of z, its derivative as a function of y)
activations = {
    "relu": (lambda z: np.maximum(z, 0), lambda y: np.where(y > 0, 1, 0)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda y: y * (1 - y)),
    "tanh": (np.tanh, lambda y: 1 - y**2),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(z)), lambda y: np.where(y > 0, 1, y + 1)),
    "selu": (
        lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z)),
        lambda y: np.where(y > 0, 1.0507009873554805, y + 1.0507009873554805 * 1.6732632423543772),
    ),
    "exponential": (np.exp, lambda y: y),
    "softplus": (lambda z: np.log(1 + np.exp(z)), lambda y: 1 - np.exp(-y)),
}


def relu(x):
    """max(x, 0)."""
    return np.where(x > 0, x, x.dtype.type(0))


def relu_grad(y, dy):
    """dx = dy where y > 0, else 0."""
    return np.where(y > 0, dy, dy.dtype.type(0))


def sigmoid(x):
    """1 / (1 + exp(-x)), with the exponential of a negative number on either side."""
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def softplus(x):
    """log(1 + exp(x))."""
    return np.logaddexp(x, np.zeros((), x.dtype))


def erf(x):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x), x.dtype)


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`, after subtracting the maximum, which changes nothing but the range."""
    if x.size == 0:
        return x.copy()
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_grad(y, dy, axis=-1):
    """dx = y * (dy - sum(dy * y))."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def log_softmax(x, axis=-1):
    """x - log(sum(exp(x))) along `axis`."""
    return np.log(softmax(x, axis))


def log_softmax_grad(y, dy, axis=-1):
    """dx = dy - softmax(x) * sum(dy), where y = log_softmax(x)."""
    return dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)


def softmax_cross_entropy(logits, labels):
    """Cross-entropy of integer labels (n,) with softmax(logits) (n, classes): the losses (n,) and the probabilities."""
    p = softmax(logits, 1)
    return np.array([-np.log(row[label]) for row, label in zip(p, labels, strict=True)], logits.dtype), p


def softmax_cross_entropy_grad(p, labels, dy):
    """dlogits = (p - onehot(labels)) * dy[:, None]."""
    return (p - np.eye(p.shape[1], dtype=p.dtype)[labels]) * dy[:, None]


def softmax_mean_cross_entropy(logits, labels):
    """The mean cross-entropy of integer labels (n,) with p = softmax(logits) (n, classes); p; the labels' places in p."""
    losses, p = softmax_cross_entropy(logits, labels)
    n, classes = p.shape
    return losses.sum() / max(n, 1), p, np.arange(n) * classes + labels


def softmax_mean_cross_entropy_grad(p, places, dy):
    """dlogits = (p - onehot(labels)) * dy / n."""
    onehot = np.isin(np.arange(p.size), places).reshape(p.shape)
    return (p - onehot) * dy / max(len(p), 1)


def sigmoid_cross_entropy(logits, labels):
    """-(z * log(sigmoid(x)) + (1 - z) * log(1 - sigmoid(x))), element by element."""
    return labels * softplus(-logits) + (1 - labels) * softplus(logits)


# --- group normalization


def group_norm(x, gamma, beta, groups, epsilon):
    """y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, both over the positions and channels of a group; also the
    normalized x, and 1 / sqrt(...) for every sample and channel.     x (n, *positions, c)   gamma, beta (c,) or None
    """
    x_hat, inverse_std = np.empty_like(x), np.empty((len(x), *(1 for _ in x.shape[1:-1]), x.shape[-1]), x.dtype)
    width = x.shape[-1] // groups
    for n in range(len(x)):
        for g in range(groups):
            channels = slice(g * width, g * width + width)
            part = x[n, ..., channels]
            inverse_std[n, ..., channels] = 1 / np.sqrt(part.var() + x.dtype.type(epsilon))
            x_hat[n, ..., channels] = (part - part.mean()) * inverse_std[n, ..., channels]
    y = x_hat if gamma is None else x_hat * gamma
    return (y if beta is None else y + beta), x_hat, inverse_std


def group_norm_grad(dy, x_hat, inverse_std, gamma, groups, wants_dx=True):
    """dx = s * (g - mean(g) - x_hat * mean(g * x_hat)) with g = dy * gamma and s = inverse_std; dgamma; dbeta."""
    every = tuple(range(dy.ndim - 1))
    dx = dy.copy() if gamma is None else dy * gamma
    width = dy.shape[-1] // groups
    for n in range(len(dx)):
        for g in range(groups):
            part, hat = dx[n, ..., g * width : g * width + width], x_hat[n, ..., g * width : g * width + width]
            part -= part.mean() + hat * (part * hat).mean()
    return (dx * inverse_std if wants_dx else None), (dy * x_hat).sum(axis=every), dy.sum(axis=every)


# --- lookups


def add_rows(indices, values, rows, out=None):
    """y[i] = the sum of the values[n] with indices[n] == i.     indices (n,) >= 0   values (n, d)   ->   y (rows, d)"""
    y = np.zeros((rows, values.shape[1]), values.dtype) if out is None else out
    y[...] = 0
    for i, row in zip(indices, values, strict=True):
        y[i] += row
    return y


# --- images


def warp(images, places, order=1, fill_mode="constant", fill_value=0.0):
    """y[n, m, c] = images[n] at places[n, :, m], in channel c; between pixels linear (order 1) or the nearest (order 0).

    images (n, *space, c)   places (n, len(space), m), in pixels   ->   y (n, m, c)
    """
    y = np.zeros((len(images), places.shape[-1], images.shape[-1]), images.dtype)
    for n, m in np.ndindex(y.shape[:2]):
        for pixel, weight in _pixels_near(places[n, :, m], images.shape[1:-1], order, fill_mode):
            y[n, m] += weight * (fill_value if pixel is None else images[n][pixel])
    return y


def warp_grad(dy, places, shape, order=1, fill_mode="constant"):
    """dx[n, pixel, c] = the sum of weight * dy[n, m, c] over the places m that read the pixel with that weight."""
    dx = np.zeros(shape, dy.dtype)
    for n, m in np.ndindex(dy.shape[:2]):
        for pixel, weight in _pixels_near(places[n, :, m], shape[1:-1], order, fill_mode):
            if pixel is not None:
                dx[n][pixel] += weight * dy[n, m]
    return dx


def _pixels_near(place, sizes, order, fill_mode):
    """(pixel, weight) around one place; the pixel is None where the fill value is read."""
    if order == 0:
        corners = [tuple((int(round_half_away(p)), 1.0) for p in place)]
    else:
        lower = [math.floor(p) for p in place]
        corners = itertools.product(*[[(i, 1 + i - p), (i + 1, p - i)] for i, p in zip(lower, place)])
    for corner in corners:
        outside = any(not 0 <= i < size for (i, _), size in zip(corner, sizes))
        pixel = tuple(int(pixel_for(i, size, fill_mode)) for (i, _), size in zip(corner, sizes))
        yield None if outside and fill_mode == "constant" else pixel, math.prod(w for _, w in corner)


# --- optimizer updates


def for_blocks(n, fn):
    """One block: all of range(n)."""
    fn(0, n)


def squared_norm(x):
    """The sum of x^2."""
    return float(np.square(x, dtype=np.float64).sum())


# --- attention


def attention(q, k, v, scale=1.0, bias=None, mask=None, cap=None, keep=None, rate=0.0, empty=None):
    """y = P v with the weights P = softmax(cap * tanh(scale q k' / cap) + bias + mask) of each head, P = p * r.

    q (n, t, heads, d)   k (n, s, groups, d)   v (n, s, groups, e)   ->   y (n, t, heads, e), p (n, heads, t, s),
    r (n, heads, t, 1). Head h sees group h // (heads / groups) of k and v. `bias` and `mask` have the shape of P, or
    axes of length one; `mask` is 0, or so low that nothing is left. A row whose largest sum is below `empty` gives
    zeros. `keep`, booleans of the shape of P, are the weights that dropout at `rate` leaves in y; p and r are without.
    """
    each = q.shape[2] // k.shape[2]
    k, v = np.repeat(k, each, axis=2), np.repeat(v, each, axis=2)
    scores = scale * np.einsum("bthd,bshd->bhts", q, k)
    if cap is not None:
        scores = cap * np.tanh(scores / cap)
    for term in (bias, mask):
        scores = scores if term is None else scores + term
    top = scores.max(axis=-1, keepdims=True)
    p = np.exp(scores - top)
    r = 1 / p.sum(axis=-1, keepdims=True)
    if empty is not None:
        r = np.where(top < empty, 0, r).astype(q.dtype)
    used = p * r if keep is None else p * r * keep * (0.0 if rate == 1 else 1 / (1 - rate))
    return np.einsum("bhts,bshe->bthe", used, v), p, r


def attention_grad(
    dy, dw, q, k, v, y, p, r, scale=1.0, cap=None, keep=None, rate=0.0, fixed=None, wants=(True, True, True, True)
):
    """(dq, dk, dv, dbias) by the chain rule: P = p * r, dS = P * (dP - sum(dP * P)); dbias has the shape of P.

    `fixed`, booleans (n or 1, heads or 1, t or 1, 1), marks rows whose weights do not depend on the scores.
    """
    groups = k.shape[2]
    each = q.shape[2] // groups
    wide_k, wide_v = np.repeat(k, each, axis=2), np.repeat(v, each, axis=2)
    weights = p * r
    factor = 1.0 if keep is None else keep * (0.0 if rate == 1 else 1 / (1 - rate))
    dp = np.einsum("bthe,bshe->bhts", dy, wide_v) * factor + (0.0 if dw is None else dw)
    dbias = ds = weights * (dp - (dp * weights).sum(axis=-1, keepdims=True))
    if fixed is not None:
        dbias = ds = np.where(fixed, 0, ds)
    if cap is not None:
        ds = ds * (1 - np.tanh(scale * np.einsum("bthd,bshd->bhts", q, wide_k) / cap) ** 2)

    def by_group(g):
        n, s, _, d = g.shape
        return g.reshape(n, s, groups, each, d).sum(axis=3)

    dq = scale * np.einsum("bhts,bshd->bthd", ds, wide_k)
    dk = by_group(scale * np.einsum("bhts,bthd->bshd", ds, q))
    dv = by_group(np.einsum("bhts,bthe->bshe", weights * factor, dy))
    return tuple(g if wanted else None for g, wanted in zip((dq, dk, dv, dbias), wants))
