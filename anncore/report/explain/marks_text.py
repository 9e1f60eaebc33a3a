"""What `annx explain --check` says of a sheet of answers."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anncore.report.explain.content import finite
from anncore.report.explain.marking import FOLLOWS, MISSING, RIGHT, UNKNOWN, UNREADABLE, WRONG, Mark
from anncore.report.explain.text import WIDTH

WORDS = {
    RIGHT: "right",
    WRONG: "wrong",
    FOLLOWS: "consistent with an earlier mistake",
    MISSING: "left out",
    UNREADABLE: "no number",
    UNKNOWN: "with an unknown name",
}
BAD = (WRONG, UNREADABLE, UNKNOWN)


def summary(marks: Sequence[Mark]) -> dict[str, Any]:
    """Return the marks as plain JSON: counts, and every answer that was given."""
    counts = Counter(mark.status for mark in marks)
    return {
        "counts": {status: counts[status] for status in WORDS},
        "answers": [_plain(mark) for mark in marks if mark.status != MISSING],
        "left_out": [mark.name for mark in marks if mark.status == MISSING],
    }


def _plain(mark: Mark) -> dict[str, Any]:
    texts = {key: getattr(mark, key) for key in ("name", "text", "status", "mistake", "sentence")}
    return texts | {key: finite(getattr(mark, key)) for key in ("value", "expected", "correct")}


def all_right(marks: Sequence[Mark]) -> bool:
    """Tell whether no answer is wrong; what is left out or follows from a mistake counts as no other one."""
    return not any(mark.status in BAD for mark in marks)


def marks_text(marks: Sequence[Mark], digits: int) -> str:
    """Return the marks as lines: how many of what, then each answer that is not right."""
    counts = Counter(mark.status for mark in marks)
    said = [f"{counts[status]} {words}" for status, words in WORDS.items() if counts[status]]
    lines = textwrap.wrap(f"{', '.join(said)}.", WIDTH)
    for mark in marks:
        if mark.status not in (RIGHT, MISSING):
            lines += ["", *_lines(mark, digits)]
    left_out = [mark.name for mark in marks if mark.status == MISSING]
    if left_out and len(left_out) < len(marks):
        lines += ["", *textwrap.wrap(f"Left out: {', '.join(left_out)}", WIDTH, subsequent_indent="  ")]
    return "\n".join(lines)


def _lines(mark: Mark, digits: int) -> Iterator[str]:
    state = {FOLLOWS: "follows", WRONG: "WRONG"}.get(mark.status, "WRONG")
    yield f"  {state:<8}{mark.name} = {mark.text}"
    text = mark.sentence
    if mark.status == WRONG and mark.expected is not None and mark.correct is not None:
        text += f"; {mark.expected:.{digits}g} is right"
        if abs(mark.expected - mark.correct) > 0.01 * abs(mark.correct):
            text += f" with the earlier numbers of the sheet, {mark.correct:.{digits}g} without mistakes"
    yield from textwrap.wrap(text, WIDTH, initial_indent=" " * 10, subsequent_indent=" " * 10)


def marked_content(content: Mapping[str, Any], marks: Sequence[Mark]) -> dict[str, Any]:
    """Return the content of a step with the marks."""
    return {**content, "check": summary(marks)}
