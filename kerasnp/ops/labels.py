"""Label and sample preparation."""

from kerasnp import backend as K
from kerasnp.ops.elementwise import stop_gradient
from kerasnp.ops.decompositions import norm


def to_categorical(x, num_classes=None):
    """Integer classes as one-hot rows, shape (..., num_classes).

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])

    Args:
        x: integers from 0 to num_classes - 1; a last axis of size one is dropped.
        num_classes: default is the largest class plus one.

    Raises: ValueError for a class out of range.
    """
    x = K.asarray(stop_gradient(x)).astype(K.int64)
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x.reshape(x.shape[:-1])
    if num_classes is None:
        num_classes = int(x.max(initial=-1)) + 1
    if x.size and not (0 <= x.min() and x.max() < num_classes):
        raise ValueError(
            f"to_categorical: classes must lie between 0 and num_classes - 1 = {num_classes - 1}. "
            f"Received: classes from {x.min()} to {x.max()}"
        )
    return K.eye(num_classes, dtype=K.float64)[x]


def normalize(x, axis=-1, order=2):
    """x divided by its norm of the given order along an axis; zero vectors stay zero.

    >>> normalize(K.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    >>> normalize(K.array([[2.0, -4.0]]), order=float("inf"))
    array([[ 0.5, -1. ]])
    """
    x = K.asarray(stop_gradient(x))
    norms = K.asarray(stop_gradient(norm(x, order, axis, keepdims=True)))
    return x / K.where(norms == 0, 1, norms)
