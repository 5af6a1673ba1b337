"""The state of optimizers before Keras 2.11, one slot after the other: training goes on to the numbers of that Keras."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest

from kerasnp.models import load_model

GOLDEN = np.load(Path(__file__).resolve().parents[1] / "golden" / "legacy_optimizers.npz")
NAMES = sorted(key.removesuffix("/file") for key in GOLDEN if key.endswith("/file"))


def load(name):
    return load_model(io.BytesIO(GOLDEN[f"{name}/file"].tobytes()))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "nadam"])
def test_training_goes_on_as_in_the_keras_of_then(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = load(name)
    assert int(model.optimizer.iterations) == 3
    for x, y in zip(GOLDEN["x"][3:], GOLDEN["y"][3:]):
        model.train_on_batch(x, y)
    for i, weight in enumerate(model.get_weights()):
        np.testing.assert_allclose(weight, GOLDEN[f"{name}/{i}"], rtol=1e-4, atol=1e-6)


def test_nadam_had_another_rule_and_says_so():
    with pytest.warns(UserWarning, match="Nadam before Keras 2.11") as caught:
        model = load("nadam")
    assert len(caught) == 1 and int(model.optimizer.iterations) == 3
    slots = [v.numpy() for v in model.optimizer.variables if "momentum" in v.name or "velocity" in v.name]
    assert len(slots) == 4 and all(np.any(s) for s in slots)


def standalone(files, sequential, random_array, optimizer, stored):
    """A file of Keras 2.2 with three layers whose weights have equal shapes."""
    config = sequential(*[("Dense", {"units": 4, "name": n, "use_bias": False}) for n in "abc"], keras2=True)
    weights = {n: {"k": random_array(4, 4)} for n in "abc"}
    training = {"loss": "mse", "metrics": [], "sample_weight_mode": None, "loss_weights": None, "optimizer_config": optimizer}
    return load_model(files.classic(config, weights, "2.2.4", training, stored))


def slots_of(random_array, count):
    return [[abs(random_array(4, 4, seed=10 * i + j)) for j in range(3)] for i in range(count)]


@pytest.mark.parametrize("naming", ["training/Adam/Variable_{}:0", "training/Adam/{}:0"])
def test_adam_of_standalone_keras(files, sequential, random_array, naming):
    """Its variables had no names at first, then `m_0`; without amsgrad it kept an empty `vhat` for each."""
    m, v = slots_of(random_array, 2)
    arrays = [*m, *v, *[np.zeros(1, "float32")] * 3]
    names = [naming.format(f"{k}_{i}" if "Variable" not in naming else 3 * "mvx".index(k[0]) + i)
             for k in ("m", "v", "x") for i in range(3)]  # fmt: skip
    names = [n.replace("x_", "vhat_") for n in names]
    config = {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.0, "epsilon": 1e-7, "amsgrad": False}
    stored = {"Adam/iterations:0": np.int64(5), **dict(zip(names, arrays))}
    model = standalone(files, sequential, random_array, {"class_name": "Adam", "config": config}, stored)
    assert int(model.optimizer.iterations) == 5
    got = [x.numpy() for x in model.optimizer.variables[2:]]
    for a, b in zip(got, [a for pair in zip(m, v) for a in pair], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name, count", [("RMSprop", 1), ("Adagrad", 1), ("Adadelta", 2)])
def test_optimizers_that_kept_no_count_of_their_steps(files, sequential, random_array, name, count):
    slots = slots_of(random_array, count)
    stored = {f"training/{name}/Variable_{i}:0": a for i, a in enumerate(a for slot in slots for a in slot)}
    config = {"lr": 0.01, "decay": 0.0, "epsilon": 1e-7, **({"rho": 0.9} if name != "Adagrad" else {})}
    model = standalone(files, sequential, random_array, {"class_name": name, "config": config}, stored)
    assert int(model.optimizer.iterations) == 0
    got = [x.numpy() for x in model.optimizer.variables[2:]]
    for a, b in zip(got, [a for group in zip(*slots) for a in group], strict=True):
        np.testing.assert_array_equal(a, b)
