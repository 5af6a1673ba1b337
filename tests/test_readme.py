"""What the README promises: its code runs, and the commands are those that CI runs."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) >= 2
    for block in blocks:
        names: dict = {}
        exec(compile(block, "README.md", "exec"), names)
        if "model" in names:
            assert names["model"].history.history["val_accuracy"][-1] > 0.9
            assert (tmp_path / "digits.weights.h5").exists()
        elif "net" in names:
            assert names["net"].output_shape == (None, 1) and len(names["net"].inputs) == 2
        else:
            assert "[ 6. 12.]" in capsys.readouterr().out


def test_the_two_commands_are_there_and_ci_runs_the_second():
    demo, tests = re.findall(r"^python3 -m venv .*$", README, re.M)
    assert demo.endswith("-m kerasnp demo") and "pytest" in tests
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
