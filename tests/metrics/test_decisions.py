"""Thresholds, top-k, curves, F scores and overlaps against their definitions, and what they refuse."""

import numpy as np
import pytest

from kerasnp import metrics
from kerasnp.metrics.counting import confusion

RNG = np.random.default_rng(0)
Y, P = RNG.integers(0, 2, 60), RNG.random(60).round(2)
W = RNG.random(60)


def brute(threshold, weights=W):
    found = P > threshold
    return [
        float((weights * mask).sum())
        for mask in (found & (Y == 1), found & (Y == 0), ~found & (Y == 0), ~found & (Y == 1))
    ]


def test_counts_for_thresholds_in_any_order_and_on_the_predictions():
    thresholds = [0.5, 0.11, float(P[3]), 0.99, 0.0]
    counts = confusion("test", Y, P, thresholds, W)
    np.testing.assert_allclose(np.transpose(counts), [brute(t) for t in thresholds], rtol=1e-12)


def test_counts_by_label_are_those_of_each_column():
    y, p = Y.reshape(20, 3), P.reshape(20, 3)
    together = confusion("test", y, p, [0.3, 0.6], W[:20], by_label=True)
    for i in range(3):
        alone = confusion("test", y[:, i], p[:, i], [0.3, 0.6], W[:20])
        np.testing.assert_allclose([t[:, i] for t in together], alone, rtol=1e-12)


def test_not_a_number_passes_no_threshold():
    tp, fp, tn, fn = confusion("test", [1, 0], [np.nan, np.nan], [0.0, 0.5])
    assert tp.tolist() == fp.tolist() == [0, 0] and tn.tolist() == fn.tolist() == [1, 1]


@pytest.mark.parametrize(
    "name, index", [("TruePositives", 0), ("FalsePositives", 1), ("TrueNegatives", 2), ("FalseNegatives", 3)]
)
def test_counting_metrics(name, index):
    metric = getattr(metrics, name)(thresholds=[0.7, 0.4])
    metric.update_state(Y, P, sample_weight=W)
    np.testing.assert_allclose(metric.result(), [brute(0.7)[index], brute(0.4)[index]], rtol=1e-5)
    single = getattr(metrics, name)()
    assert float(single(Y[:, None], P[:, None])) == pytest.approx(brute(0.5, np.ones(60))[index])


def test_precision_and_recall():
    tp, fp, tn, fn = brute(0.5, np.ones(60))
    assert float(metrics.Precision()(Y, P)) == pytest.approx(tp / (tp + fp))
    assert float(metrics.Recall()(Y, P)) == pytest.approx(tp / (tp + fn))
    assert metrics.Precision().result() == 0
    y, p = [[0, 1, 1]], [[0.9, 0.8, 0.1]]
    assert float(metrics.Precision(top_k=2)(y, p)) == 0.5
    assert float(metrics.Precision(top_k=2, class_id=1)(y, p)) == 1
    assert float(metrics.Recall(top_k=1)(y, p)) == 0
    assert float(metrics.Precision(top_k=1)([[1, 0]], [[0.5, 0.5]])) == 1  # the first of two equals


def area(y, p, w):
    """The share of (positive, negative) pairs in the right order: the area under the ROC curve."""
    pos, neg = p[y == 1][:, None], p[y == 0][None, :]
    weights = w[y == 1][:, None] * w[y == 0][None, :]
    return (weights * ((pos > neg) + 0.5 * (pos == neg))).sum() / weights.sum()


def test_area_under_the_curve_counts_pairs():
    metric = metrics.AUC(thresholds=sorted(set(P)))
    assert float(metric(Y, P, sample_weight=W)) == pytest.approx(area(Y, P, W), rel=1e-5)
    perfect = metrics.AUC(curve="PR")
    assert float(perfect([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])) == pytest.approx(1)


def test_area_of_several_labels_is_averaged():
    y, p = Y.reshape(20, 3), P.reshape(20, 3)
    alone = [float(metrics.AUC()(y[:, i], p[:, i])) for i in range(3)]
    assert float(metrics.AUC(multi_label=True)(y, p)) == pytest.approx(np.mean(alone))
    weighted = metrics.AUC(multi_label=True, label_weights=[1, 0, 3])
    assert float(weighted(y, p)) == pytest.approx((alone[0] + 3 * alone[2]) / 4)


def test_area_from_scores():
    scores = np.log(np.clip(P, 0.01, 0.99) / (1 - np.clip(P, 0.01, 0.99)))
    assert float(metrics.AUC(from_logits=True)(Y, scores)) == pytest.approx(
        float(metrics.AUC()(Y, np.clip(P, 0.01, 0.99))), abs=1e-3
    )
    with pytest.warns(UserWarning, match="probabilities in .0, 1.*from_logits=True"):
        assert float(metrics.AUC()(Y, scores)) == float(metrics.AUC()(Y, np.clip(scores, 0, 1)))


