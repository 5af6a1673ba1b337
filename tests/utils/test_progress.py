"""The bar: what a terminal shows, what a file gets, what it costs, and what happens when nobody listens."""

import io
import os
import re
import struct
import subprocess
import sys
import textwrap
import time

import pytest

from kerasnp.utils import progress
from kerasnp.utils.progress import Bar, Progbar, format_seconds, format_step_time, format_value, write_line

fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))


class Screen(io.StringIO):
    """A terminal without a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def screen(monkeypatch):
    """Standard output as a terminal, from the moment a test calls it: pytest puts its own in place before that."""

    def on():
        stream = Screen()
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setenv("TERM", "xterm")
        return stream

    return on


def in_terminal(code, tmp_path, columns=100, **environment):
    """What a terminal receives while `code` runs, and the exit code."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40 if columns else 0, columns, 0, 0))
    paths = os.pathsep.join(sys.path)
    # Python 3.13 colours its tracebacks.
    env = {**os.environ, "PYTHONPATH": paths, "TERM": "xterm", "PYTHON_COLORS": "0", **environment}
    process = subprocess.Popen([sys.executable, script], stdout=slave, stderr=slave, env=env, close_fds=True)
    os.close(slave)
    received = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        received += piece
    os.close(master)
    return received.decode(environment.get("PYTHONIOENCODING", "utf-8")), process.wait()


def final_lines(text):
    """The lines that stay on the screen: a carriage return writes over what stands before it."""
    lines = []
    for line in text.replace("\x1b[A", "").split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return [line for line in lines if line]


FIT = """
    import time
    import numpy as np
    import kerasnp

    kerasnp.utils.set_random_seed(1)
    model = kerasnp.Sequential([kerasnp.Input((2,)), kerasnp.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    slow = kerasnp.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.15))
"""


def test_a_terminal_sees_a_bar_and_then_a_line_per_epoch(tmp_path):
    text, code = in_terminal(
        FIT + "    model.fit(x, y, batch_size=2, epochs=2, callbacks=[slow], validation_data=(x, y))\n", tmp_path
    )
    assert code == 0
    assert re.search(r"Epoch 1/2:\s+\d+%\|█+\s*\| [1-4]/4 \[00:0\d<00:0\d, .*, loss=[\d.e-]+, mae=[\d.e-]+\]", text)
    first, second = final_lines(text)
    number = r"[\d.]+(e-\d+)?"
    pattern = rf"- 4/4 - \d\.\ds \d+ms/step - loss: {number} - mae: {number} - val_loss: {number} - val_mae: {number}"
    assert re.fullmatch(rf"Epoch 1/2 {pattern}", first) and re.fullmatch(rf"Epoch 2/2 {pattern}", second)


def test_one_bar_for_the_whole_run(tmp_path):
    bar = "kerasnp.callbacks.ProgbarLogger(whole_run=True)"
    text, _ = in_terminal(FIT + f"    model.fit(x, y, batch_size=2, epochs=3, callbacks=[slow, {bar}])\n", tmp_path)
    assert re.search(r"Epoch 2/3:.*\| \d/12 \[", text)
    (line,) = final_lines(text)
    assert line.startswith("Epoch 3/3 - 12/12 - ")


def test_evaluate_and_predict_have_bars(tmp_path):
    code = """
    slow = kerasnp.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: time.sleep(0.15),
                                            on_predict_batch_end=lambda batch, logs: time.sleep(0.15))
    model.evaluate(x, y, batch_size=2, callbacks=[slow])
    model.predict(x, batch_size=2, callbacks=[slow])
"""
    text, _ = in_terminal(FIT + code, tmp_path)
    assert re.search(r"\| [1-4]/4 \[.*loss=", text)
    evaluated, predicted = final_lines(text)
    assert re.fullmatch(r"4/4 - \d\.\ds \d+ms/step - loss: [\d.]+ - mae: [\d.]+", evaluated)
    assert re.fullmatch(r"4/4 - \d\.\ds \d+ms/step", predicted)


def test_what_others_print_between_epochs_stands_on_lines_of_its_own(tmp_path):
    code = """
    say = kerasnp.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("mine", epoch))
    model.fit(x, y, batch_size=2, epochs=2, callbacks=[slow, say])
"""
    lines = final_lines(in_terminal(FIT + code, tmp_path)[0])
    assert [line.split(" - ")[0] for line in lines] == ["mine 0", "Epoch 1/2", "mine 1", "Epoch 2/2"]


def test_a_narrow_terminal_is_not_overrun(tmp_path):
    text, _ = in_terminal(FIT + "    model.fit(x, y, batch_size=2, callbacks=[slow])\n", tmp_path, columns=40)
    bars = [part for part in re.split(r"[\r\n]", text) if part.startswith("Epoch 1/1:")]
    assert bars and all(len(bar) <= 40 for bar in bars)


