"""Cross-entropies as operators, from logits or from probabilities, and the sum that ends every loss."""

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.variable import Variable
from kerasnp.ops.activation import log_softmax, softmax
from kerasnp.ops.elementwise import convert, stop_gradient
from kerasnp.ops.pointwise_losses import BinaryCrossEntropy, SigmoidCrossEntropy
from kerasnp.ops.shape import moveaxis, one_hot, reshape


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


class SoftmaxCrossEntropyLent(Operator):
    """The same, where the softmax p of x is known already: loss = -log(p[label]), from x where p has underflowed."""

    def __init__(self, labels, p):
        self.labels, self.p = labels, p

    def forward(self, x):
        p, labels = self.p, self.labels
        rows = K.constant_range(len(labels))
        picked = p[rows, labels]
        self.save(p, rows)
        if len(rows) and K.minimum.reduce(picked) < 1e-30:
            return -K.log_softmax(x, -1)[rows, labels]
        K.log(picked, out=picked)
        return K.negative(picked, out=picked)

    def backward(self, dy):
        p, rows = self.saved
        dx = p * dy[:, None]
        dx[rows, self.labels] -= dy
        return dx


class SoftmaxMeanCrossEntropy(Operator):
    """p = softmax(x), loss = mean(-log(p[label])).     x (n, classes)   labels (n,)   ->   loss (), p (n, classes)"""

    def forward(self, x, labels):
        labels = class_numbers("sparse_categorical_crossentropy", labels, x.shape)
        loss, p, places = K.softmax_mean_cross_entropy(x, labels)
        self.save(p, places)
        return loss, p

    def backward(self, dloss, dp=None):
        p, places = self.saved
        dx = K.softmax_mean_cross_entropy_grad(p, places, dloss)
        if dp is not None:
            dx += K.softmax_grad(p, dp)
        return dx, None


class SoftmaxCrossEntropyDense(Operator):
    """loss = sum(t) * log(sum(exp(x))) - sum(t * x).     x and t (..., classes)   ->   loss (...)"""

    def forward(self, t, x):
        log_p = K.log_softmax(x, -1)
        self.save(t, log_p)
        return K.asarray(-(t * log_p).sum(axis=-1))

    def backward(self, dy):
        t, log_p = self.saved
        dy = dy[..., None]
        dt = -log_p * dy if self.wants(0) else None
        return dt, ((K.exp(log_p) * t.sum(axis=-1, keepdims=True) - t) * dy if self.wants(1) else None)


class CrossEntropy(Operator):
    """loss = -log(q), q = p[label] / sum(p) within [eps, 1 - eps].     p (n, classes)   labels (n,)   ->   loss (n,)"""

    def __init__(self, labels):
        self.labels = labels

    def forward(self, p):
        total = p.sum(axis=1)
        picked = p[K.arange(len(p)), self.labels]
        q = picked / total
        low = p.dtype.type(K.epsilon())
        kept = K.minimum(K.maximum(q, low), 1 - low)
        self.save(p.shape, picked, total, q == kept)
        return -K.log(kept)

    def backward(self, dy):
        shape, picked, total, inside = self.saved
        dy = K.where(inside, dy, dy.dtype.type(0))
        dp = K.empty(shape, dy.dtype)
        dp[...] = (dy / total)[:, None]
        dp[K.arange(len(dp)), self.labels] -= dy / K.where(inside, picked, dy.dtype.type(1))
        return dp


class CrossEntropyDense(Operator):
    """loss = -sum(t * log(q)), q = p / sum(p) within [eps, 1 - eps].     p and t (..., classes)   ->   loss (...)"""

    def forward(self, t, p):
        total = p.sum(axis=-1, keepdims=True)
        q = p / total
        log_q = K.log(K.clip(q, K.epsilon(), 1 - K.epsilon()))
        self.save(t, q, total, log_q)
        return K.asarray(-(t * log_q).sum(axis=-1))

    def backward(self, dy):
        t, q, total, log_q = self.saved
        dy = dy[..., None]
        dt = -log_q * dy if self.wants(0) else None
        if not self.wants(1):
            return dt, None
        inside = (q >= K.epsilon()) & (q <= 1 - K.epsilon())
        tq = K.where(inside, t, t.dtype.type(0))
        dp = tq.sum(axis=-1, keepdims=True) - K.divide(tq, q, out=K.zeros_like(q), where=inside)
        return dt, dp * (dy / total)


class CosineProximity(Operator):
    """loss = -sum(t / |t| * x / |x|) along an axis; a vector shorter than eps is divided by eps."""

    def __init__(self, axis=-1):
        self.axis = axis

    def forward(self, t, x):
        sizes = [K.maximum(K.sqrt(K.square(v).sum(axis=self.axis, keepdims=True)), K.epsilon()) for v in (t, x)]
        t, x = t / sizes[0], x / sizes[1]
        product = t * x
        self.save(t, x, sizes)
        return K.asarray(-product.sum(axis=self.axis))

    def backward(self, dy):
        t, x, sizes = self.saved
        dy = K.expand_dims(dy, self.axis)
        cosine = (t * x).sum(axis=self.axis, keepdims=True)
        dt = K.unbroadcast(self._slope(x, t, cosine, sizes[0]) * dy, t.shape) if self.wants(0) else None
        return dt, (K.unbroadcast(self._slope(t, x, cosine, sizes[1]) * dy, x.shape) if self.wants(1) else None)

    def _slope(self, other, own, cosine, size):
        return (own * cosine * (size > K.epsilon()) - other) / size


