"""The tape: operators in the order they ran, and gradients by walking it backwards."""

import contextvars
import sys

import numpy as np

from kerasnp.backend import threads

_open: contextvars.ContextVar = contextvars.ContextVar("kerasnp_tape", default=None)

current = _open.get


class Tape:
    """Records operators while open; `gradient` walks them backwards, once (or often, if persistent).

    >>> import kerasnp
    >>> x = kerasnp.Variable(3.0)
    >>> with Tape() as tape:
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0

    Tapes may be nested: what the inner one records, the outer one has as well once the inner is closed. A gradient is a
    plain array, so a tape does not differentiate the gradients taken inside it.

    Args:
        persistent: keep what was recorded, so that `gradient` can be called again.
        watch_accessed_variables: must be True: every trainable variable that an operator reads is watched.
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        if not watch_accessed_variables:
            raise ValueError(
                "Tape: watch_accessed_variables=False is not supported; "
                "set `trainable = False` on the variables to leave out."
            )
        self.persistent = persistent
        self.operators = []
        self.append = self.operators.append
        self.watched = {}
        # The trainer's switch: gradients of weights are written into their `grad_buffer` where an operator can.
        self.lend_buffers = False
        self._used = False
        # Whether an outer tape has the operators too.
        self._shared = False
        self._opened = []

    def __enter__(self):
        outer = current()
        self._opened.append((_open.set(self), outer, len(self.operators)))
        if outer is not None and outer is not self:
            self.watched.update(outer.watched)
            self._shared = True
        return self

    def __exit__(self, *exc):
        token, outer, start = self._opened.pop()
        _open.reset(token)
        if outer is not None and outer is not self:
            outer.operators.extend(self.operators[start:])

    def watch(self, variable):
        """Ask for the gradient of a variable that is not trainable; a bare array must be made a Variable first.

        >>> import kerasnp
        >>> x = kerasnp.Variable(3.0, trainable=False)
        >>> with Tape() as tape:
        ...     tape.watch(x)
        ...     y = kerasnp.ops.square(x)
        >>> float(tape.gradient(y, x))
        6.0

        Raises: ValueError for anything but a Variable.
        """
        for v in variable if isinstance(variable, (list, tuple)) else [variable]:
            if not hasattr(v, "creator"):
                raise ValueError(
                    "tape.watch expects a Variable, since arrays have no identity to watch. "
                    f"Received: {type(v).__name__}; wrap it first: x = kerasnp.Variable(x)"
                )
            self.watched[id(v)] = v

    def gradient(self, target, sources, output_gradients=None):
        """d(target)/d(source) for each source, None where target does not depend on it.

        The gradients have the shape and dtype of their sources and memory of their own, to be changed at will.

        >>> import kerasnp
        >>> a, b = kerasnp.Variable(3.0), kerasnp.Variable(2.0)
        >>> with Tape() as tape:
        ...     y = kerasnp.ops.square(a) * b
        >>> [float(g) for g in tape.gradient(y, [a, b])]
        [12.0, 9.0]

        Args:
            target: the Variable to differentiate (summed when it is not a scalar), or a list of them.
            sources: a Variable, or a list, tuple or dictionary of them; results of operators will do.
            output_gradients: the gradient of target to start from, ones by default.

        Raises:
            RuntimeError: a second call on a tape that is not persistent.
            ValueError: a source that is no Variable, or an output gradient that does not fit its target.
        """
        if self._used and not self.persistent:
            raise RuntimeError(
                "Tape.gradient: this tape has been used already; open it with Tape(persistent=True) to ask twice."
            )
        if isinstance(target, (list, tuple)):
            targets = list(target)
            seeds = [None] * len(targets) if output_gradients is None else list(output_gradients)
            if len(seeds) != len(targets):
                raise ValueError(
                    f"Tape.gradient: output_gradients must hold one array per target. "
                    f"Received: {len(targets)} targets and {len(seeds)} gradients"
                )
        else:
            targets, seeds = [target], [output_gradients]
        several = list(sources.values()) if isinstance(sources, dict) else sources
        several = several if isinstance(several, (list, tuple)) else [several]
        for v in several:
            if not hasattr(v, "creator"):
                raise ValueError(
                    f"Tape.gradient: sources must be Variables. Received: {type(v).__name__}; "
                    "make it one before it is used: x = kerasnp.Variable(x)"
                )
        seeds = [_seed(t, seed) for t, seed in zip(targets, seeds)]
        self._used = True
        with threads.quiet_blas():
            grads = self.run(targets, seeds, [v for v in several if v.creator is not None])
        found = _own(grads, several)
        if isinstance(sources, dict):
            return dict(zip(sources, found))
        return found if isinstance(sources, (list, tuple)) else found[0]

    def run(self, targets, seeds, inner=()):
        """The gradients of the leaves, and of the results `inner`, by identity: the loop over the operators in reverse.

        Whoever calls this owns nothing of what it returns: the arrays may be shared or read-only.
        """
        leaves: dict = {}
        operators = self.operators
        # What an outer tape has as well is left as it is.
        keep = self.persistent or self._shared
        for op in operators:
            op.grads = [None] * (len(op.specs) or 1)
        for target, seed in zip(targets, seeds):
            if hasattr(target, "creator"):
                _accumulate(target, _seed(target, None) if seed is None else seed, leaves)
        asked = {(id(v.creator), v.index): id(v) for v in inner}
        try:
            for op in reversed(operators):
                grads, op.grads = op.grads, None
                if asked:
                    for i, g in enumerate(grads):
                        if g is not None and (id(op), i) in asked:
                            leaves[asked[id(op), i]] = g.copy()
                for g in grads:
                    if g is not None:
                        op.leaf_grads = leaves if self.lend_buffers else None
                        # Nobody but the list may hold a gradient that an operator is to consume.
                        del g
                        _propagate(op, grads, leaves)
                        op.leaf_grads = None
                        break
                if not keep:
                    op.release()
        except BaseException:
            for op in operators:
                op.grads = op.leaf_grads = None
            raise
        finally:
            if not keep:
                operators.clear()
        return leaves


GradientTape = Tape


def _seed(target, seed):
    """The gradient to start from: ones, or the user's, in the type and shape of the target."""
    if not hasattr(target, "creator"):
        return None
    if seed is None:
        return np.ones_like(target.value)
    seed = np.array(getattr(seed, "value", seed), target.value.dtype)
    if seed.shape != target.shape:
        try:
            seed = np.broadcast_to(seed, target.shape).copy()
        except ValueError:
            raise ValueError(
                "Tape.gradient: an output gradient must have the shape of its target, "
                f"{target.shape}. Received: {seed.shape}"
            ) from None
    return seed


