"""Right figures, of the leaderboard and of what networks show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Drawing, Figure, FigureInput, drawing
from anncore.contract.kinds import Array


@dataclass(frozen=True)
class Bars(Figure):
    """A bar per arm, as long as its mean rank.

    Nothing where there is no arm.
    """

    name: ClassVar[str] = "bars"
    question: ClassVar[str] = "Who is ahead?"
    order: ClassVar[int] = 90

    def draw(self, data: FigureInput) -> Drawing | None:
        rows = data.report["leaderboard"]["overall"]
        if not rows:
            return None
        title = f"{len(rows)} arms, best first"
        sheet = drawing.new_sheet(6.0, 2.0, title, "A bar is a mean rank.", data.theme)
        drawing.place(sheet, 0.5, 0.3, 5.0, 1.5).barh(range(len(rows)), [row["mean_rank"] for row in rows])
        return Drawing(sheet, self.name, title, f"Bars of mean ranks. {title}.")


@dataclass(frozen=True)
class Shadow(Figure):
    """The prototypes of every trial, in the units of the data.

    Nothing where no trial shows any.
    """

    name: ClassVar[str] = "shadow"
    question: ClassVar[str] = "Where do the prototypes lie?"
    order: ClassVar[int] = 91

    def draw(self, data: FigureInput) -> Drawing | str:
        shown = [snapshot for snapshot in data.snapshots.values() if "prototypes" in snapshot.arrays]
        if not shown:
            return "No network has prototypes"
        title = f"{len(shown)} trials, a colour each"
        sheet = drawing.new_sheet(6.0, 3.0, title, "A dot is a prototype.", data.theme)
        axes = drawing.place(sheet, 0.5, 0.3, 5.0, 2.5)
        for snapshot in shown:
            axes.plot(*snapshot.in_units(snapshot.arrays["prototypes"]).T[:2], ".")
        return Drawing(sheet, self.name, title, f"Dots of prototypes. {title}.")

    def example(self) -> dict[str, Array]:
        return {"prototypes": np.arange(6.0).reshape(3, 2)}
