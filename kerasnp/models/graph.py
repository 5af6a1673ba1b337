"""The graph of calls between the inputs and the outputs of a model."""

from kerasnp import tree
from kerasnp.autodiff.history import record
from kerasnp.autodiff.symbolic import KerasTensor, is_keras_tensor
from kerasnp.layers.core import InputLayer
from kerasnp.layers.layer import Layer
from kerasnp.utils import nest
from kerasnp.utils.masks import get_mask, set_mask


class Graph:
    """What lies between two ends: its calls and the operations that make them.

    Args:
        inputs, outputs: symbolic tensors, in lists, tuples and dictionaries of any nesting.
        who: the model, for messages.

    Raises: ValueError for an end that is no symbolic tensor, an output that does not come from the inputs, or two operations
        of one name.
    """

    def __init__(self, inputs, outputs, who):
        self.inputs, self.outputs, self.who = inputs, outputs, who
        check_ends(inputs, "inputs", who)
        check_ends(outputs, "outputs", who)
        if any(x.node.inputs for x in nest.flatten(inputs) if x.node is not None):
            self._cut()
        self._walk()

    def _walk(self):
        self.flat_inputs, self.flat_outputs = nest.flatten(self.inputs), nest.flatten(self.outputs)
        for x in self.flat_inputs:
            if x.node is None:
                raise ValueError(
                    f"{self.who}: every input must come from kerasnp.Input(shape), or from a call on such tensors. "
                    f"Received: {x} named {x.name!r}, which comes from neither; make it by kerasnp.Input{x.shape[1:]}."
                )
        nodes = self._sorted()
        self._check_connected(nodes)
        # Calls in the order in which they were made, which is an order in which they can be repeated.
        self.nodes = sorted(nodes, key=lambda node: node.serial)
        self._calls: dict = {}
        self._numbers: dict = {}
        for node in self.nodes:
            calls = self._calls.setdefault(id(node.operation), [])
            self._numbers[id(node)] = len(calls)
            calls.append(node)
        self._check_names()
        # Whether a layer was called with training=True, which counts where the model is called without.
        self.keeps_training = any(node.kwargs.get("training") is True for node in self.nodes)

    def _sorted(self):
        """The calls that lead to the outputs, each after those it needs; sets `operations`, in the order of Keras.

        Keras sorts by the longest way to an output, and where that is the same by the time when a walk from the outputs
        back comes by. Files depend on it: weights and optimizer states are filed in this order.
        """
        order, seen, turn = [], set(), {}
        for output in self.flat_outputs:
            stack = [(output.node, None)]
            while stack:
                node, ahead = stack.pop()
                if ahead is None:
                    if node is None or id(node) in seen:
                        continue
                    seen.add(id(node))
                    turn.setdefault(id(node.operation), len(turn))
                    ahead = iter(node.inputs)
                following = next(ahead, None)
                if following is None:
                    order.append(node)
                else:
                    stack += [(node, ahead), (following.node, None)]
        depth, of_operation, operations = {}, {}, {}
        for node in reversed(order):
            key = id(node.operation)
            operations[key] = node.operation
            # A shared layer stands where it is needed first.
            d = of_operation[key] = depth[id(node)] = max(depth.get(id(node), 0), of_operation.get(key, 0))
            for x in node.inputs:
                if x.node is not None:
                    depth[id(x.node)] = max(depth.get(id(x.node), 0), d + 1)
        for x in self.flat_inputs:
            key = id(x.node.operation)
            if key not in operations:  # an input that nothing uses
                order.append(x.node)
                operations[key], of_operation[key], turn[key] = x.node.operation, 0, -1
        self.operations = sorted(operations.values(), key=lambda o: (-of_operation[id(o)], turn[id(o)]))
        return order

    def _check_connected(self, nodes):
        known = {id(x) for x in self.flat_inputs}
        missing = {}  # id of a tensor that cannot be computed -> the tensor at the root of that
        for node in sorted(nodes, key=lambda node: node.serial):
            lacking = next((missing.get(id(x), x) for x in node.inputs if id(x) not in known), None)
            for x in node.outputs:
                if id(x) in known:
                    continue
                if lacking is None and node.inputs:
                    known.add(id(x))
                else:
                    missing[id(x)] = x if lacking is None else lacking
        for (path, x) in tree.flatten_with_path(self.outputs):
            if id(x) in known:
                continue
            root = missing.get(id(x), x)
            at = ".".join(map(str, path))
            raise ValueError(
                f"{self.who}: Output with path `{at}` is not connected to `inputs`: it is computed from {_source(root)}, which "
                f"is not among the inputs {[i.name for i in self.flat_inputs]}. Add it to them, or leave this output out."
            )

    def _check_names(self):
        names = {}
        for operation in self.operations:
            if operation.name in names:
                count = sum(o.name == operation.name for o in self.operations)
                raise ValueError(
                    f'{self.who}: the name "{operation.name}" is used {count} times, and names of operations should be '
                    "unique: give one of them another."
                )
            names[operation.name] = operation

    def _cut(self):
        """Let inputs that come from a call be inputs: the calls between the ends are made again on new symbolic tensors."""
        replaced = {}
        for x in nest.flatten(self.inputs):
            if x.node is not None and not x.node.inputs:
                replaced[id(x)] = x
            elif x.node is not None:
                twin = InputLayer(batch_shape=x.shape, dtype=x.dtype, name=f"{x.name}_clone").output
                replaced[id(x)] = _carry_mask(x, twin)
        nodes, todo = {}, [x for x in nest.flatten(self.outputs)]
        while todo:
            x = todo.pop()
            if x.node is not None and id(x) not in replaced and id(x.node) not in nodes and x.node.inputs:
                nodes[id(x.node)] = x.node
                todo += x.node.inputs
        swap = lambda x: replaced.get(id(x), x) if is_keras_tensor(x) else x  # noqa: E731
        for node in sorted(nodes.values(), key=lambda node: node.serial):
            twins = [_carry_mask(y, y.copy()) for y in node.outputs]
            record(node.operation, nest.map_structure(swap, node.args), nest.map_structure(swap, node.kwargs), twins)
            for y, twin in zip(node.outputs, twins):
                replaced.setdefault(id(y), twin)
        self.inputs = nest.map_structure(swap, self.inputs)
        self.outputs = nest.map_structure(swap, self.outputs)

    def calls_with_options(self):
        """The calls that were made with more than their inputs."""
        return [node for node in self.nodes if len(node.args) > 1 or any(v is not None for v in node.kwargs.values())]

    # -- places of tensors in files ---------------------------------------------------------------------------------

    def history(self, tensor):
        """(name of the operation, number of its call within this graph, number of the output) that a tensor comes from."""
        return [tensor.node.operation.name, self._numbers[id(tensor.node)], tensor.index]

    def calls_of(self, operation):
        """The calls of an operation within this graph, in order."""
        return self._calls.get(id(operation), [])

    # -- copies -----------------------------------------------------------------------------------------------------

    def __getstate__(self):
        # One call after another: tensors that refer to tensors would nest as deep as the model.
        places = {}
        calls = []
        ref = lambda x: Place(places[id(x)]) if is_keras_tensor(x) else x  # noqa: E731
        for node in self.nodes:
            arguments = nest.map_structure(ref, (node.args, node.kwargs))
            for y in node.outputs:
                places[id(y)] = len(places)
            calls.append((node.operation, arguments, [(y.shape, y.dtype, y.name) for y in node.outputs]))
        ends = nest.map_structure(ref, (self.inputs, self.outputs))
        return {"calls": calls, "ends": ends, "who": self.who}

    def __setstate__(self, state):
        tensors = []
        value = lambda x: tensors[x.number] if isinstance(x, Place) else x  # noqa: E731
        for operation, arguments, outputs in state["calls"]:
            args, kwargs = nest.map_structure(value, arguments)
            if isinstance(operation, InputLayer):
                tensors.append(operation.output)
                continue
            twins = [KerasTensor(shape, dtype=dtype, name=name) for shape, dtype, name in outputs]
            record(operation, args, kwargs, twins)
            tensors += twins
        self.inputs, self.outputs = nest.map_structure(value, state["ends"])
        self.who = state["who"]
        self._walk()