def _propagate(op, dys, leaves):
    """Run the backward of one operator and hand its gradients to its inputs."""
    if len(dys) > 1:
        for i, (shape, dtype) in enumerate(op.specs):
            if dys[i] is None:
                dys[i] = np.zeros(shape, dtype)
    if op.consumes_dy:
        for i in range(len(dys)):
            if not _alone(dys, i):
                dys[i] = dys[i].copy()
    gradients = op.backward(*dys)
    if type(gradients) is not tuple:
        gradients = (gradients,)
    if len(gradients) < len(op.inputs) and any(op.wanted[len(gradients) :]):
        raise ValueError(
            f"{type(op).__name__}.backward must return a gradient, or None, for each of its {len(op.inputs)} inputs. "
            f"Received: {len(gradients)}"
        )
    for variable, wanted, g in zip(op.inputs, op.wanted, gradients):
        if wanted and g is not None:
            x = variable.value
            if g.shape != x.shape:
                raise ValueError(
                    f"{type(op).__name__}.backward must return gradients of the shapes of the inputs: "
                    f"expected {x.shape}. Received: {g.shape}"
                )
            _accumulate(variable, g if g.dtype is x.dtype or g.dtype == x.dtype else _in_type(g, x.dtype, op), leaves)


def _in_type(g, dtype, op):
    """A gradient in the type of its variable."""
    if g.dtype.kind == "c":
        raise ValueError(
            f"{type(op).__name__}: no gradient passes complex numbers. Received: a gradient of type {g.dtype} for a variable "
            f"of type {dtype}; compute with real and imaginary parts, or put stop_gradient around what needs none."
        )
    return g.astype(dtype)


