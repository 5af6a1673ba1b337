"""The check of a gradient: the analytic directional derivative against central differences in float64."""

import copy

import numpy as np

from kerasnp.autodiff.diagnosis import diagnose, direction_error, stale
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.tape import Tape
from kerasnp.autodiff.variable import Variable


class GradientError(ValueError):
    """A gradient that differs from what numbers say.

    Attributes:
        errors: the GradientReport, which maps each name to its relative error.
        causes: what is likely wrong, in sentences, by the name of a gradient or an operator.
    """

    def __init__(self, message, errors):
        super().__init__(message)
        self.errors = errors
        self.causes = getattr(errors, "causes", {})


class GradientReport(dict):
    """Name -> relative error of its gradient; printed as a table, with the likely causes of what is wrong below.

    Attributes:
        rtol: the largest error that passes.
        causes: sentences by the name of a gradient or an operator; empty where everything passes.
    """

    def __init__(self, errors=(), rtol=1e-5):
        super().__init__(errors)
        self.rtol, self.causes = rtol, {}

    @property
    def wrong(self):
        """The names of the gradients that do not pass."""
        return [name for name, error in self.items() if not error <= self.rtol]

    def __str__(self):
        from tabulate import tabulate

        wrong = set(self.wrong)
        rows = [(name, f"{error:.1e}", "WRONG" if name in wrong else "ok") for name, error in self.items()]
        table = tabulate(rows, ["gradient", "relative error", ""], tablefmt="simple_outline", disable_numparse=True)
        return "\n".join([table, *(f"Likely cause: {name}: {text}" for name, text in self.causes.items())])


class Part:
    """What is checked under one name: a float64 Variable, or the region `index` of it."""

    def __init__(self, name, variable, index=...):
        self.name, self.variable, self.index = name, variable, index


def gradcheck(fn, *inputs, rtol=1e-5, step=1e-6, directions=3, seed=0, names=None, training=True):
    """Compare gradients with central differences in float64; returns the relative error of each by name.

    `fn` is a function, a layer or a model. For a random direction u of each input or weight and random weights v of the
    outputs, the derivative of `sum(v * fn(x + s * u))` at s = 0 is measured by `(f(s) - f(-s)) / 2s` and must equal
    `sum(u * gradient)`: two evaluations a direction, however large the input.

    >>> import kerasnp
    >>> errors = gradcheck(kerasnp.ops.matmul, np.ones((2, 3)), np.ones((3, 4)))
    >>> max(errors.values()) < 1e-5
    True

    A layer is called with the inputs, and each weight is checked; those of recurrent layers gate by gate, and their
    input step by step:

    >>> print(gradcheck(kerasnp.layers.SimpleRNN(2, name="rnn"), np.ones((3, 2, 4))))    # doctest: +ELLIPSIS
    ┌───...
    │ rnn: input at step 0 ... ok │
    ...

    `gradcheck(model, x, y)` checks the loss of a compiled model, for which a few samples are enough; without y, or where it
    is not compiled, its outputs. Without any inputs a built model gets random ones. Weights, statistics and seeds are
    afterwards what they were. An error of a layer or model is confirmed at a point a tenth away, since zeros often lie
    right on the kink of a ReLU.

    Where a gradient is wrong, every recorded operator is checked by itself, and the error says which one it is and what
    is likely wrong with it: a missing path, a transposition, a sum over the batch in the place of a mean (or the
    reverse), the sign, a constant factor, an axis the wrong way round, or a state left over from an earlier call.

    Args:
        fn: a function of Variables returning an array or several, a layer, or a model; it must return the same each
            time it is called.
        inputs: float arrays or Variables, taken in float64; integer arrays are passed on as they are. A float64
            Variable, such as a weight that a function closes over, is checked in place and restored.
        rtol: the largest relative error that passes.
        step: the s above, times the largest element of the input if that exceeds 1. An error has to be confirmed by a
            sixteenth of it, so that neither the kink of a ReLU nor rounding passes for one.
        directions: how many random directions are tried for each input.
        seed: seed of the directions, the weights v, and inputs that are not given.
        names: names for the inputs of a function in the message; default `input 0`, ...
        training: whether layers run as in training.

    Returns: a GradientReport, a dictionary that prints as a table.

    Raises:
        GradientError: an error above `rtol`, or a gradient that is missing; it says which, by how much, and why.
        ValueError: no float inputs, another number of names than of inputs, or an `fn` whose result changes.
    """
    rng = np.random.default_rng(seed)
    if hasattr(fn, "_flatten_layers"):
        from kerasnp.models.checking import check_layer

        return check_layer(fn, inputs, training, rng, rtol=rtol, step=step, directions=directions)
    if names is not None and len(names) != len(inputs):
        raise ValueError(
            f"gradcheck: names must hold one name for each of the {len(inputs)} inputs. Received: names={names!r}"
        )
    arguments = [_as_float64(x) for x in inputs]
    parts = [
        Part(names[i] if names else f"input {i}", x) for i, x in enumerate(arguments) if isinstance(x, Variable)
    ]
    if not parts:
        raise ValueError(
            "gradcheck: expected at least one float input. Received: " + (", ".join(map(_kind, inputs)) or "none")
        )
    # An operator stands for one call; each needs a new one.
    call = (lambda: copy.copy(fn)(*arguments)) if isinstance(fn, Operator) else lambda: fn(*arguments)
    return examine(call, parts, rng, rtol, step, directions)


