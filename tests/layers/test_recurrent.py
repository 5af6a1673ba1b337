"""Recurrent layers beside the sweep: Keras's numbers, masks, states, memory, dropout, wrappers, errors."""

import json
from pathlib import Path

import numpy as np
import pytest
import recurrent_cases

import kerasnp
from kerasnp import Tape, Variable, layers
from kerasnp.layers import GRU, LSTM, RNN, Bidirectional, GRUCell, LSTMCell, Masking, SimpleRNN, TimeDistributed

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "recurrent.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as stored:
        return dict(stored)


def leaves(y):
    return [v for part in y for v in leaves(part)] if isinstance(y, (list, tuple)) else [y]


def close(got, want, what=""):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-5, atol=2e-6, err_msg=what)


def numbered(golden, prefix):
    found = []
    while f"{prefix}{len(found)}" in golden:
        found.append(golden[f"{prefix}{len(found)}"])
    return found


@pytest.mark.parametrize("name", recurrent_cases.CASES)
def test_numbers_of_keras(name, golden):
    case = recurrent_cases.CASES[name]
    layer = recurrent_cases.make(kerasnp, case)
    x = golden[f"{name}/x"]
    layer.build(x.shape)
    layer.set_weights(numbered(golden, f"{name}/w"))
    assert [w.path for w in layer.weights] == json.loads(str(golden[f"{name}/paths"]))
    states = [Variable(s) for s in numbered(golden, f"{name}/s")]
    options = {"mask": np.array(case["mask"], bool)} if "mask" in case else {}
    if states:
        options["initial_state"] = states
    if case.get("calls"):
        for call in range(case["calls"]):
            for y, want in zip(leaves(layer(x, **options)), numbered(golden, f"{name}/call{call}/y"), strict=True):
                close(y, want, f"call {call}")
        return
    x = Variable(x)
    with Tape() as tape:
        ys = leaves(layer(x, **options))
    for y, want in zip(ys, numbered(golden, f"{name}/call0/y"), strict=True):
        close(y, want, "output")
    gradients = tape.gradient(ys, [x, *layer.trainable_weights, *states], numbered(golden, f"{name}/dy"))
    wants = [golden[f"{name}/dx"], *numbered(golden, f"{name}/dw"), *numbered(golden, f"{name}/ds")]
    for i, (gradient, want) in enumerate(zip(gradients, wants, strict=True)):
        close(gradient, want, f"gradient {i}")


@pytest.mark.parametrize("name", recurrent_cases.CASES)
def test_configuration_has_the_keys_of_keras(name, golden):
    config = json.loads(str(golden[f"{name}/config"]))
    layer = recurrent_cases.make(kerasnp, recurrent_cases.CASES[name])
    assert layer.get_config().keys() == config.keys()
    # Keras's configuration makes our layer.
    twin = type(layer).from_config(config)
    assert twin.get_config().keys() == config.keys()


class Slow(LSTMCell):
    """A user's cell: nothing is known of it, so it runs step by step."""


@pytest.mark.parametrize(
    "options", [{}, {"return_sequences": True, "go_backwards": True}, {"zero_output_for_mask": True}]
)
@pytest.mark.parametrize("masked", [False, True])
def test_any_cell_gives_what_the_operator_gives(options, masked):
    rng = np.random.default_rng(0)
    x, mask = rng.standard_normal((3, 5, 4)).astype("float32"), np.array(recurrent_cases.MASK)
    fast, slow = RNN(LSTMCell(2), **options), RNN(Slow(2), **options)
    given = {"mask": mask} if masked else {}
    y = fast(x, **given)
    slow.build(x.shape)
    slow.set_weights(fast.get_weights())
    assert fast.cell.runs_sequences and not slow.cell.runs_sequences
    np.testing.assert_allclose(slow(x, **given), y, rtol=1e-5, atol=1e-6)


class TwoStates(kerasnp.Layer):
    """A cell with states of different sizes, and an output that is neither."""

    state_size = [2, 3]
    output_size = 4

    def call(self, inputs, states):
        a, b = states
        a, b = a + inputs[:, :2], b * 0.5 + inputs[:, :3]
        return kerasnp.ops.concatenate([a, a], axis=-1), [a, b]


