"""Recurrent layers over whole sequences, forward and backward through time.

A step is one product of a matrix that holds every gate with [h; x; 1]; the gradient of that matrix is one product
after the loop. Inside, arrays are (t, features, n): with the batch innermost each gate is one stretch of memory, which
is four times as fast to work on as a slice of rows. The batch is cut into shards that run on all cores.
"""

import numpy as np

from kerasnp.backend import arena, threads
from kerasnp.backend.recurrent_cells import CELLS

# Up to so many samples stay together: fewer than 32 leave a matrix product half idle.
TOGETHER = 64
# A larger batch is cut into an even number of shards, for two threads to share, of so many samples at most. Longer calls let
# threads wait less for each other: predictions of an LSTM of 128 units take 190 ms in shards of 64, 141 in shards of 256.
SHARD = 256
# Multiplications of a step of a shard below which the interpreter, which has no second core, takes longer than they do.
WORTH_A_THREAD = 1 << 20


def recurrent(
    cell, x, states, w, r, b=None, activations=(None, None), mask=None, zero_masked=False, backwards=False,
    sequences=False, drop_x=None, drop_h=None, keep=True,
):  # fmt: skip
    """Run a cell over sequences: the output, the last states, and what `recurrent_grad` needs.

    Args:
        cell: `"simple_rnn"`, `"lstm"`, `"gru"` or `"gru_reset_before"`.
        x: (n, t, i).  states: [h] or [h, c], each (n, u).  w: (i, gates * u).  r: (u, gates * u).
        b: (gates * u,), for `"gru"` (2, gates * u), or None. Gates are in Keras's order: i f c o, z r h.
        activations: kernels with `forward(z)` in place and `backward(y, dy)`, of the state and of the gates.
        mask: (n, t), false where a step leaves the states as they are.
        zero_masked: the output of such a step is zero instead of the output before, which is zero at first.
        backwards: from the last step to the first; the output of the last step comes first.
        sequences: y is (n, t, u), every step, instead of (n, u), the last.
        drop_x, drop_h: (gates, n, i), (gates, n, u): factors of the input and the state before each gate.
        keep: whether `recurrent_grad` will be called.
    """
    n, t, _ = x.shape
    u = len(r)
    cell = CELLS[cell](w, r, b, *activations, x.dtype, keep)
    y = np.empty((n, t, u) if sequences else (n, u), x.dtype)
    last = [np.empty((n, u), x.dtype) for _ in states]
    runs = {}

    def shard(i, j):
        cut = [None if d is None else d[:, i:j] for d in (drop_x, drop_h)]
        run = Run(cell, x[i:j], [s[i:j] for s in states], None if mask is None else mask[i:j], backwards, *cut, keep)
        with np.errstate(over="ignore"):  # of exp in gates: once, and not in every step
            cell.forward(run)
        for out, history in zip(last, run.states):
            out[i:j] = history[t].T
        seen = y[i:j].transpose(1, 2, 0) if sequences else y[i:j].T[None]
        np.copyto(seen, run.h[1:] if sequences else run.h[t:])
        if run.mask is not None and t:
            seen *= run.seen(zero_masked, sequences)
        runs[i] = run if keep else None

    grain = shard_size(n, cell)
    if grain < n:
        threads.parallel(shard, n, grain, x.shape)
    else:
        with threads.quiet_blas():
            shard(0, n)
    saved = (cell, runs, x.shape, grain, backwards, sequences, zero_masked) if keep else None
    return y, last, saved


def recurrent_grad(saved, dy, dlast, wanted=(True, True, True, True)):
    """The gradients of `recurrent`: dx, [d of each state], dw, dr, db, None where `wanted` (x, w, r, b) says False.

    Args:
        dy: like y.  dlast: like the last states, or None.
    """
    cell, runs, shape, grain, backwards, sequences, zero_masked = saved
    n, t, _ = shape
    dx = np.empty(shape, dy.dtype) if wanted[0] else None
    dstates = [np.empty((n, cell.units), dy.dtype) for _ in range(cell.states)]
    parts = {}

    def shard(i, j):
        run = runs[i]
        d = [
            np.zeros((cell.units, j - i), dy.dtype) if dlast is None else np.array(s[i:j].T, order="C")
            for s in dlast or dstates
        ]
        steps = np.ascontiguousarray(dy[i:j].transpose(1, 2, 0)) if sequences else dy[i:j].T[None]
        if run.mask is not None and t:
            steps = steps * run.seen(zero_masked, sequences)
        if not sequences:
            d[0] += steps[0]
        dz = arena.empty((cell.columns, t, j - i), dy.dtype)
        rest = cell.backward(run, steps if sequences else None, d, dz)
        for out, g in zip(dstates, d):
            out[i:j] = g.T
        if wanted[0]:
            g = run.input_gradient(dz)
            dx[i:j] = (g[:, ::-1] if backwards else g).transpose(2, 1, 0)
        if any(wanted[1:]):
            parts[i] = run.weight_gradient(dz), rest

    if grain < n:
        threads.parallel(shard, n, grain, shape)
    else:
        with threads.quiet_blas():
            shard(0, n)
    if not any(wanted[1:]):
        return dx, dstates, None, None, None
    # Added in the order of the batch, so that the bits do not depend on which thread was first.
    (total, rest), *others = (parts[i] for i in sorted(parts))
    for more, more_rest in others:
        total += more
        if rest is not None:
            rest += more_rest
    dw, dr, db = cell.unstack(total, rest)
    return dx, dstates, *(g if keep else None for g, keep in zip((dw, dr, db), wanted[1:]))


