"""Which names of Keras exist in kerasnp, which do not and why: writes KERAS_NAMES.md beside this file.

    KERAS_BACKEND=jax python examples/keras_names.py

compares with the Keras that is installed, and notes its names and arguments in tests/golden/keras_names.json; without
Keras those noted last are compared. `--check` writes nothing, and tells whether the table is up to date.
"""

import argparse
import ast
import importlib
import inspect
import json
import os
import re
import sys
import textwrap
import types
from pathlib import Path

import numpy as np

import kerasnp
from kerasnp import Tape, Variable, ops

HERE = Path(__file__).resolve().parent
TABLE = HERE / "KERAS_NAMES.md"
NOTED = HERE.parent / "tests" / "golden" / "keras_names.json"

# Why a name is absent: patterns of full names, the first that fits counts.
REASONS = {
    r"applications\..*": "ready-made networks with downloaded weights",
    r"distribution\..*": "one machine: batches are divided, never models",
    r"device": "one CPU",
    r"(quantizers\..*|Quantizer|dtype_policies\.(AWQ|GPTQ|Int4|Quantized).*)": "no quantized arithmetic",
    r"layers\.(FlaxLayer|JaxLayer|TFSMLayer|TorchModuleWrapper)": "wraps another framework",
    r"(export\..*|callbacks\.OrbaxCheckpoint)": "formats of other frameworks",
    r"(optimizers\.legacy|legacy|utils\.legacy|losses\.legacy)\..*": "Keras 2's way, already deprecated there",
    r"distillation\..*": "training of one network by another; write a Model with a train_step",
    r"visualization\..*": "pictures of boxes and masks; kerasnp.viz draws models, filters and mistakes",
    r"wrappers\..*": "scikit-learn's interface",
    r"utils\.bounding_boxes\..*|layers\.MaxNumBoundingBoxes": "no bounding boxes",
    r"utils\.(FeatureSpace|Config)": "left out",
    r"utils\.model_to_dot": "plot_model draws without Graphviz",
    r"(Function|Operation|SymbolicScope)": "inside of Keras's tracing, which is not needed here",
}
NOT_YET = "not yet"
# Namespaces of the sources, not of the interface.
PRIVATE = {"src"}


def namespaces(module, name=""):
    """(dotted name, module) of a package and of the modules that are its public names."""
    yield name, module
    for key in sorted(vars(module)):
        value = getattr(module, key, None)
        inner = isinstance(value, types.ModuleType) and value.__name__.startswith("keras.")
        if inner and not key.startswith("_") and key not in PRIVATE and name.count(".") < 2:
            yield from namespaces(value, f"{name}.{key}" if name else key)


def plain(default):
    """A default value as JSON can hold it."""
    if default is inspect.Parameter.empty:
        return "required"
    if isinstance(default, (type(None), bool, int, float, str)):
        return repr(default)
    if isinstance(default, (list, tuple)):
        return repr(tuple(default))
    return "object"


def arguments(item):
    """[[name, default, by position or not], ...] of a call, and whether others are taken too; None if unknown."""
    try:
        call = item.__init__ if inspect.isclass(item) else item
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        return None
    if inspect.isclass(item):
        if call is object.__init__:
            return None
        parameters = parameters[1:]
    kinds = {p.kind for p in parameters}
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return {
        "arguments": [[p.name, plain(p.default), p.kind is not p.KEYWORD_ONLY] for p in named],
        "more": inspect.Parameter.VAR_KEYWORD in kinds,
        "any": inspect.Parameter.VAR_POSITIONAL in kinds,
    }


def surface(keras):
    """Namespace -> name -> arguments, of everything that is public."""
    found = {}
    for name, module in namespaces(keras):
        items = {k: v for k, v in vars(module).items() if not k.startswith("_") and not isinstance(v, types.ModuleType)}
        if items:
            found[name] = {k: arguments(v) for k, v in sorted(items.items())}
    return {"keras": keras.__version__, "made_by": "examples/keras_names.py", "names": found}


