"""How much the tuned hyperparameter matters, and where training diverges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import Any, ClassVar

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    counted,
    drawing,
    hookimpl,
    joined,
    metric_words,
    number,
)

FAR = 30  # values beyond so many medians of a panel lie on its upper edge
WIDEST = 100  # more than so many times the smallest value needs a log axis
COUNT = 6.5  # points: the size of the counts of lost seeds
LANE = 0.2  # the share of a panel's height that diverged values get


@dataclass(frozen=True)
class LRSensitivity(Figure):
    """The selection score over the tuned hyperparameter, mostly the learning rate, one panel per data set.

    Each point is the mean over the tuning seeds at the best of any other tuned hyperparameters. Values at
    which no seed finished lie in the red lane on the worse side, and no line passes over them; where some
    did not, the mark is hollow and says k/n. Where other hyperparameters were drawn with this one, a line
    would join what differs in them too, so there is none, and the title claims no range. A star is the best
    value, a ringed one lies at the edge of its range. Nothing is left out.
    """

    name: ClassVar[str] = "lr_sensitivity"
    question: ClassVar[str] = "Is tuning easy: how wide is the range of good values, and where does it break?"
    order: ClassVar[int] = 40
    section: ClassVar[str] = "sensitivity"

    def draw(self, data: FigureInput) -> Drawing | str:
        report = data.report
        names = Counter(_plain(row["hyperparameter"]) for row in report["sensitivity"])
        if not names:
            return "No number has three values that were tried."
        shown = names.most_common(1)[0][0]
        rows = [row for row in report["sensitivity"] if _plain(row["hyperparameter"]) == shown]
        shares = _shares(report)
        rows = [_in_per_cent(row) for row in rows] if shares else rows
        problems = [p for p in report["problems"] if any(row["problem"] == p for row in rows)]
        arms = list(dict.fromkeys(row["arm"] for row in rows))
        # Where nothing was tuned, the report compares configurations and the theme knows no plain arms.
        theme = data.theme if all(arm in data.theme.styles for arm in arms) else drawing.Theme.of(arms)
        metric = metric_words(rows[0]["metric"], report["unit"])
        title = self._title(rows, arms, shown, report)
        by_problem = [[row for row in rows if row["problem"] == problem] for problem in problems]
        subtitle = self._marks(rows, metric, any(map(_far, by_problem)))
        if any(_is_log(mine) and 0 in _finite(mine) for mine in by_problem):
            subtitle += " A value of exactly 0 lies on its log axis' lower edge."
        together = sorted({name.split(".")[-1] for row in rows for name in row["others"]})
        if together:
            subtitle += f" No line where {joined(together)} changed with {shown.split('.')[-1]}."
        if not all(theme[arm].highlighted for arm in arms):
            subtitle += " Grey: arms that rank lower."
        others = sorted(set(names) - {shown})
        if others:
            subtitle += f" Not shown: arms tuned by {joined(others)}."
        problems, left_out = drawing.shown_problems(report, problems, data.width)
        subtitle += left_out
        scales = {_is_log([row for row in rows if row["problem"] == problem]) for problem in problems}
        # Where scales differ every panel has a label of its own, which needs more room beside its neighbour.
        left, gap, low, height = 0.62, 0.5 if len(scales) < 2 else 0.75, 0.5, 1.75
        columns, width = drawing.fit_columns(len(problems), 4, data.width - left - 0.2, 1.6, gap)
        width = width if len(problems) == 1 else min(4.0, width)
        lines = math.ceil(len(problems) / columns)
        legend = drawing.Legend([arm for arm in arms if theme[arm].highlighted], data.width - 0.4)
        body = lines * height + (lines - 1) * 0.5 + low + 0.36 + legend.height
        sheet = drawing.new_sheet(data.width, body, title, subtitle, theme)
        legend.draw(sheet, 0.2, body - legend.height, theme)
        axes = drawing.panels(
            sheet, len(problems), columns, (width, height), left=left, bottom=low, gaps=(gap, 0.5)
        )
        values = [p["value_of"] for row in rows for p in row["points"]]
        log_x = min(values) > 0 and max(values) / min(values) >= 10
        for i, (ax, problem) in enumerate(zip(axes, problems, strict=True)):
            mine = [row for row in rows if row["problem"] == problem]
            share = LANE if _far(mine) or _gone(mine) else 0.0
            self._panel(ax, mine, theme, log_x, (min(values), max(values)), report["select"]["goal"], share)
            drawing.panel_title(ax, problem)
            if i + columns >= len(problems):
                ax.set_xlabel(f"{shown.split('.')[-1]}{' (log)' if log_x else ''}")
        units = [" (%)" if shares else " (log)" if ax.get_yscale() == "log" else "" for ax in axes]
        drawing.y_labels(axes, columns, [metric + unit for unit in units])
        return Drawing(sheet, self.name, title, self._words(title, rows), subtitle)

    def _marks(self, rows: list[dict[str, Any]], metric: str, far: bool) -> str:
        """Say what the marks mean that there are."""
        points = [point for row in rows for point in row["points"]]
        n = max(point["n"] for point in points)
        said = f"Mark: mean {metric} of {n} tuning seed{'s' if n != 1 else ''}. Star: best value"
        said += "; ringed: it lies at the edge of its range." if any(row["edge"] for row in rows) else "."
        if any(point["ok"] == 0 for point in points):
            said += " Red lane, reached by dots: no seed finished."
        if any(0 < point["ok"] < point["n"] for point in points):
            said += " Hollow mark with k/n: k of n seeds did not finish."
        return said + (" Values far beyond the others lie on the lane's edge." if far else "")

    def _panel(
        self,
        ax: Any,
        rows: list[dict[str, Any]],
        theme: drawing.Theme,
        log_x: bool,
        span: tuple[float, float],
        goal: str,
        share: float,
    ) -> None:
        log = _is_log(rows)
        values = _finite(rows)
        finite = [v for v in values if v > 0 or not log]
        # One learning rate far too high must not flatten all the others.
        limit = FAR * median(finite) if log and finite else math.inf
        high = min(max(finite), limit) if finite else 1.0
        low, high = drawing.padded(min(finite), high, log) if finite else (0.1, 1.0)
        # The lane lies on the worse side of all finite values.
        below = goal == "max" and not log and bool(finite)
        bottom = low
        if log or not finite:
            top = high * (high / low) ** (share / (1 - share))
            drawing.log_axis(ax.yaxis, low, high, 5)
            ax.set_ylim(low, top)
        else:
            lane = (high - low) * share / (1 - share)
            bottom, top = (low - lane, high) if below else (low, high + lane)
            drawing.plain_axis(ax.yaxis, bottom, top, 6)
            ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])
            ax.set_ylim(bottom, top)
        x_low, x_high = drawing.padded(*span, log_x, 0.08)
        if log_x:
            drawing.log_axis(ax.xaxis, x_low, x_high, 4)
        else:
            drawing.plain_axis(ax.xaxis, x_low, x_high, 4)
        ends = (bottom, low) if below else (high, top)
        if share:
            ax.axhspan(*ends, color=theme.token("alarm_fill"), linewidth=0, zorder=0)
        gone = _gone(rows)
        if share:
            diverged = "diverged" if all(p["diverged"] == p["n"] for p in gone) else "did not finish"
            ax.text(
                0.02,
                0.015 if below else 0.985,
                diverged if gone else "off the scale",
                transform=ax.transAxes,
                size=6.5,
                va="bottom" if below else "top",
                color=theme.token("alarm"),
            )
        blend = ax.get_xaxis_transform()
        start = 0 if below else 1 - LANE
        places = [start + LANE * (i + 1) / (len(rows) + 1) for i in range(len(rows))]
        ordered = sorted(zip(rows, places, strict=True), key=lambda pair: theme[pair[0]["arm"]].highlighted)
        log_y = ax.get_yscale() == "log"
        for row, place in ordered:
            self._line(ax, row, place, theme, blend, (low, high))
            level = low * (top / low) ** place if log_y else bottom + (top - bottom) * place
            self._ways_to_the_lane(ax, row, level, (low, high), theme)
        self._lost_counts(ax, rows, (low, high), theme)

    def _line(
        self,
        ax: Any,
        row: dict[str, Any],
        place: float,
        theme: drawing.Theme,
        blend: Any,
        edges: tuple[float, float],
    ) -> None:
        style, points = theme[row["arm"]], row["points"]
        clean = [p for p in points if math.isfinite(p["value"])]
        clean = [{**p, "value": _inside(p["value"], edges)} for p in clean]
        # NaN breaks the line: it must not run past a value at which no seed finished.
        x = [p["value_of"] for p in points]
        y = [_inside(p["value"], edges) if math.isfinite(p["value"]) else math.nan for p in points]
        thin = 1.4 if style.highlighted else 0.7
        if row["others"]:
            thin = 0
        ax.plot(x, y, color=style.color, linewidth=thin, alpha=0.9, zorder=2, label=row["arm"])
        self._points(ax, clean, row, style, theme)
        for finished, run in groupby(points, key=lambda p: math.isfinite(p["value"])):
            if finished:
                continue
            gone = [p["value_of"] for p in run]
            ax.plot(
                gone,
                [place] * len(gone),
                "x-",
                transform=blend,
                color=style.color,
                markersize=4,
                linewidth=0.6,
                markeredgewidth=1.2,
                zorder=3,
            )

    def _points(
        self, ax: Any, points: list[dict[str, Any]], row: dict[str, Any], style: Any, theme: Any
    ) -> None:
        """Draw an arm's values: a star for the best, hollow where a seed was lost; alike ones at once."""
        alike: dict[tuple[bool, bool], list[tuple[float, float]]] = {}
        for p in points:
            best, whole = p["value_of"] == row["best"], p["ok"] == p["n"]
            alike.setdefault((best, best or whole), []).append((p["value_of"], p["value"]))
        size = 4.5 if style.highlighted else 2.5
        for (best, filled), places in alike.items():
            x, y = zip(*places, strict=True)
            ax.plot(
                x,
                y,
                "*" if best else style.marker,
                color=style.color,
                markerfacecolor=style.color if filled else theme.token("paper"),
                markersize=11 if best else size,
                markeredgecolor=theme.token("paper") if best else style.color,
                markeredgewidth=0.7,
                zorder=4 if best else 3,
                clip_on=not best,
            )
            if best and row["edge"]:
                ring = {"markerfacecolor": "none", "markeredgecolor": theme.token("alarm"), "markersize": 14}
                ax.plot(x, y, "o", mew=1, zorder=3, clip_on=False, **ring)

    def _lost_counts(
        self, ax: Any, rows: list[dict[str, Any]], edges: tuple[float, float], theme: drawing.Theme
    ) -> None:
        """Write beside hollow marks how many seeds did not finish, where no other such count stands."""
        bottom = ax.bbox.y0 * 72 / ax.figure.dpi
        taken: list[tuple[float, float]] = []  # left and lower ends of the counts, in points
        for row in rows:
            for p in row["points"]:
                if p["ok"] == p["n"] or not math.isfinite(p["value"]):
                    continue
                text, place = f"{p['n'] - p['ok']}/{p['n']}", (p["value_of"], _inside(p["value"], edges))
                x, y = ax.transData.transform(place) * 72 / ax.figure.dpi
                width = 72 * drawing.text_width(text, COUNT)
                for dx, dy in ((4, -7), (4, 3), (-4 - width, -7), (-4 - width, 3)):
                    if y + dy > bottom and all(
                        abs(x + dx - left) > width or abs(y + dy - low) > COUNT for left, low in taken
                    ):
                        taken.append((x + dx, y + dy))
                        ax.annotate(
                            text,
                            place,
                            (dx, dy),
                            textcoords="offset points",
                            size=COUNT,
                            color=theme[row["arm"]].color,
                        )
                        break

    def _ways_to_the_lane(
        self, ax: Any, row: Any, level: float, edges: tuple[float, float], theme: drawing.Theme
    ) -> None:
        """Join a value with a score and its neighbour without one by a dotted line."""
        style = theme[row["arm"]]
        for one, other in pairwise(row["points"]):
            there = [math.isfinite(point["value"]) for point in (one, other)]
            if style.highlighted and there[0] != there[1] and not row["others"]:
                y = [_inside(p["value"], edges) if math.isfinite(p["value"]) else level for p in (one, other)]
                x = [one["value_of"], other["value_of"]]
                ax.plot(x, y, color=style.color, linestyle=":", linewidth=0.9, zorder=1)

    def _title(self, rows: list[dict[str, Any]], arms: list[str], shown: str, report: Any) -> str:
        """Say who tolerates the widest range, whose best lies at an edge, and how much diverged."""
        widths: dict[str, float] = {}
        for arm in arms:
            own = [_width(row) for row in rows if row["arm"] == arm]
            if own and not any(map(math.isnan, own)):
                widths[arm] = median(own)
        name = shown.split(".")[-1]
        if not widths and any(row["others"] for row in rows):
            said = f"No range of {name} can be told: other hyperparameters changed with it"
        elif not any(widths.values()):
            clean = any(p["ok"] == p["n"] for row in rows for p in row["points"])
            said = (
                f"No arm tolerates any range of {name}"
                if clean
                else f"No value of {name} was without failure"
            )
        else:
            said = self._widest(rows, widths, name, report)
        return said + _edges(rows)

    def _widest(self, rows: list[dict[str, Any]], widths: dict[str, float], name: str, report: Any) -> str:
        """Say which arm tolerates the widest range, where one does on most data sets and by half a step."""
        best = max(widths, key=lambda arm: widths[arm])
        problems = {row["problem"] for row in rows}
        middle = "median " if len(problems) > 1 else ""
        wide = number(widths[best], 2)
        leads = [arm for arm in widths if number(widths[arm], 2) == wide]
        if len(widths) == 1:
            said = f"{best}: a range of {middle}{wide} decades of {name} scores about as well as the best"
        elif 2 * widths[best] < (step := min(_step(row) for row in rows if row["arm"] in widths)):
            return (
                f"No arm tolerates half a step of {name}: the widest range is {middle}{wide} decades, and "
                f"the values lie {number(step, 2)} apart"
            )
        elif any(not _wider_on_most(rows, best, arm) for arm in widths if arm not in leads):
            least = number(min(widths.values()), 2)
            return (
                f"No arm tolerates a wider range of {name} than each other arm on most "
                f"{report['problem_unit']}; medians lie between {least} and {wide} decades"
            )
        else:
            said = f"{joined(leads, 4)} {'tolerates' if len(leads) == 1 else 'tolerate'} the widest range of "
            said += f"{name} ({middle}{wide} decades{_how_often(rows, best, widths, leads, report)})"
        # An arm that learns nothing at any value tolerates all of them.
        last, of = _lasts(rows, best, report["select"]["goal"]), len(problems)
        if len(leads) == 1 and 2 * last >= of:
            said += ", but its best score is the worst of all arms"
            said += f" on {last} of {counted(of, report['problem_unit'])}" if of > 1 else ""
        return said

    def _words(self, title: str, rows: list[dict[str, Any]]) -> str:
        parts = [
            f"{row['arm']} on {row['problem']}: best {number(row['best'])}, {row['diverged']} of "
            f"{row['trials']} diverged"
            for row in rows[:20]
        ]
        return f"Line plots of the score over the tuned hyperparameter. {title}. {'; '.join(parts)}."


