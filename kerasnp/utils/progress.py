"""Progress: a tqdm bar on a terminal or in a notebook, one plain line per epoch in a file.

A bar reads the clock at each step and draws itself at most ten times a second; tqdm is imported for the first drawing.
"""

import contextlib
import functools
import importlib.util
import math
import os
import sys
import time

from kerasnp.utils import io_utils

# Ten drawings a second look smooth; computing and drawing the metrics never takes more than a hundredth of the time.
INTERVAL = 0.1
LONGEST_INTERVAL = 2.0
WORK_SHARE = 100
# What a closed, full or vanished standard output raises.
UNWRITABLE = (OSError, ValueError)


def display_kind(stream=None):
    """`"terminal"`, `"notebook"` or `"plain"`: what standard output (or `stream`) can show."""
    stream = sys.stdout if stream is None else stream
    if "ipykernel" in sys.modules:
        ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if type(ipython).__name__ == "ZMQInteractiveShell":
            return "notebook"
    if stream is None:
        return "plain"
    try:
        terminal = stream.isatty() or "PYCHARM_HOSTED" in os.environ
    except UNWRITABLE:
        return "plain"
    return "terminal" if terminal and os.environ.get("TERM") != "dumb" else "plain"


def write_line(text):
    """Print a line above any bar on the screen. False, and no exception, where standard output cannot take it.

    Letters that the locale does not know become `?`. Where interactive logging is disabled, the log takes the line.
    """
    if not io_utils.is_interactive_logging_enabled():
        io_utils.print_msg(text)
        return True
    stream = sys.stdout
    if stream is None:
        return False
    try:
        tqdm = sys.modules.get("tqdm")
        if tqdm is None:
            return _put(stream, text)
        with tqdm.tqdm.external_write_mode(file=stream):
            return _put(stream, text)
    except UNWRITABLE:
        return False


@contextlib.contextmanager
def above_bar():
    """`with above_bar():` what is written to the terminal inside stands above a bar on the screen.

    >>> with above_bar():
    ...     print("a warning")
    a warning
    """
    with contextlib.ExitStack() as stack:
        tqdm = sys.modules.get("tqdm")
        try:
            if tqdm is not None and sys.stdout is not None:
                stack.enter_context(tqdm.tqdm.external_write_mode(file=sys.stdout))
        except UNWRITABLE:
            pass
        yield


def _put(stream, text):
    try:
        stream.write(text + "\n")
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()
    return True


def format_value(value):
    """A number as it stands in a line: four decimals, or an exponent where those would hide it.

    >>> format_value(0.98765), format_value(0.000012)
    ('0.9877', '1.2000e-05')
    """
    value = getattr(value, "value", value)
    if getattr(value, "ndim", 0):
        value = value.mean()
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    plain = value == 0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e6
    return f"{value:.4f}" if plain else f"{value:.4e}"


def format_logs(logs, template="{}={}", separator=", "):
    """`loss=0.3012, accuracy=0.9123` from a dictionary."""
    return separator.join(template.format(name, format_value(value)) for name, value in (logs or {}).items())


