"""Where an optimizer keeps its arrays: weights, gradients and slots of one dtype, each in one long flat array."""

import math
from operator import attrgetter, is_

from kerasnp import backend as K

_value, _multiplier = attrgetter("value"), attrgetter("lr_multiplier")


class Piece:
    """Arrays to be updated alike: a run of neighbours in the flat arrays, or one variable.

    Attributes:
        w, g: weights and their gradient.
        slots: {name: array}.
        multiplier: the variables' factor on the learning rate.
        decays: whether weight decay applies.
        gradients: the gradient again, one array per variable.
        variables: the variables it covers.
    """

    __slots__ = ("w", "g", "slots", "multiplier", "decays", "gradients", "variables")

    def __init__(self, w, g, slots, multiplier, decays, gradients, variables):
        self.w, self.g, self.slots = w, g, slots
        self.multiplier, self.decays = multiplier, decays
        self.gradients, self.variables = gradients, variables


class Storage:
    """The variables of one dtype.

    The weights move into a flat array, of which `variable.value` becomes a view, and so does each slot. One more array
    holds the gradients; its views are lent out as `variable.grad_buffer`, so that a tape writes where the update reads.

    Args:
        variables: the variables, all of one dtype.
        slots: {name: one slot variable for each variable}.
        decays: for each variable, whether weight decay applies.
        whole: never join neighbours: the update looks at whole variables.
    """

    def __init__(self, variables, slots, decays, whole=False):
        self.variables, self.slots, self.decays, self.whole = variables, slots, decays, whole
        self.real = variables[0].value.dtype.type
        self.shapes = [v.shape for v in variables]
        self.starts, self.size = K.offsets(self.shapes, self.real)
        self.stops = [*self.starts[1:], self.size]
        self.weights = self._gather(variables)
        self.gradients, self.gradient_views = self._gradient_block()
        self.slot_arrays = {
            name: self._gather(own) for name, own in slots.items() if [s.shape for s in own] == self.shapes
        }
        self.moved = [*variables, *(s for name in self.slot_arrays for s in slots[name])]
        self.views = [v.value for v in self.moved]
        self.all_present = (True,) * len(variables)
        self._treatment, self._last = None, []

    def _gather(self, variables):
        """One flat array for all, with their values; the one they are in already, if there is one."""
        arrays = [v.value for v in variables]
        array = K.joined(arrays, self.starts, self.size)
        if array is None:
            array = K.flat(self.size, arrays[0].dtype)
            for variable, view in zip(variables, K.segments(array, self.starts, self.shapes)):
                view[...] = variable.value
                variable.value = view
        return array

    def _gradient_block(self):
        lent = [v.grad_buffer for v in self.variables]
        array = None
        if all(b is not None and b.shape == s and b.dtype == self.real for b, s in zip(lent, self.shapes)):
            array = K.joined(lent, self.starts, self.size)
        if array is not None:
            return array, lent
        array = K.flat(self.size, self.real, fill=1)  # ones in the gaps: no 0 / 0 there, whatever the epsilon
        views = K.segments(array, self.starts, self.shapes)
        for variable, view in zip(self.variables, views):
            view.fill(0)
            variable.grad_buffer = view
        return array, views

    def move(self, array):
        """Let the weights live in another flat array of the same length."""
        views = K.segments(array, self.starts, self.shapes)
        for variable, view in zip(self.variables, views):
            view[...] = variable.value
            variable.value = view
        self.weights = array
        self.views[: len(views)] = views
        self._treatment = None

    def lend(self, array):
        """Let the gradients be written into another flat array of the same length."""
        self.gradients, self.gradient_views = array, K.segments(array, self.starts, self.shapes)
        for variable, view in zip(self.variables, self.gradient_views):
            variable.grad_buffer = view
        self._treatment = None

    def take(self, gradients):
        """Bring the gradients in, where they were not written here to begin with; True for each that there is.

        Raises: ValueError for a gradient of another shape than its variable; nothing has been brought in then.
        """
        if all(map(is_, gradients, self.gradient_views)):
            return self.all_present
        strays = []
        for variable, view, g in zip(self.variables, self.gradient_views, gradients):
            if g is view or g is None:
                continue
            g = K.asarray(getattr(g, "value", g))
            if g.shape != view.shape:
                raise ValueError(
                    f"The gradient of variable {variable.path!r} must have its shape {view.shape}. Received: {g.shape}"
                )
            strays.append((view, g.copy() if g.base is view.base else g))
        for view, g in strays:
            view[...] = g
        return tuple([g is not None for g in gradients])

    def pieces(self, present):
        """The variables that have a gradient, in pieces."""
        multipliers = tuple(map(_multiplier, self.variables))
        if self.whole or not all(map(is_, map(_value, self.moved), self.views)):
            return self._one_by_one(present, multipliers)
        if self._treatment != (present, multipliers):
            self._treatment = present, multipliers
            self._last = self._runs(present, multipliers)
        return self._last

    def _runs(self, present, multipliers):
        treatment = list(zip(present, multipliers, self.decays))
        pieces, i = [], 0
        while i < len(treatment):
            j = i + 1
            while j < len(treatment) and treatment[j] == treatment[i]:
                j += 1
            if present[i]:
                inside = slice(self.starts[i], self.stops[j - 1])
                slots = {name: array[inside] for name, array in self.slot_arrays.items()}
                pieces.append(
                    Piece(self.weights[inside], self.gradients[inside], slots, multipliers[i], self.decays[i],
                          self.gradient_views[i:j], self.variables[i:j])
                )  # fmt: skip
            i = j
        return pieces

    def _one_by_one(self, present, multipliers):
        """A piece for each variable: where the rule wants it, or somebody gave a variable another array."""
        pieces = []
        for i, variable in enumerate(self.variables):
            if present[i]:
                g = _with_axis(self.gradient_views[i])
                slots = {name: _with_axis(own[i].value) for name, own in self.slots.items()}
                w = _with_axis(variable.value)
                pieces.append(Piece(w, g, slots, multipliers[i], self.decays[i], [g], [variable]))
        return pieces


def _with_axis(array):
    """Scalars as arrays of one element: with numbers only, NumPy 1 computes in double precision."""
    return array if array.ndim else array.reshape(1)


def for_blocks(fn, arrays, *options):
    """Call `fn(*blocks, *options)` over cache-sized blocks of flat arrays; small arrays and those of other ranks come whole."""
    first = arrays[0]
    if first.size <= K.SMALL_UPDATE or first.ndim != 1:
        fn(*arrays, *options)
    else:
        K.for_blocks(first.size, lambda i, j: fn(*[a[i:j] for a in arrays], *options))


def norm(x):
    """The Euclidean norm of an array of any shape, as a float."""
    return math.sqrt(K.squared_norm(x))
