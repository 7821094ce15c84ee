"""A bound on CPU time: against hangs and exponential work, not a benchmark."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLOWER = float(os.environ.get("GCD_TESTS_SLOWER", "1"))
"""How much longer everything may take: `make asan` and `make tsan` set it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block takes less than so many seconds of this process's CPU time."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds * SLOWER
