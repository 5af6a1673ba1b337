"""Cross-entropies, from logits or from probabilities."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.ops.activation import log_softmax, softmax
from kerasnp.ops.elementwise import clip, convert, log, stop_gradient
from kerasnp.ops.reduce import sum as sum_
from kerasnp.ops.shape import moveaxis, one_hot, reshape, take_along_axis


class SoftmaxCrossEntropy(Operator):
    """loss = log(sum(exp(x))) - x[label].     x (n, classes)   labels (n,)   ->   loss (n,)"""

    def __init__(self, labels):
        self.labels = labels

    def forward(self, x):
        loss, p = K.softmax_cross_entropy(x, self.labels)
        self.save(p)
        return loss

    def backward(self, dy):
        return K.softmax_cross_entropy_grad(self.saved[0], self.labels, dy)


class SoftmaxCrossEntropyDense(Operator):
    """loss = sum(t) * log(sum(exp(x))) - sum(t * x).     x and t (..., classes)   ->   loss (...)"""

    def forward(self, t, x):
        log_p = K.log_softmax(x, -1)
        self.save(t, log_p)
        return -K.sum(t * log_p, axis=-1)

    def backward(self, dy):
        t, log_p = self.saved
        dx = K.exp(log_p) * t.sum(axis=-1, keepdims=True) - t
        return (-log_p * dy[..., None] if self.wants(0) else None), dx * dy[..., None]


class SigmoidCrossEntropy(Operator):
    """loss = max(x, 0) - x * t + log(1 + exp(-|x|)), element by element."""

    def forward(self, t, x):
        self.save(t, x)
        return K.sigmoid_cross_entropy(x, t)

    def backward(self, dy):
        t, x = self.saved
        return (-x * dy if self.wants(0) else None), (K.sigmoid(x) - t) * dy


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-sum(target * log(output)) along `axis`; `output` holds probabilities, or scores with `from_logits=True`.

    Raises: ValueError where the shapes differ.
    """
    target, output = convert(target), convert(output)
    if len(target.shape) < 1 or tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape, of at least one axis. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    if axis not in (-1, len(output.shape) - 1):
        target, output = moveaxis(target, axis, -1), moveaxis(output, axis, -1)
    if from_logits:
        return SoftmaxCrossEntropyDense()(target, output)
    output = output / sum_(output, axis=-1, keepdims=True)
    return -sum_(target * log(clip(output, K.epsilon(), 1 - K.epsilon())), axis=-1)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-log(output[target]) along `axis`, with integer classes; `output` holds probabilities, or scores (`from_logits`).

    Raises: ValueError where the shapes do not fit.
    """
    target, output = stop_gradient(convert(target)), convert(output)
    if axis not in (-1, len(output.shape) - 1):
        output = moveaxis(output, axis, -1)
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = target.reshape(target.shape[:-1])
    if len(output.shape) < 1 or tuple(target.shape) != tuple(output.shape[:-1]):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up to the last axis, which holds the classes. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    target = target.astype(K.int64)
    if from_logits:
        flat = SoftmaxCrossEntropy(target.reshape(-1))(reshape(output, (-1, output.shape[-1])))
        return reshape(flat, target.shape) if target.ndim != 1 else flat
    output = output / sum_(output, axis=-1, keepdims=True)
    chosen = take_along_axis(clip(output, K.epsilon(), 1 - K.epsilon()), target[..., None], -1)
    return -reshape(log(chosen), target.shape)


def binary_crossentropy(target, output, from_logits=False):
    """-(t * log(p) + (1 - t) * log(1 - p)), element by element; `output` holds p, or scores with `from_logits=True`.

    Raises: ValueError where the shapes differ.
    """
    target, output = convert(target), convert(output)
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    if from_logits:
        return SigmoidCrossEntropy()(target, output)
    p = clip(output, K.epsilon(), 1 - K.epsilon())
    return -(target * log(p) + (1 - target) * log(1 - p))


__all__ = ["binary_crossentropy", "categorical_crossentropy", "log_softmax", "one_hot", "softmax", "sparse_categorical_crossentropy"]
