"""Training steps divided among processes, each with a part of every batch: data parallelism on the cores of one machine.

The other processes are forks of this one, made at the first step; they see the same weights, compute the gradient of their
part and wait. This process adds the gradients in order, updates, and looks after everything else.
"""

import contextlib
import os
import pickle
import warnings
from operator import iadd

from kerasnp import backend as K
from kerasnp import distribution
from kerasnp.backend.group import Group, Lost
from kerasnp.layers.weights import changes
from kerasnp.models.arrays import rows
from kerasnp.models.steps import Steps
from kerasnp.optimizers.storage import for_blocks
from kerasnp.utils import nest
from kerasnp.utils.masks import get_mask

ROOM = 1 << 26  # bytes for the outputs of a part, at least; memory that is not written is not used
OFTEN = 5  # times in a row that the processes may be made anew before it is told
SPREAD = 0x9E3779B9  # between the seeds of two processes: 2^32 divided by the golden ratio
REMEDY = "train it without: kerasnp.distribution.set_distribution(None)."


class Division:
    """The steps of one run of `fit`, divided among as many processes as the distribution has devices.

    Raises: ValueError for a model of which no part of a batch tells its share of the gradient.
    """

    def __init__(self, model, size):
        self.model, self.size = model, size
        self._group = self._stand = None
        self._in_a_row = 0  # steps for which the processes were made anew
        self._weights, self._storages = [], []
        self._frozen, self._moving = [], []  # pairs of another variable and a place that all processes see
        _check(model)

    @classmethod
    def of(cls, model):
        """The division that `kerasnp.distribution` asks for, or None."""
        chosen = distribution.distribution()
        return None if chosen is None or len(chosen.devices) == 1 else cls(model, len(chosen.devices))

    def step(self, x, y, sample_weight):
        """The loss, the predictions and the gradients of the trainable weights, for a batch."""
        batch, n = (x, y, sample_weight), rows(x)
        if n < self.size:
            return self.model._gradients(*batch)
        if self._group is None or self._stand != self._standing() or self._room < _nbytes(batch):
            self.close()
            self._open(batch)
            self._in_a_row += 1
            if self._in_a_row == OFTEN:
                warnings.warn(
                    f"DataParallel: model '{self.model.name}' changes with every step, perhaps by a layer that assigns to "
                    "itself when it is called, so the processes are made anew for each, which takes longer than they save.",
                    stacklevel=2,
                )
        else:
            self._in_a_row = 0
        try:
            return self._divided(_parts(batch, n, self.size))
        except Lost:
            raise RuntimeError(self._why_lost()) from None

    def _divided(self, parts):
        (own, share), *others = parts
        for variable, place in self._moving:
            place[...] = variable.value
        for rank, part in enumerate(others, 1):
            _write(self._inboxes[rank], part)
            self._group.post(rank)
        with K.threads.at_most(self._threads), self._group.joined():
            loss, y_pred, gradients = self.model._gradients(*own, share=share)
        self._check_sum(y_pred)
        losses, outputs, gradients = [_part_of(loss, share)], [_values(y_pred)], self._take(gradients)
        for rank, (_, share) in enumerate(others, 1):
            self._group.wait(rank)
            loss, y_pred = _read(self._outboxes[rank])
            losses.append(_part_of(loss, share))
            outputs.append(y_pred)
        for storage, sums in zip(self._storages, self._sums):
            for more in sums:
                for_blocks(iadd, [storage.gradients, more])
        y_pred = nest.map_structure(lambda *outputs: K.concatenate(outputs), *outputs)
        return sum(losses[1:], losses[0]), y_pred, gradients

    def close(self):
        """End the other processes; the weights return to memory of this one alone."""
        if self._group is None:
            return
        self._group.close()
        self._group = None
        for storage in self._storages:
            storage.move(K.flat(storage.size, storage.real))
        for variable, place in self._frozen:
            if variable.value is place:
                variable.value = place.copy()

    # -- making the processes ---------------------------------------------------------------------------------------

    def _open(self, batch):
        model, size = self.model, self.size
        self._weights, *_ = model._training_parts()
        self._storages = model.optimizer.storages(self._weights)
        apart = {id(v) for s in self._storages for v in s.variables} | {id(g.state) for g in _generators(model)}
        others = [v for v in model.variables if id(v) not in apart]
        self._room = _nbytes(batch)
        inbox, outbox = self._room + (1 << 16), max(ROOM, 4 * self._room)
        # Bytes and types: weights and the gradients of the other processes, other variables, messages there and back.
        plan = [(s.weights.nbytes, s.real) for s in self._storages for _ in range(size)]
        plan += [(v.value.nbytes, v.value.dtype) for v in others] + [(inbox, "u1"), (outbox, "u1")] * (size - 1)
        starts, end = _laid_out([nbytes for nbytes, _ in plan])
        try:
            self._group = Group(size, end)
        except OSError as error:
            raise ValueError(
                f"DataParallel: the system has no room for what {size} processes share ({error}); {REMEDY}"
            ) from None
        memory = self._group.memory
        arrays = iter([memory[i : i + nbytes].view(dtype) for i, (nbytes, dtype) in zip(starts, plan)])
        self._sums = []
        for storage in self._storages:
            storage.move(next(arrays))
            self._sums.append([next(arrays) for _ in range(1, size)])
        placed = [(v, next(arrays).reshape(v.shape)) for v in others]
        self._frozen = [(v, place) for v, place in placed if v.__dict__.get("_made_trainable", True)]
        # Moving statistics and the like, which a forward pass may change: the others begin each step with a copy.
        self._moving = [(v, place) for v, place in placed if not v.__dict__.get("_made_trainable", True)]
        for variable, place in self._frozen:
            place[...] = variable.value
            variable.value = place
        self._inboxes, self._outboxes = {}, {}
        for rank in range(1, size):
            self._inboxes[rank], self._outboxes[rank] = next(arrays), next(arrays)
        self._threads = max(1, K.threads.get_num_threads() // size)
        self._stand = self._standing()
        K.arena.clear()  # pages that two processes have in common are copied when written, one small page at a time
        self._group.fork(self._work)

    def _standing(self):
        """What the other processes took over when they were made."""
        variables = [*self._weights, *(v for v, _ in self._frozen)]
        return changes(), [w.trainable for w in self._weights], [id(v.value) for v in variables]

    def _check_sum(self, y_pred):
        """Whether what this step turned out to do leaves the loss of a batch a mean over its samples."""
        for layer in self.model._training_parts()[2]:
            if layer._losses:
                raise ValueError(f"{_who(self.model)} layer '{layer.name}' adds a loss of its own; {REMEDY}")
        if nest.holds(y_pred, lambda a: get_mask(a) is not None):
            raise ValueError(f"{_who(self.model)} the outputs carry a mask, by which the loss is a mean over steps; {REMEDY}")

    def _take(self, gradients):
        """The gradients in the flat arrays, None where there is none."""
        found, taken = dict(zip(map(id, self._weights), gradients)), {}
        for storage in self._storages:
            keys = [id(v) for v in storage.variables]
            storage.take([found.get(key) for key in keys])
            taken.update(zip(keys, storage.gradient_views))
        return [None if g is None else taken.get(key) for key, g in found.items()]

    def _why_lost(self):
        for outbox in self._outboxes.values():
            with contextlib.suppress(Exception):  # who is killed while writing leaves anything
                if isinstance(failure := _read(outbox), str):
                    return f"DataParallel: a process failed on its part of the batch:\n{failure}"
        return "DataParallel: one of the processes has ended, perhaps for want of memory; nothing was learnt in this step."

    # -- in the other processes -------------------------------------------------------------------------------------

    def _work(self, group):
        rank, model = group.rank, self.model
        warnings.simplefilter("ignore")  # the first process warns
        _draw_other_numbers(model, rank)
        for storage, sums in zip(self._storages, self._sums):
            storage.lend(sums[rank - 1])
        with K.threads.at_most(self._threads), K.threads.quiet_blas():
            while True:
                group.wait(0)
                part, share = _read(self._inboxes[rank])
                for variable, place in self._moving:
                    variable.value[...] = place  # what the last step made of it here was in vain
                try:
                    with group.joined():
                        loss, y_pred, gradients = model._gradients(*part, share=share)
                    self._take(gradients)
                    _write(self._outboxes[rank], (loss, _values(y_pred)))
                except Lost:
                    return
                except BaseException:
                    import traceback

                    _write(self._outboxes[rank], traceback.format_exc())
                    return
                group.post(0)


def _check(model):
    """Whether the gradient of a batch is a mean of those of its parts."""
    loss = model._compile_loss
    reduction = getattr(getattr(loss, "loss", None), "reduction", "mean")
    why = None
    if not hasattr(os, "fork"):
        why = "this system cannot fork processes"
    elif type(model).compute_loss is not Steps.compute_loss:
        why = "its compute_loss may be anything but a mean over the samples"
    elif loss is not None and loss.metrics:
        why = f"it has several losses: {', '.join(metric.name for metric in loss.metrics)}"
    elif reduction not in ("sum_over_batch_size", "mean"):
        why = f"its loss has reduction={reduction!r}, which is no mean over the samples"
    for layer in model._flatten_layers():
        if layer._metrics:
            why = why or f"layer '{layer.name}' has metrics of its own"
    if why:
        raise ValueError(f"{_who(model)} {why}; {REMEDY}")


def _who(model):
    return f"DataParallel: batches of model '{model.name}' cannot be divided, since"


def _generators(model):
    return [generator for layer in model._flatten_layers() for generator in layer._seed_generators]


def _parts(batch, n, size):
    """[(part of the batch, its share of the samples)], the longer parts first."""

    def part(cut):
        return tuple(nest.map_structure(lambda a: a if a is None else a[cut], arrays) for arrays in batch)

    return [(part(cut), (cut.stop - cut.start) / n) for cut in K.even_cuts(n, size)]


def _nbytes(batch):
    return sum(a.nbytes for a in nest.flatten(batch) if a is not None)


def _part_of(loss, share):
    return loss * loss.dtype.type(share)


def _values(y_pred):
    return nest.map_structure(lambda a: getattr(a, "value", a), y_pred)


def _draw_other_numbers(model, rank):
    """Let the random numbers of this process differ from those of the others, as a function of where these stand."""
    import random  # with `traceback` where it is used, since every import of kerasnp comes past this module

    for generator in _generators(model):
        seed, counter = generator.state.value.tolist()
        generator.state.value = K.array([(seed + rank * SPREAD) % 2**32, counter], K.uint32)
    K.random.set_global_seed(random.getrandbits(31) + rank)


def _laid_out(sizes):
    """Where so many bytes each start one after the other, at cache lines, and where they end."""
    return K.offsets([(n,) for n in sizes], "u1")


def _write(box, thing):
    """Put a thing into memory that another process sees: its pickle, and its arrays one after the other.

    Raises: ValueError where there is too little of it.
    """
    arrays = []
    text = pickle.dumps(thing, 5, buffer_callback=arrays.append)
    parts = [K.frombuffer(part, "u1") for part in (text, *[a.raw() for a in arrays])]
    sizes = [part.size for part in parts]
    head = K.array([len(parts), *sizes], "i8").view("u1")
    starts, end = _laid_out([head.size, *sizes])
    if end > box.size:
        raise ValueError(f"DataParallel: {end} bytes do not fit into the {box.size} that two processes share")
    for start, part in zip(starts, (head, *parts)):
        box[start : start + part.size] = part


def _read(box):
    """What was written there; its arrays stay there."""
    head = 8 * (1 + int(box[:8].view("i8")[0]))
    sizes = box[8:head].view("i8").tolist()
    starts, _ = _laid_out([head, *sizes])
    text, *arrays = [box[i : i + n] for i, n in zip(starts[1:], sizes)]
    return pickle.loads(text, buffers=arrays)
