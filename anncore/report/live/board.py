"""All run folders of a page, looked at as long as somebody looks at the page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from anncore.report.live.arms import Arms
from anncore.report.live.run import LiveRun

MOST_RUNS = 24  # of a folder of run folders, the newest
FEW_RUNS = 4  # that are shown side by side without being asked for
MOST_LINES = 1500  # of learning curves that are sent at once
CPU_SECONDS = 0.01  # of reading in one look, so that the sweep keeps the machine
ANYWAY = 10.0  # seconds after which files are opened even if they seem to be the same
SEARCH = 5.0  # seconds between two looks for new run folders


class Board:
    """The run folders among some folders: each is one itself, or holds some. All methods are thread-safe.

    Parts have names such as "2/head": of the run with number 2. Each has the version of its last change.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._given = list(folders)
        self.arms = Arms()
        self.runs: list[LiveRun] = []
        self._by_path: dict[Path, LiveRun] = {}
        self._listed: list[LiveRun] = []
        self._turn = 0
        self._parts: dict[str, tuple[int, str]] = {}
        self._made: dict[str, Any] = {}  # the parts as objects: an old object is an old part
        self._left = 0  # run folders that are not listed
        self.version = 0
        self._searched = self._looked_anyway = -SEARCH - ANYWAY
        self._search()

    def look(self) -> bool:
        """Take in what is new in all run folders; tell whether there is more to do at once."""
        now = time.monotonic()
        if now - self._searched > SEARCH:
            self._searched = now
            self._search()
        anyway = now - self._looked_anyway > ANYWAY
        if anyway:
            self._looked_anyway = now
        end = time.thread_time() + CPU_SECONDS
        more = False
        for place in range(len(self._listed)):
            run = self._listed[(self._turn + place) % len(self._listed)]
            more |= run.update(lambda: time.thread_time() > end, anyway=anyway)
            if time.thread_time() > end and place + 1 < len(self._listed):
                self._turn += place + 1  # the others come first the next time
                more = True
                break
        self._publish()
        return more

    def _search(self) -> None:
        """List the run folders that are there now; one that was listed keeps its number."""
        listed = []
        folders, self._left = _run_folders(self._given)
        for folder, name in folders:
            run = self._by_path.get(folder)
            if run is None:
                run = self._by_path[folder] = LiveRun(folder, name, self.arms)
                self.runs.append(run)
            listed.append(run)
        self._listed = listed

    def _publish(self) -> None:
        """Give what changed a new version."""
        parts: dict[str, Any] = {"arms": self.arms.shown(), "index": self._index(), "left": self._words()}
        for number, run in enumerate(self.runs):
            parts |= {f"{number}/{name}": part for name, part in run.parts.items()}
        newest = self.version + 1
        published = {}
        for name, part in parts.items():
            if name in self._parts and self._made.get(name) is part:
                published[name] = self._parts[name]
                continue
            text = json.dumps(part, separators=(",", ":"), allow_nan=False)
            version, before = self._parts.get(name, (0, ""))
            published[name] = (version if text == before else newest, text)
        self._parts, self._made = published, parts
        self.version = newest  # after the parts, so that nobody takes the old ones for these

    def _index(self) -> list[dict[str, Any]]:
        return [
            {"run": number, "name": run.name, "state": run.parts["head"]["state"]}
            for number, run in enumerate(self.runs)
            if run in self._listed and "head" in run.parts
        ]

    def _words(self) -> str:
        """Say how many run folders are not on the page, and how to see them; "" where all are."""
        if not self._left:
            return ""
        what = "1 older run folder is" if self._left == 1 else f"{self._left} older run folders are"
        which = "it" if self._left == 1 else "one"
        return (
            f"{what} left out: of a folder that holds run folders this page has the newest {MOST_RUNS}. "
            f"To see {which}, name it: annx serve DIR."
        )

    def since(self, version: int, runs: Sequence[int] | None, find: str) -> tuple[dict[str, str], list[int]]:
        """Return the parts that changed after a version, and which runs these are for.

        runs: numbers of those to send, by default a few: those that run, else the newest. find: a text in the
        names of the problems to send.
        """
        known = [number for number, run in enumerate(self.runs) if run in self._listed]
        sent = self._default(known) if runs is None else [number for number in runs if number in known]
        wanted = {"arms", "index", "left"}
        for number in sent:
            wanted |= set(self._names(number, find))
        changed = {
            name: text for name, (new, text) in self._parts.items() if new > version and name in wanted
        }
        return changed, sent

    def _default(self, known: Sequence[int]) -> list[int]:
        if len(known) <= FEW_RUNS:
            return list(known)
        running = [number for number in known if self._state(number) == "running"]
        return (running or list(known))[:FEW_RUNS]

    def _state(self, number: int) -> str:
        return str(self.runs[number].parts.get("head", {}).get("state", ""))

    def _names(self, number: int, find: str) -> Iterator[str]:
        """Yield the names of the parts of a run to send; no more problems than a browser draws at ease."""
        yield from (f"{number}/{name}" for name in ("head", "shape", "failures", "machine"))
        shape: Mapping[str, Any] = self.runs[number].parts.get("shape", {"arms": [], "problems": []})
        room = max(1, MOST_LINES // max(1, len(shape["arms"])))
        text = find.casefold()
        fitting = [place for place, name in enumerate(shape["problems"]) if text in name.casefold()]
        yield from (f"{number}/problem/{place}" for place in fitting[:room])


def _run_folders(given: Sequence[Path]) -> tuple[list[tuple[Path, str]], int]:
    """Return each run folder with its name, and how many are left out.

    A folder that is none yet, and holds none, may become one.
    """
    listed: dict[Path, str] = {}
    left: set[Path] = set()
    for folder in given:
        inside = [] if _is_run(folder) else _newest(folder)
        left |= set(inside[MOST_RUNS:])
        listed |= {path: str(path) for path in inside[:MOST_RUNS] or [folder]}
    return list(listed.items()), len(left - listed.keys())


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("trials.sqlite", "plan.json"))


def _newest(folder: Path) -> list[Path]:
    """Return the run folders in a folder, the newest first."""
    ages: list[tuple[float, Path]] = []
    try:
        for path in folder.iterdir():
            if (path / "trials.sqlite").is_file():
                ages.append((-(path / "trials.sqlite").stat().st_mtime, path))
    except OSError:
        return [path for _, path in sorted(ages)]
    return [path for _, path in sorted(ages)]
