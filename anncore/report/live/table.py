"""The table of trials on the page: a few at a time, of those that the reader asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from anncore.contract.trial import PlannedRow
from anncore.report.live.arms import Arms
from anncore.report.live.tally import Tally, short
from anncore.report.printable import printable_lines
from anncore.running.following import PHASES

PAGE = 50  # trials that are shown at once


def shown_trials(tally: Tally, arms: Arms, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Return up to PAGE trials of the plan, where they start, and how many there are.

    wanted: what the reader asks for, all of it text: a `status` or "missing", a `phase`, `arms` by their
    numbers with commas, a text to `find` in the problem's name, the trial to `start` with.
    """
    numbers = set(wanted.get("arms", "").split(",")) - {""}
    text = wanted.get("find", "").casefold()

    def fits(row: PlannedRow) -> bool:
        kept = tally.results.get(row.key)
        return (
            wanted.get("phase", "") in ("", row.phase)
            and wanted.get("status", "") in ("", "missing" if kept is None else kept.status)
            and (not numbers or str(arms.number(row.arm)) in numbers)
            and text in row.problem.casefold()
        )

    rows = [row for phase in PHASES for row in tally.rows[phase] if fits(row)]
    start = min(_whole(wanted.get("start", "")), max(0, len(rows) - 1)) // PAGE * PAGE
    shown = [_shown(tally, arms, row) for row in rows[start : start + PAGE]]
    return {"total": len(rows), "start": start, "page": PAGE, "rows": shown}


def _shown(tally: Tally, arms: Arms, row: PlannedRow) -> dict[str, Any]:
    kept = tally.results.get(row.key)
    return {
        "key": short(row.key)[:12],
        "phase": row.phase,
        "problem": short(row.problem),
        "arm": arms.number(row.arm),
        "config": short(row.config),
        "seed": short(row.seed),
        "status": "missing" if kept is None else kept.status,
        "score": None if kept is None else kept.score,
        "steps": None if kept is None else kept.steps,
        "seconds": None if kept is None or not math.isfinite(kept.seconds) else round(kept.seconds, 3),
        "error": "" if kept is None else printable_lines(kept.error),
    }


def _whole(text: str) -> int:
    """Return the number that a text is; 0 for none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
