"""Recursive networks: trees, gradients, and an expression task."""

import json

import numpy as np
import pytest

import kerasnp
from kerasnp import Tape, layers
from kerasnp.autodiff.gradcheck import gradcheck
from kerasnp.layers.tree import children_of, schedule
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object

# The same trees in both spellings.
PAIRS = [((0, 1), 2), (0, (1, 2)), (1, 0), 2, ((2, 0), 1)]
PARENTS = [[3, 3, 4, 4, -1], [4, 3, 3, 4, -1], [3, 3, -2, -1, -2], [-2, -2, -1, -2, -2], [3, 4, 3, 4, -1]]
BOTH = [layers.TreeRNNCell, layers.TreeLSTMCell]


def test_children_before_parents():
    assert children_of((((0, 1), 2), (3, 4)), 5) == [(0, 1), (5, 2), (3, 4), (6, 7)]
    assert children_of(4, 5) == []
    # Of two children, that with the first leaf is the left one.
    assert children_of([5, 5, 6, 7, 7, 6, 8, 8, -1], 5) == [(0, 1), (5, 2), (3, 4), (6, 7)]
    assert children_of([3, 4, 3, 4, -1], 3) == [(0, 2), (3, 1)]


def test_a_very_deep_tree():
    tree = 0
    for leaf in range(1, 3000):
        tree = (tree, leaf)
    assert len(children_of(tree, 3000)) == 2999
    parents = [3000] + [3000 + max(k - 1, 0) for k in range(1, 3000)] + list(range(3001, 5999)) + [-1]
    assert len(children_of(parents, 3000)) == 2999


def test_nodes_of_one_height_are_one_level():
    levels, roots = schedule([((0, 1), (2, 3)), (0, 1), 3], 4)
    assert [len(left) for left, _ in levels] == [3, 1]
    np.testing.assert_array_equal(roots, [15, 14, 11])


@pytest.mark.parametrize("cls", BOTH)
def test_both_spellings_and_any_company(cls):
    x = np.random.default_rng(0).standard_normal((5, 3, 4)).astype("float32")
    cell = cls(3)
    y = cell(x, PAIRS)
    assert y.shape == cell.compute_output_shape(x.shape) == (5, 3)
    same = [PARENTS[0], PARENTS[1], (1, 0), PARENTS[3]]
    np.testing.assert_allclose(cell(x[:4], same), y[:4], rtol=1e-6)
    for i, tree in enumerate(PAIRS):
        np.testing.assert_allclose(cell(x[i : i + 1], [tree]), y[i : i + 1], rtol=1e-5, atol=1e-6)
    padded = np.array([PARENTS[0], PARENTS[3]])
    np.testing.assert_allclose(cell(x[[0, 3]], padded), y[[0, 3]], rtol=1e-6)


def test_tree_rnn_by_hand():
    x = np.random.default_rng(0).standard_normal((1, 3, 4)).astype("float32")
    cell = layers.TreeRNNCell(2, bias_initializer="random_normal")
    y = cell(x, [((0, 2), 1)])
    w, r, b, rb = (v.numpy() for v in (cell.kernel, cell.recurrent_kernel, cell.bias, cell.recurrent_bias))
    a, c, d = np.tanh(x[0] @ w + b)
    inner = np.tanh(np.concatenate([a, d]) @ r + rb)
    np.testing.assert_allclose(y[0], np.tanh(np.concatenate([inner, c]) @ r + rb), rtol=1e-5)


def test_tree_lstm_by_hand():
    x = np.random.default_rng(0).standard_normal((1, 2, 4)).astype("float32")
    cell = layers.TreeLSTMCell(3, bias_initializer="random_normal")
    y = cell(x, [(0, 1)])
    w, r, b, rb = (v.numpy() for v in (cell.kernel, cell.recurrent_kernel, cell.bias, cell.recurrent_bias))
    np.testing.assert_array_equal(rb[3:9], 1)
    s = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    i, o, u = np.split(x[0] @ w + b, 3, axis=1)
    c = s(i) * np.tanh(u)
    h = s(o) * np.tanh(c)
    i, f, g, o, u = np.split(h.reshape(-1) @ r + rb, 5)
    c = s(i) * np.tanh(u) + s(f) * c[0] + s(g) * c[1]
    np.testing.assert_allclose(y[0], s(o) * np.tanh(c), rtol=1e-5)


