"""The tape: operators in the order they ran, and gradients by walking it backwards."""

import contextvars

import numpy as np

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

    Args:
        persistent: keep what was recorded, so that `gradient` can be called again.
        watch_accessed_variables: must be True: every trainable variable that an operator reads is watched.
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        if not watch_accessed_variables:
            raise ValueError(
                "Tape: watch_accessed_variables=False is not supported; set `trainable = False` on the variables to leave out."
            )
        self.persistent = persistent
        self.operators = []
        self.append = self.operators.append
        self.lend_buffers = False
        self._used = False
        self._tokens = []

    def __enter__(self):
        self._tokens.append(_open.set(self))
        return self

    def __exit__(self, *exc):
        _open.reset(self._tokens.pop())

    def watch(self, variable):
        """Ask for the gradient of a variable that is not trainable; a bare array must be made a Variable first.

        Raises: ValueError for anything but a Variable.
        """
        for v in variable if isinstance(variable, (list, tuple)) else [variable]:
            if not hasattr(v, "creator"):
                raise ValueError(
                    f"tape.watch expects a Variable, since arrays have no identity to watch. Received: {type(v).__name__}; "
                    "wrap it first: x = kerasnp.Variable(x)"
                )
            v.trainable = True

    def gradient(self, target, sources, output_gradients=None):
        """d(target)/d(source) for each source, None where target does not depend on it.

        Args:
            target: the Variable to differentiate (summed when it is not a scalar), or a list of them.
            sources: a Variable, or a list, tuple or dictionary of them.
            output_gradients: the gradient of target to start from, ones by default.

        Raises:
            RuntimeError: a second call on a tape that is not persistent.
        """
        if self._used and not self.persistent:
            raise RuntimeError("Tape.gradient: this tape has been used already; open it with Tape(persistent=True) to ask twice.")
        self._used = True
        if isinstance(target, (list, tuple)):
            targets = list(target)
            seeds = output_gradients or [None] * len(targets)
        else:
            targets, seeds = [target], [output_gradients]
        grads = self.run(targets, seeds)
        if isinstance(sources, dict):
            return {k: grads.get(id(v)) for k, v in sources.items()}
        if isinstance(sources, (list, tuple)):
            return [grads.get(id(v)) for v in sources]
        return grads.get(id(sources))

    def run(self, targets, seeds):
        """Gradients of the leaves, by identity; the loop over the operators in reverse."""
        leaves: dict = {}
        for target, seed in zip(targets, seeds):
            creator = getattr(target, "creator", None)
            if creator is None:
                if hasattr(target, "creator"):
                    leaves[id(target)] = np.ones_like(target.value) if seed is None else np.asarray(seed)
                continue
            seed = np.ones_like(target.value) if seed is None else np.array(seed, target.value.dtype)
            _add(creator.grads, target.index, seed)
        persistent = self.persistent
        watched = None
        for op in reversed(self.operators):
            if any(g is not None for g in op.grads):
                op.lend_buffers, op.leaf_grads = self.lend_buffers, leaves
                _propagate(op, leaves)
            if persistent:
                op.grads = [None] * len(op.grads)
            else:
                op.saved = op.inputs = ()
                op.grads = op.leaf_grads = None
        del watched
        if not persistent:
            self.operators.clear()
        return leaves


GradientTape = Tape


def _add(grads, key, g):
    """Accumulate g without writing into an array that somebody else may hold."""
    held = grads[key]
    grads[key] = g if held is None else held + g


def _propagate(op, leaves):
    """Run the backward of one operator and hand its gradients to its inputs."""
    dys = op.grads
    if op.consumes_dy and not _owned(dys[0]):
        dys = [dys[0].copy()]
    elif len(dys) > 1:
        dys = [np.zeros(*spec) if g is None else g for g, spec in zip(dys, op.specs)]
    gradients = op.backward(*dys)
    if type(gradients) is not tuple:
        gradients = (gradients,)
    for variable, wanted, g in zip(op.inputs, op.wanted, gradients):
        if not wanted or g is None:
            continue
        creator = variable.creator
        if creator is not None:
            _add(creator.grads, variable.index, g)
        else:
            held = leaves.get(id(variable))
            leaves[id(variable)] = g if held is None else held + g


def _owned(g):
    return g.base is None and g.flags.writeable


class stop_recording:
    """`with stop_recording():` operators inside leave no trace on the open tape."""

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
    """
    if target.creator is None:
        raise ValueError(
            "backward: the variable is not the result of an operator; compute it inside `with kerasnp.Tape():` first."
        )
    operators = reachable(target)
    walk = Tape(persistent=True)
    walk.operators = operators
    leaves = walk.run([target], [None])
    for op in operators:
        for x in op.inputs:
            if id(x) in leaves:
                x.grad = leaves[id(x)]
