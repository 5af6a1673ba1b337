"""Objects that a configuration mentions more than once, such as a layer inside two wrappers, stay one object.

Inside `with scope() as shared:` what is read under a `shared_object_id` that was seen before is the object of then;
`shared.number(config)` gives such numbers to what was written.
"""

import contextlib
import contextvars

_scope: contextvars.ContextVar = contextvars.ContextVar("kerasnp_shared_objects", default=None)


class Shared:
    """What one configuration has mentioned so far."""

    def __init__(self):
        # By id: the object, which so stays alive and keeps its id, and every configuration that was written for it.
        self.written: dict[int, tuple] = {}
        self.read: dict[int, object] = {}

    def number(self, config):
        """Give each object that stands in the finished `config` more than once a number of its own."""
        present, todo, number = set(), [config], 0
        while todo:
            value = todo.pop()
            if isinstance(value, dict):
                present.add(id(value))
                todo += value.values()
            elif isinstance(value, (list, tuple)):
                todo += value
        for _, configs in self.written.values():
            found = [c for c in configs if id(c) in present]
            if len(found) > 1:
                number += 1
                for c in found:
                    c["shared_object_id"] = number


@contextlib.contextmanager
def scope():
    """`with scope() as shared:` everything written or read inside belongs to one configuration."""
    token = _scope.set(Shared())
    try:
        yield _scope.get()
    finally:
        _scope.reset(token)


def written(obj, config):
    """Note that `config` was written for `obj`."""
    shared = _scope.get()
    if shared is not None:
        shared.written.setdefault(id(obj), (obj, []))[1].append(config)


def known(config):
    """The object that was read under the number of this configuration, or None."""
    shared, number = _scope.get(), config.get("shared_object_id")
    return shared.read.get(number) if shared is not None and isinstance(number, int) else None


def read(obj, config):
    """Note the object that was read for a configuration with a number."""
    shared, number = _scope.get(), config.get("shared_object_id")
    if shared is not None and isinstance(number, int):
        shared.read[number] = obj
