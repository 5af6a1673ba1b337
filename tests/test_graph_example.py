"""examples/graph.py: the walk through the graph says what is true."""

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

SPEC = importlib.util.spec_from_file_location("graph_example", Path(__file__).parents[1] / "examples" / "graph.py")
graph = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(graph)


def test_the_walk(tmp_path, capsys):
    found = graph.main(["--svg", str(tmp_path / "graph.svg")])
    text = capsys.readouterr().out
    for tape, hand, layer in zip(found["tape"], found["hand"], found["layer"], strict=True):
        np.testing.assert_allclose(tape, hand, rtol=1e-5)
        np.testing.assert_allclose(layer, hand, rtol=1e-5)
    assert max(found["errors"].values()) < 1e-5
    assert found["losses"][0] > found["losses"][1] > found["losses"][-1] and found["losses"][-1] < 0.01
    np.testing.assert_array_equal(found["learned"] > 0.5, graph.T > 0.5)
    assert "   SquaredError(sigmoid, constant)" in text and "its gradient is the same: True" in text
    assert f"SGD takes the same step: loss {found['losses'][1]:.4f}" in text
    assert "└─ w  = [[0.3], [-0.2]]  gradient [[-0.1039], [-0.1212]]" in text
    ET.parse(tmp_path / "graph.svg")
