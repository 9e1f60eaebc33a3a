"""What associative memories recall from damaged patterns, and how their energy falls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Drawing, Figure, FigureInput, drawing, hookimpl, joined, percent

PROBLEMS, ARMS, EXAMPLES = 3, 4, 6  # at most so many are drawn
MARGIN, RIGHT, GAP, BETWEEN, HEAD, FOOT = 0.12, 0.14, 0.1, 0.2, 0.3, 0.42  # inches
LEAST, MOST_WIDE, ENERGY = 0.46, 0.78, 1.9  # inches: a picture's width, and that of the energies
NARROW = 1.15  # inches: the energies on a phone
PIXEL = 0.46  # half of a pixel's side, where pixels are 1 apart
NEEDED = ("recalled", "energy", "pattern_energy")


@dataclass(frozen=True)
class RecalledPatterns(Figure):
    """Stored patterns as pictures, what was seen of them, what each memory recalled, and the energies.

    Of a network whose snapshot holds "recalled" (M, D), "energy" (M, S + 1) and "pattern_energy" (M,) for
    its test examples. Each column is another pattern, of the first seed of the report. Pixels above 0 are
    drawn; wrong ones are red, a frame where ink is missing. Energies are divided by that of the pattern, so
    that it lies at -1; the thick line is the mean over all examples, the thin ones are those that are drawn.
    The title counts examples of all seeds. Of several problems the three are drawn where arms differ most.
    """

    name: ClassVar[str] = "recalled_patterns"
    question: ClassVar[str] = "What is recalled from damaged patterns?"
    order: ClassVar[int] = 57
    section: ClassVar[str] = "diagnostics"

    def draw(self, data: FigureInput) -> Drawing | str:
        recalls = _recalls(data)
        if not recalls:
            return "No network that recalls patterns has been trained."
        problems = sorted(recalls, key=lambda problem: -_spread(recalls[problem]))
        drawn = problems[:PROBLEMS]
        title, subtitle = _title(problems[0], recalls[problems[0]]), self._subtitle(drawn, recalls)
        blocks = [_Block.of(problem, recalls[problem], data.width) for problem in drawn]
        body = sum(block.height for block in blocks) + BETWEEN * (len(blocks) - 1)
        sheet = drawing.new_sheet(data.width, body, title, subtitle, data.theme)
        top = body
        for block in blocks:
            block.draw(sheet, top, data.theme)
            top -= block.height + BETWEEN
        return Drawing(sheet, self.name, title, _words(title, recalls), subtitle)

    def example(self) -> Mapping[str, Array]:
        rng = np.random.default_rng(1)
        energy = -np.sort(rng.random((40, 5)), axis=1)
        return {
            "recalled": rng.choice([-1.0, 1.0], (40, 2)),
            "energy": energy,
            "pattern_energy": energy[:, -1],
        }

    def _subtitle(self, drawn: Sequence[str], recalls: Mapping[str, Mapping[str, _Recall]]) -> str:
        text = (
            "Top: the stored pattern and what was seen of it, of one seed; below: what is recalled. Red: a "
            "wrong pixel, a frame where it is missing. Right: the energy of the state after each step, that "
            "of the pattern being −1; thick: the mean over all examples."
        )
        left_out = [problem for problem in recalls if problem not in drawn]
        arms = list(dict.fromkeys(arm for problem in drawn for arm in recalls[problem]))
        left_out += arms[ARMS:]
        return f"{text} Not drawn: {joined(left_out)}." if left_out else text


class _Recall(NamedTuple):
    """What one arm recalled on one problem: the first seed's examples, and the share of all that is exact."""

    pattern: Array  # (M, D)
    seen: Array
    recalled: Array
    energy: Array  # (M, S + 1), divided by the size of the pattern's
    exact: float
    examples: int


