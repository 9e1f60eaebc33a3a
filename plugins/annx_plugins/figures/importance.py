"""Which tuned hyperparameters mattered: their shares of the variance, arm by arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Drawing, Figure, FigureInput, drawing, hookimpl, singular

ROW = 0.24  # inches
MOST_ARMS = 12


@dataclass(frozen=True)
class HyperparameterImportance(Figure):
    """The share of the variance of tuning scores that each hyperparameter explains by itself, an arm a panel.

    A bar is the mean over data sets, a dot the share on one of them; on a single data set a line is the 95 %
    interval. The last bar is the pair that explains most beyond what both do by themselves. A bar is filled
    where the hyperparameter surely matters most on the data set, or on any of several, and hollow elsewhere.
    Shares are those of the functional analysis of variance (Hutter et al. 2014); they need not sum to 100 %.
    """

    name: ClassVar[str] = "hyperparameter_importance"
    question: ClassVar[str] = "Which of the tuned hyperparameters mattered?"
    order: ClassVar[int] = 42
    section: ClassVar[str] = "sensitivity"

    def draw(self, data: FigureInput) -> Drawing | str:
        report = data.report
        if not report.get("importance"):
            return "No arm tuned two hyperparameters or more."
        rows: dict[str, list[Any]] = {}
        for row in report["importance"]["rows"]:
            rows.setdefault(row["arm"], []).append(row)
        arms = list(rows)[:MOST_ARMS]
        theme = data.theme if all(arm in data.theme.styles for arm in arms) else drawing.Theme.of(arms)
        title = report["importance"]["sentences"][0].rstrip(".")
        parts = {arm: _bars(rows[arm]) for arm in arms}
        single = all(len(own) == 1 for own in rows.values())
        one = singular(report["problem_unit"])
        what, dots, where = "mean share", f"Dot: one {one}", f" on one {one} or more"
        if single:
            what, dots, where = "share", "Line: 95 % interval", ""
        subtitle = (
            f"Bar: {what} of the variance of tuning scores that a hyperparameter explains by itself, or a "
            f"pair beyond that. {dots}. Filled: surely the one that matters most{where}."
        )
        if len(rows) > len(arms):
            subtitle += f" The first {len(arms)} of {len(rows)} arms."
        names = [" x ".join(_short(name) for name in bar.names) for own in parts.values() for bar in own]
        left = 0.3 + min(1.7, max(drawing.text_width(name, 7.5) for name in names))
        lines = max(len(own) for own in parts.values())
        height = ROW * lines + 0.1
        columns, width = drawing.fit_columns(len(arms), 3, data.width - left - 0.2, 1.5, left)
        width = min(width, 3.6)
        body = math.ceil(len(arms) / columns) * (height + 0.5) + 0.35
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        axes = drawing.panels(
            sheet, len(arms), columns, (width, height), left=left, bottom=0.45, gaps=(left, 0.5)
        )
        for place, (ax, arm) in enumerate(zip(axes, arms, strict=True)):
            _panel(ax, parts[arm], theme[arm].color, theme, single=single)
            drawing.panel_title(ax, arm if len(rows[arm]) > 1 else f"{arm} on {rows[arm][0]['problem']}")
            if place + columns >= len(arms):
                ax.set_xlabel("share of variance (%)", size=7)
        alt = "Bars of hyperparameters' shares of variance. " + " ".join(
            report["importance"]["sentences"][:12]
        )
        return Drawing(sheet, self.name, title, alt, subtitle)


class _Bar:
    """One hyperparameter, or pair, of an arm over the problems."""

    def __init__(self, names: tuple[str, ...], parts: Sequence[Mapping[str, Any]], *, leads: bool) -> None:
        self.names, self.leads = names, leads
        self.shares = [100 * part["share"] for part in parts]
        self.low, self.high = parts[0]["low"], parts[0]["high"]

    @property
    def mean(self) -> float:
        return sum(self.shares) / len(self.shares)


def _bars(rows: Sequence[Mapping[str, Any]]) -> list[_Bar]:
    """Return the hyperparameters of an arm by their mean share, then the pair with the largest."""
    found: dict[tuple[str, ...], list[Any]] = {}
    leading = {tuple(row["knobs"][0]["names"]) for row in rows if row["leads"]}
    for row in rows:
        for part in (*row["knobs"], *row["pairs"]):
            found.setdefault(tuple(part["names"]), []).append(part)
    bars = [_Bar(names, parts, leads=names in leading) for names, parts in found.items()]
    bars.sort(key=lambda bar: -bar.mean)
    return [
        *(bar for bar in bars if len(bar.names) == 1),
        *[bar for bar in bars if len(bar.names) == 2][:1],
    ]


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _panel(ax: Any, bars: Sequence[_Bar], color: str, theme: Any, *, single: bool) -> None:
    for y, bar in enumerate(bars):
        ax.barh(
            y,
            bar.mean,
            height=0.62,
            color=color if bar.leads else theme.token("paper"),
            edgecolor=color,
            linewidth=1.1,
            zorder=2,
        )
        if single and bar.low is not None and bar.low == bar.low:
            ax.plot([100 * bar.low, 100 * bar.high], [y, y], color=theme.token("ink"), linewidth=1, zorder=3)
        elif not single:
            ax.plot(
                bar.shares, [y] * len(bar.shares), "o", color=theme.token("ink"), markersize=2.5, zorder=3
            )
    labels = [drawing.shorten(" x ".join(map(_short, bar.names)), 1.7, 7.5) for bar in bars]
    ax.set_yticks(range(len(bars)), labels, size=7.5)
    ax.set_ylim(len(bars) - 0.5, -0.5)
    ax.set_xlim(0, 102)
    ax.set_xticks([0, 50, 100])
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=7)
    ax.grid(visible=False, axis="y")


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [HyperparameterImportance]
