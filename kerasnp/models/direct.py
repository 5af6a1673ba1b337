"""Direct steps: how a stack of small layers trains where Python, not NumPy, would take most of the time.

Calling layers on Variables under a tape costs some 25 us a layer and step, whatever it computes. All of that finds out
what is the same in every step of a plain stack: which operator follows which, and who wants a gradient. A direct step
runs the same operators on the same arrays in the same order, so it gives the same bits (tests/models/test_direct.py),
and leaves everything else to the tape.
"""

from kerasnp import backend as K
from kerasnp.autodiff.tape import Tape, current
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.core import InputLayer
from kerasnp.layers.layer import Layer
from kerasnp.ops.activation import lent_by
from kerasnp.utils.masks import get_mask


class Direct:
    """The training steps of one stack.

    Args:
        layers: layers that tell the `operators` of a call.
        loss: the Loss.
        weights: the trainable variables, in the order in which their gradients are asked for.
        shape, dtype: of the inputs, without the batch axis.
    """

    def __init__(self, layers, loss, weights, shape, dtype):
        self.layers, self.loss, self.weights, self.shape, self.dtype = layers, loss, weights, shape, dtype

    @classmethod
    def of(cls, model, weights):
        """The direct steps of a stack that is built and compiled, or None where there is more to a step."""
        loss = getattr(model._compile_loss, "alone", None)
        if loss is None or model.optimizer.loss_scale_factor is not None:
            return None
        if not weights or any(w.regularizer is not None for w in weights):
            return None
        shape = (1, *model.input_shape[1:])
        layers = [layer for layer in model.layers if not isinstance(layer, InputLayer)]
        for layer in layers:
            if not _is_plain(layer, model.compute_dtype) or layer.operators(shape) is None:
                return None
            shape = layer.compute_output_shape(shape)
        return cls(layers, loss, weights, model.input_shape[1:], K.storage_dtype(model.compute_dtype))

    def takes(self, x, y):
        """Whether a batch is as it was expected."""
        expected = type(x) is K.ndarray is type(y) and x.shape[1:] == self.shape and x.dtype == self.dtype and len(x) > 0
        return expected and current() is None and get_mask(x) is None

    def step(self, x, y):
        """The loss, the predictions, and the gradients of the weights, for a batch.

        None where a layer has changed so that only a tape can tell.
        """
        with K.threads.quiet_blas():
            passed, found, wanted = [], {}, False
            for layer in self.layers:
                operators = layer.operators(x.shape)
                if operators is None:
                    return None
                for operator, variables in operators:
                    flags = [wanted]
                    arrays = [x]
                    for variable in variables:
                        flags.append(variable.trainable)
                        arrays.append(variable.value)
                    wanted = True in flags
                    # What a tape tells an operator before its forward.
                    operator.recorded, operator.inputs, operator.wanted = True, (None, *variables), flags
                    operator.leaf_grads = found
                    passed.append((operator, x))
                    x = operator.forward(*arrays)
            loss, dy = self._end(passed, x, y)
            for operator, _ in reversed(passed):
                if True not in operator.wanted:
                    break
                gradients = operator.backward(dy)
                if type(gradients) is tuple:
                    dy, *own = gradients
                    for variable, gradient in zip(operator.inputs[1:], own):
                        found[id(variable)] = gradient
                else:
                    dy = gradients
            return loss, x, [found.get(id(w)) for w in self.weights]

    def _end(self, passed, y_pred, y):
        """The loss and the gradient of what the operators `passed` make; the last is taken off if that is done here."""
        last, before = passed[-1]
        operators = self.loss.operators(y, y_pred, last)
        if operators is None:
            return self._end_on_tape(passed, y_pred, y)
        passed.pop()
        loss = before
        for operator in operators:
            operator.recorded, operator.wanted = True, (True,)
            loss = operator.forward(loss)
        dy = K.array(1, loss.dtype)
        for operator in reversed(operators):
            dy = operator.backward(dy)
        return loss, dy

    def _end_on_tape(self, passed, y_pred, y):
        """The same for any loss; a softmax or sigmoid is recorded with it, since the loss may look at its input."""
        last, before = passed[-1]
        with Tape() as tape:
            if lent_by(last, y_pred.ndim) is None:
                x = y_pred = Variable(y_pred)
            else:
                passed.pop()
                last.release()
                x = Variable(before)
                y_pred = last(x)
            loss = self.loss(y, y_pred)
        return loss.value, tape.gradient(loss, x)


def _is_plain(layer, dtype):
    """Whether a call of the layer in training runs its `operators` and nothing else."""
    owner = {name: next(cls for cls in type(layer).__mro__ if name in vars(cls)) for name in ("call", "operators")}
    return (
        issubclass(owner["operators"], owner["call"])  # a subclass may have replaced call alone
        and type(layer).__call__ is Layer.__call__
        and "call" not in vars(layer)  # such as that of a layer made in a RematScope
        and layer.activity_regularizer is None
        and layer.compute_dtype == layer.variable_dtype == dtype
    )
