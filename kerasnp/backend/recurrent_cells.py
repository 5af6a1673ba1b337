"""The steps of the recurrent cells, forward and backward, on the buffers of `recurrent.Run`.

Two threads run these loops at once, and whoever needs the interpreter while the other has it has to be woken, which takes
longer than most calls. So steps make few calls, with nothing between them: views of all steps are made before a loop, and
what gradients are multiplied with is worked out for all steps together.
"""

import numpy as np

from kerasnp.backend import arena
from kerasnp.backend.activation import Sigmoid, Tanh, bare_logistic


class Linear:
    """z."""

    @staticmethod
    def forward(z):
        return z

    @staticmethod
    def backward(y, dy):
        return dy


class HardSigmoid:
    """clip(slope * z + 1 / 2, 0, 1)."""

    def __init__(self, slope):
        self.slope = slope

    def forward(self, z):
        z *= self.slope
        z += 0.5
        return np.clip(z, 0, 1, out=z)

    def backward(self, y, dy):
        dz = dy * ((y > 0) & (y < 1))
        dz *= self.slope
        return dz


class Cell:
    """Base: the weights as one matrix, the `stack` (u + i + 1, columns), whose transpose [h; x; 1] is multiplied with.

    `order` lists the gates in the order of the stack's columns: those behind the gate activation first, since one call
    then serves them all.
    """

    states = 1
    order: tuple = (0,)
    gates = 0  # how many blocks of columns are behind the gate activation
    apart = 0  # how many blocks at the end the state has no part in

    def __init__(self, w, r, b, activation, gate, dtype, keep=True):
        self.inputs, self.units = len(w), len(r)
        self.activation, self.gate = activation, gate
        self.bias = b is not None
        self.stack = self.stacked(w, r, b).astype(dtype, copy=False)
        self.size, self.columns = self.stack.shape
        # The state reaches only these columns.
        self.fed_back = self.columns - self.apart * self.units
        # sigmoid(z) = 1 / (1 + exp(-z)): the sign goes into the weights.
        self.turned = self.gates * self.units if gate is Sigmoid else 0
        if keep:
            self.scaled = np.array(self.stack.T, order="C")
        else:
            # Nobody needs the stack itself, and a copy in another order costs as much as ten steps of one sample.
            self.scaled, self.stack = self.stack.T, None
        self.scaled[: self.turned] *= -1

    @property
    def groups(self):
        """The columns of each gate, in the order of the stack."""
        u = self.units
        return [slice(k * u, (k + 1) * u) for k in range(len(self.order))]

    def in_groups(self, drop):
        """What is dropped for each gate, in the order of the stack."""
        return [drop[k] for k in self.order]

    def blocks(self, a):
        """The gates of a weight in the order of the stack."""
        u = self.units
        return [a[..., k * u : (k + 1) * u] for k in self.order]

    def stacked(self, w, r, b):
        """[r; w; b] with the gates in order."""
        rows = [r, w] if b is None else [r, w, b[None]]
        return np.concatenate([np.concatenate(self.blocks(a), axis=1) for a in rows])

    def unstack(self, total, rest):
        """dw, dr and db from the gradient of the stack."""
        u, i = self.units, self.inputs
        blocks = np.split(total, len(self.order), axis=1)
        total = np.concatenate([blocks[self.order.index(k)] for k in range(len(self.order))], axis=1)
        return total[u : u + i], total[:u], total[u + i] if self.bias else None

    def parts(self, z):
        """`z`, its columns behind the gate activation, and each block of columns: views of (..., columns, n)."""
        u = self.units
        blocks = [z[..., k * u : (k + 1) * u, :] for k in range(z.shape[-2] // u)]
        return z, z[..., : self.gates * u, :], *blocks

    def activate_gates(self, z):
        """The gate activation, in place."""
        if self.turned:
            bare_logistic(z)
        else:
            self.gate.forward(z)

    def activate_into(self, z, out):
        """out = activation(z)."""
        if self.activation is Tanh:
            np.tanh(z, out)
        else:
            np.copyto(out, z)
            self.activation.forward(out)


def derivative(y, activation, out=None):
    """The slope of an activation where its value is y, in a new array unless `out` is given."""
    slope = arena.empty(y.shape, y.dtype) if out is None else out
    if activation is Sigmoid:
        np.subtract(1, y, out=slope)
        slope *= y
    elif activation is Tanh:
        np.multiply(y, y, out=slope)
        np.subtract(1, slope, out=slope)
    else:
        slope[...] = activation.backward(y, np.ones_like(y))
    return slope


class SimpleRnn(Cell):
    """h' = act(h @ r + x @ w + b)."""

    def forward(self, run):
        h = run.h
        run.y = y = run.rows(self.columns)
        for s in range(run.t):
            run.product(s, y[s])
            self.activation.forward(y[s])
            h[s + 1] = y[s]
            run.finish(s, h)

    def backward(self, run, dy, d, dz_all):
        (dh,) = d
        dz, slopes = np.empty_like(dh), derivative(run.y, self.activation)
        for s in reversed(range(run.t)):
            if dy is not None:
                dh += dy[s]
            kept = run.part(s, d)
            np.multiply(dh, slopes[s], dz)
            dz_all[:, s] = dz
            run.state_gradient(dz, dh)
            if kept:
                dh += kept[0]
            run.settle(s, dh)


class Lstm(Cell):
    """c' = f * c + i * act(z_c), h' = o * act(c'), with the gates o, i, f = gate(z_o), gate(z_i), gate(z_f).

    The columns are z_o, z_i, z_f, z_c: those behind the gate activation first, those that reach c last.
    """

    states = 2
    order = (3, 0, 1, 2)
    gates = 3

    def forward(self, run):
        u, (h, c) = self.units, run.states
        run.z, run.e = run.rows(4 * u), run.rows(u)
        product = np.empty((u, run.n), h.dtype)
        steps = list(zip(map(self.parts, run.z), run.e, c, c[1:], h[1:], strict=False))
        for s, ((z, gates, o, i, f, new), e, c_old, c_new, h_new) in enumerate(steps):
            run.product(s, z)
            self.activate_gates(gates)
            self.activation.forward(new)
            np.multiply(f, c_old, c_new)
            np.multiply(i, new, product)
            np.add(c_new, product, c_new)
            self.activate_into(c_new, e)
            np.multiply(o, e, h_new)
            run.finish(s, h, c)

    def backward(self, run, dy, d, dz_all):
        u, (dh, dc) = self.units, d
        to_cell, to_gates = self.slopes(run)
        through, dz = np.empty_like(dh), np.empty((self.columns, run.n), dh.dtype)
        dz_output, dz_others = dz[:u], dz[u:].reshape(3, u, run.n)
        others = to_gates[:, u:].reshape(run.t, 3, u, run.n)
        steps = list(zip(to_cell, to_gates[:, :u], others, run.z[:, 2 * u : 3 * u], dz_all.swapaxes(0, 1), strict=True))
        for s in reversed(range(run.t)):
            if dy is not None:
                dh += dy[s]
            kept = run.part(s, d)
            cell, output, other, f, dz_step = steps[s]
            np.multiply(dh, cell, through)
            np.add(dc, through, dc)
            np.multiply(dh, output, dz_output)
            np.multiply(dc, other, dz_others)
            # The path of the cell state: without it, whatever happened more than a step ago is learned wrongly.
            np.multiply(dc, f, dc)
            np.copyto(dz_step, dz)
            run.state_gradient(dz, dh)
            if kept:
                dh += kept[0]
                dc += kept[1]
            run.settle(s, dh, dc)

    def slopes(self, run):
        """(t, u, n): dc/dh.   (t, 4u, n): dz per dh for the gate o, per dc for i, f and the candidate."""
        c = run.states[1]
        _, _, o, i, f, new = self.parts(run.z)
        to_cell = derivative(run.e, self.activation)
        to_cell *= o
        to_gates = arena.empty(run.z.shape, run.z.dtype)
        _, _, *outs = self.parts(to_gates)
        for y, by, out in ((o, run.e, outs[0]), (i, new, outs[1]), (f, c[:-1], outs[2])):
            derivative(y, self.gate, out)
            out *= by
        derivative(new, self.activation, outs[3])
        outs[3] *= i
        return to_cell, to_gates


class Gru(Cell):
    """h' = z * h + (1 - z) * act(x @ w_h + b_h + r * (h @ r_h + b'_h)): the reset gate r comes after the product.

    The columns are z, r, the state's part of the candidate, and the input's part, which ends as the candidate.
    """

    order = (0, 1, 2)
    gates = 2
    apart = 1

    @property
    def groups(self):
        """The columns of each gate; the candidate has two blocks."""
        u = self.units
        return [slice(0, u), slice(u, 2 * u), slice(2 * u, 4 * u)]

    def stacked(self, w, r, b):
        """[r; w; b], zero where the state or the input has no part."""
        u, i = self.units, self.inputs
        stack = np.zeros((u + i + self.bias, 4 * u), r.dtype)
        stack[:u, : 3 * u] = r
        stack[u : u + i, : 2 * u], stack[u : u + i, 3 * u :] = w[:, : 2 * u], w[:, 2 * u :]
        if self.bias:
            stack[-1, : 2 * u] = b[0, : 2 * u] + b[1, : 2 * u]
            stack[-1, 2 * u : 3 * u], stack[-1, 3 * u :] = b[1, 2 * u :], b[0, 2 * u :]
        return stack

    def unstack(self, total, rest):
        """dw, dr and db from the gradient of the stack."""
        u, i = self.units, self.inputs
        inputs = np.concatenate([total[u:, : 2 * u], total[u:, 3 * u :]], axis=1)
        db = np.stack([inputs[-1], total[-1, : 3 * u]]) if self.bias else None
        return inputs[:i], total[:u, : 3 * u], db

    def forward(self, run):
        u, h = self.units, run.h
        run.z = run.rows(4 * u)
        product = np.empty((u, run.n), h.dtype)
        steps = list(zip(map(self.parts, run.z), h, h[1:], strict=False))
        for s, ((z, gates, update, reset, state, new), old, out) in enumerate(steps):
            run.product(s, z)
            self.activate_gates(gates)
            np.multiply(reset, state, product)
            np.add(new, product, new)
            self.activation.forward(new)
            np.subtract(old, new, out)
            np.multiply(out, update, out)
            np.add(out, new, out)
            run.finish(s, h)

    def backward(self, run, dy, d, dz_all):
        u, (dh,) = self.units, d
        to_columns = self.slopes(run).reshape(run.t, 4, u, run.n)
        through, dz = np.empty_like(dh), np.empty((self.columns, run.n), dh.dtype)
        blocks = dz.reshape(4, u, run.n)
        steps = list(zip(to_columns, run.z[:, :u], dz_all.swapaxes(0, 1), strict=True))
        for s in reversed(range(run.t)):
            if dy is not None:
                dh += dy[s]
            kept = run.part(s, d)
            to_step, update, dz_step = steps[s]
            np.multiply(dh, to_step, blocks)
            np.multiply(dh, update, through)
            np.copyto(dz_step, dz)
            run.state_gradient(dz, dh)
            np.add(dh, through, dh)
            if kept:
                dh += kept[0]
            run.settle(s, dh)

    def slopes(self, run):
        """(t, 4u, n): dz per dh, for each block of columns."""
        _, _, update, reset, state, new = self.parts(run.z)
        to_columns = arena.empty(run.z.shape, run.z.dtype)
        _, _, to_update, to_reset, to_state, to_new = self.parts(to_columns)
        np.subtract(1, update, out=to_state)
        np.multiply(derivative(new, self.activation, to_new), to_state, out=to_new)
        np.subtract(run.h[:-1], new, out=to_state)
        np.multiply(derivative(update, self.gate, to_update), to_state, out=to_update)
        np.multiply(to_new, state, out=to_state)
        np.multiply(derivative(reset, self.gate, to_reset), to_state, out=to_reset)
        np.multiply(to_new, reset, out=to_state)
        return to_columns


class GruResetBefore(Cell):
    """h' = z * h + (1 - z) * act(x @ w_h + (r * h) @ r_h + b_h): the reset gate r comes before the product."""

    order = (0, 1, 2)
    gates = 2
    apart = 1

    def stacked(self, w, r, b):
        """[r; w; b] without the state's part of the candidate, which is a product of its own."""
        self.recurrent = r[:, 2 * self.units :]
        r = r.copy()
        r[:, 2 * self.units :] = 0
        return super().stacked(w, r, b)

    def unstack(self, total, rest):
        """dw, dr and db from the gradients of the stack and of the candidate's product."""
        dw, dr, db = super().unstack(total, rest)
        dr[:, 2 * self.units :] = rest
        return dw, dr, db

    def forward(self, run):
        u, h = self.units, run.h
        r = self.recurrent.astype(h.dtype, copy=False)
        run.z, run.rh = run.rows(3 * u), run.rows(u)
        for s in range(run.t):
            z, rh, out = run.z[s], run.rh[s], h[s + 1]
            new = z[2 * u :]
            run.product(s, z)
            self.activate_gates(z[: 2 * u])
            np.multiply(z[u : 2 * u], self._state(run, s), out=rh)
            new += r.T @ rh
            self.activation.forward(new)
            np.subtract(h[s], new, out=out)
            out *= z[:u]
            out += new
            run.finish(s, h)

    @staticmethod
    def _state(run, s):
        """h[s] with what is dropped for the candidate."""
        return run.h[s] if run.drop_h is None else run.h[s] * run.drop_h[2]

    def backward(self, run, dy, d, dz_all):
        u, h = self.units, run.h
        r = self.recurrent.astype(h.dtype, copy=False)
        (dh,) = d
        through, dz = np.empty_like(dh), np.empty((self.columns, run.n), dh.dtype)
        for s in reversed(range(run.t)):
            if dy is not None:
                dh += dy[s]
            kept = run.part(s, d)
            z = run.z[s]
            update, reset, new = (z[k * u : (k + 1) * u] for k in range(3))
            np.subtract(h[s], new, out=through)
            np.multiply(dh, through, out=dz[:u])
            np.multiply(dh, update, out=through)
            dh -= through
            dz[2 * u :] = dnew = self.activation.backward(new, dh)
            drh = r @ dnew
            np.multiply(drh, self._state(run, s), out=dz[u : 2 * u])
            drh *= reset
            through += drh if run.drop_h is None else drh * run.drop_h[2]
            dz[: 2 * u] *= derivative(z[: 2 * u], self.gate)
            dz_all[:, s] = dz
            run.state_gradient(dz, dh)
            dh += through
            if kept:
                dh += kept[0]
            run.settle(s, dh)
        rows = run.t * run.n
        return run.rh.transpose(1, 0, 2).reshape(u, rows) @ dz_all[2 * u :].reshape(u, rows).T


CELLS = {"simple_rnn": SimpleRnn, "lstm": Lstm, "gru": Gru, "gru_reset_before": GruResetBefore}