class Place:
    """Stands for a symbolic tensor, by number."""

    def __init__(self, number):
        self.number = number


def _carry_mask(x, twin):
    mask = get_mask(x)
    if mask is not None:
        set_mask(twin, mask)
    return twin


def _source(tensor):
    if tensor.node is None:
        return f"the symbolic tensor {tensor.name!r}, which is no Input"
    return f"the input {tensor.node.operation.name!r}" if not tensor.node.inputs else f"{tensor.name!r}"


def check_ends(tensors, argument, who):
    """Raise ValueError unless all leaves are symbolic tensors."""
    for x in nest.flatten(tensors):
        if not isinstance(x, KerasTensor):
            hint = "an array has no history" if hasattr(x, "shape") else "make inputs by kerasnp.Input and call layers on them"
            raise ValueError(
                f"{who}: All `{argument}` values must be KerasTensors, that is symbolic tensors. "
                f"Received: {x!r} of type {type(x).__name__}; {hint}."
            )


def is_layer(operation):
    """Whether an operation of a graph is a layer, and no function."""
    return isinstance(operation, Layer)


def get_source_inputs(tensor):
    """The symbolic inputs that a symbolic tensor is computed from, in the order in which a walk back meets them.

    >>> import kerasnp
    >>> a, b = kerasnp.Input((3,), name="a"), kerasnp.Input((3,), name="b")
    >>> [x.name for x in get_source_inputs(kerasnp.layers.Dense(2)(a) + b[:, :2])]
    ['a', 'b']
    """
    found, seen, todo = [], set(), [tensor]
    while todo:
        x = todo.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if x.node is None or not x.node.inputs:
            found.append(x)
        else:
            todo += reversed(x.node.inputs)
    return found
