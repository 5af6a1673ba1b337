"""What holds for every optimizer in the registry: blocks, threads, configuration, saving, learning."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import kerasnp
from kerasnp import optimizers
from kerasnp.backend import threads
from kerasnp.optimizers import Optimizer
from kerasnp.utils import registry

CLASSES = [c for c in registry.members("optimizers") if inspect.isclass(c) and issubclass(c, Optimizer)]
CLASSES.remove(optimizers.LossScaleOptimizer)
CLASSES.remove(optimizers.MultiOptimizer)  # test_multi_optimizer.py
SHAPES = [(11, 7), (), (5,), (2, 3, 2, 4), (1,), (300, 150)]  # the last is more than one block
ALL_OPTIONS = {"learning_rate": 0.01, "clipnorm": 0.7, "weight_decay": 0.03, "use_ema": True, "ema_momentum": 0.8}

every_optimizer = pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)


def variables(seed=0):
    rng = np.random.default_rng(seed)
    return [kerasnp.Variable(rng.standard_normal(s).astype("float32"), name=f"w{i}") for i, s in enumerate(SHAPES)]


def gradients(step):
    rng = np.random.default_rng(100 + step)
    return [rng.standard_normal(s).astype("float32") for s in SHAPES]


def train(optimizer, weights, steps):
    for step in steps:
        optimizer.apply(gradients(step), weights)
    return weights


def same_bits(a, b):
    return all(x.numpy().tobytes() == y.numpy().tobytes() for x, y in zip(a, b, strict=True))


def test_the_registry_has_them_all():
    assert {c.__name__ for c in CLASSES} == {
        "SGD", "Momentum", "Nesterov", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Ftrl",
        "Lion", "Lamb", "Adafactor", "Muon", "ScheduleFreeAdamW",
    }  # fmt: skip


@every_optimizer
@pytest.mark.parametrize("options", [{}, ALL_OPTIONS], ids=["plain", "all_options"])
def test_threads_change_no_bit(cls, options):
    results, before = [], threads.get_num_threads()
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            optimizer = cls(**options)
            results.append(train(optimizer, variables(), range(3)) + optimizer.variables)
    finally:
        threads.set_num_threads(before)
    assert same_bits(results[0], results[1]) and same_bits(results[0], results[2])


@every_optimizer
@pytest.mark.parametrize("options", [{}, ALL_OPTIONS], ids=["plain", "all_options"])
def test_blocks_equal_one_variable_at_a_time(cls, options):
    together, apart = cls(**options), cls(**options)
    a, b = train(together, variables(), range(2)), train(apart, variables(), range(2))
    for v in b:
        v.value = v.value.copy()  # somebody takes the array away: no flat path any more
    train(together, a, range(2, 5))
    train(apart, b, range(2, 5))
    assert same_bits(a, b) and same_bits(together.variables, apart.variables)


@every_optimizer
def test_other_memory_layouts_are_updated_too(cls):
    together, apart = cls(), cls()
    a, b = variables(), variables()
    apart.build(b)
    for v in b:
        v.value = v.value.copy(order="F")
    train(together, a, range(3))
    train(apart, b, range(3))
    for v, w in zip(a, b):
        np.testing.assert_allclose(v.numpy(), w.numpy(), rtol=1e-5, atol=1e-6)


@every_optimizer
def test_gradients_arrive_unharmed(cls):
    optimizer, weights = cls(**ALL_OPTIONS), variables()
    given, kept = gradients(0), gradients(0)
    optimizer.apply(given, weights)
    assert all(np.array_equal(g, k) for g, k in zip(given, kept))


@every_optimizer
@pytest.mark.parametrize("options", [{}, {**ALL_OPTIONS, "gradient_accumulation_steps": 2}], ids=["plain", "all"])
def test_saved_halfway_and_resumed_equals_straight_through(cls, options):
    straight = cls(**options)
    expected = train(straight, variables(), range(6))
    first = cls(**options)
    weights = train(first, variables(), range(3))
    store: dict = {}
    first.save_own_variables(store)
    assert list(store) == [str(i) for i in range(len(first.variables))]

    second = cls.from_config(first.get_config())
    restored = [kerasnp.Variable(w.numpy(), name=w.name) for w in weights]
    second.build(restored)
    second.load_own_variables(store)
    train(second, restored, range(3, 6))
    assert same_bits(restored, expected) and same_bits(second.variables, straight.variables)


@every_optimizer
@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_copies_go_their_own_way(cls, way):
    optimizer = cls(**ALL_OPTIONS)
    weights = train(optimizer, variables(), range(2))
    pair = optimizer, weights
    twin, own = copy.deepcopy(pair) if way == "deepcopy" else pickle.loads(pickle.dumps(pair))
    before = [v.numpy() for v in (*weights, *optimizer.variables)]
    train(twin, own, range(2, 4))
    assert all(np.array_equal(v.numpy(), b) for v, b in zip((*weights, *optimizer.variables), before))
    train(optimizer, weights, range(2, 4))
    assert same_bits(weights, own) and same_bits(optimizer.variables, twin.variables)


@every_optimizer
def test_configuration(cls):
    optimizer = cls(learning_rate=0.25, weight_decay=0.5, clipvalue=2.0, use_ema=True, name="mine")
    config = optimizer.get_config()
    assert config["learning_rate"] == 0.25 and config["weight_decay"] == 0.5 and config["name"] == "mine"
    assert type(config["learning_rate"]) is float
    twin = optimizers.deserialize(optimizers.serialize(optimizer))
    assert isinstance(optimizer, type(twin)) and twin.get_config() == config
    assert type(optimizers.get(cls.__name__.lower())) is cls


@every_optimizer
def test_descends(cls):
    """The loss |w - target|^2 falls by half or more."""
    target = np.array([[1.5, -2.0, 0.5]], "float32")
    rate = {"Adadelta": 50.0, "Ftrl": 1.0, "Lamb": 0.05, "Adagrad": 0.5, "Muon": 0.5}.get(cls.__name__, 0.05)
    optimizer, w = cls(learning_rate=rate), kerasnp.Variable(np.array([[0.3, 0.2, -0.4]], "float32"))
    first = float(((w.value - target) ** 2).sum())
    for _ in range(60):
        optimizer.apply([2 * (w.value - target)], [w])
    assert float(((w.value - target) ** 2).sum()) < first / 2


@every_optimizer
def test_learning_rate_multiplier(cls):
    """A variable with multiplier 0.5 moves as under half the learning rate, its neighbours as before."""
    whole, half = variables(), variables()
    train(cls(learning_rate=0.5), whole, [0])
    train(cls(learning_rate=0.25), half, [0])
    mixed, optimizer = variables(), cls(learning_rate=0.5)
    for i in (1, 2, 5):
        mixed[i].lr_multiplier = 0.5
    train(optimizer, mixed, [0])
    for i, v in enumerate(mixed):
        assert np.array_equal(v.numpy(), (half if i in (1, 2, 5) else whole)[i].numpy()), i


@every_optimizer
def test_stateless_apply_changes_nothing_and_says_what_would(cls):
    optimizer, weights = cls(), variables()
    train(optimizer, weights, range(2))
    before = [v.numpy() for v in (*weights, *optimizer.variables)]
    new_weights, new_state = optimizer.stateless_apply(
        [v.numpy() for v in optimizer.variables], gradients(2), [w.numpy() for w in weights]
    )
    assert all(np.array_equal(v.numpy(), b) for v, b in zip((*weights, *optimizer.variables), before))
    train(optimizer, weights, [2])
    after = [v.numpy() for v in (*weights, *optimizer.variables)]
    assert all(np.array_equal(a, n) for a, n in zip(after, (*new_weights, *new_state), strict=True))


@every_optimizer
def test_types_of_variables_may_be_mixed(cls):
    rng = np.random.default_rng(0)
    start = [rng.standard_normal((3, 4)) for _ in range(3)]
    types = ["float64", "float32", "float64"]
    weights = [kerasnp.Variable(w, dtype=d) for w, d in zip(start, types)]
    optimizer = cls(learning_rate=0.01)
    for _ in range(3):
        optimizer.apply([np.ones((3, 4)) * (i + 1) for i in range(3)], weights)
    for i, (w, dtype) in enumerate(zip(weights, types)):
        assert w.value.dtype == dtype
        alone, single = kerasnp.Variable(start[i], dtype=dtype), cls(learning_rate=0.01)
        for _ in range(3):
            single.apply([np.ones((3, 4)) * (i + 1)], [alone])
        np.testing.assert_allclose(w.numpy(), alone.numpy(), rtol=1e-6)