def test_a_terminal_that_does_not_know_its_size(tmp_path):
    text, _ = in_terminal(FIT + "    model.fit(x, y, batch_size=2, callbacks=[slow])\n", tmp_path, columns=0)
    assert re.search(r"Epoch 1/1:\s+\d+%\|\S+\s*\| [1-4]/4 ", text)


def test_a_locale_without_unicode_gets_ascii(tmp_path):
    text, code = in_terminal(
        FIT + "    model.fit(x, y, batch_size=2, callbacks=[slow])\n", tmp_path, PYTHONIOENCODING="ascii"
    )
    assert code == 0 and re.search(r"\d%\|#+\s*\|", text)


def test_a_dumb_terminal_gets_plain_lines(tmp_path):
    text, _ = in_terminal(FIT + "    model.fit(x, y, epochs=2)\n", tmp_path, TERM="dumb")
    assert "|" not in text and len(final_lines(text)) == 2


def test_a_file_gets_a_line_per_epoch_without_escapes_and_tqdm_stays_out(tmp_path):
    script, out = tmp_path / "script.py", tmp_path / "out.txt"
    code = "    model.fit(x, y, epochs=2)\n    import sys\n    assert 'tqdm' not in sys.modules\n"
    script.write_text(textwrap.dedent(FIT + code))
    with open(out, "wb") as file:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, script], stdout=file, check=True, env=env)
    content = out.read_bytes()
    assert not re.search(rb"[\r\b\x1b]", content)
    assert [line.split(b" - ")[0] for line in content.splitlines()] == [b"Epoch 1/2", b"Epoch 2/2"]


@pytest.mark.parametrize("outlet", [">&-", "| true", "> /dev/full"])
def test_training_ends_well_when_nobody_can_read(tmp_path, outlet):
    script, done = tmp_path / "script.py", tmp_path / "done"
    code = f"""
    model.fit(x, y, epochs=3)
    model.predict(x)
    open({str(done)!r}, "w").write(str(model.history.epoch))
    import os
    os._exit(0)
"""
    script.write_text(textwrap.dedent(FIT + code))
    if "/dev/full" in outlet and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(["sh", "-c", f"{sys.executable} {script} {outlet}"], env=env, capture_output=True)
    assert done.read_text() == "[0, 1, 2]", run.stderr.decode()


def test_no_standard_output_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    bar = Bar()
    bar.begin(2, "x")
    bar.step(1)
    bar.finish({"loss": 1.0})
    assert write_line("x") is False


def test_a_bar_that_breaks_while_drawing_falls_silent(screen):
    screen = screen()
    bar = Bar(interval=0)
    bar.begin(3, "x")
    assert "x:" in screen.getvalue()
    screen.close()
    bar.step(1)
    bar.step(2)
    bar.finish()