@pytest.mark.parametrize("cls", BOTH)
def test_gradients(cls):
    kerasnp.backend.set_floatx("float64")
    x = np.random.default_rng(0).standard_normal((5, 3, 4))
    cell = cls(3, bias_initializer="random_normal")
    cell(x, PAIRS)
    gradcheck(lambda x, *_: cell(x, PAIRS), x, *cell.weights, names=["x", *(w.name for w in cell.weights)])


@pytest.mark.parametrize("cls", BOTH)
def test_configuration(cls):
    cell = cls(3, activation="relu", use_bias=False, kernel_regularizer="l2")
    cell.build((None, 3, 4))
    assert [w.name for w in cell.weights] == ["kernel", "recurrent_kernel"]
    twin = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(cell))))
    assert twin.get_config() == cell.get_config()
    twin.set_weights(cell.get_weights())
    x = np.ones((1, 3, 4), "float32")
    np.testing.assert_array_equal(twin(x, PAIRS[:1]), cell(x, PAIRS[:1]))


WORDS = ["false", "true", "and", "or", "xor"]
LEAVES = 9


def expression(rng, depth, words):
    """(tree, value) of a random formula; the node of `a op b` is ((op, a), b), and its words are appended."""
    if depth == 0 or rng.random() < 0.2:
        words.append(int(rng.integers(2)))
        return len(words) - 1, words[-1]
    op = int(rng.integers(2, 5))
    words.append(op)
    place = len(words) - 1
    left, a = expression(rng, depth - 1, words)
    right, b = expression(rng, depth - 1, words)
    return ((place, left), right), {2: a & b, 3: a | b, 4: a ^ b}[op]


def formulas(rng, n, depth):
    trees, values, all_words = [], [], []
    while len(trees) < n:
        words: list = []
        tree, value = expression(rng, depth, words)
        if len(words) <= LEAVES:
            trees.append(tree)
            values.append(value)
            all_words.append(words + [0] * (LEAVES - len(words)))
    return np.array(all_words), trees, np.array(values)


@pytest.mark.parametrize("cls", BOTH)
def test_learns_to_evaluate_formulas(cls):
    """Formulas of and, or, xor: right for most that it has never seen, where guessing the commoner value is not."""
    kerasnp.utils.set_random_seed(1)
    words, trees, values = formulas(np.random.default_rng(0), 600, 2)
    seen, held = slice(0, 450), slice(450, 600)
    embedding, cell, top = layers.Embedding(len(WORDS), 8), cls(16), layers.Dense(2)
    loss = kerasnp.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = kerasnp.optimizers.Adam(0.02)

    def predict(which):
        return top(cell(embedding(words[which]), trees[which]))

    predict(slice(0, 2))
    weights = [w for layer in (embedding, cell, top) for w in layer.trainable_weights]
    for step in range(120):
        batch = slice(150 * (step % 3), 150 * (step % 3 + 1))
        with Tape() as tape:
            cost = loss(values[batch], predict(batch))
        optimizer.apply_gradients(zip(tape.gradient(cost, weights), weights))
    right = (predict(held).argmax(axis=1) == values[held]).mean()
    assert (predict(seen).argmax(axis=1) == values[seen]).mean() > 0.95
    assert right > 0.9
    assert max(values[held].mean(), 1 - values[held].mean()) < 0.7


def stack(cls, **options):
    return kerasnp.Sequential([
        kerasnp.Input((2 * LEAVES - 1, 2), dtype="int32"),
        layers.Tree(cls(16, **options), embedding=layers.Embedding(len(WORDS), 8)),
        layers.Dense(2, activation="softmax"),
    ])  # fmt: skip


