"""looks.json: the reports that a run folder has made, so that seeds added after looking are noticed.

Each entry says when, with which seeds, and by which trials; see `anncore.evidence.looks`. The file is never
shortened by annx. Who removes it, or sweeps into another folder, looks anew, and no file can tell.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anncore.contract.errors import StoreError
from anncore.evidence.looks import DIGITS, PastLook
from anncore.evidence.study import Study
from anncore.running.files import replace_file

NAME, SCHEMA = "looks.json", 1


def remembered(folder: Path) -> tuple[PastLook, ...]:
    """Return the reports that the folder has made, the earliest first; of a damaged file what can be read."""
    return tuple(look for _, look in _read(folder))


def remember(results: Any, folder: Path) -> None:
    """Write down that a report of these results is made, unless it shows what an earlier one has shown.

    Only trials that have a result count: the report of a sweep that is still running shows no others. Where
    the folder cannot be written nothing is, as reading a report must not fail for that.
    """
    now = Study(results).look
    if not now.keys:
        return
    looks = _read(folder)
    for place, (at, look) in enumerate(looks):
        if look.same_as(now):
            if now.keys.keys() <= look.keys.keys():
                return
            keys = {**now.keys, **look.keys}
            if look.seeds != now.seeds:  # in another order
                keys = dict(look.keys)
            looks[place] = (at, look._replace(keys=keys))
            break
    else:
        looks.append((datetime.now(UTC).isoformat(timespec="seconds"), now))
    _write(folder, looks)


def join(folders: Sequence[Path], target: Path) -> None:
    """Let a folder remember the reports of all folders that are joined to it, in the order of time."""
    every = [entry for folder in (target, *folders) for entry in _read(folder)]
    if every:
        _write(target, sorted(every, key=lambda entry: entry[0]))


def _write(folder: Path, looks: Sequence[tuple[str, PastLook]]) -> None:
    content = {"schema": SCHEMA, "looks": [_plain(at, look) for at, look in looks]}
    with contextlib.suppress(OSError, StoreError):
        replace_file(folder / NAME, (json.dumps(content, ensure_ascii=False) + "\n").encode())


def _plain(at: str, look: PastLook) -> dict[str, Any]:
    trials = [[*place, keys] for place, keys in look.keys.items()]
    return {
        "at": at,
        "seeds": list(look.seeds),
        "sequential": look.sequential,
        "settings": look.settings,
        "trials": trials,
    }


def _read(folder: Path) -> list[tuple[str, PastLook]]:
    try:
        if not (folder / NAME).is_file():
            return []
        entries = json.loads((folder / NAME).read_bytes())["looks"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    looks = []
    for entry in entries if isinstance(entries, list) else []:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            looks.append((str(entry["at"]), _look(entry)))
    return looks


def _look(entry: dict[str, Any]) -> PastLook:
    """Return a look as it was written; raises TypeError or ValueError for what is none."""
    seeds = tuple(entry["seeds"])
    keys = {(problem, arm): digits for problem, arm, digits in entry["trials"]}
    if not all(type(seed) is int for seed in seeds) or not all(
        isinstance(digits, str) and len(digits) == DIGITS * len(seeds) for digits in keys.values()
    ):
        raise TypeError
    return PastLook(seeds, bool(entry["sequential"]), str(entry["settings"]), keys)
