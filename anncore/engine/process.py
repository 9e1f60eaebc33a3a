"""What a process needs once before it trains: one BLAS thread, mapped memory, an end with its parent."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from anncore.contract.oversight import ASKS_FOR_PLACE

BLAS_THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


SAFE_PATH = "PYTHONSAFEPATH"


def limit_blas_threads() -> None:
    """Set the environment so that BLAS runs on one thread. Call it before NumPy is loaded."""
    for name in BLAS_THREADS:
        os.environ[name] = "1"


@contextmanager
def children_on_one_blas_thread() -> Iterator[None]:
    """Give processes that start inside this context an environment in which BLAS runs on one thread.

    A child reads it when it loads NumPy, before any of our code runs there. Nor does a child look for modules
    in the working directory first: a user's random.py there would take the place of Python's own.
    """
    before = {name: os.environ.get(name) for name in (*BLAS_THREADS, SAFE_PATH)}
    limit_blas_threads()
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run on one BLAS thread, also if the host process loaded NumPy with more.

    OpenBLAS gives different bits on one and on two threads, and a trial's numbers must not depend on the
    number of cores.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()


@cache
def keep_memory_mapped() -> bool:
    """Tell glibc's malloc to keep freed memory instead of returning it to the system; once per process.

    By default every temporary array over 128 KiB is mapped and unmapped each time, and the page faults cost
    more than the arithmetic. Returns False if the C library has no mallopt; training is then only slower.
    """
    m_trim_threshold, m_mmap_threshold = -1, -3  # malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    most = 32 << 20  # glibc refuses a larger threshold
    return bool(mallopt(m_mmap_threshold, most)) and bool(mallopt(m_trim_threshold, (1 << 31) - 1))


@cache
def prepare_process() -> None:
    """Prepare this process for training. The first call does the work, later calls cost nothing.

    OpenBLAS packs matrices into a buffer of its own. Small products use only a corner of it but prefetch
    beyond it, and a prefetch of a page that was never used is slow. On a virtual machine (AMD EPYC, OpenBLAS
    0.3.31) 32 x 32 products took 7.9 us, and 2.7 us after one product of 512 x 512, which takes 20 ms. No
    result depends on it.
    """
    import numpy as np

    keep_memory_mapped()
    # The objects loaded so far stay. Without this the collector visits them again and again, 130 ms each
    # time: enough to train a stack of small networks.
    gc.freeze()
    with one_blas_thread():
        np.matmul(np.ones((512, 512)), np.ones((512, 512)))


NOTICES = {getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2", "SIGXCPU") if hasattr(signal, name)} - {
    ASKS_FOR_PLACE
}
"""By which a scheduler says that a job ends soon: SLURM's --signal, Grid Engine's -notify, LSF's -wa."""
ENDING_SIGNALS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM), *NOTICES}
"""By which a process is asked to end: a driver's to handle, and its workers' to ignore."""


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold the signals that ask to end, in this thread and in what it starts meanwhile, which inherits it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NOTICES)
    resource_tracker.ensure_running()  # else the first start would, and unblock the other signals again
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ends_with_parent(parent: int) -> bool:
    """Let the kernel kill this process as soon as the thread that started it ends; tells whether it will.

    Linux only (`prctl`). No thread of Python's own can do it: where C code hangs and holds the interpreter,
    no other thread runs. A parent that is gone already ends this process at once.
    """
    pr_set_pdeathsig = 1  # linux/prctl.h
    try:
        bound = ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0) == 0
    except (OSError, AttributeError, TypeError):
        return False
    if bound and os.getppid() != parent:
        os._exit(1)
    return bound


class Watchdog:
    """A small process that kills others as soon as this one is gone, by whatever end.

    For systems and threads whose children the kernel does not end (`ends_with_parent`). It reads process ids
    from a pipe; the pipe's end is this process's end.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", "-c", WATCH]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",  # no Ctrl-C is meant for it
        )
        self._end = weakref.finalize(self, _call_off, self._process)

    @property
    def alive(self) -> bool:
        """Whether it still watches."""
        return self._process.poll() is None

    def watch(self, pid: int | None) -> None:
        """Kill this process, too, when ours is gone."""
        self._tell(f"+{pid}\n")

    def forget(self, pid: int | None) -> None:
        """Leave a process alone, as it has ended and its id may be another's soon."""
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def _call_off(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError, ValueError):
        if process.stdin is not None:
            process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)


WATCH = """
import os, signal, sys
watched = set()
for line in sys.stdin:
    (watched.add if line[0] == "+" else watched.discard)(line[1:].strip())
for pid in watched:
    try:
        os.kill(int(pid), getattr(signal, "SIGKILL", signal.SIGTERM))
    except (OSError, ValueError):
        pass
"""


def memory_bytes(
    meminfo: Path = Path("/proc/meminfo"), root: Path = Path("/sys/fs/cgroup")
) -> tuple[int | None, int | None]:
    """Return total and available memory, no more than a container may have; None where unknown."""
    total = free = None
    with suppress(OSError, ValueError, IndexError):
        lines = dict(
            line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines() if ":" in line
        )
        total = int(lines["MemTotal"].split()[0]) << 10
        free = int(lines["MemAvailable"].split()[0]) << 10
    if total is None:
        with suppress(AttributeError, ValueError, OSError):
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):
            most = int((root / limit).read_text(encoding="utf-8"))
            if total is not None and most < total:
                total = most
                left = max(0, most - int((root / used).read_text(encoding="utf-8")))
                free = left if free is None else min(free, left)
    return total, free


def limit_memory(most: float) -> None:
    """Let allocations above so many bytes raise MemoryError in this process, and end it before its parent.

    Where the system runs out of memory all the same, Linux kills the process whose score is highest, which
    would otherwise be the one that has run longest. Does nothing where the system has no such limits.
    """
    with suppress(ImportError, AttributeError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        least = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
        resource.setrlimit(resource.RLIMIT_DATA, (least, hard))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def killed_for_memory() -> int:
    """Return how many processes this system has killed since it started, as memory ran out; 0 if unknown."""
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    return 0
