"""compare: every combination from the same start on the same data, and what its result shows."""

import importlib.util

import numpy as np
import pytest

import kerasnp
from kerasnp import layers
from kerasnp.comparison import compare

needs_matplotlib = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((40, 6)).astype("float32"), rng.integers(0, 3, 40)
OPTIONS = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], "epochs": 2}
built = []


def build(activation="relu", initializer="glorot_uniform", rate=0.0):
    model = kerasnp.Sequential(
        [
            kerasnp.Input((6,)),
            layers.Dense(5, activation, kernel_initializer=initializer),
            layers.Dropout(rate),
            layers.Dense(3, "softmax"),
        ]
    )
    built.append([w.numpy() for w in model.weights])
    return model


def test_all_combinations_from_the_same_start():
    built.clear()
    result = compare(build, X, Y, optimizer=["sgd", "adam"], activation=["relu", "tanh"], initializer=["he_normal"], **OPTIONS)
    assert [run.label for run in result] == ["sgd, relu", "sgd, tanh", "adam, relu", "adam, tanh"]
    assert result[0].options == {"optimizer": "sgd", "activation": "relu", "initializer": "he_normal"}
    for weights in built[1:]:
        for a, b in zip(built[0], weights, strict=True):
            np.testing.assert_array_equal(a, b)
    assert [type(run.model.optimizer).__name__ for run in result] == ["SGD", "SGD", "Adam", "Adam"]
    assert result["adam, tanh"].model.layers[0].activation is kerasnp.activations.tanh
    assert all(len(run.history["accuracy"]) == 2 and run.seconds > 0 for run in result)
    gradients = [list(run.gradients.values()) for run in result]
    assert gradients[0] == gradients[2] != gradients[1] and len(gradients[0]) == 2


def test_a_run_is_what_fit_gives_and_the_program_goes_on_as_before():
    kerasnp.utils.set_random_seed(5)
    expected = [np.random.random(), *(kerasnp.random.normal((2,)) for _ in range(2)), kerasnp.random.SeedGenerator().seed]
    kerasnp.utils.set_random_seed(5)
    first = [np.random.random(), kerasnp.random.normal((2,))]
    result = compare(build, X, Y, rate=[0.5], optimizer=["sgd"], seed=3, **OPTIONS)
    again = compare(build, X, Y, rate=[0.1, 0.5], optimizer=["sgd"], seed=3, **OPTIONS)["0.5"]
    rest = [kerasnp.random.normal((2,)), kerasnp.random.SeedGenerator().seed]
    for a, b in zip(expected, first + rest, strict=True):
        np.testing.assert_array_equal(a, b)
    assert result[0].history == again.history
    kerasnp.utils.set_random_seed(3)
    model = build(rate=0.5)
    model.compile("sgd", OPTIONS["loss"], metrics=["accuracy"])
    kerasnp.utils.set_random_seed(3)
    assert model.fit(X, Y, epochs=2, batch_size=32, verbose=0).history == result[0].history


def test_choices_that_compare_sees_to():
    def compiled(units):
        model = kerasnp.Sequential([kerasnp.Input((6,)), layers.Dense(units)])
        model.compile(kerasnp.optimizers.SGD(0.5, momentum=0.9), "mse")
        return model

    result = compare(compiled, X, X[:, :1], units=[1], learning_rate=[0.001, 0.01], epochs=1)
    assert [float(run.model.optimizer.learning_rate) for run in result] == pytest.approx([0.001, 0.01])
    assert [run.model.optimizer.momentum for run in result] == [0.9, 0.9]
    assert [run.label for run in result] == ["0.001", "0.01"]
    one = kerasnp.optimizers.Adam(0.02)
    result = compare(compiled, X, X[:, :1], optimizer={"mine": one, "plain": "sgd"}, units=[1, 2], loss=["mae"], epochs=1)
    assert [run.label for run in result] == ["mine, 1", "mine, 2", "plain, 1", "plain, 2"]
    assert result[0].model.optimizer is not result[1].model.optimizer is not one and not one.built
    assert {run.model.loss for run in result} == {"mae"}
    taken = []
    compare(lambda optimizer: taken.append(optimizer) or compiled(1), X, X[:, :1], optimizer=["adam"], epochs=1)
    assert taken == ["adam"]


