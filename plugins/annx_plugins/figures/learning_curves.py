"""How the loss falls over the steps of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    counted,
    drawing,
    hookimpl,
    joined,
    mean_band,
    metric_words,
    percent,
    singular,
)

NOT_RUN = "not run"
WIDEST = 1e4  # means more than so many times the smallest need a log axis, even where some values are 0
COINCIDE = 5e-3  # lines whose values differ by no more than this share lie on one another
MOST_BANDS = 2  # in one panel: more cover each other
ROOM = 0.7  # of the means' range, that bands may add to the axis at either end


@dataclass(frozen=True)
class LearningCurves(Figure):
    """The mean over the report seeds at every evaluation, with a pointwise 95 % t-interval, per data set.

    Geometric mean and log axis where every value is positive. A seed that did not finish is out of the mean;
    a cross ends its own thin line at its last finite value. The arm's mean is then dashed, as it is that of
    the survivors only; where half of the seeds or more did not finish there is none, and the survivors have
    thin lines too. Early stopping holds a seed's last value to the end. With more than two arms only the
    interval of the last mean is drawn, beside the curves, as many bands hide each other.
    """

    name: ClassVar[str] = "learning_curves"
    question: ClassVar[str] = "How fast and how steadily does each arm learn?"
    order: ClassVar[int] = 20
    section: ClassVar[str] = "data-sets"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        metric = _metric(report, data.curves)
        trials = data.trials[data.trials["phase"] == "report"]
        if metric is None or not len(trials):
            return "No report trial that has a learning curve has run."
        factor = 100 if _shares(report, metric) else 1
        seeds = [] if "judged" in report["provenance"] else report["seeds"]["report"]
        lines = data.once(
            LearningCurves,
            lambda: _lines(
                trials, data.curves[data.curves["metric"] == metric], report["problems"], seeds, factor
            ),
        )
        if not lines:
            return "No report trial that has a learning curve has run."
        problems = list(lines)
        title = drawing.so_far(report, self._title(lines, metric, report))
        problems, left_out = drawing.shown_problems(report, problems, data.width)
        subtitle = self._subtitle(lines, metric, report) + left_out
        left, low, height, gap, between = 0.62, 0.5, 1.62, 0.5, 0.5
        columns, width = drawing.fit_columns(len(problems), 4, data.width - left - 0.2, 1.6, gap)
        width = width if len(problems) == 1 else min(width, 4.0)
        rows = math.ceil(len(problems) / columns)
        named = [arm for arm in report["arms"] if theme[arm].highlighted]
        legend = drawing.Legend(named, data.width - 0.4)
        body = rows * height + (rows - 1) * between + low + 0.36 + legend.height
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        legend.draw(sheet, 0.2, body - legend.height, theme)
        axes = drawing.panels(
            sheet, len(problems), columns, (width, height), left=left, bottom=low, gaps=(gap, between)
        )
        for i, (ax, problem) in enumerate(zip(axes, problems, strict=True)):
            self._panel(ax, lines[problem], report, theme, _shares(report, metric))
            drawing.panel_title(ax, problem)
            if i + columns >= len(problems):
                ax.set_xlabel("optimizer steps")
        words, shares = metric_words(metric, report["unit"]), _shares(report, metric)
        units = [" (%)" if shares else " (log)" if ax.get_yscale() == "log" else "" for ax in axes]
        drawing.y_labels(axes, columns, [words + unit for unit in units])
        return Drawing(
            sheet, self.name, title, self._words(title, lines, singular(report["problem_unit"])), subtitle
        )

    def _subtitle(self, lines: dict[str, dict[str, _Line]], metric: str, report: Any) -> str:
        seeds = counted(len(report["seeds"]["report"]), "seeds")
        few = len(report["arms"]) <= MOST_BANDS
        said = (
            f"Line: mean of {seeds} shared by all arms"
            f"{'' if _shares(report, metric) else ' (geometric where all values are positive)'}. "
        )
        said += "Band: pointwise" if few else "Mark on the right: the last mean with its"
        said += " 95 % t-interval."
        marks = [line.mark for own in lines.values() for line in own.values()]
        if any(marks):
            said += " Dashed: mean of the surviving seeds only."
        said += drawing.mark_words(
            marks,
            "k did not finish; from half on no mean but every seed's thin line, which × ends where it "
            "diverged.",
        )
        if len(report["arms"]) > 8:
            said += " Grey: the other arms."
        return said

    def _panel(self, ax: Any, lines: dict[str, _Line], report: Any, theme: Any, shares: bool) -> None:
        shown = [(arm, lines[arm]) for arm in report["arms"] if arm in lines]
        # Grey arms lie below the coloured ones, whatever their order.
        shown.sort(key=lambda pair: theme[pair[0]].highlighted)
        everything = np.concatenate([line.values[np.isfinite(line.values)] for _, line in shown] or [[]])
        geometric = not shares and len(everything) > 0 and bool((everything > 0).all())
        kind = "log" if geometric else "linear"
        bands = {arm: mean_band(line.survivors, kind, report["level"]) for arm, line in shown if not line.few}
        # The bands of many arms cover each other and turn grey: then only the last interval is drawn.
        pen = _Pen(ax, theme, banded=len(report["arms"]) <= MOST_BANDS)
        for arm, line in shown:
            pen.lost(line, theme[arm])
            if line.few:
                pen.survivors(line, theme[arm])
            else:
                pen.mean(arm, line, theme[arm], bands[arm])
        pen.grey_lines()
        self._axes(ax, shown, pen.seen, pen.bands, geometric or _wide(bands, everything, not shares))
        low, high = ax.get_ylim()
        for step, value, color in pen.ends:
            ax.plot(
                [step], [min(max(value, low), high)], "x", color=color, markersize=5, mew=1.6, clip_on=False
            )
        pen.last_means()
        lost = [(_label(arm, line), theme[arm].color) for arm, line in shown if line.gone]
        drawing.corner_texts(ax, lost, theme)

    def _axes(self, ax: Any, shown: Any, seen: list[float], bands: list[Any], log: bool) -> None:
        from matplotlib.ticker import MaxNLocator

        last = max((float(line.steps[-1]) for _, line in shown if len(line.steps)), default=1.0)
        ax.set_xlim(0, last or 1.0)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))  # there is no half of a step
        if not seen:
            ax.text(0.5, 0.5, "no finite value", transform=ax.transAxes, ha="center", size=7.5)
            return
        # On a log axis a mean of exactly 0 leaves the panel at its lower edge.
        seen = [value for value in seen if value > 0 or not log]
        to, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
        low, high = float(to(min(seen))), float(to(max(seen)))
        room = ROOM * max(high - low, 0.1 if log else 0.05 * abs(high))
        edges = np.concatenate([[], *bands])
        edges = edges[np.isfinite(edges) & ((edges > 0) | (not log))]
        if len(edges):
            low = max(low - room, min(low, float(to(edges.min()))))
            high = min(high + room, max(high, float(to(edges.max()))))
        low, high = drawing.padded(float(back(low)), float(back(high)), log)
        if log:
            drawing.log_axis(ax.yaxis, low, high, 5)
        else:
            drawing.plain_axis(ax.yaxis, low, high, 6)

    def _title(self, lines: dict[str, dict[str, _Line]], metric: str, report: Any) -> str:
        """Say who ends best most often, and who diverged where."""
        sign = -1 if report["select"]["goal"] == "max" and metric == report["select"]["metric"] else 1
        wins: dict[str, int] = {}
        for own in lines.values():
            finals = {arm: sign * line.final for arm, line in own.items() if math.isfinite(line.final)}
            for arm in [arm for arm in finals if finals[arm] == min(finals.values())]:
                wins[arm] = wins.get(arm, 0) + 1
        lost = [
            f"{arm} on {problem} ({line.ended}/{line.seeds})"
            for problem, own in lines.items()
            for arm, line in own.items()
            if line.ended
        ]
        diverged = all(line.ended == line.diverged for own in lines.values() for line in own.values())
        what = "diverged seeds" if diverged else "seeds that did not finish"
        if not wins:
            return f"No arm reaches the last step on any {singular(report['unit'])}"
        words = metric_words(metric, report["unit"])
        if not lost and len(report["arms"]) > 1 and all(_alike(own) for own in lines.values()):
            where = f"every {singular(report['problem_unit'])}" if len(lines) > 1 else next(iter(lines))
            return f"All arms end with the same {words}, to {percent(COINCIDE)}, on {where}"
        leads = [arm for arm in wins if wins[arm] == max(wins.values())]
        lead = leads[0]
        word = "lowest" if sign == 1 else "highest"
        of = counted(len(lines), report["problem_unit"])
        if len(report["arms"]) == 1:
            falls = [sign * line.final < sign * line.first for own in lines.values() for line in own.values()]
            better = "lower" if sign == 1 else "higher"
            said = f"{lead} ends with a {better} {words} than it starts with on {sum(falls)} of {of}"
            return said + (f"; {what}: {joined(lost, 4)}" if lost else "")
        ends, apiece = ("ends", "") if len(leads) == 1 else ("end", " each")
        said = f"{joined(leads, 3)} {ends} with the {word} {words} on "
        said += f"{wins[lead]} of {of}" if len(lines) > 1 else next(iter(lines))
        said += apiece if len(lines) > 1 else ""
        said += self._sure(lines, leads, sign, report["level"])
        return said + (f"; {what}: {joined(lost, 4)}" if lost else "")

    def _sure(self, lines: dict[str, dict[str, _Line]], leads: list[str], sign: int, level: float) -> str:
        """Say on how many of the data sets that they lead the leaders are surely ahead of the next arm."""
        ahead: dict[str, bool] = {}  # by the next arm on each of these data sets
        sure = of = 0
        for own in lines.values():
            finals = {arm: sign * line.final for arm, line in own.items() if math.isfinite(line.final)}
            order = sorted(finals, key=lambda arm: finals[arm])
            if len(order) > 1 and any(finals[arm] == finals[order[0]] for arm in leads if arm in finals):
                ahead[order[1]] = _ahead(own[order[0]], own[order[1]], sign, level)
                sure, of = sure + ahead[order[1]], of + 1
        intervals = f"({100 * level:g} % interval{'s' if len(lines) > 1 else ''})"
        if not of:
            return ""
        if len(lines) == 1:
            ((second, clear),) = ahead.items()
            return f"; {'' if clear else 'not '}surely ahead of {second}, the next arm {intervals}"
        where = {0: "none", of: "each"}.get(sure)
        if where:
            return f"; on {where} of these surely ahead of the next arm {intervals}"
        return f"; surely ahead of the next arm on {sure} of these {of} {intervals}"

    def _words(self, title: str, lines: dict[str, dict[str, _Line]], one: str) -> str:
        parts = [
            f"{problem}: " + ", ".join(f"{arm} {line.said()}" for arm, line in list(own.items())[:8])
            for problem, own in list(lines.items())[:12]
        ]
        return f"Learning curves, one panel per {one}. {title}. Final means: {'; '.join(parts)}."


def _ahead(best: _Line, other: _Line, sign: int, level: float) -> bool:
    """Say whether the interval of the paired difference of two arms' last values leaves out 0.

    Neither arm has lost a seed. Ratios where all values are positive, as in the curves' means.
    """
    ends = np.stack([best.survivors[:, -1], other.survivors[:, -1]])
    if (ends > 0).all():
        ends = np.log(ends)
    _, low, _ = mean_band(sign * (ends[1] - ends[0])[:, None], "linear", level)
    return bool(low[0] > 0)


def _alike(own: dict[str, _Line]) -> bool:
    """Say whether all arms' last means are the same but for a share that no eye tells apart."""
    finals = [line.final for line in own.values()]
    near = COINCIDE * max(map(abs, finals), default=0.0)
    return all(map(math.isfinite, finals)) and max(finals) - min(finals) <= near


