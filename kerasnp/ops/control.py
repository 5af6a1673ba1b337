"""Loops and branches: plain Python, since every operator runs at once, and the tape sees through them."""

import re

from kerasnp import backend as K
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.tape import current
from kerasnp.autodiff.variable import Variable
from kerasnp.ops.elementwise import convert, stop_gradient
from kerasnp.ops.shape import stack


def _leaves(tree):
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in _leaves(tree[key])]
    return [leaf for part in tree for leaf in _leaves(part)] if isinstance(tree, (list, tuple)) else [tree]


def _each(function, *trees):
    """The function of the leaves of trees of one shape."""
    first = trees[0]
    if isinstance(first, dict):
        return {key: _each(function, *(tree[key] for tree in trees)) for key in first}
    if isinstance(first, (list, tuple)):
        parts = [_each(function, *part) for part in zip(*trees, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    return None if first is None else function(*trees)


def _entry(tree, i, axis=0):
    """The entry i of every leaf along an axis."""
    return _each(lambda x: convert(x)[(slice(None),) * (axis % x.ndim) + (i,)], tree)


def cond(pred, true_fn, false_fn):
    """true_fn() if `pred` holds, else false_fn().

    >>> from kerasnp import ops
    >>> ops.cond(ops.sum([1, 2]) > 2, lambda: "large", lambda: "small")
    'large'
    """
    pred = stop_gradient(pred)
    if pred.size != 1:
        raise ValueError(f"cond: pred must be one truth value. Received: an array of shape {pred.shape}")
    return true_fn() if pred.item() else false_fn()


def switch(index, branches, *operands):
    """branches[index](*operands), the index kept within bounds.

    >>> from kerasnp import ops
    >>> ops.switch(1, [lambda x: x + 1, lambda x: x * 10], 5)
    50
    """
    return branches[min(max(int(stop_gradient(index)), 0), len(branches) - 1)](*operands)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Apply `body` to the loop variables while `cond` of them holds.

    >>> from kerasnp import ops
    >>> ops.while_loop(lambda i, x: x < 100, lambda i, x: (i + 1, x * 2), (0, 1))
    (7, 128)

    Args:
        loop_vars: one value or several; `cond` and `body` take them one by one.
        maximum_iterations: stop after so many, None for no limit.
    """
    several = isinstance(loop_vars, (list, tuple))
    values = tuple(loop_vars) if several else (loop_vars,)
    done = 0
    while bool(stop_gradient(cond(*values))) and (maximum_iterations is None or done < maximum_iterations):
        values = body(*values)
        values = tuple(values) if isinstance(values, (list, tuple)) else (values,)
        done += 1
    return type(loop_vars)(values) if several else values[0]


def fori_loop(lower, upper, body_fun, init_val):
    """value = body_fun(i, value) for i from `lower` to `upper` - 1.

    >>> from kerasnp import ops
    >>> ops.fori_loop(0, 5, lambda i, total: total + i, 0)
    10
    """
    for i in range(int(lower), int(upper)):
        init_val = body_fun(i, init_val)
    return init_val


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """carry, y = f(carry, x) for each x along the first axis; returns the last carry and the ys stacked.

    >>> from kerasnp import ops
    >>> def compound(balance, deposit):
    ...     balance = balance * 2 + deposit
    ...     return balance, balance
    >>> last, balances = ops.scan(compound, 0, ops.array([1, 2, 3]))
    >>> int(last), balances.tolist()
    (11, [1, 4, 11])

    Args:
        f: takes a carry and an entry of xs (None without xs), returns a carry and a y.
        init: the first carry.
        xs: an array, or a tuple, list or dictionary of arrays of equal length.
        length: the number of steps where there are no xs.
        reverse: go from the last entry to the first; the ys stay in the order of the xs.
        unroll: accepted.

    Raises: TypeError for an f that cannot be called; ValueError where neither xs nor length is given, or another unroll.
    """
    if not callable(f):
        raise TypeError(f"scan: `f` should be a callable. Received: f={f!r}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"scan: `unroll` must be a positive integer or a boolean. Received: unroll={unroll!r}")
    if xs is None and length is None:
        raise ValueError(
            "scan: give xs to scan over and let `length` be None, or the length of a run without them. "
            "Received: xs=None, length=None"
        )
    n = length if xs is None else len(convert(_leaves(xs)[0]))
    carry, ys = init, []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, None if xs is None else _entry(xs, i))
        ys.append(y)
    ys = ys[::-1] if reverse else ys
    return carry, (_each(lambda *parts: stack(parts), *ys) if ys else None)


def associative_scan(f, elems, reverse=False, axis=0):
    """Running results of an associative f along an axis: x[0], f(x[0], x[1]), f(f(x[0], x[1]), x[2]), ...

    >>> from kerasnp import ops
    >>> ops.associative_scan(ops.maximum, ops.array([1, 3, 2, 5]))
    array([1, 3, 3, 5], dtype=int32)

    Args:
        f: takes two entries, returns their combination.
        elems: an array, or a tuple, list or dictionary of arrays.
        reverse: start from the last entry.
    """
    if not callable(f):
        raise TypeError(f"associative_scan: `f` should be a callable. Received: f={f!r}")
    lengths = {convert(leaf).shape[axis] for leaf in _leaves(elems)}
    if len(lengths) > 1:
        raise ValueError(f"associative_scan: all arrays must have the same first dimension. Received: {sorted(lengths)}")
    (n,) = lengths
    parts = [_entry(elems, i, axis) for i in range(n)]
    parts = parts[::-1] if reverse else parts
    results = parts[:1]
    for part in parts[1:]:
        results.append(f(results[-1], part))
    results = results[::-1] if reverse else results
    return _each(lambda *r: stack(r, axis), *results)


def map(f, xs):
    """f of each entry along the first axis, the results stacked.

    >>> from kerasnp import ops
    >>> ops.map(lambda row: ops.sum(row), ops.array([[1, 2], [3, 4]]))
    array([3, 7], dtype=int32)
    """
    n = len(convert(_leaves(xs)[0]))
    return _each(lambda *parts: stack(parts), *(f(_entry(xs, i)) for i in range(n)))


def vectorized_map(function, elements):
    """`function` of every element along the first axis, stacked; the same as `map`.

    >>> from kerasnp import ops
    >>> ops.vectorized_map(lambda row: row[::-1], ops.array([[1, 2], [3, 4]]))
    array([[2, 1],
           [4, 3]], dtype=int32)
    """
    return map(function, elements)


def vectorize(pyfunc, *, excluded=None, signature=None):
    """A function of arrays out of one of scalars, or of smaller arrays, called for each with broadcasting.

    >>> from kerasnp import ops
    >>> larger = ops.vectorize(lambda a, b: a if a > b else b)
    >>> larger([1, 5], [[2], [4]])
    array([[2, 5],
           [4, 5]], dtype=int32)
    >>> ops.vectorize(ops.trace, signature="(n,n)->()")(ops.ones((2, 3, 3)))
    array([3., 3.], dtype=float32)

    Args:
        excluded: the positions and names of arguments that are handed on whole.
        signature: the axes that pyfunc takes of each argument and gives in each result, such as `"(n,m),(m)->(n)"`.

    Raises: ValueError for a signature of another form, or for as many arguments as it does not name.
    """
    whole = set(excluded or ())
    cores = None if signature is None else _cores(signature)

    def function(*args, **kwargs):
        args = [a if i in whole else convert(a) for i, a in enumerate(args)]
        kwargs = {name: a if name in whole else convert(a) for name, a in kwargs.items()}
        slots = [(args, i) for i in range(len(args)) if i not in whole] + [(kwargs, n) for n in kwargs if n not in whole]
        given = [holder[key] for holder, key in slots]
        if cores is not None and len(cores) != len(given):
            raise ValueError(f"vectorize: signature={signature!r} is of {len(cores)} arguments. Received: {len(given)}")
        outer = [a.shape[: a.ndim - n] for a, n in zip(given, cores or [0] * len(given))]
        shape = K.broadcast_shapes(*outer)
        places = [
            K.broadcast_to(K.arange(int(K.prod(own, dtype=int))).reshape(own), shape).reshape(-1) for own in outer
        ]
        rows = [a.reshape((-1, *a.shape[len(own) :])) for a, own in zip(given, outer)]
        results = []
        for at in zip(*places):
            parts, named = list(args), dict(kwargs)
            for (holder, key), row, i in zip(slots, rows, at):
                (parts if holder is args else named)[key] = row[int(i)]
            results.append(pyfunc(*parts, **named))
        return _each(lambda *r: stack(r).reshape((*shape, *convert(r[0]).shape)), *results)

    return function


def _cores(signature):
    """The number of axes of each argument by a signature."""
    group = r"\(\s*(?:\w+(?:\s*,\s*\w+)*)?\s*\)"
    groups = rf"{group}(?:\s*,\s*{group})*"
    if not re.fullmatch(rf"\s*{groups}\s*->\s*{groups}\s*", signature):
        raise ValueError(f"vectorize: a signature looks like '(n,m),(m)->(n)'. Received: signature={signature!r}")
    return [len(re.findall(r"\w+", core)) for core in re.findall(r"\([^)]*\)", signature.split("->")[0])]


class CustomGradient(Operator):
    """y = f(x, ...) with the gradient that f itself returns beside y."""

    def __init__(self, f):
        self.f = f

    def forward(self, *xs):
        y, self.gradient = self.f(*xs)
        return y

    def backward(self, dy):
        gradients = self.gradient(dy)
        gradients = gradients if isinstance(gradients, (list, tuple)) else (gradients,)
        return tuple(g.value if isinstance(g, Variable) else g for g in gradients)


def custom_gradient(f):
    """Decorator for an f that returns its result and a function from its gradient to the gradients of the arguments.

    >>> import kerasnp
    >>> @kerasnp.ops.custom_gradient
    ... def log1pexp(x):
    ...     e = kerasnp.ops.exp(x)
    ...     return kerasnp.ops.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))
    >>> log1pexp(kerasnp.ops.zeros((1,)))
    array([0.6931472], dtype=float32)
    """

    def function(*args):
        if current() is None:
            return f(*args)[0]
        return CustomGradient(f)(*(convert(a) for a in args))

    return function
