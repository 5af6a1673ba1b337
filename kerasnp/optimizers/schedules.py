"""Learning rates that follow the step, under the names of `keras.optimizers.schedules`.

Each is called with the number of updates so far and returns the rate, a float32.
"""

import bisect
import math

from kerasnp import backend as K
from kerasnp.saving.config import deserialize_keras_object, serialize_value
from kerasnp.utils.registry import Registered


class LearningRateSchedule(Registered, abstract=True):
    """Base of schedules: a subclass stores its arguments and writes `__call__(step)`.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 ** float(step)
    >>> from kerasnp import optimizers
    >>> float(optimizers.SGD(learning_rate=Halving()).learning_rate)
    1.0
    """

    family = "optimizers"
    public_family = "optimizers.schedules"

    def __call__(self, step):
        """The learning rate at `step`."""
        raise NotImplementedError(
            f"{type(self).__name__} must override `__call__(self, step)` to return the rate of a step."
        )


class _Decay(LearningRateSchedule, abstract=True):
    """A schedule given by a formula in `rate(step)`, with a number of `decay_steps`."""

    def __init__(self, initial_learning_rate, decay_steps, name):
        _positive("decay_steps", decay_steps)
        self.initial_learning_rate, self.decay_steps, self.name = initial_learning_rate, decay_steps, name

    def __call__(self, step):
        return K.float32(self.rate(_number(step)))


class ExponentialDecay(_Decay):
    """rate = initial * decay_rate^(step / decay_steps).

    >>> float(ExponentialDecay(1.0, decay_steps=10, decay_rate=0.5)(20))
    0.25

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps after which the rate is `decay_rate` times what it was.
        decay_rate: that factor.
        staircase: change every `decay_steps` steps only.

    Raises: ValueError unless `decay_steps` is positive.
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        super().__init__(initial_learning_rate, decay_steps, name)
        self.decay_rate, self.staircase = decay_rate, staircase

    def rate(self, step):
        """The formula."""
        p = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (math.floor(p) if self.staircase else p)


class InverseTimeDecay(_Decay):
    """rate = initial / (1 + decay_rate * step / decay_steps).

    >>> float(InverseTimeDecay(1.0, decay_steps=1, decay_rate=0.5)(2))
    0.5

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: how often the decay applies.
        decay_rate: the decay.
        staircase: change every `decay_steps` steps only.

    Raises: ValueError unless `decay_steps` is positive.
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        super().__init__(initial_learning_rate, decay_steps, name)
        self.decay_rate, self.staircase = decay_rate, staircase

    def rate(self, step):
        """The formula."""
        p = step / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (math.floor(p) if self.staircase else p))


class PolynomialDecay(_Decay):
    """rate = (initial - end) * (1 - min(step, decay_steps) / decay_steps)^power + end.

    >>> float(PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.0)(1))
    0.75

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps until the end.
        end_learning_rate: the rate at the end.
        power: of the polynomial; 1 is a straight line.
        cycle: after the end, go on with `decay_steps` doubled, tripled, ..., whichever is next above the step.

    Raises: ValueError unless `decay_steps` is positive.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, name)
        self.end_learning_rate, self.power, self.cycle = end_learning_rate, power, cycle

    def rate(self, step):
        """The formula."""
        steps = self.decay_steps
        if self.cycle:
            steps *= max(1, math.ceil(step / steps))
        p = min(step, steps) / steps
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - p) ** self.power + self.end_learning_rate


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to step boundaries[0] inclusive, then values[1] up to boundaries[1], and so on.

    >>> schedule = PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25])
    >>> float(schedule(10)), float(schedule(11)), float(schedule(100))
    (1.0, 0.5, 0.25)

    Args:
        boundaries: increasing numbers of steps.
        values: the rates, one more than boundaries.

    Raises: ValueError for another number of values.
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: there must be one more of values than of boundaries. Received: {len(boundaries)} "
                f"boundaries, {boundaries}, and {len(values)} values, {values}"
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step):
        return K.float32(self.values[bisect.bisect_left(self.boundaries, _number(step))])


class CosineDecay(_Decay):
    """rate = initial * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha), perhaps after a linear rise.

    >>> round(float(CosineDecay(1.0, decay_steps=10)(5)), 6)
    0.5

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: length of the decay.
        alpha: the rate at the end, as a share of that at the start of the decay.
        warmup_target: the rate to rise to first; None for no warm-up.
        warmup_steps: length of the rise.

    Raises: ValueError unless `decay_steps` is positive.

    Reference: Loshchilov and Hutter (2016), SGDR, arXiv:1608.03983.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay", warmup_target=None, warmup_steps=0
    ):
        super().__init__(initial_learning_rate, decay_steps, name)
        self.alpha, self.warmup_target, self.warmup_steps = alpha, warmup_target, warmup_steps
        if warmup_target is not None and warmup_steps < 0:
            raise ValueError(f"Argument `warmup_steps` must be >= 0. Received: warmup_steps={warmup_steps}")

    def rate(self, step):
        """The formula."""
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            top, step = self.warmup_target, step - self.warmup_steps
        return top * _cosine(min(step / self.decay_steps, 1), self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts again: each period is `t_mul` times as long and `m_mul` times as high as the last.

    >>> schedule = CosineDecayRestarts(1.0, first_decay_steps=10)
    >>> float(schedule(0)), float(schedule(10))
    (1.0, 1.0)

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: length of the first period.
        t_mul: factor on the length.
        m_mul: factor on the rate.
        alpha: the lowest rate, as a share of the initial one.

    Raises: ValueError unless `first_decay_steps` is positive.

    Reference: Loshchilov and Hutter (2016), SGDR, arXiv:1608.03983.
    """

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        _positive("first_decay_steps", first_decay_steps)
        self.initial_learning_rate, self.first_decay_steps, self.name = initial_learning_rate, first_decay_steps, name
        self.t_mul, self.m_mul, self.alpha = t_mul, m_mul, alpha

    def __call__(self, step):
        p = _number(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            period = math.floor(p)
            p -= period
        else:
            period = math.floor(math.log(1 - p * (1 - self.t_mul)) / math.log(self.t_mul))
            p = (p - (1 - self.t_mul**period) / (1 - self.t_mul)) / self.t_mul**period
        return K.float32(self.initial_learning_rate * _cosine(p, self.alpha, self.m_mul**period))


def _cosine(p, low, high=1.0):
    return (1 - low) * high * 0.5 * (1 + math.cos(math.pi * p)) + low


def _number(step):
    return float(getattr(step, "value", step))


def _positive(name, value):
    if not value > 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")


def serialize(learning_rate_schedule):
    """The configuration of a schedule.

    >>> serialize(ExponentialDecay(1.0, decay_steps=10, decay_rate=0.5))["config"]["decay_rate"]
    0.5
    """
    return serialize_value(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule that `serialize` described.

    >>> float(deserialize(serialize(ExponentialDecay(1.0, decay_steps=10, decay_rate=0.5)))(10))
    0.5
    """
    return deserialize_keras_object(config, custom_objects, family="optimizers")
