"""Objects as dictionaries of plain values, in Keras's layout, and back through the registry."""

import contextlib
import importlib
import sys
import types

import numpy as np

from kerasnp import backend as K
from kerasnp.saving import functional, limits, loading, versions
from kerasnp.utils import registry

# Modules a file may name, and the family where their classes are looked up. Nothing else is imported for a file.
FAMILIES = (
    "layers", "activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers", "models",
    "random",
)  # fmt: skip
PLAIN = (str, int, float, bool, type(None))


def serialize_value(value):
    """A constructor argument as it stands in a configuration: plain values stay, objects become dictionaries.

    >>> import kerasnp
    >>> serialize_value([1, "a", None])
    [1, 'a', None]
    >>> serialize_value(kerasnp.initializers.Constant(2.0))["class_name"]
    'Constant'
    """
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return (
            type(value)(serialize_value(v) for v in value)
            if type(value) in (list, tuple)
            else [*map(serialize_value, value)]
        )
    if isinstance(value, dict):
        return {k: serialize_value(v) for k, v in value.items()}
    if isinstance(value, (np.generic, np.ndarray)):
        return value.item() if value.ndim == 0 else value.tolist()
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, bytes):
        return {"class_name": "__bytes__", "config": {"value": value.decode("utf-8")}}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, slice):
        ends = {name: serialize_value(getattr(value, name)) for name in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": ends}
    if getattr(value, "creator", False) is None:
        return value.numpy().tolist()
    if isinstance(value, types.FunctionType):
        return serialize_function(value)
    return serialize_keras_object(value)


def serialize_function(fn):
    """A function by its name: its own if kerasnp has it or the user registered it."""
    for key, item in registry._custom.items():
        if item is fn:
            return key
    if fn.__name__ == "<lambda>":
        raise ValueError(
            "A lambda cannot be written into a configuration: give the function a name and register it with "
            "@kerasnp.saving.register_keras_serializable()."
        )
    return fn.__name__


def serialize_keras_object(obj):
    """An object as `{"module", "class_name", "config", "registered_name"}`.

    >>> from kerasnp import initializers
    >>> serialize_keras_object(initializers.Zeros())["class_name"]
    'Zeros'

    Raises: ValueError for an object without `get_config`.
    """
    if isinstance(obj, PLAIN):
        return obj
    values = (list, tuple, dict, bytes, slice, type(...), np.generic, np.ndarray, np.dtype)
    if isinstance(obj, values) or getattr(obj, "creator", False) is None:
        return serialize_value(obj)
    if isinstance(obj, types.FunctionType):
        name = serialize_function(obj)
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}
    if hasattr(obj, "serialize") and type(obj).__name__ == "DTypePolicy":
        return obj.serialize()
    if isinstance(obj, type):
        return {
            "module": obj.__module__,
            "class_name": obj.__name__,
            "config": {},
            "registered_name": get_registered_name(obj),
        }
    if not hasattr(obj, "get_config"):
        raise ValueError(f"Cannot serialize {obj!r}: it has no get_config(); give it one, or leave it out.")
    cls = vars(type(obj)).get("saved_as", type(obj))  # Momentum is written as the SGD that it is
    built_in = cls.__module__.startswith("kerasnp.")
    module = public_module(cls)
    serialized = {
        "module": module,
        "class_name": vars(cls).get("public_name", cls.__name__),
        "config": obj.get_config(),
        # Keras gives a name only to what is not public.
        "registered_name": None if built_in and "src" not in module else get_registered_name(cls),
    }
    build_config = obj.get_build_config() if hasattr(obj, "get_build_config") else None
    if build_config is not None:
        serialized["build_config"] = build_config
    compile_config = obj.get_compile_config() if hasattr(obj, "get_compile_config") else None
    if compile_config is not None:
        serialized["compile_config"] = compile_config
    return serialized


def public_module(cls):
    """The module that Keras writes for a class of kerasnp, or the class's own."""
    if not cls.__module__.startswith("kerasnp."):
        return cls.__module__
    family = getattr(cls, "public_family", None) or getattr(cls, "family", None) or cls.__module__.split(".")[1]
    if cls.__name__ == "Functional":
        return "keras.src.models.functional"
    return "keras" if cls.__name__ == "Sequential" else f"keras.{family}"


