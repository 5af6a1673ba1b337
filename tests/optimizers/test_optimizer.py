"""The face of an optimizer: arguments, learning rate, iterations, errors, custom subclasses."""

import json
import warnings
import zipfile

import numpy as np
import pytest

import kerasnp
from kerasnp import optimizers
from kerasnp.optimizers import schedules


def variable(values=(1.0, 2.0), name="w"):
    return kerasnp.Variable(np.array(values, "float32"), name=name)


def one(n=2):
    return np.ones(n, "float32")


# -- arguments


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"lr": 0.1}, "`lr` is named `learning_rate` now"),
        ({"speed": 0.1}, r"not recognized: \{'speed': 0.1\}"),
        ({"learning_rate": "fast"}, "learning_rate='fast'"),
        ({"learning_rate": True}, "learning_rate=True"),
        ({"learning_rate": None}, "learning_rate=None"),
        ({"learning_rate": schedules.ExponentialDecay}, "should be a number, a LearningRateSchedule"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "Only one of `clipnorm`, `clipvalue` and `global_clipnorm`"),
        ({"use_ema": True, "ema_momentum": 2}, r"lie in \[0, 1\]"),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, "ema_overwrite_frequency=0"),
        ({"gradient_accumulation_steps": 1}, "integer of 2 or more"),
        ({"gradient_accumulation_steps": 2.5}, "gradient_accumulation_steps=2.5"),
    ],
)
def test_wrong_arguments(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        optimizers.Adam(**arguments)


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda: optimizers.SGD(momentum=3), "momentum=3"),
        (lambda: optimizers.AdamW(weight_decay=None), "weight_decay=None"),
        (lambda: optimizers.Lion(beta_1=0), "beta_1=0"),
        (lambda: optimizers.Adagrad(initial_accumulator_value=-1), "initial_accumulator_value=-1"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.5), "learning_rate_power=0.5"),
        (lambda: optimizers.Ftrl(l1_regularization_strength=-1.0), "l1_regularization_strength=-1.0"),
        (lambda: optimizers.LossScaleOptimizer(optimizers.SGD()), "float32"),
        (lambda: optimizers.get("adamm"), "Did you mean 'adam'"),
        (lambda: optimizers.Adam().set_weights([0, 0.1, [1.0]]), "You are calling `set_weights` on optimizer"),
        (lambda: optimizers.get("ExponentialDecay"), "Could not interpret optimizer"),
        (lambda: optimizers.get(3), "3"),
    ],
)
def test_other_wrong_values(make, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        make()


def test_decay_is_ignored_aloud():
    with pytest.warns(UserWarning, match="`decay` belongs to older optimizers"):
        optimizers.SGD(decay=0.1)


@pytest.mark.parametrize("name", "SGD sgd Momentum AdaGrad adagrad RMSProp rmsprop rm_sprop Adam".split())
def test_names(name):
    found = optimizers.get(name)
    assert type(found).__name__.lower() == name.lower().replace("_", "")
    assert optimizers.get(found) is found


def test_other_spellings_are_the_same_classes():
    assert optimizers.AdaGrad is optimizers.Adagrad and optimizers.RMSProp is optimizers.RMSprop
    assert isinstance(optimizers.get(optimizers.Adam), optimizers.Adam)


@pytest.mark.parametrize("cls, nesterov", [(optimizers.Momentum, False), (optimizers.Nesterov, True)])
def test_momentum_is_written_as_sgd(cls, nesterov):
    optimizer = cls(0.1)
    assert optimizer.momentum == 0.9 and optimizer.nesterov is nesterov
    serialized = optimizers.serialize(optimizer)
    assert serialized["class_name"] == "SGD" and serialized["module"] == "keras.optimizers"
    assert json.loads(json.dumps(serialized)) == serialized
    twin = optimizers.deserialize(serialized)
    assert type(twin) is optimizers.SGD
    a, b = variable(), variable()
    for _ in range(3):
        optimizer.apply([one()], [a])
        twin.apply([one()], [b])
    assert np.array_equal(a.numpy(), b.numpy())


def test_names_are_unique():
    assert [optimizers.Adam().name for _ in range(3)] == ["adam", "adam_1", "adam_2"]
    assert optimizers.RMSprop().name == "rm_sprop" and optimizers.Adam(name="mine").name == "mine"


def test_variables_have_keras_names():
    w = variable()
    w.path = "sequential/dense/kernel"
    optimizer = optimizers.Adam()
    optimizer.build([w])
    assert [v.path for v in optimizer.variables] == [
        "adam/iteration",
        "adam/learning_rate",
        "adam/sequential_dense_kernel_momentum",
        "adam/sequential_dense_kernel_velocity",
    ]
    assert [v.dtype for v in optimizer.variables] == ["int64", "float32", "float32", "float32"]


# -- learning rate and iterations


def test_learning_rate_can_be_set():
    w, optimizer = variable(), optimizers.SGD(1)
    assert float(optimizer.learning_rate) == 1.0 and optimizer.learning_rate.dtype == "float32"
    held = optimizer.learning_rate
    optimizer.learning_rate = 0.5
    assert optimizer.learning_rate is held and float(held) == 0.5
    optimizer.learning_rate.assign(0.25)
    optimizer.apply([one()], [w])
    np.testing.assert_allclose(w.numpy(), [0.75, 1.75])
    optimizer.learning_rate = np.float32(2)
    assert float(optimizer.learning_rate) == 2.0
    with pytest.raises(ValueError, match="learning_rate='x'"):
        optimizer.learning_rate = "x"
    with pytest.raises(AttributeError):
        optimizer.lr = 0.1
    assert not hasattr(optimizer, "lr")


def test_learning_rate_from_a_schedule():
    w, optimizer = variable(), optimizers.SGD(schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25]))
    assert len(optimizer.variables) == 1
    rates = []
    for _ in range(4):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([one()], [w])
    assert rates == [1.0, 0.5, 0.25, 0.25]
    np.testing.assert_allclose(w.numpy(), [-1.0, 0.0])
    with pytest.raises(TypeError, match="created with a `LearningRateSchedule`"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(8.0, 4, 0.5)
    assert float(optimizer.learning_rate) == 4.0
    config = optimizer.get_config()
    assert optimizers.SGD.from_config(config).get_config() == config
    fixed = optimizers.SGD(0.5)
    fixed.learning_rate = schedules.ExponentialDecay(8.0, 4, 0.5)
    assert float(fixed.learning_rate) == 8.0


def test_learning_rate_from_a_function():
    w, rates = variable(), [1.0, 0.5]
    optimizer = optimizers.SGD(lambda: rates[0])
    optimizer.apply([one()], [w])
    rates.pop(0)
    optimizer.apply([one()], [w])
    np.testing.assert_allclose(w.numpy(), [-0.5, 0.5])
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25


def test_own_schedule_sees_the_iterations():
    class Inverse(schedules.LearningRateSchedule):
        def __call__(self, step):
            return kerasnp.ops.divide(1.0, kerasnp.ops.add(step, 1.0))

    w, optimizer = variable(), optimizers.SGD(Inverse())
    for _ in range(2):
        optimizer.apply([one()], [w])
    np.testing.assert_allclose(w.numpy(), [-0.5, 0.5])


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
        lambda: schedules.CosineDecay(0.1, -1),
        lambda: schedules.CosineDecayRestarts(0.1, 0),
    ],
)
def test_schedule_without_steps(make):
    with pytest.raises(ValueError, match="must be > 0"):
        make()