def test_best_rate_at_another():
    thresholds = np.linspace(0, 1, 200)
    counts = np.array([brute(t, np.ones(60)) for t in thresholds[1:]])
    tp, fp, tn, fn = counts.T
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    best = sensitivity[specificity >= 0.7].max()
    assert float(metrics.SensitivityAtSpecificity(0.7)(Y, P)) == pytest.approx(best)
    best = specificity[sensitivity >= 0.7].max()
    assert float(metrics.SpecificityAtSensitivity(0.7)(Y, P)) == pytest.approx(best)
    assert metrics.RecallAtPrecision(1.0)([0, 0], [0.5, 0.9]) == 0
    column = metrics.SensitivityAtSpecificity(0.7, class_id=1)
    assert float(column(np.stack([1 - Y, Y], 1), np.stack([P * 0, P], 1))) == float(
        metrics.SensitivityAtSpecificity(0.7)(Y, P)
    )


def test_f_scores():
    y, p = Y.reshape(20, 3), P.reshape(20, 3)
    found = p > 0.5
    precision, recall = (found & (y == 1)).sum(0) / found.sum(0), (found & (y == 1)).sum(0) / y.sum(0)
    expected = 5 * precision * recall / (4 * precision + recall)
    np.testing.assert_allclose(metrics.FBetaScore(beta=2.0, threshold=0.5)(y, p), expected, rtol=1e-6)
    assert float(metrics.FBetaScore("macro", 2.0, 0.5)(y, p)) == pytest.approx(expected.mean(), rel=1e-6)
    weights = y.sum(0) / y.sum()
    assert float(metrics.FBetaScore("weighted", 2.0, 0.5)(y, p)) == pytest.approx((expected * weights).sum(), rel=1e-6)
    assert metrics.F1Score().result() == 0


def test_overlap_counts_whole_weights_unless_its_type_is_a_float():
    with pytest.warns(UserWarning, match="weights are given as float, but counted as int32"):
        metric = metrics.MeanIoU(2)
        metric.update_state([0, 1], [0, 1], sample_weight=[0.5, 2.5])
    np.testing.assert_array_equal(metric.total_cm, [[0, 0], [0, 2]])
    metric = metrics.BinaryIoU(threshold=0.3, dtype="float32")
    metric.update_state([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7], sample_weight=[0.3, 0.3, 0.3, 0.1])
    # Class 0: 0.3 of 0.9, class 1: 0.1 of 0.7.
    assert float(metric.result()) == pytest.approx((0.3 / 0.9 + 0.1 / 0.7) / 2)


def test_overlap_of_images_with_one_hot_labels():
    labels, found = RNG.integers(0, 3, (2, 4, 4)), RNG.integers(0, 3, (2, 4, 4))
    expected = np.mean([((labels == c) & (found == c)).sum() / ((labels == c) | (found == c)).sum() for c in range(3)])
    assert float(metrics.MeanIoU(3)(labels, found)) == pytest.approx(expected, rel=1e-6)
    assert float(metrics.OneHotMeanIoU(3)(np.eye(3)[labels], np.eye(3)[found])) == pytest.approx(expected, rel=1e-6)
    first = np.moveaxis(np.eye(3)[labels], -1, 1), np.moveaxis(np.eye(3)[found], -1, 1)
    assert float(metrics.OneHotMeanIoU(3, axis=1)(*first)) == pytest.approx(expected, rel=1e-6)
    void = np.where(labels == 0, 255, labels)
    assert np.isfinite(metrics.MeanIoU(3, ignore_class=255)(void, found))
    assert metrics.MeanIoU(3)([0, 1], [0, 1]) == pytest.approx(1)  # class 2 does not occur


def test_correlations():
    x = RNG.standard_normal((4, 9))
    y = x * 2 + RNG.standard_normal((4, 9))
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(x, y)]
    np.testing.assert_allclose(metrics.pearson_correlation(x, y), expected, rtol=1e-9)
    np.testing.assert_allclose(metrics.concordance_correlation(x, x), 1, rtol=1e-6)
    np.testing.assert_allclose(metrics.concordance_correlation(x, x + 1), 2 * x.var(1) / (2 * x.var(1) + 1), rtol=1e-6)
    assert metrics.pearson_correlation([[1.0, 1.0]], [[0.0, 2.0]]) == 0


