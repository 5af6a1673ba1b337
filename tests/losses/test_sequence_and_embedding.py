"""CTC against all its alignments, the circle loss, and what they refuse."""

import itertools

import numpy as np
import pytest

from kerasnp import losses
from kerasnp.autodiff import gradcheck
from kerasnp.ops.ctc import ctc_loss


def collapse(path, blank=0):
    """What an alignment spells: repeats merged, blanks dropped."""
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def by_enumeration(labels, scores, blank=0):
    p = np.exp(scores - np.log(np.exp(scores).sum(-1, keepdims=True)))
    paths = itertools.product(range(scores.shape[1]), repeat=len(scores))
    return -np.log(sum(np.prod(p[np.arange(len(p)), path]) for path in paths if collapse(path, blank) == tuple(labels)))


@pytest.mark.parametrize("labels", [[1, 2], [2, 2], [1], []])
@pytest.mark.parametrize("steps", [3, 5])
def test_ctc_is_the_sum_over_all_alignments(labels, steps):
    scores = np.random.default_rng(0).standard_normal((1, 5, 3))
    padded = np.array([labels + [0] * (2 - len(labels))])
    loss = ctc_loss(padded, scores, np.array([len(labels)]), np.array([steps]))
    assert float(loss[0]) == pytest.approx(by_enumeration(labels, scores[0, :steps]), rel=1e-12)


def test_ctc_with_another_blank():
    scores = np.random.default_rng(1).standard_normal((1, 4, 3))
    loss = ctc_loss(np.array([[0, 1]]), scores, np.array([2]), np.array([4]), mask_index=2)
    assert float(loss[0]) == pytest.approx(by_enumeration([0, 1], scores[0], blank=2), rel=1e-12)


def test_ctc_gradient_with_sequences_of_different_lengths():
    rng = np.random.default_rng(2)
    labels, label_length, steps = np.array([[1, 1, 3], [2, 0, 0], [0, 0, 0]]), np.array([3, 1, 0]), np.array([6, 4, 5])
    gradcheck(lambda x: ctc_loss(labels, x, label_length, steps), rng.standard_normal((3, 6, 4)))


def test_ctc_of_long_sequences_stays_finite():
    scores = np.random.default_rng(3).standard_normal((1, 400, 5)).astype(np.float32) * 20
    value = losses.CTC()(np.arange(50)[None] % 4 + 1, scores)
    assert np.isfinite(value) and value > 100


@pytest.mark.parametrize(
    "labels, shape, message",
    [
        ([[1, 1, 1]], (1, 4, 3), "sequence 0 of the batch has 3 labels, which need at least 5 time steps"),
        ([[1, 3]], (1, 4, 3), "integers from 0 to 2, as output has 3 classes. Received: a label 3"),
        ([1, 2], (1, 4, 3), r"y_true must have the shape \(batch, labels\)"),
        ([[1, 2]], (4, 3), r"Received: y_true.shape=\(1, 2\), y_pred.shape=\(4, 3\)"),
        ([[1], [2]], (1, 4, 3), r"target.shape=\(2, 1\), output.shape=\(1, 4, 3\)"),
    ],
)
def test_ctc_refuses_what_cannot_be_aligned(labels, shape, message):
    with pytest.raises(ValueError, match=message):
        losses.CTC()(labels, np.zeros(shape))


def circle_by_the_paper(labels, x, gamma, margin):
    """log(1 + sum_n exp(gamma * a_n * (s_n - m)) * sum_p exp(-gamma * a_p * (s_p - 1 + m))), one sample at a time."""
    values = []
    for i in range(len(x)):
        s = x @ x[i]
        positive, negative = labels == labels[i], labels != labels[i]
        positive[i] = False
        repel = np.exp(gamma * np.maximum(s + margin, 0) * (s - margin))[negative].sum()
        attract = np.exp(-gamma * np.maximum(1 + margin - s, 0) * (s - 1 + margin))[positive].sum()
        values.append(np.log1p(repel * attract))
    return values


def test_circle_is_that_of_the_paper():
    rng = np.random.default_rng(4)
    x, labels = rng.standard_normal((7, 3)), np.array([0, 1, 0, 2, 1, 0, 2])
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    expected = circle_by_the_paper(labels, x, 8.0, 0.3)
    np.testing.assert_allclose(losses.circle(labels, x, gamma=8.0, margin=0.3), expected, rtol=1e-9)
    np.testing.assert_allclose(losses.circle(labels[:, None], x, gamma=8.0, margin=0.3), expected, rtol=1e-9)
    gradcheck(lambda v: losses.circle(labels, v, gamma=8.0, margin=0.3), x * 0.9)


def test_circle_leaves_out_samples_with_nothing_to_learn():
    x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    values = losses.circle([0, 0, 1], x, gamma=2.0)
    assert values[2] == 0
    assert float(losses.Circle(gamma=2.0)([0, 0, 1], x)) == pytest.approx(values[:2].mean(), rel=1e-6)


def test_circle_against_references():
    x, labels = np.eye(3), np.array([0, 1, 2])
    value = losses.circle(labels[:1], x[:1], ref_labels=labels, ref_embeddings=x, remove_diagonal=False, gamma=2.0)
    assert value.shape == (1,) and np.isfinite(value).all()
    with pytest.raises(ValueError, match=r"one class number per embedding.*y_true.shape=\(2,\), y_pred.shape=\(3, 3\)"):
        losses.circle([0, 1], x)


def test_ctc_of_a_label_that_is_called_like_the_blank():
    # Alignments of (1, 2, 0) where 0 names a label too: the blank before it may be skipped like any other.
    scores = (np.arange(24).reshape(2, 4, 3).astype("float32") - 12) / 100
    values = losses.ctc(np.array([[1, 2, 1, 0], [1, 2, 0, 2]]), scores)
    np.testing.assert_allclose(values, [2.4429314, 2.4543595], rtol=1e-6)  # Keras 3.15, torch
