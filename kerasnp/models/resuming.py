"""Resuming: where a run of `fit` stands, and everything that decides how it goes on."""

import itertools

from kerasnp import backend as K
from kerasnp import random
from kerasnp.autodiff.tape import stop_recording
from kerasnp.models.arrays import rows
from kerasnp.utils import nest


class Run:
    """A run of `fit`: its batches, epoch after epoch, and its place among them.

    The order of the samples in each pass over the data is drawn from the pair (seed, number of the pass), so a few
    integers fix the place.

    Args:
        data: yields the batches of a pass.
        steps: batches per epoch, or None for one pass per epoch; what is left of a pass is for the next epoch, and a pass
            that ends within an epoch ends it.
        epoch: the first epoch.
    """

    def __init__(self, data, steps, epoch):
        self.data, self.steps = data, steps
        self.seed = K.random.make_seed()
        self.epoch = epoch
        self.step = 0  # of the epoch, done
        self.number = self.taken = self.consumed = 0  # the pass, batches taken from it, and from all passes
        self.samples = 0  # in the batches of this process
        self.logs = None  # of the last step, where a model has its own train_step
        self.stopped = False
        self._ahead = self._pass()
        self._in_pass = True

    def _pass(self, first=0):
        self._source = self.data.batches(epoch=self.number, rng=K.random.generator(self.seed, self.number), first=first)
        return self._source

    def close(self):
        """Stop what loads batches in the background."""
        self._source.close()

    def _next_pass(self):
        self.number, self.taken = self.number + 1, 0
        self._ahead = self._pass()
        self._in_pass = True

    @property
    def one_shot(self):
        """Whether the data are a generator, which cannot be asked for another pass."""
        return hasattr(getattr(self.data, "source", None), "__next__")

    def peek(self):
        """The first batch, which stays where it is."""
        first = next(self._ahead, None)
        if first is None:
            raise ValueError("fit: the data hold no samples; pass at least one batch.")
        self._ahead = itertools.chain([first], self._ahead)
        return first

    def batches(self):
        """(step, batch) for the rest of this epoch."""
        while self.steps is None or self.step < self.steps:
            batch = next(self._ahead, None) if self._in_pass else None
            if batch is None and self._in_pass and (self.steps is None or self.step):
                self._in_pass = False
                return
            if batch is None:
                self._next_pass()
                batch = next(self._ahead, None)
                if batch is None:
                    return
            self.taken += 1
            self.consumed += 1
            self.step += 1
            x = batch[0]
            self.samples += len(x) if type(x) is K.ndarray else rows(x)
            yield self.step - 1, batch

    def place(self):
        """The integers from which `go_to` finds the way back."""
        names = "seed", "epoch", "step", "number", "taken", "consumed"
        return {**{name: getattr(self, name) for name in names}, "in_pass": self._in_pass}

    def go_to(self, place):
        """Stand where a run stood when it said `place()`."""
        if place == self.place():
            return
        if not self.one_shot:
            self.close()
            self.data.pass_over(place["number"] - self.number, not place["in_pass"])
        self._in_pass = place["in_pass"]
        for name in ("seed", "epoch", "step", "number", "taken", "consumed"):
            setattr(self, name, place[name])
        if self.one_shot:
            # A generator cannot be asked for a pass: a fresh one is run forward to the place.
            next(itertools.islice(self._ahead, self.consumed, self.consumed), None)
        else:
            self._ahead = self._pass(self.taken)


def training_state(model):
    """Everything that decides how a run of `fit` goes on after its last complete step, as plain values and arrays.

    Raises: ValueError outside of `fit`.
    """
    run = model._run
    if run is None:
        raise ValueError(f"Model '{model.name}': training_state() describes a run of fit(); call it from a callback.")
    return {
        "run": run.place(),
        "logs": run.logs,
        "stopped": model.stop_training,
        "weights": [v.numpy() for v in model.variables],
        "optimizer": [v.numpy() for v in model.optimizer.variables],
        "metrics": [v.numpy() for v in _metric_variables(model)],
        "random": K.random.get_state(),
        "global_seed_generator": random.global_state(),
    }


def restore_training_state(model, state):
    """Put a model in the middle of `fit` where `training_state` was taken.

    Raises: ValueError where the state belongs to another model; nothing has changed then.
    """
    run = model._run
    variables = model.variables
    _check_fit("weights", variables, state["weights"])
    _check_fit("optimizer variables", model.optimizer.variables, state["optimizer"])
    if state["run"]["step"]:
        _build_compiled(model)
        _check_fit("metric variables", _metric_variables(model), state["metrics"])
    run.go_to(state["run"])
    run.logs = state["logs"]
    model.stop_training = state["stopped"]
    for variable, value in zip(variables, state["weights"]):
        variable.assign(value)
    model.optimizer.set_variables(state["optimizer"])
    if run.step:
        for variable, value in zip(_metric_variables(model), state["metrics"]):
            variable.assign(value)
    random.set_global_state(state["global_seed_generator"])
    K.random.set_state(state["random"])


def _metric_variables(model):
    return [v for metric in model.metrics for v in metric.variables]


def _build_compiled(model):
    """What the shapes of a first batch decide: metrics such as "accuracy", and the losses of several outputs."""
    parts = [part for part in (model._compile_metrics, model._compile_loss) if part is not None and not part.built]
    if not parts:
        return
    x, y, _ = model._run.peek()
    if y is None:
        return
    states = [(v, v.numpy()) for v in model.variables]
    with stop_recording():
        y_pred = model(nest.map_structure(lambda a: a[:1], x), training=False)
    for part in parts:
        part.build(y, y_pred)
    for variable, value in states:
        variable.assign(value)


def _check_fit(what, variables, values):
    expected, received = [v.shape for v in variables], [getattr(v, "shape", ()) for v in values]
    if expected != received:
        raise ValueError(
            f"The saved state belongs to another model: expected {what} of shapes {expected}. Received: {received}. "
            "Build and compile the model as in the run that wrote it, or delete the state."
        )
