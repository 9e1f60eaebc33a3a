"""Sections of a report that plugins write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore.contract.kinds.base import Component
from anncore.contract.kinds.figures import FigureInput


@dataclass(frozen=True)
class ReportTable:
    """A table: its caption, the columns' titles, and rows with a cell for each column.

    A cell is a text, a number (a float is written with three digits), a bool, or None for nothing.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class ReportSection(Component):
    """A section of text and tables in every report, in report.json, the page and Markdown.

    All that it returns is text, never markup: every view escapes it.
    """

    title: ClassVar[str]
    """Its heading: the reader's question, or what it is about."""

    order: ClassVar[int] = 50
    """Its place among the sections that plugins write; the smallest comes first."""

    after: ClassVar[str] = "diagnostics"
    """The section of annx's own that it follows: one of `anncore.contract.kinds.sections.PLACES`."""

    @abstractmethod
    def write(self, data: FigureInput) -> Sequence[str | ReportTable] | str | None:
        """Return paragraphs and tables: a text is a paragraph. The report shows paragraphs first.

        None where the data has nothing to show, which the report then says. The data is what figures get; it
        may be any part of a sweep: its first trials only, or none.
        """


PLACES = (
    "success",
    "factorial",
    "differences",
    "leaderboard",
    "data-sets",
    "sensitivity",
    "speed",
    "diagnostics",
)
"""The sections of annx's own that a plugin's section may follow."""