@pytest.mark.parametrize("cls", BOTH)
def test_fit_learns_to_evaluate_formulas(cls, tmp_path):
    """The same task through a stack: fit, evaluate, predict, and a file."""
    kerasnp.utils.set_random_seed(1)
    words, trees, values = formulas(np.random.default_rng(0), 600, 2)
    x = layers.Tree.pack(words, trees)
    assert x.shape == (600, 2 * LEAVES - 1, 2)
    model = stack(cls)
    model.compile(kerasnp.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:450], values[:450], batch_size=150, epochs=34, verbose=0)
    assert model.history.history["accuracy"][-1] > 0.95
    assert model.evaluate(x[450:], values[450:], verbose=0)[1] > 0.9
    model.save(tmp_path / "trees.keras")
    again = kerasnp.models.load_model(tmp_path / "trees.keras")
    np.testing.assert_array_equal(again.predict(x[450:], verbose=0), model.predict(x[450:], verbose=0))


@pytest.mark.parametrize("cls", BOTH)
def test_a_stack_is_its_cell(cls):
    x = np.random.default_rng(0).standard_normal((4, 3, 4)).astype("float32")
    cell, rising = cls(3), [*PAIRS[:2], (0, 2), 2]
    packed = layers.Tree.pack(x, rising)
    np.testing.assert_array_equal(packed[:, :, -1], [*PARENTS[:2], [3, -2, 3, -1, -2], PARENTS[3]])
    layer = layers.Tree(cell)
    np.testing.assert_allclose(layer(packed), cell(x, rising), rtol=1e-6)
    assert layer.compute_output_shape((None, 5, 5)) == layer(kerasnp.Input((5, 5))).shape == (None, 3)
    twin = layers.Tree.from_config(json.loads(json.dumps(layer.get_config())))
    assert twin.get_config() == layer.get_config()
    kerasnp.backend.set_floatx("float64")
    cell = cls(3, bias_initializer="random_normal")
    layer = layers.Tree(cell)
    layer(packed.astype("float64"))

    def state(x, *_):
        parents = packed[:, :, -1:].astype("float64")
        return layer(kerasnp.ops.concatenate([x, parents], axis=-1))

    gradcheck(state, packed[:, :, :-1].astype("float64"), *cell.weights)


@pytest.mark.parametrize("call, text", [
    (lambda: layers.Tree(layers.LSTMCell(2)), "TreeRNNCell or TreeLSTMCell"),
    (lambda: layers.Tree(layers.TreeRNNCell(2), embedding=layers.Dense(2)), "an Embedding layer"),
    (lambda: layers.Tree(layers.TreeRNNCell(2)).build((None, 4, 3)), "2 . leaves - 1"),
    (lambda: layers.Tree(layers.TreeRNNCell(2)).build((None, 5, 1)), "2 . leaves - 1"),
    (lambda: layers.Tree(layers.TreeRNNCell(2), layers.Embedding(3, 2)).build((None, 5, 3)), "its word and its parent"),
    (lambda: layers.Tree(layers.TreeRNNCell(2))(np.zeros((1, 5, 3))), "one binary tree"),
    (lambda: layers.Tree.pack(np.zeros((1, 3)), [((0, 2), (1, 0))]), "the left one must have the first leaf"),
    (lambda: layers.Tree.pack(np.zeros((2, 3)), [(0, 1)]), "2, 3, 1. and 1 trees"),
])  # fmt: skip
def test_mistakes_with_packed_trees(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize("trees, text", [
    ([(0, 1, 2)], "two children"),
    ([(0, 3)], "from 0 to 2"),
    ([(0, "a")], "integer"),
    ([[3, 3, 4, 4]], "one binary tree"),
    ([[3, 3, 3, -1]], "one binary tree"),
    ([[1, -1, -2]], "one binary tree"),
    ([(0, 1), (1, 2)], "one tree for each sample"),
])  # fmt: skip
def test_errors(trees, text):
    with pytest.raises(ValueError, match=text):
        layers.TreeRNNCell(2)(np.ones((1, 3, 4)), trees)
