"""Cross-entropies: stability, labels, shapes and their messages."""

import numpy as np
import pytest

import kerasnp
from kerasnp import losses, ops
from kerasnp.autodiff import gradcheck
from kerasnp.utils.masks import get_mask


def probabilities(rng, *shape):
    p = np.exp(rng.standard_normal(shape))
    return p / p.sum(-1, keepdims=True)


def test_sparse_equals_one_hot():
    rng = np.random.default_rng(0)
    p, labels = probabilities(rng, 5, 4, 3), rng.integers(0, 3, (5, 4))
    one_hot, logits = np.eye(3)[labels], np.log(p) + 7
    expected = -np.log(np.take_along_axis(p, labels[..., None], -1))[..., 0]
    for y in (labels, labels[..., None], labels.astype(np.float32), labels.astype(np.uint8)):
        np.testing.assert_allclose(losses.sparse_categorical_crossentropy(y, p), expected, rtol=1e-12)
        np.testing.assert_allclose(
            losses.sparse_categorical_crossentropy(y, logits, from_logits=True), expected, rtol=1e-12
        )
    np.testing.assert_allclose(losses.categorical_crossentropy(one_hot, p), expected, rtol=1e-12)
    np.testing.assert_allclose(losses.categorical_crossentropy(one_hot, logits, from_logits=True), expected, rtol=1e-12)


def test_classes_on_another_axis():
    rng = np.random.default_rng(1)
    p, labels = probabilities(rng, 2, 4, 3), rng.integers(0, 3, (2, 4))
    moved, one_hot = np.moveaxis(p, -1, 1), np.moveaxis(np.eye(3)[labels], -1, 1)
    expected = losses.sparse_categorical_crossentropy(labels, p)
    np.testing.assert_allclose(losses.sparse_categorical_crossentropy(labels, moved, axis=1), expected)
    np.testing.assert_allclose(losses.categorical_crossentropy(one_hot, moved, axis=1), expected)
    smooth = losses.categorical_crossentropy(np.eye(3)[labels], p, label_smoothing=0.3)
    np.testing.assert_allclose(losses.categorical_crossentropy(one_hot, moved, label_smoothing=0.3, axis=1), smooth)


@pytest.mark.parametrize("high", [40.0, 500.0])
def test_a_softmax_just_computed_lends_its_logits(high):
    """exp(-500) is no float32, but the loss -log p[0] is 500 and its gradient p - t."""
    x = kerasnp.Variable([[0.0, high, 1.0]])
    for loss, y in (
        (losses.SparseCategoricalCrossentropy(), [0]),
        (losses.CategoricalCrossentropy(), [[1.0, 0.0, 0.0]]),
    ):
        with kerasnp.Tape() as tape:
            value = loss(y, ops.softmax(x))
        assert float(value) == pytest.approx(high, rel=1e-6)
        np.testing.assert_allclose(tape.gradient(value, x), [[-1.0, 1.0, 0.0]], atol=1e-6)


def test_a_sigmoid_just_computed_lends_its_logits():
    x = kerasnp.Variable([[-120.0], [3.0]])
    with kerasnp.Tape() as tape:
        value = losses.BinaryCrossentropy(reduction="sum")([[1.0], [1.0]], ops.sigmoid(x))
    assert float(value) == pytest.approx(120 + np.log1p(np.exp(-3)), rel=1e-6)
    np.testing.assert_allclose(tape.gradient(value, x), [[-1.0], [1 / (1 + np.exp(-3)) - 1]], rtol=1e-5)


def test_lent_logits_give_what_the_probabilities_give():
    rng = np.random.default_rng(2)
    x = kerasnp.Variable(rng.standard_normal((6, 4)), dtype="float64")
    y = rng.integers(0, 4, 6)
    for loss, labels in ((losses.SparseCategoricalCrossentropy(), y), (losses.CategoricalCrossentropy(), np.eye(4)[y])):
        results = []
        for hide in (lambda p: p, lambda p: p * 1):  # a product hides where the probabilities came from
            with kerasnp.Tape() as tape:
                value = loss(labels, hide(ops.softmax(x)))
            results.append((float(value), tape.gradient(value, x)))
        assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
        np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("from_logits", [True, False])
