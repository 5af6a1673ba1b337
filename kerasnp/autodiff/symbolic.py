"""Symbolic tensors: what an array will be, before there is one.

A function without a rule of its own is tried on arrays of ones, twice, with different lengths where the shape leaves one
open; a length of the result that differs between the trials is open too.
"""

import functools
import importlib
import itertools

import numpy as np

from kerasnp import backend as K
from kerasnp.autodiff.history import Function
from kerasnp.autodiff.tape import stop_recording
from kerasnp.autodiff.variable import Variable
from kerasnp.utils import nest
from kerasnp.utils.masks import get_mask, set_mask
from kerasnp.utils.naming import auto_name

# Two lengths for the first axis, usually the batch, and two for the others, which must be long enough for a window.
_USUAL = ((2, 5), (37, 41))
# Two that many numbers divide.
_DIVISIBLE = (24, 36)
# Of how many other lengths something is made of before it counts as impossible, and the longest among them.
_ATTEMPTS, _LONG = 100, 4096


class NoValues(ValueError, AttributeError):
    """Somebody asked for the values of a symbolic tensor."""


class KerasTensor:
    """The shape and type of an array that does not exist yet; layers and `kerasnp.ops` answer with another one.

    >>> import kerasnp
    >>> x = KerasTensor((None, 28, 28, 1))
    >>> kerasnp.layers.Conv2D(8, 3)(x).shape
    (None, 26, 26, 8)
    >>> kerasnp.ops.mean(x, axis=(1, 2)) + 1
    <KerasTensor shape=(None, 1), dtype=float32>

    Args:
        shape: the shape, None for a length that may vary.
        dtype: the type's name.
        sparse, ragged: must be False, since arrays are dense.
        record_history: whether calls on it are remembered, so that a model can be made of them.
        name: default `keras_tensor`, `keras_tensor_1`, ...
    """

    def __init__(self, shape, dtype="float32", sparse=False, ragged=False, record_history=True, name=None):
        if sparse or ragged:
            raise ValueError("KerasTensor: sparse and ragged tensors are not supported; leave the arguments False.")
        self.shape = tuple(None if n is None else int(n) for n in shape)
        self.dtype = K.standardize_dtype(dtype)
        self.name = name or auto_name("keras_tensor")
        self.sparse = self.ragged = False
        self.record_history = record_history
        # The call it came from, and its place among the outputs of that call.
        self.node, self.index = None, 0

    @property
    def ndim(self):
        """The number of axes.

        >>> KerasTensor((None, 3)).ndim
        2
        """
        return len(self.shape)

    @property
    def size(self):
        """The number of elements, None where a length is open."""
        return None if None in self.shape else int(np.prod(self.shape, dtype=int))

    def copy(self, name=None):
        """Another symbolic tensor of the same shape, type and mask, that comes from no call.

        >>> KerasTensor((None, 3), name="x").copy()
        <KerasTensor shape=(None, 3), dtype=float32>
        """
        twin = KerasTensor(self.shape, dtype=self.dtype, record_history=self.record_history, name=name)
        mask = get_mask(self)
        if mask is not None:
            set_mask(twin, mask)
        return twin

    def __len__(self):
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"The length of a symbolic tensor of shape {self.shape} is not known.")
        return self.shape[0]

    def __iter__(self):
        raise NotImplementedError(
            "KerasTensor: iterating over it is not supported, since it is symbolic and has no values yet."
        )

    def __bool__(self):
        raise TypeError("KerasTensor: it cannot be used as a boolean, since it is symbolic and has no values yet.")

    def __array__(self, *args, **kwargs):
        raise NoValues(
            "A KerasTensor is a shape and a type, symbolic, and doesn't have any actual numerical value; use functions of "
            "kerasnp.ops and layers on it, not numpy's."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        """Let `array * symbolic` be symbolic."""
        function = _function(ufunc.__name__) if method == "__call__" and not kwargs else None
        return function(*inputs) if function else infer(getattr(ufunc, method), inputs, kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise NoValues(f"A KerasTensor is symbolic and has no attribute {name!r}; it has a shape and a dtype.")

    def __reduce__(self):
        return KerasTensor, (self.shape, self.dtype, False, False, True, self.name)

    def __repr__(self):
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}>"


def is_keras_tensor(x):
    """Whether `x` is a symbolic tensor.

    >>> is_keras_tensor(KerasTensor((None, 3))), is_keras_tensor(np.ones(3))
    (True, False)
    """
    return isinstance(x, KerasTensor)


def is_symbolic(*structures):
    """Whether a symbolic tensor is among the leaves."""
    return any(isinstance(leaf, KerasTensor) for leaf in nest.flatten(structures))


def infer(function, args, kwargs, search=False):
    """What `function` returns for arguments with symbolic tensors in them, arrays as symbolic tensors.

    With `search`, where it refuses the lengths tried, others are, such as those of the other arguments.
    """
    leaves = nest.flatten((args, kwargs))
    tensors = [x for x in leaves if isinstance(x, KerasTensor)]

    def trial(lengths):
        lengths = iter(lengths)

        def stand_in(x):
            if not isinstance(x, KerasTensor):
                return x
            return _stand_in([next(lengths) if n is None else n for n in x.shape], K.storage_dtype(x.dtype))

        arguments, options = nest.map_structure(stand_in, (list(args), dict(kwargs)))
        with stop_recording(), np.errstate(all="ignore"):
            return function(*arguments, **options)

    usual = [_USUAL[i > 0] for x in tensors for i, n in enumerate(x.shape) if n is None]
    if not usual:
        return nest.map_structure(lambda y: _outcome(y, y), trial(()))
    refusal = None
    for pairs in _candidates(usual, leaves) if search else (usual,):
        try:
            return nest.map_structure(_outcome, *map(trial, zip(*pairs)))
        except (ValueError, IndexError) as error:
            refusal = refusal or error
    raise refusal


def _stand_in(shape, dtype):
    """Ones; square matrices of floats have an inverse and are positive definite."""
    ones = np.ones(shape, dtype)
    if len(shape) > 1 and shape[-1] == shape[-2] and ones.dtype.kind == "f":
        ones[..., range(shape[-1]), range(shape[-1])] += 1
    return ones


def _candidates(usual, leaves):
    """Pairs of lengths for the open axes, those first that leave most of them open."""
    yield usual
    known = {n for x in leaves for n in getattr(x, "shape", (x,)) if type(n) is int and 1 < n < _LONG}
    choices = [(pair, _DIVISIBLE, *((n, n) for n in sorted(known))) for pair in usual]
    # A length that several axes share is as open as one of its own.
    alike = [[pair] * len(usual) for pair in (*_USUAL, _DIVISIBLE)]
    rest = itertools.islice(itertools.product(*choices), 1, 4096)
    yield from alike
    yield from sorted(rest, key=lambda pairs: sum(m == n for m, n in pairs))[:_ATTEMPTS]


def _outcome(first, second):
    if isinstance(first, (np.ndarray, np.generic, Variable)):
        if len(first.shape) != len(second.shape):
            raise ValueError("The number of axes of the result depends on a length that is not known.")
        return KerasTensor([m if m == n else None for m, n in zip(first.shape, second.shape)], dtype=first.dtype)
    if isinstance(first, int) and first != second:
        return None
    return first


def traced(function, kind, elementwise=False):
    """`function`, answering with symbolic tensors where it is given such, which remember the call.

    Args:
        kind: its public name.
        elementwise: whether the output has the shape to which the arguments broadcast. Others follow their rule
            `symbolic`, if they have one, or are tried on arrays of several lengths.
    """

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except NoValues:
            # Costs nothing where there are values.
            return Function(wrapper, kind).on_symbols(*args, **kwargs)

    wrapper.outcome = functools.partial(_by_broadcasting if elementwise else _by_rule_or_trials, function)
    return wrapper


def _by_rule_or_trials(function, args, kwargs):
    rule = getattr(function, "symbolic", None)
    return infer(function, args, kwargs, search=True) if rule is None else rule(*args, **kwargs)


def _by_broadcasting(function, args, kwargs):
    """What an elementwise function returns: its type by a trial on single numbers, the shape by rule."""
    shapes = []

    def small(x):
        shape = getattr(x, "shape", None)
        if shape is None:
            return x
        shapes.append(tuple(shape))
        dtype = K.storage_dtype(x.dtype) if isinstance(x, KerasTensor) else K.asarray(getattr(x, "value", x)).dtype
        return np.ones((1,) * len(shape), dtype)

    arguments, options = nest.map_structure(small, (list(args), dict(kwargs)))
    with stop_recording(), np.errstate(all="ignore"):
        outcome = function(*arguments, **options)
    return KerasTensor(broadcast_shapes(*shapes), dtype=getattr(outcome, "dtype", None))


def broadcast_shapes(*shapes):
    """The shape that arrays of these shapes broadcast to, None where a length is open.

    >>> broadcast_shapes((None, 1, 3), (4, 1), (None, 1, 1))
    (None, 4, 3)

    Raises: ValueError for shapes that do not fit each other.
    """
    result = []
    for lengths in itertools.zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1):
        known = {n for n in lengths if n not in (None, 1)}
        if len(known) > 1:
            raise ValueError(f"Shapes {' and '.join(map(str, shapes))} cannot be broadcast together.")
        result.append(known.pop() if known else None if None in lengths else 1)
    return tuple(result[::-1])


