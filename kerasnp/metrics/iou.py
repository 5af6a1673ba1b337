"""Intersection over union, for segmentation."""

import warnings

from kerasnp import backend as K
from kerasnp.losses.loss import squeeze_or_expand_to_same_rank, weighted_pair
from kerasnp.metrics.metric import Metric, array, no_nan
from kerasnp.utils import check


class _ConfusionMatrix(Metric, abstract=True):
    """The matrix of labels against predictions, and the mean overlap of some classes."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(dtype or "int32", name)
        self.num_classes = check.positive_int("num_classes", num_classes, type(self).__name__)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", name="total_confusion_matrix"
        )

    target_class_ids: list[int] | None = None

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = array(y_true), array(y_pred)
        y_true = y_true if self.sparse_y_true else y_true.argmax(axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else y_pred.argmax(axis=self.axis)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        if y_true.size != y_pred.size:
            raise ValueError(
                f"{type(self).__name__}: y_true and y_pred must hold one class number per place. "
                f"Received: shapes {y_true.shape} and {y_pred.shape}"
            )
        kind = self.total_cm.value.dtype
        weights = K.ones(y_true.shape, kind)
        if sample_weight is not None:
            sample_weight = array(sample_weight)
            if kind.kind != "f" and K.is_float(sample_weight.dtype):
                warnings.warn(
                    f"{type(self).__name__}: weights are given as float, but counted as {self.dtype}; casting them cuts "
                    'off fractions. Pass integers, or dtype="float32".',
                    stacklevel=2,
                )
            weights = weights * weighted_pair(weights, sample_weight.astype(kind))[1]
        true, found, weights = (
            y_true.reshape(-1).astype(K.int64),
            y_pred.reshape(-1).astype(K.int64),
            weights.reshape(-1),
        )
        if self.ignore_class is not None:
            valid = true != self.ignore_class
            true, found, weights = true[valid], found[valid], weights[valid]
        valid = (true >= 0) & (true < self.num_classes) & (found >= 0) & (found < self.num_classes)
        K.add.at(self.total_cm.value, (true[valid], found[valid]), weights[valid])

    def result(self):
        matrix = self.total_cm.value
        both = K.einsum("ii->i", matrix)
        either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
        if self.target_class_ids is not None:
            ids = list(self.target_class_ids)
            both, either = both[ids], either[ids]
        # Classes that occur neither in labels nor in predictions do not count in the mean.
        overlap = both / (either + K.epsilon())
        return K.asarray(no_nan(overlap.sum(), K.asarray((either > 1e-9).sum() * 1.0)), K.floatx())


class IoU(_ConfusionMatrix):
    """both / either for the target classes, averaged: where label and prediction name it, over where one of them does.

    >>> round(float(IoU(num_classes=2, target_class_ids=[1])([1, 1, 0, 1, 0], [1, 0, 0, 1, 1])), 4)
    0.5

    Args:
        num_classes: the number of classes.
        target_class_ids: the classes to average over.
        name: a name.
        dtype: the type of the counts, `"int32"` by default, which cuts off fractions of weights.
        ignore_class: a label whose places do not count.
        sparse_y_true, sparse_y_pred: whether labels and predictions are class numbers, instead of one value per class.
        axis: the axis of those values.

    Places whose label or prediction is no class number are left out.
    """

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        self.target_class_ids = _checked(target_class_ids, num_classes)


class BinaryIoU(_ConfusionMatrix):
    """`IoU` of predictions that a threshold turns into 0 and 1.

    >>> round(float(BinaryIoU(threshold=0.3)([1, 1, 0, 0, 1], [0.9, 0.4, 0.2, 0.6, 0.1])), 4)
    0.4167

    Args:
        target_class_ids: the classes to average over, 0 or 1 or both.
        threshold: predictions of at least this much are 1.
        name: a name.
        dtype: the type of the counts, `"int32"` by default, which cuts off fractions of weights.
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, name, dtype)
        self.target_class_ids, self.threshold = _checked(target_class_ids, 2), threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, array(y_pred) >= self.threshold, sample_weight)


class MeanIoU(_ConfusionMatrix):
    """`IoU` averaged over all classes that occur.

    >>> round(float(MeanIoU(num_classes=2)([1, 1, 0, 1, 0], [1, 0, 0, 1, 1])), 4)
    0.4167

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: see `IoU`.
    """


class OneHotIoU(_ConfusionMatrix):
    """`IoU` of one-hot labels and scores.

    >>> metric = OneHotIoU(num_classes=2, target_class_ids=[0, 1])
    >>> round(float(metric([[0, 1], [0, 1], [1, 0]], [[0.4, 0.6], [0.8, 0.2], [0.7, 0.3]])), 4)
    0.5

    Args:
        num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis: see `IoU`.
    """

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
        self.target_class_ids = _checked(target_class_ids, num_classes)


class OneHotMeanIoU(_ConfusionMatrix):
    """`MeanIoU` of one-hot labels and scores.

    >>> metric = OneHotMeanIoU(num_classes=2)
    >>> round(float(metric([[0, 1], [0, 1], [1, 0]], [[0.4, 0.6], [0.8, 0.2], [0.7, 0.3]])), 4)
    0.5

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_pred, axis: see `IoU`.
    """

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)


def _checked(ids, num_classes):
    for i in ids:
        if not 0 <= i < num_classes:
            raise ValueError(f"Target class id {i} is none of the {num_classes} classes, which are counted from 0.")
    return list(ids)
