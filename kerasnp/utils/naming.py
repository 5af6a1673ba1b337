"""Automatic names: `Dense` becomes `dense`, then `dense_1`, ...; `clear_session` starts the counters again."""

import collections
import contextvars
import re

from kerasnp.utils import session

_global_counters: collections.Counter = collections.Counter()
# The path of the open scopes, and who opened the last of them.
_scope: contextvars.ContextVar = contextvars.ContextVar("kerasnp_name_scope", default=("", None, None))


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


class name_scope:  # noqa: N801
    """`with name_scope("block"):` the paths of variables made inside, and of layers built there, begin with `block/`.

    >>> import kerasnp
    >>> with kerasnp.name_scope("block"):
    ...     w = kerasnp.Variable(1.0, name="w")
    ...     layer = kerasnp.layers.Dense(3, name="first")
    ...     layer.build((None, 2))
    >>> w.path, layer.kernel.path
    ('block/w', 'block/first/kernel')

    Args:
        name: a string without `/`.
        caller: who opens it; the same name opened by the same caller inside counts once.
        deduplicate: whether that is so.
        override_parent: a path that is the parent in place of the open scopes.

    Raises: ValueError for another name.
    """

    def __init__(self, name, caller=None, deduplicate=True, override_parent=None):
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"name_scope: argument `name` must be a string without `/`. Received: name={name!r}")
        self.name, self.caller, self.deduplicate, self.override_parent = name, caller, deduplicate, override_parent
        self._tokens = []

    def __enter__(self):
        path, name, caller = _scope.get()
        again = self.deduplicate and self.caller is not None and (name, caller) == (self.name, self.caller)
        if not again:
            path = path if self.override_parent is None else self.override_parent.strip("/")
            path = f"{path}/{self.name}" if path else self.name
        self._tokens.append(_scope.set((path, self.name, self.caller)))
        return self

    def __exit__(self, *_):
        _scope.reset(self._tokens.pop())


class scope_of:  # noqa: N801
    """`with scope_of(path):` variables made inside belong to that path, whatever scopes are open."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.token = _scope.set((self.path, None, None))

    def __exit__(self, *_):
        _scope.reset(self.token)


def current_path():
    """The path of the open scopes, empty where there is none."""
    return _scope.get()[0]


def reset():
    """Forget every name given so far."""
    _global_counters.clear()


session.on_clear(reset)
