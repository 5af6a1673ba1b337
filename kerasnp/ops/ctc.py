"""Connectionist temporal classification: the likelihood of a label sequence under all its alignments."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.elementwise import _floating, stop_gradient

# log(0), kept finite so that sums of it stay numbers.
IMPOSSIBLE = -1e30


class Ctc(Operator):
    """loss = -log(sum over alignments of prod_t p_t(symbol)).   scores (n, time, classes)   ->   loss (n,)

    Forward and backward variables of Graves et al. (2006), "Connectionist temporal classification", section 4, in logs.
    """

    def __init__(self, labels, label_length, input_length, blank):
        self.labels, self.label_length, self.input_length, self.blank = labels, label_length, input_length, blank

    def forward(self, x):
        n, steps, _ = x.shape
        # Between, before and after the labels stand blanks: z = blank, l1, blank, l2, ..., blank.
        z = K.full((n, 2 * self.labels.shape[1] + 1), self.blank, K.int64)
        z[:, 1::2] = self.labels
        log_p = K.log_softmax(x.astype(K.float64), -1)
        emit = K.take_along_axis(log_p, K.repeat(z[:, None, :], steps, axis=1), axis=2)
        # A blank may be skipped between two different labels, one of which may be called "no label" as well.
        skip = K.zeros(z.shape, bool)
        skip[:, 2:] = z[:, 2:] != z[:, :-2]
        alpha = K.full(emit.shape, IMPOSSIBLE)
        alpha[:, 0, :2] = emit[:, 0, :2]
        for t in range(1, steps):
            alpha[:, t] = _arrive(alpha[:, t - 1], skip) + emit[:, t]
        rows, last = K.arange(n), self.input_length - 1
        end = 2 * self.label_length
        before_end = K.where(end > 0, alpha[rows, last, end - 1], IMPOSSIBLE)
        loss = -K.logaddexp(alpha[rows, last, end], before_end)
        self.save(z, log_p, emit, skip, alpha, loss, x.dtype)
        return loss.astype(x.dtype)

    def backward(self, dy):
        z, log_p, emit, skip, alpha, loss, dtype = self.saved
        n, steps, _ = emit.shape
        rows, last, end = K.arange(n), self.input_length - 1, 2 * self.label_length
        final = K.full(z.shape, IMPOSSIBLE)
        final[rows, end] = 0
        final[rows, K.maximum(end - 1, 0)] = 0
        beta = K.full(emit.shape, IMPOSSIBLE)
        beta[:, -1] = final
        for t in range(steps - 2, -1, -1):
            onward = _leave(beta[:, t + 1] + emit[:, t + 1], skip)
            beta[:, t] = K.where((t >= last)[:, None], final, onward)
        alive = (K.arange(steps) <= last[:, None])[:, :, None]
        posterior = K.exp(K.minimum(alpha + beta + loss[:, None, None], 0)) * alive
        dx = K.exp(log_p) * alive
        for s in range(z.shape[1]):
            dx[rows, :, z[:, s]] -= posterior[:, :, s]
        return (dx * dy[:, None, None]).astype(dtype)


def _arrive(a, skip):
    """log of the probability of coming to each state: by staying, from the state before, or over a blank."""
    total = a.copy()
    total[:, 1:] = K.logaddexp(total[:, 1:], a[:, :-1])
    total[:, 2:] = K.logaddexp(total[:, 2:], K.where(skip[:, 2:], a[:, :-2], IMPOSSIBLE))
    return total


def _leave(b, skip):
    """log of the probability of going on from each state: by staying, to the next state, or over a blank."""
    total = b.copy()
    total[:, :-1] = K.logaddexp(total[:, :-1], b[:, 1:])
    total[:, :-2] = K.logaddexp(total[:, :-2], K.where(skip[:, 2:], b[:, 2:], IMPOSSIBLE))
    return total


def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """-log of the probability of label sequences under all alignments with the scores of each time step.

    >>> from kerasnp import ops
    >>> scores = ops.array([[[0.0, 9.0, 0.0], [0.0, 0.0, 9.0]]])
    >>> ops.ctc_loss([[1, 2]], scores, [2], [2]).round(3), ops.ctc_loss([[2, 1]], scores, [2], [2]).round(1)
    (array([0.], dtype=float32), array([18.], dtype=float32))

    Args:
        target: class numbers `(batch, labels)`, padded.
        output: scores `(batch, time, classes)`, before the softmax.
        target_length: how many labels of each sequence count, `(batch,)`.
        output_length: how many time steps of each sequence count, `(batch,)`.
        mask_index: the class that stands for "no label".

    Raises: ValueError for shapes that do not fit, labels that are no classes, or too few time steps for a sequence.
    """
    output = _floating(output)
    labels = stop_gradient(target).astype(K.int64)
    if len(output.shape) != 3 or labels.ndim != 2 or labels.shape[0] != output.shape[0]:
        raise ValueError(
            "ctc_loss: target must have the shape (batch, labels) and output (batch, time, classes). "
            f"Received: target.shape={labels.shape}, output.shape={tuple(output.shape)}"
        )
    n, steps, classes = output.shape
    label_length = stop_gradient(target_length).astype(K.int64).reshape(n)
    input_length = stop_gradient(output_length).astype(K.int64).reshape(n)
    counted = K.arange(labels.shape[1]) < label_length[:, None]
    stray = labels[counted & ((labels < 0) | (labels >= classes))]
    if stray.size:
        raise ValueError(
            f"ctc_loss: labels must be integers from 0 to {classes - 1}, as output has {classes} classes. "
            f"Received: a label {stray[0]}"
        )
    labels = K.where(counted, labels, mask_index)
    # Two equal labels in a row need a blank between them.
    needed = label_length + (counted[:, 1:] & (labels[:, 1:] == labels[:, :-1])).sum(axis=1)
    short = K.nonzero(needed > input_length)[0]
    if short.size or (input_length > steps).any():
        i = int(short[0]) if short.size else int((input_length > steps).argmax())
        raise ValueError(
            f"ctc_loss: sequence {i} of the batch has {label_length[i]} labels, which need at least {needed[i]} time "
            f"steps, and output_length {input_length[i]} of {steps} time steps. Give the model more time steps, or "
            "shorten the labels."
        )
    return Ctc(labels, label_length, input_length, mask_index)(output)
