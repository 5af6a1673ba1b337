"""Automatic names: `Dense` becomes `dense`, then `dense_1`, ...; `clear_session` starts the counters again."""

import collections
import re

from kerasnp.utils import session

_global_counters: collections.Counter = collections.Counter()


def to_snake_case(name):
    """Keras's spelling of a class name: `Conv2DTranspose` is `conv2d_transpose`, `ReLU` is `re_lu`.

    >>> to_snake_case("GlobalMaxPooling1D")
    'global_max_pooling1d'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def count(prefix):
    """How many times `prefix` has been counted in this session, this time included."""
    _global_counters[prefix] += 1
    return _global_counters[prefix]


def auto_name(prefix):
    """`prefix`, or `prefix_1`, `prefix_2`, ... where it has been given before in this session."""
    before = count(prefix) - 1
    return prefix if before == 0 else f"{prefix}_{before}"


def reset():
    """Forget every name given so far."""
    _global_counters.clear()


session.on_clear(reset)
