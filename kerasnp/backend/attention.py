"""Dot-product attention: each row of weights is made, used and left in the cache before the next ones come."""

import numpy as np

from kerasnp.backend import arena, threads
from kerasnp.backend.activation import row_max, row_sum

# Weights made at a time: half a megabyte in float32, which stays in the cache from the first product to the second.
PIECE = 1 << 17


def attention(q, k, v, scale=1.0, bias=None, mask=None, cap=None, keep=None, rate=0.0, empty=None):
    """y = softmax(cap(scale q k') + bias + mask) v for each head; the definition in reference.py names the arguments.

    The rows are divided by their sums in y only, since there are fewer numbers in it than weights.
    """
    n, t, heads, _ = q.shape
    s, groups = k.shape[1:3]
    q, k, v = _heads_first(q, groups, scale), _heads_first(k, groups), _heads_first(v, groups)
    p = arena.empty((n * groups, q.shape[1], s), q.dtype)
    r = np.empty((*p.shape[:2], 1), q.dtype)
    o = np.empty((*p.shape[:2], v.shape[-1]), q.dtype)
    keep = None if keep is None else keep.reshape(p.shape)
    terms = [_by_group(term, groups) for term in (bias, mask) if term is not None]
    rate = _factor(rate)

    def piece(i, j):
        w, split = p[i:j], (-1, min(j - i, groups), heads // groups, t, s)
        np.matmul(q[i:j], k[i:j].swapaxes(1, 2), out=w)
        if cap is not None:
            _limit(w, cap)
        for term in terms:
            whole = w.reshape(split)
            whole += _part(term, i, j, groups)
        top = row_max(w)
        w -= top
        np.exp(w, out=w)
        np.divide(1, row_sum(w), out=r[i:j])
        if empty is not None:
            r[i:j][top < empty] = 0
        np.matmul(w if keep is None else w * keep[i:j].view(np.int8), v[i:j], out=o[i:j])
        o[i:j] *= r[i:j] * rate

    threads.parallel(piece, len(p), _grain(n, groups, p), p.shape)
    shape = (n, heads, t)
    return _heads_last(o, shape), p.reshape(*shape, s), r.reshape(*shape, 1)


def attention_grad(
    dy, dw, q, k, v, y, p, r, scale=1.0, cap=None, keep=None, rate=0.0, fixed=None, wants=(True, True, True, True)
):
    """(dq, dk, dv, dbias) for the gradients dy of y and dw of the weights p * r (None where nothing used them).

    With P = p * r: dP = (dy v') * keep + dw, dS = P * (dP - sum(dP * P)), dq = scale dS k, dk = scale dS' q.
    The sum is that of dy * y, plus that of dw * P. Rows whose weights are `fixed` have dS = 0.
    """
    n, t, heads, _ = q.shape
    s, groups = k.shape[1:3]
    rows = heads // groups * t
    p, r = p.reshape(n * groups, rows, s), r.reshape(n * groups, rows, 1)
    q, k, v = _heads_first(q, groups, scale), _heads_first(k, groups), _heads_first(v, groups)
    keep = None if keep is None else keep.reshape(p.shape)
    dw = None if dw is None else dw.reshape(p.shape)
    means = np.einsum("btne,btne->bnt", dy, y).reshape(r.shape) * r
    dy = _heads_first(dy, groups)
    dy *= r * _factor(rate)
    if fixed is not None:
        fixed = np.broadcast_to(fixed, (n, heads, t, 1)).reshape(r.shape)
    dq, dk, dv = (np.empty_like(x) if wanted else None for x, wanted in zip((q, k, v), wants))
    every = np.empty_like(p) if wants[3] else None

    def piece(i, j):
        w = p[i:j]
        kept = None if keep is None else keep[i:j].view(np.int8)
        if wants[2]:
            np.matmul((w if kept is None else w * kept).swapaxes(1, 2), dy[i:j], out=dv[i:j])
        if not (wants[0] or wants[1] or wants[3]):
            return
        ds = arena.empty(w.shape, w.dtype) if every is None else every[i:j]
        np.matmul(dy[i:j], v[i:j].swapaxes(1, 2), out=ds)
        if kept is not None:
            ds *= kept
        mean = means[i:j]
        if dw is not None:
            used = dw[i:j] * r[i:j]
            ds += used
            mean = mean + row_sum(used * w) * r[i:j]
        ds -= mean
        ds *= w
        if fixed is not None:
            ds[fixed[i:j, :, 0]] = 0
        if not (wants[0] or wants[1]):
            return
        if cap is not None:
            scores = _limit(np.matmul(q[i:j], k[i:j].swapaxes(1, 2)), cap)
            scores /= cap
            ds = ds * (1 - scores * scores)
        if wants[0]:
            np.matmul(ds, k[i:j], out=dq[i:j])
        if wants[1]:
            np.matmul(ds.swapaxes(1, 2), q[i:j], out=dk[i:j])

    threads.parallel(piece, len(p), _grain(n, groups, p), p.shape)
    if wants[0]:
        dq *= scale
        dq = _heads_last(dq, (n, heads, t))
    dk, dv = (None if g is None else _heads_last(g, (n, groups, s)) for g in (dk, dv))
    return dq, dk, dv, None if every is None else every.reshape(n, heads, t, s)


def _limit(scores, cap):
    """cap * tanh(scores / cap), in place."""
    scores /= cap
    np.tanh(scores, out=scores)
    scores *= cap
    return scores


def _factor(rate):
    """What the weights that dropout keeps are multiplied by; nothing is left of them at a rate of one."""
    return 1 / (1 - rate) if rate < 1 else 0.0


def _heads_first(x, groups, scale=1.0):
    """x (n, t, heads, d) as a new array (n * groups, heads / groups * t, d), times scale."""
    n, t, heads, d = x.shape
    view = x.reshape(n, t, groups, heads // groups, d).transpose(0, 2, 3, 1, 4)
    y = np.empty(view.shape, x.dtype)
    np.multiply(view, x.dtype.type(scale), out=y) if scale != 1 else np.copyto(y, view)
    return y.reshape(n * groups, heads // groups * t, d)


def _heads_last(x, shape):
    """The inverse: (n, heads, t) name the axes within x (n * groups, heads / groups * t, d)."""
    n, heads, t = shape
    return np.ascontiguousarray(x.reshape(n, heads, t, x.shape[-1]).transpose(0, 2, 1, 3))


def _by_group(term, groups):
    """A term (n or 1, heads or 1, t or 1, s or 1) with the heads split into groups; it stays as small as it is."""
    n, heads, t, s = term.shape
    return term.reshape((n, 1, 1, t, s) if heads == 1 else (n, groups, heads // groups, t, s))


def _part(term, i, j, groups):
    """The rows of a term for the groups i to j of all samples: whole samples, or groups of one sample."""
    if len(term) > 1:
        term = term[i // groups : -(-j // groups)]
    return term[:, i % groups : i % groups + j - i] if j - i < groups and term.shape[1] > 1 else term


def _grain(n, groups, p):
    """How many groups make a piece: whole samples, or a part of the groups of one sample, about `PIECE` weights."""
    fit = PIECE // max(1, p.shape[1] * p.shape[2])
    if fit >= groups:
        return groups * (fit // groups)
    return max(g for g in range(1, groups + 1) if groups % g == 0 and g <= max(1, fit))
