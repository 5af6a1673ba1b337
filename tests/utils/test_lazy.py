"""Packages whose names are looked up on first touch."""

import importlib
import subprocess
import sys
import types

import pytest

from kerasnp.utils import lazy, registry

PACKAGES = (
    "callbacks", "data", "datasets", "layers", "losses", "metrics", "models", "ops", "ops.image", "ops.linalg", "ops.nn",
    "ops.numpy", "optimizers", "saving", "utils",
)  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_found(package):
    module = importlib.import_module(f"kerasnp.{package}")
    assert len(module.__all__) == len(set(module.__all__)) > 2
    for name in module.__all__:
        value = getattr(module, name)
        assert not isinstance(value, types.ModuleType) or value.__name__ == f"{module.__name__}.{name}"
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(package):
    module = importlib.import_module(f"kerasnp.{package}")
    with pytest.raises(AttributeError, match=f"module 'kerasnp.{package}' has no attribute 'Nonsense'"):
        module.Nonsense  # noqa: B018


def in_a_fresh_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    "code, expected",
    [
        # A function of the name of its module, touched when the module has been imported in another way.
        ("import kerasnp.layers.conv; from kerasnp import ops; print(ops.conv.__name__, ops.shape([1, 2]), ops.norm([3., 4.]))",
         "conv (2,) 5.0"),
        # Arithmetic of Variables and symbolic tensors needs functions that nobody has touched.
        ("import kerasnp; v = kerasnp.Variable([3.0]); print(v @ v, (v > 2).tolist(), v[0].tolist())", "9.0 [True] 3.0"),
        ("import numpy, kerasnp; x = kerasnp.Input((2,)); y = numpy.float32([7, 7]) % x;"
         "print(kerasnp.Model(x, y)(numpy.float32([[4, 2]])).tolist())", "[[3.0, 1.0]]"),
        ("from kerasnp.autodiff import KerasTensor; import numpy; print((numpy.ones(4) * KerasTensor((None, 4))).shape)",
         "(None, 4)"),
        # Names in configurations, by their own spelling, in lower case, and an alias.
        ("from kerasnp.utils import registry as r; print(r.lookup('layers', 'GRU').__name__,"
         " r.lookup('layers', 'conv2d').__name__, r.lookup('optimizers', 'adamw').__name__,"
         " r.lookup('metrics', 'mse').__name__, r.lookup('layers', 'Nonsense'))",
         "GRU Conv2D AdamW MeanSquaredError None"),
        # A function of metrics in an older file, while nobody has touched it.
        ("from kerasnp import metrics; config = {'name': 'accuracy', 'fn': 'sparse_categorical_accuracy'};"
         "metric = metrics.deserialize({'class_name': 'MeanMetricWrapper', 'config': config});"
         "print(float(metric([1], [[0.2, 0.8]])))", "1.0"),
        ("import kerasnp; kerasnp.layers.Layer; print(kerasnp.layers.MaxPool2D is kerasnp.layers.MaxPooling2D)", "True"),
        ("from kerasnp.layers import *; from kerasnp.optimizers import *; print(Conv2D.__name__, schedules.__name__)",
         "Conv2D kerasnp.optimizers.schedules"),
    ],
)  # fmt: skip
def test_first_touch(code, expected):
    assert in_a_fresh_python(code) == expected


def test_all_members_of_a_family_are_known_at_once():
    code = "from kerasnp.utils import registry as r; print(*[c.__name__ for c in r.members('{family}')])"
    for family in ("layers", "losses", "metrics", "optimizers"):
        known = {c.__name__ for c in registry.members(family) if c.__module__.startswith(f"kerasnp.{family}.")}
        assert known <= set(in_a_fresh_python(code.format(family=family)).split())
        assert len(known) > 15


def test_a_value_is_kept():
    find, names, everything = lazy.attach(__name__, {"math": "tau"}, {"turn": "tau"}, public=lambda name, value: (name, value))
    assert everything == ["tau", "turn"] and "tau" in names()
    first = find("turn")
    assert first == ("turn", 2 * 3.141592653589793) and sys.modules[__name__].turn is first
