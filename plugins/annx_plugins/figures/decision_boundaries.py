"""What the networks learned where a picture can show it: of data sets with two features."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Array,
    DecisionMap,
    Drawing,
    Figure,
    FigureInput,
    drawing,
    hookimpl,
    joined,
    percent,
)

ARMS, LINES = 6, 4  # panels in a row and rows, at most
LEFT, RIGHT, GAP, BETWEEN, HEAD, FOOT = 0.42, 0.2, 0.1, 0.5, 0.46, 0.26  # inches
LEAST, LINE_GAP = 1.1, 0.4  # inches: a panel's width, and between the lines of one data set's panels
NAME, KEY = (9, "bold"), 0.16  # a data set's name, and the room before the key of a class
MARKS, MOST_MARKS = 800, 100  # examples in all panels, and in one
ALIKE = 0.05  # of the plane: arms whose seeds disagree on shares no farther apart move alike
AGREED = 0.9  # the share of seeds that must predict the same class


@dataclass(frozen=True)
class DecisionBoundaries(Figure):
    """The class that each arm's networks predict over the plane of a data set's two features.

    A panel holds the mean over seeds of the predicted probabilities, in the data's units: the colour is the
    class whose mean is highest, the paler the less certain, the line where two classes tie. One seed may be
    lucky, so the cells are hatched in which fewer than nine in ten seeds predict the same class; their share
    of the plane is the arm's disagreement. Seeds differ in the data's draw or split, the initial weights and
    the batches. At most six arms are drawn, the best by rank and the control, in four rows of panels.
    """

    name: ClassVar[str] = "decision_boundaries"
    question: ClassVar[str] = "What was learned, and does every seed learn the same?"
    order: ClassVar[int] = 58
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        arms = _arms(data.report)
        report = data.trials[(data.trials["phase"] == "report") & data.trials["label"].isin(arms)]
        mapped = (
            report[np.array([key in data.maps for key in report["key"]], bool)]
            .drop_duplicates("problem")
            .set_index("problem")["key"]
        )
        examples = {p: data.maps[mapped[p]] for p in data.report["problems"] if p in mapped.index}
        if not examples:
            return "No report trial that tells classes apart by two features has run."
        layout = _Layout.of(examples, len(arms), data.width)
        problems = list(examples)[: LINES * max(1, layout.per_row)]
        seeds = len(data.report["seeds"]["report"])
        cells = {
            (problem, arm): _Cell.of(mine, data.maps, seeds)
            for problem in problems
            for arm in arms
            for mine in [report[(report["problem"] == problem) & (report["label"] == arm)]]
        }
        title = self._title(cells)
        subtitle = self._subtitle(cells)
        left_out = [arm for arm in data.report["arms"] if arm not in arms]
        left_out += [problem for problem in examples if problem not in problems]
        if left_out:
            subtitle += f" Not drawn: {joined(left_out)}."
        theme, rows = data.theme, math.ceil(len(problems) / layout.per_row)
        height = min(layout.width, 1.5)
        lines = math.ceil(len(arms) / layout.across)
        group = lines * height + (lines - 1) * LINE_GAP + HEAD + FOOT
        sheet = drawing.new_sheet(data.width, rows * group + 0.06, title, subtitle, theme)
        for i, problem in enumerate(problems):
            row, column = divmod(i, layout.per_row)
            x = LEFT + column * (layout.reach + BETWEEN)
            y = 0.06 + FOOT + (rows - 1 - row) * group
            last = column == layout.per_row - 1 or i == len(problems) - 1
            room = data.width - RIGHT - x if last else layout.reach
            top = y + group - HEAD - FOOT
            self._group_title(sheet, (x, top + 0.31), room, problem, examples[problem], theme)
            for j, arm in enumerate(arms):
                line, place = divmod(j, layout.across)
                bottom = y + (lines - 1 - line) * (height + LINE_GAP)
                cell = cells[problem, arm]
                ax = drawing.place(sheet, x + place * (layout.width + GAP), bottom, layout.width, height)
                _frame(ax, examples[problem], first=place == 0)
                _head(ax, arm, cell, theme)
                if cell.maps:
                    _picture(ax, cell, min(MOST_MARKS, MARKS // len(cells)), theme)
                _note(ax, cell, theme)
        return Drawing(sheet, self.name, title, self._words(title, cells, problems), subtitle)

    def _group_title(
        self,
        sheet: Any,
        at: tuple[float, float],
        room: float,
        problem: str,
        example: DecisionMap,
        theme: drawing.Theme,
    ) -> None:
        """Write the data set's name, and its classes with their marks as far as there is room."""
        w, h = sheet.get_size_inches()
        x, y = at
        name = drawing.shorten(problem, room, *NAME)
        sheet.text(x / w, y / h, name, size=9, weight="bold", va="center", color=theme.token("ink"))
        end, x = x + room, x + drawing.text_width(name, *NAME) + KEY
        for k, label in enumerate(example.classes):
            text = drawing.shorten(label, 0.9, 7.5)
            wide = _key_width(label)
            if x + wide > end + 1e-9:
                break
            ax = drawing.place(sheet, x, y - 0.05, 0.1, 0.1)
            ax.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))
            ax.axis("off")
            ax.add_patch(drawing.class_marks(np.zeros((1, 2)), k, (1.0, 1.0), theme))
            sheet.text((x + 0.14) / w, y / h, text, size=7.5, va="center", color=theme.token("ink"))
            x += wide + KEY

    def _title(self, cells: Mapping[tuple[str, str], _Cell]) -> str:
        """Say where seeds disagree most, and where least."""
        most_seeds = {pair: cell for pair, cell in cells.items() if 2 * len(cell.maps) > cell.seeds}
        disagreements = {pair: cell.disagreement for pair, cell in most_seeds.items() if len(cell.maps) > 1}
        if not disagreements and any(len(cell.maps) > 1 for cell in cells.values()):
            return "No arm has maps of more than half of its seeds"
        if not disagreements:
            return "One seed per picture: another one may have learned something else"
        problem, arm = most = max(disagreements, key=lambda pair: disagreements[pair])
        if disagreements[most] == 0:
            problems = list(dict.fromkeys(name for name, _ in disagreements))
            return f"All seeds agree on the whole plane: {joined(problems)}"
        share = _share(disagreements[most])
        others = {
            name: part for (where, name), part in disagreements.items() if where == problem and name != arm
        }
        if not others:
            more = " most," if len(disagreements) > 1 else ""
            return f"{problem}: {arm}'s seeds disagree{more} on {share} of the plane"
        least = min(others, key=lambda name: others[name])
        span = f"{_share(disagreements[most])} of the plane"
        if disagreements[most] - others[least] < ALIKE:
            low = _share(others[least]).removesuffix(" %")
            span = span if _share(others[least]) == share else f"{low} to {span}"
            return f"{problem}: every arm's seeds disagree about equally much, on {span}"
        title = f"On {problem} {arm}'s seeds disagree most: on {share} of the plane"
        return title if _share(others[least]) == share else f"{title} ({least}'s on {_share(others[least])})"

    def _subtitle(self, cells: Mapping[tuple[str, str], _Cell]) -> str:
        classes = max(len(cell.maps[0].classes) for cell in cells.values() if cell.maps)
        line = "where the two are equally likely" if classes == 2 else "where the likeliest class changes"
        return (
            "Colour: the class of the highest mean probability over seeds, paler the less certain; line: "
            f"{line}. Hatched, and per cent of the plane: where fewer than nine in ten seeds predict one "
            "class; they may agree and be wrong. Marks: training examples of all seeds. The plane is the "
            "data's range, in its units."
        )

    def _words(self, title: str, cells: Mapping[tuple[str, str], _Cell], problems: Sequence[str]) -> str:
        said = []
        for problem in problems:
            descriptions = [f"{arm} {cell.words()}" for (name, arm), cell in cells.items() if name == problem]
            said.append(f"{problem}: {', '.join(descriptions)}")
        return f"Predicted classes over the plane. {title}. Disagreement of seeds: {'; '.join(said)}."


