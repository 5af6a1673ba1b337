"""Keras's own unit tests, run against kerasnp: writes KERAS_TESTS.md beside this file.

    python examples/keras_tests.py                       # every area, and the table
    python examples/keras_tests.py layers/core losses    # some, with the name of each test that fails

Keras's wheel holds its tests (`pip install keras pytest absl-py scipy`; no back end is needed). They run here as they are:
`keras` is kerasnp, and `keras.src.*`, the inside that tests import from, is found by name in kerasnp's modules. What is
not there stands in as a name that fails when it is used. A failure whose cause is one of LEFT_OUT is counted apart, under
its reason; all others count as failed.
"""

import argparse
import collections
import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest

import kerasnp

HERE = Path(__file__).resolve().parent
TABLE = HERE / "KERAS_TESTS.md"
AREAS = """activations callbacks constraints dtype_policies initializers layers legacy losses metrics models optimizers random
    regularizers saving trainers""".split()

# Reasons to count a failure apart: patterns of "path::Class::test: the error"; the first that fits counts.
LEFT_OUT = {
    r"(?i)quantiz|[_/]int[48]|[_/]float8|awq|gptq|int[48]_from|Int[48]Quant": "no quantized arithmetic",
    r"(?i)bounding_box|_iou|_ciou|MaxNumBoundingBox": "no bounding boxes",
    r"(?i)feature_space|FeatureSpace": "FeatureSpace is left out",
    r"(?i)orbax": "Orbax is another framework's format",
    r"(?i)loss_?scal|LossScale": "LossScaleOptimizer is refused: there is no float16 hardware to train on",
    r"(?i)RemoteMonitor": "no network connections while training",
    r"(?i)MultiWorker|distribution_lib|retracing": "one process, one CPU, no tracing",
    r"(?i)lambda cannot be written": "lambdas are not written into files: to read one is to run any code",
    r"(?i)tf_data|tfdata|tf_dataset|_tf_string|tensorflow|grain|ragged|sparse=|SparseTensor": "data of other frameworks",
    r"(?i)torch_data|\btorch\b|\bjax\b|KeyError: 'kerasnp'": "data of other frameworks",
    r"vocabulary files|vocabulary_file|vocabulary_from_file|_assets": "vocabularies in memory only",
    r"stands for keras\.src|has no attribute '_|not have the attribute '_|test_data": "pokes at Keras's private names",
}  # fmt: skip

# Where the inside of Keras is here, unless its name tells.
HOMES = {
    "keras.src.backend": ("kerasnp.backend", "kerasnp.ops", "kerasnp.config", "kerasnp.autodiff"),
    "keras.src.backend.common.global_state": ("kerasnp.backend", "kerasnp.utils.session"),
    "keras.src.backend.config": ("kerasnp.config",),
    "keras.src.backend.numpy": ("kerasnp.ops",),
    "keras.src.models": ("kerasnp.models", "kerasnp.models.functional"),
    "keras.src.ops.math": ("kerasnp.ops",),
    "keras.src.ops.nn": ("kerasnp.ops",),
    "keras.src.ops.numpy": ("kerasnp.ops",),
    "keras.src.random.seed_generator": ("kerasnp.random",),
    "keras.src.saving.object_registration": ("kerasnp.saving",),
    "keras.src.saving.saving_api": ("kerasnp.saving", "kerasnp.models"),
    "keras.src.saving.saving_lib": ("kerasnp.saving", "kerasnp.models"),
    "keras.src.saving.serialization_lib": ("kerasnp.saving",),
    "keras.src.utils.file_utils": ("kerasnp.utils.file_utils", "os.path", "os"),
    "keras.src.utils": ("kerasnp.utils", "keras.src.utils.python_utils"),
    "keras.src.trainers.compile_utils": ("kerasnp.losses", "kerasnp.metrics"),
}
# Small helpers of Keras's tests and of what those import: these run as they are.
AS_THEY_ARE = tuple(
    """testing backend/common/dtypes backend/common/backend_utils ops/operation_utils utils/argument_validation
    utils/python_utils""".split()
)
# Packages that test files import at their head, and use in few tests.
ELSEWHERE = {"tensorflow", "grain", "jax", "torch", "orbax", "tensorboard"}


@functools.cache
def sources():
    """The folder of the installed Keras's sources.

    Raises: SystemExit where there is none.
    """
    spec = importlib.util.find_spec("keras")
    if spec is None:
        raise SystemExit("keras_tests: expected an installed Keras, whose wheel holds its tests. Found none: pip install keras")
    return Path(spec.submodule_search_locations[0], "src")


