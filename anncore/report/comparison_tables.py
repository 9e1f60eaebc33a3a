"""Tables of comparisons, which several sections have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.claim import column_words
from anncore.report import words
from anncore.report.page_parts import Cell, Table, table

MOST_PAIRS = 120  # of arms: sixteen's; more rows are read by programs


def claimed_by(claim: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Say what the arms of a claim are compared by where the report's scores are not it."""
    if claim["by"] == "steps":
        return "by the steps to their target"
    said = f"by {column_words(claim['by'], content['unit'])}, of which the better has more"
    ratios = any(pair["scale"] == "log" for pairs in claim["comparisons"].values() for pair in pairs)
    return f"{said}; the gain is how much lower that of the other is" if ratios else said


def comparison_tables(
    caption: str, comparisons: Sequence[Mapping[str, Any]], best: str, name: str = "differences"
) -> list[Table]:
    """Return the comparisons as rows, without those that have no pair of trials, in a table if there are any.

    Where there are very many, those of the best arm.
    """
    comparisons = [c for c in comparisons if c["n"]]
    if not comparisons:
        return []
    if len(comparisons) > MOST_PAIRS:
        caption += f" Of {len(comparisons)} pairs those of {best}; report.json has all."
        comparisons = [c for c in comparisons if best in (c["a"], c["b"])]
    gain = "gain, of the arms' range" if all(c["scale"] == "range" for c in comparisons) else "gain"
    header = ["better so far", "against", "wins", gain, "95 % interval", "p (adjusted)", "verdict"]
    rows = [
        [
            Cell(c["a"]),
            Cell(c["b"]),
            Cell(words.share(c["wins"], c["n"])),
            Cell(words.effect(c), c["effect"]),
            Cell(words.effect_interval(c), c["low"]),
            Cell(words.probability(c), c["p"]),
            Cell(words.verdict(c), best=c["verdict"] == "better"),
        ]
        for c in comparisons
    ]
    return [table(caption, header, rows, name)]
