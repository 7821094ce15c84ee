"""The machine and the process: CPU, load, memory. Linux's /proc; elsewhere what can't be had is None."""

import contextlib
import ctypes
import os
import platform
import resource
from collections.abc import Iterator
from pathlib import Path


def cpu_model() -> str:
    """What the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def load_average() -> float:
    """Runnable processes, averaged over the last minute."""
    return os.getloadavg()[0]


def pin(cpu: int | None) -> None:
    """Keep this process, and the threads it will start, on one CPU."""
    if cpu is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cpu})


@contextlib.contextmanager
def unpinned() -> Iterator[None]:
    """Every CPU for this thread, and those that it starts, until the end of the block."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    kept = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, kept)


def memory_mb(kind: str = "VmRSS") -> float | None:
    """Resident memory now (VmRSS) or at its peak (VmHWM), which unlike getrusage's starts anew with the program."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(kind + ":"))


def give_back_freed_memory() -> None:
    """Return the allocator's free pages, so that growth after this is the grammar's."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def preemptions() -> int:
    """How often this process had to give way to others: each adds milliseconds to one of the times."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
