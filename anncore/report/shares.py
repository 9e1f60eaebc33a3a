"""Work that processes share: each draws its part of a report's figures."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NamedTuple, TypeVar

Done = TypeVar("Done")


class _Share(NamedTuple):
    """Which part of the work is this process's own."""

    number: int = 0
    of: int = 1


class _Child(NamedTuple):
    """A process that does a share, and where its result can be read."""

    process: int
    pipe: Connection


_OWN = _Share()


def is_own(number: int) -> bool:
    """Tell whether the piece of work of this number belongs to this process's share."""
    return number % _OWN.of == _OWN.number


def shared(work: Callable[[], Done], processes: int) -> list[Done]:
    """Return what `work` gives for each share, in their order, done side by side.

    `work` asks `is_own` what it is to do. Processes are forked, so that nothing is sent to them, where that
    is safe: on Linux, and while this process has one thread; elsewhere this process does all as one share. A
    share whose process ends early is done here again, so that errors are raised as in one process.
    """
    if processes < 2 or sys.platform != "linux" or threading.active_count() > 1:
        return [work()]
    children: list[_Child] = []
    try:
        children += (_forked(work, _Share(number, processes)) for number in range(1, processes))
        results = [_done(work, _Share(0, processes))]
        for number, child in enumerate(children, start=1):
            results.append(_result(child, work, _Share(number, processes)))
    finally:
        for child in children:
            _end(child)
    return results


def _done(work: Callable[[], Done], share: _Share) -> Done:
    global _OWN
    before, _OWN = _OWN, share
    try:
        return work()
    finally:
        _OWN = before


def _forked(work: Callable[[], Done], share: _Share) -> _Child:
    read, write = Pipe(duplex=False)
    process = os.fork()
    if process:
        write.close()
        return _Child(process, read)
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked ends this one
        write.send(_done(work, share))
        code = 0
    finally:
        os._exit(code)


def _result(child: _Child, work: Callable[[], Done], share: _Share) -> Done:
    """Return what a process has sent; where it ended without having done its share, it is done here."""
    try:
        result: Done = child.pipe.recv()
    except (EOFError, OSError):
        return _done(work, share)
    return result


def _end(child: _Child) -> None:
    """End a process that may still work, and close what it writes to."""
    child.pipe.close()
    os.kill(child.process, signal.SIGKILL)  # nothing happens where it has ended: it has not been waited for
    os.waitpid(child.process, 0)
