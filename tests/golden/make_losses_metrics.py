"""Writes losses_metrics.json: losses, their gradients and metrics as real Keras computes them.

Run with Keras 3 and a framework that differentiates:  KERAS_BACKEND=torch python make_losses_metrics.py
The file holds the inputs too, so that the tests need neither Keras nor this script.
"""

import json
from pathlib import Path

import keras
import numpy as np

rng = np.random.default_rng(20)
N, D = 5, 3


def rounded(x):
    return np.round(np.asarray(x, np.float64), 4)


def softmax(x):
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


def normal(*shape):
    return rounded(rng.standard_normal(shape))


def probabilities(*shape):
    """Rows that do not quite sum to one, as rounding would have it, away from the limits of the clip."""
    return rounded(softmax(rng.standard_normal(shape)))


def bits(*shape):
    return rng.integers(0, 2, shape).astype(np.float64)


def unit(*shape):
    x = rng.standard_normal(shape)
    return rounded(x / np.linalg.norm(x, axis=-1, keepdims=True))


def one_hot(labels, classes=D):
    return np.eye(classes)[labels]


def data(kind):
    """Labels and predictions."""
    labels = rng.integers(0, D, N)
    return {
        "real": lambda: (normal(N, D), normal(N, D)),
        "wide": lambda: (normal(N, 2, D), normal(N, 2, D) * 3),
        "column": lambda: (normal(N), normal(N, 1)),
        "positive": lambda: (np.abs(normal(N, D)) + 0.1, np.abs(normal(N, D)) + 0.1),
        "binary": lambda: (bits(N, D), rounded(rng.random((N, D)) * 0.98 + 0.01)),
        "binary logits": lambda: (bits(N, D), normal(N, D) * 3),
        "one-hot": lambda: (one_hot(labels), probabilities(N, D)),
        "one-hot logits": lambda: (one_hot(labels), normal(N, D) * 2),
        "soft": lambda: (probabilities(N, D), probabilities(N, D)),
        "sparse": lambda: (labels, probabilities(N, D)),
        "sparse column": lambda: (labels[:, None], probabilities(N, D)),
        "sparse logits": lambda: (labels, normal(N, D) * 2),
        "sparse steps": lambda: (rng.integers(0, D, (N, 4)), probabilities(N, 4, D)),
        "signs": lambda: (2 * bits(N, D) - 1, normal(N, D)),
        "embeddings": lambda: (np.array([0, 1, 0, 2, 1, 0]), unit(6, 4)),
        "alignment": lambda: (np.array([[1, 2, 2], [3, 0, 0], [1, 3, 0]]), normal(3, 6, 4)),
        "class numbers": lambda: (rng.integers(0, D, (N, 2)), rng.integers(0, D, (N, 2))),
        "places": lambda: (rng.integers(0, D, 12), rng.integers(0, D, 12)),
        "scores": lambda: (bits(40), rounded(rng.random(40))),
        "multi-label": lambda: (bits(20, D), rounded(rng.random((20, D)))),
        "many one-hot": lambda: (one_hot(rng.integers(0, D, 20)), probabilities(20, D)),
        "many logits": lambda: (bits(30), normal(30) * 2),
        "ranked": lambda: (rng.integers(0, D, N), np.argsort(rng.random((N, D)))),
        "numbers": lambda: (None, normal(N, D)),
    }[kind]()