def keras_surface():
    """What Keras has: the installed one, or what was noted of the one compared last."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        return surface(importlib.import_module("keras"))
    except ImportError:
        return json.loads(NOTED.read_text(encoding="utf-8"))


def find(namespace, name=None):
    """What kerasnp has under a name, or None."""
    item = kerasnp
    for part in [*filter(None, namespace.split(".")), *([name] if name else [])]:
        try:
            item = getattr(item, part)
        except AttributeError:
            return None
    return item


def own_arguments(item):
    """As `arguments`, with those that bases take by way of **kwargs."""
    found = arguments(item)
    if found and inspect.isclass(item) and found["more"]:
        seen = {a[0] for a in found["arguments"]}
        for base in item.__mro__[1:]:
            if "__init__" not in vars(base) or base is object:
                continue
            inherited = arguments(base)
            found["arguments"] += [[n, d, False] for n, d, _ in inherited["arguments"] if n not in seen]
            seen |= {a[0] for a in inherited["arguments"]}
            if not inherited["more"]:
                break
    return found


def same_default(theirs, own):
    if theirs == own or "object" in (theirs, own):
        return True
    if "required" in (theirs, own):
        return False
    # (1, 1) and 1 mean the same wherever an argument takes both.
    a, b = ast.literal_eval(theirs), ast.literal_eval(own)
    if isinstance(a, tuple) != isinstance(b, tuple):
        return {*kerasnp.tree.flatten(a)} == {*kerasnp.tree.flatten(b)} != set()
    return a == b and type(a) in (int, float) and type(b) in (int, float)


def difference(theirs, item):
    """How the arguments of `item` differ from Keras's, in a few words; empty if they do not."""
    own = own_arguments(item)
    if theirs is None or own is None or own["any"]:
        return ""
    defaults = {n: d for n, d, _ in own["arguments"]}
    words = []
    missing = [n for n, _, _ in theirs["arguments"] if n not in defaults]
    if missing:
        words.append("without " + ", ".join(f"`{n}`" for n in missing))
    for name, default, _ in theirs["arguments"]:
        if name in defaults and not same_default(default, defaults[name]):
            here = f"`{name}` required" if defaults[name] == "required" else f"`{name}={defaults[name]}`"
            words.append(f"{here} (Keras: {default})")
    both = [[n for n, _, positional in s["arguments"] if positional] for s in (theirs, own)]
    common = [[n for n in names if n in both[1 - i]] for i, names in enumerate(both)]
    if common[0] != common[1]:
        words.append("in another order")
    known = {n for n, _, _ in theirs["arguments"]}
    needed = [n for n, d, _ in own["arguments"] if d == "required" and n not in known]
    if needed and not theirs["more"] and not theirs["any"]:
        words.append("needs " + ", ".join(f"`{n}`" for n in needed))
    return "; ".join(words)


def reason(namespace, name):
    full = f"{namespace}.{name}".lstrip(".")
    return next((why for pattern, why in REASONS.items() if re.fullmatch(pattern, full)), NOT_YET)


# --- which operators are differentiable ------------------------------------------------------------------------------

X = np.array([[0.3, -0.6, 0.5], [0.2, 0.7, -0.1], [-0.4, 0.1, 0.8]])
SPD = X @ X.T + np.eye(3)
IMAGES = np.linspace(0.1, 0.9, 2 * 8 * 8 * 3).reshape(2, 8, 8, 3)
KERNEL = np.linspace(-0.5, 0.5, 3 * 3 * 3 * 3).reshape(3, 3, 3, 3)
QUERY = np.linspace(-1, 1, 24).reshape(1, 3, 2, 4)
ROW = np.linspace(0.1, 0.8, 40)
INDICES = np.array([0, 2, 1])
ONE_HOT = np.eye(3)[INDICES]

