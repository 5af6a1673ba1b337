"""Lion: the sign of a momentum."""

from kerasnp import backend as K
from kerasnp.optimizers.optimizer import Optimizer


class Lion(Optimizer):
    """Lion: steps of one length, in the direction of a momentum's sign.

    w = w - lr * sign(beta_1 * m + (1 - beta_1) * g);   m = beta_2 * m + (1 - beta_2) * g

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0, 1.0])
    >>> Lion(learning_rate=0.25).apply([[5.0, -0.5]], [w])
    >>> w.numpy()
    array([0.75, 1.25], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function; a tenth to a third of Adam's.
        beta_1: share of the momentum in the step, in (0, 1].
        beta_2: share of the old momentum that stays.

    Raises: ValueError for a beta_1 outside (0, 1].

    Reference: Chen et al. (2023), Symbolic discovery of optimization algorithms, arXiv:2302.06675.
    """

    slots = ("momentum",)

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Lion: beta_1 must be above 0 and at most 1; without it, the steps would be signs of single gradients. "
                f"Received: beta_1={beta_1}."
            )
        self.beta_1, self.beta_2 = beta_1, beta_2

    def step(self, lr, t, real):
        return lr, 1 - real(self.beta_1), 1 - real(self.beta_2)

    def update(self, w, g, m, step):
        lr, c1, c2 = step
        d, e = K.scratch(w), K.scratch(w, 1)
        K.sign(K.add(K.multiply(m, self.beta_1, d), K.multiply(g, c1, e), d), d)
        w -= K.multiply(d, lr, d)
        m *= self.beta_2
        m += K.multiply(g, c2, e)
