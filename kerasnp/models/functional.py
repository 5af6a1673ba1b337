"""Model(inputs, outputs) for layers called one after another, which is a stack."""

from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.models.sequential import Sequential
from kerasnp.utils import naming, nest


class Functional(Sequential, abstract=True):
    """The stack of layers that leads from `inputs` to `outputs`; `Model(inputs, outputs)` makes one.

    >>> import kerasnp
    >>> x = kerasnp.Input((3,))
    >>> model = kerasnp.Model(x, kerasnp.layers.Dense(2)(x))
    >>> model.output_shape
    (None, 2)

    Args:
        inputs: what `kerasnp.Input` returned.
        outputs: what the last layer returned.
        name: default `functional`, `functional_1`, ...

    Raises: ValueError where a path from inputs to outputs branches, joins, or passes anything but layers.
    """

    # In files it is the stack that it is.
    saved_as = Sequential

    def __init__(self, inputs=None, outputs=None, trainable=True, name=None):
        source, target = _only(inputs, "inputs"), _only(outputs, "outputs")
        layers = list(_path(source, target))
        super().__init__([source, *reversed(layers)], trainable, name or naming.auto_name("functional"))

    @property
    def layers(self):
        """The input layer and the layers of the stack, in order."""
        return [self._input_layer, *self._layers]

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The stack that `get_config` described, with new weights."""
        return Sequential.from_config(config, custom_objects)


def _only(tensors, argument):
    found = nest.flatten(tensors)
    if len(found) != 1 or not isinstance(found[0], KerasTensor):
        raise ValueError(
            f"Model(inputs, outputs): {argument} must be one symbolic tensor, since graphs of layers with branches are not "
            f"supported; subclass Model and write call(inputs). Received: {argument}={tensors!r}"
        )
    return found[0]


def _path(source, target):
    """The layers from the last to the first."""
    while target is not source:
        if target.source is None:
            raise ValueError(
                f"Model(inputs, outputs): `outputs` is not connected to `inputs` by layers called one after another; "
                f"{target} comes from several tensors, from an operation outside a layer, or from another Input. "
                "Subclass Model and write call(inputs), or put the operation into a Lambda layer."
            )
        layer, target = target.source
        yield layer
    if source.layer is None:
        raise ValueError("Model(inputs, outputs): inputs must come from kerasnp.Input(shape).")