# Calls of operators that `f(x)`, `f(x, x)`, `f([x, x])` and `f(x, 1)` are not calls of: functions of the operator and a
# Variable. A number is an argument of which a gradient is asked.
CALLS = {
    "adaptive_average_pool": lambda f, v: f(v(IMAGES), 2),
    "adaptive_max_pool": lambda f, v: f(v(IMAGES), 2),
    "average_pool": lambda f, v: f(v(IMAGES), 2),
    "max_pool": lambda f, v: f(v(IMAGES), 2),
    "batch_normalization": lambda f, v: f(v(X), v(X[0]), v(X[0] ** 2 + 1), -1),
    "binary_crossentropy": lambda f, v: f(ONE_HOT, v(X**2)),
    "categorical_crossentropy": lambda f, v: f(ONE_HOT, v(X**2)),
    "sparse_categorical_crossentropy": lambda f, v: f(INDICES, v(X**2)),
    "conv": lambda f, v: f(v(IMAGES), v(KERNEL)),
    "conv_transpose": lambda f, v: f(v(IMAGES), v(KERNEL), 1),
    "depthwise_conv": lambda f, v: f(v(IMAGES), v(KERNEL)),
    "separable_conv": lambda f, v: f(v(IMAGES), v(KERNEL[..., :1]), v(KERNEL[:1, :1])),
    "ctc_loss": lambda f, v: f(INDICES[None, 1:], v(np.tile(X, (1, 2, 1)).reshape(1, 6, 3)), [2], [6]),
    "ctc_decode": lambda f, v: f(v(X[None]), [3]),
    "dot_product_attention": lambda f, v: f(v(QUERY), v(QUERY), v(QUERY)),
    "depth_to_space": lambda f, v: f(v(QUERY), 2),
    "space_to_depth": lambda f, v: f(v(IMAGES), 2),
    "fold": lambda f, v: f(v(np.ones((1, 4, 9))), 4, 2),
    "unfold": lambda f, v: f(v(IMAGES), 2),
    "rearrange": lambda f, v: f(v(X), "a b -> b a"),
    "moments": lambda f, v: f(v(X), [0]),
    "einsum": lambda f, v: f("ij,jk->ik", v(X), v(X)),
    "where": lambda f, v: f(X > 0, v(X), v(X)),
    "clip": lambda f, v: f(v(X), -0.5, 0.5),
    "cast": lambda f, v: f(v(X), "float32"),
    "reshape": lambda f, v: f(v(X), (9,)),
    "broadcast_to": lambda f, v: f(v(X), (2, 3, 3)),
    "moveaxis": lambda f, v: f(v(X), 0, 1),
    "swapaxes": lambda f, v: f(v(X), 0, 1),
    "squeeze": lambda f, v: f(v(X[None])),
    "take_along_axis": lambda f, v: f(v(X), INDICES[:, None], 1),
    "take": lambda f, v: f(v(X), INDICES, 0),
    "get_item": lambda f, v: f(v(X), (0, slice(1, 3))),
    "pad": lambda f, v: f(v(X), 1),
    "histogram": lambda f, v: f(v(X[0])),
    "split": lambda f, v: f(v(X), 3),
    "array_split": lambda f, v: f(v(X), 2),
    "hsplit": lambda f, v: f(v(X), 3),
    "vsplit": lambda f, v: f(v(X), 3),
    "dsplit": lambda f, v: f(v(IMAGES), 2),
    "slice": lambda f, v: f(v(X), (0, 1), (2, 2)),
    "slice_update": lambda f, v: f(v(X), (0, 0), v(X[:2, :2])),
    "scatter": lambda f, v: f(INDICES[:, None], v(X), (4, 3)),
    "scatter_update": lambda f, v: f(v(X), INDICES[:, None], v(X)),
    "select": lambda f, v: f([X > 0], [v(X)], 0.0),
    "segment_max": lambda f, v: f(v(X), [0, 1, 1]),
    "segment_min": lambda f, v: f(v(X), [0, 1, 1]),
    "segment_prod": lambda f, v: f(v(X), [0, 1, 1]),
    "segment_sum": lambda f, v: f(v(X), [0, 1, 1]),
    "cholesky": lambda f, v: f(v(SPD)),
    "cholesky_inverse": lambda f, v: f(v(SPD)),
    "quantile": lambda f, v: f(v(X), 0.5),
    "percentile": lambda f, v: f(v(X), 50.0),
    "nanquantile": lambda f, v: f(v(X), 0.5),
    "nanpercentile": lambda f, v: f(v(X), 50.0),
    "fft": lambda f, v: f((v(X), v(X))),
    "fft2": lambda f, v: f((v(X), v(X))),
    "ifft2": lambda f, v: f((v(X), v(X))),
    "irfft": lambda f, v: f((v(X), v(X))),
    "stft": lambda f, v: f(v(ROW), 8, 4, 8),
    "istft": lambda f, v: f((v(np.ones((9, 5))), v(np.ones((9, 5)))), 8, 4, 8),
    "extract_sequences": lambda f, v: f(v(ROW), 8, 4),
    "view_as_complex": lambda f, v: f(v(X[:, :2])),
    "psnr": lambda f, v: f(v(X), v(X**2), 1.0),
    "rms_normalization": lambda f, v: f(v(X), v(X[0])),
    "layer_normalization": lambda f, v: f(v(X), v(X[0]), v(X[0])),
    "associative_scan": lambda f, v: f(ops.add, v(X)),
    "cond": lambda f, v: f(True, lambda: v(X) * 2, lambda: v(X)),
    "switch": lambda f, v: f(0, [lambda x: x * 2], v(X)),
    "custom_gradient": lambda f, v: f(lambda x: (x * 2, lambda dy: 2 * dy))(v(X)),
    "fori_loop": lambda f, v: f(0, 2, lambda i, x: x * 2, v(X)),
    "while_loop": lambda f, v: f(lambda x: ops.sum(x) < 9, lambda x: (x + 1,), (v(X),)),
    "map": lambda f, v: f(lambda x: x * 2, v(X)),
    "scan": lambda f, v: f(lambda c, x: (c + x, c * x), v(X[0]), v(X)),
    "vectorize": lambda f, v: f(lambda x: x * 2)(v(X)),
    "vectorized_map": lambda f, v: f(lambda x: x * 2, v(X)),
    "jvp": lambda f, v: f(ops.square, (v(X),), (X,)),
    "in_top_k": lambda f, v: f(INDICES, v(X), 2),
    "bincount": lambda f, v: f(INDICES),
    "bitwise_invert": lambda f, v: f(INDICES),
    "bitwise_not": lambda f, v: f(INDICES),
    "correlate": lambda f, v: f(v(X[0]), v(X[1])),
    "digitize": lambda f, v: f(v(X), [0.0, 1.0]),
    "glu": lambda f, v: f(v(QUERY)),
    "searchsorted": lambda f, v: f([0.0, 1.0], v(X)),
    "threshold": lambda f, v: f(v(X), 0.1, 0.0),
    "unravel_index": lambda f, v: f(INDICES, (3, 3)),
    "linspace": lambda f, v: f(v(X[0]), v(X[1]), 4),
    "convert_to_tensor": lambda f, v: f(v(X)),
    "image.affine_transform": lambda f, v: f(v(IMAGES), np.array([1, 0, 0.5, 0, 1, 0.5, 0, 0.0])),
    "image.crop_images": lambda f, v: f(v(IMAGES), 1, 1, 1, 1),
    "image.pad_images": lambda f, v: f(v(IMAGES), 1, 1, 1, 1),
    "image.elastic_transform": lambda f, v: f(v(IMAGES), seed=1),
    "image.extract_patches": lambda f, v: f(v(IMAGES), 2),
    "image.extract_patches_3d": lambda f, v: f(v(IMAGES[:, None]), 1),
    "image.gaussian_blur": lambda f, v: f(v(IMAGES)),
    "image.hsv_to_rgb": lambda f, v: f(v(IMAGES)),
    "image.rgb_to_hsv": lambda f, v: f(v(IMAGES)),
    "image.rgb_to_grayscale": lambda f, v: f(v(IMAGES)),
    "image.map_coordinates": lambda f, v: f(v(X), np.ones((2, 2)) * 0.5, 1),
    "image.perspective_transform": lambda f, v: f(
        v(IMAGES), np.array([[[0, 0], [0, 7], [7, 0], [7, 7.0]]] * 2), np.array([[[1, 0], [0, 7], [7, 1], [6, 7.0]]] * 2)
    ),
    "image.resize": lambda f, v: f(v(IMAGES), (5, 5)),
    "image.scale_and_translate": lambda f, v: f(
        v(IMAGES[0]), (5, 5, 3), np.array([0.5, 0.5]), np.array([0.1, 0.1]), (0, 1), "linear"
    ),
    "image.sobel_edges": lambda f, v: f(v(IMAGES)),
    "image.ssim": lambda f, v: f(v(IMAGES), v(IMAGES**2), 1.0, filter_size=3),
}
PAIRS_OF_INTEGERS = "bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor gcd lcm left_shift right_shift"
CALLS.update(dict.fromkeys(PAIRS_OF_INTEGERS.split(), lambda f, v: f(INDICES, INDICES)))
# What asks for shapes and types, or makes arrays from nothing.
NO_OPERATORS = (
    "arange array bartlett blackman convert_to_numpy copy dtype empty empty_like eye full full_like geomspace hamming hanning "
    "identity is_tensor kaiser logspace multi_hot ndim one_hot ones ones_like saturate_cast shape size stop_gradient tri view "
    "zeros zeros_like"
).split()
ANY = [lambda f, v: f(v(X)), lambda f, v: f(v(X), v(X)), lambda f, v: f([v(X), v(X)]), lambda f, v: f(v(X), 1)]


