"""What a model put out when it was saved, kept in the file and compared when it is loaded.

A sample made by a formula goes through the layers one by one; a few numbers of each output are stored. A model that
answers differently after loading is an error that names the first layer that differs, instead of a surprise later.
Keras ignores the entry. Models without a fixed answer (stateful, random) and costly ones get none.
"""

import json
import math

import numpy as np

from kerasnp import backend as K
from kerasnp.saving import limits
from kerasnp.utils import nest

MEMBER = "kerasnp_fingerprint.json"
ATTRIBUTE = "kerasnp_fingerprint"

ROWS = 1  # a matrix times one vector is read once; times two, BLAS copies it first
SAMPLES = 12
MAX_COST = 100_000_000  # multiplications for one row
MAX_INPUT = 1 << 18
# The lengths to try where a shape leaves one open.
OPEN_LENGTHS = (8, 32, 128)


def members(model):
    """The member to put into a `.keras` file: [(name, bytes)], or none."""
    found = text(model)
    return [(MEMBER, found.encode())] if found else []


def text(model):
    """The fingerprint of a model as JSON, or None."""
    if not getattr(model, "built", False) or not (is_graph(model) or nest.is_shape(getattr(model, "_build_shape", None))):
        return None
    for length in OPEN_LENGTHS:
        shape = of_inputs(model, lambda declared, n=length: [n if d is None else d for d in declared[1:]])
        if not affordable(model, shape):
            return None
        below = keys(model)
        try:
            first, second = (outputs(model, samples(model, shape, below)) for _ in range(2))
        except Exception:
            continue  # too short for its kernels, or not made for such numbers
        if first == second and all(math.isfinite(v) for entry in first for v in entry["values"]):
            return json.dumps({"shape": shape, "below": below, "layers": first})
        return None
    return None


def is_graph(model):
    """Whether a model is a graph of layers, which tells its steps itself."""
    return hasattr(model, "walk")


def of_inputs(model, function):
    """`function` of the declared batch shape of the input, or a list of it for the inputs of a graph."""
    return [function(x.shape) for x in model.inputs] if is_graph(model) else function(model._build_shape)


def keys(model):
    """For an input that is looked up in a table, how many keys that knows, else None; a list of it for a graph."""
    return [keys_of_input(model, x) for x in model.inputs] if is_graph(model) else number_of_keys(model)


def keys_of_input(model, tensor):
    """The same for one input of a graph, from the layers that take it."""
    takers = [node.operation for node in model._graph.nodes if any(x is tensor for x in node.inputs)]
    known = [n for n in (number_of_keys(layer) for layer in takers if hasattr(layer, "casts_integers")) if n is not None]
    tables = [n for layer, n in zip(takers, known) if n != 2 or not tensor.dtype.startswith("float")]
    return min(tables, default=2 if tensor.dtype.startswith(("int", "uint", "bool")) else None)


def samples(model, shape, below):
    """A sample for the input, or a list of samples for the inputs of a graph."""
    return [sample(s, b) for s, b in zip(shape, below)] if is_graph(model) else sample(shape, below)


def number_of_keys(model):
    """For a first layer that looks numbers up: how many it knows; else None."""
    if getattr(model, "casts_integers", True):
        return None
    first = model.layers[0] if getattr(model, "layers", None) else model
    while getattr(first, "layers", None):
        first = first.layers[0]
    return getattr(first, "input_dim", 2)


def sample(shape, below):
    """ROWS samples: a fixed wave, or key numbers below `below`."""
    n = ROWS * math.prod(shape)
    ramp = np.arange(n)
    values = (ramp * 7 + 1) % below if below else np.sin(ramp * 1.7 + 0.3)
    return values.astype(np.int32 if below else K.floatx()).reshape(ROWS, *shape)


def affordable(model, shape):
    """Whether a model can be run on a sample of `shape` in a few hundredths of a second, and always answers alike."""
    shapes = [(ROWS, *s) for s in shape] if is_graph(model) else [(ROWS, *shape)]
    if sum(map(math.prod, shapes)) > MAX_INPUT:
        return False
    if any(getattr(inner, "stateful", False) for layer in model.layers for inner in layer._flatten_layers()):
        return False
    cost = 0
    try:
        for operation, before, after in steps(model, shapes):
            sizes = [math.prod(s[1:]) for s in (*before, *after)]
            places = max(math.prod(s[1:-1]) for s in (*before, *after))
            cost += sum(w.size for w in getattr(operation, "weights", ())) * places + 10 * sum(sizes)
            if cost > MAX_COST:
                return False
    except Exception:
        return False
    return True


