"""How well predictions follow the labels: R^2 and correlations."""

from kerasnp import backend as K
from kerasnp.losses.loss import aligned, weighted_pair
from kerasnp.metrics.metric import Metric, array, no_nan
from kerasnp.metrics.reduction import MeanMetricWrapper
from kerasnp.utils import check

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2): the share of the variance that is explained.

    >>> float(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]))  # doctest: +ELLIPSIS
    0.571...

    Args:
        class_aggregation: how the outputs are taken together: `"uniform_average"`, `"variance_weighted_average"`, or
            None for one value each.
        num_regressors: the number of inputs of the model, for the adjusted R^2; 0 for the plain one.
        name: a name.
        dtype: the type of the state.

    Raises: ValueError for another aggregation or a negative number of regressors.
    """

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(dtype, name)
        if class_aggregation not in AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation}"
            )
        if check.integer("num_regressors", num_regressors, "R2Score") < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, y_pred):
        if y_pred.ndim != 2:
            raise ValueError(
                f"R2Score expects 2D inputs with shape (batch, outputs). Received: y_pred.shape={y_pred.shape}"
            )
        for name in ("squared_sum", "sum", "residual", "count"):
            setattr(self, name, self.add_variable((y_pred.shape[1],), "zeros", name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = aligned("R2Score", array(y_true), array(y_pred))
        if not self._built:
            self._build(y_pred)
        weights = K.ones_like(y_true)
        if sample_weight is not None:
            _, given = weighted_pair(y_true, array(sample_weight).astype(y_true.dtype))
            weights = weights * given
        self.sum.value += (y_true * weights).sum(axis=0)
        self.squared_sum.value += (y_true * y_true * weights).sum(axis=0)
        self.residual.value += (K.square(y_true - y_pred) * weights).sum(axis=0)
        self.count.value += weights.sum(axis=0)
        self.num_samples.value += y_true.size

    def result(self):
        if not self._built:
            return K.zeros((), self.dtype)
        mean = no_nan(self.sum.value, self.count.value)
        total = self.squared_sum.value - self.sum.value * mean
        residual = self.residual.value
        # Where the labels are constant, only exact predictions explain them.
        raw = K.where(total == 0, residual == 0, 1 - residual / K.where(total == 0, 1, total)).astype(total.dtype)
        if self.class_aggregation == "uniform_average":
            raw = raw.mean()
        elif self.class_aggregation == "variance_weighted_average":
            raw = no_nan((raw * total).sum(), total.sum())
        n, p = float(self.num_samples.value), self.num_regressors
        if p and n - p - 1 > 0:
            raw = 1 - (1 - raw) * (n - 1) / (n - p - 1)
        return K.asarray(raw, total.dtype)


def _centred(who, y_true, y_pred, axis):
    y_true, y_pred = aligned(who, array(y_true), array(y_pred))
    means = y_true.mean(axis=axis, keepdims=True), y_pred.mean(axis=axis, keepdims=True)
    return y_true - means[0], y_pred - means[1], K.squeeze(means[0] - means[1], axis)


def pearson_correlation(y_true, y_pred, axis=-1):
    """The covariance over the product of the standard deviations, along `axis`; 0 where one of them is 0.

    (n, ..., d), (n, ..., d)   ->   (n, ...)

    >>> pearson_correlation([[1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0]]).round(4)  # a shift costs nothing
    array([1.], dtype=float32)
    """
    t, p, _ = _centred("pearson_correlation", y_true, y_pred, axis)
    return no_nan((t * p).mean(axis=axis), K.sqrt((t * t).mean(axis=axis) * (p * p).mean(axis=axis)))


def concordance_correlation(y_true, y_pred, axis=-1):
    """2 * cov(t, p) / (var(t) + var(p) + (mean(t) - mean(p))^2) along `axis`.     (n, ..., d) twice   ->   (n, ...)

    >>> concordance_correlation([[1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0]]).round(4)  # all one too high: 2 * 2/3 / (2/3 + 2/3 + 1)
    array([0.5714], dtype=float32)

    Reference: Lin (1989), A concordance correlation coefficient to evaluate reproducibility.
    """
    t, p, gap = _centred("concordance_correlation", y_true, y_pred, axis)
    spread = (t * t).mean(axis=axis) + (p * p).mean(axis=axis) + gap * gap
    return K.asarray(2 * (t * p).mean(axis=axis) / (spread + K.epsilon()))


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of Pearson's correlation between labels and predictions, along `axis`.

    >>> round(float(PearsonCorrelation()([[1.0, 2.0, 4.0]], [[1.5, 2.0, 3.0]])), 4)
    1.0

    Args:
        name: a name.
        dtype: the type of the state.
        axis: along which to correlate; -1 within a sample, 0 over the batch.
    """

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of Lin's concordance of labels and predictions: a correlation that asks for equal means and spreads too.

    >>> round(float(ConcordanceCorrelation()([[1.0, 2.0, 4.0]], [[1.5, 2.0, 3.0]])), 4)
    0.7887

    Args:
        name: a name.
        dtype: the type of the state.
        axis: along which to correlate; -1 within a sample, 0 over the batch.
    """

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis
