"""Direct steps: how a stack of layers is trained and asked where Python, not NumPy, would take most of the time.

Calling layers, on Variables and under a tape, costs some 25 us a layer, whatever it computes. All of that finds out what
is the same in every step of a plain stack: which operator follows which, and who wants a gradient. A direct step runs
the same operators on the same arrays in the same order, so it gives the same bits (tests/models/test_direct.py), and
leaves everything else to calls and tape.
"""

import math

from kerasnp import backend as K
from kerasnp.autodiff.tape import Tape, current
from kerasnp.autodiff.variable import Variable
from kerasnp.layers.calls import in_training
from kerasnp.layers.core import InputLayer
from kerasnp.layers.layer import Layer
from kerasnp.layers.weights import changes
from kerasnp.models.folding import folded
from kerasnp.ops.activation import lent_by
from kerasnp.utils.masks import get_mask


def paired(layers, fuse=True):
    """Each layer with the options of its call; a max-pooling may be done within the convolution below it."""
    layers = list(layers)
    while layers:
        layer = layers.pop(0)
        absorbing = layers and fuse and absorbs(layer, layers[0])
        yield layer, {"pool": layers.pop(0)} if absorbing else {}


def absorbs(layer, following):
    """Whether a layer does the work of the one after it in its own step; a `call` of the user's knows nothing of that."""
    return _tells(layer, "absorbs") and layer.absorbs(following)


def operators_of(calls, shape, dtype, training):
    """What `calls`, pairs of a layer and options, run in turn on inputs of `shape` and `dtype`.

    Returns: pairs of an operator and the variables it reads beside what the one before it made, and the shape of the
        outputs; None where there is more to a call than its operators.
    """
    found = []
    for layer, options in calls:
        if isinstance(layer, InputLayer):
            continue
        own = layer.operators(shape, training, **options) if _is_plain(layer, dtype) else None
        if own is None:
            return None
        found += own
        shape = layer.compute_output_shape(shape)
        if options:
            shape = options["pool"].compute_output_shape(shape)
    return found, shape


def _run(operators, x):
    for operator, variables in operators:
        x = operator.forward(x, *[v.value for v in variables])
    return x


