"""The short version of a report for a terminal: plain text, no colour, no box drawing."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.report.printable import printable
from anncore.report.tiers import arms_table
from anncore.report.words import score

WIDEST = 100
MOST_CELL = 34  # an interval from "74 % lower" to "43 times higher" is 29 long


MOST_PROBLEMS = 12  # with scores on the terminal; more would push the answer out of sight


def summary(content: Mapping[str, Any], width: int | None = None) -> str:
    """Return the answer, the table and the warnings of a report as text that fits `width` columns.

    Plain characters only, so it is the same in a pipe, with NO_COLOR and on a terminal.
    """
    width = min(WIDEST, width or shutil.get_terminal_size((WIDEST, 24)).columns)
    lines = [*textwrap.wrap(printable(content["answer"]["headline"]), width), ""]
    caption, header, rows = arms_table(content)
    lines += _table(header, rows, width)
    if content.get("tiers", {}).get("sentence"):
        lines += ["", *textwrap.wrap(printable(caption), width)]
    problems = content["problems"]
    if 1 < len(problems) <= MOST_PROBLEMS:
        lines += ["", *_by_problem(content, width)]
    elif len(problems) > MOST_PROBLEMS:
        said = f"The scores on each of {len(problems)} {content['problem_unit']} are in the report."
        lines += ["", *textwrap.wrap(printable(said), width)]
    texts = [finding["text"] for finding in content["answer"]["findings"] if not finding["where"]]
    if texts:
        lines += ["", *_bullets(texts, "-", width)]
    warnings = [warning["text"] for warning in content["answer"]["warnings"]]
    if warnings:
        lines += ["", *_bullets(warnings, "!", width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def warned(texts: Sequence[str]) -> str:
    """Return warnings as `summary` writes them, those that came with the figures for instance."""
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    return "\n".join(_bullets(texts, "!", width)) + "\n"


def _bullets(texts: Sequence[str], mark: str, width: int) -> list[str]:
    lines = []
    for text in map(printable, texts):
        lines += textwrap.wrap(text, width, initial_indent=f"{mark} ", subsequent_indent="  ")
    return lines


def _by_problem(content: Mapping[str, Any], width: int) -> list[str]:
    """One row per problem, one column per arm, as many arms as fit."""
    arms = [row["arm"] for row in content["leaderboard"]["overall"]]
    rows = []
    for problem in content["problems"]:
        board = {row["arm"]: row for row in content["leaderboard"]["problems"][problem]}
        measure = content["measures"][problem]
        cells = [("*" if board[arm]["rank"] == 1 else "") + score(board[arm], measure) for arm in arms]
        rows.append([problem, *cells])
    labels = {measure["label"] for measure in content["measures"].values()}
    corner = labels.pop() if len(labels) == 1 else "score"
    return _table([corner, *arms], rows, width)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lay a table out in aligned columns; columns that do not fit are counted at the end."""
    header, *rows = [[printable(cell) for cell in row] for row in (header, *rows)]
    columns = list(zip(header, *rows, strict=True))
    sizes = [min(MOST_CELL, max(len(cell) for cell in column)) for column in columns]
    kept = len(columns)
    while kept > 2 and sum(sizes[:kept]) + 2 * (kept - 1) > width:
        kept -= 1
    lines = []
    for row in (header, *rows):
        cells = [_fit(cell, size) for cell, size in zip(row[:kept], sizes, strict=False)]
        first, *rest = [
            cell.ljust(size) if i == 0 else cell.rjust(size)
            for i, (cell, size) in enumerate(zip(cells, sizes, strict=False))
        ]
        lines.append("  ".join([first, *rest])[:width])
    if kept < len(columns):
        hidden = len(columns) - kept
        lines.append(f"({hidden} more column{'s' if hidden > 1 else ''} in the report)")
    return lines


def _fit(cell: str, size: int) -> str:
    return cell if len(cell) <= size else cell[: size - 1] + "…"
