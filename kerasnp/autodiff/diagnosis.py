"""Why a gradient is wrong: what numbers alone can tell about it, and which operator it comes from."""

import copy
import inspect
import itertools

import numpy as np

from kerasnp.autodiff.variable import Variable

# How many elements of a gradient are measured one by one, and what share of their norm an explanation may leave over.
ENTRIES, REST, REST_SINGLE = 64, 1e-5, 1e-3
# How many operators of a kind and shape are looked at.
ALIKE = 3

UNEXPLAINED = "missing path, or a wrong term: no factor, sign, transposition or flip explains it"
TOO_MANY = "a path too many: the result does not depend on it, so the gradient should be zero"
UNRECORDED = (
    "missing path: every recorded operator is right by itself, so part of the computation left no trace "
    "(stop_gradient, `.value`, or numpy between the operators)"
)
SUSPECTS = "missing path, or a wrong term: the operators that can be run alone are right, which leaves {} to look at"


def explain(analytic, numeric, entries, batch, rest=REST):
    """What is likely wrong with a gradient, given its right values at some entries, or None where nothing is.

    Args:
        analytic: the gradient, or None.
        numeric: what it should be at the flat indices `entries`.
        batch: the number of samples, None, or several numbers that may be it.
        rest: the share of its norm that an explanation may leave over.
    """
    size = float(np.linalg.norm(numeric))
    if analytic is None or not analytic.any():
        return "missing path: no gradient arrives, though the result depends on it" if size else None
    given = analytic.ravel()[entries]
    if not np.isfinite(given).all():
        return "the gradient is not finite"
    if np.linalg.norm(given - numeric) <= rest / 10 * size:
        return None
    if size <= 1e-9 * np.linalg.norm(given):
        return TOO_MANY
    for kind, candidate in _candidates(analytic):
        candidate = candidate.ravel()[entries]
        square = float(candidate @ candidate)
        scale = float(candidate @ numeric) / square if square else 0.0
        if scale and np.linalg.norm(scale * candidate - numeric) <= rest * size:
            texts = [kind, _factor(1 / scale, batch)]
            return ", and ".join(text for text in texts if text)
    lost = given == 0
    if lost.any() and np.linalg.norm((given - numeric)[~lost]) <= rest * size:
        return f"missing path: {lost.sum()} of {len(entries)} elements looked at get no gradient, the others are right"
    return UNEXPLAINED


def _candidates(a):
    """(what was done to the gradient, the gradient with that undone)."""
    yield "", a
    if not 2 <= a.ndim <= 4:
        axes = range(a.ndim) if a.ndim == 1 else ()
    else:
        axes = range(a.ndim)
        for order in itertools.permutations(axes):
            if order != tuple(axes):
                undone = a.reshape([a.shape[i] for i in order]).transpose(np.argsort(order))
                yield "transposed" if a.ndim == 2 else f"transposed (axes in the order {order})", undone
    for count in range(1, len(axes) + 1):
        for flipped in itertools.combinations(axes, count):
            yield f"flipped along axis {', '.join(map(str, flipped))}", np.flip(a, flipped)


def _factor(ratio, batch):
    """What a gradient that is `ratio` times the right one suffers from."""
    size = abs(ratio)
    sign = "sign: it points the opposite way" if ratio < 0 else ""
    near = lambda x: abs(size - x) <= 1e-4 * x  # noqa: E731
    if abs(size - 1) <= 1e-6:
        text = ""
    else:
        text = f"constant factor: {size:.6g} times what it should be"
        for n in batch if isinstance(batch, tuple) else (batch,):
            if n and n > 1 and near(n):
                text = f"scaled by batch: {n} times too large, the sum over the batch in place of the mean"
            elif n and n > 1 and near(1 / n):
                text = f"scaled by batch: {n} times too small, divided by the batch size once too often"
    return ", and ".join(t for t in (sign, text) if t)


def diagnose(wrong, gradients, value, tape, rng, step, batch, owners, errors):
    """Sentences by name: the operators that are wrong by themselves, or else what is wrong with each part."""
    named = {id(p.variable): p.name for p in wrong if p.index is ...}
    causes = {}
    operators, suspects = wrong_operators(tape, rng, step, batch)
    for op, found in operators:
        parameters = [p.name for p in inspect.signature(op.forward).parameters.values() if p.kind != p.VAR_POSITIONAL]
        owner = f' of "{owners[id(op)]}"' if id(op) in owners else ""
        for text in dict.fromkeys(found.values()):
            arguments = []
            for i in (i for i, other in found.items() if other == text):
                argument = parameters[i] if i < len(parameters) else f"input {i}"
                leaf = named.get(id(op.inputs[i])) or getattr(op.inputs[i], "path", "")
                arguments.append(f"{argument} ({leaf})" if leaf and leaf != argument else argument)
            causes[f"{type(op).__name__}{owner}, gradient of {', '.join(arguments)}"] = text
    if causes:
        return causes
    found, off = {}, dict.fromkeys(errors, 0.0)
    for part in wrong:
        text, off[part.name] = _explain_part(part, gradients, value, rng, step, batch)
        if text:
            found[part.name] = text
    unexplained = _unrecorded(off) if not suspects else SUSPECTS.format(" and ".join(suspects))
    groups: dict = {}
    for name, text in found.items():
        text = unexplained if text == UNEXPLAINED else text
        if suspects and text is not unexplained:
            text = f"{text}; of the operators only {' and '.join(suspects)} could not be checked alone"
        groups.setdefault(text, []).append(name)
    return {", ".join(names) if len(names) < 4 else f"{len(names)} gradients": text for text, names in groups.items()}