def test_piecewise_lengths():
    with pytest.raises(ValueError, match="one more of values than of boundaries"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])


def test_schedule_without_formula():
    with pytest.raises(NotImplementedError, match="must override `__call__"):
        schedules.LearningRateSchedule()(0)


def test_iterations_count_updates():
    w, optimizer = variable(), optimizers.SGD(gradient_accumulation_steps=3)
    counts = []
    for _ in range(7):
        optimizer.apply([one()], [w])
        counts.append(int(optimizer.iterations))
    assert counts == [0, 0, 1, 1, 1, 2, 2]
    plain = optimizers.SGD()
    assert int(plain.apply_gradients(zip([one()], [w]))) == 1


def test_accumulated_gradients_are_averaged():
    w, optimizer = variable(), optimizers.SGD(1.0, gradient_accumulation_steps=2)
    optimizer.apply([one()], [w])
    np.testing.assert_allclose(w.numpy(), [1, 2])
    optimizer.apply([3 * one()], [w])
    np.testing.assert_allclose(w.numpy(), [-1, 0])
    optimizer.apply([one()], [w])
    optimizer.apply([one()], [w])
    np.testing.assert_allclose(w.numpy(), [-2, -1])


def test_scaled_loss():
    optimizer = optimizers.SGD(1.0, loss_scale_factor=16.0)
    w = variable()
    with kerasnp.Tape() as tape:
        loss = optimizer.scale_loss(kerasnp.ops.sum(w * 3.0))
    assert float(loss) == 144
    optimizer.apply(tape.gradient(loss, [w]), [w])
    np.testing.assert_allclose(w.numpy(), [-2, -1])
    assert optimizers.SGD().scale_loss(5.0) == 5.0


