"""Masks travel beside the arrays they belong to: arrays take no attributes, so a table remembers them by identity."""

import weakref

_masks: dict = {}


def set_mask(x, mask):
    """Remember the mask of `x` for as long as `x` lives."""
    key = id(x)
    _masks[key] = (weakref.ref(x, lambda _: _masks.pop(key, None)), mask)


def get_mask(x):
    """The mask of `x`, or None."""
    if not _masks:
        return None
    if isinstance(x, (list, tuple)):
        masks = [get_mask(v) for v in x]
        return masks if any(m is not None for m in masks) else None
    held = _masks.get(id(x))
    return held[1] if held is not None and held[0]() is x else None