LOSSES = [
    ("MeanSquaredError", {}, "real"),
    ("MeanSquaredError", {}, "wide"),
    ("MeanSquaredError", {}, "column"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("MeanSquaredLogarithmicError", {}, "real"),
    ("Huber", {}, "wide"),
    ("Huber", {"delta": 0.5}, "real"),
    ("LogCosh", {}, "wide"),
    ("CosineSimilarity", {}, "real"),
    ("CosineSimilarity", {"axis": 1}, "wide"),
    ("KLDivergence", {}, "soft"),
    ("KLDivergence", {}, "one-hot"),
    ("Poisson", {}, "positive"),
    ("Hinge", {}, "signs"),
    ("Hinge", {}, "binary logits"),
    ("SquaredHinge", {}, "signs"),
    ("CategoricalHinge", {}, "one-hot logits"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "binary logits"),
    ("BinaryCrossentropy", {"axis": 0}, "binary"),
    ("CategoricalCrossentropy", {}, "one-hot"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}, "one-hot"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one-hot logits"),
    ("CategoricalCrossentropy", {}, "soft"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {}, "sparse column"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse logits"),
    ("SparseCategoricalCrossentropy", {}, "sparse steps"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "sparse"),
    ("BinaryFocalCrossentropy", {}, "binary"),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "gamma": 1.5, "alpha": 0.3}, "binary"),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "binary logits"),
    ("CategoricalFocalCrossentropy", {}, "one-hot"),
    ("CategoricalFocalCrossentropy", {"alpha": [0.2, 0.3, 0.5], "gamma": 1.0, "label_smoothing": 0.1}, "one-hot"),
    ("CategoricalFocalCrossentropy", {"from_logits": True}, "one-hot logits"),
    ("CategoricalGeneralizedCrossEntropy", {}, "sparse"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.8}, "sparse"),
    ("Dice", {}, "binary"),
    ("Dice", {"axis": -1}, "binary"),
    ("Tversky", {}, "binary"),
    ("Tversky", {"alpha": 0.9, "beta": 0.2, "axis": -1}, "binary"),
    ("Circle", {}, "embeddings"),
    ("Circle", {"gamma": 4.0, "margin": 0.25, "remove_diagonal": False}, "embeddings"),
    ("CTC", {}, "alignment"),
]  # fmt: skip

METRICS = [
    ("Mean", {}, "numbers"),
    ("Sum", {}, "numbers"),
    ("MeanSquaredError", {}, "real"),
    ("MeanSquaredError", {}, "wide"),
    ("RootMeanSquaredError", {}, "real"),
    ("RootMeanSquaredError", {}, "wide"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("LogCoshError", {}, "real"),
    ("CosineSimilarity", {}, "real"),
    ("CosineSimilarity", {"axis": 1}, "wide"),
    ("R2Score", {}, "real"),
    ("R2Score", {"class_aggregation": None}, "real"),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, "real"),
    ("PearsonCorrelation", {}, "real"),
    ("ConcordanceCorrelation", {}, "real"),
    ("PearsonCorrelation", {"axis": 0}, "real"),
    ("Accuracy", {}, "class numbers"),
    ("BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy", {"threshold": 0.3}, "binary"),
    ("CategoricalAccuracy", {}, "one-hot"),
    ("SparseCategoricalAccuracy", {}, "sparse"),
    ("SparseCategoricalAccuracy", {}, "sparse column"),
    ("SparseCategoricalAccuracy", {}, "sparse steps"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one-hot"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "ranked"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "binary logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one-hot"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("KLDivergence", {}, "soft"),
    ("Poisson", {}, "positive"),
    ("Hinge", {}, "signs"),
    ("SquaredHinge", {}, "signs"),
    ("CategoricalHinge", {}, "one-hot logits"),
    ("TruePositives", {}, "scores"),
    ("FalsePositives", {"thresholds": [0.7, 0.2]}, "scores"),
    ("TrueNegatives", {}, "multi-label"),
    ("FalseNegatives", {"thresholds": 0.3}, "scores"),
    ("Precision", {}, "scores"),
    ("Precision", {"thresholds": [0.6, 0.3]}, "scores"),
    ("Precision", {"top_k": 2}, "multi-label"),
    ("Precision", {"top_k": 2, "class_id": 1}, "multi-label"),
    ("Recall", {}, "multi-label"),
    ("Recall", {"class_id": 2, "thresholds": 0.4}, "multi-label"),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, "scores"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 20}, "scores"),
    ("PrecisionAtRecall", {"recall": 0.4}, "scores"),
    ("RecallAtPrecision", {"precision": 0.5}, "scores"),
    ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 1}, "scores"),
    ("AUC", {}, "scores"),
    ("AUC", {"num_thresholds": 7, "summation_method": "minoring"}, "scores"),
    ("AUC", {"num_thresholds": 7, "summation_method": "majoring", "curve": "PR"}, "scores"),
    ("AUC", {"curve": "PR"}, "scores"),
    ("AUC", {"curve": "PRGAIN"}, "scores"),
    ("AUC", {"thresholds": [0.25, 0.5, 0.75]}, "scores"),
    ("AUC", {"multi_label": True, "num_labels": D}, "multi-label"),
    ("AUC", {"multi_label": True, "curve": "PR", "label_weights": [0.2, 0.3, 0.5], "num_labels": D}, "multi-label"),
    ("AUC", {"from_logits": True}, "many logits"),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, "many logits"),
    ("FBetaScore", {"beta": 2.0}, "many one-hot"),
    ("FBetaScore", {"average": "micro", "threshold": 0.4}, "multi-label"),
    ("FBetaScore", {"average": "weighted", "beta": 0.5, "threshold": 0.6}, "multi-label"),
    ("F1Score", {"average": "macro"}, "many one-hot"),
    ("F1Score", {}, "many one-hot"),
    ("IoU", {"num_classes": D, "target_class_ids": [0, 2]}, "places"),
    ("IoU", {"num_classes": D, "target_class_ids": [0], "ignore_class": 1}, "places"),
    ("BinaryIoU", {"threshold": 0.4}, "scores"),
    ("MeanIoU", {"num_classes": D}, "places"),
    ("MeanIoU", {"num_classes": D, "sparse_y_pred": False}, "sparse"),
    ("OneHotIoU", {"num_classes": D, "target_class_ids": [1, 2]}, "many one-hot"),
    ("OneHotMeanIoU", {"num_classes": D}, "many one-hot"),
]  # fmt: skip


