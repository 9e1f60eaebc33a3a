"""How every arm stands to the reference: differences in the unit that a reader thinks in.

Points for shares, per cent for losses, the metric's own unit for the rest; the first table and the first
figure of a report both read them here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from anncore.evidence.sentences import interval, number, short, size, steps_words
from anncore.report.words import number_of


class Standing(NamedTuple):
    """How an arm's metric differs from the reference's: arm - reference, on the scale "log" of logarithms.

    low, high: its 95 % interval; NaN where there is none, infinite where divergence decides. rope: the
    smallest difference worth having, on the scale; None where none is stated. floor: all pairs are at a
    function's floor, where the ratio is one of steps.
    """

    value: float
    low: float
    high: float
    scale: str
    verdict: str
    n: int
    rope: float | None
    better: bool  # whether the arm is the better one so far
    floor: bool


def standings(content: Mapping[str, Any], where: str = "") -> dict[str, Standing]:
    """Return by arm how it stands to the report's reference on a problem, or over all data sets.

    Arms that are not compared with it are left out; nothing where there is no reference. content:
    report.json's content, or the same before NaN has become null.
    """
    reference = content.get("tiers", {}).get("reference")
    comparisons = content["comparisons"]
    pairs = comparisons["problems"].get(where, ()) if where else comparisons["overall"]
    measure = content["measures"][where or content["problems"][0]]
    rows = {}
    for pair in pairs:
        if reference not in (pair["a"], pair["b"]) or not pair["n"]:
            continue
        better = pair["b"] == reference
        sign = -1 if better else 1  # of the cost that the arm has more than the reference
        sign *= -1 if measure["goal"] == "max" else 1
        value, *ends = (sign * number_of(pair[key]) for key in ("effect", "low", "high"))
        if pair["diverged"] and math.isnan(value):  # null in report.json stands for infinite, too
            value = -math.inf if better == (measure["goal"] == "min") else math.inf
        known = not any(map(math.isnan, ends))
        rows[pair["a"] if better else pair["b"]] = Standing(
            value,
            min(ends) if known else math.nan,
            max(ends) if known else math.nan,
            pair["scale"],
            pair["verdict"],
            pair["n"],
            pair["rope"],
            better,
            bool(pair["at_floor"] == pair["n"]),
        )
    return rows


def change(standing: Standing) -> str:
    """Write a difference from the reference: "12 % higher", "−0.8 points", "+0.02"."""
    value, scale = standing.value, standing.scale
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "better, by divergence" if standing.better else "worse, by divergence"
    if scale == "log":
        text = size(-value, "log")
        return steps_words(text) if standing.floor else text
    return f"{_signed(size(value, scale))}"


def change_interval(standing: Standing) -> str:
    """Write the interval of a difference from the reference, from its lower end to its upper one."""
    low, high, scale = standing.low, standing.high, standing.scale
    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    if scale != "log":
        return interval(low, high, scale)
    text = interval(-high, -low, scale) if high < 0 else interval(-low, -high, scale)
    return steps_words(text) if standing.floor else text


def _signed(text: str) -> str:
    return text if text[:1] in "−0–l" and not text.startswith("0.") else f"+{text}"


def worth_text(standing: Standing) -> str:
    """Write the smallest difference worth having as figures do: "±0.5 points", "±1 %"."""
    if standing.rope is None:
        return ""
    if standing.scale == "log":
        return f"±{short(100 * math.expm1(standing.rope))} %"
    return (
        f"±{short(100 * standing.rope)} points" if standing.scale == "unit" else f"±{number(standing.rope)}"
    )