def test_averages_end_up_in_the_variables():
    w, optimizer = variable(), optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        optimizer.apply([one()], [w])
    np.testing.assert_allclose(w.numpy(), [-1, 0])
    optimizer.finalize_variable_values([w])
    np.testing.assert_allclose(w.numpy(), [-0.5, 0.5])
    with pytest.raises(ValueError, match="var_list of length 2"):
        optimizer.finalize_variable_values([w, w])
    plain = optimizers.SGD(1.0)
    plain.apply([one()], [w])
    plain.finalize_variable_values([w])
    np.testing.assert_allclose(w.numpy(), [-1.5, -0.5])


def test_weight_to_be_overwritten_with_its_gradient():
    a, b = variable(name="a"), variable(name="b")
    a.overwrite_with_gradient = True
    optimizers.SGD(1.0).apply([5 * one(), one()], [a, b])
    np.testing.assert_allclose(a.numpy(), [5, 5])
    np.testing.assert_allclose(b.numpy(), [0, 1])


@pytest.mark.parametrize("options", [{"global_clipnorm": 1.0}, {"clipnorm": 1.0}, {"clipvalue": 1.0}])
def test_not_a_number_is_not_hidden_by_clipping(options):
    w = variable()
    with np.errstate(invalid="ignore"):
        optimizers.SGD(**options).apply([np.array([np.nan, 1], "float32")], [w])
    assert np.isnan(w.numpy()).any()


# -- gradients and variables


def test_without_variables_it_must_be_built():
    w, optimizer = variable(), optimizers.SGD(1.0)
    with pytest.raises(ValueError, match="has said whose they are"):
        optimizer.apply([one()])
    optimizer.build([w])
    optimizer.apply([one()])
    np.testing.assert_allclose(w.numpy(), [0, 1])
    with pytest.raises(ValueError, match="one gradient for each of its 1 variables"):
        optimizer.apply([one(), one()])
    optimizer.apply([])
    assert int(optimizer.iterations) == 1


def test_unknown_variable():
    a, b, optimizer = variable(name="a"), variable(name="b"), optimizers.SGD()
    optimizer.build([a])
    with pytest.raises(ValueError, match="Unknown variable: 'b'.*make a new optimizer"):
        optimizer.apply([one()], [b])
    with pytest.raises(ValueError, match="2 gradients and 1 variables"):
        optimizer.apply([one(), one()], [a])


def test_some_variables_in_any_order():
    a, b, c = (variable(name=n) for n in "abc")
    optimizer = optimizers.SGD(1.0)
    optimizer.build([a, b, c])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.apply([2 * one(), one()], [c, a])
    np.testing.assert_allclose([a.numpy(), b.numpy(), c.numpy()], [[0, 1], [1, 2], [-1, 0]])