def format_seconds(seconds):
    """A duration: `0.4s`, `42s`, `3:05`, `1:02:03`."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    if seconds < 59.5:
        return f"{seconds:.0f}s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def format_step_time(seconds):
    """The time of one step: `1.2s`, `27ms`, `1.3ms`, `85us`."""
    if seconds >= 1:
        return f"{seconds:.1f}s"
    if seconds >= 9.95e-3:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds * 1e3:.1f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _size(stream):
    """Columns and lines of the terminal at this moment, as assumed where it does not say (0 by 0).

    Two columns stay free: a Ctrl-C that the terminal shows as ^C must not break the line.
    """
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except UNWRITABLE:
        columns = lines = 0
    if not (columns and lines):
        import shutil  # here, since it brings all of Python's compressors

        columns, lines = shutil.get_terminal_size()  # which Python 3.10 answers with zeros
    return max((columns or 80) - 2, 1), lines or 24


@functools.cache
def _tqdm_class(kind):
    if kind == "notebook" and importlib.util.find_spec("ipywidgets"):
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm

    class _Drawn(tqdm):
        # We decide when to draw, so tqdm needs no thread that watches for bars standing still.
        monitor_interval = 0

    return _Drawn


class Bar:
    """A bar that is begun, stepped and finished, any number of times.

    >>> bar = Bar(kind="plain")
    >>> bar.begin(total=2, description="Epoch 1/1")
    >>> bar.step(1, lambda: {"loss": 0.5})
    >>> bar.finish({"loss": 0.25}, timing=False)
    Epoch 1/1 - 1/2 - loss: 0.2500

    Args:
        kind: `"terminal"`, `"notebook"` or `"plain"` (draws nothing before `finish`); default is what stdout can show.
        unit: what is counted; `"B"` counts bytes, with prefixes.
        interval: the least time between two drawings, in seconds.
        order: the order of the numbers, a function such as `sorted`; default is that of the dictionary.
    """

    def __init__(self, kind=None, unit="step", interval=INTERVAL, order=list):
        self.kind = display_kind() if kind is None else kind
        self.unit, self.interval, self.order = unit, interval, order
        self.total = self.description = self._drawn = None
        self.n = self.first = 0
        self.begun = self.last = time.perf_counter()
        # The next moment to draw: never, where nothing can be drawn. It outlives `begin`, so short epochs share it.
        self._next = math.inf if self.kind == "plain" else 0.0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.hide()

    def begin(self, total=None, description="", first=0, delay=0.0):
        """Start counting towards `total` (None: unknown) from `first`; the first `delay` seconds show nothing."""
        self.hide()
        self.total, self.description = total, description
        self.n = self.first = first
        self.begun = self.last = time.perf_counter()
        self._next = max(self._next, self.begun + delay if delay else 0.0)
        if self.begun >= self._next:
            self._draw()

    def step(self, n, logs=None):
        """`n` are done; `logs()` is called for the numbers to show, only if it is time to draw."""
        self.n = n
        self.last = now = time.perf_counter()
        if now >= self._next:
            self._draw(logs)

    def note(self, text):
        """Show `text` in the place of the numbers; the count stays."""
        if time.perf_counter() >= self._next:
            self._draw(note=text)

    def _draw(self, logs=None, note=None):
        # The time of this thread: what others take from the machine is not the bar's doing.
        begun = time.thread_time()
        if logs is not None:
            note = format_logs(dict(self.order((logs() or {}).items())))
        spent = time.thread_time() - begun
        try:
            if self._drawn is None:
                self._drawn = self._open()
            begun = time.thread_time()
            if self.kind == "terminal":
                self._drawn.ncols, self._drawn.nrows = _size(sys.stdout)
            if note is not None:
                self._drawn.set_postfix_str(note, refresh=False)
            if self.description != self._drawn.desc:
                self._drawn.set_description_str(self.description, refresh=False)
            self._drawn.total = self.total
            self._drawn.update(self.n - self._drawn.n)
        except UNWRITABLE:
            self._next, self._drawn = math.inf, None
            return
        spent += time.thread_time() - begun
        self._next = time.perf_counter() + max(self.interval, min(spent * WORK_SHARE, LONGEST_INTERVAL))

    def _open(self):
        in_bytes = self.unit == "B"
        columns, lines = _size(sys.stdout)
        drawn = _tqdm_class(self.kind)(
            total=self.total,
            desc=self.description,
            initial=self.first,
            file=sys.stdout,
            ncols=columns if self.kind == "terminal" else None,
            nrows=lines if self.kind == "terminal" else None,
            leave=False,
            mininterval=0,
            miniters=0,
            unit="B" if in_bytes else f" {self.unit}s",
            unit_scale=in_bytes,
            unit_divisor=1024,
        )
        # The work may have begun long before the first drawing.
        drawn.start_t = drawn.last_print_t = drawn._time() - (time.perf_counter() - self.begun)
        return drawn

    def hide(self):
        """Take the bar off the screen."""
        if self._drawn is not None:
            try:
                self._drawn.close()
            except UNWRITABLE:
                self._next = math.inf
            self._drawn = None

    def finish(self, logs=None, ending="", timing=True):
        """Replace the bar by its line: description, count, time, time per step, numbers."""
        self.hide()
        write_line(self.line(logs, timing) + ending)

    def line(self, logs=None, timing=True):
        """The line that `finish` prints."""
        parts = [self.description] if self.description else []
        parts.append(f"{self.n}/{self.total or self.n}")
        if timing:
            done = self.n - self.first
            pace = f" {format_step_time((self.last - self.begun) / done)}/{self.unit}" if done else ""
            parts.append(format_seconds(time.perf_counter() - self.begun) + pace)
        if logs:
            parts.append(format_logs(logs, "{}: {}", " - "))
        return " - ".join(parts)


class Progbar:
    """Keras's bar for loops of one's own.

    >>> bar = Progbar(2, verbose=0)
    >>> for step in range(2):
    ...     bar.update(step + 1, [("loss", 0.5 - step)])
    >>> bar.values["loss"]
    0.0

    Args:
        target: the number of steps, None if unknown.
        width: accepted; the bar is as wide as the terminal lets it.
        verbose: 0 silent, 1 a bar on a terminal and a line at the end, 2 the line alone.
        interval: seconds between drawings.
        stateful_metrics: names whose last value is shown; others are averaged over the steps.
        stateless_metrics: names that are averaged, all others being shown as they come; give one of the two.
        unit_name: what is counted.

    Raises: ValueError where both lists of names are given.
    """

    def __init__(
        self,
        target,
        width=20,
        verbose=1,
        interval=0.05,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: Only one of stateful_metrics and stateless_metrics may be given: each implies the rest.")
        self.target, self.width, self.verbose = target, width, verbose
        self.stateful_metrics, self.stateless_metrics = stateful_metrics, stateless_metrics
        self.values = {}
        self._sums = {}
        self._done = False
        self._bar = Bar(None if verbose == 1 else "plain", unit_name, interval)
        self._bar.begin(target) if verbose else None

    def update(self, current, values=None, finalize=None):
        """`current` steps are done; `values` are pairs (name, value of the last step).

        >>> bar = Progbar(2, verbose=0)
        >>> bar.update(1, [("loss", 0.5)])
        """
        new = max(current - self._bar.n, 1)
        for name, value in values or ():
            self.values[name] = value if finalize or not self._averaged(name) else self._mean(name, value, new)
        if not self.verbose:
            self._bar.n = current
            return
        self._bar.total = self.target
        self._bar.step(current, lambda: self.values)
        if finalize or (finalize is None and self.target is not None and current >= self.target):
            if not self._done:
                self._bar.finish(self.values)
            self._done = True

    def add(self, n, values=None):
        """`n` more steps are done.

        >>> bar = Progbar(2, verbose=0)
        >>> bar.add(1, [("loss", 0.5)])
        """
        self.update(self._bar.n + n, values)

    def _averaged(self, name):
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in (self.stateful_metrics or ())

    def _mean(self, name, value, count):
        total, seen = self._sums.get(name, (0.0, 0))
        self._sums[name] = total, seen = total + value * count, seen + count
        return total / seen
