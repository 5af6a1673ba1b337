"""F scores: precision and recall in one number."""

from kerasnp import backend as K
from kerasnp.losses.loss import aligned
from kerasnp.metrics.metric import Metric, array, no_nan

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """(1 + beta^2) * precision * recall / (beta^2 * precision + recall), for each class or averaged.

    >>> FBetaScore(beta=2.0, threshold=0.5)([[1, 1], [1, 0], [1, 0]], [[0.2, 0.6], [0.6, 0.6], [0.6, 0.2]]).round(3)
    array([0.714, 0.833], dtype=float32)

    Args:
        average: `"micro"` counts all classes together, `"macro"` takes the mean, `"weighted"` the mean weighted by how
            many samples a class has; None gives a value per class.
        beta: how much recall weighs against precision.
        threshold: predictions above count as 1; by default the largest of each row does.
        name: a name.
        dtype: the type of the state.

    Raises: ValueError for other arguments, and for inputs other than `(batch, classes)`.
    """

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(dtype, name)
        if average not in AVERAGES:
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float):
            raise ValueError(
                "Invalid `beta` argument value. It should be a Python float, such as 1.0. "
                f"Received: beta={beta} of type '{type(beta)}'"
            )
        if beta <= 0:
            raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None and not isinstance(threshold, float):
            raise ValueError(
                "Invalid `threshold` argument value. It should be a Python float, such as 0.5, or None. "
                f"Received: threshold={threshold} of type '{type(threshold)}'"
            )
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(
                "Invalid `threshold` argument value. It should verify 0 < threshold <= 1, as probabilities do. "
                f"Received: threshold={threshold}"
            )
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, y_true_shape, y_pred_shape):
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2 or None in (y_pred_shape[-1], y_true_shape[-1]):
            defined = ", with output_dim fully defined (not None)" if len(y_pred_shape) == 2 else ""
            raise ValueError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim){defined}. "
                f"Received input shapes: y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
            )
        classes = y_pred_shape[-1]
        shape = () if self.average == "micro" else (classes,)
        for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, name, self.add_variable(shape, "zeros", name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = aligned(type(self).__name__, array(y_true), array(y_pred))
        if not self._built or y_pred.ndim != 2:
            self._build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            found = (y_pred >= y_pred.max(axis=-1, keepdims=True)) & (K.abs(y_pred) > 1e-9)
        else:
            found = y_pred > self.threshold
        found = found.astype(self.dtype)
        true = y_true.astype(self.dtype)
        weights = 1 if sample_weight is None else array(sample_weight).astype(self.dtype).reshape(len(true), -1)
        axis = None if self.average == "micro" else 0
        self.true_positives.value += (found * true * weights).sum(axis=axis)
        self.false_positives.value += (found * (1 - true) * weights).sum(axis=axis)
        self.false_negatives.value += ((1 - found) * true * weights).sum(axis=axis)
        self.intermediate_weights.value += (true * weights).sum(axis=axis)

    def result(self):
        if not self._built:
            return K.zeros((), self.dtype)
        tp = self.true_positives.value
        precision = no_nan(tp, tp + self.false_positives.value)
        recall = no_nan(tp, tp + self.false_negatives.value)
        score = no_nan((1 + self.beta**2) * precision * recall, self.beta**2 * precision + recall)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return K.asarray((score * no_nan(weights, weights.sum())).sum())
        return K.asarray(score.mean()) if self.average is not None else score


class F1Score(FBetaScore):
    """2 * precision * recall / (precision + recall); see `FBetaScore`.

    >>> F1Score(threshold=0.5)([[1, 1], [1, 0], [1, 0]], [[0.2, 0.6], [0.6, 0.6], [0.6, 0.2]]).round(3)
    array([0.8  , 0.667], dtype=float32)
    """

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average, 1.0, threshold, name, dtype)