def steps(model, shapes):
    """(layer, shapes of its inputs, shapes of its outputs) in turn; shapes with the batch."""
    if is_graph(model):
        yield from model.walk_shapes(shapes)
        return
    (shape,) = shapes
    for layer in model.layers:
        after = layer.compute_output_shape(shape)
        yield layer, [shape], [after]
        shape = after


def outputs(model, x):
    """[{"name", "shape", "values", "scale"}] of every layer in turn."""
    found = []
    try:
        for operation, y in model.walk(x) if is_graph(model) else down(model, x):
            flat = np.asarray(getattr(y, "value", y)).reshape(-1).astype(np.float64)
            picked = flat[:: max(1, -(-flat.size // SAMPLES))]
            scale = float(np.abs(flat).max(initial=0))
            values = [float(f"{v:.7g}") for v in picked]
            entry = {"name": operation.name, "shape": list(y.shape), "values": values, "scale": float(f"{scale:.7g}")}
            found.append(entry)
    finally:
        model._clear_losses()
    return found


def down(model, x):
    """(layer, its output) down a stack."""
    for layer in model.layers:
        x = layer(x, training=False)
        yield layer, x


def compare(model, stored, file):
    """Compare a loaded model with what its file says it put out.

    Raises: ValueError naming the first layer that differs.
    """
    if stored is None:
        return
    x, expected = read(model, stored, f"{file}: {MEMBER}")
    got = outputs(model, x)
    operations = model.walked() if is_graph(model) else model.layers
    for i, (layer, now, then) in enumerate(zip(operations, got, expected)):
        precise = getattr(layer, "compute_dtype", "float32") in ("float32", "float64")
        tolerance = (1e-3 if precise else 5e-2) * (then["scale"] + 1e-6)
        off = math.inf
        if now["shape"] == then["shape"] and len(now["values"]) == len(then["values"]):
            off = max((abs(a - b) for a, b in zip(now["values"], then["values"])), default=0.0)
        if not off <= tolerance:
            raise ValueError(
                f"{file}: the model does not answer as it did when it was saved. The first layer that differs is "
                f'{type(layer).__name__} "{layer.name}" (number {i + 1} of {len(expected)}): for the sample kept in the '
                f"file it gives {_few(now['values'])} of shape {now['shape']}; it gave {_few(then['values'])} of shape "
                f"{then['shape']}. Its weights in the file were damaged or changed, or its code is another; restore the "
                "file, or save the model again."
            )


def read(model, stored, where):
    """(sample, outputs of the layers) from a stored fingerprint, if it is one for this model."""
    stored = limits.parse_json(stored, where)
    with limits.place(where):
        shape, below, expected = stored["shape"], stored["below"], stored["layers"]
        for entry in expected:
            entry["values"], entry["scale"] = [float(v) for v in entry["values"]], float(entry["scale"])
            entry["shape"] = list(entry["shape"])
        declared = of_inputs(model, lambda shape: shape)
        several = is_graph(model)
        if (
            (several and (type(shape) is not list or len(shape) != len(declared)))
            or not all(fits(*pair) for pair in (zip(shape, declared) if several else [(shape, declared)]))
            or below != keys(model)
        ):
            raise ValueError(f"it is for inputs of shape {shape}, but the model takes {declared}.")
        count = len(model.walked() if several else model.layers)
        if len(expected) != count:
            raise ValueError(f"it is for {len(expected)} layers, but the model has {count}.")
        if not affordable(model, shape):
            raise ValueError("it asks for more computation than a fingerprint may.")
        return samples(model, shape, below), expected


def fits(shape, declared):
    """Whether a shape without the batch is one that an input takes."""
    return (
        type(shape) is list and declared is not None and len(shape) == len(declared) - 1
        and all(type(n) is int and n > 0 for n in shape)
        and not any(d is not None and d != n for d, n in zip(declared[1:], shape))
    )  # fmt: skip


def _few(values):
    return "[" + ", ".join(f"{v:.5g}" for v in values[:4]) + (", ...]" if len(values) > 4 else "]")