class _Points(NamedTuple):
    """The evaluations of some trials, one after the other."""

    seeds: Any
    steps: Any
    values: Any
    gone: Any  # whether the trial did not finish

    def at(self, rows: Any) -> _Points:
        return _Points(*(column[rows] for column in self))


class _Line:
    """One arm's curves on one data set: seeds by steps."""

    def __init__(self, points: _Points, statuses: Sequence[str]) -> None:
        self.seeds = len(statuses)  # with and without a curve
        self.gone = sum(status != "ok" for status in statuses)
        self.diverged = sum(status == "diverged" for status in statuses)
        self.ended = sum(status not in ("ok", NOT_RUN) for status in statuses)  # badly
        self.mark = drawing.lost_mark(self.gone, self.seeds, self.gone - self.ended)
        self.few = 2 * self.gone >= self.seeds
        seeds, row = np.unique(points.seeds, return_inverse=True)
        steps, column = np.unique(points.steps, return_inverse=True)
        self.steps = steps
        self.values = np.full((len(seeds), len(steps)), np.nan)
        self.values[row, column] = points.values
        gone = np.zeros(len(seeds), bool)
        gone[row] = points.gone
        # A seed that met its stopping rule stays where it stopped; one that diverged does not.
        kept = self.values[~gone]
        last = np.maximum.accumulate(np.where(np.isnan(kept), 0, np.arange(len(steps))), axis=1)
        self.survivors = np.take_along_axis(kept, last, axis=1)
        self.survivors[~np.isfinite(self.survivors)] = np.nan
        self.lost = [np.where(np.isfinite(v), v, np.nan) for v in self.values[gone]]

    def said(self) -> str:
        if math.isfinite(self.final):
            return f"{self.final:.3g}"
        ended = "diverged" if self.gone == self.diverged else "did not finish"
        ended = ended if self.ended else f"{'has' if self.gone == 1 else 'have'} not run"
        lost = f"has none, {self.gone} of {counted(self.seeds, 'seeds')} {ended}"
        return lost if self.gone else "has none"

    @property
    def final(self) -> float:
        """The mean of the last values, geometric where all are positive; NaN unless every seed survived."""
        return self._mean(-1)

    @property
    def first(self) -> float:
        """The same of the first values."""
        return self._mean(0)

    def _mean(self, at: int) -> float:
        if self.gone or not len(self.survivors):
            return math.nan
        values = self.survivors[:, at]
        if not np.isfinite(values).all():
            return math.nan
        return float(np.exp(np.log(values).mean()) if (values > 0).all() else values.mean())


