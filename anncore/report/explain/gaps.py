"""Which numbers of a sheet stand without the formula that gives them, so that nobody takes it for whole."""

from __future__ import annotations

from typing import Any

from anncore.engine.explaining.scalars import Scalar, text_of
from anncore.engine.explaining.sheet import Line, Sheet
from anncore.report.explain.shortened import shortened

LARGEST = 200  # operations and names in a formula, beyond which it is not written
LONGEST = 600  # characters of a formula, beyond which it is no help
CHANGE = "change"  # what an update adds, where its formula is not written


def gaps_of(sheet: Sheet) -> list[dict[str, Any]]:
    """Return the blocks with numbers that have no formula: how many of how many, and why.

    why: "long", the formula does not fit on a page; "network", "optimizer", what computes the number cannot
    be followed, so that the number is right and stands alone.
    """
    gaps = []
    for stage in sheet.stages:
        if stage.name == "given":
            continue
        for block in stage.blocks:
            reasons = [reason for reason in map(_reason, block.lines) if reason]
            if reasons:
                why = "optimizer" if stage.name == "update" else reasons[0]
                gaps.append(
                    {"block": block.name, "numbers": len(reasons), "of": len(block.lines), "why": why}
                )
    return gaps


def _reason(line: Line) -> str:
    """Return why a number has no formula; "" where it has one, or words that say it."""
    if line.formula is not None:
        if written_formula(line) is None:
            return "long"
        return "optimizer" if line.formula.kind == "sum" and _is_change(line.formula.args[-1]) else ""
    if line.activation is not None or line.recipe is not None or line.words.startswith("mean of"):
        return ""
    return "network"


def _is_change(part: Scalar) -> bool:
    return part.kind == "name" and getattr(part.args[0], "full", "") == CHANGE


def written_formula(line: Line) -> Scalar | None:
    """Return a number's formula as it is written; None where there is none, or one that is too long to help.

    A long sum of terms of one form is written by its first and last terms.
    """
    if line.formula is None:
        return None
    for formula in (line.formula, shortened(line.formula)):
        if formula.size <= LARGEST and len(text_of(formula, symbol_of)) <= LONGEST:
            return formula
    return None


def symbol_of(number: Scalar) -> str:
    """Return how a name or a constant is written in symbols."""
    if number.kind == "number":
        return f"{number.value:.6g}"
    owner, row, column = number.args
    name: str = owner.name(row, column)
    return name
