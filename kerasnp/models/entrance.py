"""What comes into a graph: fitted to the nesting, types and shapes that its inputs declare."""

import warnings

from kerasnp import backend as K
from kerasnp import ops, tree
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.autodiff.variable import Variable
from kerasnp.utils import nest
from kerasnp.utils.masks import get_mask, set_mask


class Entrance:
    """The part of Functional that takes inputs in: lists, tuples and dictionaries by name, of other ranks and types."""

    def _flat(self, inputs, quiet=False):
        """The inputs in a list, in the order of `inputs`; what is nested otherwise is fitted in where that can be done."""
        expected = self._graph.inputs
        several = isinstance(inputs, (list, tuple, dict))
        if not several and len(self._graph.flat_inputs) == 1:
            return [inputs]
        if isinstance(expected, KerasTensor):
            expected = [expected]
        if type(inputs) is type(expected) and not isinstance(inputs, dict) and len(inputs) == len(expected):
            if all(isinstance(x, KerasTensor) for x in expected):
                return list(inputs)
        if isinstance(inputs, dict):
            return self._by_name(inputs, expected, quiet)
        count = len(self._graph.flat_inputs)
        flat = nest.flatten(inputs)
        if len(flat) != count:
            wanted = f"expects {count} input(s)"
            if isinstance(expected, dict):
                wanted = f"expects named input(s) with keys {list(expected)}"
            raise ValueError(f"Model '{self.name}' {wanted}, but received {len(flat)}. {self._mismatch(inputs)}")
        if isinstance(expected, dict) and list(expected) != sorted(expected):
            raise ValueError(self._mismatch(inputs))
        if not quiet and not _alike(inputs, expected):
            warnings.warn(self._mismatch(inputs), stacklevel=5)
        return flat

    def _by_name(self, inputs, expected, quiet):
        if isinstance(expected, dict):
            if not expected.keys() <= inputs.keys() or not _alike({k: inputs[k] for k in expected}, expected):
                raise ValueError(self._mismatch(inputs))
            if expected.keys() != inputs.keys() and not quiet:
                warnings.warn(self._mismatch(inputs), stacklevel=6)
            return nest.flatten({k: inputs[k] for k in expected})
        names = [x.name for x in nest.flatten(expected)]
        if not all(isinstance(x, KerasTensor) for x in expected) or not set(names) <= inputs.keys():
            raise ValueError(self._mismatch(inputs))
        return [inputs[name] for name in names]

    def _mismatch(self, inputs):
        names = nest.map_structure(lambda x: x.name, self._graph.inputs)
        shapes = nest.map_structure(lambda x: None if x is None else f"Tensor{tuple(getattr(x, 'shape', ()))}", inputs)
        return (
            f"The structure of `inputs` doesn't match the expected structure of model '{self.name}'. Expected: {names}. "
            f"Received: {shapes}"
        )

    def _received(self, x, place):
        """An input in the type and with the number of axes that its Input declares."""
        if x is None:
            if not getattr(place.node.operation, "optional", False):
                raise ValueError(
                    f"Model '{self.name}': the input '{place.name}' is not optional, but None was passed; pass an array, or "
                    "declare it by Input(..., optional=True)."
                )
            return None
        if not isinstance(x, (K.ndarray, Variable)):
            x = x if isinstance(x, KerasTensor) else K.tensor(x)
        shape, declared = x.shape, place.shape
        if shape[1:] != declared[1:] or len(shape) != len(declared):
            x = self._fit(x, place)
        want = K.storage_dtype(place.dtype)
        if want.kind == "f":
            want = place.node.operation._compute_type  # float64 while gradients are checked
        if isinstance(x, KerasTensor) or want.kind in "OSU":
            return x
        held = x if isinstance(x, K.ndarray) else x.value
        if held.dtype != want and held.dtype.kind in "fiub":
            mask = get_mask(x)
            x = ops.cast(x, want.name)
            if mask is not None:
                set_mask(x, mask)
        return x

    def _fit(self, x, place):
        """Check a shape against the declared one; a missing or extra last axis of size one is mended, as in Keras."""
        shape, declared, mask = tuple(x.shape), place.shape, get_mask(x)
        if len(shape) == len(declared) - 1 and declared[-1] == 1:
            x = ops.expand_dims(x, -1)
        elif len(shape) == len(declared) + 1 and shape[-1] == 1:
            x = ops.squeeze(x, -1)
        if len(x.shape) != len(declared) or not _fits(x.shape, declared):
            path = next(path for path, t in tree.flatten_with_path(self._graph.inputs) if t is place)
            which = f"the input with name '{place.name}' and path '{'.'.join(map(str, path))}' of model '{self.name}'"
            if len(x.shape) != len(declared):
                raise ValueError(
                    f"Invalid input shape for {which}: expected {len(declared)} axes, shape={declared}. Received an input "
                    f"of shape {shape}; reshape the data, or build the model for this shape."
                )
            raise ValueError(
                f"Invalid input shape for {which}: expected shape={declared}, found shape={shape}. Reshape the data, or build "
                "the model for this shape."
            )
        if mask is not None:
            set_mask(x, mask)
        return x


def _fits(shape, declared):
    """Whether lengths are those declared, the batch aside, as far as either is known."""
    return all(None in (d, n) or d == n for d, n in zip(declared[1:], shape[1:]))


def _alike(a, b):
    try:
        tree.assert_same_structure(tree.lists_to_tuples(a), tree.lists_to_tuples(b))
    except ValueError:
        return False
    return True