def shard_size(n, cell):
    """How many samples a shard has."""
    grain = threads.grain_of(n, n, SHARD) if n > TOGETHER else n
    return grain if grain * cell.size * cell.columns >= WORTH_A_THREAD else max(n, 1)


class Run:
    """One shard of the batch on its way through time: inputs, states and gates of every step."""

    def __init__(self, cell, x, states, mask, backwards, drop_x, drop_h, keep):
        n, t, i = x.shape
        u, dtype = cell.units, x.dtype
        self.cell, self.n, self.t, self.keep = cell, n, t, keep
        self.dropping = drop_x is not None or drop_h is not None
        self.drop_x = None if drop_x is None else [d.T for d in cell.in_groups(drop_x)]
        self.drop_h = None if drop_h is None else [d.T for d in cell.in_groups(drop_h)]
        self.groups = cell.groups if self.dropping else [slice(0, cell.columns)]
        x = x.transpose(1, 2, 0)[:: -1 if backwards else 1]
        # What the product is taken with, (t, size, n): one for all gates, or one for each where parts are dropped.
        self.a = [arena.empty((t + 1, cell.size, n), dtype) for _ in self.groups]
        for g, a in enumerate(self.a):
            a[:t, u : u + i] = x if drop_x is None else x * self.drop_x[g]
            a[:, u + i : cell.rows], a[:, cell.rows :] = 1, 0
        # Where nothing is dropped, the states live right there.
        self.h = np.empty((t + 1, u, n), dtype) if self.dropping else self.a[0][:, :u]
        self.states = [self.h] + [np.empty((t + 1, u, n), dtype) for _ in states[1:]]
        for history, first in zip(self.states, states):
            history[0] = first.T
        if self.dropping:
            self.spread(0)
        self.mask = self.held = None
        if mask is not None:
            self.mask = np.ascontiguousarray(mask.T[:: -1 if backwards else 1, None, :])
            self.held = ~self.mask

    def rows(self, features):
        """A buffer (features, n) for each step; where nothing is kept, one that every step writes again."""
        if self.keep:
            return arena.empty((self.t, features, self.n), self.h.dtype)
        return [np.empty((features, self.n), self.h.dtype)] * self.t

    def product(self, s, z):
        """z = stack' @ [h; x; 1] at step s."""
        if not self.dropping:
            np.matmul(self.cell.scaled, self.a[0][s], z)
            return
        for a, group in zip(self.a, self.groups):
            np.matmul(self.cell.scaled[group], a[s], out=z[group])

    def spread(self, s):
        """Put the state h[s] in front of each gate's input, with what is dropped for that gate."""
        for g, a in enumerate(self.a):
            a[s, : self.cell.units] = self.h[s] if self.drop_h is None else self.h[s] * self.drop_h[g]

    def finish(self, s, *histories):
        """A masked step keeps the states it began with."""
        if self.held is not None:
            for history in histories:
                np.copyto(history[s + 1], history[s], where=self.held[s])
        if self.dropping:
            self.spread(s + 1)

    def seen(self, zero_masked, sequences):
        """Where the output is h, and not zero: (t, 1, n), or the last step of it."""
        seen = self.mask if zero_masked else np.logical_or.accumulate(self.mask, axis=0)
        return seen if sequences else seen[-1:]

    def part(self, s, gradients):
        """Take out of the gradients what a masked step hands on unchanged; returns it, or None."""
        if self.held is None:
            return None
        kept = [g * self.held[s] for g in gradients]
        for g in gradients:
            g *= self.mask[s]
        return kept

    def state_gradient(self, dz, out):
        """dh = r @ dz, with what was dropped for each gate."""
        u, fed = self.cell.units, self.cell.fed_back
        r = self.cell.stack[:u, :fed]
        if not self.dropping:
            return np.matmul(r, dz[:fed], out=out)
        out[...] = 0
        for g, group in enumerate(self.groups):
            group = slice(group.start, min(group.stop, fed))
            dh = r[:, group] @ dz[group]
            out += dh if self.drop_h is None else dh * self.drop_h[g]
        return out

    @staticmethod
    def settle(s, *gradients):
        """Every few steps, set to zero what is about to fall below the normal range of floats, where a product takes
        thirty times as long: gradients fade on their way through a long sequence."""
        if s % 8 == 0:
            for g in gradients:
                np.copyto(g, 0, where=np.abs(g) < 1e8 * np.finfo(g.dtype).tiny)

    def input_gradient(self, dz):
        """dx (i, t, n) of all steps at once."""
        u, i = self.cell.units, self.cell.inputs
        w, dx = self.cell.stack[u : u + i], 0
        for g, group in enumerate(self.groups):
            columns = dz[group].reshape(group.stop - group.start, self.t * self.n)
            d = (w[:, group] @ columns).reshape(i, self.t, self.n)
            dx = dx + (d if self.drop_x is None else d * self.drop_x[g][:, None])
        return dx

    def weight_gradient(self, dz):
        """The gradient of the stack, (columns, size), over all steps at once."""
        rows = self.t * self.n
        total = np.empty((self.cell.columns, self.cell.size), dz.dtype)
        along = arena.empty((self.cell.size, self.t, self.n), dz.dtype)
        for a, group in zip(self.a, self.groups):
            along[...] = a[: self.t].transpose(1, 0, 2)
            columns = dz[group].reshape(group.stop - group.start, rows)
            np.matmul(columns, along.reshape(self.cell.size, rows).T, out=total[group])
        return total
