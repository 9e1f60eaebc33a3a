"""How long this process has made kernels: recorded formulas, written loops, compiled them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Compiled(NamedTuple):
    """Seconds that went by while kernels were made."""

    seconds: float


_LOCK = threading.Lock()
_INSIDE = threading.local()
_SPENT = [0.0]


@contextmanager
def counted() -> Iterator[None]:
    """Count the seconds of the body; what is counted inside of it already is counted once."""
    if getattr(_INSIDE, "now", False):
        yield
        return
    _INSIDE.now, began = True, time.perf_counter()
    try:
        yield
    finally:
        _INSIDE.now = False
        with _LOCK:
            _SPENT[0] += time.perf_counter() - began


def taken() -> Compiled | None:
    """Return what was counted since this was called last; None where nothing was."""
    with _LOCK:
        seconds, _SPENT[0] = _SPENT[0], 0.0
    return Compiled(seconds) if seconds else None