def _accumulate(variable, g, leaves):
    """Add g to the gradient of a variable, writing into no array that somebody else may hold."""
    creator = variable.creator
    if creator is not None and creator.grads is not None:
        held, key = creator.grads, variable.index
    else:
        # A weight, or the result of an operator that is not on this tape.
        held, key = leaves, id(variable)
        if key not in held:
            held[key] = g
            return
    if held[key] is None:
        held[key] = g
    elif held[key] is variable.grad_buffer or _alone(held, key):
        held[key] += g
    else:
        held[key] = held[key] + g


def _alone(holder, key):
    """Whether nobody but `holder` has the array under `key`, so that it may be changed."""
    g = holder[key]
    if not isinstance(g, np.ndarray) or g.base is not None or not g.flags.writeable:
        return False
    del g
    return sys.getrefcount(holder[key]) == _REFERENCES


# What Python counts for an array that only its holder knows, which depends on Python's version.
_one = [np.empty(0)]
_REFERENCES = sys.getrefcount(_one[0])


def _own(grads, variables):
    """The gradients of the variables, each in memory of its own."""
    found = []
    for v in variables:
        g = grads.get(id(v))
        if g is not None and g is not v.grad_buffer:
            del g
            if not _alone(grads, id(v)):
                grads[id(v)] = np.array(grads[id(v)])
            g = grads[id(v)]
        found.append(g)
    return found


class stop_recording:
    """`with stop_recording():` operators inside leave no trace on the open tape.

    >>> import kerasnp
    >>> x = kerasnp.Variable(3.0)
    >>> with kerasnp.Tape() as tape:
    ...     with stop_recording():
    ...         y = kerasnp.ops.square(x)
    ...     z = x * y  # y is a constant here
    >>> float(tape.gradient(z, x))
    9.0
    """

    def __enter__(self):
        self._token = _open.set(None)

    def __exit__(self, *exc):
        _open.reset(self._token)


def reachable(target):
    """The operators that `target` was computed from, inputs first."""
    order, seen = [], set()
    stack = [(target.creator, False)]
    while stack:
        op, expanded = stack.pop()
        if op is None or (id(op) in seen and not expanded):
            continue
        if expanded:
            order.append(op)
            continue
        seen.add(id(op))
        stack.append((op, True))
        stack.extend((x.creator, False) for x in op.inputs if getattr(x, "creator", None) is not None)
    return order


def backward(target):
    """Set `.grad` of every trainable variable that `target` was computed from to d(target)/d(variable).

    The graph stays as it is, so it can be looked at or differentiated again.

    >>> import kerasnp
    >>> x = kerasnp.Variable(3.0)
    >>> with kerasnp.Tape():
    ...     y = kerasnp.ops.square(x)
    >>> backward(y)
    >>> float(x.grad)
    6.0

    Raises: ValueError for a variable that is no recorded result, or whose tape has been used up by `gradient`.
    """
    if target.creator is None:
        raise ValueError(
            "backward: the variable is not the result of an operator; compute it inside `with kerasnp.Tape():` first."
        )
    if not target.creator.recorded:
        raise ValueError(
            "backward: the tape that recorded this result was used up by tape.gradient; "
            "open it with Tape(persistent=True)."
        )
    walk = Tape(persistent=True)
    walk.operators = reachable(target)
    with threads.quiet_blas():
        leaves = walk.run([target], [None])
    found = {id(x): x for op in walk.operators for x in op.inputs if id(x) in leaves}
    for variable, gradient in zip(found.values(), _own(leaves, list(found.values()))):
        variable.grad = gradient
