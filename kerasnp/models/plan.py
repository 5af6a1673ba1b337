"""A graph as a list of steps that is run from top to bottom for each call of a model."""

import functools
import operator

from kerasnp.autodiff.history import Function
from kerasnp.autodiff.symbolic import is_keras_tensor
from kerasnp.layers.layer import Layer
from kerasnp.models.direct import absorbs
from kerasnp.utils import nest


class Plan:
    """The calls of a graph, each with the numbers of the places its arguments come from and its outputs go to.

    Args:
        graph: a Graph.
        fuse: whether a layer may do the work of a pooling that only follows it, within its own step.
        keep_training: whether a call that was recorded with `training=True` keeps it.
        symbolic: whether it is run on symbolic tensors, without remembering that.
    """

    def __init__(self, graph, fuse=True, keep_training=False, symbolic=False):
        self.places = {}
        for x in graph.flat_inputs:
            self.places.setdefault(id(x), len(self.places))
        self.inputs = [self.places[id(x)] for x in graph.flat_inputs]
        nodes = [node for node in graph.nodes if node.inputs]
        for node in nodes:
            for y in node.outputs:
                self.places.setdefault(id(y), len(self.places))
        pooled = dict(self._pairs(nodes, graph)) if fuse else {}
        absorbed = {id(second) for second in pooled.values()}
        self.nodes, self.steps = [], []
        for node in nodes:
            if id(node) in absorbed:
                continue
            last = pooled.get(id(node), node)
            call = node.operation if last is node else functools.partial(node.operation, pool=last.operation)
            if isinstance(call, Function):
                outcome = call.function.outcome
                call = call.function if not symbolic else lambda *args, outcome=outcome, **kwargs: outcome(args, kwargs)
            self.nodes.append(node)
            self.steps.append([call, self._take(node, keep_training), self._put(last), ()])
        self._release(graph)
        self.size = len(self.places)
        outputs = graph.outputs
        if type(outputs) in (list, tuple) and len(outputs) == 1:
            outputs = outputs[0]  # as in Keras
        self.leave = reader(outputs, self.places)

    def _pairs(self, nodes, graph):
        """(id of a call, the pooling that the layer can do within it)."""
        users: dict = {}
        for node in nodes:
            for x in node.inputs:
                users.setdefault(id(x), []).append(node)
        ends = {id(y) for y in graph.flat_outputs}
        for node in nodes:
            following = users.get(id(node.outputs[0]), ()) if len(node.outputs) == 1 else ()
            if len(following) != 1 or id(node.outputs[0]) in ends or not isinstance(node.operation, Layer):
                continue
            (second,) = following
            plain = all(len(n.args) == 1 and is_keras_tensor(n.args[0]) and not n.kwargs for n in (node, second))
            if plain and isinstance(second.operation, Layer) and absorbs(node.operation, second.operation):
                yield id(node), second

    def _take(self, node, keep_training):
        """Where the arguments come from: a place for a single tensor, else a function that reads them."""
        kwargs = {k: v for k, v in node.kwargs.items() if v is not None}
        if not (keep_training and kwargs.get("training") is True) and not is_keras_tensor(kwargs.get("training")):
            kwargs.pop("training", None)
        if len(node.args) == 1 and not kwargs and is_keras_tensor(node.args[0]):
            return self.places[id(node.args[0])]
        args, kwargs = reader(node.args, self.places), reader(kwargs, self.places)
        return lambda values: (args(values), kwargs(values))

    def _put(self, node):
        places = [self.places[id(y)] for y in node.outputs]
        return places[0] if len(places) == 1 else tuple(places)

    def _release(self, graph):
        """Let go of what no later step needs, so that memory does not grow with the depth of a model."""
        kept = {self.places[id(y)] for y in graph.flat_outputs}
        seen: set = set(kept)
        for node, step in zip(reversed(self.nodes), reversed(self.steps)):
            own = {self.places[id(x)] for x in node.inputs}
            step[3] = tuple(sorted(own - seen))
            seen |= own
        self.steps = [tuple(step) for step in self.steps]

    def run(self, inputs, watch=None):
        """The outputs for a list of inputs.

        Args:
            watch: called with what each step returned, in the order of `nodes`.
        """
        values = [None] * self.size
        for place, x in zip(self.inputs, inputs):
            values[place] = x
        for call, take, put, done in self.steps:
            if type(take) is int:
                y = call(values[take])
            else:
                args, kwargs = take(values)
                y = call(*args, **kwargs)
            if watch is not None:
                watch(y)
            if type(put) is int:
                values[put] = y if not isinstance(y, (list, tuple, dict)) else nest.flatten(y)[0]
            else:
                for place, part in zip(put, [p for p in nest.flatten(y) if p is not None]):
                    values[place] = part
            for place in done:
                values[place] = None
        return self.leave(values)


def reader(structure, places):
    """A function of the list of values that returns `structure` with values for its symbolic tensors."""
    if is_keras_tensor(structure):
        return operator.itemgetter(places[id(structure)])
    if not nest.holds(structure, is_keras_tensor):
        return lambda values: structure
    if isinstance(structure, dict):
        parts = [(k, reader(v, places)) for k, v in structure.items()]
        make = dict if type(structure) is dict else type(structure)
        return lambda values: make([(k, part(values)) for k, part in parts])
    if type(structure) in (list, tuple) and len(structure) > 1 and all(map(is_keras_tensor, structure)):
        several = operator.itemgetter(*(places[id(x)] for x in structure))
        return several if type(structure) is tuple else lambda values: list(several(values))
    parts = [reader(v, places) for v in structure]
    if hasattr(structure, "_fields"):
        return lambda values: type(structure)(*[part(values) for part in parts])
    make = type(structure)
    return lambda values: make([part(values) for part in parts])