class DirectCalls:
    """What a stack makes of arrays, outside of training."""

    SHAPES = 8  # whose operators are remembered
    ROWS, ELEMENTS = 512, 1 << 22  # rows that are made at once, and elements that a layer may read or make then
    SMALL = 1 << 18  # elements, a megabyte, up to which what layers make stays in the cache: so many rows are made at once

    def __init__(self):
        self._found, self._stand = {}, None

    def __call__(self, model, x, training=None, mask=None):
        """The output for an input; None where only the layers themselves can tell."""
        operators = self._ready(model, x, training, mask)
        if operators is None:
            return None
        with K.threads.quiet_blas():
            return _run(operators, x)

    def together(self, model, inputs):
        """The outputs for several inputs, each from one thread, convolutions with what follows them in one step; None where one
        would be None, or threads would not pay."""
        self._forgets()  # and none by its layers one by one, which would give other bits
        operators = [self._ready(model, x) for x in inputs]
        if any(own is None or any(operator.short_calls for operator, _ in own) for own in operators):
            return None
        operators = [folded(own) for own in operators]
        outputs = [None] * len(inputs)

        def piece(start, stop):
            for i in range(start, stop):
                outputs[i] = _run(operators[i], inputs[i])

        kind = inputs[0].shape, len(operators[0])
        K.threads.parallel(piece, len(inputs), -(-len(inputs) // K.threads.get_num_threads()), kind)
        return outputs

    def rows_at_once(self, model, x):
        """How many rows like those of `x` are quickest asked together, at least as many as there are; 0 where a row might
        depend on others, or the model is made for batches of one size."""
        operators = self._operators(model, x)
        if operators is None or model.input_shape[0] is not None:
            return 0
        shape, widest = x.shape, 1
        for layer, _ in paired(model.layers, fuse=False):
            shape = layer.compute_output_shape(shape)
            widest = max(widest, math.prod(shape[1:]))
        few = any(operator.short_calls for operator, _ in operators)  # which make more on their way than they return
        rows = self.ROWS if few else max(self.ROWS, self.SMALL // widest)
        return max(len(x), min(rows, self.ELEMENTS // max(widest, x[0].size, 1)))

    def _ready(self, model, x, training=None, mask=None):
        if type(x) is not K.ndarray or training or mask is not None or in_training() or current() is not None:
            return None
        if self._forgets():
            # This once by the layers: some change with each call, and then there would be something to find each time.
            return None
        key = x.shape, x.dtype
        operators = self._found.get(key, False)
        if operators is False:
            if len(self._found) >= self.SHAPES:
                self._found.clear()
            operators = self._found[key] = self._operators(model, x)
        return None if get_mask(x) is not None else operators

    def _forgets(self):
        """Whether a layer has changed; what was found before is forgotten then."""
        changed = self._stand != changes()
        if changed:
            self._found, self._stand = {}, changes()
        return changed

    @staticmethod
    def _operators(model, x):
        calls = model._calls_in_turn()
        dtype = K.storage_dtype(model.compute_dtype)
        if calls is None or not model.built or not len(x) or x.dtype != dtype or x.shape[1:] != model.input_shape[1:]:
            return None
        found = operators_of(calls, x.shape, model.compute_dtype, False)
        return found and found[0]

    def __getstate__(self):
        return {"_found": {}, "_stand": None}


class Direct:
    """The training steps of one stack.

    Args:
        calls: pairs of a layer and the options of its call.
        loss: the Loss.
        weights: the trainable variables, in the order in which their gradients are asked for.
        shape, dtype: of the inputs, without the batch axis.
    """

    def __init__(self, calls, loss, weights, shape, dtype):
        self.calls, self.loss, self.weights, self.shape, self.dtype = calls, loss, weights, shape, dtype
        self._storage = K.storage_dtype(dtype)
        self._plan = self._planned_for = None

    @classmethod
    def of(cls, model, weights):
        """The direct steps of a stack that is built and compiled, or None where there is more to a step."""
        calls, loss = model._calls_in_turn(), getattr(model._compile_loss, "alone", None)
        if calls is None or loss is None or model.optimizer is None or model.optimizer.loss_scale_factor is not None:
            return None
        if not weights or any(w.regularizer is not None for w in weights) or None in model.input_shape[1:]:
            return None
        direct = cls(calls, loss, weights, model.input_shape[1:], model.compute_dtype)
        return None if _Plan.of(direct, (1, *direct.shape)) is None else direct

    def takes(self, x, y):
        """Whether a batch is as it was expected."""
        expected = type(x) is K.ndarray is type(y) and x.shape[1:] == self.shape and x.dtype == self._storage and len(x) > 0
        return expected and current() is None and get_mask(x) is None

    def step(self, x, y, share=1.0):
        """The loss, the predictions, and `share` times the gradients of the weights, for a batch.

        None where a layer has changed so that only a tape can tell.
        """
        situation = x.shape, changes(), [w.trainable for w in self.weights]
        if situation != self._planned_for:
            self._plan, self._planned_for = _Plan.of(self, x.shape), situation
        if self._plan is None:
            return None
        if K.threads.is_quiet():  # as in fit
            return self._plan.run(x, y, share)
        with K.threads.quiet_blas():
            return self._plan.run(x, y, share)

    def __getstate__(self):
        return {**self.__dict__, "_plan": None, "_planned_for": None}


class _Plan:
    """The operators of a step for batches of one shape, used again in each step until a layer changes.

    Attributes:
        stages: pairs of an operator and the variables it reads.
        places: for each operator, where in the list of weights its variables are, None for elsewhere.
        last: a softmax or sigmoid at the end, which the loss has to see, or None.
        closing: the operator that does `last` and the loss at once, or None where the loss is left to a tape.
    """

    @classmethod
    def of(cls, direct, shape):
        """None where a layer does not tell its operators, or a variable is read twice."""
        found = operators_of(direct.calls, shape, direct.dtype, True)
        if found is None:
            return None
        self = cls()
        self.loss, (self.stages, shape) = direct.loss, found
        place = {id(w): i for i, w in enumerate(direct.weights)}
        self.places = [[place.get(id(v)) for v in variables] for _, variables in self.stages]
        seen = [id(v) for _, variables in self.stages for v in variables]
        wanted = False
        for operator, variables in self.stages:
            # What a tape tells an operator before its forward.
            operator.recorded, operator.inputs = True, (None, *variables)
            operator.wanted = [wanted, *[v.trainable for v in variables]]
            wanted = True in operator.wanted
        if not wanted or len(set(seen)) < len(seen):
            return None
        rank = len(shape)
        lent = lent_by(self.stages[-1][0], rank)
        self.last = None
        if lent is not None:
            (self.last, _), _ = self.stages.pop(), self.places.pop()
        self.closing = self.loss.closing(lent) if rank == 2 and self.loss.dtype == direct.dtype else None
        if self.closing is not None:
            self.closing.recorded, self.closing.wanted = True, (True, False)
        self.size = len(direct.weights)
        return self

    def run(self, x, y, share):
        loss, y_pred, dy = self._end(_run(self.stages, x), y, share)
        gradients = [None] * self.size
        for (operator, variables), places in zip(reversed(self.stages), reversed(self.places)):
            if True not in operator.wanted:
                break
            operator.lent = (None, *[v.grad_buffer for v in variables])  # where the optimizer reads
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

    def _end(self, x, y, share):
        """The loss, the predictions, and `share` times the gradient of `x`."""
        closing, last = self.closing, self.last
        if closing is not None:
            loss, y_pred = closing.forward(x, y)
            return loss, y_pred, closing.backward(loss.dtype.type(share))[0]
        with Tape() as tape:
            x = y_pred = Variable(x)
            if last is not None:
                last.release()
                y_pred = last(x)
            loss = self.loss(y, y_pred)
        return loss.value, y_pred.value, tape.gradient(loss, x, loss.value.dtype.type(share))


def _is_plain(layer, dtype):
    """Whether a call of the layer runs its `operators` and nothing else."""
    return (
        _tells(layer, "operators")
        and layer.built
        and layer.activity_regularizer is None
        and layer.compute_dtype == layer.variable_dtype == dtype
    )


def _tells(layer, what):
    """Whether what a layer's class says about its call is of that call: a subclass may have replaced `call` alone."""
    owner = {name: next(cls for cls in type(layer).__mro__ if name in vars(cls)) for name in ("call", what)}
    return (
        issubclass(owner[what], owner["call"])
        and type(layer).__call__ is Layer.__call__
        and "call" not in vars(layer)  # such as that of a layer made in a RematScope
    )