def deserialize_keras_object(config, custom_objects=None, safe_mode=True, family=None, **kwargs):
    """The object that a configuration describes, looked up by class name in closed tables and what the user registered.

    >>> import kerasnp
    >>> config = {"class_name": "Dense", "config": {"units": 3, "activation": "relu"}}
    >>> deserialize_keras_object(config, family="layers").units
    3

    Args:
        config: the dictionary, or a plain value, which is returned as it is.
        custom_objects: {name: class or function} to look in first.
        safe_mode: accepted; code inside a configuration is never run, whatever it says.
        family: where to look first, such as `"layers"`.

    Raises:
        ValueError, TypeError: an unknown class, or a configuration that does not fit it.
    """
    if custom_objects:
        with custom_object_scope(custom_objects):
            return deserialize_keras_object(config, None, safe_mode, family, **kwargs)
    if isinstance(config, (list, tuple)):
        return type(config)(deserialize_keras_object(c, family=family) for c in config)
    if isinstance(config, str) and family:
        return registry.get(family, config)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        if "config" in config:
            raise TypeError(f"Could not parse config: it names no 'class_name'. Received: {_short(config)}")
        return {k: deserialize_keras_object(v) for k, v in config.items()}
    name, inner = config["class_name"], config.get("config")
    if not isinstance(name, str):
        raise TypeError(f"Could not parse config: 'class_name' must be a string. Received: class_name={_short(name)}")
    if name in VALUES:
        return VALUES[name](inner)
    if name == "function":
        return find(inner, config, family)
    if name == "DTypePolicy":
        return importlib.import_module("kerasnp.dtype_policies").get(config)
    return build_object(config, name, {} if inner is None else inner, family)


def build_object(config, name, inner, family):
    """The instance of the class `name` that the configuration `inner` describes."""
    title = inner.get("name") if isinstance(inner, dict) else None
    title = f'{name} "{title}"' if isinstance(title, str) else name
    state = loading.current()
    with limits.place(title) if state is not None else contextlib.nullcontext():
        name, inner = functional.modern(name, inner)
        if name == "Functional":
            importlib.import_module("kerasnp.models.functional")
        cls = find(name, config, family)
        if not isinstance(cls, type):
            return cls
        if state is not None and hasattr(cls, "add_weight"):
            state.count_layer()
        if not isinstance(inner, dict):
            raise TypeError(
                f"Could not parse the config of {name}. Expected 'config' to be a dict. Received: {_short(inner)}"
            )
        if cls.__module__.startswith("kerasnp."):
            inner = versions.modernize(cls, name, inner)
        obj = cls.from_config(dict(inner))
        build_config = config.get("build_config")
        if isinstance(build_config, dict) and hasattr(obj, "build_from_config") and not getattr(obj, "built", True):
            obj.build_from_config(build_config)
    if state is not None and config["class_name"] != type(obj).__name__:
        state.note(obj, config["class_name"])
    return obj


def refuse_lambda(inner):
    raise ValueError(
        "Requested the deserialization of a Python lambda: code inside a file is never run; pass the function itself "
        "through custom_objects."
    )


def array_value(inner):
    """A `__numpy__` or `__tensor__` entry."""
    return np.array(inner["value"], dtype=K.storage_dtype(K.standardize_dtype(str(inner["dtype"]))))


# Entries that are values, not objects.
VALUES = {
    "__tuple__": lambda inner: tuple(deserialize_keras_object(v) for v in inner["value"]),
    "__numpy__": array_value,
    "__tensor__": array_value,
    "__bytes__": lambda inner: inner["value"].encode("utf-8"),
    "__ellipsis__": lambda inner: ...,
    "__slice__": lambda inner: slice(*(deserialize_keras_object(inner[k]) for k in ("start", "stop", "step"))),
    "__lambda__": refuse_lambda,
}


def _short(value):
    text = repr(value)
    return text if len(text) < 200 else text[:197] + "..."


def find(name, config, family=None):
    """The class or function that `name` stands for."""
    registered = config.get("registered_name")
    for key in (registered, name):
        custom = registry.find_custom(key) if isinstance(key, str) else None
        if custom is not None:
            return custom
    if not isinstance(name, str):
        raise TypeError(
            "Could not parse config of a function. Expected 'config' to be a non-null str, its name. "
            f"Received: {_short(name)}"
        )
    name = versions.rename_class(name.rpartition(">")[2])
    module = str(config.get("module") or "")
    named = [f for f in FAMILIES if f in module.split(".")]
    families = dict.fromkeys([*([family] if family else []), *named, *FAMILIES])
    for f in families:
        found = registry.lookup(f, name)
        if found is not None:
            return found
    # A class of the running program, if it is the program that asks, and no file.
    own = getattr(sys.modules.get(module), name, None) if loading.current() is None else None
    if isinstance(own, type) and issubclass(own, registry.Registered):
        return own
    raise TypeError(
        f"Could not locate class {_short(name)} (module {_short(module)}): kerasnp does not have it; pass it with "
        "custom_objects={...} or register it with @kerasnp.saving.register_keras_serializable()."
    )


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