class Stand:
    """Stands for something that is not here, and says so when it is used."""

    def __init__(self, name):
        self.__dict__["_stands_for"] = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Stand(f"{self._stands_for}.{name}")

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"{self!r} is not in kerasnp")

    def __repr__(self):
        return f"a name that stands for {self._stands_for}"

    __getitem__ = __enter__ = __call__

    def __mro_entries__(self, bases):
        return (object,)

    def __exit__(self, *error):
        return False

    def __or__(self, other):
        return self


@functools.cache
def everything():
    """{name: what kerasnp defines under it}, wherever that is."""
    found = {}
    for module in pkgutil.walk_packages(kerasnp.__path__, "kerasnp."):
        if ".bench" in module.name or module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if not isinstance(value, types.ModuleType) and str(getattr(value, "__module__", "")).startswith("kerasnp"):
                found.setdefault(name, value)
    return found


class Inside(types.ModuleType):
    """A module `keras.src.*`: its names are looked for in kerasnp."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = self._find(name)
        if value is None:
            if not _wanted_by_a_test():
                raise AttributeError(f"{self.__name__} has no {name} in kerasnp")
            value = Stand(f"{self.__name__}.{name}")
        return value

    def _find(self, name):
        full = self.__name__
        parts = full.split(".")[2:]
        below = sources().joinpath(*parts, name)
        is_module = below.is_dir() or below.with_suffix(".py").exists()
        if full == "keras.src.backend" and name in ("backend", "random"):
            return _backend if name == "backend" else importlib.import_module("keras.src.random")
        if name.startswith("SUPPORTS_"):
            return False
        if name == "keras_export":
            return lambda *args, **kwargs: lambda thing: thing
        homes = [*HOMES.get(full, ()), *(".".join(["kerasnp", *parts[:n]]) for n in range(len(parts), -1, -1))]
        for home in homes:
            with contextlib.suppress(ImportError):
                value = getattr(importlib.import_module(home), name, None)
                if value is not None and not (is_module and (isinstance(value, types.ModuleType) or name == "dtype_policy")):
                    return value
        if is_module:
            return importlib.import_module(f"{full}.{name}")
        return everything().get(name)


def _wanted_by_a_test():
    frame = sys._getframe(2)
    return frame is not None and frame.f_code.co_filename.endswith("_test.py")


def _backend():
    """A name that no test knows, so that none is left out for what another back end cannot do; but one file insists."""
    caller = sys._getframe(1).f_code
    return "numpy" if caller.co_name == "<module>" and caller.co_filename.endswith("trainer_test.py") else "kerasnp"


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `keras` in kerasnp, and other frameworks, where they are missing, nowhere."""

    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        if parts[0] == "keras" and (parts[1:2] != ["src"] or len(parts) == 2 or _source(parts[2:]) is not None):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if parts[0] in ELSEWHERE else None

    def create_module(self, spec):
        parts = spec.name.split(".")
        if parts[0] != "keras":
            module = types.ModuleType(spec.name)
            module.__getattr__ = lambda name: _public(name, Stand(f"{spec.name}.{name}"))
        elif parts[1:2] == ["src"]:
            module = Inside(spec.name)
        else:
            module = types.ModuleType(spec.name)
            outside = importlib.import_module(".".join(["kerasnp", *parts[1:]]))
            module.__getattr__ = lambda name: (
                importlib.import_module("keras.src") if name == "src" else _public(name, getattr(outside, name, None))
            )
        return module

    def exec_module(self, module):
        module.__path__ = []
        parts = module.__name__.split(".")[2:]
        if parts and (parts[-1].endswith("_test") or "/".join(parts).startswith(AS_THEY_ARE)):
            source = _source(parts)
            module.__file__ = str(source)
            exec(compile(source.read_text(), source, "exec"), module.__dict__)
        elif parts == ["utils", "traceback_utils"]:
            module.is_traceback_filtering_enabled = lambda: False
            module.enable_traceback_filtering = module.disable_traceback_filtering = lambda: None
        elif len(parts) == 3 and parts[0] == "backend" and parts[2] == "trainer":
            for name in ("NumpyTrainer", "JAXTrainer", "TensorFlowTrainer", "TorchTrainer"):
                setattr(module, name, everything()["Trainer"])


def _public(name, value):
    if name.startswith("__") or value is None:
        raise AttributeError(name)
    return value


