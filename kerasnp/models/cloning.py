"""Copies of models with weights of their own."""

from kerasnp.models.model import Model
from kerasnp.models.sequential import Sequential


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs):
    """A model of the same layers, with new weights.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((3,)), kerasnp.layers.Dense(2)])
    >>> twin = clone_model(model)
    >>> twin.count_params(), twin.layers[0] is model.layers[0]
    (8, False)

    Args:
        model: a `Sequential`, or a model of layers in a row.
        input_tensors: an `Input` that takes the place of the model's own.
        clone_function: makes the copy of a layer; by default from its configuration.
        call_function: must be None, as there is no graph to walk.
        recursive: copy models within the model in the same way, instead of by `clone_function`.

    Raises: ValueError for a subclassed model, which `type(model).from_config(model.get_config())` copies.
    """
    if kwargs:
        raise ValueError(f"clone_model: unknown arguments. Received: {', '.join(kwargs)}")
    if call_function is not None:
        raise ValueError(
            "clone_model: `call_function` is for graphs of layers, and these are stacks. Received: "
            f"call_function={call_function!r}; let clone_function return a Sequential of two layers instead."
        )
    if not isinstance(model, Sequential):
        what = "a model" if isinstance(model, Model) else "no model"
        raise ValueError(
            "Expected `model` argument to be a Sequential or Functional model. "
            f"Received: {model!r}, which is {what} of another kind; use type(model).from_config(model.get_config())."
        )

    def copied(layer):
        if recursive and isinstance(layer, Sequential):
            return clone_model(layer, clone_function=clone_function, recursive=True)
        return clone_function(layer) if clone_function is not None else type(layer).from_config(layer.get_config())

    inputs = input_tensors[0] if isinstance(input_tensors, (list, tuple)) else input_tensors
    if inputs is None and model._input_layer is not None:
        inputs = type(model._input_layer).from_config(model._input_layer.get_config())
    layers = [copied(layer) for layer in model.layers if layer is not model._input_layer]
    return Sequential([*([] if inputs is None else [inputs]), *layers], trainable=model.trainable, name=model.name)
