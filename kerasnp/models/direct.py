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
from kerasnp.layers.weights import changes
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
        self._plan = self._planned_for = None

    @classmethod
    def of(cls, model, weights):
        """The direct steps of a stack that is built and compiled, or None where there is more to a step."""
        loss = getattr(model._compile_loss, "alone", None)
        if loss is None or model.optimizer.loss_scale_factor is not None:
            return None
        if not weights or any(w.regularizer is not None for w in weights):
            return None
        layers = [layer for layer in model.layers if not isinstance(layer, InputLayer)]
        if not all(_is_plain(layer, model.compute_dtype) for layer in layers):
            return None
        direct = cls(layers, loss, weights, model.input_shape[1:], K.storage_dtype(model.compute_dtype))
        return None if _Plan.of(direct, (1, *direct.shape)) is None else direct

    def takes(self, x, y):
        """Whether a batch is as it was expected."""
        expected = type(x) is K.ndarray is type(y) and x.shape[1:] == self.shape and x.dtype == self.dtype and len(x) > 0
        return expected and current() is None and get_mask(x) is None

    def step(self, x, y):
        """The loss, the predictions, and the gradients of the weights, for a batch.

        None where a layer has changed so that only a tape can tell.
        """
        situation = x.shape, changes()
        if situation != self._planned_for:
            self._plan, self._planned_for = _Plan.of(self, x.shape), situation
        if self._plan is None:
            return None
        with K.threads.quiet_blas():
            return self._plan.run(x, y)


class _Plan:
    """The operators of a step for batches of one shape, used again in each step until a layer changes.

    Attributes:
        stages: for each operator, the variables it reads and where in the list of weights these are, None for elsewhere.
        last: a softmax or sigmoid at the end, which the loss has to see, or None.
        closing: the operator that does `last` and the loss at once, or None where the loss is left to a tape.
    """

    @classmethod
    def of(cls, direct, shape):
        """None where a layer does not tell its operators, or a variable is read twice."""
        self = cls()
        self.loss, self.stages = direct.loss, []
        places = {id(w): i for i, w in enumerate(direct.weights)}
        wanted, seen = False, []
        for layer in direct.layers:
            operators = layer.operators(shape)
            if operators is None:
                return None
            shape = layer.compute_output_shape(shape)
            for operator, variables in operators:
                # What a tape tells an operator before its forward.
                operator.recorded, operator.inputs = True, (None, *variables)
                operator.wanted = [wanted, *[v.trainable for v in variables]]
                operator.lent = (None, *[v.grad_buffer for v in variables])
                wanted = True in operator.wanted
                self.stages.append((operator, variables, [places.get(id(v)) for v in variables]))
                seen += map(id, variables)
        if not wanted or len(set(seen)) < len(seen):
            return None
        lent = lent_by(self.stages[-1][0], len(shape))
        self.last = None if lent is None else self.stages.pop()[0]
        self.closing = self.loss.closing(lent) if len(shape) == 2 and self.loss.dtype == direct.dtype else None
        if self.closing is not None:
            self.closing.recorded, self.closing.wanted = True, (True, False)
        self.size = len(direct.weights)
        return self

    def run(self, x, y):
        for operator, variables, _ in self.stages:
            x = operator.forward(x, *[v.value for v in variables])
        loss, y_pred, dy = self._end(x, y)
        gradients = [None] * self.size
        for operator, _, places in reversed(self.stages):
            if True not in operator.wanted:
                break
            found = operator.backward(dy)
            operator.saved = ()
            if type(found) is tuple:
                dy, *own = found
                for place, gradient in zip(places, own):
                    if place is not None:
                        gradients[place] = gradient
            else:
                dy = found
        return loss, y_pred, gradients

    def _end(self, x, y):
        """The loss, the predictions, and the gradient of `x`."""
        closing, last = self.closing, self.last
        if closing is not None:
            loss, y_pred = closing.forward(x, y)
            return loss, y_pred, closing.backward(loss.dtype.type(1))[0]
        with Tape() as tape:
            x = y_pred = Variable(x)
            if last is not None:
                last.release()
                y_pred = last(x)
            loss = self.loss(y, y_pred)
        return loss.value, y_pred.value, tape.gradient(loss, x)


def _is_plain(layer, dtype):
    """Whether a call of the layer in training runs its `operators` and nothing else."""
    owner = {name: next(cls for cls in type(layer).__mro__ if name in vars(cls)) for name in ("call", "operators")}
    return (
        issubclass(owner["operators"], owner["call"])  # a subclass may have replaced call alone
        and type(layer).__call__ is Layer.__call__
        and layer.activity_regularizer is None
        and layer.compute_dtype == layer.variable_dtype == dtype
    )
