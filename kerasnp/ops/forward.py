"""Derivatives along a direction."""

from kerasnp import backend as K
from kerasnp import tree
from kerasnp.autodiff.tape import Tape
from kerasnp.autodiff.variable import Variable
from kerasnp.ops.elementwise import floating, stop_gradient


def jvp(fun, primals, tangents, has_aux=False):
    """`fun(*primals)` and its derivative in the direction of the tangents, as Jacobian times tangent.

    The Jacobian is found row by row, a walk back through the graph for each number that `fun` returns: made for checks
    and small functions.

    >>> y, dy = jvp(lambda x: x * x, (K.array([1.0, 3.0]),), (K.array([1.0, 10.0]),))
    >>> dy
    array([ 2., 60.])

    Args:
        fun: a function made of `kerasnp.ops`.
        primals: its arguments, a tuple or list; each may be nested.
        tangents: a direction for each argument, of the same nesting and shapes.
        has_aux: whether `fun` returns a pair whose second part is handed through.

    Raises: ValueError or TypeError where tangents do not fit the primals.
    """
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"jvp: {name} must be a tuple or list of arguments. Received: {type(value).__name__}")
    leaves = [stop_gradient(floating(v)) for v in tree.flatten(list(primals))]
    directions = [stop_gradient(v) for v in tree.flatten(list(tangents))]
    if [v.shape for v in leaves] != [v.shape for v in directions]:
        raise ValueError(
            f"jvp: tangents must have the shapes of the primals, {[v.shape for v in leaves]}. "
            f"Received: {[v.shape for v in directions]}"
        )
    variables = [Variable(v, dtype=str(v.dtype)) for v in leaves]
    with Tape(persistent=True) as tape:
        result = fun(*tree.pack_sequence_as(list(primals), variables))
        outputs, aux = result if has_aux else (result, None)

    def along(y):
        values = stop_gradient(y)
        dy = K.zeros_like(values)
        if not isinstance(y, Variable):
            return dy
        for place in range(values.size):
            seed = K.zeros_like(values)
            seed.reshape(-1)[place] = 1
            rows = tape.gradient(y, variables, seed)
            dy.reshape(-1)[place] = sum(K.sum(g * t) for g, t in zip(rows, directions) if g is not None)
        return dy

    values, tangents_out = tree.map_structure(stop_gradient, outputs), tree.map_structure(along, outputs)
    return (values, tangents_out, tree.map_structure(stop_gradient, aux)) if has_aux else (values, tangents_out)
