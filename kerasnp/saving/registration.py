"""What users register: classes and functions that configurations may name."""

import contextlib

from kerasnp.utils import registry


def register_keras_serializable(package="Custom", name=None):
    """Class decorator: make a class or function known by name, so that configurations and files may use it.

    >>> @register_keras_serializable(package="docs")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double)
    'docs>double'

    Raises: ValueError for a class without `get_config`.
    """

    def decorate(item):
        if isinstance(item, type) and not hasattr(item, "get_config"):
            raise ValueError(
                f"Cannot register a class that does not have a get_config() method. Received: {item.__name__}"
            )
        registry._custom[f"{package}>{name or item.__name__}"] = item
        return item

    return decorate


def get_registered_name(obj):
    """The name under which `obj` was registered, or its own.

    >>> import kerasnp
    >>> @kerasnp.saving.register_keras_serializable("my_package")
    ... def shifted(x):
    ...     return x + 1
    >>> get_registered_name(shifted), get_registered_name(len)
    ('my_package>shifted', 'len')
    """
    return next((k for k, v in registry._custom.items() if v is obj), obj.__name__)


def get_registered_object(name, custom_objects=None, module_objects=None):
    """What is registered under `name`, or None.

    >>> import kerasnp
    >>> @kerasnp.saving.register_keras_serializable("my_package", name="shift")
    ... def shifted(x):
    ...     return x + 1
    >>> get_registered_object("my_package>shift") is shifted
    True
    >>> print(get_registered_object("my_package>other"))
    None
    """
    found = registry.find_custom(name)
    for table in (custom_objects, module_objects):
        if found is None and table:
            found = table.get(name)
    return found


def get_custom_objects():
    """The table of everything registered, by name; changes to it count.

    >>> import kerasnp
    >>> @kerasnp.saving.register_keras_serializable("my_package")
    ... def shifted(x):
    ...     return x + 1
    >>> "my_package>shifted" in get_custom_objects()
    True
    """
    return registry._custom


@contextlib.contextmanager
def custom_object_scope(custom_objects):
    """`with custom_object_scope({"MyLayer": MyLayer}):` names that configurations inside may use.

    >>> import kerasnp
    >>> class Twice(kerasnp.layers.Layer):
    ...     def call(self, x):
    ...         return 2 * x
    >>> config = kerasnp.saving.serialize_keras_object(Twice())
    >>> with custom_object_scope({"Twice": Twice}):
    ...     layer = kerasnp.saving.deserialize_keras_object(config)
    >>> layer(kerasnp.ops.ones((2,)))
    array([2., 2.], dtype=float32)
    """
    token = registry._scope.set({**registry._scope.get(), **(custom_objects or {})})
    try:
        yield
    finally:
        registry._scope.reset(token)


CustomObjectScope = custom_object_scope
