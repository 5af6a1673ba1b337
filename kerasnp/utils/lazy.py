"""Packages whose names are looked up on first touch: a program loads the modules that it uses, and no others."""

import importlib
import sys


def attach(package, homes, second_names=(), submodules=(), public=None):
    """`__getattr__`, `__dir__` and `__all__` for a package (the shape of SPEC 1 of Scientific Python).

    Args:
        package: its `__name__`.
        homes: {module: the names it defines, parted by spaces}; a module of the package begins with a dot.
        second_names: {another name of one of those: that one}.
        submodules: modules of the package that are names themselves.
        public: `public(name, value)` is what programs see of a value.

    >>> find, names, everything = attach("kerasnp.utils", {".naming": "to_snake_case"}, {"snake": "to_snake_case"})
    >>> everything, find("snake")("HeNormal")
    (['snake', 'to_snake_case'], 'he_normal')
    """
    home = {name: module for module, names in homes.items() for name in names.split()}
    second_names = dict(second_names)
    everything = sorted({*home, *second_names, *submodules})

    def find(name):
        if name in submodules:
            return importlib.import_module(f"{package}.{name}")
        own = second_names.get(name, name)
        if own not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home[own], package), own)
        if public is not None:
            value = public(name, value)
        setattr(sys.modules[package], name, value)
        return value

    def names():
        return sorted({*vars(sys.modules[package]), *everything})

    return find, names, everything
