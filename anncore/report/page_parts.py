"""What a page is made of: sections with texts, tables and figures, whatever its format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LEADS = ("differences", "interactions", "pairs_of_factors", "leaderboard")
"""The figures that show the first sentence; the first one that is drawn stands below it."""


MOST_UNFOLDED = 12  # rows
UNFOLDED = ("leaderboard", "failed-trials", "scores", "")  # tables that stay open
NUMERIC = re.compile(
    r"^(p\s)?[<*]?\s?[−+-]?[.\d∞–]|^never$|^floor at |^nothing to choose from$|^(not run|left out)\b"
)


class Cell(NamedTuple):
    """One cell: its text, what to sort it by where the text would mislead, and whether it is the best."""

    text: str
    sort: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first column names its rows. `name` is what its file is called.

    A page shows the caption alone of one that is `folded`, until a reader opens it.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: tuple[bool, ...] = ()
    name: str = ""
    detail: bool = False  # one of many alike

    @property
    def folded(self) -> bool:
        """Whether it is long, and none that a reader must see: arms, failures and figures not drawn are."""
        return self.detail or (len(self.rows) > MOST_UNFOLDED and self.name not in UNFOLDED)


@dataclass(frozen=True)
class Section:
    """A titled part of the report; `parts` are sections below it."""

    id: str
    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Mapping[str, Any]] = ()
    terms: Sequence[tuple[str, str]] = ()  # a titled paragraph each
    items: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()
    code: str = ""
    parts: Sequence[Section] = field(default_factory=tuple)


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str | Cell]], name: str = "") -> Table:
    """Return a table whose columns of numbers are known as such."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    numeric = tuple(
        i > 0 and bool(cells) and all(NUMERIC.match(row[i].text) for row in cells) for i in range(len(header))
    )
    return Table(caption, list(header), cells, numeric, name)


def figures_of(content: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    """Return a section's figures, without the one that stands below the first sentence."""
    first = lead_figure(content)
    return [figure for figure in content["figures"] if figure["section"] == section and figure is not first]


def lead_figure(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the figure that shows the first sentence; None where none is drawn that does."""
    leads = LEADS if content.get("success") is None else ("success_rates", *LEADS)
    drawn = {figure["name"]: figure for figure in content["figures"]}
    return next((drawn[name] for name in leads if name in drawn), None)
