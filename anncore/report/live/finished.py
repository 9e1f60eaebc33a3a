"""What the page says of a folder's report, and the files of the folder that it hands out."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anncore.contract.trial import Phase
from anncore.report.printable import printable
from anncore.running.following import stated

LARGEST = 64 << 20  # bytes of a file that is handed out
LARGEST_READ = 8 << 20  # bytes of a report.json that is read for its headline
TYPES = {
    "html": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "gz": "application/gzip",
    "json": "application/json",
}
NAMES = re.compile(
    r"report\.(html|md|json)|(plan|env|costs|looks)\.json|experiment\.toml|trials\.csv|curves\.csv\.gz"
    r"|figures/[\w.-]+\.(svg|png)"
)


class FinishedReport:
    """The report of one folder, whose headline is read once for each version of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signature: object = None
        self._headline = ""
        self._counts: dict[str, int] = {}

    def look(self, done: Mapping[Phase, int], running: object) -> dict[str, Any] | None:
        """Return its headline and whether it is of other trials than are there; None where there is none.

        done: by phase how many trials have results. running: the sweep that runs, if one does.
        """
        if not _is_plain(self._folder / "report.html"):
            return None
        signature = stated(self._folder / "report.json")
        if signature != self._signature:
            self._signature = signature
            self._headline, self._counts = _read(self._folder / "report.json")
        outdated = running is not None or any(
            self._counts.get(phase, count) != count for phase, count in done.items()
        )
        return {"headline": self._headline, "outdated": outdated}


def _read(path: Path) -> tuple[str, dict[str, int]]:
    """Return a report's first sentence and its counts; nothing of what is damaged, or of another annx."""
    try:
        content = json.loads(read_plain(path, LARGEST_READ))
        counts = {name: count for name, count in content["counts"].items() if type(count) is int}
        return printable(content["answer"]["headline"])[:600], counts
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", {}


def file_of(folder: Path, name: str) -> tuple[bytes, str]:
    """Return the content and type of a file that the page may hand out.

    Raises OSError for another name, for what is no plain file in this folder, such as a link out of it or a
    pipe, and for one that is too large.
    """
    if not NAMES.fullmatch(name):
        raise FileNotFoundError(name)
    path = folder / name
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise PermissionError(name)
    ending = name.rpartition(".")[2]
    return read_plain(path, LARGEST), TYPES.get(ending, "text/plain; charset=utf-8")


def read_plain(path: Path, largest: int) -> bytes:
    """Return the bytes of a plain file; raises OSError for another one, which might be waited on for ever."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
            raise PermissionError(f"{path} is no plain file, or too large")
        with open(handle, "rb", closefd=False) as file:
            return file.read(largest)
    finally:
        os.close(handle)


def _is_plain(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