def _recalls(data: FigureInput) -> dict[str, dict[str, _Recall]]:
    """Return by problem and arm what was recalled, in the order of the report."""
    fitting = {key: snapshot for key, snapshot in data.snapshots.items() if _fits(snapshot)}
    if not fitting:
        return {}
    report = data.trials[(data.trials["phase"] == "report") & (data.trials["status"] == "ok")]
    report = report[report["key"].isin(list(fitting))].sort_values("seed", kind="stable")
    shown = {
        pair: [fitting[key] for key in keys] for pair, keys in report.groupby(["problem", "label"])["key"]
    }
    recalls: dict[str, dict[str, _Recall]] = {}
    for problem in data.report["problems"]:
        for arm in data.report["arms"]:
            if (problem, arm) in shown:
                recalls.setdefault(problem, {})[arm] = _recall(shown[problem, arm])
    return recalls


def _fits(snapshot: Any) -> bool:
    arrays = snapshot.arrays
    return all(name in arrays for name in NEEDED) and arrays["recalled"].shape == snapshot.y.shape


def _recall(shown: Sequence[Any]) -> _Recall:
    right = [(np.sign(snapshot.arrays["recalled"]) == np.sign(snapshot.y)).all(axis=1) for snapshot in shown]
    first = shown[0]
    depth = np.abs(first.arrays["pattern_energy"])[:, None]
    energy = first.arrays["energy"] / np.where(depth > 0, depth, np.nan)
    exact = float(np.concatenate(right).mean())
    return _Recall(first.y, first.x, first.arrays["recalled"], energy, exact, sum(map(len, right)))


def _spread(recalls: Mapping[str, _Recall]) -> float:
    shares = [recall.exact for recall in recalls.values()]
    return max(shares) - min(shares)


def _title(problem: str, recalls: Mapping[str, _Recall]) -> str:
    best = max(recalls, key=lambda arm: recalls[arm].exact)
    title = (
        f"{problem}: {best} recalls {percent(recalls[best].exact, 0)} of damaged patterns without a wrong bit"
    )
    worst = min(recalls, key=lambda arm: recalls[arm].exact)
    if recalls[worst].exact < recalls[best].exact:
        return f"{title}, {worst} {percent(recalls[worst].exact, 0)}"
    return title if len(recalls) == 1 else f"{title}, as all arms do"


def _words(title: str, recalls: Mapping[str, Mapping[str, _Recall]]) -> str:
    said = [
        f"{problem}: "
        + ", ".join(
            f"{arm} {percent(recall.exact, 0)} of {recall.examples}" for arm, recall in by_arm.items()
        )
        for problem, by_arm in recalls.items()
    ]
    return f"Pictures of patterns and what is recalled of them. {title}. Recalled exactly: {'; '.join(said)}."


