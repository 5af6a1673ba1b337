"""The area under the ROC and the precision-recall curve."""

import warnings

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.losses.loss import aligned
from kerasnp.metrics.counting import check_at_least, confusion, even_thresholds
from kerasnp.metrics.metric import Metric, array, no_nan

CURVES = ("PR", "ROC", "PRGAIN")
SUMMATIONS = ("interpolation", "majoring", "minoring")


class AUC(Metric):
    """The area under a curve of two rates, traced by the threshold.

    >>> float(AUC(num_thresholds=3)([1, 0, 1, 0, 1], [0.8, 0.2, 0.6, 0.7, 0.9]))
    0.75

    Args:
        num_thresholds: how many thresholds trace the curve, at least 2.
        curve: `"ROC"`, the true positive rate over the false positive rate; `"PR"`, precision over recall; or
            `"PRGAIN"`, both rescaled by the share of positives (Flach and Kull, 2015).
        summation_method: between two points, `"interpolation"` (for PR the curve of Davis and Goadrich, 2006),
            `"minoring"` (the lower one) or `"majoring"` (the higher one).
        name: a name.
        dtype: the type of the state.
        thresholds: numbers in [0, 1] instead of evenly spaced ones.
        multi_label: whether each column is a problem of its own; the areas are averaged.
        num_labels: the number of columns; by default that of the first batch.
        label_weights: the weight of each column in the average, or without `multi_label` of its predictions.
        from_logits: whether predictions are scores before the sigmoid.

    Predictions outside [0, 1] draw a warning.

    Raises: ValueError for other arguments.
    """

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        super().__init__(dtype, name)
        self.curve = _choice("AUC curve", curve, CURVES)
        self.summation_method = _choice("AUC summation method", summation_method, SUMMATIONS)
        if thresholds is None:
            self.num_thresholds = check_at_least("num_thresholds", num_thresholds, 2, "AUC")
            inner = even_thresholds(num_thresholds)[1:-1]
        else:
            inner = sorted(float(t) for t in thresholds)
            if any(not 0 <= t <= 1 for t in inner):
                raise ValueError(f"Threshold values must be in [0, 1]. Received: {list(thresholds)}")
            self.num_thresholds = len(inner) + 2
        self._given_thresholds = thresholds is not None
        self._thresholds = [-K.epsilon(), *inner, 1 + K.epsilon()]
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self._built = self._warned = False
        if not multi_label:
            self._build(())
        elif num_labels:
            self._build((num_labels,))

    @property
    def thresholds(self):
        """The thresholds that trace the curve, from below 0 to above 1.

        >>> AUC(num_thresholds=3).thresholds[1]
        0.5
        """
        return list(self._thresholds)

    def get_config(self):
        """The constructor arguments; thresholds only where they were given."""
        config = super().get_config()
        del config["thresholds"]
        return {**config, "thresholds": self._thresholds[1:-1]} if self._given_thresholds else config

    def _build(self, labels):
        weights = self.label_weights
        if weights is not None and (any(w < 0 for w in weights) or labels and len(weights) != labels[0]):
            raise ValueError(
                f"AUC: label_weights must hold one non-negative number per label. Received: label_weights={weights}"
            )
        for kind in ("true_positives", "false_positives", "true_negatives", "false_negatives"):
            setattr(self, kind, self.add_variable((self.num_thresholds, *labels), "zeros", name=kind))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = aligned("AUC", array(y_true), array(y_pred))
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        elif not self._warned and ((y_pred < 0) | (y_pred > 1)).any():
            self._warned = True
            warnings.warn(
                "AUC: predictions are expected to be probabilities in [0, 1]; beyond, all count alike. "
                f"Received: values from {y_pred.min()} to {y_pred.max()}; pass from_logits=True for scores.",
                stacklevel=2,
            )
        if not self._given_thresholds:
            y_pred = K.clip(y_pred, 0, 1)
        if self.multi_label and y_pred.ndim != 2:
            raise ValueError(
                f"AUC: multi_label=True expects predictions (batch, labels). Received: shape {y_pred.shape}"
            )
        if not self._built:
            self._build((y_pred.shape[1],))
        if self.multi_label and self.true_positives.shape[1] != y_pred.shape[1]:
            raise ValueError(
                f"AUC: predictions must have {self.true_positives.shape[1]} labels. Received: shape {y_pred.shape}"
            )
        weights = None if self.multi_label or self.label_weights is None else K.array(self.label_weights, y_pred.dtype)
        counts = confusion(
            "AUC", y_true, y_pred, self._thresholds, sample_weight, by_label=self.multi_label, label_weights=weights
        )
        for variable, count in zip(self.variables, counts):
            variable.value += count

    def result(self):
        if not self._built:
            return K.zeros((), self.dtype)
        tp, fp, tn, fn = (v.value for v in self.variables)
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = interpolated_pr(tp, fp, fn)
        else:
            areas = summed(*self._points(tp, fp, tn, fn), self.summation_method)
        if not self.multi_label:
            return K.asarray(areas)
        if self.label_weights is None:
            return K.asarray(areas.mean())
        weights = K.array(self.label_weights, areas.dtype)
        return no_nan((areas * weights).sum(), weights.sum())

    def _points(self, tp, fp, tn, fn):
        recall, precision = no_nan(tp, tp + fn), no_nan(tp, tp + fp)
        if self.curve == "ROC":
            return no_nan(fp, fp + tn), recall
        if self.curve == "PR":
            return recall, precision
        odds = no_nan(tp + fn, tn + fp)
        # Without a hit the gains diverge; the ends of the curve are taken instead.
        recall_gain = K.maximum(K.where(tp == 0, 0, 1 - odds * no_nan(fn, tp)), 0)
        return recall_gain, K.where(tp == 0, 1, 1 - odds * no_nan(fp, tp))


def summed(x, y, method):
    """The area under the points (x, y), whose x fall."""
    if method == "interpolation":
        heights = (y[:-1] + y[1:]) / 2
    else:
        heights = (K.minimum if method == "minoring" else K.maximum)(y[:-1], y[1:])
    return ((x[:-1] - x[1:]) * heights).sum(axis=0)


def interpolated_pr(tp, fp, fn):
    """The area under precision over recall, true positives growing linearly between points (Davis and Goadrich, 2006).

    With p = tp + fp and tp = a + b * p between two points, the area is b * (dtp + a * log(p1 / p0)) / (tp + fn).
    """
    positives = tp + fp
    upper, lower = positives[:-1], positives[1:]
    gained = tp[:-1] - tp[1:]
    slope = no_nan(gained, upper - lower)
    intercept = tp[1:] - slope * lower
    both = (upper > 0) & (lower > 0)
    ratio = K.where(both, upper / K.where(both, lower, 1), 1)
    return no_nan(slope * (gained + intercept * K.log(ratio)), K.maximum(tp[1:] + fn[1:], 0)).sum(axis=0)


def _choice(what, value, choices):
    found = [c for c in choices if str(value).lower() == c.lower()]
    if not found:
        raise ValueError(f'Invalid {what} value: "{value}". Expected values are {list(choices)}')
    return found[0]
