"""One registry of everything that can be named in a configuration: layers, losses, optimizers, functions.

Subclassing `Registered` inside kerasnp files the class under its name, its snake-case name and its aliases, so no list is
kept by hand. `get` turns a name, class, dictionary, callable or instance into an instance. What a user registers
(`register`, `custom_object_scope`) is found first.
"""

import contextvars
import functools
import importlib
import inspect
import types

from kerasnp.utils.naming import to_snake_case

# family -> lower-case key -> class or function. A family is the module of that name, loaded before it is searched.
_families: dict[str, dict[str, object]] = {}
# "package>Name" -> class or function registered by the user for the whole process.
_custom: dict[str, object] = {}
_scope: contextvars.ContextVar = contextvars.ContextVar("kerasnp_custom_objects", default=types.MappingProxyType({}))


class Registered:
    """Base of a family whose members are rebuilt from their constructor arguments.

    A constructor stores its arguments under their own names; `get_config` reads them back by the signature.
    """

    family: str | None = None

    def __init_subclass__(cls, aliases=(), abstract=False, **kwargs):
        super().__init_subclass__(**kwargs)
        built_in = cls.__module__.startswith("kerasnp.")
        if built_in and not abstract and cls.family and not cls.__name__.startswith("_"):
            register_builtin(cls.family, cls, (cls.__name__, to_snake_case(cls.__name__), *aliases))

    def get_config(self):
        """The constructor arguments that rebuild this object, as JSON-ready values.

        >>> import kerasnp
        >>> kerasnp.regularizers.L1(0.5).get_config()
        {'l1': 0.5}
        """
        from kerasnp.saving.config import serialize_value

        config = {}
        for name in init_parameters(type(self)):
            try:
                config[name] = serialize_value(getattr(self, name))
            except AttributeError:
                raise NotImplementedError(
                    f"{type(self).__name__}: get_config() reads each constructor argument from the attribute of its name, "
                    f"and there is no attribute {name!r}; store it in __init__ or override get_config()."
                ) from None
        return config

    @classmethod
    def from_config(cls, config):
        """Rebuild an object from `get_config()`.

        >>> import kerasnp
        >>> kerasnp.regularizers.L1.from_config({"l1": 0.5}).l1
        0.5
        """
        return cls(**config)


@functools.cache
def init_parameters(cls):
    """Names of the arguments that `cls(...)` takes, base class first, as far as `**kwargs` passes them on."""
    names: dict[str, None] = {}
    for klass in cls.__mro__:
        if "__init__" not in vars(klass) or klass is object:
            continue
        parameters = list(inspect.signature(klass.__init__).parameters.values())[1:]
        own = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        names = {**dict.fromkeys(own), **{n: None for n in names if n not in own}}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return tuple(names)


@functools.cache
def defaults(cls):
    """The default values of the arguments of `cls(...)`, as far as they have one."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def register_builtin(family, item, names):
    """File `item` in `family` under `names`, the first of which is its own; names are found whatever their case.

    A loss is both a class `Hinge` and a function `hinge`: each keeps its own spelling, whichever comes first.
    """
    table = _families.setdefault(family, {})
    table[names[0]] = item
    for name in names:
        table.setdefault(name.lower(), item)


def function(family, *aliases):
    """Decorator that files a function in `family` under its own name and `aliases`."""

    def decorate(fn):
        for name in (fn.__name__, *aliases):
            register_builtin(family, fn, (name,))
        return fn

    return decorate


def _load(family, name=None):
    """Import what files the members of a family, or the one called `name`, in the registry."""
    module = importlib.import_module(f"kerasnp.{family}")
    for known in getattr(module, "__all__", ()) if name is None else [name]:
        getattr(module, known, None)


def members(family):
    """Every class and function of a family, each once."""
    _load(family)
    return list(dict.fromkeys(_families.get(family, {}).values()))


def find_custom(name):
    """What the user registered under `name`, or None."""
    scope = _scope.get()
    if name in scope:
        return scope[name]
    return _custom.get(name)


def lookup(family, name):
    """The class or function called `name`, or None."""
    custom = find_custom(name)
    if custom is not None:
        return custom
    _load(family, name)
    table = _families.setdefault(family, {})
    if name not in table:
        _load(family)
    found = table.get(name) or table.get(name.lower())
    # What a user registered in a package goes by its full name, "package>Name"; the bare one only where it is free.
    return found or next((v for k, v in _custom.items() if k.rpartition(">")[2] == name), None)


def get(family, identifier, instance=True):
    """`identifier` as a member of `family`: a name, a configuration, a class, a callable, or an instance."""
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        from kerasnp.saving.config import deserialize_keras_object

        return deserialize_keras_object(identifier, family=family)
    if isinstance(identifier, str):
        found = lookup(family, identifier)
        if found is None:
            raise ValueError(unknown(family, identifier))
        return found() if instance and isinstance(found, type) else found
    if isinstance(identifier, type):
        return identifier() if instance else identifier
    if callable(identifier) or isinstance(identifier, Registered):
        return identifier
    raise ValueError(
        f"Could not interpret {singular(family)} identifier: {identifier!r}. "
        f"Expected a name, a configuration, a class or a callable."
    )


def singular(family):
    """`losses` is a list of things of which each is a `loss`."""
    return {"losses": "loss"}.get(family, family[:-1])


def unknown(family, name):
    """The sentence for a name that is not in `family`, with the nearest ones that are."""
    names = sorted({getattr(item, "__name__", "") for item in members(family)})
    # Every spelling that is found, except class names run together in lower case.
    run_together = {n.lower() for n in names if to_snake_case(n) != n.lower()}
    import difflib  # here, since only mistakes need it

    near = difflib.get_close_matches(name, sorted(_families.get(family, {}).keys() - run_together), n=3)
    hint = f"Did you mean {', '.join(map(repr, near))}?" if near else f"Known names: {', '.join(names)}."
    return f"Unknown {singular(family)}: {name!r}. {hint}"
