"""Different optimizers for different variables."""

import re

from kerasnp.optimizers.loss_scale import LossScaleOptimizer
from kerasnp.optimizers.optimizer import Optimizer
from kerasnp.saving.config import deserialize_keras_object, serialize_keras_object
from kerasnp.utils.registry import Registered


class OptimizerMap(Registered):
    """Which optimizer moves a variable: the one under its path, else under the one pattern that fits the whole path.

    >>> import kerasnp
    >>> choice = OptimizerMap(kerasnp.optimizers.SGD(), {"encoder/.*": kerasnp.optimizers.Adam()})
    >>> choice["encoder/dense/kernel"].name, choice["top/kernel"].name
    ('adam', 'sgd')

    Args:
        default_optimizer: for variables that nothing fits.
        optimizer_map: optimizers under paths or regular expressions.

    Raises: TypeError for what is no optimizer or no dictionary.
    """

    family = "optimizers"

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                f"OptimizerMap: default_optimizer must be an Optimizer instance. Received: {default_optimizer!r}"
            )
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"OptimizerMap: optimizer_map must be a dictionary. Received: {optimizer_map!r}")
        self.default_optimizer, self.optimizer_map = default_optimizer, {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    def __getitem__(self, key):
        if key in self.optimizer_map:
            return self.optimizer_map[key]
        fitting = [pattern for pattern in self.optimizer_map if re.fullmatch(pattern, key)]
        if len(fitting) > 1:
            raise ValueError(f"Multiple optimizers assigned to variable {key}: the patterns {fitting} fit; keep one.")
        return self.optimizer_map[fitting[0]] if fitting else self.default_optimizer

    def __setitem__(self, key, optimizer):
        if key in self.optimizer_map:
            raise ValueError(f"OptimizerMap: {key!r} already exists with value {self.optimizer_map[key]!r}; delete it first.")
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: a key must be a string. Received: {key!r}")
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"OptimizerMap: expected an Optimizer instance. Received: {optimizer!r}")
        if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"OptimizerMap: optimizer cannot be a {type(optimizer).__name__}.")
        self.optimizer_map[key] = optimizer

    def __delitem__(self, key):
        del self.optimizer_map[key]

    def __len__(self):
        return len(self.optimizer_map)

    def __iter__(self):
        return iter(self.optimizer_map)

    def values(self):
        """The optimizers, without the default one."""
        return self.optimizer_map.values()

    def __call__(self, variable):
        return self[variable.path]

    def get_config(self):
        """The constructor arguments."""
        return {
            "default_optimizer": serialize_keras_object(self.default_optimizer),
            "optimizer_map": {key: serialize_keras_object(o) for key, o in self.optimizer_map.items()},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The map that `get_config` described."""

        def made(part):
            return deserialize_keras_object(part, custom_objects, family="optimizers")

        return cls(made(config["default_optimizer"]), {k: made(o) for k, o in (config["optimizer_map"] or {}).items()})


class MultiOptimizer(Optimizer):
    """Several optimizers at once, each for variables of its own.

    >>> import kerasnp
    >>> from kerasnp.optimizers import SGD, Adam
    >>> both = MultiOptimizer(OptimizerMap(SGD(1.0), {"slow": SGD(0.1)}))
    >>> fast, slow = kerasnp.Variable([1.0], name="fast"), kerasnp.Variable([1.0], name="slow")
    >>> both.apply([[0.5], [0.5]], [fast, slow])
    >>> round(float(fast[0]), 4), round(float(slow[0]), 4)
    (0.5, 0.95)

    Args:
        optimizer_map: an `OptimizerMap`, or a function from a variable to its optimizer.
        loss_scale_factor: that of all of them.
        name: default `multi_optimizer`.

    There is no learning rate of its own: look at those of `optimizers`.

    Raises: ValueError for a variable without an optimizer.
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        self._inner = []
        super().__init__(learning_rate=0.0, name=name, loss_scale_factor=loss_scale_factor)
        self.optimizer_map = optimizer_map
        for optimizer in [*getattr(optimizer_map, "values", list)(), getattr(optimizer_map, "default_optimizer", None)]:
            if optimizer is not None:
                self._include(optimizer)

    def _include(self, optimizer):
        if not any(optimizer is other for other in self._inner):
            optimizer.loss_scale_factor = self.loss_scale_factor
            self._inner.append(optimizer)

    @property
    def optimizers(self):
        """The optimizers.

        >>> import kerasnp
        >>> both = MultiOptimizer(OptimizerMap(kerasnp.optimizers.SGD(), {"top/.*": kerasnp.optimizers.Adam()}))
        >>> [optimizer.name for optimizer in both.optimizers]
        ['adam', 'sgd']
        """
        return self._inner

    def build(self, variables):
        if self.built:
            return
        variables = list(variables)
        chosen = [self.optimizer_map(v) for v in variables]
        for variable, optimizer in zip(variables, chosen):
            if not isinstance(optimizer, Optimizer):
                raise ValueError(f"MultiOptimizer: {variable.path!r} was given something that is no Optimizer: {optimizer!r}")
            if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
                raise ValueError(f"{type(optimizer).__name__} cannot be used inside a MultiOptimizer.")
            self._include(optimizer)
        for optimizer in self._inner:
            own = [v for v, o in zip(variables, chosen) if o is optimizer]
            if own:
                optimizer.build(own)
        self._chosen = {id(v): o for v, o in zip(variables, chosen)}
        self._trainable_variables, self._index = variables, {id(v): i for i, v in enumerate(variables)}
        self.built = True

    def storages(self, variables):
        """Those of each optimizer."""
        self.build(variables)
        chosen = [(o, [v for v in variables if self._chosen.get(id(v)) is o]) for o in self._inner]
        return [storage for optimizer, own in chosen if own for storage in optimizer.storages(own)]

    @property
    def variables(self):
        """The iteration, and what each optimizer keeps."""
        return [self._iterations, self._learning_rate, *(v for o in self._inner for v in o.variables)]

    @property
    def learning_rate(self):
        """None of its own: AttributeError."""
        raise AttributeError(
            "A MultiOptimizer has no learning rate of its own; read those of its `optimizers`."
        )

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError(
            "A MultiOptimizer has no learning rate of its own; set those of its `optimizers`."
        )

    def apply(self, grads, trainable_variables=None):
        """Change each variable by one step of its optimizer.

        Raises: ValueError as each of them does.
        """
        grads = list(grads)
        if not grads:
            return
        if trainable_variables is None and not self.built:
            raise ValueError(
                "Gradients without their variables can be applied once `optimizer.build(trainable_variables)` has said whose "
                "they are; call it first."
            )
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        self.build(variables)
        if len(grads) != len(variables) or len(grads) != len(self._chosen):
            raise ValueError(
                f"MultiOptimizer: gradients and trainable variables must match in number. Received {len(grads)} gradients and "
                f"{len(self._chosen)} variables."
            )
        for v in variables:
            self._get_variable_index(v)
        for optimizer in self._inner:
            pairs = [(g, v) for g, v in zip(grads, variables) if self._chosen[id(v)] is optimizer]
            # An optimizer without any gradient has nothing to do in this step.
            if pairs and any(g is not None for g, _ in pairs):
                optimizer.apply(*map(list, zip(*pairs)))
        self._iterations.value[...] = int(self._iterations.value) + 1

    def finalize_variable_values(self, var_list):
        """Let each optimizer end the training of its variables."""
        for optimizer in self._inner:
            own = [v for v in var_list if self._chosen.get(id(v)) is optimizer]
            if own:
                optimizer.finalize_variable_values(own)

    def loaded(self, layout):
        """Tell each optimizer that its variables have been set."""
        for optimizer in self._inner:
            optimizer.loaded(optimizer.variables)

    def get_config(self):
        """The constructor arguments."""
        return {
            "optimizer_map": serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The optimizer that `get_config` described."""
        choice = deserialize_keras_object(config["optimizer_map"], custom_objects, family="optimizers")
        return cls(**{**config, "optimizer_map": choice})