def test_explained_variance():
    y = RNG.standard_normal((9, 2))
    p = y + RNG.standard_normal((9, 2)) * 0.1
    expected = 1 - ((y - p) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(metrics.R2Score(None, dtype="float64")(y, p), expected, rtol=1e-9)
    np.testing.assert_array_equal(metrics.R2Score(None)([[1.0, 2.0], [1.0, 2.0]], [[1.0, 2.0], [1.0, 3.0]]), [1, 0])
    assert metrics.R2Score().result() == 0


def test_ignored_classes_leave_the_mean_where_there_are_weights():
    # Without weights they add nothing, but are counted: Keras's rule.
    p, y = np.array([[0.2, 0.8], [0.9, 0.1]]), [1, -1]
    for weights, share in ((None, 0.5), ([1.0, 1.0], 1)):
        metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
        assert float(metric(y, p, sample_weight=weights)) == pytest.approx(-np.log(0.8) * share, rel=1e-6)


def test_places_without_a_class_number_are_left_out_of_the_overlap():
    assert float(metrics.IoU(2, [0, 1])([0, -1, 2, 1], [0, 1, 0, 5])) == pytest.approx(1.0)


def test_area_under_the_gains():
    y, p = [0, 0, 0, 1, 0, 1, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.3, 0.4, 0.4, 0.6, 0.6, 0.8, 0.9]
    # Gains at thresholds -e, 0.5, 1+e: recall 1, 1/3, 0; precision 0, 2/3, 1.
    assert float(metrics.AUC(3, curve="PRGAIN")(y, p)) == pytest.approx(2 / 3 / 3 + 1 / 3 * 5 / 6, rel=1e-5)


def test_area_tells_its_thresholds_and_writes_those_it_was_given():
    metric = metrics.AUC(thresholds=[0.3, 0.5])
    np.testing.assert_allclose(metric.thresholds, [0, 0.3, 0.5, 1], atol=1e-6)
    assert metric.get_config()["thresholds"] == [0.3, 0.5] and metric.num_thresholds == 4
    assert "thresholds" not in metrics.AUC().get_config()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: metrics.Precision(thresholds=2), r"Threshold values must be in \[0, 1\]. Received: \[2\]"),
        (lambda: metrics.TruePositives(thresholds=[0.5, None]), "Threshold values must be in"),
        (lambda: metrics.AUC(num_thresholds=1), "must be an integer > 1. Received: num_thresholds=1"),
        (lambda: metrics.AUC(curve="X"), 'Invalid AUC curve value: "X"'),
        (lambda: metrics.AUC(summation_method="X"), 'Invalid AUC summation method value: "X"'),
        (lambda: metrics.AUC(thresholds=[1.5]), "Threshold values must be in"),
        (lambda: metrics.AUC(multi_label=True, num_labels=2, label_weights=[1.0]), "one non-negative number per label"),
        (
            lambda: metrics.AUC(multi_label=True)([1, 0], [0.1, 0.2]),
            r"multi_label=True expects predictions \(batch, labels\)",
        ),
        (lambda: metrics.AUC(multi_label=True, num_labels=2)([[1]], [[0.1]]), "predictions must have 2 labels"),
        (
            lambda: metrics.SensitivityAtSpecificity(2),
            r"`specificity` must be in the range \[0, 1\]. Received: specificity=2",
        ),
        (
            lambda: metrics.RecallAtPrecision(0.5, num_thresholds=0),
            "must be an integer > 0. Received: num_thresholds=0",
        ),
        (lambda: metrics.FBetaScore(average="x"), "Invalid `average` argument value"),
        (lambda: metrics.FBetaScore(beta=1), "`beta` argument value. It should be a Python float"),
        (lambda: metrics.FBetaScore(beta=-1.0), "It should be > 0. Received: beta=-1.0"),
        (lambda: metrics.F1Score(threshold=1), "`threshold` argument value. It should be a Python float"),
        (lambda: metrics.F1Score(threshold=1.5), "It should verify 0 < threshold <= 1"),
        (lambda: metrics.F1Score()([1, 0], [1, 0]), "F1Score expects 2D inputs"),
        (lambda: metrics.IoU(2, [2]), r"Target class id 2 is none of the 2 classes"),
        (lambda: metrics.Precision(class_id=2)([0, 1], [0.0, 1.0]), "class_id picks a column of y_pred"),
        (lambda: metrics.MeanIoU(2)([0, 1], [[0, 1, 1]]), "one class number per place"),
        (lambda: metrics.MeanIoU(0), "`num_classes` must be a positive integer"),
        (lambda: metrics.R2Score("x"), "Invalid value for argument `class_aggregation`"),
        (lambda: metrics.R2Score(num_regressors=-1), "Expected a value >= 0"),
        (lambda: metrics.R2Score()([1.0], [1.0]), "R2Score expects 2D inputs"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "`k` must be a positive integer"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
