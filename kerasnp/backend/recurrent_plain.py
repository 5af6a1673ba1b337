"""Recurrent layers by their definition, a part of reference.py."""

import numpy as np


def recurrent(
    cell, x, states, w, r, b=None, activations=(None, None), mask=None, zero_masked=False, backwards=False,
    sequences=False, drop_x=None, drop_h=None, keep=True,
):  # fmt: skip
    """One step after the other, one gate after the other: `_step` is what the cell does in a step."""
    n, t, _ = x.shape
    order = list(range(t))[:: -1 if backwards else 1]
    gates, u = r.shape[1] // len(r), len(r)
    drops = (drop_x, x), (drop_h, states[0])
    drops = [np.ones((gates, n, k.shape[-1]), x.dtype) if d is None else d for d, k in drops]
    steps, outputs, seen = [], [], np.zeros((n, 1), bool)
    for s in order:
        new, record = _step(cell, x[:, s], states, w, r, b, activations, *drops)
        m = np.ones((n, 1), bool) if mask is None else mask[:, s, None]
        states = [np.where(m, a, old) for a, old in zip(new, states)]
        seen = m if zero_masked else m | seen
        outputs.append(np.where(seen, states[0], 0).astype(x.dtype))
        steps.append((s, m, seen, record))
    if not sequences:
        y = outputs[-1] if t else states[0]
    else:
        y = np.stack(outputs, axis=1) if t else np.zeros((n, 0, u), x.dtype)
    return np.array(y), [np.array(s) for s in states], (cell, steps, x.shape, w, r, b, activations, drops, sequences)


def recurrent_grad(saved, dy, dlast, wanted=(True, True, True, True)):
    """Backpropagation through time: d holds the gradient of the states, which every step hands on to the one before."""
    cell, steps, shape, w, r, b, activations, drops, sequences = saved
    dx, dw, dr = np.zeros(shape, dy.dtype), np.zeros_like(w), np.zeros_like(r)
    db = None if b is None else np.zeros_like(b)
    dlast = dlast or [np.zeros((shape[0], len(r)), dy.dtype)] * (2 if cell == "lstm" else 1)
    d = list(dlast)
    for position in reversed(range(len(steps))):
        s, m, seen, record = steps[position]
        dout = dy[:, position] if sequences else dy if position == len(steps) - 1 else 0
        d[0] = d[0] + dout * seen
        into, past = [g * m for g in d], [g * ~m for g in d]
        dx[:, s], states = _step_grad(cell, record, into, w, r, b, activations, drops, dw, dr, db)
        d = [a + kept for a, kept in zip(states, past)]
    if not steps and not sequences:
        d[0] = d[0] + dy
    return (dx if wanted[0] else None), d, *(g if keep else None for g, keep in zip((dw, dr, db), wanted[1:]))


def _step(cell, x, states, w, r, b, activations, drop_x, drop_h):
    """New states and what the gradient needs. Gate k sees x * drop_x[k] and h * drop_h[k]."""
    act, gate = (a.forward for a in activations)
    h, u = states[0], len(r)
    cut = [slice(k * u, (k + 1) * u) for k in range(r.shape[1] // u)]
    bias = np.zeros(r.shape[1], x.dtype) if b is None else b.sum(axis=0) if b.ndim == 2 else b
    z = [(x * drop_x[k]) @ w[:, c] + (h * drop_h[k]) @ r[:, c] + bias[c] for k, c in enumerate(cut)]
    if cell == "simple_rnn":
        y = act(z[0])
        return [y], (x, states, y)
    if cell == "lstm":
        i, f, o, new = gate(z[0]), gate(z[1]), gate(z[3]), act(z[2])
        c = f * states[1] + i * new
        e = act(c.copy())
        return [o * e, c], (x, states, i, f, new, o, e)
    update, reset = gate(z[0]), gate(z[1])
    by_input = (x * drop_x[2]) @ w[:, cut[2]] + (0 if b is None else b[0, cut[2]] if b.ndim == 2 else b[cut[2]])
    if cell == "gru":
        by_state = (h * drop_h[2]) @ r[:, cut[2]] + (0 if b is None else b[1, cut[2]])
        new = act(by_input + reset * by_state)
    else:
        by_state = reset * h * drop_h[2]
        new = act(by_input + by_state @ r[:, cut[2]])
    return [update * h + (1 - update) * new], (x, states, update, reset, new, by_state)


def _step_grad(cell, record, d, w, r, b, activations, drops, dw, dr, db):
    """dx and the gradient of the states before the step; what the weights get is added to dw, dr and db."""
    (act, gate), (drop_x, drop_h) = activations, drops
    x, (h, *c), *parts = record
    u = len(r)
    cut = [slice(k * u, (k + 1) * u) for k in range(r.shape[1] // u)]
    through, dc = 0, []
    if cell == "simple_rnn":
        dz = [act.backward(parts[0], d[0])]
    elif cell == "lstm":
        i, f, new, o, e = parts
        dc = d[1] + act.backward(e, d[0] * o)
        dz = [gate.backward(i, dc * new), gate.backward(f, dc * c[0]), act.backward(new, dc * i)]
        dz.append(gate.backward(o, d[0] * e))
        dc = [dc * f]
    else:
        update, reset, new, by_state = parts
        through, dnew = d[0] * update, act.backward(new, d[0] * (1 - update))
        if cell == "gru":
            dreset = dnew * by_state
        else:
            dinside = dnew @ r[:, cut[2]].T * drop_h[2]
            dreset, through = dinside * h, through + dinside * reset
            dr[:, cut[2]] += by_state.T @ dnew
        dz = [gate.backward(update, d[0] * (h - new)), gate.backward(reset, dreset), dnew]
    dx = sum(g @ w[:, k].T * drop for g, k, drop in zip(dz, cut, drop_x))
    for g, k, drop in zip(dz, cut, drop_x):
        dw[:, k] += (x * drop).T @ g
    if b is not None:
        (db[0] if b.ndim == 2 else db)[...] += np.concatenate([g.sum(axis=0) for g in dz])
    if cell == "gru":
        dz[2] = dz[2] * parts[1]
        if b is not None:
            db[1] += np.concatenate([g.sum(axis=0) for g in dz])
    if cell == "gru_reset_before":
        dz = dz[:2]
    dh = sum(g @ r[:, k].T * drop for g, k, drop in zip(dz, cut, drop_h)) + through
    for g, k, drop in zip(dz, cut, drop_h):
        dr[:, k] += (h * drop).T @ g
    return dx, [dh, *dc]
