"""Cross-entropies: losses of classification.

Probabilities that a softmax or sigmoid has just computed under the tape lend their logits, so that the loss stays exact
where a probability has rounded to 0 or 1.
"""

import warnings

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.autodiff.variable import Variable
from kerasnp.losses.loss import Loss, aligned, as_float, as_labels, squeeze_or_expand_to_same_rank
from kerasnp.ops.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SoftmaxCrossEntropyLent,
    SoftmaxMeanCrossEntropy,
    sparse_rows,
)
from kerasnp.utils import check
from kerasnp.utils.masks import set_mask
from kerasnp.utils.registry import function


class BinaryCrossentropy(Loss):
    """-(t * log(p) + (1 - t) * log(1 - p)), averaged over the last axis: independent yes/no labels.

    >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.6931

    Args:
        from_logits: whether predictions are scores before the sigmoid.
        label_smoothing: s in [0, 1]; labels become t * (1 - s) + s / 2.
        axis: the axis of the mean.
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = check.fraction("label_smoothing", label_smoothing, "BinaryCrossentropy")
        self.axis = axis

    def call(self, y_true, y_pred):
        return binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)


class CategoricalCrossentropy(Loss):
    """-sum(t * log(p)) over the classes; labels are one-hot rows or probabilities.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931

    Args:
        from_logits: whether predictions are scores before the softmax.
        label_smoothing: s in [0, 1]; labels become t * (1 - s) + s / classes.
        axis: the axis of the classes.
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = check.fraction("label_smoothing", label_smoothing, "CategoricalCrossentropy")
        self.axis = axis

    def call(self, y_true, y_pred):
        return categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)


class SparseCategoricalCrossentropy(Loss):
    """-log(p[label]), p over the classes; labels are class numbers.

    >>> round(float(SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [0.5, 0.5]])), 4)
    0.6931

    Args:
        from_logits: whether predictions are scores before the softmax.
        ignore_class: a label whose samples count for nothing, such as the void class of a segmentation.
        reduction: see `Loss`.
        axis: the axis of the classes.
        name: a name.
        dtype: the type to compute in.
    """

    integer_labels = True
    unlisted = ("dtype", "axis")

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis

    def call(self, y_true, y_pred):
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)

    def _closing(self, activation):
        """The mean cross-entropy together with a softmax."""
        plain = type(self) is SparseCategoricalCrossentropy and self.axis == -1 and self.ignore_class is None
        return _with_softmax(activation) if plain and not self.from_logits else None


@function("losses", "bce")
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-(t * log(p) + (1 - t) * log(1 - p)), averaged over `axis`.     (n, ..., d), (n, ..., d)   ->   (n, ...)

    >>> binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4)
    array([0.6931], dtype=float32)
    >>> binary_crossentropy([[1.0]], [[0.0]], from_logits=True).round(4)  # sigmoid(0) is 0.5
    array([0.6931], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    y_true, y_pred = aligned("binary_crossentropy", y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "binary_crossentropy: y_true and y_pred must have the same shape, one label per unit. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    if not from_logits:
        logits = ops.logits_behind(y_pred, "sigmoid")
        if logits is None:
            return BinaryCrossEntropy(axis)(y_true, y_pred)
        return SigmoidCrossEntropy(axis, y_pred.value)(y_true, logits)
    return SigmoidCrossEntropy(axis)(y_true, y_pred)


@function("losses", "cce")
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-sum(t * log(p)) over the classes.     t (n, ..., classes)   p (n, ..., classes)   ->   (n, ...)

    >>> categorical_crossentropy([[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [1.0, 0.0]]).round(4)
    array([0.6931, 0.    ], dtype=float32)
    """
    y_pred = as_float(y_pred)
    y_true = as_labels(y_true, K.wider(y_pred.dtype))
    shape = y_pred.shape
    if shape and shape[axis] == 1:
        warnings.warn(
            f"categorical_crossentropy: y_pred has a single class (shape {tuple(shape)}), so the loss is always 0; use "
            "'binary_crossentropy' for one unit, or give the last layer a unit per class.",
            SyntaxWarning,
            stacklevel=2,
        )
    if y_true.shape != shape:
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / shape[axis]
    if not from_logits and axis in (-1, len(shape) - 1):
        logits = ops.logits_behind(y_pred, "softmax")
        if logits is not None:
            return ops.categorical_crossentropy(y_true, logits, True)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits, axis)


@function("losses", "scce")
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(p[label]).     labels (n, ...) or (n, ..., 1)   p (n, ..., classes)   ->   (n, ...)

    >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [0.25, 0.75]]).round(4)
    array([0.6931, 1.3863], dtype=float32)
    >>> sparse_categorical_crossentropy([1, -1], [[0.5, 0.5], [0.25, 0.75]], ignore_class=-1).round(4)
    array([0.6931, 0.    ], dtype=float32)
    """
    y_pred = as_float(y_pred)
    y_true = as_labels(y_true)
    y_true = y_true.value if isinstance(y_true, Variable) else y_true
    if ignore_class is None:
        return _sparse(y_true, y_pred, from_logits, axis)
    valid = y_true != ignore_class
    loss = _sparse(y_true * valid, y_pred, from_logits, axis)
    valid = valid.reshape(loss.shape)
    loss = ops.where(valid, loss, 0.0)
    set_mask(loss, valid)
    return loss


def _with_softmax(activation):
    return SoftmaxMeanCrossEntropy() if activation == "softmax" else None


# Tells a Loss made from this function to leave class numbers as they are, and what it is after a softmax.
sparse_categorical_crossentropy.integer_labels = True
sparse_categorical_crossentropy.closing = _with_softmax


def _sparse(y_true, y_pred, from_logits, axis):
    """The cross-entropy of class numbers; probabilities fresh from a softmax are not computed again."""
    if axis not in (-1, len(y_pred.shape) - 1):
        y_pred = ops.moveaxis(y_pred, axis, -1)
    if from_logits:
        return sparse_rows(y_true, y_pred, SoftmaxCrossEntropy)
    logits = ops.logits_behind(y_pred, "softmax")
    if logits is None:
        return sparse_rows(y_true, y_pred, CrossEntropy)
    p = y_pred.value
    return sparse_rows(y_true, logits, SoftmaxCrossEntropyLent, p if p.ndim == 2 else p.reshape(-1, p.shape[-1]))


bce, cce, scce = binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
