"""Masks travel beside the arrays they belong to: arrays take no attributes, so a table remembers them by identity."""

import weakref

_masks: dict = {}


def set_mask(x, mask):
    """Remember the mask of `x` for as long as `x` lives.

    >>> from kerasnp import ops
    >>> x = ops.ones((1, 2, 3))
    >>> set_mask(x, ops.array([[True, False]]))
    >>> get_mask(x).tolist()
    [[True, False]]
    """
    key = id(x)
    _masks[key] = (weakref.ref(x, lambda _: _masks.pop(key, None)), mask)


def get_mask(x):
    """The mask of `x`, or None.

    >>> import kerasnp
    >>> x = kerasnp.ops.array([[3, 1, 0]])
    >>> y = kerasnp.layers.Embedding(5, 2, mask_zero=True)(x)
    >>> get_mask(y).tolist()
    [[True, True, False]]
    """
    if not _masks:
        return None
    if isinstance(x, (list, tuple)):
        masks = [get_mask(v) for v in x]
        return masks if any(m is not None for m in masks) else None
    held = _masks.get(id(x))
    return held[1] if held is not None and held[0]() is x else None
