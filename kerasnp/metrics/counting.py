"""Counts of right and wrong decisions, for all thresholds in one pass over the predictions."""

from kerasnp import backend as K
from kerasnp.losses.loss import aligned, weighted_pair
from kerasnp.metrics.metric import array
from kerasnp.utils import check

# A score that no threshold lets pass.
NEVER = float("-inf")


def checked_thresholds(thresholds, default):
    """A list of thresholds from a number, a list, or None.

    Raises: ValueError for a threshold outside [0, 1].
    """
    given = thresholds if isinstance(thresholds, (list, tuple)) else [default if thresholds is None else thresholds]
    strays = [t for t in given if t is None or not 0 <= t <= 1]
    if thresholds is not None and strays:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {strays}")
    return [float(t) for t in given]


def even_thresholds(number):
    """`number` thresholds from 0 to 1; only 0.5 for one. A prediction of 0 counts as above the first."""
    if number == 1:
        return [0.5]
    return [-K.epsilon(), *(i / (number - 1) for i in range(1, number - 1)), 1.0]


def check_at_least(name, value, minimum, who):
    """An integer of at least `minimum`."""
    if check.integer(name, value, who) < minimum:
        raise ValueError(f"Argument `{name}` must be an integer > {minimum - 1}. Received: {name}={value}")
    return value


def confusion(who, y_true, y_pred, thresholds, sample_weight=None, *, top_k=None, class_id=None, by_label=False,
              label_weights=None):  # fmt: skip
    """True and false positives, true and false negatives, for each threshold; `y_pred > threshold` is a positive.

    y_true and y_pred (n, ..., labels)   ->   four arrays (thresholds,), or (thresholds, labels) with `by_label`
    """
    y_true, y_pred = aligned(who, array(y_true), array(y_pred))
    weights = None
    if sample_weight is not None:
        _, weights = weighted_pair(y_pred, array(sample_weight).astype(y_pred.dtype))
        weights = K.broadcast_to(weights, y_pred.shape)
    if label_weights is not None:
        weights = (K.ones_like(y_pred) if weights is None else weights) * label_weights
    if top_k is not None:
        y_pred = only_top_k(y_pred, top_k)
    if class_id is not None and y_pred.ndim < 2:
        raise ValueError(
            f"{who}: class_id picks a column of y_pred, which must be a 2D array (samples, classes). Received: "
            f"y_pred.shape={y_pred.shape}"
        )
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id, None], y_pred[..., class_id, None]
        weights = None if weights is None else weights[..., class_id, None]
    labels = y_pred.shape[-1] if by_label else 1
    y_true, y_pred = y_true.reshape(-1, labels) != 0, y_pred.reshape(-1, labels)
    weights = K.ones_like(y_pred, dtype=K.float64) if weights is None else weights.reshape(-1, labels)
    return _count(y_true, y_pred, K.asarray(thresholds, y_pred.dtype), weights, by_label)


def _count(y_true, y_pred, thresholds, weights, by_label):
    order = K.argsort(thresholds, kind="stable")
    number, labels = len(thresholds), y_pred.shape[1]
    # How many thresholds lie below each prediction, hence how many it passes.
    passed = thresholds[order].searchsorted(y_pred, side="left")
    passed = K.where(K.isnan(y_pred), 0, passed)
    histogram = K.zeros((2, number + 1, labels))
    K.add.at(histogram, (y_true.astype(K.int64), passed, K.arange(labels)[None, :]), weights)
    # Positive at the i-th threshold is what passes more than i of them.
    above = K.flip(K.cumsum(K.flip(histogram, 1), axis=1), 1)
    positives, total = above[:, 1:], above[:, :1]
    counts = K.empty_like(positives)
    counts[:, order] = positives
    fp, tp = counts
    tn, fn = total - counts
    tables = tp, fp, tn, fn
    return tables if by_label else tuple(t[:, 0] for t in tables)


def only_top_k(y_pred, k):
    """The k largest scores of each row, the first ones on ties; all others become minus infinity."""
    order = K.argsort(-y_pred, axis=-1, kind="stable")[..., :k]
    kept = K.full_like(y_pred, NEVER)
    rows = K.take_along_axis(y_pred, order, axis=-1)
    flat, index = kept.reshape(-1, kept.shape[-1]), order.reshape(-1, order.shape[-1])
    flat[K.arange(len(flat))[:, None], index] = rows.reshape(index.shape)
    return flat.reshape(kept.shape)
