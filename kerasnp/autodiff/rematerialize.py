"""Rematerialization: what a function computed is forgotten, and computed again when gradients are asked for."""

import contextvars
import functools

from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.stateless import StatelessScope
from kerasnp.autodiff.tape import Tape, current, stop_recording
from kerasnp.autodiff.variable import Variable, scopes
from kerasnp.utils import nest, session


def remat(f):
    """`f`, which keeps its arguments for the gradient and nothing of what it computes in between.

    The gradient runs `f` once more, with the seeds and variables that it found the first time, so a step takes longer and
    less memory (Chen et al., 2016, Training Deep Nets with Sublinear Memory Cost). Values and gradients are those of `f`,
    bit for bit; what it assigns to variables, it assigns once. Only what `f` returns, or gives to `add_loss`, has a gradient,
    and a crossentropy does not see that `f` ended with a softmax, so it takes the logarithm of probabilities.

    >>> import kerasnp
    >>> x = kerasnp.Variable(3.0)
    >>> with kerasnp.Tape() as tape:
    ...     y = remat(lambda x: kerasnp.ops.exp(kerasnp.ops.sin(x)))(x)
    >>> len(tape.operators), float(tape.gradient(y, x)).__round__(4)
    (1, -1.14)
    """

    @functools.wraps(f)
    def rematerialized(*args, **kwargs):
        return Remat(f)(*args, **kwargs)

    return rematerialized


class Remat(Operator):
    """y = f(...), any structure of arrays, where f is run again for the gradient."""

    def __init__(self, f):
        self.f = f

    def __call__(self, *args, **kwargs):
        tape = current()
        if tape is None:
            return self.f(*args, **kwargs)
        self.context = contextvars.copy_context()
        self.again = functools.partial(self.f, *args, **kwargs)
        with stop_recording(), Tape() as inner, _Watch(self.f) as watch:
            inner.watched.update(tape.watched)
            y = self.again()
        self.values = watch.values()
        outputs = _results(y, watch.losses, inner)
        if not outputs:
            self.release()
            return y
        self.recorded = True
        self.inputs, self.wanted = _sources((args, kwargs), inner)
        self.specs = [(v.value.shape, v.value.dtype) for v in outputs]
        for i, v in enumerate(outputs):
            v.creator, v.index = self, i
        for op in inner.operators:
            op.release()
        tape.append(self)
        return y

    def backward(self, *dys):
        return self.context.copy().run(self._backward, dys)

    def _backward(self, dys):
        with stop_recording(), Tape() as inner, _Again(self.values) as scope:
            inner.watched.update({id(x): x for x, wanted in zip(self.inputs, self.wanted) if wanted})
            y = self.again()
        outputs = _results(y, scope.losses, inner)
        if len(outputs) != len(self.specs):
            raise RuntimeError(
                "remat: the function must compute the same whenever it is run; the number of its results with a gradient was "
                f"{len(self.specs)}, and is {len(outputs)} now. Keep what it depends on in its arguments and in Variables."
            )
        leaves = inner.run(outputs, dys)
        # The gradients of results of other operators have gone there straight away.
        return tuple(leaves.get(id(x)) for x in self.inputs)

    def release(self):
        super().release()
        self.context = self.again = self.values = None


def _results(y, losses, inner):
    """The Variables among results and losses that the operators on a tape computed, each once."""
    made = {id(op) for op in inner.operators}
    found = {id(v): v for v in nest.flatten([y, losses]) if isinstance(v, Variable) and id(v.creator) in made}
    return list(found.values())


def _sources(given, inner):
    """(Variables, whether their gradients are wanted): the arguments, and what else the operators on a tape read."""
    made = {id(op) for op in inner.operators}
    wanted = {
        id(x): x
        for op in inner.operators
        for x, flag in zip(op.inputs, op.wanted)
        if flag and (x.creator is None or id(x.creator) not in made)
    }
    found = {id(x): x for x in nest.flatten(given) if isinstance(x, Variable)} | wanted
    return tuple(found.values()), [key in wanted for key in found]


class _Watch:
    """Stands among the scopes while a function runs for the first time, and remembers what variables were before."""

    collect_losses = True

    def __init__(self, f):
        self.losses, self._before = [], {}
        # Metrics count in place, without assigning.
        owner = getattr(f, "__self__", f)
        for v in getattr(owner, "metrics_variables", ()):
            self._before[id(v)] = v, v.value.copy()

    def keep(self, variable):
        if id(variable) not in self._before:
            self._before[id(variable)] = variable, variable.value.copy()
        if self._outer is not None:
            self._outer.keep(variable)

    def values(self):
        return list(self._before.values())

    def __enter__(self):
        self._outer = scopes[-1] if scopes else None
        self.repeats = self._outer is not None and self._outer.repeats
        scopes.append(self)
        return self

    def __exit__(self, *_):
        scopes.remove(self)
        if self._outer is not None and self._outer.collect_losses:
            self._outer.losses.extend(self.losses)


class _Again(StatelessScope):
    """The scope of a second run: variables begin with the values of the first, and nothing that is done stays."""

    repeats = True

    def __init__(self, values):
        super().__init__(values, collect_losses=True)


# -- layers that are made in a scope --------------------------------------------------------------------------------

_open_scopes: list = []
session.on_clear(_open_scopes.clear)
MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class RematScope:
    """`with RematScope():` the layers made inside compute their outputs again when gradients are asked for, see `remat`.

    >>> import kerasnp
    >>> with RematScope("list_of_layers", layer_names=["wide"]):
    ...     hidden = [kerasnp.layers.Dense(64, name="wide"), kerasnp.layers.Dense(8, name="narrow")]
    >>> model = kerasnp.Sequential([kerasnp.Input((2,)), *hidden])
    >>> with kerasnp.Tape() as tape:
    ...     y = model(kerasnp.ops.ones((1, 2)))
    >>> [type(op).__name__ for op in tape.operators]
    ['Remat', 'Dense']

    Args:
        mode: which layers: `"full"`, all; `"larger_than"`, those whose output has more than `output_size_threshold` numbers;
            `"list_of_layers"`, those named in `layer_names`; `"activations"`, of all layers with an `activation` only that;
            None, none of them, whatever an outer scope says. Models made inside are not meant, since nothing is spared
            where everything is computed again; their layers are.
        output_size_threshold: see above.
        layer_names: see above.

    Raises: ValueError for another mode.
    """

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        if mode not in MODES:
            names = ", ".join(map(repr, MODES))
            raise ValueError(f"RematScope: Invalid mode. Expected one of {names}. Received: mode={mode!r}")
        self.mode, self.output_size_threshold, self.layer_names = mode, output_size_threshold, list(layer_names or ())

    def __enter__(self):
        _open_scopes.append(self)
        return self

    def __exit__(self, *_):
        if self in _open_scopes:
            _open_scopes.remove(self)


def current_scope():
    """The innermost RematScope that is open, or None."""
    return _open_scopes[-1] if _open_scopes else None
