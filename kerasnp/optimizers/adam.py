"""Adam and its variants: a moving mean of the gradient, divided by one of its size."""

import math

from kerasnp import backend as K
from kerasnp.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Adam: moving means of the gradient and its square, their start from zero made up for.

    m = m + (1 - beta_1) * (g - m);   v = v + (1 - beta_2) * (g^2 - v)
    w = w - lr * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0])
    >>> Adam(learning_rate=0.1).apply([[5.0]], [w])
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        beta_1, beta_2: shares of the old means that stay.
        epsilon: keeps the division finite; the paper's "epsilon hat".
        amsgrad: divide by the largest v so far.

    Reference: Kingma and Ba (2014), Adam, arXiv:1412.6980; Reddi et al. (2018), On the convergence of Adam and beyond.
    """

    slots = ("momentum", "velocity")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.late_slots = ("velocity_hat",) if amsgrad else ()

    def step(self, lr, t, real):
        # Rounded where Keras rounds: 1 - 0.999 in float32 is off by 1e-5, which shows in the first steps.
        b1, b2 = real(real(self.beta_1) ** t), real(real(self.beta_2) ** t)
        return lr * math.sqrt(1 - b2) / (1 - b1)

    def update(self, w, g, m, v, *late_and_step):
        *late, step = late_and_step
        d = K.scratch(w)
        m += K.multiply(K.subtract(g, m, d), 1 - self.beta_1, d)
        v += K.multiply(K.subtract(K.square(g, d), v, d), 1 - self.beta_2, d)
        for largest in late:
            v = K.maximum(largest, v, out=largest)
        w -= K.multiply(K.divide(m, K.add(K.sqrt(v, d), self.epsilon, d), d), step, d)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: first w = w - lr * weight_decay * w.

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0])
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).apply([[5.0]], [w])
    >>> w.numpy().round(4)  # 1 - 0.1 * 0.5 * 1, then Adam's step of 0.1
    array([0.85], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        weight_decay: the decay, a number.
        beta_1, beta_2: shares of the old means that stay.
        epsilon: keeps the division finite.
        amsgrad: divide by the largest v so far.

    Raises: ValueError when `weight_decay` is None.

    Reference: Loshchilov and Hutter (2017), Decoupled weight decay regularization, arXiv:1711.05101.
    """

    def __init__(
        self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs
    ):
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay must be a number, 0.0 for none. Received: weight_decay=None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule: gradients are taken between the newest weights z and the mean x of all so far.

    v as in Adam;   z = z - lr * g / (sqrt(v / (1 - beta_2^t)) + epsilon);   x = x + (z - x) / t
    w = (1 - beta_1) * z + beta_1 * x

    Files keep z as "momentum"; x is told by w and z.

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0])
    >>> ScheduleFreeAdamW(learning_rate=0.1).apply([[5.0]], [w])
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        beta_1: where between z and x the gradients are taken.
        beta_2: the share of the old mean square that stays.
        epsilon: keeps the division finite.
        warmup_steps: updates in which the learning rate rises from nothing.

    Reference: Defazio et al. (2024), The road less scheduled, arXiv:2405.15682.
    """

    slots = ("momentum", "velocity")

    def __init__(self, learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.warmup_steps = beta_1, beta_2, epsilon, warmup_steps

    def make_slot(self, variable, name):
        slot = super().make_slot(variable, name)
        if name == "momentum":
            slot.value[...] = variable.value
        return slot

    def step(self, lr, t, real):
        warm = min(t / self.warmup_steps, 1.0) if self.warmup_steps else 1.0
        b2 = real(self.beta_2)
        return lr * warm, 1 - b2, math.sqrt(1 - real(b2**t)), 1 / t

    def update(self, w, g, z, v, step):
        lr, c2, root, share = step
        d, e = K.scratch(w), K.scratch(w, 1)
        v += K.multiply(K.subtract(K.square(g, d), v, d), c2, d)
        # beta_1 * x before z moves.
        w -= K.multiply(z, 1 - self.beta_1, d)
        K.add(K.divide(K.sqrt(v, d), root, d), self.epsilon, d)
        z -= K.multiply(K.divide(g, d, d), lr, d)
        w *= 1 - share
        w += K.multiply(z, self.beta_1 * share + (1 - self.beta_1), e)


class Adamax(Optimizer):
    """Adamax: Adam with the decayed maximum of |g| in place of the root mean square.

    m = m + (1 - beta_1) * (g - m);   u = max(beta_2 * u, |g|);   w = w - lr / (1 - beta_1^t) * m / (u + epsilon)

    >>> import kerasnp
    >>> w, optimizer = kerasnp.Variable([1.0]), Adamax(learning_rate=0.1)
    >>> optimizer.apply([[5.0]], [w])
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        beta_1, beta_2: decay of the mean and of the maximum.
        epsilon: keeps the division finite.

    Reference: Kingma and Ba (2014), Adam, arXiv:1412.6980, section 7.
    """

    slots = ("momentum", "norm")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def step(self, lr, t, real):
        return lr / (1 - real(real(self.beta_1) ** t))

    def update(self, w, g, m, u, step):
        d = K.scratch(w)
        m += K.multiply(K.subtract(g, m, d), 1 - self.beta_1, d)
        u *= self.beta_2
        K.maximum(u, K.abs(g, d), out=u)
        w -= K.multiply(K.divide(m, K.add(u, self.epsilon, d), d), step, d)


class Nadam(Optimizer):
    """Nadam: Adam with Nesterov's momentum, by a schedule mu_t = beta_1 * (1 - 0.96^t / 2) whose products are p_t.

    m and v as in Adam;   n = mu_(t+1) * m / (1 - p_(t+1)) + (1 - mu_t) * g / (1 - p_t)
    w = w - lr * n / (sqrt(v / (1 - beta_2^t)) + epsilon)

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0])
    >>> Nadam(learning_rate=0.1).apply([[5.0]], [w])
    >>> w.numpy().round(3)
    array([0.894], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        beta_1, beta_2: shares of the old means that stay.
        epsilon: keeps the division finite.

    Reference: Dozat (2016), Incorporating Nesterov momentum into Adam.
    """

    slots = ("momentum", "velocity")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self._u_product = self.add_variable((), "ones", variables[0].dtype if variables else None, name="u_product")

    def _mu(self, t):
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def before_update(self, t):
        self._u_product.value[...] = float(self._u_product.value) * self._mu(t)

    def step(self, lr, t, real):
        mu, following, product = self._mu(t), self._mu(t + 1), float(self._u_product.value)
        m_share, g_share = following / (1 - product * following), (1 - mu) / (1 - product)
        b1, b2 = real(self.beta_1), real(self.beta_2)
        return m_share * lr, g_share * lr, 1 - b1, 1 - b2, math.sqrt(1 - real(b2**t))

    def update(self, w, g, m, v, step):
        m_share, g_share, c1, c2, root = step
        d, e = K.scratch(w), K.scratch(w, 1)
        m += K.multiply(K.subtract(g, m, d), c1, d)
        v += K.multiply(K.subtract(K.square(g, d), v, d), c2, d)
        n = K.add(K.multiply(m, m_share, d), K.multiply(g, g_share, e), d)
        w -= K.divide(n, K.add(K.divide(K.sqrt(v, e), root, e), self.epsilon, e), d)

    def _layouts(self):
        for layout in super()._layouts():
            yield layout
            if layout and self._added and layout[-1] is self._u_product:  # Keras 2 saves no product
                yield layout[:-1]

    def loaded(self, layout):
        if not any(v is self._u_product for v in layout):
            product, t = 1.0, 0
            while t < self._updates and product > 1e-300:  # whatever a file gives as the number of steps
                t += 1
                product *= self._mu(t)
            self._u_product.assign(product)
