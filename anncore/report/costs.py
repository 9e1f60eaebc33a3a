"""What a step of each arm costs, as tables and sentences: no more than the spread of the turns bears."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anncore.evidence.sentences import counted, joined, number
from anncore.evidence.study import Study
from anncore.evidence.units import singular

Row = Mapping[str, Any]


def cost_rows(study: Study) -> list[dict[str, Any]] | None:
    """Return what a step of one trial takes in seconds, arm by arm; None where nobody measured it.

    ratio: over the cheapest arm of the problem, with ratio_low and ratio_high: from its own least over the
    upper quartile of the cheapest to the other way round. dearer: whether the whole of that is above 1, so
    that even the arm's fastest turn is slower than three quarters of those of the cheapest.
    """
    cheapest: dict[str, Any] = {}
    for (problem, _), cost in study.step_costs.items():
        if cost.seconds > 0 and (problem not in cheapest or cost.seconds < cheapest[problem].seconds):
            cheapest[problem] = cost
    rows = []
    for (problem, arm), cost in study.step_costs.items():
        ratios = (math.nan, math.nan, math.nan)
        if problem in cheapest and cost.seconds > 0:
            base = cheapest[problem]
            ratios = (cost.seconds / base.seconds, cost.seconds / base.high, cost.high / base.seconds)
        rows.append(
            {
                "problem": problem,
                "arm": arm,
                "seconds": cost.seconds,
                "median": cost.median,
                "high": cost.high,
                "trials": cost.trials,
                **dict(zip(("ratio", "ratio_low", "ratio_high"), ratios, strict=True)),
                "dearer": bool(ratios[1] > 1),
            }
        )
    return rows or None


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def microseconds(seconds: float | None) -> str:
    """Write seconds as microseconds with three digits."""
    return number(1e6 * _nan(seconds))


def between(low: float | None, high: float | None) -> str:
    """Write a range of ratios: "1.6 to 2.1"; a dash where there is none."""
    ends = _nan(low), _nan(high)
    return "–" if any(map(math.isnan, ends)) else f"{number(ends[0], 2)} to {number(ends[1], 2)}"


def cost_table(content: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]] | None:
    """Return caption, header and cells of what a step costs; None where nobody measured it."""
    rows = content.get("costs")
    if not rows or "ratio" not in rows[0]:  # a report of an older annx has no ratios
        return None
    several = len({row["problem"] for row in rows}) > 1
    caption = (
        "What one step of one trial takes each arm alone, in microseconds: the least of some turns, their "
        "median and upper quartile. Times the cheapest: from the least over the other's upper quartile to "
        "the other way round; an arm is dearer where all of that is above 1."
    )
    header = [*([singular(content["unit"])] if several else []), "arm", "least", "median", "upper quartile"]
    header += ["times the cheapest", "range", "dearer"]
    places = {problem: place for place, problem in enumerate(content["problems"])}
    cells = []
    for row in sorted(rows, key=lambda row: (places.get(row["problem"], 0), _nan(row["seconds"]))):
        cells.append(
            [
                *([row["problem"]] if several else []),
                row["arm"],
                *(microseconds(row[name]) for name in ("seconds", "median", "high")),
                number(_nan(row["ratio"]), 2),
                between(row["ratio_low"], row["ratio_high"]),
                "yes" if row["dearer"] else "no",
            ]
        )
    return caption, header, cells


def cost_sentence(content: Mapping[str, Any]) -> str:
    """Say which arms' steps are dearer than the cheapest, by more than the spread; "" without measured "
    "costs."""
    rows = content.get("costs")
    if not rows or "ratio" not in rows[0]:
        return ""
    by_problem: dict[str, list[Row]] = {}
    for row in rows:
        by_problem.setdefault(row["problem"], []).append(row)
    compared = {problem: own for problem, own in by_problem.items() if len(own) > 1}
    if not compared:
        return ""
    if len(compared) == 1:
        return _on_one(next(iter(compared.values())), next(iter(compared)))
    return _on_several(compared, content["problem_unit"])


def _on_one(rows: Sequence[Row], problem: str) -> str:
    """Say what a step costs on one problem."""
    ranked = sorted(rows, key=lambda row: _nan(row["seconds"]))
    first = ranked[0]["arm"]
    dearer = [row for row in ranked if row["dearer"]]
    alike = [row["arm"] for row in ranked[1:] if not row["dearer"]]
    parts = [
        f"{row['arm']} {number(row['ratio'], 2)} times as long "
        f"({between(row['ratio_low'], row['ratio_high'])} over the turns)"
        for row in dearer
    ]
    if not dearer:
        return f"On {problem} no arm's step costs more than that of {first} beyond the spread of the turns."
    text = f"On {problem} a step of {first} is the cheapest"
    if alike:
        text = (
            f"On {problem} the steps of {joined([first, *alike])} are the cheapest and cannot be told apart"
        )
    return f"{text}; a step takes {joined(parts, 4)}."


def _on_several(compared: Mapping[str, Sequence[Row]], unit: str) -> str:
    """Say on how many problems an arm's step is dearer than the cheapest there, and how much so."""
    counts: dict[str, list[float]] = {}
    for rows in compared.values():
        for row in rows:
            if row["dearer"]:
                counts.setdefault(row["arm"], []).append(float(row["ratio"]))
    total = counted(len(compared), unit)
    if not counts:
        return f"On none of {total} does an arm's step cost more beyond the spread of the turns."
    ordered = sorted(counts, key=lambda arm: (-len(counts[arm]), -float(np.median(counts[arm]))))
    parts = []
    for arm in ordered:
        ratios, where = counts[arm], f"on {len(counts[arm])}"
        low, high = number(min(ratios), 2), number(max(ratios), 2)
        parts.append(f"{arm} {where} ({low if low == high else f'{low} to {high}'} times)")
    return (
        f"Of {total}, a step costs more than that of the cheapest arm there, beyond the spread of the "
        f"turns: {joined(parts)}."
    )
