"""Layers made in a RematScope: their `call` is another one."""

import inspect
import types

from kerasnp.autodiff import rematerialize
from kerasnp.utils import nest


class Rematerialized:
    """The `call` of a layer that keeps nothing it computes, or that does so where its scope says.

    It stands in the instance, in front of the method of the class, so that other layers do not pay for the question.

    Args:
        layer: the layer.
        scope: the RematScope in which it was made.
    """

    def __init__(self, layer, scope):
        self.layer, self.mode, self.threshold = layer, scope.mode, scope.output_size_threshold
        self._large = {}

    @classmethod
    def install(cls, layer):
        """Replace the `call` of a new layer, if the scope it is made in means it."""
        scope = rematerialize.current_scope()
        named = scope.mode != "list_of_layers" or layer.name in scope.layer_names
        if scope.mode is not None and named:
            object.__setattr__(layer, "call", cls(layer, scope))

    @property
    def _method(self):
        return types.MethodType(type(self.layer).call, self.layer)

    @property
    def __signature__(self):
        return inspect.signature(self._method)

    def __call__(self, *args, **kwargs):
        if self.mode == "activations":
            return self._with_activation(args, kwargs)
        if self.mode == "larger_than" and not self._is_large(args, kwargs):
            return self._method(*args, **kwargs)
        return rematerialize.remat(self._method)(*args, **kwargs)

    def _with_activation(self, args, kwargs):
        layer = self.layer
        activation = getattr(layer, "activation", None)
        if activation is None:
            return self._method(*args, **kwargs)
        object.__setattr__(layer, "activation", rematerialize.remat(activation))
        try:
            return self._method(*args, **kwargs)
        finally:
            object.__setattr__(layer, "activation", activation)

    def _is_large(self, args, kwargs):
        shapes = tuple(str(getattr(x, "shape", None)) for x in nest.flatten([args, kwargs]))
        if shapes not in self._large:
            self._large[shapes] = False  # the answer may take a trial of this very call
            specs = nest.flatten(self.layer.compute_output_spec(*args, **kwargs))
            self._large[shapes] = sum(y.size for y in specs if hasattr(y, "shape")) > self.threshold
        return self._large[shapes]
