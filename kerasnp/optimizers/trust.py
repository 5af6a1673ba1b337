"""Rules that look at a whole variable: Lamb and Adafactor."""

import math

from kerasnp import backend as K
from kerasnp.autodiff.variable import Variable
from kerasnp.optimizers.optimizer import Optimizer
from kerasnp.optimizers.storage import norm


class Lamb(Optimizer):
    """LAMB: the direction of Adam, its length in proportion to that of the weights.

    m and v as in Adam;   r = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon);   w = w - lr * |w| / |r| * r

    >>> import kerasnp
    >>> w = kerasnp.Variable([3.0, 4.0])
    >>> Lamb(learning_rate=0.1).apply([[5.0, 5.0]], [w])
    >>> w.numpy().round(3)  # a step of 0.1 * 5, the length of w
    array([2.646, 3.646], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        beta_1, beta_2: shares of the old means that stay.
        epsilon: keeps the division finite.

    Reference: You et al. (2019), Large batch optimization for deep learning, arXiv:1904.00962.
    """

    slots = ("momentum", "velocity")
    blockwise = False

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def step(self, lr, t, real):
        return lr, 1 - real(real(self.beta_1) ** t), math.sqrt(1 - real(real(self.beta_2) ** t))

    def update(self, w, g, m, v, step):
        lr, m_bias, v_bias = step
        d, r = K.scratch(w), K.scratch(w, 1)
        m += K.multiply(K.subtract(g, m, d), 1 - self.beta_1, d)
        v += K.multiply(K.subtract(K.square(g, d), v, d), 1 - self.beta_2, d)
        K.divide(K.divide(m, m_bias, r), K.add(K.divide(K.sqrt(v, d), v_bias, d), self.epsilon, d), r)
        weight, length = norm(w), norm(r)
        trust = weight / length if weight > 0 and length > 0 else 1.0
        w -= K.multiply(r, trust * lr, r)


class Adafactor(Optimizer):
    """Adafactor: of the mean squared gradient of a matrix only row and column means are kept; no momentum.

    s = g^2 + epsilon_1;   b = 1 - t^beta_2_decay
    row = b * row + (1 - b) * mean(s, -1);   column = b * column + (1 - b) * mean(s, -2);   v = row * column / mean(row)
    (for vectors v = b * v + (1 - b) * s);   u = g / sqrt(v)
    w = w - max(epsilon_2, rms(w)) * min(lr, 1 / sqrt(t)) * u / max(1, rms(u) / clip_threshold)

    >>> import kerasnp
    >>> w = kerasnp.Variable([[1.0, 1.0], [1.0, 1.0]])
    >>> Adafactor(learning_rate=0.25).apply([[[5.0, 5.0], [0.5, 0.5]]], [w])
    >>> w.numpy().round(4).tolist()  # the share of rms(w) that the rate says, however large the gradient
    [[0.75, 0.75], [0.75, 0.75]]

    Args:
        learning_rate: a number, a schedule, or a function.
        beta_2_decay: exponent that lets the means grow longer.
        epsilon_1: keeps the squares from zero.
        epsilon_2: the smallest scale of a variable.
        clip_threshold: the largest root mean square of an update.
        relative_step: kept in the configuration; as in Keras the rate is at most 1 / sqrt(t) either way.

    Reference: Shazeer and Stern (2018), Adafactor, arXiv:1804.04235.
    """

    slots = ("row", "column", "velocity")
    blockwise = False

    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def make_slot(self, variable, name):
        if name not in ("row", "column"):
            return super().make_slot(variable, name)
        shape = variable.shape
        if len(shape) < 2:  # nothing to factor; files have a placeholder
            return Variable(0, dtype="int32", trainable=False, name=name)
        mean_shape = shape[:-1] if name == "row" else (*shape[:-2], shape[-1])
        return Variable("zeros", mean_shape, variable.dtype, trainable=False, name=name)

    def step(self, lr, t, real):
        # Keras limits the rate whatever `relative_step` says.
        return min(lr, 1 / math.sqrt(t)), 1 - real(t**self.beta_2_decay)

    def update(self, w, g, row, column, v, step):
        lr, b = step
        lr *= max(self.epsilon_2, _rms(w))
        d = K.scratch(w)
        squares = K.add(K.square(g, d), self.epsilon_1, d)
        if w.ndim >= 2:
            row *= b
            row += (1 - b) * squares.mean(axis=-1)
            column *= b
            column += (1 - b) * squares.mean(axis=-2)
            share = row / row.mean(axis=-1, keepdims=True)
            K.multiply(share[..., None], column[..., None, :], v)
        else:
            v *= b
            v += K.multiply(squares, 1 - b, d)
        u = K.divide(g, K.sqrt(v, d), d)
        w -= K.multiply(u, lr / max(1.0, _rms(u) / self.clip_threshold), d)

    def _layouts(self):
        for layout in super()._layouts():
            yield layout
            yield [v for v in layout if v.dtype != "int32"]  # Keras 2 saves no placeholders


def _rms(x):
    return norm(x) / math.sqrt(max(1, x.size))