def test_table_rows_and_best():
    result = compare(
        build, X, Y, activation=["relu", "tanh"], learning_rate=[1e-4, 0.1], validation_data=(X + 0.1, Y), **OPTIONS
    )
    text = str(result)
    assert "val_loss" in text and "first gradient" in text and text.count("\n") == 7 and "| relu" in result.table("github")
    assert result.rows[0]["learning_rate"] == "0.0001" and set(result.rows[0]["gradient_norms"]) == set(result[0].gradients)
    losses = [run.last["val_loss"] for run in result]
    assert result.best() is result[int(np.argmin(losses))]
    accuracy = [run.last["accuracy"] for run in result]
    assert result.best("accuracy").last["accuracy"] == max(accuracy)
    per = result.best(by="activation")
    assert [run.options["activation"] for run in per] == ["relu", "tanh"]
    assert [run.last["val_loss"] for run in per] == [min(losses[:2]), min(losses[2:])]
    result[0].history["val_loss"][-1] = float("nan")
    assert result.best() is not result[0]
    assert "Comparison of 4 runs" in repr(result) and "accuracy" in repr(result[0])
    with pytest.raises(ValueError, match="metric must be among accuracy, loss, val_accuracy, val_loss. Received"):
        result.best("f1")
    with pytest.raises(ValueError, match="by must be among activation, learning_rate"):
        result.best(by="units")
    with pytest.raises(KeyError, match="no run 'x'; there are: relu, 0.0001;"):
        result["x"]


def test_callbacks_are_new_for_each_run(capsys):
    made = []

    def callbacks():
        made.append(kerasnp.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9))
        return [made[-1]]

    result = compare(build, X, Y, activation=["relu", "tanh"], callbacks=callbacks, verbose=1, **{**OPTIONS, "epochs": 9})
    assert len(made) == 2 and all(len(run.history["loss"]) < 9 for run in result)
    assert capsys.readouterr().out.startswith("relu: accuracy 0.")


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({}, ValueError, "at least one list of choices"),
        ({"activation": "relu"}, ValueError, "activation must be a list of choices"),
        ({"activation": []}, ValueError, "activation must be a list of choices"),
        ({"units": [1, 2]}, ValueError, "no argument 'units'; there are: activation, initializer, rate, optimizer, learning_"),
        ({"activation": ["relu", "relu"]}, ValueError, "Received twice: relu"),
        ({"optimizer": ["sdg"]}, ValueError, "sdg"),
        ({"rate": [0.1], "loss": None}, ValueError, "the model has no loss"),
        ({"rate": [0.1], "epochs": 0}, ValueError, "compare: .?epochs.? must be a positive integer"),
        ({"rate": [0.1], "seed": 0.5}, ValueError, "compare: .?seed.? must be an integer"),
        ({"rate": [0.1], "callbacks": [1]}, TypeError, "callbacks must be a function"),
        ({"rate": [0.1, "many"]}, ValueError, "many"),
    ],
)
def test_wrong_arguments_are_found_before_the_first_run(arguments, error, message, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a run has begun")

    monkeypatch.setattr(kerasnp.Sequential, "fit", never)
    with pytest.raises(error, match=message):
        compare(build, X, Y, **{**OPTIONS, **arguments})


def test_what_build_fn_must_be():
    with pytest.raises(TypeError, match="build_fn must be a function that returns a model. Received: Sequential|int"):
        compare(3, X, Y, activation=["relu"])
    with pytest.raises(TypeError, match="build_fn must return a model. Received: NoneType"):
        compare(lambda activation: None, X, Y, activation=["relu"])


@needs_matplotlib
def test_the_picture(tmp_path):
    result = compare(build, X, Y, activation=["relu", "tanh"], validation_split=0.2, **OPTIONS)
    figure = result.plot(path=tmp_path / "compare.png")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["loss (validation)", "accuracy (validation)", "gradient before training"]
    drawn = figure.axes[0].lines[1]
    assert drawn.get_label() == "tanh" and drawn.get_ydata().tolist() == result[1].history["val_loss"]
    np.testing.assert_allclose(figure.axes[2].lines[0].get_ydata(), list(result[0].gradients.values()))
    assert (tmp_path / "compare.png").stat().st_size > 10_000
    assert [axes.get_title() for axes in result.plot("loss").axes][0] == "loss (training)"
    with pytest.raises(ValueError, match="plot: metrics must be among accuracy"):
        result.plot("f1")
