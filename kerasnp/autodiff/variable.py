"""Variable: an array with a name and a place in the graph."""

import numpy as np

from kerasnp import backend as K
from kerasnp.utils.naming import auto_name, current_path


# The StatelessScopes that are open, which values assigned to variables must not outlive.
scopes: list = []


class Variable:
    """An array that operators differentiate: a weight of a layer, or the result of an operator under a tape.

    >>> w = Variable([1.0, 2.0], name="w")
    >>> w.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)

    Args:
        initializer: the values, or a callable `(shape, dtype=...) -> array` (then `shape` is required).
        shape: shape for a callable initializer.
        dtype: dtype name; default: the default float type.
        trainable: whether gradients are wanted and optimizers may change it.
        name: a name; default `variable`, `variable_1`, ...

    Raises:
        ValueError: a callable initializer without a shape, or values of another shape than `shape`.
    """

    # Only these two are needed by results of operators, which are made by the thousand; the rest lives in the instance
    # dictionary of weights, with the class attributes below as what a result shows.
    __slots__ = ("value", "creator", "__dict__", "__weakref__")

    # Whether its gradient is wanted.
    trainable = True
    index = 0
    name = None
    path = ""
    grad = None
    # Behind the properties that refuse what is none; optimizers look here at every step.
    _regularizer = None
    _constraint = None
    _overwrite_with_gradient = False
    lr_multiplier = 1.0
    autocast = True
    aggregation = "none"
    # Where the trainer wants the gradient of this weight, so that no copy is needed afterwards.
    grad_buffer = None

    def __init__(
        self,
        initializer,
        shape=None,
        dtype=None,
        trainable=True,
        autocast=True,
        aggregation="none",
        synchronization="auto",
        name=None,
        layout=None,
    ):
        if layout is not None:
            raise ValueError(f"Variable: `layout` is for several devices, and there is one. Received: layout={layout!r}")
        self.name = name or auto_name("variable")
        if not isinstance(self.name, str) or "/" in self.name:
            raise ValueError(f"Argument `name` must be a string and cannot contain character `/`. Received: name={name!r}")
        scope = current_path()
        self.path = f"{scope}/{self.name}" if scope else self.name
        self.creator = None
        self.trainable = bool(trainable)
        self.autocast = autocast
        self.aggregation = aggregation
        if isinstance(initializer, str):
            from kerasnp import initializers

            initializer = initializers.get(initializer)
        if callable(initializer):
            if shape is None:
                raise ValueError(
                    f"When creating a Variable from an initializer, say its shape too. Received: initializer={initializer} and "
                    f"shape={shape}"
                )
            self.dtype = K.standardize_dtype(dtype)
            value = initializer(tuple(shape), dtype=self.dtype)
        else:
            value = getattr(initializer, "value", initializer)
            if dtype is None:
                dtype = value.dtype if isinstance(value, np.ndarray) else K.tensor(value).dtype
            self.dtype = K.standardize_dtype(dtype)
        own = np.asarray if getattr(initializer, "fresh", False) else np.array
        self.value = own(value, dtype=K.storage_dtype(self.dtype), order="C")
        if self.trainable and self.value.dtype.kind == "c":
            raise ValueError(
                f"Variable {self.name!r}: no gradient passes complex numbers, so a variable of them cannot be trained. "
                f"Received: dtype={self.dtype}; pass trainable=False, or keep real and imaginary parts apart."
            )
        if shape is not None and self.value.shape != tuple(shape):
            raise ValueError(
                f"Variable {self.name!r}: the initial value must have shape {tuple(shape)}. "
                f"Received: {self.value.shape}"
            )

    @staticmethod
    def result(value, creator, index=0):
        """The output number `index` of the operator `creator`."""
        self = _new(Variable)
        self.value = value
        self.creator = creator
        if index:
            self.index = index
        return self

    @property
    def dtype(self):
        """The dtype's name.

        >>> Variable([1.0], dtype="float64").dtype
        'float64'
        """
        return self.__dict__.get("dtype") or self.value.dtype.name

    @dtype.setter
    def dtype(self, value):
        self.__dict__["dtype"] = value

    @property
    def regularizer(self):
        """A function of the variable that is added to the loss, or None.

        >>> w = Variable([1.0, 2.0])
        >>> w.regularizer is None
        True

        Raises: ValueError for what cannot be called.
        """
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value):
        self._regularizer = self._callable("regularizer", value)

    @property
    def constraint(self):
        """A function of the values that is applied after each update, or None.

        >>> import kerasnp
        >>> w = Variable([1.0, 2.0])
        >>> w.constraint = kerasnp.constraints.NonNeg()
        >>> type(w.constraint).__name__
        'NonNeg'

        Raises: ValueError for what cannot be called.
        """
        return self._constraint

    @constraint.setter
    def constraint(self, value):
        self._constraint = self._callable("constraint", value)

    @property
    def overwrite_with_gradient(self):
        """Whether an optimizer takes the gradient itself for the new value.

        >>> Variable([1.0, 2.0]).overwrite_with_gradient
        False

        Raises: TypeError for anything but a bool.
        """
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value):
        if not isinstance(value, bool):
            raise TypeError(f"Variable {self.path!r}: overwrite_with_gradient must be a boolean. Received: {value!r}")
        self._overwrite_with_gradient = value

    def _callable(self, what, value):
        if value is not None and not callable(value):
            raise ValueError(
                f"Invalid value for attribute `{what}` of Variable {self.path!r}: it must be callable or None. "
                f"Received: {value!r}"
            )
        return value

    @property
    def shape(self):
        """The shape, a tuple of ints.

        >>> Variable([[1.0, 2.0]]).shape
        (1, 2)
        """
        return self.value.shape

    @property
    def ndim(self):
        """The number of axes.

        >>> Variable([[1.0, 2.0]]).ndim
        2
        """
        return self.value.ndim

    @property
    def size(self):
        """The number of elements.

        >>> Variable([[1.0, 2.0]]).size
        2
        """
        return self.value.size

    @property
    def handle(self):
        """The array itself, under the name that optimizers of Keras use."""
        return self.value

    def numpy(self):
        """A copy of the array.

        >>> Variable([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
        """
        return self.value.copy()

    def assign(self, value):
        """Replace the values, in place; returns the variable.

        >>> w = Variable([1.0, 2.0])
        >>> w.assign([3.0, 4.0]).tolist()
        [3.0, 4.0]

        Raises: ValueError where the shape differs.
        """
        value = np.asarray(getattr(value, "value", value))
        if value.shape != self.value.shape:
            raise ValueError(
                f"Variable {self.path!r}: the shapes of the variable and of the value assigned must match. Expected "
                f"{self.value.shape}. Received: value.shape={value.shape}"
            )
        if scopes:
            scopes[-1].keep(self)
        self.value[...] = value
        return self

    def assign_add(self, value):
        """Add `value` in place; returns the variable.

        >>> w = Variable([1.0, 2.0])
        >>> w.assign_add([1.0, 1.0]).tolist()
        [2.0, 3.0]
        """
        return self.assign(self.value + getattr(value, "value", value))

    def assign_sub(self, value):
        """Subtract `value` in place; returns the variable.

        >>> w = Variable([1.0, 2.0])
        >>> w.assign_sub([1.0, 1.0]).tolist()
        [0.0, 1.0]
        """
        return self.assign(self.value - getattr(value, "value", value))

    def item(self):
        """The only element, as a Python number.

        >>> Variable(2.0).item()
        2.0
        """
        return self.value.item()

    def tolist(self):
        """The values as nested lists of Python numbers.

        >>> Variable([1.0, 2.0]).tolist()
        [1.0, 2.0]
        """
        return self.value.tolist()

    def backward(self):
        """Fill `.grad` of every trainable variable that this one was computed from; see `autodiff.backward`.

        >>> import kerasnp
        >>> w = Variable([1.0, 2.0])
        >>> with kerasnp.Tape():
        ...     y = kerasnp.ops.sum(kerasnp.ops.square(w))
        >>> y.backward()
        >>> w.grad
        array([2., 4.], dtype=float32)
        """
        from kerasnp.autodiff.tape import backward

        backward(self)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value, dtype=dtype) if copy else np.asarray(self.value, dtype=dtype)

    def __float__(self):
        return float(self.value)

    def __int__(self):
        return int(self.value)

    def __index__(self):
        return self.value.__index__()

    def __bool__(self):
        if self.value.size != 1:
            raise TypeError(
                f"A Variable of shape {self.shape} cannot be used as a boolean: take one element, ops.any or ops.all."
            )
        return bool(self.value)

    def __len__(self):
        return len(self.value)

    def __format__(self, spec):
        return format(self.value.item(), spec) if spec and self.value.ndim == 0 else format(str(self), spec)

    def __iter__(self):
        return (self[i] for i in range(len(self.value)))

    def __hash__(self):
        return id(self)

    def __repr__(self):
        if self.creator is not None:
            origin = f"from {type(self.creator).__name__}"
        else:
            origin = f"path={self.path}"
        return f"<Variable {origin}, shape={self.shape}, dtype={self.dtype}, value={self.value}>"

    def __reduce_ex__(self, protocol):
        state = {k: v for k, v in self.__dict__.items() if k != "grad_buffer"}
        return _restore, (np.array(self.value), state)

    def __deepcopy__(self, memo):
        import copy

        state = {k: copy.deepcopy(v, memo) for k, v in self.__dict__.items() if k != "grad_buffer"}
        memo[id(self)] = twin = _restore(self.value.copy(), state)
        return twin

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        """Let `array * variable` and `np.exp(variable)` reach the operator of that name, or else plain numpy."""
        function = _functions.get(ufunc.__name__) if method == "__call__" and not kwargs else None
        if function is not None:
            return function(*inputs)
        return getattr(ufunc, method)(*map(_plain, inputs), **{k: _plain(v) for k, v in kwargs.items()})

    def __array_function__(self, function, types, args, kwargs):
        """Let `np.concatenate([variable, ...])` reach the operator of that name, or else plain numpy."""
        own = _functions.get(function.__name__) if function.__module__ == "numpy" else None
        if own is not None:
            return own(*args, **kwargs)
        return function(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})


_new = object.__new__
# numpy's name -> the operator's function of that name.
_functions: dict = {}


def _plain(x):
    """Arrays in place of the Variables in an argument."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(_plain, x)) if type(x) in (list, tuple) else x
    return x.value if isinstance(x, Variable) else x


def _restore(value, state):
    variable = _new(Variable)
    variable.value = value
    variable.creator = None
    variable.__dict__.update(state)
    return variable


def install_arithmetic(methods, functions):
    """Give Variable its methods, and numpy's functions their operators: `ops` calls this, the graph knowing none."""
    from kerasnp.autodiff import symbolic

    for name, function in methods.items():
        setattr(Variable, name, function)
    symbolic.install_arithmetic(methods)
    _functions.update(functions)


def is_tensor(x):
    """Whether `x` is an array or a Variable.

    >>> is_tensor(Variable(1.0)), is_tensor([1.0])
    (True, False)
    """
    return isinstance(x, (np.ndarray, Variable, np.generic))
