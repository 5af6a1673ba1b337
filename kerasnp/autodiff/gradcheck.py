"""The check of a gradient: the analytic directional derivative against central differences in float64."""

import numpy as np

from kerasnp.autodiff.tape import Tape
from kerasnp.autodiff.variable import Variable


class GradientError(ValueError):
    """A gradient that differs from what numbers say. `errors` maps each input's name to its relative error."""

    def __init__(self, message, errors):
        super().__init__(message)
        self.errors = errors


def gradcheck(fn, *inputs, rtol=1e-5, step=1e-6, directions=3, seed=0, names=None):
    """Compare the gradients of `fn` with central differences; returns the relative error of each float input by name.

    For a random direction u of each input and random weights v of the outputs, the derivative of
    `sum(v * fn(x + s * u))` at s = 0 is measured by `(f(s) - f(-s)) / 2s` and must equal `sum(u * gradient)`: two
    evaluations a direction, however large the input.

    >>> import kerasnp
    >>> errors = gradcheck(kerasnp.ops.matmul, np.ones((2, 3)), np.ones((3, 4)))
    >>> max(errors.values()) < 1e-5
    True

    Args:
        fn: a function of Variables returning an array or several; it must return the same each time it is called.
        inputs: float arrays or Variables, taken in float64; integer arrays are passed on as they are. A float64
            Variable, such as a weight that `fn` closes over, is checked in place and restored.
        rtol: the largest relative error that passes.
        step: the s above, times the largest element of the input if that exceeds 1.
        directions: how many random directions are tried for each input.
        seed: seed of the directions and weights.
        names: names for the inputs in the message; default `input 0`, ...

    Raises:
        GradientError: an error above `rtol`, or a gradient that is missing; it says which inputs, and by how much.
        ValueError: no float inputs, another number of names than of inputs, or an `fn` whose result changes.
    """
    if names is not None and len(names) != len(inputs):
        raise ValueError(
            f"gradcheck: names must hold one name for each of the {len(inputs)} inputs. Received: names={names!r}"
        )
    rng = np.random.default_rng(seed)
    arguments = [_as_float64(x) for x in inputs]
    variables = {names[i] if names else f"input {i}": x for i, x in enumerate(arguments) if isinstance(x, Variable)}
    if not variables:
        raise ValueError(
            "gradcheck: expected at least one float input. Received: " + (", ".join(map(_kind, inputs)) or "none")
        )
    with Tape() as tape:
        for v in variables.values():
            tape.watch(v)
        outputs = _tuple(fn(*arguments))
    indices = [
        i for i, y in enumerate(outputs) if getattr(y, "creator", None) is not None and y.value.dtype.kind == "f"
    ]
    if not indices:
        raise GradientError("gradcheck: no output depends on a float input through recorded operators.", {})
    outputs = [outputs[i] for i in indices]
    weights = [rng.standard_normal(y.shape) for y in outputs]
    expected = sum(float(np.sum(y.value * w)) for y, w in zip(outputs, weights))
    gradients = tape.gradient(outputs, list(variables.values()), weights)

    def value():
        values = _tuple(fn(*arguments))
        return sum(float(np.sum(np.asarray(values[i]) * w)) for i, w in zip(indices, weights))

    again = value()
    if not abs(again - expected) <= 1e-9 * max(1.0, abs(expected)):
        raise ValueError(
            f"gradcheck: the function must return the same each time, so fix the seeds of what it draws. "
            f"Received: {expected!r}, then {again!r}"
        )
    errors = {}
    for (name, variable), gradient in zip(variables.items(), gradients):
        gradient = np.zeros_like(variable.value) if gradient is None else gradient
        found = [_direction_error(variable, gradient, value, rng, step) for _ in range(directions)]
        # A nan must not be lost in the maximum.
        errors[name] = float(np.max(found, initial=0.0))
    wrong = {name: error for name, error in errors.items() if not error <= rtol}
    if wrong:
        listing = ", ".join(f"{name} by {error:.2g}" for name, error in wrong.items())
        raise GradientError(
            f"gradcheck: the gradient disagrees with central differences (relative error above {rtol:g}): {listing}.",
            errors,
        )
    return errors


def _direction_error(variable, gradient, value, rng, step):
    direction = rng.standard_normal(variable.shape)
    origin = variable.value.copy()
    scale = step * max(1.0, float(np.abs(origin).max(initial=0)))
    try:
        variable.value[...] = origin + scale * direction
        above = value()
        variable.value[...] = origin - scale * direction
        below = value()
    finally:
        variable.value[...] = origin
    numeric = (above - below) / (2 * scale)
    analytic = float(np.sum(gradient * direction))
    # What rounding alone can do to the difference quotient is no error of the gradient.
    noise = 8 * np.finfo(np.float64).eps * (abs(above) + abs(below)) / (2 * scale)
    size = max(abs(numeric), abs(analytic), float(np.linalg.norm(gradient)) * 1e-2, 1e-12)
    # A nan stays one: max would return the 0.
    return float(np.maximum(0.0, abs(numeric - analytic) - noise)) / size


def _as_float64(x):
    if isinstance(x, Variable) and x.value.dtype == np.float64:
        return x
    x = np.asarray(x)
    return Variable(np.array(x, np.float64), dtype="float64") if x.dtype.kind == "f" else x


def _kind(x):
    return f"{type(x).__name__} of {getattr(x, 'dtype', 'no dtype')}"


def _tuple(y):
    return y if isinstance(y, tuple) else tuple(y) if isinstance(y, list) else (y,)
