"""Exporter: gif, decision boundaries that move."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    AnnxError,
    BoundaryRow,
    Exporter,
    ExportInput,
    boundary_rows,
    drawing,
    hookimpl,
    joined,
    percent,
)

ARMS = 4  # side by side
PANEL, LEFT, GAP, LOW, HEAD = 2.3, 0.16, 0.16, 0.16, 0.3  # inches
FRAME, LAST = 700, 2500  # milliseconds that a moment stands, and the last one
MARKS = 60  # examples in a panel


@dataclass(frozen=True)
class GIF(Exporter):
    """Animated GIF: a file per data set in which decision boundaries come about, for slides.

    A frame per moment that `[report] maps_at` asks for, a panel per arm, the best four. It repeats without
    end and rests on the last moment. All arms show the same seed, whose final scores are typical.
    """

    name: ClassVar[str] = "gif"

    def files(self, data: ExportInput) -> Mapping[str, bytes]:
        return _files(data)


def _files(data: ExportInput) -> dict[str, bytes]:
    """Return a file for each data set; none before a trial of the report has run."""
    rows = boundary_rows(data.figures)
    if not rows and len(data.leaderboard):
        raise AnnxError(
            f"No trial of {data.name} kept maps of several steps. Write maps_at = 8 under [report] in the "
            "experiment and sweep again; the data set must have classes and two features."
        )
    by_problem: dict[str, list[BoundaryRow]] = {}
    for row in rows:
        by_problem.setdefault(row.problem, []).append(row)
    files: dict[str, bytes] = {}
    for problem, own in by_problem.items():
        name = re.sub(r"\W+", "_", problem).strip("_") or "boundary"
        while f"{name}.gif" in files:
            name += "_"
        files[f"{name}.gif"] = _animated(own[:ARMS], data.figures.theme)
    return files


def _animated(rows: Sequence[BoundaryRow], theme: Any) -> bytes:
    """Return the frames of one data set as one picture that moves."""
    from PIL import Image

    steps = sorted({step for row in rows for step in row.moments})
    with drawing.drawing_style():
        frames = [Image.open(io.BytesIO(drawing.to_png(_frame(rows, step, theme)))) for step in steps]
    pictures = [frame.convert("P") for frame in frames]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[FRAME] * (len(steps) - 1) + [LAST],
        loop=0,
    )
    return buffer.getvalue()


def _frame(rows: Sequence[BoundaryRow], step: int, theme: Any) -> Any:
    """Return the sheet of one moment; an arm that has ended keeps its last map."""
    width = 2 * LEFT + len(rows) * PANEL + (len(rows) - 1) * GAP
    arms = joined([row.arm for row in rows], ARMS)
    heading = drawing.two_lines(f"{rows[0].problem}: {arms}", width - 0.32, 11, "bold").partition("\n")[0]
    last = max(row.last for row in rows)
    sheet = drawing.new_sheet(width, PANEL + LOW + HEAD, heading, f"step {step} of {last}", theme)
    for place, row in enumerate(rows):
        ax = drawing.place(sheet, LEFT + place * (PANEL + GAP), LOW, PANEL, PANEL)
        now = max((known for known in row.moments if known <= step), default=next(iter(row.moments)))
        learned = row.moments[now]
        drawing.draw_plane(ax, learned, learned.probabilities, theme)
        shown = np.arange(len(learned.labels))[:: max(1, len(learned.labels) // MARKS)][:MARKS]
        drawing.draw_classes(ax, learned.examples[shown], learned.labels[shown], theme)
        ax.grid(visible=False)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
        name = drawing.shorten(row.arm, PANEL - 0.6, 9, "bold")
        ax.set_title(name, size=9, weight="bold", loc="left", color=theme[row.arm].color)
        ax.set_title(percent(row.to_go(now), 0) + " to go", size=7.5, loc="right", color=theme.token("muted"))
    return sheet


@hookimpl
def annx_exporters() -> list[type[Exporter]]:
    return [GIF]