def differentiable(name):
    """Whether gradients flow through an operator: True, False, or None where nothing here calls it."""
    space, _, short = name.rpartition(".")
    function = find(f"ops.{space}".rstrip("."), short)
    for call in [CALLS[name]] if name in CALLS else ANY:
        variables = []

        def variable(values):
            variables.append(Variable(values, dtype="float64"))  # noqa: B023
            return variables[-1]  # noqa: B023

        try:
            with np.errstate(all="ignore"):
                with Tape() as tape:
                    outputs = kerasnp.tree.flatten(call(function, variable))
                    floats = [y for y in outputs if isinstance(y, Variable) and "float" in str(y.dtype)]
                    total = sum((ops.sum(y) for y in floats[1:]), ops.sum(floats[0])) if floats else None
                return bool(floats) and any(g is not None for g in tape.gradient(total, variables))
        except Exception:  # the next way to call it
            continue
    return None


def operators(names):
    """Name -> whether it is differentiable, of the operators among the names of keras.ops."""
    every = {n: n for n in names["ops"]} | {f"image.{n}": n for n in names["ops.image"]}
    return {
        full: differentiable(full) for full, n in sorted(every.items())
        if n not in NO_OPERATORS and find("ops" + (".image" if "." in full else ""), n) is not None
    }  # fmt: skip


