"""Metrics of yes/no decisions: counts, precision, recall, and the best of one at a given other."""

from kerasnp import backend as K
from kerasnp.metrics.counting import NEVER, check_at_least, checked_thresholds, confusion, even_thresholds
from kerasnp.metrics.metric import Metric, array, no_nan


class _Count(Metric, abstract=True):
    """The weighted number of one kind of decisions, for each threshold."""

    kind: int

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(dtype, name)
        self.thresholds = thresholds
        self._thresholds = checked_thresholds(thresholds, 0.5)
        self.accumulator = self.add_variable((len(self._thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true, y_pred, sample_weight=None):
        counts = confusion(type(self).__name__, y_true, y_pred, self._thresholds, sample_weight)
        self.accumulator.value += counts[self.kind]

    def result(self):
        return _one_or_all(self.accumulator.value.copy())


class TruePositives(_Count):
    """The (weighted) number of predictions above the threshold whose label is 1.

    >>> float(TruePositives()([1, 1, 0, 1, 1], [1, 1, 1, 0, 1]))
    3.0

    Args:
        thresholds: a number in [0, 1], or a list of them for a result each; 0.5 by default.
        name: a name.
        dtype: the type of the state.
    """

    kind = 0


class FalsePositives(_Count):
    """The (weighted) number of predictions above the threshold whose label is 0; see `TruePositives`.

    >>> float(FalsePositives()([0, 0, 1, 0, 1], [1, 1, 1, 0, 1]))
    2.0
    """

    kind = 1


class TrueNegatives(_Count):
    """The (weighted) number of predictions not above the threshold whose label is 0; see `TruePositives`.

    >>> float(TrueNegatives()([0, 0, 1, 0, 1], [0, 1, 0, 0, 1]))
    2.0
    """

    kind = 2


class FalseNegatives(_Count):
    """The (weighted) number of predictions not above the threshold whose label is 1; see `TruePositives`.

    >>> float(FalseNegatives()([1, 1, 0, 1, 1], [0, 1, 0, 0, 1]))
    2.0
    """

    kind = 3


class _Ratio(Metric, abstract=True):
    """true positives / (true positives + another count), for each threshold."""

    other: str
    kind: int

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(dtype, name)
        self.thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self._thresholds = checked_thresholds(thresholds, 0.5 if top_k is None else NEVER)
        self.true_positives = self.add_variable((len(self._thresholds),), "zeros", name="true_positives")
        self._others = self.add_variable((len(self._thresholds),), "zeros", name=self.other)
        setattr(self, self.other, self._others)

    def update_state(self, y_true, y_pred, sample_weight=None):
        counts = confusion(
            type(self).__name__,
            y_true,
            y_pred,
            self._thresholds,
            sample_weight,
            top_k=self.top_k,
            class_id=self.class_id,
        )
        self.true_positives.value += counts[0]
        self._others.value += counts[self.kind]

    def result(self):
        hits = self.true_positives.value
        return _one_or_all(no_nan(hits, hits + self._others.value))


class Precision(_Ratio):
    """true positives / (true positives + false positives): how many of those found are right.

    >>> float(Precision()([1, 0, 1, 1, 0], [1, 1, 1, 1, 0]))
    0.75

    Args:
        thresholds: a number in [0, 1], or a list of them for a result each; 0.5 by default, none with `top_k`.
        top_k: only the k largest predictions of a row count as found.
        class_id: the only class to look at, an index into the last axis.
        name: a name.
        dtype: the type of the state.
    """

    other, kind = "false_positives", 1


class Recall(_Ratio):
    """true positives / (true positives + false negatives): how many of those to find were found; see `Precision`.

    >>> float(Recall()([1, 1, 0, 1, 1], [1, 0, 1, 1, 1]))
    0.75
    """

    other, kind = "false_negatives", 3


class _BestAt(Metric, abstract=True):
    """The largest value of one rate over all thresholds at which another rate is at least `self.value`."""

    argument: str

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(dtype, name)
        argument = self.argument
        if not 0 <= value <= 1:
            raise ValueError(f"Argument `{argument}` must be in the range [0, 1]. Received: {argument}={value}")
        setattr(self, argument, value)
        self.value = value
        self.class_id = class_id
        self.num_thresholds = check_at_least("num_thresholds", num_thresholds, 1, type(self).__name__)
        self._thresholds = even_thresholds(num_thresholds)
        for kind in ("true_positives", "false_positives", "true_negatives", "false_negatives"):
            setattr(self, kind, self.add_variable((len(self._thresholds),), "zeros", name=kind))

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = K.clip(array(y_pred), 0, 1) if self.num_thresholds > 1 else y_pred
        counts = confusion(type(self).__name__, y_true, y_pred, self._thresholds, sample_weight, class_id=self.class_id)
        for variable, count in zip(self.variables, counts):
            variable.value += count

    def rates(self):
        """The rate that is given and the rate that is wanted, for each threshold."""
        raise NotImplementedError

    def result(self):
        given, wanted = self.rates()
        allowed = wanted[given >= self.value]
        return K.asarray(allowed.max() if allowed.size else 0, wanted.dtype)

    @property
    def _sensitivity(self):
        return no_nan(self.true_positives.value, self.true_positives.value + self.false_negatives.value)

    @property
    def _specificity(self):
        return no_nan(self.true_negatives.value, self.true_negatives.value + self.false_positives.value)

    @property
    def _precision(self):
        return no_nan(self.true_positives.value, self.true_positives.value + self.false_positives.value)


class SensitivityAtSpecificity(_BestAt):
    """The best tp / (tp + fn) over all thresholds at which tn / (tn + fp) is at least `specificity`.

    >>> float(SensitivityAtSpecificity(0.5)([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.5]))
    0.5

    Args:
        specificity: a number in [0, 1].
        num_thresholds: how many thresholds between 0 and 1 are tried.
        class_id: the only class to look at, an index into the last axis.
        name: a name.
        dtype: the type of the state.
    """

    argument = "specificity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def rates(self):
        return self._specificity, self._sensitivity


class SpecificityAtSensitivity(_BestAt):
    """The best tn / (tn + fp) over all thresholds at which tp / (tp + fn) is at least `sensitivity`.

    >>> float(SpecificityAtSensitivity(1.0)([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.2]))
    0.5

    Args:
        sensitivity: a number in [0, 1].
        num_thresholds, class_id, name, dtype: see `SensitivityAtSpecificity`.
    """

    argument = "sensitivity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def rates(self):
        return self._sensitivity, self._specificity


class PrecisionAtRecall(_BestAt):
    """The best tp / (tp + fp) over all thresholds at which tp / (tp + fn) is at least `recall`.

    >>> float(PrecisionAtRecall(1.0)([1, 1, 0, 0], [0.9, 0.7, 0.8, 0.75]))
    0.5

    Args:
        recall: a number in [0, 1].
        num_thresholds, class_id, name, dtype: see `SensitivityAtSpecificity`.
    """

    argument = "recall"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def rates(self):
        return self._sensitivity, self._precision


class RecallAtPrecision(_BestAt):
    """The best tp / (tp + fn) over all thresholds at which tp / (tp + fp) is at least `precision`.

    >>> float(RecallAtPrecision(0.8)([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.5]))
    0.5

    Args:
        precision: a number in [0, 1].
        num_thresholds, class_id, name, dtype: see `SensitivityAtSpecificity`.
    """

    argument = "precision"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def rates(self):
        return self._precision, self._sensitivity


def _one_or_all(values):
    return values.reshape(()) if len(values) == 1 else values
