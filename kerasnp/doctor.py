"""`python -m kerasnp doctor`: what this machine offers, what is set to slow it down, and what to do about it."""

import ctypes
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import time

import numpy as np

import kerasnp
from kerasnp.backend import threads
from kerasnp.datasets import cache
from kerasnp.utils import file_utils

# What kerasnp needs, and what it uses where it is there: package -> what for.
NEEDED = ("numpy", "h5py", "tabulate", "tqdm")
OPTIONAL = {
    "matplotlib": "pictures (kerasnp.viz, demo)",
    "pillow": "folders of images",
    "pandas": "data frames",
    "ipywidgets": "bars in notebooks",
    "tensorboard": "shows what the TensorBoard callback writes",
}
# Environment variables that change the speed, and how.
LIMITS = ("KERASNP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
SLOWING = {
    "OPENBLAS_CORETYPE": "chooses OpenBLAS's kernels by hand, and older ones can halve the speed of every product",
    "NPY_DISABLE_CPU_FEATURES": "takes vector instructions away from NumPy",
    "PYTHONMALLOC": "replaces Python's fast memory allocation",
    "PYTHONTRACEMALLOC": "records every allocation",
    "PYTHONDEVMODE": "turns on Python's slow checks",
}
VECTORS = ("SSE2", "AVX2", "AVX512F", "VSX", "NEON", "ASIMD", "SVE")
# OpenBLAS kernels by the width of the vectors they use.
NARROW = ("prescott", "core2", "penryn", "dunnington", "nehalem", "atom", "generic", "katmai", "coppermine", "northwood")
MIDDLE = ("sandybridge", "haswell", "zen", "bulldozer", "piledriver", "steamroller", "excavator", "bobcat", "barcelona")
SECONDS = 0.3  # for each rate


def examine():
    """Everything that the report shows: sections of names and values, and a list of advice."""
    blas, features, limits = blas_in_use(), _cpu_features(), _cores()
    one, all_ = sgemm_rate(1), sgemm_rate(threads.get_num_threads())
    report = {
        "versions": {
            "kerasnp": kerasnp.__version__,
            "python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
            **{name: _version(name) or "missing" for name in NEEDED},
        },
        "processor": {
            "name": processor(),
            "cores": ", ".join(f"{n} {what}" for what, n in limits.items() if n is not None),
            "vector instructions": ", ".join(f for f in VECTORS if f in features) or "unknown",
            "load": _load(),
        },
        "arithmetic": {
            "BLAS": blas["name"],
            "BLAS kernels": blas["core"] or "not told",
            "threads": str(threads.get_num_threads()),
            "sgemm, 1 thread": f"{one:.0f} GFLOP/s",
            f"sgemm, {threads.get_num_threads()} threads": f"{all_:.0f} GFLOP/s",
            "kernel set": "fast (with kerasnp.backend.using('reference'): the definitions)",
        },
        "environment": {
            name: os.environ[name] for name in (*LIMITS, *SLOWING, "KERASNP_HOME") if os.environ.get(name)
        } or {"variables": "none that matter are set"},
        "data": {"folder": _folder(file_utils.home()), "mnist": _mnist()},
        "extras": {name: _version(name) or f"not installed: {use}" for name, use in OPTIONAL.items()},
    }  # fmt: skip
    return {**report, "advice": advice(blas, features, limits, one, all_)}


def advice(blas, features, limits, one, all_):
    """Sentences on what to change, best first; an empty list where nothing is wrong."""
    found = []
    core = (blas["core"] or "").lower()
    if os.environ.get("OPENBLAS_CORETYPE"):
        found.append(f"Unset OPENBLAS_CORETYPE ({os.environ['OPENBLAS_CORETYPE']}): it {SLOWING['OPENBLAS_CORETYPE']}.")
    elif ("AVX512F" in features and core in NARROW + MIDDLE) or ("AVX2" in features and core in NARROW):
        found.append(
            f"OpenBLAS runs its {blas['core']} kernels though the processor has wider vectors; a newer NumPy may know it: "
            "pip install --upgrade numpy."
        )
    if not blas["adjustable"]:
        found.append(
            f"NumPy computes with {blas['name']}, whose threads kerasnp cannot set, so the two may get in each other's way; "
            "NumPy from PyPI brings OpenBLAS."
        )
    cores = min(n for n in limits.values() if n is not None)
    used = threads.get_num_threads()
    if used < cores:
        name = next((name for name in LIMITS if os.environ.get(name)), "set_num_threads")
        found.append(f"{used} of {cores} cores are used, because of {name}; take it away to use them all.")
    elif used > cores:
        found.append(f"Only {cores} of {used} cores are granted to this container: set KERASNP_NUM_THREADS={cores}.")
    for name in list(SLOWING)[1:]:
        value = os.environ.get(name, "")
        if value not in ("", "0") and not (name == "PYTHONMALLOC" and "debug" not in value):
            found.append(f"Unset {name} ({value}): it {SLOWING[name]}.")
    if used > 1 and all_ < 1.2 * one:
        found.append(
            f"{used} threads multiply no faster than one; something else keeps the cores busy, or they share one core: "
            "look at the load, and try KERASNP_NUM_THREADS=1."
        )
    missing = [name for name in NEEDED if _version(name) is None]
    if missing:
        found.append(f"Install what is missing: pip install {' '.join(missing)}.")
    home = file_utils.home()
    if not _writable(home):
        found.append(f"{home} cannot be written, so datasets cannot be kept there; set KERASNP_HOME to a folder that can.")
    return found


def sgemm_rate(count, n=1024):
    """The best rate of float32 products of n x n matrices with so many threads, in GFLOP/s."""
    a = np.full((n, n), 0.5, "float32")
    out = np.empty_like(a)
    before = threads.get_num_threads()
    threads.set_num_threads(count)
    try:
        best, end = float("inf"), time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            begun = time.perf_counter()
            np.matmul(a, a, out=out)
            best = min(best, time.perf_counter() - begun)
    finally:
        threads.set_num_threads(before)
    return 2 * n**3 / best / 1e9


def blas_in_use():
    """Name and version of the BLAS behind NumPy, the kernels it chose, and whether its threads can be set."""
    config = getattr(np.__config__, "CONFIG", {}).get("Build Dependencies", {}).get("blas", {})
    name = " ".join(str(config[key]) for key in ("name", "version") if config.get(key)) or "unknown"
    core = None
    for path in threads._openblas_paths():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for function in ("scipy_openblas_get_corename64_", "scipy_openblas_get_corename", "openblas_get_corename64_",
                         "openblas_get_corename"):  # fmt: skip
            if hasattr(library, function):
                getattr(library, function).restype = ctypes.c_char_p
                core = getattr(library, function)().decode()
                break
        if core:
            break
    return {"name": name, "core": core, "adjustable": core is not None}


def _cpu_features():
    """The vector instructions that NumPy found."""
    umath = getattr(np, "_core", None) or np.core
    return {name for name, there in getattr(umath._multiarray_umath, "__cpu_features__", {}).items() if there}


def processor():
    """The name of the processor, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def _cores():
    """Cores of the machine, those this process may run on, and the share of a container."""
    share = None
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()[:2]
        share = None if quota == "max" else max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return {"in all": os.cpu_count() or 1, "for this process": threads._cores(), "granted to the container": share}


def _load():
    try:
        return f"{os.getloadavg()[0]:.1f} programs wanted to run at once over the last minute"
    except (AttributeError, OSError):
        return "unknown"


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _writable(folder):
    """Whether the folder, or the nearest one above it that exists, can be written."""
    while not os.path.exists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK)


def _folder(path):
    state = "there" if os.path.isdir(path) else "made when needed"
    return f"{path} ({state if _writable(path) else 'cannot be written'})"


def _mnist():
    found = next((place for place in cache.places("mnist.npz") if os.path.isfile(place)), None)
    return found or "not on this machine; load_data downloads it, and kerasnp.datasets.digits needs no network"


def describe(report):
    """The report as lines of text."""
    lines = []
    for title, entries in report.items():
        if title == "advice":
            continue
        lines.append(title)
        width = max(map(len, entries))
        lines += [f"  {name:<{width}}  {value}" for name, value in entries.items()]
    lines.append("advice")
    return [*lines, *(f"  - {sentence}" for sentence in report["advice"] or ["Nothing to improve was found."])]


def doctor(args):
    """Tell what this machine offers, what is set to slow it down, and what to do about it."""
    report = examine()
    try:
        print(json.dumps(report, indent=1) if args.json else "\n".join(describe(report)))
    except UnicodeEncodeError:
        print("\n".join(describe(report)).encode("ascii", "replace").decode())
    sys.stdout.flush()


def add_commands(commands):
    """Add it to the subparsers of `python -m kerasnp`."""
    command = commands.add_parser("doctor", help=doctor.__doc__, description=doctor.__doc__)
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=doctor)