def _edges(rows: list[dict[str, Any]]) -> str:
    """Say how many best values lie at the edge of their range, "" where none does."""
    edges = Counter(row["arm"] for row in rows if row["edge"])
    if not edges:
        return ""
    bests = sum(math.isfinite(row["best"]) for row in rows)
    lie = "lies" if sum(edges.values()) == 1 else "lie"
    return f"; {sum(edges.values())} of {bests} best values {lie} at the edge ({joined(list(edges), 4)})"


def _lasts(rows: list[dict[str, Any]], arm: str, goal: str) -> int:
    """Count the problems on which the arm's best score is behind every other arm's."""
    behind = 0
    for problem in {row["problem"] for row in rows}:
        bests = {row["arm"]: _best_cost(row, goal) for row in rows if row["problem"] == problem}
        own = bests.pop(arm, math.nan)
        behind += bool(bests) and own > max(bests.values())
    return behind


def _best_cost(row: dict[str, Any], goal: str) -> float:
    """Return the score at the best value, turned so that less is better; infinite where there is none."""
    at_best = [point["value"] for point in row["points"] if point["value_of"] == row["best"]]
    if not at_best or not math.isfinite(at_best[0]):
        return math.inf
    return float(-at_best[0] if goal == "max" else at_best[0])


def _far(rows: list[dict[str, Any]]) -> bool:
    """Say whether a panel has a value so far off that it lies on the lane's edge."""
    values = [value for value in _finite(rows) if value > 0]
    return bool(values) and _is_log(rows) and max(values) > FAR * median(values)


