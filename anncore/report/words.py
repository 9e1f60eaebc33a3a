"""How numbers of a report are written: shared by HTML, Markdown and the terminal, so that they agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.findings import about, interval, number, p_value, percent, size

VERDICTS = {
    "better": "better",
    "undecided": "not told apart",
    "equivalent": "equivalent",
    "tie": "equal",
    "too_few": "too few pairs",
    "blocked": "blocked",
}


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def plain_number(x: float | None) -> str:
    """Write a number or, where there is none, a dash."""
    return number(_nan(x))


def value(x: float | None, measure: Mapping[str, Any]) -> str:
    """Write a score: shares in per cent, the rest with three digits."""
    x = _nan(x)
    return percent(x) if measure["scale"] == "unit" else number(x)


def score(row: Mapping[str, Any], measure: Mapping[str, Any]) -> str:
    """Write a leaderboard row's score, marked where seeds diverged or are lacking."""
    marks = f" ×{row['diverged']}" if row["diverged"] else ""
    marks += f" ?{row['blocked']}" if row["blocked"] else ""
    if not row["ok"]:
        return ("diverged" if row["diverged"] else "failed") if row["n"] else "–"
    return value(row["value"], measure) + marks


def spread(row: Mapping[str, Any], measure: Mapping[str, Any]) -> str:
    """Write a score's interval."""
    low, high = _nan(row["low"]), _nan(row["high"])
    if math.isnan(low) or math.isnan(high):
        return "–"
    if measure["scale"] == "unit":
        return f"{100 * low:.1f} to {100 * high:.1f} %"
    return f"{number(low)} to {number(high)}"


def effect(c: Mapping[str, Any]) -> str:
    """Write a comparison's effect."""
    return size(_nan(c["effect"]), c["scale"])


def effect_interval(c: Mapping[str, Any]) -> str:
    """Write a comparison's interval, a dash where it is undefined."""
    return interval(_nan(c["low"]), _nan(c["high"]), c["scale"]) or "–"


def probability(c: Mapping[str, Any]) -> str:
    """Write a comparison's adjusted p-value without "p ="."""
    return p_value(c["p"]).removeprefix("p ").removeprefix("= ")


def verdict(c: Mapping[str, Any]) -> str:
    """Write a comparison's verdict; what is undecided says how many pairs it would take."""
    words = VERDICTS[c["verdict"]]
    if c["verdict"] in ("too_few", "undecided") and c["needed"] is not None and c["needed"] <= 1000:
        return f"{words} (about {about(c['needed'])} needed)"
    return words


def share(done: int, total: int) -> str:
    """Write a denominator: "10/10"."""
    return f"{done}/{total}"


def overall_rows(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the overall leaderboard as text cells: header and rows."""
    kinds = " + ".join(content["vary"]) or "arm"
    board = content["leaderboard"]["overall"]
    if len(content["problems"]) == 1:
        (problem,) = content["problems"]
        measure = content["measures"][problem]
        header = [kinds, "rank", measure["label"], "95 % interval", "ok", "chosen"]
        return header, [
            [
                row["arm"],
                f"{row['rank']:g}",
                value(row["value"], measure),
                spread(row, measure),
                share(row["ok"], row["n"]),
                row["config"] or "–",
            ]
            for row in content["leaderboard"]["problems"][problem]
        ]
    header = [kinds, "mean rank", "best on", "ok", "diverged", "failed"]
    return header, [
        [
            row["arm"],
            f"{row['mean_rank']:.2f}",
            share(row["wins"], row["problems"]),
            share(row["ok"], row["n"]),
            str(row["diverged"]),
            str(row["blocked"]),
        ]
        for row in board
    ]


def sensitivity_rows(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the sensitivity table as text cells, a row per problem and arm."""
    header = ["data set", "arm", "hyperparameter", "best", "at the edge", "width (decades)", "diverged"]
    rows: list[list[str]] = []
    for row in content["sensitivity"]:
        rows.append(
            [
                row["problem"],
                row["arm"],
                row["hyperparameter"],
                number(_nan(row["best"])),
                "yes" if row["edge"] else "no",
                number(_nan(row["width"]), 2),
                share(row["diverged"], row["trials"]),
            ]
        )
    return header, rows


def lines_of(data: Mapping[str, Any], skip: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Flatten nested provenance to (name, text) pairs."""
    found: list[tuple[str, str]] = []
    for key, item in data.items():
        if key in skip or item in (None, "", [], {}):
            continue
        name = str(key).replace("_", " ")
        if isinstance(item, Mapping):
            found.extend((f"{name}: {sub}", text) for sub, text in lines_of(item))
        elif isinstance(item, (list, tuple)):
            found.append((name, ", ".join(str(each) for each in item)))
        else:
            found.append((name, f"{item:.6g}" if isinstance(item, float) else str(item)))
    return found
