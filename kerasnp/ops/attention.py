"""Dot-product attention as one step."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import floating, stop_gradient
from kerasnp.utils import check


class Attention(Operator):
    """y = dropout(P) v, P = softmax(scale q k' + bias + mask) for each head.

    q (n, t, heads, d)   k (n, s, groups, d)   v (n, s, groups, e)   bias (n, heads, t, s) or axes of length one
    ->   y (n, t, heads, e), with `scores` also P (n, heads, t, s) before dropout
    """

    def __init__(self, scale, mask=None, cap=None, rate=0.0, generator=None, empty=None, fixed=None, scores=False):
        self.fixed = fixed
        self.generator, self.scores, self.mask, self.empty = generator, scores, mask, empty
        self.options = {"scale": scale, "cap": cap, "rate": rate}

    def forward(self, q, k, v, bias=None):
        kind = q.dtype
        if kind.itemsize < 4:
            q, k, v = (x.astype(K.float32) for x in (q, k, v))
        keep = None
        if self.options["rate"]:
            shape = (len(q), q.shape[2], q.shape[1], k.shape[1])
            keep = K.random.keep_mask(self.generator, shape, self.options["rate"])
            keep = keep if self.options["rate"] < 1 else K.zeros_like(keep)
        masks = {name: None if a is None else a.astype(q.dtype) for name, a in (("bias", bias), ("mask", self.mask))}
        y, p, r = K.attention(q, k, v, keep=keep, empty=self.empty, **masks, **self.options)
        self.save(q, k, v, bias, y, p, r, keep)
        y = y.astype(kind, copy=False)
        return (y, (p * r).astype(kind, copy=False)) if self.scores else y

    def backward(self, dy, dw=None):
        q, k, v, bias, y, p, r, keep = self.saved
        dy = dy.astype(q.dtype, copy=False)
        dw = None if dw is None else dw.astype(q.dtype, copy=False)
        wants = tuple(self.wants(i) for i in range(4))
        *grads, ds = K.attention_grad(dy, dw, q, k, v, y, p, r, keep=keep, fixed=self.fixed, wants=wants, **self.options)
        return (*grads, None if ds is None else K.unbroadcast(ds, bias.shape))


def lowest(dtype, share=0.7):
    """A number that no score comes near, and that is still one when scores are added to it."""
    return share * float(K.finfo(dtype).min)


def attend(query, key, value, bias=None, mask=None, scale=None, cap=None, masked=None, zero_empty=False, rate=0.0,
           generator=None, scores=False):  # fmt: skip
    """The attention of `dot_product_attention`, with dropout of the weights and, with `scores`, the weights themselves.

    Args:
        query, key, value, bias, mask, scale, cap: as there; the mask has four axes.
        masked: added to the scores where the mask is False.
        zero_empty: whether a row that the mask leaves nothing of gives zeros, and not the mean of all values.
        rate, generator: the share of weights that dropout takes away, and where the choice comes from.
        scores: whether the weights, as they are before dropout, are returned as well.
    """
    kind = query.dtype if isinstance(query, K.ndarray) else query.value.dtype
    kind = kind if kind.itemsize >= 4 else K.zeros((), K.float32).dtype
    fixed = None
    if mask is not None and masked is None and not zero_empty:
        # Where nothing is allowed all weights are alike, whatever the scores.
        fixed = ~K.max(mask, axis=-1, keepdims=True)
        fixed = fixed if fixed.any() else None
    masked = lowest(kind) if masked is None else masked
    empty = masked / 2 if zero_empty and mask is not None else None
    if mask is not None:
        mask = K.where(mask, kind.type(0), kind.type(masked))
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    step = Attention(scale, mask, cap, rate, generator, empty, fixed, scores)
    return step(query, key, value) if bias is None else step(query, key, value, bias)


def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """softmax(scale * query . key + bias) . value for each head (Vaswani et al., 2017).

    >>> from kerasnp import ops
    >>> value = ops.reshape(ops.arange(3.0), (1, 3, 1, 1))
    >>> alike = ops.zeros((1, 3, 1, 1))
    >>> ops.dot_product_attention(alike, alike, value, is_causal=True).ravel()
    array([0. , 0.5, 1. ], dtype=float32)

    Args:
        query: (batch, T, heads, depth).
        key, value: (batch, S, key heads, depth); one key head may serve several heads of the query.
        bias, mask: (batch, heads, T, S) or what broadcasts to it; the mask is True where attention is allowed.
        scale: 1 / sqrt(depth) by default.
        is_causal: position t sees positions up to t only.
        attn_logits_soft_cap: c limits the scores to (-c, c) by c * tanh(score / c).

    Raises: ValueError for arrays without four axes, or `flash_attention=True`.
    """
    if flash_attention:
        raise ValueError(
            "dot_product_attention: flash_attention=True asks for the fused kernels of an accelerator, which there are none of "
            "here; leave it None or False, the results are the same."
        )
    query, key, value = floating(query), floating(key), floating(value)
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(
            "dot_product_attention expects query, key and value of 4 axes (batch, length, heads, depth). "
            f"Received: query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}"
        )
    heads, kept = query.shape[2], key.shape[2]
    check.positive_int("heads per key head", heads // kept if heads % kept == 0 else 0, "dot_product_attention")
    allowed = None if mask is None else stop_gradient(mask).astype(bool)
    if allowed is not None and allowed.ndim < 4:
        allowed = allowed.reshape((1,) * (4 - allowed.ndim) + allowed.shape)
    if is_causal:
        past = causal(query.shape[1], key.shape[1])
        allowed = past[None, None] if allowed is None else allowed & past
    if bias is not None:
        bias = floating(bias)
        bias = bias if bias.ndim == 4 else bias.reshape((1,) * (4 - bias.ndim) + tuple(bias.shape))
    return attend(query, key, value, bias, allowed, scale, attn_logits_soft_cap)


def causal(steps, seen):
    """(steps, seen) booleans: whether position t may see position s, which is no later."""
    return K.arange(steps)[:, None] >= K.arange(seen)