def plain(x):
    """A list of numbers with ten significant digits."""
    if hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    x = np.asarray(x)
    return np.vectorize(lambda v: float(f"{v:.10g}"), otypes=[object])(x).tolist() if x.size else []


def config_of(item):
    """The configuration as JSON would have it."""
    config = item.get_config()
    return json.loads(json.dumps(config, default=plain))


def gradient_of(loss, y_true, y_pred):
    import torch

    x = torch.tensor(y_pred, dtype=torch.float64, requires_grad=True)
    loss(y_true, x).backward()
    return x.grad


def loss_case(name, arguments, kind):
    y_true, y_pred = data(kind)
    cls = getattr(keras.losses, name)
    weights = rounded(rng.random(len(y_pred)))
    values = cls(**arguments, reduction="none")(y_true, y_pred)
    case = {
        "class": name, "arguments": arguments, "y_true": plain(y_true), "y_pred": plain(y_pred),
        "integer": y_true.dtype.kind == "i", "values": plain(values), "value": plain(cls(**arguments)(y_true, y_pred)),
        "gradient": plain(gradient_of(cls(**arguments), y_true, y_pred)), "config": config_of(cls(**arguments)),
    }  # fmt: skip
    if tuple(values.shape) == (len(y_pred),):
        case["sample_weight"] = plain(weights)
        for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum"):
            case[f"weighted {reduction}"] = plain(cls(**arguments, reduction=reduction)(y_true, y_pred, weights))
    return case


def metric_case(name, arguments, kind):
    keras.backend.clear_session()
    cls = getattr(keras.metrics, name)
    plain_metric, weighted_metric = cls(**arguments), cls(**arguments)
    case = {"class": name, "arguments": arguments, "config": config_of(plain_metric), "batches": []}
    integer = getattr(keras.metrics, name).__name__.endswith("IoU")
    for _ in range(2):
        y_true, y_pred = data(kind)
        # Keras cuts the weights of an intersection over union to integers.
        weights = rng.integers(1, 4, len(y_pred)).astype(float) if integer else rounded(rng.random(len(y_pred)))
        if arguments.get("axis") == 0:
            weights = weights[:D]
        inputs = (y_pred.astype(np.float32),) if y_true is None else (y_true, y_pred.astype(np.float32))
        plain_metric.update_state(*inputs)
        weighted_metric.update_state(*inputs, sample_weight=weights)
        case["batches"].append(
            {
                "y_true": None if y_true is None else plain(y_true),
                "y_pred": plain(y_pred),
                "sample_weight": plain(weights),
            }
        )
    case["result"], case["weighted"] = plain(plain_metric.result()), plain(weighted_metric.result())
    return case


def main():
    golden = {
        "metadata": {
            "script": "tests/golden/make_losses_metrics.py",
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "precision": "float32, whatever the inputs",
        },
        "losses": [loss_case(*case) for case in LOSSES],
        "metrics": [metric_case(*case) for case in METRICS],
    }
    lines = ",\n".join(
        f'"{part}": [\n' + ",\n".join(json.dumps(case) for case in golden[part]) + "\n]"
        for part in ("losses", "metrics")
    )
    target = Path(__file__).with_name("losses_metrics.json")
    target.write_text(f'{{\n"metadata": {json.dumps(golden["metadata"])},\n{lines}\n}}\n')


if __name__ == "__main__":
    main()