def test_missing_gradients():
    a, b, optimizer = variable(name="a"), variable(name="b"), optimizers.SGD(1.0)
    with pytest.raises(ValueError, match="No gradients provided for any variable.*'a', 'b'"):
        optimizer.apply([None, None], [a, b])
    with pytest.warns(UserWarning, match="Gradients do not exist for variables 'a'"):
        optimizer.apply([None, one()], [a, b])
    np.testing.assert_allclose([a.numpy(), b.numpy()], [[1, 2], [0, 1]])


def test_gradient_of_another_shape_changes_nothing():
    a, b, optimizer = variable(name="a"), variable(name="b"), optimizers.SGD(1.0)
    with pytest.raises(ValueError, match=r"variable 'b' must have its shape \(2,\). Received: \(3,\)"):
        optimizer.apply([one(), one(3)], [a, b])
    np.testing.assert_allclose([a.numpy(), b.numpy()], [[1, 2], [1, 2]])
    assert int(optimizer.iterations) == 0


def test_gradients_may_be_lists_variables_or_doubles():
    w, optimizer = variable(), optimizers.SGD(1.0)
    for g in ([1.0, 1.0], kerasnp.Variable([1.0, 1.0]), np.ones(2)):
        optimizer.apply([g], [w])
    np.testing.assert_allclose(w.numpy(), [-2, -1])
    assert w.value.dtype == np.float32


def test_exclusion_comes_before_build():
    optimizer = optimizers.AdamW()
    optimizer.build([variable()])
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_stateless_apply_wants_its_variables():
    optimizer = optimizers.SGD()
    with pytest.raises(ValueError, match="must be there already"):
        optimizer.stateless_apply([], [one()], [one()])
    optimizer.build([variable()])
    with pytest.raises(ValueError, match="expected 1 trainable and 2 optimizer variables"):
        optimizer.stateless_apply([], [one()], [one()])


# -- subclasses


def test_subclass_with_a_slot():
    class HeavyBall(optimizers.Optimizer):
        slots = ("speed",)

        def update(self, w, g, speed, step):
            speed *= 0.5
            speed += g
            w -= step * speed

    w, optimizer = variable(), HeavyBall(1.0, name="ball")
    for _ in range(2):
        optimizer.apply([one()], [w])
    np.testing.assert_allclose(w.numpy(), [-1.5, -0.5])
    assert [v.path for v in optimizer.variables] == ["ball/iteration", "ball/learning_rate", "ball/w_speed"]