def _unrecorded(errors):
    """What to say where every operator is right, with what the gates of an LSTM tell, if there are any.

    Args:
        errors: the relative error of each gradient in the Euclidean norm.
    """
    gates: dict = {}
    for name, error in errors.items():
        if name.endswith(" gate"):
            gates.setdefault(name.rpartition(" of the ")[2].removesuffix(" gate"), []).append(error)
    means = {gate: float(np.mean(found)) for gate, found in gates.items()}
    last = means.pop("output", None)
    if last is not None and min(means.values()) > 1e-4 and last < 0.3 * min(means.values()):
        hint = "of the gates only the last one is (nearly) right, as if the cell state c handed nothing back from step to step"
        return f"{UNRECORDED}; {hint}, dc[t-1] += dc[t] * f[t]"
    return UNRECORDED


def _explain_part(part, gradients, value, rng, step, batch):
    gradient = gradients[id(part.variable)]
    held = part.variable.value
    region = np.arange(held.size).reshape(held.shape)[part.index]
    entries = rng.permutation(region.size)[:ENTRIES]
    flat = region.ravel()[entries]
    numeric = _measure(held, flat, value, step)
    given = np.zeros(held.shape) if gradient is None else gradient
    off = np.linalg.norm(given.ravel()[flat] - numeric) / max(np.linalg.norm(numeric), 1e-300)
    return explain(None if gradient is None else gradient[part.index], numeric, entries, batch), off


def _measure(array, entries, value, step):
    """The derivatives of `value()` in single elements of an array that it reads."""
    flat = array.reshape(-1)
    if not np.shares_memory(flat, array) and array.size:
        raise ValueError("gradcheck: a weight must be one stretch of memory.")
    scale = step * max(1.0, float(np.abs(array).max(initial=0)))
    numeric = np.empty(len(entries))
    for j, k in enumerate(entries):
        origin = flat[k]
        try:
            flat[k] = origin + scale
            above = value()
            flat[k] = origin - scale
            below = value()
        finally:
            flat[k] = origin
        numeric[j] = (above - below) / (2 * scale)
    return numeric


def direction_error(array, index, gradient, value, rng, step, rtol):
    """The relative error of the derivative of `value()` in a random direction within a region of an array it reads.

    An error above `rtol` counts only where a smaller step measures the same derivative: otherwise a kink, or rounding,
    lies between.
    """
    direction = np.zeros(array.shape)
    direction[index] = rng.standard_normal(direction[index].shape)
    size = 0.0 if gradient is None else float(np.linalg.norm(gradient[index])) * 1e-2
    analytic = 0.0 if gradient is None else float(np.sum(gradient * direction))
    slopes = []
    for scale in (step, step / 16):
        slope, noise = _slope(array, direction, value, scale)
        slopes.append(slope)
        # Rounding is no error of the gradient. A nan stays one: max would return the 0.
        off = float(np.maximum(0.0, abs(slopes[-1] - analytic) - noise))
        error = off / max(abs(slopes[-1]), abs(analytic), size, 1e-12)
        if error <= rtol or np.isnan(error):
            return error
    return 0.0 if abs(slopes[0] - slopes[1]) > 0.5 * off else error


def _slope(array, direction, value, step):
    """The derivative of `value()` along a direction, by central differences, and what rounding alone can do to it."""
    origin = array.copy()
    scale = step * max(1.0, float(np.abs(origin).max(initial=0)))
    try:
        array[...] = origin + scale * direction
        above = value()
        array[...] = origin - scale * direction
        below = value()
    finally:
        array[...] = origin
    noise = 8 * np.finfo(np.float64).eps * (abs(above) + abs(below)) / (2 * scale)
    return (above - below) / (2 * scale), noise


# -- operators ------------------------------------------------------------------------------------------------------


def wrong_operators(tape, rng, step, batch=None):
    """The recorded operators whose backward is not the derivative of their forward, and the names of those unchecked.

    Returns: [(operator, {input: sentence})], [name].
    """
    seen: dict = {}
    found, unchecked = [], {}
    for op in tape.operators:
        kind = type(op), tuple(getattr(x, "shape", ()) for x in op.inputs)
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] > ALIKE:
            continue
        texts = check_operator(op, rng, step, batch)
        if texts is None:
            unchecked[type(op).__name__] = True
        elif texts:
            found.append((op, texts))
    return found, list(unchecked)