def _lines(
    trials: Any, curves: Any, problems: Sequence[str], seeds: Sequence[int], factor: int
) -> dict[str, dict[str, _Line]]:
    """Return every arm's line by problem that has a curve; a trial that has none lost its seed.

    seeds: those that were planned; empty where only those that are there are known.
    """
    # Of ten thousand trials a table that names the trial of each evaluation takes seconds.
    trial = trials.set_index("key").index.get_indexer(curves["key"])
    known, trial = trial >= 0, trial[trial >= 0]
    points = _Points(
        trials["seed"].to_numpy()[trial],
        curves["step"].to_numpy(float)[known],
        factor * curves["value"].to_numpy(float)[known],
        (trials["status"] != "ok").to_numpy()[trial],
    )
    pairs = trials.groupby(["problem", "label"], sort=False)
    pair = pairs.ngroup().to_numpy()[trial]
    order = np.argsort(pair, kind="stable")
    ends = np.searchsorted(pair[order], np.arange(pairs.ngroups + 1))
    curved = set(trials["problem"].to_numpy()[np.unique(trial)])
    lines: dict[str, dict[str, _Line]] = {problem: {} for problem in problems if problem in curved}
    for place, ((problem, arm), rows) in enumerate(pairs[["seed", "status"]]):
        if problem in lines:
            statuses = dict(zip(rows["seed"], rows["status"], strict=True))
            own = points.at(order[ends[place] : ends[place + 1]])
            planned = seeds or list(statuses)
            lines[problem][str(arm)] = _Line(own, [statuses.get(seed, NOT_RUN) for seed in planned])
    return lines


