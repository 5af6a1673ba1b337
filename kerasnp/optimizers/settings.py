"""The arguments that all optimizers share: checks, configuration, exclusion from weight decay."""

import math
import re
import warnings

from kerasnp import backend as K
from kerasnp.autodiff.variable import Variable
from kerasnp.optimizers.schedules import InverseTimeDecay
from kerasnp.saving.config import deserialize_keras_object, serialize_value
from kerasnp.utils import naming
from kerasnp.utils.registry import Registered, init_parameters


class Settings(Registered, abstract=True):
    """What an optimizer was told; `Optimizer` acts on it."""

    family = "optimizers"

    def __init__(
        self,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        who = type(self).__name__
        if kwargs.pop("decay", None):
            warnings.warn("`decay` belongs to older optimizers and is ignored; use a learning rate schedule.")
        if "lr" in kwargs:
            raise ValueError(f"{who}: the argument `lr` is named `learning_rate` now. Received: lr={kwargs['lr']!r}")
        if kwargs:
            raise ValueError(f"{who}: Argument(s) not recognized: {kwargs}")
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(v is not None for v in clips.values()) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can clip the gradients. Received: "
                f"{', '.join(f'{k}={v}' for k, v in clips.items())}"
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"ema_momentum must lie in [0, 1]. Received: ema_momentum={ema_momentum}")
        if use_ema and ema_overwrite_frequency is not None and not _at_least(1, ema_overwrite_frequency):
            raise ValueError(
                "ema_overwrite_frequency must be None or a positive integer. Received: "
                f"ema_overwrite_frequency={ema_overwrite_frequency!r}"
            )
        if gradient_accumulation_steps is not None and not _at_least(2, gradient_accumulation_steps):
            raise ValueError(
                "gradient_accumulation_steps must be None or an integer of 2 or more. Received: "
                f"gradient_accumulation_steps={gradient_accumulation_steps!r}"
            )
        self.name = name or naming.auto_name(naming.to_snake_case(who))
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum, self.ema_overwrite_frequency = use_ema, ema_momentum, ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._excluded, self._excluded_names = [], []

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leave variables out of weight decay; to be called before the optimizer is built.

        Args:
            var_list: variables.
            var_names: regular expressions; variables whose name contains a match are left out.

        Raises: ValueError once the optimizer is built.
        """
        if self.built:
            raise ValueError(
                "exclude_from_weight_decay() has to come before the optimizer is built; make a new optimizer for it."
            )
        self._excluded = list(var_list or [])
        self._excluded_names = list(var_names or [])

    def _use_weight_decay(self, variable):
        return not (
            any(variable is v for v in self._excluded) or any(re.search(n, variable.name) for n in self._excluded_names)
        )

    def scale_loss(self, loss):
        """The loss times `loss_scale_factor`, for the tape."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def get_config(self):
        """The constructor arguments, under Keras's names."""
        config = {}
        for name in init_parameters(type(self)):
            value = self._learning_rate if name == "learning_rate" else getattr(self, name)
            config[name] = float(value.value) if isinstance(value, Variable) else serialize_value(value)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Rebuild an optimizer from `get_config()`, Keras 2's included."""
        config = {k: v for k, v in config.items() if k not in _KERAS_2}
        if "lr" in config:
            config["learning_rate"] = config.pop("lr")
        if config.get("epsilon", 0) is None:
            del config["epsilon"]
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config["learning_rate"] = deserialize_keras_object(rate, custom_objects, family="optimizers")
        decay = config.pop("decay", 0.0)
        if decay and is_number(rate):
            config["learning_rate"] = InverseTimeDecay(rate, 1, decay)
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


# Keys that Keras 2 wrote and that change nothing here.
_KERAS_2 = {"jit_compile", "is_legacy_optimizer", "schedule_decay"}


def is_number(x):
    """Whether `x` is a real number: Python's, NumPy's, or a float variable."""
    if isinstance(x, bool):
        return False
    if isinstance(x, (int, float)):
        return not math.isnan(x)
    return getattr(x, "shape", None) == () and K.is_float(x.dtype)


def _at_least(least, value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
