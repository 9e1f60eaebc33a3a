"""Runs a stranger's code for a limited time: a component that loops for ever must not hold up a sweep."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

R = TypeVar("R")


class Overtime(Exception):
    """A function did not end within its time."""


def in_time(function: Callable[[], R], seconds: float) -> R:
    """Return what a function returns, or raise what it raises; Overtime if it does not end in time.

    It runs in a thread. One that is late is asked to end; code that never comes back to Python goes on until
    the process ends.
    """
    results: list[R] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # handed on to the caller
            raised.append(error)

    thread = threading.Thread(target=copy_context().run, args=(run,), name="annx check", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        assert thread.ident is not None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        raise Overtime(f"did not end within {seconds:g} s")
    if raised:
        raise raised[0]
    return results[0]
