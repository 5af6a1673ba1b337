"""Recurrent kernels beyond what the sweep of operators covers: what long sequences do to small numbers."""

import numpy as np
import pytest

from kerasnp.backend import recurrent, recurrent_grad
from kerasnp.backend.activation import Sigmoid, Tanh


@pytest.mark.parametrize("cell, gates, states", [("simple_rnn", 1, 1), ("lstm", 4, 2), ("gru", 3, 1)])
def test_gradients_that_fade_away_end_as_zeros(cell, gates, states):
    """Below the normal range of floats a product takes thirty times as long: 512 steps of LSTM took 2.7 s, not 0.2 s."""
    rng = np.random.default_rng(0)
    n, t, i, u = 4, 300, 3, 5
    x, w, r = (rng.normal(size=s).astype("float32") * 0.1 for s in ((n, t, i), (i, gates * u), (u, gates * u)))
    b = np.zeros((2, gates * u) if cell == "gru" else gates * u, "float32")
    if cell == "gru":
        b[0, :u] = -3  # forget soon
    zeros = [np.zeros((n, u), "float32")] * states
    y, _, saved = recurrent(cell, x, zeros, w, r, b, (Tanh, Sigmoid))
    dx, *_ = recurrent_grad(saved, np.ones_like(y), None)
    sizes = np.abs(dx).max(axis=(0, 2))
    assert sizes[-1] > 1e-3 and (sizes[:30] == 0).all()
    subnormal = (dx != 0) & (np.abs(dx) < np.finfo("float32").tiny)
    assert subnormal.any(axis=(0, 2)).sum() <= 24