# --- the table -------------------------------------------------------------------------------------------------------


def joined(names):
    """The namespaces, those of which nothing is here as one with their parent's."""
    result: dict = {}
    for space, items in names.items():
        parent = space.partition(".")[0]
        if parent in result and not any(find(parent, n) for n in result[parent]) and find(space) is None:
            result[parent] = result[parent] | {f"{space.partition('.')[2]}.{n}": v for n, v in items.items()}
        else:
            result[space] = items
    return result


def wrapped(names, indent="  "):
    text = ", ".join(f"`{n}`" if n else "" for n in names)
    return textwrap.fill(text, 124, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def table(noted):
    """The text of KERAS_NAMES.md."""
    rows, lists, differences, have, all_names = [], [], [], 0, 0
    for space, items in joined(noted["names"]).items():
        present = [n for n in items if find(space, n) is not None]
        absent: dict = {}
        for n in items:
            if n not in present:
                absent.setdefault(reason(space, n), []).append(n)
        have, all_names = have + len(present), all_names + len(items)
        why = "; ".join(f"{len(names)} {text}" for text, names in absent.items())
        title = f"keras.{space}".rstrip(".")
        rows.append(f"| `{title}` | {len(items)} | {len(present)} | {why or 'all here'} |")
        if present:
            lists += ["", f"### `{title}`", "", "Here:", "", wrapped(present, "")]
            for text, names in absent.items():
                lists += ["", f"Absent, {text}:", "", wrapped(names, "")]
        for n in present:
            # The other namespaces of operators hold the same ones.
            if space not in ("ops.numpy", "ops.nn", "ops.linalg") and (text := difference(items[n], find(space, n))):
                differences.append(f"| `{title}.{n}` | {text} |")
    flows = operators(noted["names"])
    yes, no = ([n for n, answer in flows.items() if answer is wanted] for wanted in (True, False))
    lines = [
        f"# The names of Keras {noted['keras']} in kerasnp", "",
        "Written by `python examples/keras_names.py`, which compares both packages; do not edit.",
        f"{have} of {all_names} public names are here. \"Not yet\" marks what would make sense and is missing.", "",
        "| namespace | names | here | absent |", "|---|---|---|---|", *rows, "",
        "## Operators", "",
        f"Of the operators in `kerasnp.ops`, gradients flow through {len(yes)}:", "", wrapped(yes, ""), "",
        f"and not through {len(no)}, whose results are integers, truth values, complex numbers or flat steps:", "",
        wrapped(no, ""), "",
        "## Arguments that differ", "", "| name | here |", "|---|---|", *differences, "",
        "## Every name", *lists,
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the table is not up to date")
    options = parser.parse_args(argv)
    noted = keras_surface()
    text = table(noted)
    if options.check:
        current = TABLE.exists() and TABLE.read_text(encoding="utf-8") == text
        print("up to date" if current else "not up to date: run python examples/keras_names.py")
        return 0 if current else 1
    TABLE.write_text(text, encoding="utf-8")
    if noted.get("keras") and "keras" in sys.modules:
        # A line for each name, so that a change of versions can be read.
        text = json.dumps(noted, separators=(",", ":"))
        NOTED.write_text(re.sub(r'("\w+":(\{"arguments"|null))', r"\n\1", text) + "\n", encoding="utf-8")
    print(f"wrote {TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