# A ufunc -> the function that does the same, where it has another name.
NUMPY_NAMES = {"remainder": "mod"}
# The method of an array -> the name of the function that does the same.
METHODS = {
    "__add__": "add", "__sub__": "subtract", "__mul__": "multiply", "__truediv__": "divide", "__floordiv__": "floor_divide",
    "__pow__": "power", "__mod__": "mod", "__matmul__": "matmul", "__neg__": "negative", "__abs__": "absolute",
    "__getitem__": "get_item", "__lt__": "less", "__le__": "less_equal", "__gt__": "greater", "__ge__": "greater_equal",
    "__and__": "logical_and", "__or__": "logical_or", "__xor__": "logical_xor", "__invert__": "logical_not",
    "__round__": "round", "astype": "cast", "T": "transpose", "sum": "sum", "mean": "mean", "max": "max", "min": "min",
}  # fmt: skip


def install_arithmetic(methods):
    """Give KerasTensor the methods of Variable; two symbolic tensors are equal where they are one."""
    for name, method in methods.items():
        if name in ("__eq__", "__ne__"):
            continue
        method = property(_inferred(name, method.fget)) if isinstance(method, property) else _inferred(name, method)
        setattr(KerasTensor, name, method)


def _function(name):
    """The function of kerasnp.ops of which a method, or numpy's function of that name, is a call; None where there is none."""
    return getattr(importlib.import_module("kerasnp.ops"), NUMPY_NAMES.get(name, name), None)


def _inferred(name, method):
    """`method` as a call of the function that does the same, which is then remembered; in its mirrored form too."""
    kind, mirrored = METHODS.get(name), METHODS.get(name.replace("__r", "__", 1)) if name.startswith("__r") else None

    @functools.wraps(method)
    def wrapper(*args, **kwargs):
        if kind is not None:
            return _function(kind)(*args, **kwargs)
        if mirrored is not None:
            return _function(mirrored)(args[1], args[0])
        if name in ("reshape", "transpose"):
            rest = args[1] if len(args) == 2 else args[1:]
            return _function(name)(args[0], rest or None) if name == "transpose" else _function(name)(args[0], rest)
        return infer(method, args, kwargs, search=True)

    return wrapper