class _Block(NamedTuple):
    """The panels of one problem, their places in inches."""

    problem: str
    recalls: Mapping[str, _Recall]
    examples: Array  # the rows that are drawn: different patterns
    shape: tuple[int, int]  # of a picture, in pixels
    size: tuple[float, float]  # of a picture, in inches
    left: float  # where the pictures begin, after the lines' names
    energy_width: float
    sheet_width: float

    @classmethod
    def of(cls, problem: str, recalls: Mapping[str, _Recall], width: float) -> _Block:
        recalls = dict(list(recalls.items())[:ARMS])
        first = next(iter(recalls.values()))
        _, different = np.unique(np.sign(first.pattern), axis=0, return_index=True)
        energy_width = ENERGY if width > drawing.PHONE else NARROW
        names = max(drawing.text_width(text, 8, "bold") for text in ("stored", *recalls))
        left = MARGIN + min(names, 1.4 if width > drawing.PHONE else 0.62) + 0.1
        inner = width - left - RIGHT - energy_width - 0.42
        count, wide = drawing.fit_columns(len(different), EXAMPLES, inner, LEAST, GAP)
        columns = math.ceil(math.sqrt(first.pattern.shape[1]))
        rows = math.ceil(first.pattern.shape[1] / columns)
        wide = min(MOST_WIDE, wide)
        size = (wide, wide * rows / columns)
        return cls(
            problem, recalls, np.sort(different)[:count], (rows, columns), size, left, energy_width, width
        )

    @property
    def height(self) -> float:
        lines = 2 + len(self.recalls)
        return HEAD + lines * (self.size[1] + GAP) + FOOT

    def draw(self, sheet: Any, top: float, theme: Any) -> None:
        """Draw the pictures line by line, and the energies beside them."""
        w, h = sheet.get_size_inches()
        name = drawing.shorten(self.problem, self.sheet_width - 2 * MARGIN, 9, "bold")
        sheet.text(
            MARGIN / w, (top - 0.12) / h, name, size=9, weight="bold", va="center", color=theme.token("ink")
        )
        first = next(iter(self.recalls.values()))
        lines = [("stored", first.pattern, theme.token("ink")), ("seen", first.seen, theme.token("ink"))]
        lines += [(arm, recall.recalled, theme[arm].color) for arm, recall in self.recalls.items()]
        for line, (label, states, color) in enumerate(lines):
            bottom = top - HEAD - (line + 1) * (self.size[1] + GAP) + GAP
            text = drawing.shorten(label, self.left - MARGIN - 0.08, 8, "bold")
            middle = (bottom + self.size[1] / 2) / h
            sheet.text(MARGIN / w, middle, text, size=8, weight="bold", va="center", color=color)
            for column, example in enumerate(self.examples):
                left = self.left + column * (self.size[0] + GAP)
                ax = drawing.place(sheet, left, bottom, *self.size)
                right = first.pattern[example] if line else states[example]
                _picture(ax, states[example], right, self.shape, theme)
        self._energies(sheet, top, theme)

    def _energies(self, sheet: Any, top: float, theme: Any) -> None:
        left = self.sheet_width - RIGHT - self.energy_width
        bottom = top - self.height + FOOT
        ax = drawing.place(sheet, left, bottom, self.energy_width, top - HEAD - bottom)
        ax.axhline(-1, color=theme.token("frame"), linewidth=0.8)
        for arm, recall in self.recalls.items():
            style, steps = theme[arm], np.arange(recall.energy.shape[1])
            for example in self.examples:
                ax.plot(steps, recall.energy[example], color=style.color, linewidth=0.6, alpha=0.5)
            mean = recall.energy[np.isfinite(recall.energy).all(axis=1)]
            if len(mean):
                ax.plot(steps, mean.mean(axis=0), color=style.color, linestyle=style.dash, linewidth=2)
        ax.locator_params(axis="both", nbins=4, integer=False)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("step of retrieval", size=7.5)
        ax.set_title("energy", size=8, loc="left")


def _picture(ax: Any, state: Array, pattern: Array, shape: tuple[int, int], theme: Any) -> None:
    """Draw a state's pixels above 0; those that differ from the pattern are red."""
    rows, columns = shape
    ax.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(theme.token("grid"))
    ink, due = state > 0, pattern > 0
    parts = ((ink & due, "ink", True), (ink & ~due, "alarm", True), (~ink & due, "alarm", False))
    for places, color, filled in parts:
        if places.any():
            ax.add_patch(_pixels(np.flatnonzero(places), columns, theme.token(color), filled=filled))


def _pixels(places: Array, columns: int, color: str, *, filled: bool) -> Any:
    """Return squares at some pixels as one patch."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    half = PIXEL if filled else PIXEL - 0.06
    corners = half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
    middles = np.stack([places % columns, places // columns], axis=1)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(places)
    path = Path((middles[:, None] + corners).reshape(-1, 2), codes)
    if filled:
        return PathPatch(path, facecolor=color, edgecolor="none")
    return PathPatch(path, facecolor="none", edgecolor=color, linewidth=0.7)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [RecalledPatterns]
