"""MultiOptimizer: each variable moves as under its own optimizer alone."""

import json

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, optimizers
from kerasnp.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, OptimizerMap, RMSprop

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((40, 5)).astype("float32"), rng.standard_normal((40, 2)).astype("float32")


def variables():
    return [kerasnp.Variable(np.full((2, 3), 1.0 + i, "float32"), name=name) for i, name in enumerate(("in", "out", "top"))]


def gradients(step):
    return [np.random.default_rng(10 * step + i).standard_normal((2, 3)).astype("float32") for i in range(3)]


def test_each_moves_as_alone():
    mine = variables()
    both = MultiOptimizer(OptimizerMap(Adam(0.1), {"o.*": SGD(0.5, momentum=0.9), "top": RMSprop(0.01)}))
    alone = [variables()[i] for i in range(3)]
    single = [Adam(0.1), SGD(0.5, momentum=0.9), RMSprop(0.01)]
    for step in range(4):
        both.apply_gradients(zip(gradients(step), mine))
        for o, v, g in zip(single, alone, gradients(step)):
            o.apply([g], [v])
    for a, b in zip(mine, alone):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert int(both.iterations) == 4 and len(both.optimizers) == 3
    assert len(both.variables) == 2 + sum(len(o.variables) for o in single)


def stack(optimizer):
    kerasnp.utils.set_random_seed(3)
    model = kerasnp.Sequential([kerasnp.Input((5,)), layers.Dense(4, name="body"), layers.Dense(2, name="head")], name="m")
    model.compile(optimizer, "mse")
    return model


def multi():
    return MultiOptimizer(OptimizerMap(SGD(0.01), {".*head.*": Adam(0.02)}))


def test_training_goes_on_from_a_file(tmp_path):
    model = stack(multi())
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "m.keras")
    again = kerasnp.models.load_model(tmp_path / "m.keras")
    assert [o.name for o in again.optimizer.optimizers] == ["adam", "sgd"]
    for m in (model, again):
        m.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)
    losses = model.history.history["loss"]
    assert losses[-1] < losses[0]


def test_a_function_chooses():
    slow, fast = SGD(0.1), SGD(1.0)
    both = MultiOptimizer(lambda v: slow if v.name == "in" else fast, name="two")
    assert both.optimizers == []
    values = variables()
    both.apply([np.ones((2, 3), "float32")] * 3, values)
    np.testing.assert_allclose([v.numpy()[0, 0] for v in values], [0.9, 1.0, 2.0], rtol=1e-6)
    # Only one of them has a gradient.
    with pytest.warns(UserWarning, match="'out'"):
        both.apply([None, None, np.ones((2, 3), "float32")], values)
    np.testing.assert_allclose([v.numpy()[0, 0] for v in values], [0.9, 1.0, 1.0], rtol=1e-6)


def test_configuration():
    config = json.loads(json.dumps(optimizers.serialize(multi())))
    twin = optimizers.deserialize(config)
    assert optimizers.serialize(twin) == config and type(twin) is MultiOptimizer
    assert twin.optimizer_map.optimizer_map[".*head.*"].get_config()["learning_rate"] == pytest.approx(0.02)
    scaled = MultiOptimizer(OptimizerMap(SGD()), loss_scale_factor=8.0)
    assert scaled.optimizers[0].loss_scale_factor == 8.0


def test_averages_at_the_end():
    both = MultiOptimizer(OptimizerMap(SGD(1.0), {"in": SGD(1.0, use_ema=True, ema_momentum=0.5)}))
    values = variables()
    for _ in range(2):
        both.apply([np.ones((2, 3), "float32")] * 3, values)
    both.finalize_variable_values(values)
    np.testing.assert_allclose([v.numpy()[0, 0] for v in values], [-0.5, 0.0, 1.0])


def test_a_map_of_patterns():
    choice = OptimizerMap(RMSprop(name="rest"), {"a/.*": SGD()})
    choice["a/b"] = Adam()
    names = [choice[key].name for key in ("a/b", "a/c", "a")]
    assert names == ["adam", "sgd", "rest"] and len(choice) == 2 and list(choice) == ["a/.*", "a/b"]
    del choice["a/b"]
    assert choice["a/b"].name == "sgd"


@pytest.mark.parametrize("call, error, text", [
    (lambda: OptimizerMap("adam"), TypeError, "default_optimizer must be an Optimizer"),
    (lambda: OptimizerMap(SGD(), [SGD()]), TypeError, "must be a dictionary"),
    (lambda: OptimizerMap(SGD(), {"a": "adam"}), ValueError, "Optimizer instance"),
    (lambda: OptimizerMap(SGD(), {3: SGD()}), ValueError, "must be a string"),
    (lambda: OptimizerMap(SGD(), {"a": multi()}), ValueError, "cannot be a MultiOptimizer"),
    (lambda: OptimizerMap(SGD(), {"a.": SGD(), ".b": SGD()})["ab"], ValueError, "Multiple optimizers"),
    (lambda: OptimizerMap(SGD(), {"a": SGD()}).__setitem__("a", SGD()), ValueError, "already exists"),
    (lambda: MultiOptimizer(lambda v: None).build(variables()), ValueError, "no Optimizer"),
    (lambda: MultiOptimizer(lambda v: multi()).build(variables()), ValueError, "inside a MultiOptimizer"),
    (lambda: multi().learning_rate, AttributeError, "read those of"),
    (lambda: setattr(multi(), "learning_rate", 1.0), AttributeError, "set those of"),
    (lambda: multi().apply([np.ones(2)]), ValueError, "has said whose they are"),
    (lambda: multi().apply([np.ones((2, 3))], variables()), ValueError, "match in number"),
    (lambda: LossScaleOptimizer(SGD()), ValueError, "not supported"),
])  # fmt: skip
def test_mistakes(call, error, text):
    with pytest.raises(error, match=text):
        call()
