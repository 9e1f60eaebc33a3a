"""The machine that the page runs on: its load, memory and disk, and the processes of a sweep."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

PROC = Path("/proc")
MOST = 256  # processes of one sweep that are looked at


def machine(folder: Path) -> dict[str, Any]:
    """Return load averages, cores, bytes of memory and of the folder's disk; None for what nobody tells."""
    load: list[float] | None = None
    with contextlib.suppress(OSError, AttributeError):  # Windows has none
        load = [round(value, 2) for value in os.getloadavg()]
    disk: int | None = None
    with contextlib.suppress(OSError):
        disk = shutil.disk_usage(folder).free
    total, free = _memory()
    return {"load": load, "cores": os.cpu_count(), "memory": total, "free": free, "disk": disk}


def _memory() -> tuple[int | None, int | None]:
    """Return the bytes of memory, and those that programs may still take."""
    sizes: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (PROC / "meminfo").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name in ("MemTotal", "MemAvailable"):
                sizes[name] = int(rest.split()[0]) * 1024
    return sizes.get("MemTotal"), sizes.get("MemAvailable")


class Workers:
    """The processes of a sweep on this machine: its driver and what that has started; none elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._driver: tuple[int, bool] = (0, False)  # the last one that was looked at, and whether it is one
        self._used: dict[int, tuple[float, float]] = {}  # seconds of CPU, and when

    def look(self, pid: int) -> list[dict[str, Any]]:
        """Return role, number, share of a core since the last look, and bytes of memory of each process.

        pid: that of the driver as the run folder gives it, which may be one of another machine.
        """
        if not self._is_driver(pid):
            return []
        now = time.monotonic()
        processes = []
        used: dict[int, tuple[float, float]] = {}
        for one in _with_children(pid):
            stated = _stated(one)
            if stated is None:
                continue
            seconds, memory = stated
            used[one] = (seconds, now)
            before, when = self._used.get(one, (seconds, now))
            share = (seconds - before) / (now - when) if now > when else None
            role = "driver" if one == pid else "worker"
            processes.append({"role": role, "pid": one, "cpu": share, "memory": memory})
        self._used = used
        return processes

    def _is_driver(self, pid: int) -> bool:
        """Tell whether that process holds the run folder open, as a driver does for its lock."""
        known, is_one = self._driver
        if known == pid and is_one:
            return (PROC / str(pid)).exists()
        is_one = False
        with contextlib.suppress(OSError):
            folder = os.path.realpath(self._folder)
            is_one = any(_opened(link) == folder for link in (PROC / str(pid) / "fd").iterdir())
        self._driver = (pid, is_one)
        return is_one


def _opened(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed meanwhile
        return ""


def _with_children(pid: int) -> list[int]:
    """Return a process and all below it, without those that only tidy up for Python."""
    everyone = [pid]
    for one in everyone:
        if len(everyone) > MOST:
            break
        with contextlib.suppress(OSError, ValueError):
            for thread in (PROC / str(one) / "task").iterdir():
                everyone += map(int, (thread / "children").read_text(encoding="ascii").split())
    return [one for one in everyone if one == pid or not _tidies(one)]


def _tidies(pid: int) -> bool:
    try:
        return b"resource_tracker" in (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return True


def _stated(pid: int) -> tuple[float, int] | None:
    """Return the seconds of CPU and the bytes of memory of a process; None for one that is gone."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        user, system = fields.rpartition(")")[2].split()[11:13]
        pages = int((PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1])
        seconds = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        return seconds, pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
