"""Copies of models with weights of their own."""

from kerasnp import tree
from kerasnp.autodiff.history import Function
from kerasnp.autodiff.symbolic import KerasTensor, is_keras_tensor
from kerasnp.layers.core import Input, InputLayer
from kerasnp.models.model import Model
from kerasnp.models.sequential import Sequential
from kerasnp.utils import nest


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs):
    """A model of the same layers, with new weights; compiled alike, if the model is compiled.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((3,)), kerasnp.layers.Dense(2)])
    >>> twin = clone_model(model)
    >>> twin.count_params(), twin.layers[0] is model.layers[0]
    (8, False)

    Args:
        model: any model; one with a `call` of its own needs a `get_config`.
        input_tensors: an `Input` that takes the place of the model's own; for a graph nested as `model.input` is.
        clone_function: makes the copy of a layer; by default from its configuration.
        call_function: called as `call_function(layer, *args, **kwargs)` in place of each layer of a graph; it may add others.
        recursive: copy models within the model in the same way, instead of by `clone_function`.

    Raises: ValueError for arguments that do not go with the kind of model.
    """
    cache = kwargs.pop("cache", {})
    if kwargs:
        raise ValueError(f"clone_model: unknown arguments. Received: {', '.join(kwargs)}")
    stack, graph = isinstance(model, Sequential), hasattr(model, "_graph")
    if not graph and call_function is not None:
        raise ValueError(
            "clone_model: `call_function` is for graphs of layers; the layers of a Sequential are not called when it is made. "
            f"Received: call_function={call_function!r}; let clone_function return a Sequential of two layers instead."
        )
    if not stack and not graph:
        if not isinstance(model, Model) or clone_function is not None or input_tensors is not None:
            raise ValueError(
                "clone_model: clone_function and input_tensors are for Sequential or Functional models, made of layers that "
                f"can be listed. Received: {model!r}; leave them out to copy a model of another kind from its get_config()."
            )
        return _compiled_alike(type(model).from_config(model.get_config()), model)

    def copied(layer):
        if id(layer) not in cache:
            if recursive and (isinstance(layer, Sequential) or hasattr(layer, "_graph")):
                on_calls = call_function if hasattr(layer, "_graph") else None
                cache[id(layer)] = clone_model(layer, None, clone_function, on_calls, True, cache=cache)
            elif clone_function is not None:
                cache[id(layer)] = clone_function(layer)
            else:
                cache[id(layer)] = type(layer).from_config(layer.get_config())
        return cache[id(layer)]

    twin = _clone_stack(model, input_tensors, copied) if stack else _clone_graph(model, input_tensors, copied, call_function)
    return _compiled_alike(twin, model)


def _compiled_alike(twin, model):
    if model.compiled:
        twin.compile_from_config(model.get_compile_config())
    return twin


def _clone_stack(model, inputs, copied):
    if isinstance(inputs, (list, tuple)):
        if len(inputs) != 1:
            raise ValueError(f"clone_model: input_tensors must hold a single tensor. Received: {len(inputs)}")
        (inputs,) = inputs
    if inputs is None and model._input_layer is not None:
        inputs = type(model._input_layer).from_config(model._input_layer.get_config())
    layers = [copied(layer) for layer in model.layers]
    return Sequential([*([] if inputs is None else [inputs]), *layers], trainable=model.trainable, name=model.name)


def _clone_graph(model, inputs, copied, call_function):
    if inputs is None:
        inputs = nest.map_structure(lambda x: _again(x), model.input)
    else:
        alike = all(isinstance(x, KerasTensor) for x in nest.flatten(inputs))
        if isinstance(inputs, KerasTensor) and isinstance(model.input, (list, tuple)) and len(model.input) == 1:
            inputs = type(model.input)([inputs])
        try:
            tree.assert_same_structure(inputs, model.input)
        except ValueError:
            alike = False
        if not alike:
            raise ValueError(
                "clone_model: `input_tensors` must have the same structure as model.input, with symbolic tensors for its "
                f"leaves. Expected: {model.input}. Received: {inputs!r}"
            )
    known = {id(x): y for x, y in zip(nest.flatten(model.input), nest.flatten(inputs))}
    swap = lambda x: known[id(x)] if is_keras_tensor(x) else x  # noqa: E731
    for node in model._graph.nodes:
        if not node.inputs:
            continue
        args, kwargs = nest.map_structure(swap, node.args), nest.map_structure(swap, node.kwargs)
        if isinstance(node.operation, Function):
            function = Function(node.operation.function, node.operation.kind, node.operation.name)
            outputs = function.on_symbols(*args, **kwargs)
        elif call_function is not None:
            outputs = call_function(copied(node.operation), *args, **kwargs)
        else:
            outputs = copied(node.operation)(*args, **kwargs)
        known.update({id(x): y for x, y in zip(node.outputs, filter(is_keras_tensor, nest.flatten(outputs)))})
    outputs = nest.map_structure(swap, model.output)
    from kerasnp.models.functional import Functional, constructed_alike

    cls = type(model) if constructed_alike(type(model)) else Functional
    return cls(inputs, outputs, name=model.name, trainable=model.trainable)


def _again(x):
    layer = x.node.operation
    if isinstance(layer, InputLayer):
        return InputLayer.from_config(layer.get_config()).output
    return Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)
