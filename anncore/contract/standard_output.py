"""Standard output belongs to results: what plugins write there goes elsewhere.

A plugin may print, and a library beneath it may write to file descriptor 1 without Python knowing. Either
would end up in the middle of a JSON document that a program reads.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def kept_for_results(log: str | Path | None = None) -> Iterator[None]:
    """Send what the body prints to standard error, and what it writes to file descriptor 1 to `log`.

    Without a log, or where it cannot be opened, that goes to standard error as well. Where there is no file
    descriptor 1, as in a service, there is nothing to redirect.
    """
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:
        _flush()
        try:
            kept = os.dup(1)
        except OSError:
            yield
            return
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, 1)
        stack.callback(_flush)
        divert(log)
        yield


def divert(log: str | Path | None = None) -> None:
    """Let file descriptor 1 of this process be the end of a file, or else standard error."""
    target = -1
    if log is not None:
        with contextlib.suppress(OSError):
            target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    with contextlib.suppress(OSError):
        os.dup2(2 if target < 0 else target, 1)
    if target > 1:
        os.close(target)


def _flush() -> None:
    """Write out what Python and C hold back, before the file descriptor means another file."""
    with contextlib.suppress(Exception):
        sys.__stdout__.flush()  # type: ignore[union-attr]
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)
