"""Follow the regularized leader."""

from kerasnp import backend as K
from kerasnp.optimizers.optimizer import Optimizer


class Ftrl(Optimizer):
    """FTRL-proximal: sparse weights for linear models with many features.

    s = g + 2 * shrinkage * w;   n' = n + g^2;   sigma = (n'^-power - n^-power) / lr;   z = z + s - sigma * w
    w = (clip(z, -l1, l1) - z) / (n'^-power / lr + 2 * (l2 + beta / (2 * lr)))

    >>> import kerasnp
    >>> w = kerasnp.Variable([0.0, 0.0])
    >>> Ftrl(learning_rate=1.0, l1_regularization_strength=1.0).apply([[0.5, 3.0]], [w])
    >>> w.numpy().round(2)  # a gradient below l1 leaves exactly 0
    array([ 0.  , -0.66], dtype=float32)

    Args:
        learning_rate: a number, a schedule, or a function.
        learning_rate_power: how the rate falls over time, not positive; 0 keeps it.
        initial_accumulator_value: what n starts from, not negative.
        l1_regularization_strength, l2_regularization_strength: penalties, not negative.
        l2_shrinkage_regularization_strength: a further penalty on the size of the weights, not negative.
        beta: the paper's beta.

    Raises: ValueError for a number of the wrong sign.

    Reference: McMahan et al. (2013), Ad click prediction: a view from the trenches.
    """

    slots = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        if learning_rate_power > 0:
            raise ValueError(
                f"Ftrl: learning_rate_power must be 0 or less. Received: learning_rate_power={learning_rate_power}."
            )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = _not_negative("initial_accumulator_value", initial_accumulator_value)
        self.l1_regularization_strength = _not_negative("l1_regularization_strength", l1_regularization_strength)
        self.l2_regularization_strength = _not_negative("l2_regularization_strength", l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = _not_negative(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength
        )
        self.beta = beta

    def initial_value(self, slot):
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def update(self, w, g, n, z, step):
        d, e = K.scratch(w), K.scratch(w, 1)
        shrinkage = self.l2_shrinkage_regularization_strength
        z += g
        if shrinkage:
            z += K.multiply(w, 2 * shrinkage, d)
        before = self._root(n, d)
        n += K.square(g, e)
        after = self._root(n, e)
        z -= K.multiply(K.divide(K.subtract(after, before, d), step, d), w, d)
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength + self.beta / (2 * step)
        quadratic = K.add(K.divide(after, step, e), 2 * l2, e)
        K.divide(K.subtract(K.clip(z, -l1, l1, out=d), z, d), quadratic, w)

    def _root(self, n, out):
        return K.sqrt(n, out) if self.learning_rate_power == -0.5 else K.power(n, -self.learning_rate_power, out)


def _not_negative(name, value):
    if value < 0:
        raise ValueError(f"`{name}` needs to be positive or zero. Received: {name}={value}.")
    return value
