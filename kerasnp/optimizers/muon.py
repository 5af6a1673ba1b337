"""Muon: matrices moved by orthogonal steps."""

import math
import re

from kerasnp import backend as K
from kerasnp.optimizers.optimizer import Optimizer
from kerasnp.optimizers.storage import norm


class Muon(Optimizer):
    """Muon: the momentum of a matrix, its singular values brought near one, is the step; all else moves by AdamW.

    m = momentum * m + g;   u = g + momentum * m (without `nesterov` m);   x = u / |u|
    `ns_steps` times   x = a x + (b A + c A^2) x with A = x x';   w = w - lr * rms_rate * sqrt(longer side) * x

    >>> import kerasnp
    >>> w = kerasnp.Variable([[0.0, 0.0], [0.0, 0.0]])
    >>> Muon(learning_rate=1.0, weight_decay=None, rms_rate=None).apply([[[9.0, 0.0], [0.0, 2.0]]], [w])
    >>> w.numpy().round(1)
    array([[-0.7,  0. ],
           [ 0. , -0.7]], dtype=float32)

    Matrices are variables of two axes; those whose path holds "embedding", or fits one of `exclude_layers`, are AdamW's.

    Args:
        learning_rate: a number, a schedule, or a function.
        adam_beta_1, adam_beta_2, epsilon: of AdamW.
        adam_weight_decay: weight decay of the variables that AdamW moves, or None.
        weight_decay: that of the matrices, or None.
        exclude_layers: regular expressions, sought in the paths of variables.
        exclude_embeddings: whether embeddings are AdamW's.
        muon_a, muon_b, muon_c: the polynomial that is iterated.
        adam_lr_ratio: AdamW's share of the learning rate.
        momentum, nesterov: of the matrices.
        ns_steps: how often the polynomial is applied.
        rms_rate: the root mean square of a step, about that of Adam; None: no such scaling.

    Reference: Jordan et al. (2024), Muon; Liu et al. (2025), Muon is scalable for LLM training, arXiv:2502.16982.
    """

    slots = ("momentum", "velocity")
    blockwise = False

    def __init__(
        self, learning_rate=0.001, adam_beta_1=0.9, adam_beta_2=0.999, adam_weight_decay=0.004, epsilon=1e-7,
        weight_decay=0.004, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None,
        exclude_layers=None, exclude_embeddings=True, muon_a=3.4445, muon_b=-4.775, muon_c=2.0315, adam_lr_ratio=1,
        momentum=0.95, ns_steps=5, nesterov=True, rms_rate=0.2, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate=learning_rate, weight_decay=weight_decay, clipnorm=clipnorm, clipvalue=clipvalue,
            global_clipnorm=global_clipnorm, use_ema=use_ema, ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency, loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps, name=name, **kwargs,
        )  # fmt: skip
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.muon_a, self.muon_b, self.muon_c, self.ns_steps = muon_a, muon_b, muon_c, ns_steps
        self.momentum, self.nesterov, self.rms_rate = momentum, nesterov, rms_rate
        self.exclude_layers, self.exclude_embeddings = exclude_layers or [], exclude_embeddings

    def is_adams(self, variable):
        """Whether AdamW moves a variable."""
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def build(self, variables):
        if not self.built:
            super().build(variables)
            # Matrices have no velocity, in files at least; here its zeros are never touched.
            idle = {id(s) for v, s in zip(variables, self._slots["velocity"]) if not self.is_adams(v)}
            self._ordered = [slot for slot in self._ordered if id(slot) not in idle]

    def decay_of(self, piece):
        return self.adam_weight_decay if self.is_adams(piece.variables[0]) else self.weight_decay

    def rule_of(self, piece):
        return self.adam if self.is_adams(piece.variables[0]) else self.muon

    def step(self, lr, t, real):
        b1, b2 = real(real(self.adam_beta_1) ** t), real(real(self.adam_beta_2) ** t)
        return lr, lr * self.adam_lr_ratio * math.sqrt(1 - b2) / (1 - b1)

    def adam(self, w, g, m, v, step):
        """The rule of Adam."""
        d = K.scratch(w)
        m += K.multiply(K.subtract(g, m, d), 1 - self.adam_beta_1, d)
        v += K.multiply(K.subtract(K.square(g, d), v, d), 1 - self.adam_beta_2, d)
        w -= K.multiply(K.divide(m, K.add(K.sqrt(v, d), self.epsilon, d), d), step[1], d)

    def muon(self, w, g, m, v, step):
        """The rule for matrices."""
        m *= self.momentum
        m += g
        scale = 1.0 if self.rms_rate is None else self.rms_rate * math.sqrt(max(w.shape))
        w -= self.orthogonal(g + self.momentum * m if self.nesterov else m) * (step[0] * scale)

    def orthogonal(self, x):
        """A matrix with the singular vectors of x and singular values near one."""
        tall = x.shape[0] > x.shape[1]
        x = (x.T if tall else x) / (norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            a = K.matmul(x, x.T)
            x = self.muon_a * x + K.matmul(self.muon_b * a + self.muon_c * K.matmul(a, a), x)
        return x.T if tall else x
