"""Cross-entropies that give less weight to what is right already, or to what is wrong beyond repair."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.losses.loss import Loss, aligned, as_float, as_labels
from kerasnp.ops.losses import class_numbers
from kerasnp.utils import check
from kerasnp.utils.registry import function


class BinaryFocalCrossentropy(Loss):
    """(1 - p_t)^gamma times the binary cross-entropy, p_t the probability of the true label (Lin et al., 2017).

    >>> round(float(BinaryFocalCrossentropy(gamma=2)([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.1733

    Args:
        apply_class_balancing: whether label 1 weighs alpha and label 0 weighs 1 - alpha.
        alpha: that weight.
        gamma: how fast the weight falls as the probability rises.
        from_logits: whether predictions are scores before the sigmoid.
        label_smoothing: s in [0, 1]; labels become t * (1 - s) + s / 2.
        axis: the axis of the mean.
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.apply_class_balancing, self.alpha, self.gamma = apply_class_balancing, alpha, gamma
        self.from_logits, self.axis = from_logits, axis
        self.label_smoothing = check.fraction("label_smoothing", label_smoothing, "BinaryFocalCrossentropy")

    def call(self, y_true, y_pred):
        return binary_focal_crossentropy(
            y_true,
            y_pred,
            self.apply_class_balancing,
            self.alpha,
            self.gamma,
            self.from_logits,
            self.label_smoothing,
            self.axis,
        )


class CategoricalFocalCrossentropy(Loss):
    """-sum(alpha * (1 - p)^gamma * t * log(p)) over the classes, labels being one-hot (Lin et al., 2017).

    >>> round(float(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433

    Args:
        alpha: a weight for all classes, or a list of one per class.
        gamma: how fast the weight falls as the probability rises.
        from_logits: whether predictions are scores before the softmax.
        label_smoothing: s in [0, 1]; labels become t * (1 - s) + s / classes.
        axis: the axis of the classes.
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.alpha, self.gamma, self.from_logits, self.axis = alpha, gamma, from_logits, axis
        self.label_smoothing = check.fraction("label_smoothing", label_smoothing, "CategoricalFocalCrossentropy")

    def call(self, y_true, y_pred):
        return categorical_focal_crossentropy(
            y_true, y_pred, self.alpha, self.gamma, self.from_logits, self.label_smoothing, self.axis
        )


class CategoricalGeneralizedCrossEntropy(Loss):
    """(1 - p[label]^q) / q, between cross-entropy (q -> 0) and absolute error (q = 1); labels are class numbers.

    It bears wrong labels (Zhang and Sabuncu, 2018, "Generalized cross entropy loss for training deep neural networks
    with noisy labels").

    >>> float(CategoricalGeneralizedCrossEntropy(q=0.5)([1], [[0.75, 0.25]]))
    1.0

    Args:
        q: a number in (0, 1).
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.

    Raises: ValueError for another q.
    """

    integer_labels = True

    def __init__(
        self, q=0.5, reduction="sum_over_batch_size", name="categorical_generalized_cross_entropy", dtype=None
    ):
        if not 0 < q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy: q must lie between 0 and 1, without them. Received: q={q}")
        super().__init__(name, reduction, dtype)
        self.q = q

    def call(self, y_true, y_pred):
        return categorical_generalized_cross_entropy(y_true, y_pred, self.q)


@function("losses")
def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """(1 - p_t)^gamma * cross-entropy, averaged over `axis`.     (n, ..., d) twice   ->   (n, ...)

    >>> binary_focal_crossentropy([[1.0], [1.0]], [[0.5], [0.9]]).round(4)  # what is right already counts for little
    array([0.1733, 0.0011], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    y_true, y_pred = aligned("binary_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    entropy = ops.binary_crossentropy(y_true, p) if y_true.shape == p.shape else -_log_likelihood(y_true, p)
    p_true = y_true * p + (1.0 - y_true) * (1.0 - p)
    loss = ops.power(1.0 - p_true, gamma) * entropy
    if apply_class_balancing:
        loss = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * loss
    return ops.mean(loss, axis=axis)


def _log_likelihood(y_true, p):
    p = ops.clip(p, K.epsilon(), 1.0 - K.epsilon())
    return y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p)


@function("losses")
def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """-sum(alpha * (1 - p)^gamma * t * log(p)) over the classes.     (n, ..., classes) twice   ->   (n, ...)

    >>> categorical_focal_crossentropy([[0.0, 1.0], [0.0, 1.0]], [[0.5, 0.5], [0.1, 0.9]], alpha=1.0).round(4)
    array([0.1733, 0.0011], dtype=float32)

    Raises: ValueError for shapes that do not fit.
    """
    y_true, y_pred = aligned("categorical_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    p = ops.softmax(y_pred, axis=axis) if from_logits else y_pred
    p = ops.clip(p / ops.sum(p, axis=axis, keepdims=True), K.epsilon(), 1.0 - K.epsilon())
    weight = ops.power(1.0 - p, gamma) * (alpha if isinstance(alpha, (int, float)) else K.array(alpha, y_true.dtype))
    return -ops.sum(weight * y_true * ops.log(p), axis=axis)


@function("losses")
def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """(1 - p[label]^q) / q.     labels (n, ...) or (n, ..., 1)   p (n, ..., classes)   ->   (n, ...)

    >>> categorical_generalized_cross_entropy([1, 0], [[0.75, 0.25], [1.0, 0.0]], q=0.5)
    array([1., 0.], dtype=float32)
    """
    y_pred = as_float(y_pred)
    y_true = ops.stop_gradient(as_labels(y_true))
    labels = class_numbers("categorical_generalized_cross_entropy", y_true, y_pred.shape)
    p = ops.squeeze(ops.take_along_axis(y_pred, labels[..., None], axis=-1), axis=-1)
    return (1.0 - ops.power(p, q)) / q


categorical_generalized_cross_entropy.integer_labels = True
