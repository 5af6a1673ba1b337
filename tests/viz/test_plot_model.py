"""plot_model: every layer and operator has its box, arrows go where the arrays went, and nothing overlaps."""

import importlib.util
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import kerasnp
from kerasnp import Tape, Variable, layers, ops, viz
from kerasnp.viz.diagram import GAP, Diagram, Node, lay_out

needs_matplotlib = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
SVG = "{http://www.w3.org/2000/svg}"


def stack():
    return kerasnp.Sequential(
        [
            kerasnp.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu", name="edges"),
            layers.MaxPooling2D(name="pool"),
            kerasnp.Sequential([layers.Flatten(name="flat"), layers.Dense(3, name="scores")], name="head"),
        ],
        name="small",
    )


class Residual(kerasnp.Model):
    """Two paths, an operator between layers, a layer used twice, and a layer that changes nothing."""

    def __init__(self):
        super().__init__(name="residual")
        self.first, self.twice = layers.Dense(4, name="first"), layers.Dense(4, name="twice")
        self.drop, self.out = layers.Dropout(0.5, name="drop"), layers.Dense(1, name="out")

    def call(self, x):
        y = self.first(x)
        return self.out(self.drop(y + self.twice(self.twice(y))))


def arrows(diagram):
    return {node.title: [s.title for s in node.sources] for node in diagram.nodes}


def test_a_stack_as_text():
    text = str(viz.plot_model(stack()))
    assert text.splitlines()[0] == "small: 151 parameters"
    rows = [line.split("  ") for line in text.splitlines() if line.strip() != "↓"][1:]
    assert [row[0].strip() for row in rows] == ["input", "edges", "pool", "head"]
    assert "Conv2D, relu" in text and "(None, 6, 6, 4)" in text and "40 parameters" in text
    plain = str(viz.plot_model(stack(), show_shapes=False, show_params=False, show_layer_activations=False, title="mine"))
    assert plain.startswith("mine\n") and "None" not in plain and "parameters" not in plain and "relu" not in plain
    more = str(viz.plot_model(stack(), show_dtype=True, show_trainable=True))
    assert "float32" in more and "trainable" in more


def test_nested_and_unbuilt():
    assert list(arrows(viz.plot_model(stack(), expand_nested=True))) == ["input", "edges", "pool", "head/flat", "head/scores"]
    bare = kerasnp.Sequential([layers.Dense(2, name="a"), layers.Dense(1, name="b")], name="bare")
    assert str(viz.plot_model(bare)) == "bare\na  Dense  ?\n  ↓\nb  Dense  ?"
    assert "Dense" in str(viz.plot_model(layers.Dense(2, name="alone")))


def test_other_models_are_followed():
    model = Residual()
    x = np.ones((2, 4), "float32")
    with pytest.raises(ValueError, match="the input shape of 'residual' is not known; give one batch"):
        viz.plot_model(model)
    model(x)
    before = [v.numpy() for v in model.variables]
    diagram = viz.plot_model(model, x=x)
    assert arrows(diagram) == {
        "input": [],
        "first": ["input"],
        "twice": ["first"],
        "twice (call 2)": ["twice"],
        "add": ["first", "twice (call 2)"],
        "drop": ["add"],
        "out": ["drop"],
    }
    assert "← first, twice (call 2)" in str(diagram)
    for a, v in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(a, v.value)
    assert "call" not in vars(model.first)


def test_integer_inputs_and_fused_layers_and_inner_models():
    class Words(kerasnp.Model):
        def __init__(self):
            super().__init__(name="words")
            self.table = layers.Embedding(9, 4, name="table")
            self.body = kerasnp.Sequential([layers.Conv1D(3, 2, name="conv"), layers.MaxPooling1D(name="pool")], name="body")

        def call(self, x):
            return self.body(self.table(x))

    x = np.zeros((2, 6), int)
    assert arrows(viz.plot_model(Words(), x=x)) == {"input": [], "table": ["input"], "body": ["table"]}
    opened = arrows(viz.plot_model(Words(), x=x, expand_nested=True))
    assert opened == {"input": [], "table": ["input"], "conv": ["table"], "pool": ["conv"]}
    wrapped = layers.Bidirectional(layers.GRU(2), name="both")
    assert arrows(viz.plot_model(wrapped, x=np.ones((1, 3, 2))))["Concatenate"] == ["forward_gru", "backward_gru"]


def expression():
    w, b = Variable([[2.0]], name="w"), Variable([1.0], name="b")
    with Tape(persistent=True):
        y = ops.matmul(np.float32([[3.0]]), w)
        y.name = "y"
        loss = ops.sum(y * y + b)
    return loss, w, b


