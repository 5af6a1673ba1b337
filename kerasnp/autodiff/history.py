"""How symbolic tensors came about: the calls from which `Model(inputs, outputs)` makes a model."""

import importlib
import itertools

from kerasnp.utils import nest
from kerasnp.utils.naming import auto_name, to_snake_case

_serial = itertools.count()


class Node:
    """A call on symbolic tensors: what was called, with which arguments, and the tensors that came out.

    Args:
        operation: a layer, or a Function.
        args, kwargs: its arguments, symbolic tensors among them; none for an input layer.
        outputs: the symbolic tensors that it returned, in the order of `nest.flatten`.
    """

    __slots__ = ("operation", "args", "kwargs", "inputs", "outputs", "serial")

    def __init__(self, operation, args, kwargs, inputs, outputs):
        self.operation, self.args, self.kwargs = operation, args, kwargs
        self.inputs, self.outputs = inputs, outputs
        # Calls in the order in which they were made: what a call needs was there before.
        self.serial = next(_serial)
        for i, tensor in enumerate(outputs):
            tensor.node, tensor.index = self, i
        if hasattr(operation, "_nodes"):
            operation.__dict__.setdefault("_nodes", []).append(self)

    def __repr__(self):
        return f"<Node of {self.operation.name}>"


class Function:
    """A function of `kerasnp.ops` in a graph of layers, under a name of its own.

    Args:
        function: called with the arguments of the node.
        kind: the function's public name, such as `add` or `image.resize`.
        name: default `kind`, numbered.
    """

    def __init__(self, function, kind, name=None):
        self.function, self.kind = function, kind
        self.name = name or auto_name(to_snake_case(kind.rpartition(".")[2]))

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def on_symbols(self, *args, **kwargs):
        """The symbolic tensors that a call gives, which remember it."""
        return record(self, args, kwargs, self.function.outcome(args, kwargs))

    def __reduce__(self):
        return named, (self.kind, self.name)

    def __repr__(self):
        return f"<Function {self.name}>"


def named(kind, name=None):
    """The Function for a public name of `kerasnp.ops`, such as `add` or `image.resize`."""
    found = importlib.import_module("kerasnp.ops")
    for part in kind.split("."):
        found = getattr(found, part)
    return Function(found, kind, name)


def is_symbol(x):
    """Whether `x` is a symbolic tensor."""
    return hasattr(x, "record_history")


def record(operation, args, kwargs, outputs):
    """Note on the symbolic tensors among `outputs` where they come from, and return them.

    A tensor that is an input too, or is known from another call, is replaced by a copy, so that none comes from two places.
    """
    inputs = [x for x in nest.flatten((args, kwargs)) if is_symbol(x)]
    if not all(x.record_history for x in inputs):
        return outputs
    fresh = lambda y: y.copy() if is_symbol(y) and (y.node is not None or any(y is x for x in inputs)) else y  # noqa: E731
    outputs = nest.map_structure(fresh, outputs)
    same = lambda x: x  # noqa: E731
    tensors = [y if is_symbol(y) else None for y in nest.flatten(outputs)]
    node_outputs = [y for y in tensors if y is not None]
    Node(operation, nest.map_structure(same, tuple(args)), nest.map_structure(same, dict(kwargs)), inputs, node_outputs)
    return outputs
