"""Keras's wrapper for half precision, which is not needed here."""

from kerasnp.optimizers.optimizer import Optimizer


class LossScaleOptimizer(Optimizer):
    """Refuses: half precision saves nothing on the processors that kerasnp is for, so nobody needs a scale that adapts.

    >>> LossScaleOptimizer("sgd")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: LossScaleOptimizer is not supported: ...
    """

    def __init__(self, inner_optimizer=None, initial_scale=32768.0, dynamic_growth_steps=2000, **kwargs):
        raise ValueError(
            "LossScaleOptimizer is not supported: train in float32, where gradients do not underflow, with the inner "
            "optimizer itself; for half precision and a fixed scale it takes `loss_scale_factor`."
        )
