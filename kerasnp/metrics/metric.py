"""Metric: a number gathered over batches, its state held in variables."""

from kerasnp import backend as K
from kerasnp import dtype_policies
from kerasnp.autodiff.variable import Variable
from kerasnp.utils.naming import auto_name, to_snake_case
from kerasnp.utils.registry import Registered, defaults


class Metric(Registered, abstract=True):
    """Base of all metrics: a subclass makes its state with `add_variable` and writes `update_state` and `result`.

    >>> class Largest(Metric):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.top = self.add_variable((), "zeros", name="top")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.top.assign(max(self.top.value, y_pred.max()))
    ...     def result(self):
    ...         return self.top.value
    >>> metric = Largest()
    >>> metric.update_state(None, K.array([1.0, 3.0]))
    >>> float(metric.result())
    3.0

    Args:
        dtype: the type of the state, a name or a policy; default: the default float type.
        name: default is the class name in snake case, made unique.
    """

    family = "metrics"
    # Arguments that a configuration of Keras leaves out; written only where they were changed, so that nothing is lost.
    unlisted: tuple[str, ...] = ()

    def __init__(self, dtype=None, name=None):
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self.dtype_policy = dtype_policies.get(dtype or K.floatx())
        self._dtype = self.dtype_policy.compute_dtype

    @property
    def dtype(self):
        """The name of the type the metric computes in.

        >>> from kerasnp import metrics
        >>> metrics.Mean(dtype="float64").dtype
        'float64'
        """
        return self._dtype

    # -- what a subclass writes -------------------------------------------------------------------------------------

    def update_state(self, *args, **kwargs):
        """Take a batch into account.

        >>> from kerasnp import metrics
        >>> mean = metrics.Mean()
        >>> mean.update_state([1.0, 3.0])
        >>> mean.update_state([5.0])
        >>> float(mean.result())
        3.0
        """
        raise NotImplementedError(
            f"{type(self).__name__}: write update_state(self, y_true, y_pred, sample_weight=None)."
        )

    def result(self):
        """The value so far: a scalar, an array, or a dictionary of these.

        >>> from kerasnp import metrics
        >>> mean = metrics.Mean()
        >>> mean.update_state([1.0, 3.0], sample_weight=[3.0, 1.0])
        >>> float(mean.result())
        1.5
        """
        raise NotImplementedError(f"{type(self).__name__}: write result(self), returning the value so far.")

    def reset_state(self):
        """Forget all batches.

        >>> from kerasnp import metrics
        >>> mean = metrics.Mean()
        >>> mean.update_state([1.0, 3.0])
        >>> mean.reset_state()
        >>> float(mean.result())
        0.0
        """
        for variable in self.variables:
            variable.value.fill(0)

    # -- state ------------------------------------------------------------------------------------------------------

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None):
        """Make a variable of this metric's state; it is saved with it and set to zero by `reset_state`.

        >>> class Calls(Metric):
        ...     def __init__(self):
        ...         super().__init__(name="calls")
        ...         self.seen = self.add_variable((), "zeros", name="seen")
        >>> Calls().seen.path
        'calls/seen'
        """
        variable = Variable(
            initializer,
            shape=shape,
            dtype=dtype or self.dtype,
            trainable=False,
            aggregation=aggregation,
            name=name or auto_name("variable"),
        )
        variable.path = f"{self.name}/{variable.name}"
        self._own_variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """`add_variable` under the name that layers use; zeros by default.

        >>> class Calls(Metric):
        ...     def __init__(self):
        ...         super().__init__(name="calls")
        ...         self.seen = self.add_weight(name="seen")
        >>> Calls().seen.shape
        ()
        """
        return self.add_variable(shape, initializer or "zeros", dtype=dtype, name=name)

    @property
    def variables(self):
        """The state: this metric's variables, then those of the metrics it holds.

        >>> from kerasnp import metrics
        >>> mean = metrics.Mean()
        >>> mean.update_state([1.0, 3.0])
        >>> [float(v) for v in mean.variables]  # the sum and the number
        [4.0, 2.0]
        """
        return [*self._own_variables, *(v for metric in self._nested for v in metric.variables)]

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        object.__setattr__(self, "_own_variables", [])
        object.__setattr__(self, "_nested", [])
        return self

    def __setattr__(self, name, value):
        self._track(value)
        object.__setattr__(self, name, value)

    def _track(self, value):
        """Note the variables and metrics in an attribute, which become part of the state."""
        if isinstance(value, (Variable, Metric)):
            held = self._own_variables if isinstance(value, Variable) else self._nested
            if all(value is not other for other in held):
                held.append(value)
        elif isinstance(value, (list, tuple, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                self._track(item)

    # -- calls ------------------------------------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        """Take a batch into account and return the value so far.

        >>> from kerasnp import metrics
        >>> mean = metrics.Mean()
        >>> float(mean([1.0, 3.0])), float(mean([5.0]))
        (2.0, 3.0)
        """
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """The state that `update_state` would make out of `metric_variables`; the metric itself stays as it is.

        >>> from kerasnp import metrics
        >>> mean = metrics.Mean()
        >>> [float(v) for v in mean.stateless_update_state([4.0, 2.0], [6.0])]
        [10.0, 3.0]
        """
        return self._with_state(metric_variables, lambda: self.update_state(*args, **kwargs), keep=True)

    def stateless_result(self, metric_variables):
        """The result for a given state.

        >>> from kerasnp import metrics
        >>> float(metrics.Mean().stateless_result([10.0, 4.0]))
        2.5
        """
        return self._with_state(metric_variables, self.result, keep=False)

    def stateless_reset_state(self):
        """The state of a fresh metric.

        >>> from kerasnp import metrics
        >>> [float(v) for v in metrics.Mean().stateless_reset_state()]
        [0.0, 0.0]
        """
        return self._with_state(self.variables, self.reset_state, keep=True)

    def _with_state(self, values, step, keep):
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: metric_variables must hold one value for each of the "
                f"{len(variables)} variables of the metric. Received: {len(values)} values"
            )
        before = [v.value for v in variables]
        try:
            for variable, value in zip(variables, values):
                variable.value = K.array(getattr(value, "value", value), dtype=variable.value.dtype)
            result = step()
            return [v.value for v in variables] if keep else result
        finally:
            for variable, value in zip(variables, before):
                variable.value = value

    def get_config(self):
        """The constructor arguments that rebuild this metric.

        >>> from kerasnp import metrics
        >>> metrics.BinaryAccuracy(threshold=0.25).get_config()
        {'name': 'binary_accuracy', 'dtype': 'float32', 'threshold': 0.25}
        """
        config = super().get_config()
        for name in self.unlisted:
            if config[name] == defaults(type(self)).get(name):
                del config[name]
        return {
            "name": self.name,
            "dtype": self.dtype,
            **{k: v for k, v in config.items() if k not in ("name", "dtype")},
        }

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def array(x):
    """`x` as a bare array, which no tape follows."""
    if type(x) is K.ndarray:
        return x
    if isinstance(x, Variable):
        return x.value
    return x if isinstance(x, K.ndarray) else K.tensor(x)


def no_nan(a, b):
    """a / b, and 0 where b is 0."""
    zero = b == 0
    return K.asarray(K.where(zero, 0, a / K.where(zero, 1, b)), b.dtype)
