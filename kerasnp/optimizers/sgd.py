"""Gradient descent: plain, with momentum, with Nesterov's."""

from kerasnp import backend as K
from kerasnp.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    m = momentum * m - lr * g;   w = w + m, or with Nesterov's momentum w + momentum * m - lr * g

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0])
    >>> SGD(learning_rate=0.5).apply([[1.0]], [w])
    >>> w.numpy()
    array([0.5], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        momentum: share of the last step that goes into the next, in [0, 1].
        nesterov: look ahead along the momentum.

    Raises: ValueError for a momentum outside [0, 1].

    Reference: Sutskever et al. (2013), On the importance of initialization and momentum in deep learning.
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1], both included. Received: momentum={momentum!r}")
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("momentum",) if momentum else ()

    def update(self, w, g, *slots_and_step):
        *slots, step = slots_and_step
        move = K.multiply(g, step, K.scratch(w))
        for m in slots:
            m *= self.momentum
            m -= move
            w += K.multiply(m, self.momentum, K.scratch(w, 1)) if self.nesterov else m
        if self.nesterov or not slots:
            w -= move

    def _layouts(self):
        yield from super()._layouts()
        if not self.momentum:  # Keras 2 keeps zeros for a momentum nobody asked for
            yield [self._iterations, *[None] * len(self._trainable_variables)]


class Momentum(SGD):
    """SGD with momentum 0.9; saved as SGD.

    >>> import kerasnp
    >>> w, optimizer = kerasnp.Variable([1.0]), Momentum(learning_rate=0.1)
    >>> for _ in range(2):
    ...     optimizer.apply([[1.0]], [w])
    ...     print(w.numpy().round(4))  # steps of 0.1 and 0.1 + 0.9 * 0.1
    [0.9]
    [0.71]

    Args:
        learning_rate: a number, a schedule, or a function.
        momentum: share of the last step that goes into the next, in [0, 1].
        nesterov: look ahead along the momentum.

    Reference: Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    """

    saved_as = SGD

    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=False, **kwargs):
        super().__init__(learning_rate, momentum, nesterov, **kwargs)


class Nesterov(SGD):
    """SGD with Nesterov's momentum 0.9; saved as SGD.

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0])
    >>> Nesterov(learning_rate=0.1).apply([[1.0]], [w])
    >>> w.numpy().round(4)  # 1 - 0.1 * (1 + 0.9)
    array([0.81], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        momentum: share of the last step that goes into the next, in [0, 1].
        nesterov: look ahead along the momentum.

    Reference: Nesterov (1983), A method for solving the convex programming problem with convergence rate O(1/k^2).
    """

    saved_as = SGD

    def __init__(self, learning_rate=0.01, momentum=0.9, nesterov=True, **kwargs):
        super().__init__(learning_rate, momentum, nesterov, **kwargs)
