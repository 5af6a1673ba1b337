"""Circle loss: embeddings of one class near each other, of different classes apart."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.losses.loss import Loss, as_float, as_labels
from kerasnp.utils.masks import set_mask
from kerasnp.utils.registry import function

# An exponent that counts for nothing in a sum of exponentials.
FAR = -1e30


class Circle(Loss):
    """log(1 + sum over negatives and positives of exp(gamma * (a_n * (s_n - m) - a_p * (s_p - 1 + m)))).

    s are cosines between embeddings, which must have unit length; the factors a_n = max(s_n + m, 0) and
    a_p = max(1 + m - s_p, 0) let what is far from its goal learn faster (Sun et al., 2020, "Circle loss").

    >>> float(Circle()([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])) < 1e-4
    True

    Args:
        gamma: the scale.
        margin: the m above.
        remove_diagonal: whether a sample is no positive of itself.
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    integer_labels = True

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.gamma, self.margin, self.remove_diagonal = gamma, margin, remove_diagonal

    def call(self, y_true, y_pred):
        return circle(y_true, y_pred, remove_diagonal=self.remove_diagonal, gamma=self.gamma, margin=self.margin)


@function("losses")
def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """The circle loss of each embedding against all references.     labels (n,)   embeddings (n, d)   ->   (n,)

    >>> circle([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], gamma=1).round(4)  # the last has no other of its class
    array([0.5459, 0.5459, 0.    ], dtype=float32)

    Args:
        y_true: class numbers `(batch,)` or `(batch, 1)`.
        y_pred: embeddings of unit length `(batch, d)`.
        ref_labels, ref_embeddings: what to compare with; the batch itself by default.
        remove_diagonal: whether a sample is no positive of itself.
        gamma: the scale.
        margin: the margin.

    Reference: Sun et al. (2020), Circle loss, arXiv:2002.10857.
    """
    y_pred = as_float(y_pred)
    labels = ops.stop_gradient(as_labels(y_true)).astype(K.int64).reshape(-1)
    references = labels if ref_labels is None else ops.stop_gradient(as_labels(ref_labels)).astype(K.int64).reshape(-1)
    others = y_pred if ref_embeddings is None else as_float(ref_embeddings)
    if len(y_pred.shape) != 2 or len(labels) != y_pred.shape[0]:
        raise ValueError(
            "circle: y_true must hold one class number per embedding, y_pred embeddings (batch, d). "
            f"Received: y_true.shape={tuple(as_labels(y_true).shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(others)), 0.0)
    same = labels[:, None] == references[None, :]
    positive, negative = same, ~same
    if remove_diagonal:
        positive = same & ~K.eye(len(labels), len(references), dtype=bool)
    attract = ops.maximum(margin + distance, 0.0) * (distance - margin)
    repel = ops.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance)
    wrong = ops.logsumexp(ops.where(positive, gamma * attract, FAR), axis=1)
    near = ops.logsumexp(ops.where(negative, gamma * repel, FAR), axis=1)
    loss = ops.softplus(wrong + near)
    # Samples without a positive or a negative have nothing to learn and do not count in the mean.
    set_mask(loss, ops.stop_gradient(loss) > 0)
    return loss


circle.integer_labels = True