def _source(parts):
    """The file of a module of Keras, or None."""
    below = sources().joinpath(*parts)
    files = [below.with_suffix(".py"), below / "__init__.py"]
    return next((file for file in files if file.exists()), below if below.is_dir() else None)


class Count:
    """A pytest plugin that notes how each test ended."""

    def __init__(self):
        self.ends = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            crash = getattr(report.longrepr, "reprcrash", None)
            error = "" if not report.failed else str(report.longrepr) if crash is None else crash.message
            self.ends[report.nodeid] = report.outcome, error

    def pytest_collectreport(self, report):
        if report.failed:
            self.ends[report.nodeid] = "failed", str(report.longrepr)[-300:]


def run(areas):
    """{test: (outcome, error)} of Keras's tests in such folders or files of its sources."""
    conftest = types.ModuleType("conftest")
    conftest.skip_if_backend = lambda name, reason: pytest.mark.skipif(False, reason=reason)
    sys.modules["conftest"] = conftest
    sources()  # while `keras` still is Keras
    sys.meta_path.insert(0, Finder())
    count = Count()
    with tempfile.TemporaryDirectory() as folder, _within(folder):
        tests = Path(folder, "tests")
        others = lambda at, names: [n for n in names if "." in n and not n.endswith("_test.py")]  # noqa: E731
        shutil.copytree(sources(), tests, ignore=others)
        paths = [str(tests / area) for area in areas]
        options = "-q --tb=line --import-mode=importlib --noconftest --continue-on-collection-errors -p no:cacheprovider"
        options += f" -p no:warnings -o python_files=*_test.py --rootdir={folder}"
        pytest.main([*options.split(), *paths], [count])
    return {test.split("tests/", 1)[-1]: end for test, end in count.ends.items()}


@contextlib.contextmanager
def _within(folder):
    """contextlib.chdir, which Python 3.10 does not have."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def reason(test, error):
    """Why a failure is counted apart, or None."""
    return next((why for pattern, why in LEFT_OUT.items() if re.search(pattern, f"{test}: {error}")), None)


def table(ends, version):
    """The outcome as Markdown."""
    areas, apart = collections.defaultdict(collections.Counter), collections.Counter()
    for test, (outcome, error) in ends.items():
        why = reason(test, error) if outcome == "failed" else None
        apart[why] += why is not None
        areas[test.split("/")[0]]["apart" if why else outcome] += 1
    total = sum(areas.values(), collections.Counter())
    lines = [
        "# Keras's own tests",
        "",
        f"Made by examples/keras_tests.py with the tests of Keras {version}: {_share(total)} of those that count pass.",
        "",
        "| area | passed | failed | share | counted apart | skipped by Keras |",
        "|---|---|---|---|---|---|",
    ]
    for area, n in [*sorted(areas.items()), ("all", total)]:
        lines.append(f"| {area} | {n['passed']} | {n['failed']} | {_share(n)} | {n['apart']} | {n['skipped']} |")
    lines += ["", "Counted apart:", "", *(f"- {why}: {n}" for why, n in apart.most_common() if n)]
    failed = [test for test, (outcome, error) in ends.items() if outcome == "failed" and reason(test, error) is None]
    return "\n".join([*lines, "", "Failed:", "", *(f"- {test}" for test in sorted(failed)), ""])


def _share(n):
    return f"{100 * n['passed'] / max(1, n['passed'] + n['failed']):.1f} %"


def run_apart(areas):
    """`run` for each area in a process of its own, where no test of another has left anything behind."""
    ends = {}
    for area in areas:
        done = subprocess.run([sys.executable, __file__, "--json", area], capture_output=True, text=True, check=True)
        ends |= json.loads(done.stdout.splitlines()[-1])
        print(f"{area}: {len(ends)} tests so far", file=sys.stderr)
    return ends


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("areas", nargs="*", help="folders or files of keras/src; all areas by default")
    parser.add_argument("--json", action="store_true", help="end with a line {test: [outcome, error]} in place of the table")
    options = parser.parse_args()
    sources()
    if options.json:
        print(json.dumps(run(options.areas)))
        return
    ends = run_apart(options.areas or AREAS)
    text = table(ends, importlib.metadata.version("keras"))
    print(text)
    for test, (outcome, error) in sorted(ends.items()):
        if options.areas and outcome == "failed":
            print(f"{test}\n    {reason(test, error) or 'failed'}: {error.splitlines()[-1] if error else ''}")
    if not options.areas:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