def check_operator(op, rng, step, batch=None):
    """{input: sentence} for the inputs of a recorded operator whose gradients are wrong; None if it cannot be run alone.

    An operator cannot that draws random numbers, or that holds what it works on, as a loss does that looks behind a softmax.
    """
    single = any(isinstance(x, Variable) and x.value.dtype == np.float32 for x in op.inputs)
    arrays = [np.array(a, np.float64) if a.dtype.kind == "f" else a for a in _arrays(op.inputs)]
    alone = copy.copy(op)
    alone.release()
    try:
        first, second = (_tuple(alone.forward(*arrays)) for _ in range(2))
    except (TypeError, ValueError, AttributeError):
        return None
    if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second)):
        return None
    weights = [rng.standard_normal(np.shape(y)) if np.asarray(y).dtype.kind == "f" else None for y in first]
    dys = [np.zeros_like(y) if w is None else w.astype(_dtype_of(op, y)) for y, w in zip(first, weights)]
    gradients = op.backward(*(np.array(d) for d in dys))
    gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)

    def value():
        return sum(float(np.sum(y * w)) for y, w in zip(_tuple(alone.forward(*arrays)), weights) if w is not None)

    texts = {}
    for i, x in enumerate(op.inputs):
        if not op.wants(i) or not isinstance(x, Variable) or arrays[i].dtype.kind != "f" or not arrays[i].size:
            continue
        gradient = gradients[i] if i < len(gradients) else None
        tolerance = 2e-3 if single else 1e-5
        errors = [direction_error(arrays[i], ..., gradient, value, rng, step, tolerance) for _ in range(2)]
        if max(errors) <= tolerance:
            continue
        entries = rng.permutation(arrays[i].size)[:ENTRIES]
        batches = (batch, arrays[0].shape[0] if arrays[0].ndim else None)
        text = explain(gradient, _measure(arrays[i], entries, value, step), entries, batches, REST_SINGLE if single else REST)
        if text is TOO_MANY:
            return None
        if text:
            texts[i] = text
    if texts and any(text == UNEXPLAINED for text in texts.values()) and hasattr(op, "blame"):
        hint = op.blame(lambda other: check_operator(other, rng, step) or {})
        texts = {i: hint if hint and text == UNEXPLAINED else text for i, text in texts.items()}
    return texts


def _arrays(inputs):
    return [np.asarray(x.value if isinstance(x, Variable) else x) for x in inputs]


def _dtype_of(op, y):
    """The type of the gradients that a recorded operator works with."""
    kinds = {x.value.dtype for x in op.inputs if isinstance(x, Variable) and x.value.dtype.kind == "f"}
    return kinds.pop() if len(kinds) == 1 else y.dtype


# -- a second call --------------------------------------------------------------------------------------------------


def stale(parts, gradients, record, value, rng, step, rtol, wrong):
    """{name: sentence} for gradients that depend on an earlier call: computed again, elsewhere first and then here."""
    variables = list({id(p.variable): p.variable for p in parts}.values())
    # Values a fifth smaller: what was kept from before is off by that much, and a kink on the way by far less.
    gross = max(1e-3, 10 * rtol)
    origins = [v.value.copy() for v in variables]
    found = {}
    slopes = {p.name: [] for p in parts if p.name in wrong}
    directions = {p.name: rng.standard_normal(p.variable.shape) for p in parts if p.name in wrong}

    def measure():
        for p in parts:
            if p.name in slopes:
                slopes[p.name].append(_slope(p.variable.value, directions[p.name], value, step)[0])

    try:
        for v, origin in zip(variables, origins):
            v.value[...] = origin * (1 - 0.2 * rng.random(origin.shape))
        try:
            elsewhere = record()[1]
            moved = {
                p.name: direction_error(p.variable.value, p.index, elsewhere[id(p.variable)], value, rng, step, gross)
                for p in parts
            }
            measure()
        except (ValueError, ArithmeticError):
            # The function is not defined there.
            return {}
    finally:
        for v, origin in zip(variables, origins):
            v.value[...] = origin
    again = record()[1]
    measure()
    for part in parts:
        key = id(part.variable)
        a, b, c = (_region(g[key], part) for g in (gradients, again, elsewhere))
        difference = np.linalg.norm(b - a)
        if difference > 1e-7 * np.linalg.norm(a):
            found[part.name] = (
                f"stale state: the gradient of a second call differs from that of the first "
                f"(by {difference / max(np.linalg.norm(a), 1e-300):.2g} of its size)"
            )
        elif not wrong and moved[part.name] > gross:
            found[part.name] = (
                "stale state: right in the first call, wrong in one with other values; "
                "something that the first call kept is used again"
            )
        elif part.name in wrong and a.any() and np.array_equal(a, c) and not np.isclose(*slopes[part.name], rtol=1e-6):
            found[part.name] = (
                "stale state: the gradient stays the same when the values change, as if kept from an earlier call"
            )
    return found


def _region(gradient, part):
    return np.zeros(1) if gradient is None else gradient[part.index]


def _tuple(y):
    return y if isinstance(y, tuple) else (y,)