def _gone(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the points of a panel at which no seed finished."""
    return [point for row in rows for point in row["points"] if point["ok"] == 0]


def _shares(report: Any) -> bool:
    """Say whether arms are chosen by a share, which is written in per cent."""
    select, measures = report["select"], report["measures"].values()
    same = {measure["column"].partition("_")[2] for measure in measures} == {
        select["metric"].partition("_")[2]
    }
    return bool((select["goal"] == "max" or same) and {measure["scale"] for measure in measures} == {"unit"})


def _in_per_cent(row: dict[str, Any]) -> dict[str, Any]:
    points = [{**point, "value": 100 * point["value"]} for point in row["points"]]
    return {**row, "points": points}


def _width(row: dict[str, Any]) -> float:
    """Return the width, 0 where no value was without a lost seed; NaN where values have no decades."""
    if row["others"]:
        return math.nan
    if math.isnan(row["width"]) and all(point["value_of"] > 0 for point in row["points"]):
        return 0.0
    return float(row["width"])


def _step(row: dict[str, Any]) -> float:
    """Return the least distance of two values that were tried, in decades."""
    places = sorted(math.log10(point["value_of"]) for point in row["points"])
    return min((after - before for before, after in pairwise(places)), default=0.0)


def _wider_on(rows: list[dict[str, Any]], arm: str, other: str) -> int:
    """Count the data sets on which an arm tolerates a wider range than another."""
    own, its = ({row["problem"]: _width(row) for row in rows if row["arm"] == name} for name in (arm, other))
    return sum(own[p] > its[p] for p in own.keys() & its.keys())


def _wider_on_most(rows: list[dict[str, Any]], arm: str, other: str) -> bool:
    """Say whether an arm tolerates a wider range than another on more data sets than the other way round."""
    return _wider_on(rows, arm, other) > _wider_on(rows, other, arm)


def _how_often(
    rows: list[dict[str, Any]], best: str, arms: Iterable[str], leads: list[str], report: Any
) -> str:
    """Say on how many data sets the widest range is wider than each other one, where there are several."""
    of = len({row["problem"] for row in rows})
    if len(leads) > 1 or of < 2:
        return ""
    others = [arm for arm in arms if arm != best]
    least = min(_wider_on(rows, best, arm) for arm in others)
    whose = f"{others[0]}'s" if len(others) == 1 else "each other arm's"
    more = " or more" if len(others) > 1 and least < of else ""
    return f", wider than {whose} on {least}{more} of {counted(of, report['problem_unit'])}"


def _finite(rows: list[dict[str, Any]]) -> list[float]:
    return [p["value"] for row in rows for p in row["points"] if math.isfinite(p["value"])]


def _is_log(rows: list[dict[str, Any]]) -> bool:
    """Say whether a panel has a log axis: on a plain one, a single 0 among small losses would flatten all."""
    values = _finite(rows)
    above = [value for value in values if value > 0]
    zeros = len(above) < len(values) and min(values) == 0 and len(above) > 0
    return all(row["scale"] == "log" for row in rows) or (zeros and max(above) >= WIDEST * min(above))


def _inside(value: float, edges: tuple[float, float]) -> float:
    return min(max(value, edges[0]), edges[1])


def _plain(hyperparameter: str) -> str:
    """Return "optimizer.lr" for "optimizer.inner.lr" too: a wrapper's rate is that of what it is around."""
    kind, _, path = hyperparameter.partition(".")
    return f"{kind}.{path.rpartition('.')[2]}"


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [LRSensitivity]