def test_subclass_in_the_manner_of_keras():
    class HeavyBall(optimizers.Optimizer):
        def __init__(self, learning_rate=1.0, friction=0.5, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.friction = friction

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.speeds = [self.add_variable_from_reference(v, name="speed") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            speed = self.speeds[self._get_variable_index(variable)]
            self.assign(speed, kerasnp.ops.add(kerasnp.ops.multiply(speed, self.friction), gradient))
            self.assign_sub(variable, kerasnp.ops.multiply(speed, learning_rate))

    a, b = variable(name="a"), variable(name="b")
    b.lr_multiplier = 0.0
    optimizer = HeavyBall(weight_decay=0.0)
    for _ in range(2):
        optimizer.apply([one(), one()], [a, b])
    np.testing.assert_allclose([a.numpy(), b.numpy()], [[-1.5, -0.5], [1, 2]])
    assert [v.name for v in optimizer.variables] == ["iteration", "learning_rate", "a_speed", "b_speed"]
    assert optimizer.get_config()["friction"] == 0.5


def test_subclass_without_a_rule():
    class Nothing(optimizers.Optimizer):
        pass

    with pytest.raises(NotImplementedError, match="Nothing: write update"):
        Nothing().apply([one()], [variable()])


# -- values from files


def test_state_of_another_size_is_skipped_aloud():
    optimizer = optimizers.Adam()
    optimizer.build([variable()])
    with pytest.warns(UserWarning, match="Optimizer 'adam' keeps the state it has"):
        optimizer.load_own_variables({str(i): np.zeros(()) for i in range(7)})
    with pytest.raises(ValueError, match="expected values for its 4 variables"):
        optimizer.set_variables([np.zeros(3)] * 4)
    assert int(optimizer.iterations) == 0


def test_state_of_keras_2():
    w = variable()
    adam = optimizers.Adam()
    adam.build([w])
    adam.set_variables([np.array(5), one(), 2 * one()])  # no learning rate
    assert int(adam.iterations) == 5 and np.array_equal(adam.variables[3].numpy(), [2, 2])
    sgd = optimizers.SGD()
    sgd.build([w, variable(name="b")])
    sgd.set_variables([np.array(5), one(), one()])  # momentum it does not have
    assert int(sgd.iterations) == 5
    ran, nadam = optimizers.Nadam(), optimizers.Nadam()
    for _ in range(3):
        ran.apply([one()], [w])
    nadam.build([w])
    nadam.set_variables([ran.variables[0].value, *(v.value for v in ran.variables[2:4])])  # no product of the schedule
    np.testing.assert_allclose(nadam.variables[-1].numpy(), ran.variables[-1].numpy(), rtol=1e-6)


def test_state_of_an_untrained_optimizer():
    optimizer = optimizers.Adam()
    optimizer.build([variable()])
    optimizer.set_variables([np.array(0), np.array(0.5)])
    assert float(optimizer.learning_rate) == 0.5


def test_configurations_of_keras_2():
    config = {"name": "SGD", "lr": 0.5, "decay": 0.25, "momentum": 0.0, "nesterov": False, "jit_compile": False}
    optimizer = optimizers.deserialize({"class_name": "Custom>SGD", "config": {**config, "is_legacy_optimizer": True}})
    w = variable()
    optimizer.apply([one()], [w])
    assert float(optimizer.learning_rate) == pytest.approx(0.4)
    assert optimizers.Adam.from_config({"learning_rate": 0.1, "epsilon": None}).epsilon == 1e-7


def test_files_of_keras_load(fixtures_dir):
    """The optimizer in each opt_*/k3.keras is rebuilt, and takes the variables that the file holds."""
    h5py = pytest.importorskip("h5py")
    found = sorted(fixtures_dir.glob("opt_*/k3.keras"))
    assert found
    for path in found:
        with zipfile.ZipFile(path) as archive:
            compiled = json.loads(archive.read("config.json"))["compile_config"]
            with h5py.File(archive.open("model.weights.h5")) as file:
                stored = {k: v[()] for k, v in file["optimizer/vars"].items()}
        optimizer = optimizers.deserialize(compiled["optimizer"])
        shapes = [(6, 7), (7,), (7,), (7,), (7, 3), (3,)]
        weights = [kerasnp.Variable(np.ones(s, "float32")) for s in shapes]
        optimizer.build(weights)
        optimizer.load_own_variables(stored)
        assert len(optimizer.variables) == len(stored), path
        for i, v in enumerate(optimizer.variables):
            assert np.array_equal(v.numpy(), stored[str(i)]), (path, v.path)
        assert int(optimizer.iterations) == 3, path
        optimizer.apply([np.ones(s, "float32") for s in shapes], weights)


def test_gradients_are_clipped_into_copies():
    g = np.array([30.0, 40.0])
    np.testing.assert_allclose(optimizers.SGD(clipnorm=5)._clip_gradients([g])[0], [3, 4])
    np.testing.assert_allclose(optimizers.SGD(clipvalue=35)._clip_gradients([g])[0], [30, 35])
    np.testing.assert_allclose(optimizers.SGD(global_clipnorm=5)._clip_gradients([g, g])[1], np.array([3, 4]) / 2**0.5)
    np.testing.assert_array_equal(g, [30, 40])


def test_a_variable_that_is_overwritten_waits_for_the_update():
    v, w = kerasnp.Variable([1.0]), kerasnp.Variable([1.0])
    v.overwrite_with_gradient = True
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    for g in (5.0, 7.0):
        optimizer.apply([[g], [g]], [v, w])
        if g == 5.0:
            assert v.numpy() == 1 and w.numpy() == 1
    assert v.numpy() == 7 and w.numpy() == 1 - 6
    np.testing.assert_array_equal([a.value for a in optimizer._accumulated_gradients], [[0], [0]])