def examine(evaluate, parts, rng, rtol=1e-5, step=1e-6, directions=3, batch=None, owners=None, causes=True):
    """Check the gradients of `evaluate()`, called without arguments, in the given parts; see `gradcheck`.

    Args:
        batch: the number of samples, to recognise it as a factor; by default the first length of the first variable.
        owners: filled by `evaluate` with the names of layers by the identity of the operators they ran.
        causes: whether to look for the causes of errors.
    """
    variables = list({id(p.variable): p.variable for p in parts}.values())
    if batch is None:
        batch = next((v.shape[0] for v in variables if v.ndim), None)
    weights = []
    indices = []

    def record():
        """(outputs, gradients, tape) here and now."""
        with Tape(persistent=True) as tape:
            tape.watch(variables)
            outputs = _tuple(evaluate())
        if not weights:
            found = (i for i, y in enumerate(outputs) if hasattr(y, "creator") and y.creator and y.value.dtype.kind == "f")
            indices.extend(found)
            if not indices:
                raise GradientError("gradcheck: no output depends on a float input through recorded operators.", {})
            weights.extend(rng.standard_normal(outputs[i].shape) for i in indices)
        outputs = [outputs[i] for i in indices]
        gradients = tape.gradient(outputs, variables, weights)
        return outputs, {id(v): g for v, g in zip(variables, gradients)}, tape

    def value():
        values = _tuple(evaluate())
        return sum(float(np.sum(np.asarray(values[i]) * w)) for i, w in zip(indices, weights))

    outputs, gradients, tape = record()
    owners = dict(owners or {})
    expected = sum(float(np.sum(y.value * w)) for y, w in zip(outputs, weights))
    again = value()
    if not abs(again - expected) <= 1e-9 * max(1.0, abs(expected)):
        report = GradientReport(rtol=rtol)
        report.causes["fn"] = "stale state: the result of the second call differs from that of the first"
        raise GradientError(
            "gradcheck: the function must return the same each time, so fix the seeds of what it draws, and forget what an "
            f"earlier call left behind (stale state). Received: {expected!r}, then {again!r}",
            report,
        )
    report = GradientReport(rtol=rtol)
    for part in parts:
        array, gradient = part.variable.value, gradients[id(part.variable)]
        found = [direction_error(array, part.index, gradient, value, rng, step, rtol) for _ in range(directions)]
        # A nan must not be lost in the maximum.
        report[part.name] = float(np.max(found, initial=0.0))
    wrong = [part for part in parts if part.name in report.wrong]
    leftover = stale(parts, gradients, record, value, rng, step, rtol, report.wrong) if causes or not wrong else {}
    if not wrong and not leftover:
        return report
    if wrong and causes:
        report.causes.update(diagnose(wrong, gradients, value, tape, rng, step, batch, owners, report))
    if leftover and (not wrong or all(text.startswith("missing path") for text in report.causes.values())):
        report.causes = leftover
    listing = ", ".join(f"{part.name} by {report[part.name]:.2g}" for part in wrong)
    message = f"gradcheck: the gradient disagrees with central differences (relative error above {rtol:g}): {listing}."
    if not wrong:
        message = "gradcheck: the gradient is right in a first call and wrong in the next."
    told = "; ".join(f"{name}: {text}" for name, text in report.causes.items())
    raise GradientError(f"{message} Likely cause: {told}." if told else message, report)


def _as_float64(x):
    if isinstance(x, Variable) and x.value.dtype == np.float64:
        return x
    x = np.asarray(x)
    return Variable(np.array(x, np.float64), dtype="float64") if x.dtype.kind == "f" else x


def _kind(x):
    return f"{type(x).__name__} of {getattr(x, 'dtype', 'no dtype')}"


def _tuple(y):
    return y if isinstance(y, tuple) else tuple(y) if isinstance(y, list) else (y,)
