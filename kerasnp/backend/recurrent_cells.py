"""The steps of the recurrent cells, forward and backward, on the buffers of `recurrent.Run`."""

import numpy as np

from kerasnp.backend import arena
from kerasnp.backend.activation import Sigmoid, Tanh, logistic


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

    def activate_gates(self, z):
        """The gate activation, in place on the gates of `z`."""
        z = z[: self.gates * self.units]
        if self.turned:
            logistic(z)
        else:
            self.gate.forward(z)

    def chain_gates(self, z, dz):
        """dz times the derivative of the gate activation, in place."""
        k = self.gates * self.units
        if self.turned:
            slope = z[:k] * z[:k]
            np.subtract(z[:k], slope, out=slope)
            dz[:k] *= slope
        else:
            dz[:k] = self.gate.backward(z[:k], dz[:k])

    def activate_into(self, z, out):
        """out = activation(z)."""
        if self.activation is Tanh:
            np.tanh(z, out=out)
        else:
            np.copyto(out, z)
            self.activation.forward(out)


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
        dz = np.empty_like(dh)
        for s in reversed(range(run.t)):
            if dy is not None:
                dh += dy[s]
            kept = run.part(s, d)
            dz[...] = self.activation.backward(run.y[s], dh)
            dz_all[:, s] = dz
            run.state_gradient(dz, dh)
            if kept:
                dh += kept[0]
            run.settle(s, dh)


class Lstm(Cell):
    """c' = f * c + i * act(z_c), h' = o * act(c'), with the gates i, f, o = gate(z_i), gate(z_f), gate(z_o)."""

    states = 2
    order = (0, 1, 3, 2)
    gates = 3

    def forward(self, run):
        u = self.units
        h, c = run.states
        run.z, run.e = run.rows(4 * u), run.rows(u)
        product = np.empty((u, run.n), h.dtype)
        for s in range(run.t):
            z, e, new = run.z[s], run.e[s], c[s + 1]
            run.product(s, z)
            self.activate_gates(z)
            self.activation.forward(z[3 * u :])
            np.multiply(z[u : 2 * u], c[s], out=new)
            np.multiply(z[:u], z[3 * u :], out=product)
            new += product
            self.activate_into(new, e)
            np.multiply(z[2 * u : 3 * u], e, out=h[s + 1])
            run.finish(s, h, c)

    def backward(self, run, dy, d, dz_all):
        u = self.units
        dh, dc = d
        to_cell, to_gates = self.slopes(run)
        through, dz = np.empty_like(dh), np.empty((self.columns, run.n), dh.dtype)
        dz_states, dz_output, dz_new = dz[: 2 * u].reshape(2, u, run.n), dz[2 * u : 3 * u], dz[3 * u :]
        for s in reversed(range(run.t)):
            if dy is not None:
                dh += dy[s]
            kept = run.part(s, d)
            slope = to_gates[s]
            dc += np.multiply(dh, to_cell[s], out=through)
            np.multiply(dc, slope[: 2 * u].reshape(dz_states.shape), out=dz_states)
            np.multiply(dh, slope[2 * u : 3 * u], out=dz_output)
            np.multiply(dc, slope[3 * u :], out=dz_new)
            # The path of the cell state: without it, whatever happened more than a step ago is learned wrongly.
            f = run.z[s, u : 2 * u]
            dc *= f
            dz_all[:, s] = dz
            run.state_gradient(dz, dh)
            if kept:
                dh += kept[0]
                dc += kept[1]
            run.settle(s, dh, dc)

    def slopes(self, run):
        """What the gradients are multiplied with, for all steps at once, since many short calls cost more.

        (t, u, n): dc/dh.   (t, 4u, n): the gate i per c, f per c, o per h, and the candidate per c.
        """
        u, c = self.units, run.states[1]
        i, f, o, new = (run.z[:, k * u : (k + 1) * u] for k in range(4))
        to_cell = self.derivative(run.e, self.activation)
        to_cell *= o
        to_gates = arena.empty(run.z.shape, run.z.dtype)
        parts = [to_gates[:, k * u : (k + 1) * u] for k in range(4)]
        for gate, by, out in ((i, new, parts[0]), (f, c[:-1], parts[1]), (o, run.e, parts[2])):
            np.multiply(self.derivative(gate, self.gate), by, out=out)
        np.multiply(self.derivative(new, self.activation), i, out=parts[3])
        return to_cell, to_gates

    @staticmethod
    def derivative(y, activation):
        """The slope of an activation where its value is y, a new array."""
        slope = arena.empty(y.shape, y.dtype)
        if activation is Sigmoid:
            np.subtract(1, y, out=slope)
            slope *= y
        elif activation is Tanh:
            np.multiply(y, y, out=slope)
            np.subtract(1, slope, out=slope)
        else:
            slope[...] = activation.backward(y, np.ones_like(y))
        return slope


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
        for s in range(run.t):
            z, out = run.z[s], h[s + 1]
            new = z[3 * u :]
            run.product(s, z)
            self.activate_gates(z)
            new += z[u : 2 * u] * z[2 * u : 3 * u]
            self.activation.forward(new)
            np.subtract(h[s], new, out=out)
            out *= z[:u]
            out += new
            run.finish(s, h)

    def backward(self, run, dy, d, dz_all):
        u, h = self.units, run.h
        (dh,) = d
        through, dz = np.empty_like(dh), np.empty((self.columns, run.n), dh.dtype)
        for s in reversed(range(run.t)):
            if dy is not None:
                dh += dy[s]
            kept = run.part(s, d)
            z = run.z[s]
            update, reset, state, new = (z[k * u : (k + 1) * u] for k in range(4))
            np.subtract(h[s], new, out=through)
            np.multiply(dh, through, out=dz[:u])
            np.multiply(dh, update, out=through)
            dh -= through
            dz[3 * u :] = dnew = self.activation.backward(new, dh)
            np.multiply(dnew, state, out=dz[u : 2 * u])
            np.multiply(dnew, reset, out=dz[2 * u : 3 * u])
            self.chain_gates(z, dz)
            dz_all[:, s] = dz
            run.state_gradient(dz, dh)
            dh += through
            if kept:
                dh += kept[0]
            run.settle(s, dh)


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
            self.activate_gates(z)
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
            self.chain_gates(z, dz)
            dz_all[:, s] = dz
            run.state_gradient(dz, dh)
            dh += through
            if kept:
                dh += kept[0]
            run.settle(s, dh)
        rows = run.t * run.n
        return run.rh.transpose(1, 0, 2).reshape(u, rows) @ dz_all[2 * u :].reshape(u, rows).T


CELLS = {"simple_rnn": SimpleRnn, "lstm": Lstm, "gru": Gru, "gru_reset_before": GruResetBefore}
