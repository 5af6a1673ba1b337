"""What is peculiar to the recurrent operators: the path of the cell state, and which gate is wrong when one is."""

import numpy as np
import pytest

from kerasnp import Tape, Variable, ops
from kerasnp import backend as K
from kerasnp.autodiff.gradcheck import GradientError
from kerasnp.ops.recurrent import Gru, Lstm, SimpleRnn, gradcheck_gates, recurrent

# The sizes of the report: 3 units, 4 inputs, 4 steps.
N, T, I, U = 5, 4, 4, 3


def data(gates=4, bias=(), seed=0):
    rng = np.random.default_rng(seed)
    x, w, r = rng.standard_normal((N, T, I)), rng.standard_normal((I, gates * U)), rng.standard_normal((U, gates * U))
    return x, w, r, rng.standard_normal((*bias, gates * U)), rng.standard_normal((N, U)), rng.standard_normal((N, U))


def by_hand(x, w, r, b, h, c):
    """The formulas, one after the other."""
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    for t in range(x.shape[1]):
        i, f, new, o = np.split(x[:, t] @ w + h @ r + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        h = sigmoid(o) * np.tanh(c)
    return h, c


def test_lstm_is_its_formula():
    x, w, r, b, h, c = data()
    y, last_h, last_c = recurrent(Lstm, x, w, r, [h, c], b, with_states=True)
    want_h, want_c = by_hand(x, w, r, b, h, c)
    np.testing.assert_allclose(y, want_h, rtol=1e-12)
    np.testing.assert_allclose(last_h, want_h, rtol=1e-12)
    np.testing.assert_allclose(last_c, want_c, rtol=1e-12)


@pytest.mark.parametrize("kernels", ["fast", "reference"])
def test_the_gradient_follows_the_cell_state(kernels, monkeypatch):
    """With r = 0 steps are linked by c alone: dc[t-1] = dc[t] * f[t], so dc[0] is the product of all f."""
    if kernels == "reference":
        monkeypatch.setattr(K, "recurrent", K.reference.recurrent)
        monkeypatch.setattr(K, "recurrent_grad", K.reference.recurrent_grad)
    x, w, r, b, h, c = data()
    first = Variable(c, dtype="float64")
    with Tape() as tape:
        last = recurrent(Lstm, x, w, np.zeros_like(r), [h, first], b, with_states=True)[2]
    f = 1 / (1 + np.exp(-(x @ w + b)[..., U : 2 * U]))
    np.testing.assert_allclose(tape.gradient(last, first), f.prod(axis=1), rtol=1e-12)


def whole(x, h, c):
    return lambda w, r, b: recurrent(Lstm, x, w, r, [h, c], b)


def broken(x, h, c):
    """The LSTM of the report: steps hand dh back, but no dc."""

    def run(w, r, b):
        state, cell = h, c
        for t in range(T):
            _, state, cell = recurrent(Lstm, x[:, t : t + 1], w, r, [state, cell], b, with_states=True)
            cell = cell if t == T - 1 else ops.stop_gradient(cell)
        return state

    return run


def test_every_gate_of_the_lstm_is_right():
    x, w, r, b, h, c = data()
    errors = gradcheck_gates(whole(x, h, c), w, r, b)
    assert len(errors) == 12
    assert max(errors.values()) < 1e-6


def test_the_check_names_the_gates_of_the_broken_lstm():
    x, w, r, b, h, c = data()
    np.testing.assert_allclose(broken(x, h, c)(w, r, b), whole(x, h, c)(w, r, b), rtol=1e-12)
    with pytest.raises(GradientError, match="kernel of the forget gate by") as caught:
        gradcheck_gates(broken(x, h, c), w, r, b)
    errors = caught.value.errors
    for weight in ("kernel", "recurrent_kernel", "bias"):
        wrong = [errors[f"{weight} of the {gate} gate"] for gate in ("input", "forget", "candidate")]
        assert min(wrong) > 0.01, errors
        # The output gate acts after the cell state; only what h hands on reaches it.
        assert errors[f"{weight} of the output gate"] < max(wrong)


def test_the_gates_that_are_right_are_not_named():
    """With r = 0 the missing path cannot reach the output gate, and the check clears it."""
    x, w, r, b, h, c = data()

    def run(w, b):
        return broken(x, h, c)(w, np.zeros_like(r), b)

    with pytest.raises(GradientError) as caught:
        gradcheck_gates(lambda w, r, b: run(w, b) + ops.sum(r) * 1.0, w, r, b)
    message = str(caught.value)
    assert "forget" in message and "input" in message and "candidate" in message
    assert "output" not in message


@pytest.mark.parametrize("cls, gates, bias, name", [(Gru, 3, (2,), "gru"), (SimpleRnn, 1, (), "simple_rnn")])
def test_gates_of_the_others(cls, gates, bias, name):
    x, w, r, b, h, _ = data(gates, bias)
    errors = gradcheck_gates(lambda w, r, b: recurrent(cls, x, w, r, [h], b, sequences=True), w, r, b, cell=name)
    assert len(errors) == 3 * gates
    assert max(errors.values()) < 1e-6


def test_shards_give_what_the_whole_batch_gives():
    """A batch large enough to be cut into shards; the definition never cuts."""
    rng = np.random.default_rng(1)
    n, t, i, u = 150, 3, 5, 100
    x, w, r, b = (rng.standard_normal(s) * 0.3 for s in ((n, t, i), (i, 4 * u), (u, 4 * u), (4 * u,)))
    mask = rng.random((n, t)) > 0.3
    results = []
    for kernel, grad in ((K.recurrent, K.recurrent_grad), (K.reference.recurrent, K.reference.recurrent_grad)):
        y, last, saved = kernel(
            "lstm", x, [np.ones((n, u))] * 2, w, r, b, (K.fused["tanh"], K.fused["sigmoid"]), mask, sequences=True
        )
        dx, dstates, dw, dr, db = grad(saved, np.cos(y), [np.sin(s) for s in last])
        results.append([y, *last, dx, *dstates, dw, dr, db])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(1)
    n, t, i, u = 200, 3, 7, 128
    x, w, r, b = (rng.standard_normal(s).astype("float32") for s in ((n, t, i), (i, 3 * u), (u, 3 * u), (2, 3 * u)))
    before, results = K.threads.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            K.threads.set_num_threads(threads)
            y, _, saved = K.recurrent(
                "gru", x, [np.zeros((n, u), "float32")], w, r, b, (K.fused["tanh"], K.fused["sigmoid"])
            )
            results.append([y, *K.recurrent_grad(saved, y, None)[2:]])
    finally:
        K.threads.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_tape_can_be_walked_twice():
    x, w, r, b, h, c = data()
    weights = [Variable(a, dtype="float64") for a in (w, r, b)]
    with Tape(persistent=True) as tape:
        y = recurrent(Lstm, x, weights[0], weights[1], [h, c], weights[2])
    for a, b in zip(tape.gradient(y, weights), tape.gradient(y, weights), strict=True):
        np.testing.assert_array_equal(a, b)