def test_a_cell_of_ones_own_with_several_states():
    x = np.arange(24.0, dtype="float32").reshape(2, 3, 4)
    layer = RNN(TwoStates(), return_state=True, return_sequences=True)
    y, a, b = layer(x)
    assert tuple(v.shape for v in (y, a, b)) == layer.compute_output_shape(x.shape) == ((2, 3, 4), (2, 2), (2, 3))
    np.testing.assert_allclose(a, x[:, :, :2].sum(axis=1))
    np.testing.assert_allclose(y[:, -1], np.concatenate([a, a], axis=1))
    np.testing.assert_allclose(b, x[:, 0, :3] / 4 + x[:, 1, :3] / 2 + x[:, 2, :3])


def test_masked_steps_change_nothing():
    """Padding behind, before or between is as if it were not there."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 3, 2)).astype("float32")
    padded = np.zeros((1, 6, 2), "float32")
    padded[:, [1, 2, 4]] = x
    for cls in (SimpleRNN, LSTM, GRU):
        layer = cls(3)
        model = kerasnp.Sequential([Masking(), layer])
        np.testing.assert_allclose(model(padded), layer(x), rtol=1e-6, atol=1e-7)


def test_masks_travel_through_a_stack():
    x = np.random.default_rng(0).integers(1, 9, (2, 5))
    x[0, 3:] = 0
    embedding = layers.Embedding(10, 4, mask_zero=True)
    stack = [Bidirectional(LSTM(3, return_sequences=True)), TimeDistributed(layers.Dense(2)), GRU(3)]
    model = kerasnp.Sequential([embedding, *stack])
    y = model(x)
    alone = kerasnp.Sequential([embedding, *stack])(x[:1, :3])
    np.testing.assert_allclose(y[:1], alone, rtol=1e-5, atol=1e-6)
    x[0, 3:] = 7
    assert np.abs(model(x)[0] - y[0]).max() > 1e-4


def test_stateful_goes_on_and_starts_again():
    x = np.random.default_rng(0).standard_normal((2, 6, 3)).astype("float32")
    for cls in (SimpleRNN, LSTM, GRU):
        layer = cls(4, stateful=True)
        whole = cls(4)
        whole.build(x.shape)
        layer.build((2, 3, 3))
        layer.set_weights(whole.get_weights())
        layer(x[:, :3])
        np.testing.assert_allclose(layer(x[:, 3:]), whole(x), rtol=1e-5, atol=1e-6)
        layer.reset_state()
        np.testing.assert_allclose(layer(x[:, :3]), whole(x[:, :3]), rtol=1e-5, atol=1e-6)
        assert len(layer.weights) == 3 and layer.non_trainable_weights == []


def test_dropout_is_the_same_at_every_step_and_only_in_training():
    x = np.ones((2, 7, 5), "float32")
    layer = SimpleRNN(4, dropout=0.5, recurrent_initializer="zeros", activation="linear", return_sequences=True, seed=1)
    y = layer(x, training=True)
    np.testing.assert_allclose(y, np.repeat(y[:, :1], 7, axis=1), rtol=1e-6)
    assert np.abs(layer(x, training=True) - y).max() > 1e-3
    np.testing.assert_array_equal(layer(x), layer(x))
    assert layer.cell.seed_generator.state.numpy()[1] == 2


def test_dropping_everything_leaves_the_bias():
    layer = LSTM(3, dropout=1.0, recurrent_dropout=1.0)
    y = layer(np.ones((2, 1, 4), "float32"), training=True)
    np.testing.assert_array_equal(y, 0)
    assert np.abs(layer(np.ones((2, 1, 4), "float32"))).max() > 0


def test_forget_gate_begins_open():
    layer = LSTM(3, bias_initializer="random_normal")
    layer.build((None, 5, 2))
    bias = layer.cell.bias.numpy()
    np.testing.assert_array_equal(bias[3:6], 1)
    assert (bias[[0, 1, 2, 6, 7, 8, 9, 10, 11]] != 0).all()


def test_orthogonal_start():
    layer = GRU(4)
    layer.build((None, 5, 2))
    r = layer.cell.recurrent_kernel.numpy()
    np.testing.assert_allclose(r @ r.T, np.eye(4), atol=1e-6)


def test_encoder_hands_its_states_to_a_decoder():
    x = np.random.default_rng(0).standard_normal((2, 6, 3)).astype("float32")
    first, second = LSTM(4, return_state=True), LSTM(4)
    _, *states = first(x[:, :3])
    second.build((2, 3, 3))
    second.set_weights(first.get_weights())
    whole = LSTM(4)
    whole.build(x.shape)
    whole.set_weights(first.get_weights())
    np.testing.assert_allclose(second(x[:, 3:], initial_state=states), whole(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", [SimpleRNN, LSTM, GRU])
def test_learns_to_remember_the_first_step(cls):
    """The answer was given twenty steps ago."""
    kerasnp.utils.set_random_seed(2)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 256)
    x = 0.1 * rng.standard_normal((256, 12, 2)).astype("float32")
    x[np.arange(256), 0, y] += 1
    model = kerasnp.Sequential([cls(12), layers.Dense(2)])
    model.compile(
        kerasnp.optimizers.Adam(0.02),
        kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=64, epochs=25, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] > 0.95


def test_float64_and_half():
    x = np.random.default_rng(0).standard_normal((2, 4, 3))
    for cls in (SimpleRNN, LSTM, GRU):
        wide = cls(3, dtype="float64")
        assert wide(x).dtype == np.float64
        for policy in ("float16", "mixed_float16"):
            narrow = cls(3, dtype=policy)
            narrow.build(x.shape)
            narrow.set_weights(wide.get_weights())
            assert narrow(x).dtype == np.float16
            np.testing.assert_allclose(narrow(x), wide(x), atol=5e-3)


def test_bidirectional_sees_both_ends():
    x = np.zeros((1, 5, 2), "float32")
    layer = Bidirectional(SimpleRNN(3, return_sequences=True))
    first, last = x.copy(), x.copy()
    first[0, 0], last[0, -1] = 1, 1
    for changed in (first, last):
        assert (np.abs(layer(changed) - layer(x)).max(axis=(0, 2)) > 0).all()
    assert layer.forward_layer.name == "forward_simple_rnn" and layer.backward_layer.name == "backward_simple_rnn"


@pytest.mark.parametrize("inner", [SimpleRNN, LSTM, GRU])
def test_bidirectional_reads_padded_sequences_as_if_they_ended(inner):
    """The last output of either direction is that of the last step that counts, and both learn."""
    x = np.random.default_rng(0).standard_normal((3, 5, 2)).astype("float32")
    lengths = [5, 3, 1]
    mask = np.arange(5) < np.array(lengths)[:, None]
    layer = Bidirectional(inner(3))
    layer.build(x.shape)
    with Tape() as tape:
        y = layer(x, mask=mask)
    for i, n in enumerate(lengths):
        np.testing.assert_allclose(y.numpy()[i], layer(x[i : i + 1, :n])[0], rtol=1e-5, atol=1e-6)
    for weight, gradient in zip(layer.trainable_weights, tape.gradient(y, layer.trainable_weights)):
        assert np.abs(gradient).max() > 0, weight.path
    sequences = Bidirectional(inner(3, return_sequences=True))
    assert not np.asarray(sequences(x, mask=mask))[~mask].any()


def test_bidirectional_with_states_and_initial_states():
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype("float32")
    layer = Bidirectional(LSTM(4, return_state=True, return_sequences=True))
    y, *states = layer(x)
    assert y.shape == (2, 5, 8) and len(states) == 4
    again, *_ = layer(x, initial_state=states)
    assert np.abs(again - y).max() > 1e-3
    assert [tuple(v.shape) for v in layer(x)] == list(layer.compute_output_shape(x.shape))


def test_bidirectional_around_a_cell_of_ones_own():
    layer = Bidirectional(RNN(Slow(3)))
    assert layer(np.ones((2, 4, 5), "float32")).shape == (2, 6)
    assert type(layer.backward_layer.cell) is Slow
    assert len(layer.weights) == 6


def test_time_distributed_keeps_batch_statistics_of_every_step():
    """As in Keras, batch normalization sees one step after the other."""
    x = np.random.default_rng(0).standard_normal((8, 3, 2)).astype("float32")
    layer = TimeDistributed(layers.BatchNormalization(momentum=0.5))
    y = layer(x, training=True)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-5)
    means, moving = x.mean(axis=0), np.zeros(2)
    for step in means:
        moving = 0.5 * moving + 0.5 * step
    np.testing.assert_allclose(layer.layer.moving_mean.numpy(), moving, rtol=1e-5)


def test_saved_and_loaded(tmp_path):
    x = np.random.default_rng(0).standard_normal((3, 5, 4)).astype("float32")
    model = kerasnp.Sequential([
        kerasnp.Input((5, 4)),
        Bidirectional(LSTM(3, return_sequences=True), merge_mode="ave"),
        RNN([LSTMCell(3), GRUCell(2)], return_sequences=True),
        TimeDistributed(layers.Dense(3)),
        GRU(2, reset_after=False),
    ])  # fmt: skip
    y = model.predict(x, verbose=0)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(kerasnp.models.load_model(tmp_path / name).predict(x, verbose=0), y)
    model.save_weights(tmp_path / "model.weights.h5")
    twin = type(model).from_config(json.loads(json.dumps(model.get_config())))
    twin.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(twin.predict(x, verbose=0), y)


@pytest.mark.parametrize("make, error, text", [
    (lambda: LSTM(0), ValueError, "`units` must be a positive integer"),
    (lambda: RNN(object()), ValueError, "must have a `call` method"),
    (lambda: RNN(layers.Dense(2)), ValueError, "state_size"),
    (lambda: layers.StackedRNNCells([layers.Dense(2)]), ValueError, "state_size"),
    (lambda: LSTM(2, stateful=True).build((None, 3, 2)), ValueError, "needs a fixed batch size"),
    (lambda: LSTM(2)(np.ones((2, 3))), ValueError, "expected ndim=3"),
    (lambda: LSTM(2)(np.ones((2, 0, 3))), ValueError, "at least one step"),
    (lambda: LSTM(2)(np.ones((2, 3, 1)), initial_state=[np.ones((2, 2))]), ValueError, "each of the 2 states"),
    (lambda: GRU(2)(np.ones((2, 3, 1)), initial_state=[np.ones((2, 3))]), ValueError, r"shape \(2, 2\)"),
    (lambda: LSTM(2)(np.ones((2, 3, 1)), mask=np.ones((2, 4), bool)), ValueError, r"\(2, 3\)"),
    (lambda: Bidirectional(3), ValueError, "Please initialize"),
    (lambda: Bidirectional(layers.Dense(2)), TypeError, "recurrent"),
    (lambda: Bidirectional(LSTM(2), merge_mode="max"), ValueError, "Invalid merge mode"),
    (lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2)), ValueError, "go_backwards"),
    (lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2, go_backwards=True, return_state=True)), ValueError, "state"),
    (lambda: TimeDistributed(3), ValueError, "Please initialize"),
    (lambda: TimeDistributed(layers.Dense(2))(np.ones((2, 3))), ValueError, "3 axes or more"),
    (lambda: TimeDistributed(layers.Dense(2))(np.ones((2, 3, 1)), mask=np.ones((2, 4))), ValueError, "mask"),
])  # fmt: skip
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_stacked_cells_keep_the_nesting_of_single_states():
    cells = [Accumulates(), LSTMCell(2)]
    y, *states = RNN(cells, return_state=True)(np.ones((2, 4, 3), "float32"))
    assert (y.shape, np.shape(states[0]), np.shape(states[1])) == ((2, 2), (2, 3), (2, 2, 2))
    np.testing.assert_array_equal(states[0], np.full((2, 3), 4.0))


class Accumulates(kerasnp.Layer):
    state_size = 3

    def call(self, inputs, states):
        total = states[0] + inputs
        return total, [total]


def test_conv_lstm_refuses_strides_with_dilation():
    with pytest.raises(ValueError, match="`strides > 1` is not compatible with `dilation_rate > 1`"):
        layers.ConvLSTM2D(1, 1, strides=2, dilation_rate=3)


def test_a_stateful_layer_wants_its_batch_size():
    layer = LSTM(2, stateful=True)
    layer(np.ones((4, 3, 2)))
    before = [s.numpy() for s in layer.states]
    with pytest.raises(ValueError, match="batch size must stay as it was. Expected a batch of 4. Received: 1"):
        layer(np.ones((1, 3, 2)))
    for a, b in zip(before, layer.states, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_configuration_of_bidirectional_is_the_same_before_and_after_it_is_built():
    layer = kerasnp.layers.Bidirectional(LSTM(2))
    before = layer.get_config()
    layer(np.ones((1, 3, 2)))
    assert layer.get_config() == before
