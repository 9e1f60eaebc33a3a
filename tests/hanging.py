"""A test that hangs ends its process after a limit and shows where it hangs, in place of blocking the run.

Where several processes share the tests, pytest-xdist then names the test, reports it as failed and goes on
with a new process. In a single process the stacks name it, and the run is over.
"""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator

import pytest

# The longest test takes four minutes on a machine that does ten other things; what is large takes longer.
SECONDS = float(os.environ.get("ANNX_TEST_SECONDS", "900"))
LARGE = 8

_STDERR: list[int] = []


def pytest_configure() -> None:
    """Keep the standard error of the process, as pytest puts a file in its place while a test runs."""
    if not _STDERR:
        _STDERR.append(os.dup(2))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Set the alarm for a test with its set-up and tear-down.

    It is a thread of C code, so that it also ends a test whose C code holds the interpreter's lock.
    """
    seconds = SECONDS * (LARGE if item.get_closest_marker("large") else 1)
    faulthandler.dump_traceback_later(seconds, exit=True, file=_STDERR[0])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_enter_pdb() -> None:
    """Let a debugger take its time."""
    faulthandler.cancel_dump_traceback_later()