def test_gradients(from_logits):
    rng = np.random.default_rng(3)
    p, y, soft = probabilities(rng, 4, 3), rng.integers(0, 3, 4), probabilities(rng, 4, 3)
    gradcheck(lambda x: losses.sparse_categorical_crossentropy(y, x, from_logits), p)
    gradcheck(lambda t, x: losses.categorical_crossentropy(t, x, from_logits), soft, p)
    gradcheck(lambda t, x: losses.binary_crossentropy(t, x, from_logits), soft, p)
    gradcheck(lambda x: losses.binary_crossentropy(y[:, None] > 0, x, from_logits, label_smoothing=0.2), p[:, :1])


def test_gradients_through_lent_logits():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((4, 3)), rng.integers(0, 3, 4)
    gradcheck(lambda x: losses.sparse_categorical_crossentropy(y, ops.softmax(x)), x)
    gradcheck(lambda x: losses.categorical_crossentropy(np.eye(3)[y], ops.softmax(x)), x)
    gradcheck(lambda x: losses.binary_crossentropy(np.eye(3)[y], ops.sigmoid(x)), x)


def test_ignored_class_counts_for_nothing():
    p = np.array([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]], np.float32)
    y = np.array([1, 0, -1])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert float(loss(y, p)) == pytest.approx(-(np.log(0.8) + np.log(0.9)) / 2, rel=1e-6)
    values = losses.sparse_categorical_crossentropy(y, p, ignore_class=-1)
    assert values[2] == 0 and get_mask(values).tolist() == [True, True, False]
    x = kerasnp.Variable(p)
    with kerasnp.Tape() as tape:
        value = loss(y, x)
    gradient = tape.gradient(value, x)
    assert gradient[:2].all() and not gradient[2].any()


@pytest.mark.parametrize("label", [3, -1, 200])
def test_label_out_of_range_is_named_with_the_number_of_classes(label):
    with pytest.raises(ValueError, match=rf"integers from 0 to 2, since the output has 3 classes.*a label {label}\."):
        losses.SparseCategoricalCrossentropy()([0, label, 2], np.full((3, 3), 1 / 3))


def test_one_hot_labels_for_the_sparse_loss_are_told_which_loss_to_use():
    with pytest.raises(ValueError, match=r"target.shape=\(2, 3\), output.shape=\(2, 3\).*categorical cross-entropy"):
        losses.SparseCategoricalCrossentropy()(np.eye(3)[:2], np.full((2, 3), 1 / 3))


@pytest.mark.parametrize("labels", [[0, 1], [[0], [1]]])
def test_class_numbers_for_the_dense_loss_are_told_which_loss_to_use(labels):
    with pytest.raises(ValueError, match=r"output.shape=\(2, 3\).*use the sparse categorical cross-entropy"):
        losses.CategoricalCrossentropy()(labels, np.full((2, 3), 1 / 3))


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse"])
def test_class_numbers_for_an_elementwise_loss_are_told_which_loss_to_use(loss):
    with pytest.raises(
        ValueError, match=r"y_true.shape=\(2,\), y_pred.shape=\(2, 3\).*sparse_categorical_crossentropy"
    ):
        losses.get(loss)([0, 1], np.full((2, 3), 0.5))


def test_a_single_class_is_warned_about():
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy(np.ones((2, 1)), np.ones((2, 1)))


def test_binary_labels_without_the_last_axis():
    p = np.array([[0.2], [0.6]])
    expected = losses.BinaryCrossentropy()(np.array([[0.0], [1.0]]), p)
    assert losses.BinaryCrossentropy()(np.array([0, 1]), p) == expected


@pytest.mark.parametrize("smoothing", [-0.1, 1.5, "a lot"])
def test_label_smoothing_is_a_fraction(smoothing):
    with pytest.raises(ValueError, match="`label_smoothing`. Expected a float value between 0 and 1"):
        losses.CategoricalCrossentropy(label_smoothing=smoothing)


def test_extreme_probabilities_stay_finite():
    assert np.isfinite(losses.BinaryCrossentropy()([[1.0]], np.zeros((1, 1), np.float32)))
    assert np.isfinite(losses.SparseCategoricalCrossentropy()([1], np.array([[1.0, 0.0]], np.float32)))
    assert np.isfinite(losses.CategoricalCrossentropy()([[0.0, 1.0]], np.array([[1.0, 0.0]], np.float32)))


def test_empty_batches():
    assert losses.SparseCategoricalCrossentropy()(np.zeros(0, int), np.zeros((0, 3))).size == 0
    assert losses.MeanSquaredError()(np.zeros((0, 3)), np.zeros((0, 3))).size == 0
