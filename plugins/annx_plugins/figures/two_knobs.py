"""Where the good values of the two hyperparameters lie that matter most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Drawing, Figure, FigureInput, drawing, hookimpl

CELL = 0.3  # inches
MOST_ARMS = 9


@dataclass(frozen=True)
class TwoKnobs(Figure):
    """The mean tuning score over the two hyperparameters that explain most, an arm a panel.

    Of an arm with several data sets the one is shown on which the two depend on each other most. Colours run
    from the best to the worst mean of the panel, each for itself; a cross marks the best cell. On a grid a
    cell is the mean over seeds and all other hyperparameters, where values were drawn it is the mean that the
    random forest foretells. Cells that nobody tried are empty.
    """

    name: ClassVar[str] = "two_knobs"
    question: ClassVar[str] = "Does what one hyperparameter does depend on another?"
    order: ClassVar[int] = 43
    section: ClassVar[str] = "sensitivity"

    def draw(self, data: FigureInput) -> Drawing | str:
        report = data.report
        if not report.get("importance"):
            return "No arm tuned two hyperparameters or more."
        rows: dict[str, Any] = {}
        for row in report["importance"]["rows"]:
            if row["arm"] not in rows or _together(row) > _together(rows[row["arm"]]):
                rows[row["arm"]] = row
        arms = list(rows)[:MOST_ARMS]
        first = max((rows[arm] for arm in arms), key=_together)
        title = _title(first)
        subtitle = (
            "Cell: mean tuning score at two values, the lighter the better within a panel. Cross: the best "
            "cell. Empty: not tried."
        )
        if len(rows) > len(arms):
            subtitle += f" The first {len(arms)} of {len(rows)} arms."
        theme = data.theme
        sizes = [(len(rows[arm]["map"]["a"]), len(rows[arm]["map"]["b"])) for arm in arms]
        texts = [text for arm in arms for text in _texts(rows[arm]["map"]["b"])]
        left = 0.45 + min(1.0, max(drawing.text_width(text, 6.5) for text in texts))
        columns, width = drawing.fit_columns(len(arms), 3, data.width - left - 0.2, 1.5, left)
        width = min(width, max(1.5, CELL * max(a for a, _ in sizes)))
        height = min(2.6, max(0.9, CELL * max(b for _, b in sizes)))
        body = math.ceil(len(arms) / columns) * (height + 0.85) + 0.45
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        axes = drawing.panels(
            sheet, len(arms), columns, (width, height), left=left, bottom=0.9, gaps=(left, 0.85)
        )
        for ax, arm in zip(axes, arms, strict=True):
            _panel(ax, rows[arm]["map"], theme)
            drawing.panel_title(ax, f"{arm} on {rows[arm]['problem']}")
        drawing.ramp_key(sheet, left, 0.28, 1.5, drawing.RampKey("", [(0, "best"), (1, "worst")]), theme)
        return Drawing(sheet, self.name, title, f"Heat maps of two hyperparameters. {title}.", subtitle)


def _pair(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of the two hyperparameters of the map."""
    names = set(row["map"]["names"])
    part: Mapping[str, Any] = next(part for part in row["pairs"] if set(part["names"]) == names)
    return part


def _together(row: Mapping[str, Any]) -> float:
    return float(_pair(row)["share"])


def _title(row: Mapping[str, Any]) -> str:
    """Say how much the two depend on each other where they do most."""
    one, two = (_short(name) for name in row["map"]["names"])
    pair = _pair(row)
    where, low = f"{row['arm']} on {row['problem']}", pair["low"]
    if row["reason"] or low is None or low != low:
        return f"{where}: nothing is claimed of how {one} and {two} depend on each other"
    share = f"{100 * pair['share']:.0f} % of the variance"
    if low < 0.01:
        return f"{where}: {one} and {two} are not shown to depend on each other ({share} is theirs together)"
    return f"{where}: what {one} does depends on {two} ({share} is theirs together)"


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _texts(values: Sequence[Any]) -> list[str]:
    """Write short values as they are, and others in as few digits as tell all apart."""
    if not all(isinstance(value, (int, float)) for value in values):
        return [drawing.shorten(str(value), 1.0, 6.5) for value in values]
    for digits in (2, 3, 4):
        short = [
            value if float(f"{value:.4g}") == value else float(f"{value:.{digits}g}") for value in values
        ]
        texts = [drawing.tick_text(value) for value in short]
        if len(set(texts)) == len(texts):
            return texts
    return [drawing.tick_text(value) for value in values]


def _panel(ax: Any, values: Mapping[str, Any], theme: Any) -> None:
    costs: Sequence[Sequence[float | None]] = values["costs"]
    known = [cost for line in costs for cost in line if cost is not None and math.isfinite(cost)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    best = None
    for x, line in enumerate(costs):
        for y, cost in enumerate(line):
            if cost is None or not math.isfinite(cost):
                continue
            share = (cost - low) / (high - low) if high > low else 0.0
            level = int(theme.level(share))
            box = {"facecolor": theme.ramp[level], "edgecolor": theme.token("paper"), "linewidth": 0.6}
            ax.fill([x, x + 1, x + 1, x], [y, y, y + 1, y + 1], **box)
            if best is None and cost == low:
                best = (x, y, theme.text_on(level))
    if best is not None:
        ax.plot([best[0] + 0.5], [best[1] + 0.5], "x", color=best[2], markersize=5, markeredgewidth=1.4)
    across, down = _texts(values["a"]), _texts(values["b"])
    # As many of the names as have room side by side.
    cell = ax.get_position().width * ax.figure.get_figwidth() / len(across)
    widest = max(drawing.text_width(text, 6.5) for text in across) + 0.08
    for axis, texts, step in (
        (ax.xaxis, across, math.ceil(widest / cell)),
        (ax.yaxis, down, math.ceil(len(down) / 8)),
    ):
        places = range(0, len(texts), step)
        axis.set_ticks([at + 0.5 for at in places], [texts[at] for at in places], size=6.5)
    ax.set_xlabel(_short(values["names"][0]), size=7)
    ax.set_ylabel(_short(values["names"][1]), size=7)
    ax.set(xlim=(0, len(values["a"])), ylim=(0, len(values["b"])))
    ax.tick_params(length=0)
    ax.grid(visible=False)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [TwoKnobs]
