"""The clock of the bench."""

import time


def timed(work):
    """The seconds that `work()` takes.

    >>> timed(lambda: time.sleep(0.01)) >= 0.01
    True
    """
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
