"""Every example in a docstring runs and shows what it says."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import kerasnp

MODULES = ["kerasnp", *(m.name for m in pkgutil.walk_packages(kerasnp.__path__, "kerasnp.") if "__main__" not in m.name)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    if name.startswith("kerasnp.viz"):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(verbose=False)
    report = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        kerasnp.backend.clear_session()
        test.globs["__name__"] = "__main__"  # a class made in an example is a user's, and not to be filed with ours
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("name", ["kerasnp.ops", "kerasnp.ops.image", "kerasnp.activations", "kerasnp.random"])
def test_every_function_shows_an_example(name):
    public = {n: f for n, f in vars(importlib.import_module(name)).items() if inspect.isfunction(f) and n[0] != "_"}
    assert not [n for n, f in public.items() if f.__module__.startswith(name) and ">>>" not in f.__doc__]


def test_a_wrong_example_is_found():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda text: None).failed == 1