def test_letters_that_the_locale_lacks_become_question_marks(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert write_line("größe: 1") is True
    assert raw.getvalue() == b"gr??e: 1\n"


def test_logs_are_computed_only_when_it_is_time_to_draw(screen):
    screen = screen()
    calls = []
    bar = Bar()
    bar.begin(1000, "x")
    for n in range(1000):
        bar.step(n + 1, lambda: calls.append(1) or {"loss": 0.5})
    assert len(calls) <= 2
    bar._next = 0.0
    bar.step(1000, lambda: calls.append(1) or {"loss": 0.5})
    assert "loss=0.5000" in screen.getvalue()
    bar.hide()


def test_metrics_that_are_dear_are_drawn_less_often(screen):
    screen = screen()
    bar = Bar()
    bar.begin(10, "x")
    bar._next = 0.0

    def dear():
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        return {}

    bar.step(1, dear)
    assert bar._next - time.perf_counter() > 1.0
    bar.hide()


def test_a_step_costs_less_than_a_hundredth_of_a_millisecond(screen):
    screen = screen()
    bar = Bar()
    bar.begin(10**6, "x")
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        for n in range(2000):
            bar.step(n, dict)
        best = min(best, (time.perf_counter() - begun) / 2000)
    bar.hide()
    assert best < 10e-6


def test_an_error_of_the_logs_is_not_swallowed(screen):
    screen = screen()
    bar = Bar(interval=0)
    bar.begin(2, "x")
    bar._next = 0.0
    with pytest.raises(ValueError, match="mine"):
        bar.step(1, lambda: (_ for _ in ()).throw(ValueError("mine")))
    bar.hide()


def test_messages_go_above_the_bar(screen):
    screen = screen()
    bar = Bar(interval=0)
    bar.begin(4, "x")
    bar.step(2)
    assert write_line("hello")
    bar.hide()
    assert final_lines(screen.getvalue()) == ["hello"]


def test_no_thread_is_left_behind(screen):
    screen = screen()
    import threading

    before = threading.active_count()
    for _ in range(20):
        bar = Bar(interval=0)
        bar.begin(4, "x")
        bar.step(2)
        bar.finish()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "seconds, text",
    [(0.04, "0.0s"), (9.9, "9.9s"), (9.97, "10s"), (42.4, "42s"), (59.7, "1:00"), (185, "3:05"), (3723, "1:02:03")],
)
def test_format_seconds(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize("seconds, text", [(1.25, "1.2s"), (0.0271, "27ms"), (0.00132, "1.3ms"), (85e-6, "85us")])
def test_format_step_time(seconds, text):
    assert format_step_time(seconds) == text


@pytest.mark.parametrize(
    "value, text",
    [(0.98765, "0.9877"), (1e-3, "0.0010"), (9e-4, "9.0000e-04"), (0, "0.0000"), (1e7, "1.0000e+07"),
     (float("nan"), "nan"), (float("-inf"), "-inf"), ("on", "on"), (None, "None")],
)  # fmt: skip
def test_format_value(value, text):
    assert format_value(value) == text


def test_the_mean_stands_for_an_array():
    import numpy as np

    assert format_value(np.array([1.0, 2.0])) == "1.5000"


def test_progbar_averages_what_is_not_stateful(capsys):
    bar = Progbar(4, stateful_metrics=["acc"])
    bar.update(1, [("loss", 1.0), ("acc", 0.1)])
    bar.update(3, [("loss", 4.0), ("acc", 0.2)])
    bar.add(1, [("loss", 0.0), ("acc", 0.3)])
    assert bar.values == {"loss": 9.0 / 4, "acc": 0.3}
    out = capsys.readouterr().out
    assert out.startswith("4/4 - ") and out.endswith("/step - loss: 2.2500 - acc: 0.3000\n")


def test_progbar_refuses_both_lists():
    with pytest.raises(ValueError, match="Only one of stateful_metrics and stateless_metrics"):
        Progbar(1, stateful_metrics=[], stateless_metrics=[])


def test_display_kind(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("PYCHARM_HOSTED", raising=False)
    assert progress.display_kind(Screen()) == "terminal" and progress.display_kind(io.StringIO()) == "plain"
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    assert progress.display_kind(io.StringIO()) == "terminal"
    monkeypatch.setenv("TERM", "dumb")
    assert progress.display_kind(Screen()) == "plain"


@pytest.mark.parametrize("call", ["model.evaluate(x, y,", "model.predict(x,", "model.fit(x, y,"])
def test_an_error_begins_on_a_line_of_its_own(tmp_path, call):
    kind = {"f": "train", "e": "test", "p": "predict"}[call.removeprefix("model.")[0]]
    code = f"""
    def fail(batch, logs):
        time.sleep(0.15)
        if batch == 2:
            raise RuntimeError("mine")
    {call} batch_size=2, callbacks=[kerasnp.callbacks.LambdaCallback(on_{kind}_batch_end=fail)])
"""
    text, exit_code = in_terminal(FIT + code, tmp_path)
    assert exit_code == 1 and re.search(r"\| [1-3]/4 \[", text)
    lines = final_lines(text)
    assert lines[-1] == "RuntimeError: mine"
    before = lines[: lines.index("Traceback (most recent call last):")]
    assert [line.split(" - ")[-1] for line in before] == (["interrupted"] if kind == "train" else [])


def test_a_warning_stands_above_the_bar(tmp_path):
    code = """
    from kerasnp import warnings
    tell = kerasnp.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: time.sleep(0.15) or warnings.tell(warnings.MissingClass, str(batch)))
    model.fit(x, y, batch_size=4, callbacks=[tell])
"""
    lines = final_lines(in_terminal(FIT + code, tmp_path)[0])
    told = [line for line in lines if "MissingClass: fit:" in line]
    assert len(told) == 2 and not any("%|" in line for line in lines) and lines[-1].startswith("Epoch 1/1 - 2/2 - ")


def test_the_whole_of_fit_pays_less_than_a_hundredth_of_a_millisecond_per_step_for_the_bar(screen):
    import kerasnp
    from kerasnp.callbacks import CallbackList

    screen = screen()
    hooks = CallbackList(None, add_progbar=True, epochs=1, steps=10**6, verbose=1)
    hooks.on_epoch_begin(0)
    best = float("inf")
    for _ in range(5):
        begun = time.thread_time()
        for n in range(3000):
            hooks.step(n, dict)
        best = min(best, (time.thread_time() - begun) / 3000)
    hooks.hide_bar()
    assert best < 10e-6 and kerasnp.__version__


def test_a_summary_in_a_locale_without_unicode(tmp_path):
    code = "    model.summary()\n    print('after')\n"
    text, exit_code = in_terminal(FIT + code, tmp_path, PYTHONIOENCODING="ascii")
    assert exit_code == 0 and "| dense (Dense)" in text and "after" in text


def test_a_notebook_is_known_by_its_kernel(monkeypatch):
    import types

    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert progress.display_kind() == "notebook"
    # Without ipywidgets the bar is drawn in characters.
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    progress._tqdm_class.cache_clear()
    try:
        assert progress._tqdm_class("notebook").__mro__[1].__module__ == "tqdm.std"
    finally:
        progress._tqdm_class.cache_clear()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))
    assert progress.display_kind(io.StringIO()) == "plain"
