"""A recurrent layer as one step of the graph: whole sequences in, explicit backpropagation through time."""

from kerasnp import backend as K
from kerasnp.autodiff.gradcheck import gradcheck
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.tape import Tape
from kerasnp.autodiff.variable import Variable
from kerasnp.ops.elementwise import convert
from kerasnp.ops.shape import concatenate


class Recurrent(Operator):
    """y = the states h of a cell at every step of x, or at the last.

    x (n, t, i)   w (i, gates * u)   r (u, gates * u)   states (n, u) each   b (gates * u,)   ->   y (n, t, u) or (n, u)

    Args:
        activations: kernels of the state and of the gates.
        options: further keyword arguments of the kernel `K.recurrent`.
        with_states: return the last states as well, as outputs of their own.
    """

    cell = ""
    states = 1
    short_calls = True

    def __init__(self, activations, with_states=False, **options):
        self.activations, self.with_states, self.options = activations, with_states, options

    def forward(self, x, w, r, *rest):
        states, bias = rest[: self.states], rest[self.states :]
        y, last, saved = K.recurrent(
            self.cell, x, states, w, r, *bias, activations=self.activations, keep=self.recorded, **self.options
        )
        self.save(saved)
        return (y, *last) if self.with_states else y

    def backward(self, dy, *dlast):
        (saved,) = self.saved
        wanted = (self.wants(0), self.wants(1), self.wants(2), self.wants(3 + self.states))
        dx, dstates, dw, dr, db = K.recurrent_grad(saved, dy, list(dlast) or None, wanted)
        dstates = [d if self.wants(3 + j) else None for j, d in enumerate(dstates)]
        return dx, dw, dr, *dstates, *([db] if len(self.inputs) > 3 + self.states else [])

    def blame(self, check):
        """Which path through time is missing, told by a single step from random states; None where that one is right.

        Args:
            check: a function operator -> {number of an input: what is wrong with its gradient}.
        """
        arrays = [getattr(x, "value", x) for x in self.inputs]
        if arrays[0].shape[1] < 2:
            return None
        arrays[0] = arrays[0][:, -1:]
        rng = K.random.generator(0)
        names = ("h", "c")[: self.states]
        for i in range(3, 3 + self.states):
            arrays[i] = Variable(rng.standard_normal(arrays[i].shape), trainable=True)
        with Tape(persistent=True) as tape:
            type(self)(self.activations, self.with_states, **{**self.options, "mask": None})(*arrays)
        wrong = check(tape.operators[0])
        for name, i, path in zip(names, (3, 4), ("dh[t-1] += dz[t] @ r.T", "dc[t-1] += dc[t] * f[t]")):
            if i in wrong:
                return f"missing path: the state {name} hands too little back from step to step, {path}"
        return None


class SimpleRnn(Recurrent):
    """h' = act(x @ w + h @ r + b) (Elman, 1990)."""

    cell = "simple_rnn"


class Lstm(Recurrent):
    """c' = f * c + i * act(z_c), h' = o * act(c'), with z = x @ w + h @ r + b and gates in the order i, f, c, o.

    The gradient goes back on two paths, dh and dc: dc[t-1] = dc[t] * f[t] + what h[t-1] hands on.
    Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
    """

    cell = "lstm"
    states = 2


class Gru(Recurrent):
    """h' = z * h + (1 - z) * act(x_h + r * h_h), gates in the order z, r, h; b (2, 3 * u) for input and state."""

    cell = "gru"


class GruResetBefore(Recurrent):
    """h' = z * h + (1 - z) * act(x_h + (r * h) @ r_h), gates in the order z, r, h (Cho et al., 2014)."""

    cell = "gru_reset_before"


def recurrent(cls, x, w, r, states, b=None, activations=None, with_states=False, **options):
    """Run the operator class `cls` over sequences; see its arguments and those of the kernel `K.recurrent`.

    Returns: y, or [y, *last states] for `with_states`.
    """
    x = convert(x)
    activations = activations or (K.fused["tanh"], K.fused["sigmoid"])
    op = cls(activations, with_states, **options)
    y = op(x, w, r, *states) if b is None else op(x, w, r, *states, b)
    return list(y) if with_states else y


GATES = {
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("update", "reset", "candidate"),
    "simple_rnn": ("state",),
}


def gradcheck_gates(fn, kernel, recurrent_kernel, bias, cell="lstm", **options):
    """`gradcheck` with every gate as an input of its own, so that an error names the gates that are wrong.

    Args:
        fn: called with (kernel, recurrent_kernel, bias), put together from their gates; returns an array.
        kernel, recurrent_kernel, bias: weights whose last axis holds the gates side by side.
        cell: `"lstm"`, `"gru"` or `"simple_rnn"`.
        options: further arguments of `gradcheck`.

    Returns: the relative error of each of `"kernel of the forget gate"`, ...

    Raises: GradientError, whose `errors` hold the same.
    """
    gates = GATES[cell]
    weights = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
    parts, names = [], []
    for name, weight in weights.items():
        a = K.asarray(getattr(weight, "value", weight))
        parts += K.split(a, len(gates), axis=-1)
        names += [f"{name} of the {gate} gate" for gate in gates]

    def joined(*blocks):
        k = len(gates)
        return fn(*(concatenate(blocks[j * k : (j + 1) * k], axis=-1) for j in range(len(weights))))

    return gradcheck(joined, *parts, names=names, **options)
