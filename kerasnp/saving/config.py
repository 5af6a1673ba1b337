"""Objects as dictionaries of plain values, in Keras's layout, and back through the registry."""

import contextlib
import importlib
import sys
import types

import numpy as np

from kerasnp import backend as K
from kerasnp.saving import functional, limits, loading, sharing, versions
from kerasnp.saving.registration import custom_object_scope, get_registered_name
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
        plain = {k: serialize_value(v) for k, v in value.items()}
        # A configuration in which nothing changed stays the same dictionary: `sharing` knows it by that.
        return value if "class_name" in value and all(plain[k] is v for k, v in value.items()) else plain
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
            "A lambda cannot be written into a configuration, since reading it back would be arbitrary code execution: "
            "give the function a name and register it with @kerasnp.saving.register_keras_serializable()."
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
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    if hasattr(obj, "serialize") and type(obj).__name__ in POLICIES:
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
    config, module = obj.get_config(), public_module(cls)
    serialized = {
        "module": module,
        "class_name": vars(cls).get("public_name", cls.__name__),
        "config": config if built_in else serialize_value(config),
        # Keras gives a name only to what is not public.
        "registered_name": None if built_in and "src" not in module else get_registered_name(cls),
    }
    for part in ("build_config", "compile_config"):
        value = getattr(obj, f"get_{part}")() if hasattr(obj, f"get_{part}") else None
        if value is not None:
            serialized[part] = value
    sharing.written(obj, serialized)
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
    if name in POLICIES:
        return importlib.import_module("kerasnp.dtype_policies").get(config)
    return build_object(config, name, {} if inner is None else inner, family)


POLICIES = ("DTypePolicy", "DTypePolicyMap")


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
            inner = {k: array_value(v["config"]) if _is_array(v) else v for k, v in inner.items()}
        known = sharing.known(config)
        if known is not None:
            return known
        obj = from_config(cls, dict(inner))
        build_config = config.get("build_config")
        if isinstance(build_config, dict) and hasattr(obj, "build_from_config") and not getattr(obj, "built", True):
            obj.build_from_config(build_config)
        settings = config.get("compile_config")  # {} of a model that was not compiled
        if state is None and settings and isinstance(settings, dict) and hasattr(obj, "compile_from_config"):
            obj.compile_from_config(settings)
    sharing.read(obj, config)
    if state is not None and config["class_name"] != type(obj).__name__:
        state.note(obj, config["class_name"])
    return obj


def from_config(cls, config):
    """`cls.from_config(config)`; a class of users that does not fit is told what its two methods must do."""
    if not hasattr(cls, "from_config"):
        raise limits.Misfit(
            f"Unable to reconstruct an instance of {cls.__name__!r}, since the class has no from_config(); add a "
            f"classmethod from_config(cls, config) beside its get_config(). Received: config={_short(config)}"
        )
    try:
        return cls.from_config(config)
    except TypeError as error:
        who = _users_classes(cls, config)
        if isinstance(error, limits.Misfit) or not who:
            raise
        raise limits.Misfit(
            f"{cls.__name__}.from_config({_short(config)}) failed ({error}). Make sure that objects among the values of "
            f"{who}.get_config() are explicitly deserialized in its from_config(), with "
            "kerasnp.saving.deserialize_keras_object."
        ) from error


def _users_classes(cls, config):
    """The names of classes that are not kerasnp's and may have been given configurations in place of objects, or ""."""
    if not cls.__module__.startswith("kerasnp."):
        return cls.__name__ if any(isinstance(v, dict) and "class_name" in v for v in config.values()) else ""
    entries = config.get("layers")
    entries = [e for e in entries if isinstance(e, dict) and e.get("registered_name")] if isinstance(entries, list) else []
    return "/".join(dict.fromkeys(str(e.get("class_name")) for e in entries))[:200]


def refuse_lambda(inner):
    raise ValueError(
        "The configuration holds the code of a lambda, and reading it would be arbitrary code execution: code is never "
        "run, whatever safe_mode says; pass the function itself through custom_objects."
    )


def refuse_typespec(inner):
    if not isinstance(inner, (list, tuple)):
        raise TypeError(f"__typespec__: Expected 'config' to be a list or a tuple. Received: {_short(inner)}")
    raise ValueError("__typespec__ describes a type of TensorFlow, which kerasnp does not have; leave it out.")


def array_value(inner):
    """A `__numpy__` or `__tensor__` entry."""
    return np.array(inner["value"], dtype=K.storage_dtype(K.standardize_dtype(str(inner["dtype"]))))


def _is_array(value):
    return isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__")


# Entries that are values, not objects.
VALUES = {
    "__tuple__": lambda inner: tuple(deserialize_keras_object(v) for v in inner["value"]),
    "__numpy__": array_value,
    "__tensor__": array_value,
    "__bytes__": lambda inner: inner["value"].encode("utf-8"),
    "__ellipsis__": lambda inner: ...,
    "__slice__": lambda inner: slice(*(deserialize_keras_object(inner[k]) for k in ("start", "stop", "step"))),
    "__lambda__": refuse_lambda,
    "__typespec__": refuse_typespec,
}


def _short(value):
    text = repr(value)
    return text if len(text) < 200 else text[:197] + "..."


def _is_custom(found):
    return not getattr(found, "__module__", "").startswith("kerasnp.")


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
    asked = name
    name = versions.rename_class(name.rpartition(">")[2])
    module = str(config.get("module") or "")
    named = [f for f in FAMILIES if f in module.split(".")]
    for f in dict.fromkeys([*named, *([family] if family else []), *FAMILIES]):
        found = registry.lookup(f, name)
        if found is not None:
            if registered and registered not in (asked, name, config.get("class_name")) and not _is_custom(found):
                raise ValueError(
                    f"registered_name={_short(registered)} does not belong to {name!r}, which resolved to a Keras built-in "
                    "of kerasnp; remove registered_name from the configuration, or register a class under it."
                )
            return found
    # A class of the running program, if it is the program that asks, and no file.
    own = getattr(sys.modules.get(module), name, None) if loading.current() is None else None
    if isinstance(own, type) and issubclass(own, registry.Registered):
        return own
    raise TypeError(
        f"Could not locate class {_short(name)} (module {_short(module)}): kerasnp does not have it; pass it with "
        "custom_objects={...} or register it with @kerasnp.saving.register_keras_serializable()."
    )
