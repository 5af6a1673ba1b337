"""Pictures: that they show the numbers they were given, change nothing, and need no display."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kerasnp
from kerasnp import layers, viz

needs_matplotlib = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")


def classifier(**compiled):
    model = kerasnp.Sequential(
        [
            kerasnp.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu", name="edges"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", name="scores"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **compiled)
    return model


def data(n=12):
    rng = np.random.default_rng(0)
    return rng.random((n, 8, 8, 1)).astype("float32"), np.arange(n) % 3


def state(model):
    return [v.numpy() for v in model.variables]


def test_without_matplotlib_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib, which is absent: run pip install 'kerasnp\[viz\]'"):
        viz.plot_history({"loss": [1.0, 0.5]})
    model = classifier()
    x, y = data()
    with pytest.raises(ImportError, match="kerasnp.viz draws with matplotlib"):
        model.fit(x, y, verbose=0, callbacks=[viz.PlotHistory()])


@needs_matplotlib
def test_import_and_drawing_leave_pyplot_alone():
    code = (
        "import sys, kerasnp.viz; assert 'matplotlib' not in sys.modules; "
        "kerasnp.viz.plot_history({'loss': [1.0, 0.5]}); assert 'matplotlib' in sys.modules; "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(kerasnp.__file__).parents[1])


def lines(axes):
    return {line.get_label(): line.get_ydata().tolist() for line in axes.lines if not line.get_label().startswith("_")}


@needs_matplotlib
def test_history_shows_its_numbers(tmp_path):
    model = classifier()
    x, y = data()
    history = model.fit(x, y, epochs=4, validation_data=(x + 0.1, y), validation_freq=2, verbose=0)
    figure = viz.plot_history(history, title="four", path=tmp_path / "history.png")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
    drawn = lines(figure.axes[0])
    assert drawn["training"] == history.history["loss"] and drawn["validation"] == history.history["val_loss"]
    assert figure.axes[0].lines[1].get_xdata().tolist() == [2, 4]
    assert figure.axes[0].get_xlabel() == "epoch" and figure.get_suptitle() == "four"
    assert (tmp_path / "history.png").read_bytes()[:4] == b"\x89PNG"
    assert lines(viz.plot_history(model, metrics="accuracy").axes[0])["training"] == history.history["accuracy"]


@needs_matplotlib
def test_histories_side_by_side():
    figure = viz.plot_history({"adam": {"loss": [3.0, 1.0]}, "sgd": {"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]}})
    assert lines(figure.axes[0]) == {"adam": [3.0, 1.0], "sgd, training": [3.0, 2.0], "sgd, validation": [3.0, 2.5]}


@needs_matplotlib
def test_history_refuses_what_it_cannot_draw(tmp_path):
    with pytest.raises(ValueError, match="metrics must be among loss. Received: metrics='acc'"):
        viz.plot_history({"loss": [1.0]}, metrics="acc")
    with pytest.raises(ValueError, match="no epochs yet"):
        viz.plot_history(classifier())
    with pytest.raises(ValueError, match="Received: int"):
        viz.plot_history(3)
    with pytest.raises(ValueError, match=r"path must end in \..*png.*Received: path='a.xyz'"):
        viz.plot_history({"loss": [1.0]}, path="a.xyz")
    with pytest.raises(FileNotFoundError):
        viz.plot_history({"loss": [1.0]}, path=tmp_path / "missing" / "a.png")


@needs_matplotlib
def test_live_history_draws_every_epoch_and_the_last(tmp_path):
    class Watch(kerasnp.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(None if live.figure is None else len(live.figure.axes[0].lines[0].get_xdata()))

    seen, live = [], viz.PlotHistory(tmp_path / "live.svg", every=2)
    model = classifier()
    model.fit(*data(), epochs=5, verbose=0, callbacks=[live, Watch()])
    assert seen == [None, 2, 2, 4, 4]
    assert len(live.figure.axes[0].lines[0].get_xdata()) == 5
    assert "<svg" in (tmp_path / "live.svg").read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["live.svg"]


@needs_matplotlib
def test_filters_of_every_kind():
    model = classifier()
    figure = viz.show_filters(model)
    assert figure.get_suptitle() == "edges: 4 filters of 3 × 3"
    np.testing.assert_array_equal(figure.axes[2].images[0].get_array(), model.layers[0].kernel.value[:, :, 0, 2])
    colored = kerasnp.Sequential([kerasnp.Input((8, 8, 3)), layers.Conv2D(2, 3), layers.Conv2D(5, 3)])
    assert len(viz.show_filters(colored).axes) == 2
    assert "channel 1" in viz.show_filters(colored, 1, channel=1).get_suptitle()
    assert "3 of 5" in viz.show_filters(colored, "conv2d_1", count=3).get_suptitle()
    dense = kerasnp.Sequential([kerasnp.Input((4, 6)), layers.Flatten(), layers.Dense(3)])
    assert viz.show_filters(dense).axes[0].images[0].get_array().shape == (4, 6)
    for layer, shape in (
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (None, 8, 8, 2)),
        (layers.Conv2DTranspose(4, 3), (None, 8, 8, 2)),
        (layers.Conv1D(4, 3), (None, 8, 2)),
    ):
        layer.build(shape)
        assert len(viz.show_filters(layer).axes) == 5
    with pytest.raises(ValueError, match="expected a built convolution"):
        viz.show_filters(kerasnp.Sequential([kerasnp.Input((3,)), layers.Dense(2)]))
    with pytest.raises(ValueError, match="has 1 input channels. Received: channel=1"):
        viz.show_filters(model, channel=1)


@needs_matplotlib
def test_feature_maps_are_the_activations():
    model = classifier()
    x, _ = data()
    figure = viz.show_feature_maps(model, x[0], layers=["edges", "pool"], count=2)
    maps = model.activations_of("edges", x[:1])[0]
    strongest = sorted(np.argsort(-np.abs(maps).mean(axis=(0, 1)))[:2])
    assert [axes.get_title() for axes in figure.axes[1:3]] == [str(c) for c in strongest]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), maps[..., strongest[0]])
    with pytest.raises(ValueError, match="expected layers that put out images"):
        viz.show_feature_maps(model, x[0], layers="scores")


@needs_matplotlib
def test_misclassified_come_surest_first():
    x, y = data(4)
    scores = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.9, 0.05, 0.05], [0.1, 0.8, 0.1]])
    figure = viz.show_misclassified(scores, x, [0, 0, 1, 0], class_names=["ant", "bee", "cow"])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["ant (90 %), is bee", "bee (80 %), is ant", "bee (70 %), is ant"]
    assert figure.get_suptitle() == "3 of 4 misclassified (75 %)"
    assert viz.show_misclassified(y, x, y).axes[0].texts[0].get_text() == "none"
    model = classifier()
    wrong = (model.predict(x, verbose=0).argmax(1) != y).sum()
    assert viz.show_misclassified(model, x, np.eye(3)[y]).get_suptitle().startswith(f"{wrong} of 4")
    with pytest.raises(ValueError, match="x has 4, y has 3"):
        viz.show_misclassified(y, x, y[:3])
    with pytest.raises(ValueError, match="every class up to 2. Received: 2 names"):
        viz.show_misclassified(y, x, y, class_names=["a", "b"])
    with pytest.raises(ValueError, match=r"x must be images.*Received: shape \(4, 64\)"):
        viz.show_misclassified(y, x.reshape(4, 64), y)


@needs_matplotlib
def test_classes_in_rows():
    x, y = data()
    predicted = y.copy()
    predicted[4] = 2
    figure = viz.show_classes(x, y, classes=[1, 2], model=predicted, count=3)
    assert [axes.get_title() for axes in figure.axes] == ["1", "2", "1", "2", "2", "2"]
    assert figure.axes[0].get_ylabel() == "1" and figure.axes[3].get_ylabel() == "2"
    assert figure.get_suptitle() == "Predictions: 5 of the 6 shown are right"
    assert "%" in viz.show_classes(x, y, model=classifier()).axes[0].get_title()
    with pytest.raises(ValueError, match=r"classes must be among \[0, 1, 2\]. Received: classes=\[7\]"):
        viz.show_classes(x, y, classes=[7])


@needs_matplotlib
def test_confusion_matrix_counts():
    y = np.array([0, 0, 1, 1, 2])
    figure = viz.confusion_matrix([0, 1, 1, 1, 0], None, y, class_names=["ant", "bee", "cow", "dog"])
    axes = figure.axes[0]
    counts = np.array([int(t.get_text()) for t in axes.texts]).reshape(4, 4)
    np.testing.assert_array_equal(counts, [[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    assert [t.get_text() for t in axes.get_yticklabels()] == ["ant", "bee", "cow", "dog"]
    assert "accuracy 60 % of 5" in figure.get_suptitle()
    assert viz.confusion_matrix([0, 1], None, [0, 0], normalize=True).axes[0].texts[0].get_text() == "50"
    logits = np.array([[5.0, 1.0], [0.0, 0.0]])
    sure = viz.show_misclassified(logits, np.zeros((2, 4, 4)), [1, 1])
    assert [axes.get_title() for axes in sure.axes[:2]] == ["0 (98 %), is 1", "0 (50 %), is 1"]
    binary = viz.confusion_matrix(np.array([[0.2], [0.9]]), None, [0, 1])
    assert [t.get_text() for t in binary.axes[0].texts] == ["1", "0", "0", "1"]
    with pytest.raises(ValueError, match="no samples"):
        viz.confusion_matrix(np.zeros((0, 2)), None, np.zeros(0, int))


@needs_matplotlib
def test_weights_activations_and_gradients_without_a_trace():
    model = classifier()
    x, y = data()
    before = state(model)
    weights = viz.weight_histograms(model, bins=7)
    assert weights.axes[0].get_title().startswith("edges/kernel (3 × 3 × 1 × 4)\nmean ")
    assert sum(bar.get_height() for bar in weights.axes[0].patches) == 36
    activations = viz.activation_histograms(model, x, layers=["pool", "scores"])
    assert len(activations.axes) == 2 and sum(b.get_height() for b in activations.axes[1].patches) == 36
    flow = viz.gradient_flow(model, x, y)
    assert [t.get_text() for t in flow.axes[0].get_yticklabels()][:2] == ["edges/kernel", "edges/bias"]
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)
    bare = kerasnp.Sequential([layers.Dense(2)])
    with pytest.raises(ValueError, match="no weights yet"):
        viz.weight_histograms(bare)
    with pytest.raises(ValueError, match="gradient_flow: the model 'sequential.*' has no loss yet"):
        viz.gradient_flow(bare, x, y)


@needs_matplotlib
def test_gradient_flow_marks_weights_without_gradient():
    class Idle(kerasnp.Layer):
        def build(self, input_shape):
            self.used, self.idle = self.add_weight((3,), "ones", name="used"), self.add_weight((3,), "ones", name="idle")

        def call(self, inputs):
            return inputs * self.used

    model = kerasnp.Sequential([kerasnp.Input((3,)), Idle(), layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    figure = viz.gradient_flow(model, np.ones((2, 3)), np.ones((2, 1)))
    assert [t.get_text() for t in figure.axes[0].texts] == ["all zero", "no gradient"]


@needs_matplotlib
def test_landscape_is_the_loss_around_the_model(monkeypatch):
    from kerasnp.viz import loss_surface as module

    model = kerasnp.Sequential([kerasnp.Input((3,)), layers.Dense(2, name="a"), layers.Dense(1, name="b")])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.random((6, 3)), rng.random((6, 1))
    before = state(model)
    figure = viz.landscape(model, x, y, span=0.5, points=5)
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)
    here = model.evaluate(x, y, verbose=0)
    star = [line for line in figure.axes[1].lines if line.get_label() == "the model"][0]
    assert star.get_ydata()[0] == pytest.approx(here, rel=1e-5)
    surface = module.surface_of(model, x.astype("float32"), y.astype("float32"), [0.0], [0.0, 0.3])
    assert surface[0, 0] == pytest.approx(here, rel=1e-5) and surface[1, 0] != surface[0, 0]
    # Filter by filter, a direction is as long as the weights.
    kernel = model.layers[0].kernel.value
    direction = module._direction(np.random.default_rng(0), kernel)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=0), np.linalg.norm(kernel, axis=0), rtol=1e-5)
    assert not module._direction(np.random.default_rng(0), model.layers[0].bias.value).any()
    with pytest.raises(ValueError, match="points must be at least 3"):
        viz.landscape(model, x, y, points=2)

    def broken(*args):
        raise ArithmeticError

    monkeypatch.setattr(module.probe, "loss_of", broken)
    with pytest.raises(ArithmeticError):
        viz.landscape(model, x, y, points=3)
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)