def _wide(bands: dict[str, Any], everything: Any, ratios: bool) -> bool:
    """Say whether the means span so much that a log axis is needed although some values are 0."""
    means = np.concatenate([[], *(center for center, _, _ in bands.values())])
    means = means[np.isfinite(means) & (means > 0)]
    if not ratios or not len(means) or (everything < 0).any():
        return False
    return bool(means.max() > WIDEST * means.min())


class _Pen:
    """Draws the lines of one panel and keeps what its axis, marks and crosses need to know."""

    def __init__(self, ax: Any, theme: Any, *, banded: bool) -> None:
        self.ax, self.theme, self.banded = ax, theme, banded
        self.ends: list[tuple[float, float, str]] = []  # where seeds were lost: step, value, colour
        self.seen: list[float] = []  # what must fit on the axis
        self.bands: list[Any] = []  # what may reach beyond it
        self._means: list[Any] = []  # the lines of the means
        self._grey: list[Any] = []  # the grey arms' lines without a lost seed, as one artist
        self._last: list[tuple[Any, float, float, float]] = []  # style, last mean and its interval

    def lost(self, line: _Line, style: Any) -> None:
        """Draw the seeds that did not finish up to their last finite value."""
        for values in line.lost:
            alive = np.flatnonzero(np.isfinite(values))
            if len(alive):
                self._thin(line.steps[alive], values[alive], style)
                self.ends.append((line.steps[alive[-1]], values[alive[-1]], style.color))
                self.seen.append(values[alive[0]])

    def survivors(self, line: _Line, style: Any) -> None:
        """Draw the few seeds that finished, in the place of a mean."""
        for values in line.survivors:
            self._thin(line.steps, values, style)
            self.seen.extend(values[np.isfinite(values)])

    def mean(self, arm: str, line: _Line, style: Any, band: Any) -> None:
        """Draw the mean with its band; a grey arm has no band."""
        center, lower, upper = band
        finite = center[np.isfinite(center)]
        if not len(finite):
            return
        self.seen.extend(finite)
        if style.highlighted and self.banded:
            self.ax.fill_between(line.steps, lower, upper, color=style.color, alpha=0.15, linewidth=0)
            self.bands.extend((lower, upper))
        elif style.highlighted:
            self._last.append((style, *(float(end[-1]) for end in band)))
            self.bands.extend((lower[-1:], upper[-1:]))
        if style.highlighted or line.gone:
            dash = (0, (4, 1.5)) if line.gone else "-"
            width = 1.5 if style.highlighted else 0.8
            # Of lines that coincide the one below is wider, so that it is seen on both sides.
            for earlier in self._means:
                other = earlier.get_ydata()
                if other.shape == center.shape and np.allclose(other, center, rtol=COINCIDE, equal_nan=True):
                    earlier.set_linewidth(min(earlier.get_linewidth() + 2.5, 6.5))
            (drawn,) = self.ax.plot(
                line.steps, center, color=style.color, linestyle=dash, linewidth=width, label=arm
            )
            self._means.append(drawn)
        else:
            self._grey.append(np.column_stack([line.steps, center]))

    def grey_lines(self) -> None:
        """Draw the grey arms' means."""
        from matplotlib.collections import LineCollection

        if self._grey:
            lines = LineCollection(self._grey, colors=self.theme.token("others"), linewidths=0.8, zorder=1.9)
            self.ax.add_collection(lines, autolim=False)

    def last_means(self) -> None:
        """Draw the last means side by side on a strip right of the last step, with their intervals."""
        ax, (low, high) = self.ax, self.ax.get_ylim()
        places = drawing.side_strip(ax, len(self._last), self.theme)
        for x, (style, *values) in zip(places, self._last, strict=True):
            value, *ends = (min(max(value, low), high) for value in values)
            if all(map(math.isfinite, ends)):
                ax.plot([x, x], ends, color=style.color, linewidth=1.3, solid_capstyle="butt", zorder=3)
            ax.plot(
                [x],
                [value],
                style.marker,
                color=style.color,
                markersize=4.5,
                markeredgecolor=self.theme.token("paper"),
                markeredgewidth=0.5,
                clip_on=False,
                zorder=4,
            )

    def _thin(self, steps: Any, values: Any, style: Any) -> None:
        self.ax.plot(steps, values, color=style.color, linewidth=0.7, alpha=0.8)


def _label(arm: str, line: _Line) -> str:
    return f"{arm} {line.mark}" if line.mark else arm


def _shares(report: Any, metric: str) -> bool:
    """Say whether the metric is a share, and so written in per cent."""
    select = report["select"]
    scales = {measure["scale"] for measure in report["measures"].values()}
    columns = {measure["column"].partition("_")[2] for measure in report["measures"].values()}
    known = select["goal"] == "max" or columns == {metric.partition("_")[2]}
    if any(metric == measure["column"] for measure in report["measures"].values()):  # scores from elsewhere
        return scales == {"unit"}
    return bool(metric == select["metric"] and known and scales == {"unit"})


def _metric(report: Any, curves: Any) -> str | None:
    """Return the curve to show: what arms were chosen by, else the validation loss where comparable."""
    known = set(curves["metric"].unique())
    wanted = [report["select"]["metric"]]
    if "loss" not in report["vary"]:
        wanted += ["valid_loss", "train_loss"]
    wanted += [measure["column"] for measure in report["measures"].values()]  # scores from elsewhere
    return next((metric for metric in wanted if metric in known), None)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [LearningCurves]
