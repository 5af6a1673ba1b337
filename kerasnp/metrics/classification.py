"""Accuracies: how often predictions are right."""

from kerasnp import backend as K
from kerasnp.losses.loss import aligned, squeeze_or_expand_to_same_rank
from kerasnp.metrics.metric import array
from kerasnp.metrics.reduction import MeanMetricWrapper
from kerasnp.utils import check


def accuracy(y_true, y_pred):
    """1 where y_pred equals y_true, else 0.     (n, ...), (n, ...)   ->   (n, ...)

    >>> accuracy([[1], [2]], [[1], [3]]).tolist()
    [[1.0], [0.0]]
    """
    y_true, y_pred = squeeze_or_expand_to_same_rank(array(y_true), array(y_pred))
    return K.asarray(y_true == y_pred).astype(K.floatx())


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where y_pred > threshold agrees with the label 0 or 1, else 0.     (n, ...), (n, ...)   ->   (n, ...)

    >>> binary_accuracy([[1.0], [0.0]], [[0.6], [0.9]]).tolist()
    [[1.0], [0.0]]
    """
    y_true, y_pred = aligned("binary_accuracy", array(y_true), array(y_pred))
    return K.asarray(y_true == (y_pred > threshold)).astype(K.floatx())


def categorical_accuracy(y_true, y_pred):
    """1 where the largest score has the place of the largest label.     (n, ..., classes) twice   ->   (n, ...)

    >>> categorical_accuracy([[0.0, 1.0], [1.0, 0.0]], [[0.2, 0.8], [0.3, 0.7]]).tolist()
    [1.0, 0.0]

    Raises: ValueError where y_true has no axis of classes.
    """
    y_true, y_pred = array(y_true), array(y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1] != y_pred.shape[-1]:
        raise ValueError(
            "categorical_accuracy: y_true must hold one-hot rows of the shape of y_pred. "
            f"Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}. "
            "For class numbers, use sparse_categorical_accuracy."
        )
    return (y_true.argmax(axis=-1) == y_pred.argmax(axis=-1)).astype(K.floatx())


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest score has the place that the label names.

    labels (n, ...) or (n, ..., 1)   scores (n, ..., classes)   ->   (n, ...)

    >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]]).tolist()
    [1.0, 0.0]

    Raises: ValueError where the shapes do not fit.
    """
    return _named_by_label(array(y_true), array(y_pred)).astype(K.floatx())


def _named_by_label(y_true, y_pred):
    """Whether the largest score has the place that the label names."""
    return y_pred.argmax(axis=-1) == _labels("sparse_categorical_accuracy", y_true, y_pred)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the largest label is among the k largest scores.     (n, ..., classes) twice   ->   (n, ...)

    >>> top_k_categorical_accuracy([[0, 0, 1], [1, 0, 0]], [[0.2, 0.5, 0.3], [0.1, 0.5, 0.4]], k=2).tolist()
    [1.0, 0.0]
    """
    return _in_top_k(array(y_true).argmax(axis=-1), array(y_pred), k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where the class that the label names is among the k largest scores.

    With `from_sorted_ids=True`, y_pred holds class numbers, the best first.
    labels (n, ...) or (n, ..., 1)   scores (n, ..., classes)   ->   (n, ...)

    >>> sparse_top_k_categorical_accuracy([2, 0], [[0.2, 0.5, 0.3], [0.1, 0.5, 0.4]], k=2).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = array(y_true), array(y_pred)
    y_true = _labels("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        return (y_pred[..., :k] == y_true[..., None]).any(axis=-1).astype(K.floatx())
    return _in_top_k(y_true, y_pred, k)


def _in_top_k(labels, scores, k):
    """1 where fewer than k scores are larger than that of the label; a score that is not finite is never among them."""
    shape = labels.shape
    labels, scores = labels.reshape(-1).astype(K.int64), scores.reshape(-1, scores.shape[-1])
    inside = (labels >= 0) & (labels < scores.shape[-1])
    own = scores[K.arange(len(labels)), K.where(inside, labels, 0)][:, None]
    within = (scores > own).sum(axis=-1) < k
    return (within & inside & K.isfinite(own[:, 0])).astype(K.floatx()).reshape(shape)


def _labels(who, y_true, y_pred):
    """Class numbers without a last axis of size one."""
    shape = y_pred.shape[:-1]
    if y_true.shape == shape:
        return y_true
    if y_true.shape == (*shape, 1):
        return y_true.reshape(shape)
    raise ValueError(
        f"{who}: y_true must hold one class number per row of y_pred, shape {shape} or {(*shape, 1)}. "
        f"Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}. "
        "For one-hot labels, use the categorical accuracy."
    )


class Accuracy(MeanMetricWrapper):
    """How often predictions equal labels.

    >>> float(Accuracy()([1, 2, 3], [1, 2, 4]))  # doctest: +ELLIPSIS
    0.666...
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often `y_pred > threshold` agrees with a label 0 or 1.

    >>> float(BinaryAccuracy()([[0], [1], [0], [1]], [[0.4], [0.7], [0.8], [0.9]]))
    0.75

    Args:
        name: a name.
        dtype: the type of the state.
        threshold: predictions above count as 1.
    """

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        check.fraction("threshold", threshold, "BinaryAccuracy")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest score has the place of the largest label, labels being one-hot.

    >>> float(CategoricalAccuracy()([[1, 0, 0], [0, 0, 1]], [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]))
    0.5
    """

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest score has the place that the label, a class number, names.

    >>> float(SparseCategoricalAccuracy()([0, 2], [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]))
    0.5
    """

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(_named_by_label, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of a one-hot label is among the k largest scores.

    >>> float(TopKCategoricalAccuracy(k=2)([[1, 0, 0], [0, 0, 1]], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]]))
    0.5

    Args:
        k: how many of the largest scores count as right.
        name: a name.
        dtype: the type of the state.
    """

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        self.k = check.positive_int("k", k, "TopKCategoricalAccuracy")
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class that the label names is among the k largest scores.

    >>> float(SparseTopKCategoricalAccuracy(k=2)([0, 2], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]]))
    0.5

    Args:
        k: how many of the largest scores count as right.
        name: a name.
        dtype: the type of the state.
        from_sorted_ids: whether predictions are class numbers, the best first, instead of scores.
    """

    unlisted = ("from_sorted_ids",)

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        self.k = check.positive_int("k", k, "SparseTopKCategoricalAccuracy")
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
        self.from_sorted_ids = from_sorted_ids
