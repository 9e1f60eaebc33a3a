"""Work for executors to do, importable in their worker processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Task:
    what: str
    number: int = 0
    timeout: float | None = None
    deadline: float | None = None  # by time.monotonic(), which is one clock for all processes of a machine


class Odd:
    """Something that cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("odd things stay at home")


class Sly:
    """Something that can be pickled and not be read again."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    if "pytest" in sys.modules:  # the driver of these tests
        raise ValueError("not welcome here")


class Work:
    """Does what the task's name says, and knows how often it was prepared."""

    def __init__(self, log: str = "") -> None:
        self.prepared = 0
        self.log = log

    def prepare(self) -> None:
        self.prepared += 1

    def __call__(self, task: Task) -> Any:
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{task.what} {task.number} {os.getpid()}\n")
        return getattr(self, f"do_{task.what}")(task.number)

    def do_square(self, number: int) -> int:
        return number * number

    def do_pid(self, number: int) -> tuple[int, int]:
        return os.getpid(), self.prepared

    def do_sleep(self, number: int) -> int:
        time.sleep(number / 1000)
        return number

    def do_hang(self, number: int) -> None:
        """Hold the interpreter's lock in C code, so that no other thread of this process ever runs."""
        import ctypes

        ctypes.PyDLL(None).pause()

    def do_terminate(self, number: int) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return number

    def do_exit(self, number: int) -> None:
        os._exit(number)

    def do_die(self, number: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_raise(self, number: int) -> None:
        raise KeyError(f"number {number}")

    def do_interrupt(self, number: int) -> None:
        raise KeyboardInterrupt

    def do_huge(self, number: int) -> bytes:
        return bytes(number)

    def do_odd(self, number: int) -> Odd:
        return Odd()

    def do_sly(self, number: int) -> Sly:
        return Sly()

    def do_environment(self, number: int) -> dict[str, str | None]:
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        return {name: os.environ.get(name) for name in names}

    def do_blas(self, number: int) -> list[int]:
        import numpy as np
        import threadpoolctl

        np.ones((2, 2)) @ np.ones((2, 2))
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


class BadStart(Work):
    """Ends its process before the first task."""

    def prepare(self) -> None:
        os._exit(7)


class Unprepared(Work):
    """Raises before the first task."""

    def prepare(self) -> None:
        raise OSError("no place to work")
