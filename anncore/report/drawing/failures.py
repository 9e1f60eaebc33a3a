"""Trials without a score, counted beside what is drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from anncore.evidence.sentences import joined
from anncore.report.drawing.text import text_width
from anncore.report.words import lost_seeds


def so_far(report: Mapping[str, Any], title: str) -> str:
    """Return a title that compares arms; "So far: " stands before it until all report trials have run."""
    part = any(row["not_run"] for row in report["leaderboard"]["overall"])
    return f"So far: {title}" if part else title


def lost_mark(lost: int, total: int, waiting: int = 0) -> str:
    """Write how many seeds have no score: "×3/10", or "?3/10" where all of these are still to run.

    waiting: how many have not run or were left out. "" where none is lost.
    """
    return f"{'?' if lost == waiting else '×'}{lost}/{total}" if lost else ""


def row_mark(row: Mapping[str, Any]) -> str:
    """Write `lost_mark` of a leaderboard's row."""
    return lost_mark(row["n"] - row["ok"], row["n"], row["not_run"] + row["left_out"])


def mark_words(marks: Iterable[str], ended: str) -> str:
    """Say in a subtitle what the marks mean that are there; `ended` says it of "×k/n"."""
    signs = {mark[:1] for mark in marks}
    said = f" ×k/n: {ended}" if "×" in signs else ""
    return said + (" ?k/n: k seeds have not run." if "?" in signs else "")


def nothing_ran(report: Mapping[str, Any]) -> bool:
    """Say whether none of the report's trials has run, so that there are no scores to draw."""
    return all(row["not_run"] == row["n"] for row in report["leaderboard"]["overall"])


def begun_problems(report: Mapping[str, Any]) -> tuple[list[str], str]:
    """Return the problems of which a report trial has run, and what the subtitle says of the others.

    A panel of a problem on which nothing has run would be empty; "" where there is none.
    """
    boards = report["leaderboard"]["problems"]
    waiting = [name for name in report["problems"] if all(row["not_run"] == row["n"] for row in boards[name])]
    begun = [name for name in report["problems"] if name not in waiting]
    return begun, f" Nothing has run yet on {joined(waiting, 4)}." if waiting else ""


def half_lost(row: Mapping[str, Any]) -> bool:
    """Say of a leaderboard's row whether half of its seeds or more did not finish.

    Then there is no median, and the mean of the few that are left says nothing about the arm.
    """
    return bool(2 * row["ok"] <= row["n"])


def lost_words(row: Mapping[str, Any]) -> str:
    """Say how many seeds of a leaderboard's row have no score: "diverged 5/10", "failed 5/10" where not all
    of them diverged, "not run 5/10"; "no choice" where tuning left nothing to choose from."""
    return "no choice" if row["note"] else lost_seeds(row)


def lost_count(ax: Any, y: float, lost: int, total: int, colour: str, sign: str = "×") -> None:
    """Write "×lost/total" at the right end of the row at `y`; nothing where none was lost."""
    if lost:
        ax.text(
            1.0,
            y,
            f"{sign}{lost}/{total}",
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            size=7,
            weight="bold",
            color=colour,
            zorder=5,
        )


def lost_counts(
    ax: Any, rows: Sequence[tuple[float, int, int]], colour: str, waiting: Collection[float] = ()
) -> None:
    """Write `lost_count` for each (y, lost, total), and move the right end of the x axis to make room for it.

    Called once the axis has its range: what was drawn up to its end then lies left of the counts. Rows at
    the y of `waiting` lost nothing but trials that have not run: "?" stands before their counts.
    """
    texts = [f"×{lost}/{total}" for _, lost, total in rows if lost]
    if not texts:
        return
    width = ax.get_position().width * ax.figure.get_figwidth()
    share = min(0.5, (max(text_width(text, 7, "bold") for text in texts) + 0.04) / width)
    low, high = ax.get_xlim()
    ax.set_xticks([tick for tick in ax.get_xticks() if low <= tick <= high])  # none below the counts
    if ax.get_xscale() == "log":
        ax.set_xlim(low, low * (high / low) ** (1 / (1 - share)))
    else:
        ax.set_xlim(low, low + (high - low) / (1 - share))
    for y, lost, total in rows:
        lost_count(ax, y, lost, total, colour, "?" if y in waiting else "×")


def left_out_levels(analyses: Sequence[Mapping[str, Any]]) -> str:
    """Say which levels of factors a figure does not show, and why; "" where it shows all."""
    levels = {
        f"{row['level']} on {one['where']} ({row['reason']})"
        if one["where"]
        else f"{row['level']} ({row['reason']})"
        for one in analyses
        for row in one["left_out"]
    }
    return f" Left out: {joined(sorted(levels), 4)}." if levels else ""
