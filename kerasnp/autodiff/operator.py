"""Operator: one step with a forward and a backward."""

import numpy as np

from kerasnp.autodiff.variable import Variable
from kerasnp.autodiff.tape import current


class Operator:
    """A step of the graph: `forward(*arrays)` and `backward(dy)`.

    Without an open tape a call runs `forward` and returns its bare array. Under a tape it also notes its inputs and
    returns a Variable. `backward` receives the gradient of each output (None for one that nothing used) and returns
    the gradient of each input, None where there is none. It must not write into `dy` or what was saved, unless the
    class says `consumes_dy = True`; then it is handed a `dy` that nobody else holds.

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
    recorded = False
    saved = ()
    inputs = ()
    position = 0

    def __call__(self, *inputs):
        tape = current()
        if tape is None:
            return self.forward(*[x.value if isinstance(x, Variable) else x for x in inputs])
        wanted = [isinstance(x, Variable) and x.trainable for x in inputs]
        arrays = [x.value if isinstance(x, Variable) else x for x in inputs]
        if True not in wanted:
            return self.forward(*arrays)
        self.recorded = True
        self.inputs = inputs
        self.wanted = wanted
        y = self.forward(*arrays)
        tape.append(self)
        if type(y) is tuple:
            self.grads = [None] * len(y)
            self.specs = [(a.shape, a.dtype) for a in y]
            return tuple(Variable.result(a, self, i) for i, a in enumerate(y))
        self.grads = [None]
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
        """Whether the gradient of input `i` is needed."""
        return i < len(self.wanted) and self.wanted[i]

    def out(self, i):
        """Memory that the gradient of input `i` may be written to, or None."""
        variable = self.inputs[i]
        buffer = variable.grad_buffer if isinstance(variable, Variable) else None
        if buffer is None or not self.lend_buffers or id(variable) in self.leaf_grads:
            return None
        return buffer

    lend_buffers = False
    leaf_grads = None
