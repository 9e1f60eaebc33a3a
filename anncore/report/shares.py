"""Work that processes share: each makes some of a report's parts, and draws some of its figures."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NamedTuple, TypeVar

Done = TypeVar("Done")
THREADED = {"jax", "tensorflow", "torch"}
"""Libraries whose threads a forked process does not have, and may wait for for ever."""
MOST = 256  # pieces, as a byte says which one is next


class _Child(NamedTuple):
    """A process that does some of the work, and where its results can be read."""

    process: int
    pipe: Connection


def shared(work: Callable[[int], Done], pieces: int, processes: int) -> list[Done]:
    """Return work(0), work(1), ... of so many pieces, done side by side.

    Each process takes the next piece when it is done with one. Processes are forked, so that nothing is sent
    to them, where that is safe: on Linux, while this process has one thread and no library that has threads
    of its own; elsewhere this process does all. What a process that ends early has taken is done here again,
    so that errors are raised as in one process.
    """
    alone = threading.active_count() == 1 and not THREADED & sys.modules.keys()
    safe = sys.platform == "linux" and alone
    if not safe or processes < 2 or pieces > MOST:
        return [work(piece) for piece in range(pieces)]
    queue, entrance = os.pipe()
    os.write(entrance, bytes(range(pieces)))
    os.close(entrance)
    children: list[_Child] = []
    try:
        with suppress(OSError):  # without memory or open files for one more, fewer processes do the work
            children += (_forked(work, queue) for _ in range(1, processes))
        results = {piece: work(piece) for piece in _taken(queue)}
        for child in children:
            results |= _results(child)
    finally:
        os.close(queue)
        for child in children:
            _end(child)
    return [results[piece] if piece in results else work(piece) for piece in range(pieces)]


@contextmanager
def old_objects_left_alone() -> Iterator[None]:
    """Let the collector look at new objects alone: the old ones are many, and children share them."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _taken(queue: int) -> Iterator[int]:
    """Take one piece after the other, as long as there are some."""
    while piece := os.read(queue, 1):
        yield piece[0]


def _forked(work: Callable[[int], Done], queue: int) -> _Child:
    read, write = Pipe(duplex=False)
    # Ctrl-C waits until the process is known here. There it never comes: who asked for it ends it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        read.close()
        write.close()
        raise
    if process:
        write.close()
        child = _Child(process, read)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        except BaseException:
            _end(child)
            raise
        return child
    code = 1
    try:
        write.send({piece: work(piece) for piece in _taken(queue)})
        code = 0
    finally:
        os._exit(code)


def _results(child: _Child) -> dict[int, Done]:
    """Return what a process has sent; nothing where it ended before."""
    try:
        results: dict[int, Done] = child.pipe.recv()
    except (EOFError, OSError):
        return {}
    return results


def _end(child: _Child) -> None:
    """End a process that may still work, and close what it writes to."""
    child.pipe.close()
    os.kill(child.process, signal.SIGKILL)  # nothing happens where it has ended: it has not been waited for
    os.waitpid(child.process, 0)
