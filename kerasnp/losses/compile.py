"""CompileLoss: the loss a model was compiled with."""

from kerasnp import losses
from kerasnp.losses.loss import Loss, LossFunctionWrapper


class CompileLoss:
    """What `model.compile(loss=..., loss_weights=...)` asks for, as one callable for a model of one output.

    >>> float(CompileLoss("mse", loss_weights=2.0)([[0.0]], [[3.0]]))
    18.0

    Args:
        loss: a name, a configuration, a Loss, a function `(y_true, y_pred)`, or a list or dictionary holding one of
            these; None means that losses come from the layers alone.
        loss_weights: a number, or a list or dictionary holding one.

    Raises: ValueError for an unknown name, or more losses than the one output needs.
    """

    def __init__(self, loss, loss_weights=None):
        name = only(loss, "loss")
        # Which cross-entropy it is, the first labels and predictions tell.
        self._by_shape = isinstance(name, str) and name in ("crossentropy", "ce")
        self.loss = None if self._by_shape else resolve(loss)
        weight = only(loss_weights, "loss_weights")
        if weight is not None and (isinstance(weight, bool) or not isinstance(weight, (int, float))):
            raise ValueError(
                f"compile: loss_weights must be a number, or a list or dictionary of one. Received: {loss_weights!r}"
            )
        self.weight = weight

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The weighted loss, or None without one."""
        if self._by_shape and self.loss is None:
            self.loss = crossentropy_for(y_true.shape, y_pred.shape)
        if self.loss is None:
            return None
        value = self.loss(y_true, y_pred, sample_weight)
        return value if self.weight is None else value * self.weight


def resolve(loss):
    """A Loss from whatever `compile` accepts, or None."""
    loss = losses.get(only(loss, "loss"))
    return loss if loss is None or isinstance(loss, Loss) else LossFunctionWrapper(loss)


def crossentropy_for(true_shape, shape):
    """The cross-entropy for labels and predictions of these shapes: of one unit, of class numbers, or of one-hot rows."""
    if len(shape) < 2 or shape[-1] == 1:
        return losses.BinaryCrossentropy()
    sparse = len(true_shape) < len(shape) or true_shape[-1] == 1
    return losses.SparseCategoricalCrossentropy() if sparse else losses.CategoricalCrossentropy()


def only(value, argument):
    """What a list or dictionary of one thing holds, as the model has one output."""
    if isinstance(value, dict) and "class_name" in value:
        return value
    if isinstance(value, (list, tuple, dict)):
        entries = list(value.values()) if isinstance(value, dict) else list(value)
        if len(entries) != 1:
            raise ValueError(
                f"compile: the model has one output, so {argument} must hold one entry. Received: {argument}={value!r}"
            )
        return only(entries[0], argument)
    return value
