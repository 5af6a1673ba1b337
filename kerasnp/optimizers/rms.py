"""Steps divided by a root of squared gradients: Adagrad, Adadelta, RMSprop."""

from kerasnp import backend as K
from kerasnp.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """Adagrad: steps shrink with all the squared gradients so far.

    a = a + g^2;   w = w - lr * g / sqrt(a + epsilon)

    >>> import kerasnp
    >>> w, optimizer = kerasnp.Variable([1.0]), Adagrad(learning_rate=0.1, initial_accumulator_value=0.0)
    >>> for _ in range(2):
    ...     optimizer.apply([[5.0]], [w])
    ...     print(w.numpy().round(4))  # steps of 0.1 and 0.1 / sqrt(2)
    [0.9]
    [0.8293]

    Args:
        learning_rate: a number, a schedule, or a function.
        initial_accumulator_value: what a starts from, not negative.
        epsilon: keeps the division finite.

    Raises: ValueError for a negative initial value.

    Reference: Duchi et al. (2011), Adaptive subgradient methods for online learning.
    """

    slots = ("accumulator",)

    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        if initial_accumulator_value < 0:
            raise ValueError(
                "`initial_accumulator_value` must not be negative. "
                f"Received: initial_accumulator_value={initial_accumulator_value}"
            )
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def initial_value(self, slot):
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def update(self, w, g, a, step):
        d = K.scratch(w)
        a += K.square(g, d)
        K.sqrt(K.add(a, self.epsilon, d), d)
        w -= K.multiply(K.divide(g, d, d), step, d)


AdaGrad = Adagrad


class RMSprop(Optimizer):
    """RMSprop: steps divided by a moving root mean square of the gradient.

    v = rho * v + (1 - rho) * g^2;   m = momentum * m + lr * g / sqrt(v + epsilon);   w = w - m

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0, 1.0])
    >>> RMSprop(learning_rate=0.1, rho=0.75).apply([[5.0, 0.5]], [w])
    >>> w.numpy().round(4)  # as far for a small gradient as for a large one
    array([0.8, 0.8], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        rho: share of the old mean that stays.
        momentum: share of the last step that goes into the next.
        epsilon: keeps the division finite.
        centered: divide by the standard deviation instead: v less the square of a moving mean of g.

    Reference: Hinton (2012), Neural networks for machine learning, lecture 6e.
    """

    slots = ("velocity",)

    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        self.late_slots = ("momentum",) * (momentum > 0) + ("average_gradient",) * bool(centered)

    def update(self, w, g, v, *late_and_step):
        *late, step = late_and_step
        d = K.scratch(w)
        v *= self.rho
        v += K.multiply(K.square(g, d), 1 - self.rho, d)
        if self.centered:
            mean = late[-1]
            mean *= self.rho
            mean += K.multiply(g, 1 - self.rho, d)
            variance = K.subtract(v, K.square(mean, d), d)
        else:
            variance = v
        K.sqrt(K.add(variance, self.epsilon, d), d)
        move = K.multiply(K.divide(g, d, d), step, d)
        if self.momentum > 0:
            m = late[0]
            m *= self.momentum
            m += move
            move = m
        w -= move


RMSProp = RMSprop


class Adadelta(Optimizer):
    """Adadelta: the ratio of two moving root mean squares, of steps and of gradients.

    v = rho * v + (1 - rho) * g^2;   d = g * sqrt(u + epsilon) / sqrt(v + epsilon)
    u = rho * u + (1 - rho) * d^2;   w = w - lr * d

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0])
    >>> Adadelta(learning_rate=1.0, epsilon=1e-2).apply([[5.0]], [w])
    >>> w.numpy().round(3)
    array([0.555], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function; 1.0 is the paper's.
        rho: share of the old means that stays.
        epsilon: keeps the division finite and the first steps from vanishing.

    Reference: Zeiler (2012), ADADELTA, arXiv:1212.5701.
    """

    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho, self.epsilon = rho, epsilon

    def update(self, w, g, v, u, step):
        d, e = K.scratch(w), K.scratch(w, 1)
        v *= self.rho
        v += K.multiply(K.square(g, d), 1 - self.rho, d)
        K.multiply(K.sqrt(K.add(u, self.epsilon, d), d), g, d)
        K.divide(d, K.sqrt(K.add(v, self.epsilon, e), e), d)
        u *= self.rho
        u += K.multiply(K.square(d, e), 1 - self.rho, e)
        w -= K.multiply(d, step, d)
