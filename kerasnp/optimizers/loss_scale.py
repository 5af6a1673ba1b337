"""Keras's wrapper for half precision, which is not needed here."""

from kerasnp.optimizers.optimizer import Optimizer


class LossScaleOptimizer(Optimizer):
    """Refuses: kerasnp keeps weights and gradients in float32 and has no gradients to save from underflow.

    >>> LossScaleOptimizer("sgd")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: LossScaleOptimizer is not supported: gradients are float32 here ...
    """

    def __init__(self, inner_optimizer=None, initial_scale=32768.0, dynamic_growth_steps=2000, **kwargs):
        raise ValueError(
            "LossScaleOptimizer is not supported: gradients are float32 here and do not underflow. Use the inner "
            "optimizer itself; for a fixed scale it takes `loss_scale_factor`."
        )
