"""The steps of the recurrent cells, forward and backward, on the buffers of `recurrent.Run`.

Two threads run these loops at once, and whoever needs the interpreter while the other has it has to be woken, which takes
longer than most calls. So steps make few calls, with nothing between them: views of all steps are made before a loop, and
what gradients are multiplied with is worked out for all steps together.
"""

import numpy as np

from kerasnp.backend import arena
from kerasnp.backend.activation import Sigmoid, Tanh, bare_logistic

TILE = 16  # numbers of a cache line: matrix products are a tenth slower where a side is no multiple of it


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
    """Base: the weights as one matrix, the `stack` (size, columns), whose transpose [h; x; 1; 0] is multiplied with.

    `order` lists the gates in the order of the stack's columns: those behind the gate activation side by side, since one
    call then serves them all.
    """

    states = 1
    order: tuple = (0,)
    blocks = 1  # of columns
    gates = slice(0, 0)  # those behind the gate activation
    apart = 0  # how many blocks at the end the state has no part in

    def __init__(self, w, r, b, activation, gate, dtype, keep=True):
        self.inputs, self.units = len(w), len(r)
        self.activation, self.gate = activation, gate
        self.bias = b is not None
        self.rows, self.columns = self.units + self.inputs + self.bias, self.blocks * self.units
        self.size = -(-self.rows // TILE) * TILE
        # Rows at a distance that is a power of two share a place in the cache; turning them round takes four times as long.
        self.stack = np.empty((self.size, self.columns + TILE), dtype)[:, : self.columns]
        self.stack[self.rows :] = 0
        self.fill(self.stack, w, r, b)
        # The state reaches only these columns.
        self.fed_back = self.columns - self.apart * self.units
        if keep:
            self.scaled = np.array(self.stack.T, order="C")
        else:
            # Nobody needs the stack itself, and a copy in another order costs as much as ten steps of one sample.
            self.scaled, self.stack = self.stack.T, None
        # sigmoid(z) = 1 / (1 + exp(-z)): the sign goes into the weights.
        self.turned = gate is Sigmoid
        self.gated = slice(self.gates.start * self.units, self.gates.stop * self.units)
        if self.turned:
            self.scaled[self.gated] *= -1

    @property
    def groups(self):
        """The columns of each gate, in the order of the stack."""
        u = self.units
        return [slice(k * u, (k + 1) * u) for k in range(len(self.order))]

    def in_groups(self, drop):
        """What is dropped for each gate, in the order of the stack."""
        return [drop[k] for k in self.order]

    def fill(self, stack, w, r, b):
        """Write [r; w; b] with the gates in order."""
        u, i = self.units, self.inputs
        for k, gate in enumerate(self.order):
            block, own = stack[:, k * u : (k + 1) * u], slice(gate * u, (gate + 1) * u)
            block[:u], block[u : u + i] = r[:, own], w[:, own]
            if b is not None:
                block[u + i] = b[own]

    def unstack(self, total, rest):
        """dw, dr and db from the gradient of the stack, (columns, size)."""
        u, i = self.units, self.inputs
        d = np.empty((self.rows, self.columns), total.dtype)
        for k, gate in enumerate(self.order):
            d[:, gate * u : (gate + 1) * u] = total[k * u : (k + 1) * u, : self.rows].T
        return d[u : u + i], d[:u], d[u + i] if self.bias else None

    def parts(self, z):
        """`z`, its columns behind the gate activation, and each block of columns: views of (..., columns, n)."""
        u = self.units
        blocks = [z[..., k * u : (k + 1) * u, :] for k in range(z.shape[-2] // u)]
        return z, z[..., self.gated, :], *blocks

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
    """c' = f * c + i * act(z_c), h' = o * act(c'), with the gates i, f, o = gate(z_i), gate(z_f), gate(z_o).

    The columns are z_c, z_i, z_f, z_o: those that reach c first, those behind the gate activation last.
    """

    states = 2
    order = (2, 0, 1, 3)
    blocks = 4
    gates = slice(1, 4)

    def forward(self, run):
        u, (h, c) = self.units, run.states
        run.z, run.e = run.rows(4 * u), run.rows(u)
        product = np.empty((u, run.n), h.dtype)
        steps = list(zip(map(self.parts, run.z), run.e, c, c[1:], h[1:], strict=False))
        for s, ((z, gates, new, i, f, o), e, c_old, c_new, h_new) in enumerate(steps):
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
        u, (dh, dc_last) = self.units, d
        slopes = self.slopes(run).reshape(run.t, 6, u, run.n)
        # What dc and dh are multiplied to, in the order of the slopes: dc of the step before, dz, and what h adds to dc.
        products = np.empty((6, u, run.n), dh.dtype)
        from_c, from_h, dc, through = products[:4], products[4:], products[0], products[5]
        dz, dc_all = products[1:5].reshape(4 * u, run.n), np.empty_like(dc)
        dc[...] = dc_last
        d = [dh, dc]
        steps = list(zip(slopes[:, :4], slopes[:, 4:], dz_all.swapaxes(0, 1), strict=True))
        for s in reversed(range(run.t)):
            if dy is not None:
                dh += dy[s]
            kept = run.part(s, d)
            to_c, to_h, dz_step = steps[s]
            np.multiply(dh, to_h, from_h)
            np.add(dc, through, dc_all)
            np.multiply(dc_all, to_c, from_c)
            np.copyto(dz_step, dz)
            run.state_gradient(dz, dh)
            if kept:
                dh += kept[0]
                dc += kept[1]
            run.settle(s, dh, dc)
        dc_last[...] = dc

    def slopes(self, run):
        """(t, 6u, n): per dc the one before, and dz of the candidate, i and f; per dh that of o, and dc."""
        c, (_, _, new, i, f, o) = run.states[1], self.parts(run.z)
        slopes = arena.empty((run.t, 6 * self.units, run.n), run.z.dtype)
        keep, *to_columns, to_cell = self.parts(slopes)[2:]
        # The path of the cell state: without it, whatever happened more than a step ago is learned wrongly.
        np.copyto(keep, f)
        kinds = self.activation, self.gate, self.gate, self.gate, self.activation
        values, factors = (new, i, f, o, run.e), (i, new, c[:-1], run.e, o)
        for out, kind, y, by in zip((*to_columns, to_cell), kinds, values, factors, strict=True):
            derivative(y, kind, out)
            np.multiply(out, by, out)
        return slopes


class Gru(Cell):
    """h' = z * h + (1 - z) * act(x @ w_h + b_h + r * (h @ r_h + b'_h)): the reset gate r comes after the product.

    The columns are z, r, the state's part of the candidate, and the input's part, which ends as the candidate.
    """

    order = (0, 1, 2)
    blocks = 4
    gates = slice(0, 2)
    apart = 1

    @property
    def groups(self):
        """The columns of each gate; the candidate has two blocks."""
        u = self.units
        return [slice(0, u), slice(u, 2 * u), slice(2 * u, 4 * u)]

    def fill(self, stack, w, r, b):
        """Write [r; w; b], zero where the state or the input has no part."""
        u, i = self.units, self.inputs
        states, inputs = stack[:u], stack[u : u + i]
        states[:, : 3 * u], states[:, 3 * u :] = r, 0
        inputs[:, : 2 * u], inputs[:, 2 * u : 3 * u], inputs[:, 3 * u :] = w[:, : 2 * u], 0, w[:, 2 * u :]
        if self.bias:
            bias = stack[u + i]
            bias[: 2 * u] = b[0, : 2 * u] + b[1, : 2 * u]
            bias[2 * u : 3 * u], bias[3 * u :] = b[1, 2 * u :], b[0, 2 * u :]

    def unstack(self, total, rest):
        """dw, dr and db from the gradient of the stack."""
        u, i = self.units, self.inputs
        inputs = np.empty((i + self.bias, 3 * u), total.dtype)
        inputs[:, : 2 * u] = total[: 2 * u, u : self.rows].T
        inputs[:, 2 * u :] = total[3 * u :, u : self.rows].T
        dr = np.array(total[: 3 * u, :u].T, order="C")
        db = np.stack([inputs[i], total[: 3 * u, u + i]]) if self.bias else None
        return inputs[:i], dr, db

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
    blocks = 3
    gates = slice(0, 2)
    apart = 1

    def fill(self, stack, w, r, b):
        """Write [r; w; b] without the state's part of the candidate, which is a product of its own."""
        u = self.units
        super().fill(stack, w, r, b)
        self.recurrent, stack[:u, 2 * u :] = r[:, 2 * u :], 0

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
