"""The order of the layers: who may import whom, and where numpy may be spelled."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kerasnp"
FILES = sorted(PACKAGE.rglob("*.py"))

# Each level may import from those above it, and within itself.
LEVELS = [
    {"utils"},
    {"tree"},
    {"backend"},
    {"autodiff"},
    # Rebuilds objects through the registry in utils, knowing no family.
    {"saving"},
    {"random"},
    {"ops"},
    {"dtype_policies"},
    {"activations", "initializers", "regularizers", "constraints"},
    # Says among which processes batches are divided.
    {"distribution"},
    {"layers", "losses", "metrics", "optimizers"},
    {"mixed_precision", "warnings"},
    # Batches; what reads images resizes them with ops.
    {"data"},
    {"preprocessing"},
    # Callbacks see the model as self.model only.
    {"callbacks"},
    {"models"},
    {"comparison"},
    # Looks at all of it; nothing but the front door looks at viz.
    {"viz"},
]
RANK = {name: i for i, level in enumerate(LEVELS) for name in level}
# Free to be imported by, or to import, anything: the front door, and what stands beside the stack.
OUTSIDE = {"__init__", "__main__", "bench", "config", "datasets", "doctor"}
NUMPY_HOMES = {"backend", "autodiff", "bench", "data", "datasets", "saving", "__main__", "config", "doctor"}
NUMPY_FILES = {"models/arrays.py", "models/data.py"}
LAZY = {"h5py", "tabulate", "tqdm", "matplotlib", "PIL"}
# What a program that makes a stack of Dense does not wait for: other layers, and what takes Python long to load.
UNUSED = {
    "kerasnp.layers.conv", "kerasnp.layers.recurrent", "kerasnp.losses.regression", "kerasnp.metrics.auc",
    "kerasnp.callbacks.tensorboard", "kerasnp.optimizers.adam", "kerasnp.ops.fourier", "kerasnp.ops.image",
    "kerasnp.saving.model_io", "kerasnp.models.functional",
    "multiprocessing", "concurrent.futures", "zipfile", "socket", "csv", "tempfile", "difflib",
}  # fmt: skip


def family(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """(module, line, whether at the top of the file) of everything a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(map(id, tree.body))
    package = ["kerasnp", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in found:
            yield module, node.lineno, id(node) in top


def offences(path):
    own = family(path)
    for module, line, top in imports(path):
        parts = module.split(".")
        where = f"{path.relative_to(PACKAGE.parent)}:{line}"
        if parts[0] == "kerasnp" and len(parts) > 1 and own not in OUTSIDE and own in RANK:
            other = parts[1]
            # An import inside a function is a lookup at run time, such as an initializer by its name.
            if top and other in RANK and RANK[other] > RANK[own]:
                yield f"{where}: {own} must not import {other}, which stands above it"
            if own == "callbacks" and other == "models":
                yield f"{where}: callbacks see the model as self.model only"
        if parts[0] == "numpy" and own not in NUMPY_HOMES and str(path.relative_to(PACKAGE)) not in NUMPY_FILES:
            yield f"{where}: arithmetic lives in kerasnp/backend; write `from kerasnp import backend as K`"
        if parts[0] in LAZY and top:
            yield f"{where}: import {parts[0]} inside the function that needs it"


def reached_into(path):
    """Modules that a file takes from a package without importing them: there only if somebody else has imported them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    packages = {
        alias.asname or alias.name: PACKAGE / alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "kerasnp"
        for alias in node.names
        if (PACKAGE / alias.name).is_dir() and alias.name != "backend"
    }
    own = {module for module, *_ in imports(path)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in packages:
            package = packages[node.value.id]
            public = getattr(importlib.import_module(f"kerasnp.{package.name}"), "__all__", ())
            dotted = f"kerasnp.{package.name}.{node.attr}"
            if (package / f"{node.attr}.py").exists() and node.attr not in public and dotted not in own:
                yield f"{path.relative_to(PACKAGE.parent)}:{node.lineno}: import {dotted}, which may not be there yet"


def test_every_family_has_a_place():
    strays = {family(path) for path in FILES} - set(RANK) - OUTSIDE
    assert not strays, f"give {strays} a level in tests/test_architecture.py"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    assert not list(offences(path))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_are_imported_by_who_uses_them(path):
    assert not list(reached_into(path))


def test_an_offender_is_named(tmp_path, monkeypatch):
    (tmp_path / "utils").mkdir()
    file = tmp_path / "utils" / "bad.py"
    file.write_text(
        "import numpy as np\nimport h5py\nfrom kerasnp import layers\n"
        "from ..models import data\n\ndef f():\n    import tqdm\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    found = [text.split(": ", 1)[0].rpartition(":")[2] for text in offences(file)]
    assert found == ["1", "2", "3", "4"]


@pytest.mark.parametrize("statement", ["import kerasnp", "import kerasnp; kerasnp.Sequential, kerasnp.layers.Dense"])
def test_import_is_light(statement):
    code = f"import sys; {statement}; print(*[m for m in {sorted(LAZY | UNUSED)} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.split() == []
