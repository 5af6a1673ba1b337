"""Optimizer updates over flat blocks."""

from kerasnp.backend import threads

# 4 arrays of 16k float32 and their temporaries stay in a 1 MB second-level cache; longer blocks go to two threads.
BLOCK = 1 << 14


def for_blocks(n, fn):
    """Call fn(start, stop) over blocks of range(n), shared among the threads."""
    if n <= 2 * BLOCK:
        fn(0, n)
        return

    def run(start, stop):
        for i in range(start, stop, BLOCK):
            fn(i, min(i + BLOCK, stop))

    threads.parallel(run, n, max(BLOCK * 4, -(-n // 8)))