def test_an_expression_as_a_tree():
    loss, w, b = expression()
    assert str(viz.plot_model(loss)) == (
        "Sum  = 37\n"
        "└─ add  = [[37]]\n"
        "   ├─ multiply  = [[36]]\n"
        "   │  ├─ y: Matmul  = [[6]]\n"
        "   │  │  ├─ constant  = [[3]]\n"
        "   │  │  └─ w  = [[2]]\n"
        "   │  └─ y: Matmul  (the one above)\n"
        "   └─ b  = [1]"
    )
    loss.backward()
    text = str(viz.plot_model(loss))
    assert "w  = [[2]]  gradient [[36]]" in text and "b  = [1]  gradient [1]" in text


def test_the_graph_of_a_model_is_made_of_the_same_operators():
    model = stack()
    model.compile("sgd", "mse")
    with Tape(persistent=True):
        loss = model.compute_loss(None, np.zeros((2, 3)), model(np.ones((2, 8, 8, 1)), training=True))
    text = str(viz.plot_model(loss))
    assert "ConvMaxPool" in text and "edges/kernel" in text and "scores/bias" in text


def test_what_is_no_graph():
    for nothing in (Variable(1.0), 3, []):
        with pytest.raises(ValueError, match="expected a model, a layer, or a Variable computed inside"):
            viz.plot_model(nothing)
    x = Variable(2.0)
    with Tape() as tape:
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(ValueError, match="was used up by tape.gradient"):
        viz.plot_model(y)
    with pytest.raises(ValueError, match="rankdir must be 'TB' or 'LR'. Received: rankdir='up'"):
        viz.plot_model(stack(), rankdir="up")


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
def test_svg_has_every_box_inside_and_none_overlaps(tmp_path, rankdir):
    model = Residual()
    viz.plot_model(model, tmp_path / "model.svg", x=np.ones((2, 4)), rankdir=rankdir, title="a < b & c")
    root = ET.parse(tmp_path / "model.svg").getroot()
    group = root.find(f"{SVG}g")
    boxes = [[float(r.get(k)) for k in ("x", "y", "width", "height")] for r in group.findall(f"{SVG}rect")]
    assert len(boxes) == 7 and len(group.findall(f"{SVG}path")) == 7
    width, height = float(root.get("width")), float(root.get("height"))
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert texts[0] == "a < b & c" and "twice (call 2)" in texts and "Dense" in texts
    assert viz.plot_model(model, x=np.ones((2, 4)))._repr_svg_().startswith("<svg")


def test_layout_of_wide_graphs():
    """Arrows run from rank to rank; neighbours keep their distance; a long arrow passes between the boxes."""
    top = Node("top")
    middle = [Node(f"m{i}") for i in range(5)]
    bottom = Node("bottom")
    for node in middle:
        node.sources = [top]
    bottom.sources = [*middle, top]
    places, routes, (width, height) = lay_out([top, *middle, bottom])
    xs = sorted(x for x, _ in places[1:6])
    assert min(np.diff(xs)) >= 64 + GAP - 1e-6 and len({y for _, y in places[1:6]}) == 1
    assert len(routes) == 11 and max(map(len, routes)) == 4
    bend = next(points for points in routes if len(points) == 4)[1][0]
    assert all(abs(bend - x) > 32 for x in xs)


def test_text_file_and_unknown_suffix(tmp_path):
    viz.plot_model(stack(), tmp_path / "model.txt")
    assert (tmp_path / "model.txt").read_text(encoding="utf-8").startswith("small: 151")
    assert Diagram([Node("a")]).svg().count("<rect") == 2


@needs_matplotlib
def test_pictures_through_matplotlib(tmp_path):
    diagram = viz.plot_model(expression()[0], tmp_path / "graph.png", title="y² + b")
    assert (tmp_path / "graph.png").read_bytes()[:4] == b"\x89PNG"
    drawn = [text.get_text() for text in diagram.figure().axes[0].texts]
    assert "y² + b" in drawn and "y: Matmul" in drawn and "[[36]]" in drawn
    with pytest.raises(ValueError, match="path must end in"):
        diagram.save(tmp_path / "graph.xyz")


@needs_matplotlib
def test_keras_signature(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    diagram = kerasnp.utils.plot_model(stack())
    assert (tmp_path / "model.png").exists()
    assert str(diagram).split() == ["Input", "↓", "Conv2D", "↓", "MaxPooling2D", "↓", "Sequential"]
    full = kerasnp.utils.plot_model(
        stack(), "m.svg", show_shapes=True, show_dtype=True, show_layer_names=True, rankdir="LR", expand_nested=True,
        dpi=80, show_layer_activations=True, show_trainable=True,
    )  # fmt: skip
    assert "head/scores" in str(full) and "Conv2D, relu" in str(full) and "trainable" in str(full)
    with pytest.raises(ValueError, match="is not built"):
        kerasnp.utils.plot_model(kerasnp.Sequential([layers.Dense(1)]))
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):
        kerasnp.utils.plot_model(stack(), shapes=True)
