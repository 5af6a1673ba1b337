"""Optimizer: everything but the rule. Blocks, threads, clipping, decay, averaging, accumulation, saving."""

import warnings
from functools import partial
from itertools import repeat
from operator import attrgetter, is_

from kerasnp import backend as K
from kerasnp.optimizers.state import State
from kerasnp.optimizers.storage import Piece, Storage, for_blocks, norm
from kerasnp.saving import loading

_constraint, _overwritten = attrgetter("_constraint"), attrgetter("_overwrite_with_gradient")


class Optimizer(State, abstract=True):
    """Base of all optimizers: changes variables by their gradients.

    A subclass names its `slots`, arrays of zeros like the weights, and writes `update`, its rule on one flat block, in
    place. Blocks, threads, clipping, decay, averaging and saving are seen to here. (A subclass in the manner of Keras,
    with `build`, `add_variable_from_reference` and `update_step(gradient, variable, learning_rate)`, works as well.)

    >>> import kerasnp
    >>> class SignDescent(Optimizer):
    ...     def update(self, w, g, step):
    ...         w -= step * kerasnp.backend.sign(g)
    >>> w = kerasnp.Variable([1.0, 1.0])
    >>> SignDescent(learning_rate=0.5).apply([[3.0, -4.0]], [w])
    >>> w.numpy()
    array([0.5, 1.5], dtype=float32)

    Args:
        learning_rate: a number, a `LearningRateSchedule`, or a function without arguments that returns a number.
        weight_decay: each update first shrinks the weights by the factor `1 - learning_rate * weight_decay`.
        clipnorm: the largest norm a variable's gradient may have; longer ones are scaled down.
        clipvalue: gradients are cut to [-clipvalue, clipvalue].
        global_clipnorm: the largest norm all gradients together may have.
        use_ema: keep a moving average of the weights, which training ends with.
        ema_momentum: share of the old average that stays, in [0, 1].
        ema_overwrite_frequency: every so many steps the weights become their average; None: only at the end.
        loss_scale_factor: gradients are divided by it; `scale_loss` multiplies the loss by it.
        gradient_accumulation_steps: update once in so many steps, with the mean of the gradients.
        name: default is the class name in snake case, made unique.

    Raises: ValueError for an argument out of its range, or unknown.
    """

    # False: the rule looks at a whole variable, its norm for example.
    blockwise = True

    # -- the rule: what a subclass writes ---------------------------------------------------------------------------

    def step(self, lr, t, real):
        """What `update` receives as `step`.

        Args:
            lr: the learning rate, a float.
            t: the number of this update, from 1.
            real: rounds a float to the precision of the weights.
        """
        return lr

    def update(self, w, g, *slots_and_step):
        """Change the weights `w` and the slots in place, given their gradient `g`."""
        raise NotImplementedError(
            f"{type(self).__name__}: write update(self, w, g, *slots, step), which changes w and the slots in place."
        )

    def update_step(self, gradient, variable, learning_rate):
        """The rule in the manner of Keras: one variable, changed by `assign`.

        >>> import kerasnp
        >>> class Plain(Optimizer):
        ...     def update_step(self, gradient, variable, learning_rate):
        ...         variable.assign_sub(learning_rate * gradient)
        >>> w = kerasnp.Variable([1.0])
        >>> Plain(0.5).apply([[1.0]], [w])
        >>> w.tolist()
        [0.5]
        """
        raise NotImplementedError(f"{type(self).__name__}: write update(self, w, g, *slots, step).")

    # -- variables --------------------------------------------------------------------------------------------------

    def build(self, variables):
        """Make the slots for these variables and move everything into flat arrays; called by the first `apply`.

        >>> import kerasnp
        >>> optimizer = kerasnp.optimizers.Adam()
        >>> optimizer.build([kerasnp.Variable([1.0, 2.0], name="w")])
        >>> [v.name for v in optimizer.variables]
        ['iteration', 'learning_rate', 'w_momentum', 'w_velocity']
        """
        if not self.built:
            super().build(variables)
            self._index, self._storages = {id(v): i for i, v in enumerate(self._trainable_variables)}, None
            if loading.current() is None:  # a model from a file may never be trained
                self._lay_out()

    def _lay_out(self):
        """Move the variables into flat arrays, those of one dtype together."""
        variables = self._trainable_variables
        self._index = {id(v): i for i, v in enumerate(variables)}
        self._keras_rule = type(self).update_step is not Optimizer.update_step
        self._names = (*self.slots, *self.late_slots)
        self._storages = []
        for dtype in dict.fromkeys(v.value.dtype for v in variables):
            indices = [i for i, v in enumerate(variables) if v.value.dtype == dtype]
            slots = {name: [own[i] for i in indices] for name, own in self._slots.items()}
            decays = [self._use_weight_decay(variables[i]) for i in indices]
            whole = not self.blockwise or self._keras_rule
            self._storages.append((indices, Storage([variables[i] for i in indices], slots, decays, whole)))

    def storages(self, variables):
        """The flat arrays in which these variables and their gradients lie."""
        self.build(variables)
        if self._storages is None:
            self._lay_out()
        return [storage for _, storage in self._storages]

    # -- one step ---------------------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars):
        """`apply` for pairs (gradient, variable); returns `iterations`.

        >>> import kerasnp
        >>> w, optimizer = kerasnp.Variable([1.0]), kerasnp.optimizers.SGD(0.5)
        >>> int(optimizer.apply_gradients([([1.0], w)])), w.tolist()
        (1, [0.5])
        """
        grads, variables = zip(*grads_and_vars)
        self.apply(list(grads), list(variables))
        return self.iterations

    def apply(self, grads, trainable_variables=None):
        """Change the variables by one step.

        >>> import kerasnp
        >>> w, optimizer = kerasnp.Variable([3.0]), kerasnp.optimizers.SGD(0.25)
        >>> with kerasnp.Tape() as tape:
        ...     loss = kerasnp.ops.sum(kerasnp.ops.square(w))
        >>> optimizer.apply([tape.gradient(loss, w)], [w])
        >>> w.tolist()  # 3 - 0.25 * 2 * 3
        [1.5]

        Args:
            grads: a gradient for each variable, None where there is none.
            trainable_variables: the variables; default are those of `build`.

        Raises: ValueError for a variable the optimizer was not built with, a gradient of another shape than its
            variable, or no gradient at all.
        """
        grads = list(grads)
        if not grads:
            return
        grads = self._in_order(grads, trainable_variables)
        if self._storages is None:
            self._lay_out()
        pieces = []
        for indices, storage in self._storages:
            own = grads if len(indices) == len(grads) else [grads[i] for i in indices]
            pieces += storage.pieces(storage.take(own))
        if self.loss_scale_factor is not None:
            for p in pieces:
                p.g *= 1 / self.loss_scale_factor
        if self._accumulated(pieces):
            self._clip(pieces)
            self._update(pieces)
        if self.use_ema:
            self._average()
        for p in pieces:
            if any(map(_constraint, p.variables)):
                for v in p.variables:
                    if v.constraint is not None:
                        v.assign(v.constraint(v.value))
        self._iterations.value[...] = int(self._iterations.value) + 1

    def _in_order(self, grads, variables):
        """The gradients in the order of the variables the optimizer was built with."""
        if variables is None:
            if not self.built:
                raise ValueError(
                    "Gradients without their variables can be applied once `optimizer.build(trainable_variables)` has said "
                    "whose they are; call it first."
                )
            variables = self._trainable_variables
            if len(grads) != len(variables):
                raise ValueError(
                    f"Optimizer {self.name!r}: expected one gradient for each of its {len(variables)} variables. "
                    f"Received: {len(grads)} gradients; name the variables: optimizer.apply(grads, variables)."
                )
        else:
            variables = list(variables)
            if len(grads) != len(variables):
                raise ValueError(
                    f"Optimizer {self.name!r}: expected one gradient for each variable. "
                    f"Received: {len(grads)} gradients and {len(variables)} variables."
                )
            self.build(variables)
        own = self._trainable_variables
        if any(map(is_, grads, repeat(None))):
            self._check_gradients(grads, variables)
        if len(variables) != len(own) or not all(map(is_, variables, own)):
            given = dict(zip(map(self._get_variable_index, variables), grads))
            grads = [given.get(i) for i in range(len(own))]
        if any(map(_overwritten, own)):
            for i, v in enumerate(own):
                if v.overwrite_with_gradient and grads[i] is not None:
                    self._overwrite(i, v, K.asarray(getattr(grads[i], "value", grads[i])))
                    grads[i] = None
        return grads

    def _overwrite(self, i, variable, gradient):
        """Make the gradient the value of the variable; with accumulation the last one, when an update is due."""
        if not self.gradient_accumulation_steps or self._due():
            variable.assign(gradient)
        else:
            self._slots["gradient_accumulator"][i].assign_add(gradient)

    def _due(self):
        """Whether this step completes an accumulation."""
        return (int(self._iterations.value) + 1) % self.gradient_accumulation_steps == 0

    def _check_gradients(self, grads, variables):
        missing = [v.path for v, g in zip(variables, grads) if g is None]
        if len(missing) == len(grads):
            raise ValueError(
                f"No gradients provided for any variable, since the loss depends on none of {', '.join(map(repr, missing))}."
            )
        warnings.warn(
            f"Gradients do not exist for variables {', '.join(map(repr, missing))}, on which the loss does not depend: they "
            "stay as they are.",
            stacklevel=4,
        )

    def _get_variable_index(self, variable):
        if self.built and self._index is None:
            self._lay_out()
        try:
            return self._index[id(variable)]
        except (KeyError, TypeError):
            raise ValueError(
                f"Unknown variable: {getattr(variable, 'path', variable)!r}. Optimizer {self.name!r} was built for other "
                "variables; make a new optimizer for these."
            ) from None

    def _accumulated(self, pieces):
        """Add to the accumulators; True when it is time to update, with their mean as the gradient."""
        steps = self.gradient_accumulation_steps
        if not steps:
            return True
        due = self._due()
        for p in pieces:
            if due:
                p.g += p.slots["gradient_accumulator"]
                p.g /= steps
            else:
                p.slots["gradient_accumulator"] += p.g
        if due:
            for accumulator in self._slots["gradient_accumulator"]:
                accumulator.value.fill(0)
        return due

    def _clip_gradients(self, grads):
        """Copies of the gradients as an update sees them, cut as the constructor was told."""
        grads = [K.array(getattr(g, "value", g)) for g in grads]
        self._clip([Piece(None, g, {}, 1.0, False, [g], ()) for g in grads])
        return grads

    def _clip(self, pieces):
        if self.clipnorm is not None and self.clipnorm > 0:
            for g in [g for p in pieces for g in p.gradients]:
                length = norm(g)
                if length > self.clipnorm:
                    g *= self.clipnorm / length
        elif self.global_clipnorm is not None and self.global_clipnorm > 0:
            length = sum([K.squared_norm(g) for p in pieces for g in p.gradients]) ** 0.5
            if not length <= self.global_clipnorm:  # a norm that is not a number spreads, as in Keras
                for p in pieces:
                    p.g *= self.global_clipnorm / length
        elif self.clipvalue is not None and self.clipvalue > 0:
            for p in pieces:
                K.clip(p.g, -self.clipvalue, self.clipvalue, out=p.g)

    def _update(self, pieces):
        lr, t = self.learning_rate, self._updates + 1
        lr = float(getattr(lr, "value", lr))
        if self._keras_rule:
            self._update_in_the_manner_of_keras(pieces, lr)
            return
        self.before_update(t)
        for p in pieces:
            real = p.w.dtype.type
            rate = float(real(lr * p.multiplier))
            step = self.step(rate, t, lambda x: float(real(x)))  # noqa: B023
            decay, update = self.decay_of(p), self.rule_of(p)
            if decay is not None and p.decays:
                update = partial(_after_decay, update, 1 - rate * decay)
            arrays = [p.w, p.g, *[p.slots[n] for n in self._names]]
            if self.blockwise:
                for_blocks(update, arrays, step)
            else:
                update(*arrays, step)
            if t % 64 == 0 and p.w.itemsize >= 4:
                for slot in arrays[2:]:
                    for_blocks(_drop_denormals, [slot])

    def decay_of(self, piece):
        """The weight decay of a piece, the same for all unless a rule wants it otherwise."""
        return self.weight_decay

    def rule_of(self, piece):
        """The rule for a piece, `update` unless there are several."""
        return self.update

    def before_update(self, t):
        """Called once in each update, before the rule sees the blocks."""

    def _update_in_the_manner_of_keras(self, pieces, lr):
        for p in pieces:
            (variable,) = p.variables
            rate = lr * p.multiplier
            if self.weight_decay is not None and p.decays:
                variable.value *= 1 - rate * self.weight_decay
            self.update_step(p.g.copy().reshape(variable.shape), variable, p.w.dtype.type(rate))

    def _average(self):
        """average = momentum * average + (1 - momentum) * w for every variable; at first, the weights themselves."""
        step = int(self._iterations.value) + 1
        overwrite = self.ema_overwrite_frequency and step % self.ema_overwrite_frequency == 0
        for _, storage in self._storages:
            momentum = float(storage.real(self.ema_momentum)) if self._updates else 0.0

            def blend(w, average):
                average *= momentum  # noqa: B023
                average += K.multiply(w, 1 - momentum, K.scratch(w))  # noqa: B023
                if overwrite:
                    w[...] = average

            for p in storage.pieces((True,) * len(storage.variables)):
                for_blocks(blend, [p.w, p.slots["average"]])

    def finalize_variable_values(self, var_list):
        """End of training: with `use_ema` the variables take their averages.

        >>> import kerasnp
        >>> w, optimizer = kerasnp.Variable([0.0]), kerasnp.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
        >>> for _ in range(2):
        ...     optimizer.apply([[-2.0]], [w])
        >>> optimizer.finalize_variable_values([w])
        >>> w.tolist()  # between the weights of the first step, 2, and of the second, 4
        [3.0]

        Raises: ValueError where `var_list` is not what the optimizer was built with.
        """
        if not self.use_ema or not self.built:
            return
        var_list = list(var_list)
        if len(var_list) != len(self._trainable_variables):
            raise ValueError(
                f"Optimizer {self.name!r} keeps averages of {len(self._trainable_variables)} variables. "
                f"Received: var_list of length {len(var_list)}"
            )
        for variable in var_list:
            variable.assign(self._slots["average"][self._get_variable_index(variable)].value)

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """One step on values: returns (new trainable values, new optimizer values), and nothing of its own changes.

        >>> import kerasnp
        >>> w, optimizer = kerasnp.Variable([1.0]), kerasnp.optimizers.SGD(0.5)
        >>> optimizer.build([w])
        >>> new, state = optimizer.stateless_apply(optimizer.variables, [[1.0]], [w])
        >>> float(new[0][0]), w.tolist()  # the variable itself stays
        (0.5, [1.0])

        Raises: ValueError before `build`, or where a list has another length than the optimizer's own.
        """
        if not self.built:
            raise ValueError(
                "stateless_apply takes the values of variables that must be there already; call "
                "`optimizer.build(trainable_variables)` first."
            )
        own = [*self._trainable_variables, *self.variables]
        given = [*trainable_variables, *optimizer_variables]
        if len(given) != len(own) or len(trainable_variables) != len(self._trainable_variables):
            raise ValueError(
                f"stateless_apply: expected {len(self._trainable_variables)} trainable and {len(self.variables)} "
                f"optimizer variables. Received: {len(trainable_variables)} and {len(optimizer_variables)}"
            )
        before = [v.numpy() for v in own]
        try:
            for variable, value in zip(own, [K.array(getattr(v, "value", v)) for v in given]):
                variable.assign(value)
            self.apply(grads)
            after = [v.numpy() for v in own]
        finally:
            for variable, value in zip(own, before):
                variable.assign(value)
        n = len(self._trainable_variables)
        return after[:n], after[n:]

    def __getstate__(self):
        # Copies have arrays of their own: they lay them out anew.
        return {**self.__dict__, "_storages": None, "_index": None}


def _after_decay(update, keep, w, *rest):
    w *= keep
    update(w, *rest)


def _drop_denormals(slot):
    """Set to zero what is about to fall below the normal range of floats, and would soon be multiplied 30 times slower.

    Where a gradient stays zero (dead units, dark pixels) a mean decays towards zero and, by rounding, never arrives.
    """
    if K.is_float(slot.dtype):
        size = K.abs(slot, K.scratch(slot))
        K.copyto(slot, 0, where=size < 1e4 * float(K.finfo(slot.dtype).tiny))
