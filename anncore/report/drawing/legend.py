"""One legend for all panels of a figure: names beside their lines take the room of the lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anncore.report.drawing.text import shorten, text_width
from anncore.report.theme import Theme

SIZE, ROW, SAMPLE = 8, 0.22, 0.3  # of the text in points; of a row and of a line's sample in inches


class Legend:
    """Names with their colours, and with line and marker as far as the figure uses them, in rows that fit."""

    def __init__(self, names: Sequence[str], width: float, *, line: bool = True, marker: bool = True) -> None:
        self._line, self._marker = line, marker
        self._sample = SAMPLE if line else 0.14
        self.rows: list[list[tuple[str, float]]] = [[]]
        x = 0.0
        for name in names:
            text = shorten(name, width - self._sample - 0.06, SIZE, "bold")
            wide = self._sample + 0.06 + text_width(text, SIZE, "bold") + 0.2
            if self.rows[-1] and x + wide - 0.2 > width:
                self.rows.append([])
                x = 0.0
            self.rows[-1].append((name, x))
            x += wide
        self._room = width - self._sample - 0.06

    @property
    def height(self) -> float:
        """The height in inches of all rows."""
        return ROW * len(self.rows)

    def draw(self, sheet: Any, left: float, bottom: float, theme: Theme) -> None:
        """Write the rows, the last one at `bottom` (inches)."""
        from matplotlib.lines import Line2D

        width, height = sheet.get_size_inches()
        for i, row in enumerate(reversed(self.rows)):
            y = (bottom + ROW * (i + 0.5)) / height
            for name, x in row:
                style, at = theme[name], left + x
                ends = [at / width, (at + self._sample) / width]
                if self._line:
                    dash: Any = "-" if self._marker else style.dash
                    sheet.add_artist(Line2D(ends, [y, y], color=style.color, linestyle=dash, linewidth=1.6))
                if self._marker:
                    middle = [(at + self._sample / 2) / width]
                    sheet.add_artist(
                        Line2D(middle, [y], color=style.color, marker=style.marker, markersize=5)
                    )
                sheet.text(
                    (at + self._sample + 0.06) / width,
                    y,
                    shorten(name, self._room, SIZE, "bold"),
                    color=style.color,
                    weight="bold",
                    size=SIZE,
                    va="center",
                )
