"""The variables of an optimizer: iteration, learning rate, slots; their order in files, their values by position."""

import warnings

from kerasnp import backend as K
from kerasnp.autodiff.variable import Variable
from kerasnp.optimizers.schedules import LearningRateSchedule
from kerasnp.optimizers.settings import Settings, is_number


class State(Settings, abstract=True):
    """What an optimizer remembers from step to step."""

    # Slots come in files variable by variable, [m1, v1, m2, v2, ...]; late slots follow, each for all variables.
    slots: tuple = ()
    late_slots: tuple = ()

    def __init__(self, learning_rate=0.001, **kwargs):
        super().__init__(**kwargs)
        self.built = False
        self._trainable_variables, self._slots, self._ordered, self._added = [], {}, [], []
        self._iterations = self._own(K.asarray(0, K.int64), "int64", "iteration")
        self._learning_rate = self._rate(learning_rate)

    def build(self, variables):
        """Make the slots for these variables; called by the first `apply`."""
        if self.built:
            return
        self._trainable_variables = list(variables)
        self.built = True
        for name, wanted in (("average", self.use_ema), ("gradient_accumulator", self.gradient_accumulation_steps)):
            if wanted:
                self._slots[name] = [self._like(v, name) for v in variables]
        for name in (*self.slots, *self.late_slots):
            self._slots[name] = [self.make_slot(v, name) for v in variables]
        by_variable = zip(*[self._slots[name] for name in self.slots])
        self._ordered = [slot for group in by_variable for slot in group]
        self._ordered += [slot for name in self.late_slots for slot in self._slots[name]]

    def initial_value(self, slot):
        """What a slot is filled with at first."""
        return 0.0

    def make_slot(self, variable, name):
        """The slot `name` for one variable: an array like it, full of `initial_value(name)`."""
        return self._like(variable, name, self.initial_value(name))

    def _like(self, variable, name, fill=0.0):
        dtype = variable.value.dtype
        array = K.full(variable.shape, fill, dtype) if fill else K.zeros(variable.shape, dtype)  # zeros cost no memory yet
        return self._own(array, variable.dtype, f"{_flat_name(variable)}_{name}")

    def _own(self, value, dtype, name):
        variable = Variable(value, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{name}"
        return variable

    def add_variable(self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None):
        """A further variable of the optimizer, saved after the others."""
        variable = Variable(initializer, shape, dtype, trainable=False, aggregation=aggregation, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._added.append(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """A further variable with the shape and dtype of `reference_variable`."""
        like = reference_variable
        return self.add_variable(like.shape, initializer, like.dtype, name=f"{_flat_name(like)}_{name or 'slot'}")

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """One further variable for each of `trainable_variables`; a tuple of such lists for a list of names."""
        if isinstance(name, (list, tuple)):
            starts = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(name)
            return tuple(self.add_optimizer_variables(trainable_variables, n, i) for n, i in zip(name, starts))
        return [self.add_variable_from_reference(v, name, initializer) for v in trainable_variables]

    def assign(self, variable, value):
        """`variable.assign(value)`, as Keras's optimizers spell it."""
        variable.assign(value)

    def assign_add(self, variable, value):
        """`variable.assign_add(value)`."""
        variable.assign_add(value)

    def assign_sub(self, variable, value):
        """`variable.assign_sub(value)`."""
        variable.assign_sub(value)

    @property
    def variables(self):
        """Everything that files keep: iteration, learning rate (unless scheduled), averages, accumulators, slots.

        >>> import kerasnp
        >>> optimizer = kerasnp.optimizers.SGD(0.5, momentum=0.9)
        >>> optimizer.build([kerasnp.Variable([1.0, 2.0], name="w")])
        >>> [v.name for v in optimizer.variables]
        ['iteration', 'learning_rate', 'w_momentum']
        """
        rate = [self._learning_rate] if isinstance(self._learning_rate, Variable) else []
        averages, accumulators = self._model_variables_moving_average, self._accumulated_gradients
        return [self._iterations, *rate, *averages, *accumulators, *self._ordered, *self._added]

    @property
    def _model_variables_moving_average(self):
        """The moving averages of the weights, under the name they have in Keras."""
        return self._slots.get("average", [])

    @property
    def _accumulated_gradients(self):
        """The sums of the gradients since the last update, under the name they have in Keras."""
        return self._slots.get("gradient_accumulator", [])

    # -- iteration and learning rate --------------------------------------------------------------------------------

    @property
    def iterations(self):
        """The number of updates so far, a Variable; with accumulation, of the completed ones.

        >>> import kerasnp
        >>> w, optimizer = kerasnp.Variable([1.0]), kerasnp.optimizers.SGD(0.5)
        >>> optimizer.apply([[1.0]], [w])
        >>> int(optimizer.iterations)
        1
        """
        if self.gradient_accumulation_steps:
            return Variable(K.asarray(self._updates, K.int64), trainable=False, name="iteration")
        return self._iterations

    @property
    def _updates(self):
        return int(self._iterations.value) // (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self):
        """The learning rate: a Variable, or what a schedule says now. It can be set to a number or a schedule.

        >>> import kerasnp
        >>> optimizer = kerasnp.optimizers.SGD(0.5)
        >>> optimizer.learning_rate = 0.25
        >>> float(optimizer.learning_rate)
        0.25
        """
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        return rate(self._iterations) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, value):
        if isinstance(self._learning_rate, LearningRateSchedule) and is_number(value):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule`, so its learning rate cannot be set to a "
                f"number: create {self.name!r} with a number, or set another schedule. Received: {value!r}"
            )
        if is_number(value) and isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(value)
        else:
            self._learning_rate = self._rate(value)

    @property
    def lr(self):
        """The name of the learning rate in old versions of Keras."""
        raise AttributeError(f"Optimizer {self.name!r}: `lr` is named `learning_rate` now.")

    def _rate(self, value):
        """A learning rate as it is kept: numbers in a variable, schedules and functions as they are."""
        if isinstance(value, LearningRateSchedule):
            return value
        if is_number(value):
            return self._own(K.asarray(float(value), K.float32), "float32", "learning_rate")
        if callable(value) and not isinstance(value, type):
            return value
        raise ValueError(
            f"{type(self).__name__}: argument `learning_rate` should be a number, a LearningRateSchedule, or a "
            f"function without arguments that returns a number. Received: learning_rate={value!r}"
        )

    # -- values by position -----------------------------------------------------------------------------------------

    def save_own_variables(self, store):
        """Put the variables into `store` under "0", "1", ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store):
        """Take the variables from what `save_own_variables` stored; a warning and no change if their number differs."""
        values = [store[str(i)][()] for i in range(len(store.keys()))]
        if not any(len(layout) == len(values) for layout in self._layouts()):
            warnings.warn(
                f"Optimizer {self.name!r} keeps the state it has: there are {len(values)} variables to load, and it has "
                f"{len(self.variables)}.",
                stacklevel=2,
            )
            return
        self.set_variables(values)

    def set_variables(self, values):
        """Set the optimizer's variables by position; what Keras 2 saved (no learning rate) fits too.

        Raises: ValueError where number or shapes fit no layout; nothing has changed then.
        """
        values = [K.asarray(getattr(v, "value", v)) for v in values]
        layout = self.layout_for([v.shape for v in values])
        for variable, value in zip(layout, values):
            if variable is not None:
                variable.assign(value)
        self.loaded(layout)

    set_weights = set_variables

    def layout_for(self, shapes):
        """The variables that values of these shapes belong to, None for a value that has no place.

        Raises: ValueError where number or shapes fit no layout.
        """
        for layout in self._layouts():
            if len(layout) == len(shapes) and all(v is None or v.shape == s for v, s in zip(layout, shapes)):
                return layout
        if not self.built:
            raise ValueError(
                f"You are calling `set_weights` on optimizer {self.name!r}, which is not built and has "
                f"{len(self.variables)} variables: call build(trainable_variables) first. Received: {len(shapes)} values"
            )
        raise ValueError(
            f"Optimizer {self.name!r}: expected values for its {len(self.variables)} variables, of shapes "
            f"{[v.shape for v in self.variables]}. Received: {len(shapes)} values of shapes {shapes}"
        )

    def _layouts(self):
        """Lists of variables as files may hold them: Keras 3, Keras 2, and either one never trained."""
        own = self.variables
        head = 2 if isinstance(self._learning_rate, Variable) else 1
        yield own
        yield own[:1] + own[head:]
        yield own[:head]
        yield own[:1]

    def loaded(self, layout):
        """Called when the variables of `layout` have been set."""


def _flat_name(variable):
    return variable.path.replace("/", "_")
