"""Operator: one step with a forward and a backward."""

import numpy as np

from kerasnp.autodiff.tape import current
from kerasnp.autodiff.variable import Variable


class Operator:
    """A step of the graph: `forward(*arrays)` and `backward(dy)`.

    Without an open tape a call runs `forward` and returns its bare array. Under a tape it also notes its inputs and
    returns a Variable. `backward` receives the gradient of each output (zeros for one that nothing used) and returns
    the gradient of each input, None where there is none. It must not write into `dy` or what was saved, unless the
    class says `consumes_dy = True`; then it is handed a `dy` that nobody else holds. An instance stands for one step:
    make a new one for each call.

    >>> import kerasnp
    >>> class Square(Operator):
    ...     def forward(self, x):
    ...         self.save(x)
    ...         return x * x
    ...     def backward(self, dy):
    ...         (x,) = self.saved
    ...         return 2 * x * dy
    >>> with kerasnp.Tape() as tape:
    ...     x = kerasnp.Variable([3.0])
    ...     y = Square()(x)
    >>> tape.gradient(y, x)
    array([6.], dtype=float32)
    """

    consumes_dy = False
    # Whether forward is so many short calls of NumPy that two threads with one each would wait for each other.
    short_calls = False
    recorded = False
    saved = ()
    inputs = ()
    wanted = ()
    # Shape and dtype of each output, where there are several.
    specs = ()
    # The gradients of the outputs, while a tape walks back.
    grads = None
    # The gradients of leaves found so far, where the tape lends buffers for them.
    leaf_grads = None
    # Memory for the gradient of each input, where it is known beforehand (models/direct.py).
    lent = None

    def __call__(self, *inputs):
        if self.recorded:
            raise RuntimeError(
                f"{type(self).__name__}: this operator instance is on a tape already and remembers that call; "
                f"make a new instance for each call, as in {type(self).__name__}(...)(x)."
            )
        tape = current()
        if tape is not None:
            return self._record(tape, inputs)
        for x in inputs:
            if isinstance(x, Variable):
                return self.forward(*[x.value if isinstance(x, Variable) else x for x in inputs])
        return self.forward(*inputs)

    def _record(self, tape, inputs):
        arrays, wanted = [], []
        for x in inputs:
            if isinstance(x, Variable):
                arrays.append(x.value)
                wanted.append(x.trainable or id(x) in tape.watched)
            else:
                arrays.append(x)
                wanted.append(False)
        if True not in wanted:
            return self.forward(*arrays)
        self.recorded = True
        self.inputs = inputs
        self.wanted = wanted
        try:
            y = self.forward(*arrays)
        except BaseException:
            self.release()
            raise
        tape.append(self)
        if type(y) is tuple:
            self.specs = [(a.shape, a.dtype) for a in y]
            return tuple([Variable.result(a, self, i) for i, a in enumerate(y)])
        return Variable.result(y if isinstance(y, np.ndarray) else np.asarray(y), self)

    def forward(self, *arrays):
        """The output array, or a tuple of them."""
        raise NotImplementedError(f"{type(self).__name__}: write forward(self, *arrays), returning the output array.")

    def backward(self, *dy):
        """The gradient of each input, None where there is none."""
        raise NotImplementedError(
            f"{type(self).__name__}: a gradient was asked for, but the operator has no backward(self, dy); "
            f"write it, or compose the step from kerasnp.ops."
        )

    def save(self, *things):
        """Keep what backward needs; nothing is kept when no tape is open."""
        if self.recorded:
            self.saved = things

    def wants(self, i):
        """Whether the gradient of input `i` is needed.

        >>> import kerasnp
        >>> class Product(Operator):
        ...     def forward(self, a, b):
        ...         self.save(a, b)
        ...         return a * b
        ...     def backward(self, dy):
        ...         a, b = self.saved
        ...         return dy * b, dy * a if self.wants(1) else None  # b may be a constant
        >>> a = kerasnp.Variable([3.0])
        >>> with kerasnp.Tape() as tape:
        ...     y = Product()(a, kerasnp.ops.array([2.0], "float32"))
        >>> tape.gradient(y, a)
        array([2.], dtype=float32)
        """
        return i < len(self.wanted) and self.wanted[i]

    def out(self, i):
        """Memory that the gradient of input `i` may be written to, or None."""
        if self.lent is not None:
            return self.lent[i]
        if self.leaf_grads is None:
            return None
        variable = self.inputs[i]
        buffer = getattr(variable, "grad_buffer", None)
        # Once only: a second gradient of the same weight is added to the first, so it needs memory of its own.
        if buffer is None or id(variable) in self.leaf_grads or sum([x is variable for x in self.inputs]) > 1:
            return None
        return buffer

    def release(self):
        """Forget what was kept for backward."""
        self.recorded = False
        self.saved = self.inputs = self.wanted = ()


def _narrow(call):
    """Before NumPy 2, a 0-d array times a Python number is float64 whatever its type; take the type of the inputs."""

    def wrapper(self, *inputs):
        y = call(self, *inputs)
        a = y.value if isinstance(y, Variable) else y
        if getattr(a, "shape", None) == () and a.dtype == np.float64:
            kinds = [x.dtype for x in inputs if isinstance(x, (np.ndarray, np.generic, Variable))]
            floats = [k for k in kinds if "float" in str(k)]
            if floats and "float64" not in map(str, floats) and getattr(self, "dtype", None) != np.float64:
                narrow = np.asarray(a, np.result_type(*map(np.dtype, floats)))
                if a is y:
                    return narrow
                y.value = narrow
        return y

    return wrapper


if int(np.__version__.split(".")[0]) < 2:
    Operator.__call__ = _narrow(Operator.__call__)  # type: ignore[method-assign]
