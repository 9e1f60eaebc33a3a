"""How the loss falls over the steps of training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    WIDE,
    Drawing,
    Figure,
    FigureInput,
    counted,
    end_labels,
    hookimpl,
    joined,
    log_axis,
    mean_band,
    metric_words,
    new_sheet,
    padded,
    panel_title,
    panels,
    singular,
    text_width,
)


@dataclass(frozen=True)
class LearningCurves:
    """The mean over the report seeds at every evaluation, with a pointwise 95 % t-interval, per data set.

    Geometric mean and log axis where every value is positive. A seed that diverged leaves the mean at its
    last finite value, where a cross ends its own thin line; the arm's mean is then dashed, as it is that of
    the survivors only. Early stopping holds a seed's last value to the end.
    """

    name: ClassVar[str] = "learning_curves"
    question: ClassVar[str] = "How fast and how steadily does each arm learn?"
    order: ClassVar[int] = 20
    section: ClassVar[str] = "data-sets"

    def draw(self, data: FigureInput) -> Drawing | None:
        report, theme = data.report, data.theme
        metric = _metric(report, data.curves)
        trials = data.trials[data.trials["phase"] == "report"]
        if metric is None or not len(trials):
            return None
        curves = data.curves[data.curves["metric"] == metric]
        joined_ = curves.merge(trials[["key", "problem", "label", "seed", "status"]], on="key")
        problems = [p for p in report["problems"] if (joined_["problem"] == p).any()]
        if not problems:
            return None
        lines: dict[str, dict[str, _Line]] = {problem: {} for problem in problems}
        for (problem, arm), rows in joined_.groupby(["problem", "label"], sort=False):
            if problem in lines:
                lines[problem][str(arm)] = _Line(rows)
        title = self._title(lines, metric, report)
        seeds = counted(len(report["seeds"]["report"]), "seeds")
        subtitle = (
            f"Line: mean of {seeds} shared by all arms (geometric on a log axis). Band: pointwise 95 % "
            "t-interval. Dashed: mean of the surviving seeds only; × ends each diverged seed."
        )
        if len(report["arms"]) > 8:
            subtitle += " Grey: the other arms."
        columns = min(3, len(problems))
        rows = math.ceil(len(problems) / columns)
        left, low, height = 0.62, 0.5, 1.62
        room = 0.3 + min(1.2, max(text_width(label, 7.5, "bold") for label in self._labels(lines, theme)))
        width = (WIDE - left - columns * room - (columns - 1) * 0.4 - 0.06) / columns
        body = rows * height + (rows - 1) * 0.5 + low + 0.3
        sheet = new_sheet(WIDE, body, title, subtitle, theme)
        axes = panels(
            sheet, len(problems), columns, (width, height), left=left, bottom=low, gaps=(room + 0.4, 0.5)
        )
        for i, (ax, problem) in enumerate(zip(axes, problems, strict=True)):
            self._panel(ax, lines[problem], report["arms"], theme, room, report["level"])
            panel_title(ax, problem)
            if i % columns == 0:
                log = ax.get_yscale() == "log"
                words = metric_words(metric, report["unit"])
                ax.set_ylabel(words + (" (log)" if log else ""))
            if i + columns >= len(problems):
                ax.set_xlabel("optimizer steps")
        return Drawing(
            sheet, self.name, title, self._words(title, lines, singular(report["problem_unit"])), subtitle
        )

    def _labels(self, lines: dict[str, dict[str, _Line]], theme: Any) -> list[str]:
        return [
            _label(arm, line) if theme[arm].highlighted else ""
            for own in lines.values()
            for arm, line in own.items()
        ]

    def _panel(
        self, ax: Any, lines: dict[str, _Line], arms: list[str], theme: Any, room: float, level: float
    ) -> None:
        shown = [(arm, lines[arm]) for arm in arms if arm in lines]
        # Grey arms lie below the coloured ones, whatever their order.
        shown.sort(key=lambda pair: theme[pair[0]].highlighted)
        everything = np.concatenate([line.values[np.isfinite(line.values)] for _, line in shown] or [[]])
        log = len(everything) > 0 and bool((everything > 0).all())
        labels, ends, seen = [], [], []
        for arm, line in shown:
            style = theme[arm]
            center, lower, upper = mean_band(line.survivors, "log" if log else "linear", level)
            for values in line.lost:
                alive = np.flatnonzero(np.isfinite(values))
                if len(alive):
                    ax.plot(line.steps[alive], values[alive], color=style.color, linewidth=0.7, alpha=0.8)
                    ends.append((line.steps[alive[-1]], values[alive[-1]], style.color))
                    seen.append(values[alive[0]])
            if np.isfinite(center).any():
                if style.highlighted:
                    ax.fill_between(line.steps, lower, upper, color=style.color, alpha=0.15, linewidth=0)
                dash = (0, (4, 1.5)) if line.lost else "-"
                wide = 1.7 if style.highlighted else 0.8
                ax.plot(line.steps, center, color=style.color, linestyle=dash, linewidth=wide, label=arm)
                seen.extend(center[np.isfinite(center)])
                if style.highlighted:
                    labels.append((float(center[np.isfinite(center)][-1]), _label(arm, line), style.color))
            elif style.highlighted:
                labels.append((math.inf, _label(arm, line), style.color))
        self._axes(ax, shown, seen, log)
        low, high = ax.get_ylim()
        for step, value, color in ends:
            ax.plot([step], [min(max(value, low), high)], "x", color=color, markersize=5, markeredgewidth=1.6)
        inside = [(min(max(y, low), high), text, color) for y, text, color in labels]
        end_labels(ax, inside, room=room)

    def _axes(self, ax: Any, shown: Any, seen: list[float], log: bool) -> None:
        last = max((float(line.steps[-1]) for _, line in shown if len(line.steps)), default=1.0)
        ax.set_xlim(0, last or 1.0)
        ax.locator_params(axis="x", nbins=5)
        if not seen:
            ax.text(0.5, 0.5, "no finite value", transform=ax.transAxes, ha="center", size=7.5)
            return
        low, high = padded(min(seen), max(seen), log)
        if log:
            log_axis(ax.yaxis, low, high, 5)
        else:
            ax.set_ylim(low, high)

    def _title(self, lines: dict[str, dict[str, _Line]], metric: str, report: Any) -> str:
        """Say who ends best most often, and who diverged where."""
        sign = -1 if report["select"]["goal"] == "max" and metric == report["select"]["metric"] else 1
        wins: dict[str, int] = {}
        for own in lines.values():
            finals = {arm: sign * line.final for arm, line in own.items() if math.isfinite(line.final)}
            if finals:
                best = min(finals, key=lambda arm: finals[arm])
                wins[best] = wins.get(best, 0) + 1
        lost = [
            f"{arm} on {problem} ({len(line.lost)}/{line.seeds})"
            for problem, own in lines.items()
            for arm, line in own.items()
            if line.lost
        ]
        if not wins:
            return f"No arm reaches the last step on any {singular(report['unit'])}"
        lead = max(wins, key=lambda arm: wins[arm])
        word = "lowest" if sign == 1 else "highest"
        words = metric_words(metric, report["unit"])
        of = counted(len(lines), report["problem_unit"])
        said = f"{lead} ends with the {word} {words} on {wins[lead]} of {of}"
        return said + (f"; diverged seeds: {joined(lost, 4)}" if lost else "")

    def _words(self, title: str, lines: dict[str, dict[str, _Line]], one: str) -> str:
        parts = [
            f"{problem}: " + ", ".join(f"{arm} {line.said()}" for arm, line in list(own.items())[:8])
            for problem, own in list(lines.items())[:12]
        ]
        return f"Learning curves, one panel per {one}. {title}. Final means: {'; '.join(parts)}."


class _Line:
    """One arm's curves on one data set: seeds by steps."""

    def __init__(self, rows: Any) -> None:
        seeds, row = np.unique(rows["seed"].to_numpy(), return_inverse=True)
        steps, column = np.unique(rows["step"].to_numpy(float), return_inverse=True)
        self.steps, self.seeds = steps, len(seeds)
        self.values = np.full((len(seeds), len(steps)), np.nan)
        self.values[row, column] = rows["value"].to_numpy(float)
        gone = np.zeros(len(seeds), bool)
        gone[row] = (rows["status"] == "diverged").to_numpy()
        # A seed that met its stopping rule stays where it stopped; one that diverged does not.
        kept = self.values[~gone]
        last = np.maximum.accumulate(np.where(np.isnan(kept), 0, np.arange(len(steps))), axis=1)
        self.survivors = np.take_along_axis(kept, last, axis=1)
        self.survivors[~np.isfinite(self.survivors)] = np.nan
        self.lost = [np.where(np.isfinite(v), v, np.nan) for v in self.values[gone]]

    def said(self) -> str:
        if math.isfinite(self.final):
            return f"{self.final:.3g}"
        lost = f"has none, {len(self.lost)} of {counted(self.seeds, 'seeds')} diverged"
        return lost if self.lost else "has none"

    @property
    def final(self) -> float:
        """The mean of the last values, geometric where all are positive; NaN unless every seed survived."""
        if self.lost or not len(self.survivors):
            return math.nan
        last = self.survivors[:, -1]
        if not np.isfinite(last).all():
            return math.nan
        return float(np.exp(np.log(last).mean()) if (last > 0).all() else last.mean())


def _label(arm: str, line: _Line) -> str:
    return f"{arm} ×{len(line.lost)}/{line.seeds}" if line.lost else arm


def _metric(report: Any, curves: Any) -> str | None:
    """Return the curve to show: what arms were chosen by, else the validation loss where comparable."""
    known = set(curves["metric"].unique())
    wanted = [report["select"]["metric"]]
    if "loss" not in report["vary"]:
        wanted += ["valid_loss", "train_loss"]
    return next((metric for metric in wanted if metric in known), None)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [LearningCurves]
