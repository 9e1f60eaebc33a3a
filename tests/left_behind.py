"""Processes that a test leaves behind."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def children() -> set[int]:
    processes = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                command = Path(f"/proc/{path.parent.name}/cmdline").read_text()
                if not any(other in command for other in ("resource_tracker", "anncore.testing.elsewhere")):
                    processes.add(int(path.parent.name))
    return processes


@pytest.fixture(autouse=True)
def no_process_stays_behind() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before
