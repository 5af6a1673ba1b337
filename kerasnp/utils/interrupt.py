"""Ctrl-C between steps: training stops after the step at hand, never in the middle of an update."""

import signal
import threading


class Interruptible:
    """`with Interruptible() as interrupt:` a first Ctrl-C sets `interrupt.requested`; a second one raises at once.

    Outside the main thread, where Python delivers no signals, nothing changes.

    >>> with Interruptible() as interrupt:
    ...     for step in range(1000):
    ...         if step == 3:
    ...             interrupt._handle(signal.SIGINT, None)  # as if the user had pressed Ctrl-C
    ...         if interrupt.requested:
    ...             break
    >>> step
    3
    """

    requested = False

    def __enter__(self):
        self._previous = None
        if threading.current_thread() is threading.main_thread():
            previous = signal.getsignal(signal.SIGINT)
            # A program with a handler of its own keeps it.
            if previous is signal.default_int_handler:
                self._previous = previous
                signal.signal(signal.SIGINT, self._handle)
        return self

    def _handle(self, signum, frame):
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __exit__(self, *exc):
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