class _Layout(NamedTuple):
    """How many data sets stand in a row, how their panels lie, and how wide these are, in inches."""

    per_row: int
    across: int  # panels of a data set side by side
    width: float
    reach: float  # of a data set's panels together

    @classmethod
    def of(cls, examples: Mapping[str, DecisionMap], arms: int, sheet: float) -> _Layout:
        """Put as many in a row as there is room for, fewer where their names and classes need more."""
        inner = sheet - LEFT - RIGHT
        across, _ = drawing.fit_columns(arms, ARMS, inner, LEAST, GAP)
        most = min(len(examples), max(1, ARMS // arms)) if across == arms and sheet > drawing.PHONE else 1
        layout = cls(1, across, 0.0, 0.0)
        for per_row in range(most, max(1, most // 2) - 1, -1):
            room = inner - GAP * (across - 1) * per_row - BETWEEN * (per_row - 1)
            width = min(2.2, room / per_row / across)
            layout = cls(per_row, across, width, across * (width + GAP) - GAP)
            heads = [
                drawing.text_width(problem, *NAME) + sum(KEY + _key_width(label) for label in example.classes)
                for problem, example in examples.items()
            ]
            if max(heads) <= layout.reach:
                break
        return layout


def _key_width(label: str) -> float:
    return 0.14 + drawing.text_width(drawing.shorten(label, 0.9, 7.5), 7.5)


@dataclass(frozen=True)
class _Cell:
    """What the seeds of one arm learned of one data set."""

    maps: tuple[DecisionMap, ...]
    seeds: int
    lost: str  # why there are not as many maps as seeds, in a word
    lost_count: int

    @classmethod
    def of(cls, trials: Any, maps: Mapping[str, DecisionMap], seeds: int) -> _Cell:
        trials = trials.drop_duplicates("seed")
        own = [maps[key] for key in trials["key"] if key in maps]
        # A file that grew between two sweeps has another range: only what lies on the same lattice counts.
        own = [learned for learned in own if _lattice(learned) == _lattice(own[0])]
        why = Counter(
            "without a map" if status == "ok" else str(status)
            for key, status in zip(trials["key"], trials["status"], strict=True)
            if key not in maps
        )
        missing = seeds - len(own) - sum(why.values())
        if missing > 0:
            why["not run"] += missing
        return cls(tuple(own), seeds, " and ".join(why), sum(why.values()))

    @cached_property
    def mean(self) -> Array:
        """The mean over seeds of the classes' probabilities, (K, S, S)."""
        return np.mean([one.probabilities for one in self.maps], axis=0)

    @cached_property
    def disputed(self) -> Array:
        """The cells in which fewer than nine in ten seeds predict the same class, (S, S)."""
        votes = np.stack([one.predicted for one in self.maps])
        classes = len(self.maps[0].classes)
        most = np.max([(votes == k).sum(axis=0) for k in range(classes)], axis=0)
        return most < AGREED * len(votes) - 1e-9

    @cached_property
    def disagreement(self) -> float:
        return float(self.disputed.mean())

    def words(self) -> str:
        short = f" ({len(self.maps)} of {self.seeds} seeds)" if len(self.maps) < self.seeds else ""
        if len(self.maps) < 2:
            return ("one seed" if self.maps else self.lost) + short
        return _share(self.disagreement) + short


def _lattice(one: DecisionMap) -> tuple[Any, ...]:
    return one.low, one.high, one.classes, one.levels.shape


def _arms(report: Mapping[str, Any]) -> list[str]:
    """Return the arms to draw, best first: the first few, and the control in any case."""
    ranked = [row["arm"] for row in report["leaderboard"]["overall"]]
    control = report.get("control")
    if control in ranked[ARMS:]:
        return [*ranked[: ARMS - 1], control]
    return ranked[:ARMS]


def _share(share: float) -> str:
    return percent(share, 0 if share == 0 or share >= 0.0095 else 1)


def _frame(ax: Any, example: DecisionMap, *, first: bool) -> None:
    """Give a panel the plane's range and a few ticks, their labels where they are not the neighbour's."""
    (left, bottom), (right, top) = example.low, example.high
    ax.set(xlim=(left, right), ylim=(bottom, top))
    ax.grid(visible=False)
    ax.locator_params(axis="both", nbins=3)
    ticks = [
        [tick for tick in axis.get_ticklocs() if low <= tick <= high]
        for axis, low, high in ((ax.xaxis, left, right), (ax.yaxis, bottom, top))
    ]
    ax.set_xticks(ticks[0], [drawing.tick_text(float(tick)) for tick in ticks[0]], size=6.5)
    ax.set_yticks(
        ticks[1],
        [drawing.tick_text(float(tick)) for tick in ticks[1]] if first else [""] * len(ticks[1]),
        size=6.5,
    )
    ax.tick_params(length=2, pad=2)
    ax.spines[:].set_visible(True)


def _head(ax: Any, arm: str, cell: _Cell, theme: drawing.Theme) -> None:
    """Write the arm's name over its panel, and its seeds' disagreement at the right."""
    share = _share(cell.disagreement) if len(cell.maps) > 1 else ""
    width = ax.get_position().width * ax.figure.get_figwidth()
    name = drawing.shorten(arm, width - drawing.text_width(share, 7.5) - 0.08, 8, "bold")
    ax.text(
        0, 1.03, name, transform=ax.transAxes, size=8, weight="bold", va="bottom", color=theme.token("ink")
    )
    ax.text(
        1, 1.03, share, transform=ax.transAxes, size=7.5, ha="right", va="bottom", color=theme.token("ink")
    )


def _note(ax: Any, cell: _Cell, theme: drawing.Theme) -> None:
    """Say of how many seeds a panel is, where not of all; and why there is nothing to see."""
    if len(cell.maps) == cell.seeds:
        return
    if cell.maps:
        x, y, va, text = 0.03, 0.04, "bottom", f"{len(cell.maps)} of {cell.seeds} seeds"
    else:
        ax.set_facecolor(theme.token("alarm_fill"))
        words = cell.lost.replace(" and ", "\nand ")
        x, y, va, text = 0.5, 0.5, "center", f"{words}\n{cell.lost_count}/{cell.seeds}"
    ax.text(
        x,
        y,
        text,
        transform=ax.transAxes,
        ha="left" if cell.maps else "center",
        va=va,
        size=6.5,
        weight="bold",
        color=theme.token("alarm"),
        zorder=6,
        bbox={"facecolor": theme.token("alarm_fill"), "edgecolor": "none", "pad": 1.2},
    )


def _picture(ax: Any, cell: _Cell, marks: int, theme: drawing.Theme) -> None:
    disputed = cell.disputed if len(cell.maps) > 1 else None
    drawing.draw_plane(ax, cell.maps[0], cell.mean, theme, disputed)
    points, labels = _examples(cell.maps, marks)
    drawing.draw_classes(ax, points, labels, theme)


def _examples(maps: Sequence[DecisionMap], count: int) -> tuple[Array, Array]:
    """Return the places and classes of some examples, as many of each seed."""
    per_map = max(1, count // len(maps))
    rows = [np.arange(len(one.labels))[:: max(1, len(one.labels) // per_map)][:per_map] for one in maps]
    points = np.concatenate([one.examples[at] for one, at in zip(maps, rows, strict=True)])
    return points, np.concatenate([one.labels[at] for one, at in zip(maps, rows, strict=True)])


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [DecisionBoundaries]
