"""Accuracies against their definitions."""

import numpy as np
import pytest

from kerasnp import metrics

P = np.array([[0.1, 0.9, 0.8], [0.05, 0.95, 0.0], [0.3, 0.3, 0.4]])


def test_categorical_and_sparse_agree():
    labels = np.array([2, 1, 2])
    expected = [0, 1, 1]
    for y in (labels, labels[:, None], labels.astype(np.float32)):
        np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(y, P), expected)
    np.testing.assert_array_equal(metrics.categorical_accuracy(np.eye(3)[labels], P), expected)


def test_sequences_of_labels():
    p, y = np.stack([P, P]), np.array([[2, 1, 2], [1, 0, 0]])
    np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(y, p), [[0, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(y[..., None], p), [[0, 1, 1], [1, 0, 0]])
    assert float(metrics.SparseCategoricalAccuracy()(y, p)) == pytest.approx(0.5)


def test_binary_accuracy_and_its_threshold():
    y, p = np.array([[1], [0], [1], [0]]), np.array([[0.6], [0.6], [0.4], [0.5]])
    np.testing.assert_array_equal(metrics.binary_accuracy(y, p), [[1], [0], [0], [1]])
    assert float(metrics.BinaryAccuracy(threshold=0.55)(y, p)) == 0.5
    assert float(metrics.BinaryAccuracy(threshold=0.3)(y, p)) == 0.5
    np.testing.assert_array_equal(metrics.binary_accuracy(y[:, 0], p), [[1], [0], [0], [1]])
    np.testing.assert_array_equal(metrics.binary_accuracy([[1, 0]], [[0.9, 0.9]]), [[1, 0]])
    assert float(metrics.BinaryAccuracy()([[1, 0], [0, 0]], [[0.9, 0.9], [0.1, 0.1]], [[1, 0], [0, 1]])) == 1.0
    with pytest.raises(ValueError, match="`threshold`. Expected a float value between 0 and 1"):
        metrics.BinaryAccuracy(threshold=2)


def test_plain_accuracy():
    assert float(metrics.Accuracy()([[1], [2], [3], [4]], [[0], [2], [3], [4]])) == 0.75
    assert float(metrics.Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])) == 0.75


@pytest.mark.parametrize("k, expected", [(1, [0, 1, 1]), (2, [1, 1, 1])])
def test_top_k(k, expected):
    labels = np.array([2, 1, 2])
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy(labels, P, k), expected)
    np.testing.assert_array_equal(metrics.top_k_categorical_accuracy(np.eye(3)[labels], P, k), expected)
    assert float(metrics.SparseTopKCategoricalAccuracy(k)(labels[:, None], P)) == pytest.approx(np.mean(expected))


def test_top_k_of_sorted_class_numbers():
    ids = np.array([[1, 2, 0], [1, 0, 2]])
    metric = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
    assert float(metric([2, 2], ids)) == 0.5


def test_top_k_of_scores_that_are_not_finite_and_labels_out_of_range():
    p = np.array([[np.nan, 0.2, 0.1], [0.3, np.inf, 0.1]])
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy([0, 5], p, 1), [0, 0])


def test_labels_that_do_not_fit_are_told_what_to_use():
    with pytest.raises(ValueError, match=r"y_true.shape=\(3, 3\).*use the categorical accuracy"):
        metrics.sparse_categorical_accuracy(np.eye(3), P)
    with pytest.raises(ValueError, match=r"y_true.shape=\(3,\).*use sparse_categorical_accuracy"):
        metrics.categorical_accuracy([0, 1, 2], P)


def test_ties_go_to_the_first_class():
    assert metrics.sparse_categorical_accuracy([0], [[0.5, 0.5]]) == 1
