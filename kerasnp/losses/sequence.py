"""Losses of sequences."""

from kerasnp import backend as K
from kerasnp import ops
from kerasnp.losses.loss import Loss, as_float, as_labels
from kerasnp.ops.ctc import ctc_loss
from kerasnp.utils.registry import function


class CTC(Loss):
    """-log of the probability of a label sequence under all its alignments (Graves et al., 2006).

    Labels are class numbers `(batch, labels)`, padded with 0, which is the class "no label"; predictions are scores
    `(batch, time, classes)` before the softmax, all time steps counting.

    >>> import math
    >>> round(float(CTC()([[1]], [[[0.0, 0.0]]])), 4) == round(math.log(2), 4)
    True

    Args:
        reduction: see `Loss`.
        name: a name.
        dtype: the type to compute in.
    """

    integer_labels = True

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(name, reduction, dtype)

    def call(self, y_true, y_pred):
        return ctc(y_true, y_pred)


@function("losses")
def ctc(y_true, y_pred):
    """CTC of padded class numbers.     labels (n, l)   scores (n, time, classes)   ->   (n,)

    >>> import kerasnp
    >>> ctc([[1]], kerasnp.ops.zeros((1, 2, 2))).round(4)  # 3 of 4 paths of length 2 spell "1": -log(3 / 4)
    array([0.2877], dtype=float32)

    Raises: ValueError for other ranks.

    Reference: Graves et al. (2006), Connectionist temporal classification.
    """
    y_pred, y_true = as_float(y_pred), ops.stop_gradient(as_labels(y_true))
    if y_true.ndim != 2 or len(y_pred.shape) != 3:
        raise ValueError(
            "ctc: y_true must have the shape (batch, labels) and y_pred (batch, time, classes). "
            f"Received: y_true.shape={y_true.shape}, y_pred.shape={tuple(y_pred.shape)}"
        )
    lengths = (y_true != 0).sum(axis=1)
    return ctc_loss(y_true, y_pred, lengths, K.full(len(y_true), y_pred.shape[1]))


ctc.integer_labels = True