class Total(Operator):
    """y = sum(x) / divisor, a scalar."""

    def __init__(self, divisor=1):
        self.divisor = divisor

    def forward(self, x):
        self.save(x.shape)
        return K.asarray(K.add.reduce(x, axis=None) / x.dtype.type(self.divisor))

    def backward(self, dy):
        dx = K.empty(self.saved[0], dy.dtype)
        dx.fill(dy / dy.dtype.type(self.divisor))
        return dx


def _classes_last(target, output, axis):
    """Both with the axis of the classes moved to the end."""
    if axis in (-1, len(output.shape) - 1):
        return target, output
    return moveaxis(target, axis, -1), moveaxis(output, axis, -1)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-sum(target * log(output)) along `axis`; `output` holds probabilities, or scores with `from_logits=True`.

    >>> from kerasnp import ops
    >>> ops.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(3)
    array([0.693], dtype=float32)

    Raises: ValueError where the shapes differ.
    """
    target, output = convert(target), convert(output)
    if target.shape != output.shape or len(output.shape) < 1:
        shapes = f"Received: target.shape={target.shape}, output.shape={output.shape}."
        if len(target.shape) == len(output.shape) - 1 or target.shape[:-1] + output.shape[-1:] == output.shape:
            shapes += " For labels that are class numbers, use the sparse categorical cross-entropy."
        raise ValueError(
            "categorical_crossentropy: `target` must have the same shape as `output`, of at least one axis, since it holds a "
            f"row of class probabilities per sample. {shapes}"
        )
    target, output = _classes_last(target, output, axis)
    return (SoftmaxCrossEntropyDense if from_logits else CrossEntropyDense)()(target, output)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-log(output[target]) along `axis`, with integer classes; `output` holds probabilities, or scores (`from_logits`).

    >>> from kerasnp import ops
    >>> ops.sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [1.0, 0.0]]).round(3)
    array([0.693, 0.   ], dtype=float32)

    Raises: ValueError where the shapes do not fit, or a label is not among the classes.
    """
    target, output = stop_gradient(target), convert(output)
    if axis not in (-1, len(output.shape) - 1):
        output = moveaxis(output, axis, -1)
    return sparse_rows(target, output, SoftmaxCrossEntropy if from_logits else CrossEntropy)


def sparse_rows(target, output, operator, *options):
    """Run `operator(labels, *options)` on the rows of `output`; the result has the shape of the labels."""
    shape = output.shape
    labels = class_numbers("sparse_categorical_crossentropy", target, shape)
    if len(shape) == 2:
        return operator(labels, *options)(output)
    return reshape(operator(labels.reshape(-1), *options)(reshape(output, (-1, shape[-1]))), shape[:-1])


def class_numbers(who, target, shape):
    """Labels as int64 in the shape of the output without its last axis, that of the classes.

    Raises: ValueError for another shape, or a label that is no class.
    """
    if target.shape != shape[:-1]:
        target = _without_last_axis(who, target, shape)
    labels = K.asarray(target, K.int64, order="C")
    # Read as unsigned, a negative label is a huge one: a single pass finds both kinds of stray.
    if labels.size and K.maximum.reduce(labels.view(K.uint64), axis=None) >= shape[-1]:
        stray = labels[(labels < 0) | (labels >= shape[-1])][0]
        raise ValueError(
            f"{who}: labels must be integers from 0 to {shape[-1] - 1}, since the output has {shape[-1]} classes "
            f"(shape {shape}). Received: a label {stray}. Give the last layer more units, or number the classes from 0."
        )
    return labels


def _without_last_axis(who, target, shape):
    """The labels without a last axis of size one, or a ValueError."""
    if len(shape) and target.shape == (*shape[:-1], 1):
        return target.reshape(shape[:-1])
    if len(shape) and target.shape == shape:
        remedy = "For one-hot labels, use the categorical cross-entropy, or pass target.argmax(-1)."
    else:
        remedy = "Give one integer per row of the output."
    raise ValueError(
        f"{who}: but for the last dimension, which holds the classes, `output` must have the same shape as `target`. Received: "
        f"target.shape={tuple(target.shape)}, output.shape={tuple(shape)}. {remedy}"
    )


def binary_crossentropy(target, output, from_logits=False):
    """-(t * log(p) + (1 - t) * log(1 - p)), element by element; `output` holds p, or scores with `from_logits=True`.

    >>> from kerasnp import ops
    >>> ops.binary_crossentropy([1.0, 0.0], [0.5, 0.25]).round(3)
    array([0.693, 0.288], dtype=float32)

    Raises: ValueError where the shapes differ.
    """
    target, output = convert(target), convert(output)
    if target.shape != output.shape:
        raise ValueError(
            f"binary_crossentropy: `output` must have the same shape as `target`. Received: target.shape={target.shape}, "
            f"output.shape={output.shape}"
        )
    return (SigmoidCrossEntropy if from_logits else BinaryCrossEntropy)(None)(target, output)


__all__ = [
    "Variable", "binary_crossentropy", "categorical_crossentropy", "log_softmax", "one_hot", "softmax",
    "sparse_categorical_crossentropy",
]  # fmt: skip
