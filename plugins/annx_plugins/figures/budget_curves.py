"""What a tuning budget buys."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    budget_curve,
    counted,
    drawing,
    hookimpl,
    joined,
    metric_words,
    tuning_scores,
)

FEWEST = 3  # configurations that make a curve
EVERY = 256  # k up to which every one is drawn
AN_OCTAVE = 64  # k that are drawn of twice as many


@dataclass(frozen=True)
class BudgetCurves(Figure):
    """What the best of k of the N configurations tried scores, with a simultaneous 95 % band.

        E(k) = Σ_i C(i-1, k-1) / C(N, k) v_(i)        v_(1) to v_(N), worst to best

    for shares, which have a worst value; for losses the median over all choices of k in its place, as one
    configuration that diverged makes the mean infinite, and nothing bounds it from above. A configuration
    without a score on one of its seeds is the worst there is.

    On one data set every arm has a panel with its own band, the others grey. On several every data set has
    a panel without bands, which of few configurations are as high as the panel; what the leader's band says
    is in the marks at the full budget: filled where it leaves the arm out, hollow where it does not.

    Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020; the band is that of Lourie, Cho & He,
    NAACL 2024, and supposes configurations drawn at random.
    """

    name: ClassVar[str] = "budget_curves"
    question: ClassVar[str] = "Which arm is best at my tuning budget?"
    order: ClassVar[int] = 45
    section: ClassVar[str] = "sensitivity"

    def draw(self, data: FigureInput) -> Drawing | str:
        report = data.report
        if not report["select"]["tuned"]:
            return "Nothing is tuned."
        metric, goal = report["select"]["metric"], report["select"]["goal"]
        shares = goal == "max" and {m["scale"] for m in report["measures"].values()} == {"unit"}
        bounds = (0.0, 1.0) if shares else (-math.inf, math.inf)
        which = "expected" if shares else "median"
        tried = tuning_scores(data)
        curves = data.once(BudgetCurves, lambda: _curves(tried, goal, bounds, which))
        problems = [p for p in report["problems"] if p in curves]
        if not problems:
            return "No arm has two configurations whose tuning trials have run."
        title = self._title(curves, problems, report["problem_unit"])
        problems, left_out = drawing.shown_problems(report, problems, data.width)
        subtitle = self._subtitle(curves, which, metric, report)
        nothing = _without(tried, curves)
        if nothing:
            subtitle += f" No configuration finished, so no line: {joined(nothing, 4)}."
        subtitle += left_out
        factor = 100 if shares else 1
        if shares:
            curves = {
                p: {arm: curve.times(factor) for arm, curve in own.items()} for p, own in curves.items()
            }
        unit = " (%)" if shares else ""
        ylabel = f"{which} {metric_words(metric, report['unit'])}"
        sheet = self._sheet(data, {p: curves[p] for p in problems}, (title, subtitle), ylabel, unit)
        words = self._words(title, curves, which, " %" if shares else "")
        return Drawing(sheet, self.name, title, words, subtitle)

    def _sheet(
        self,
        data: FigureInput,
        curves: Mapping[str, Mapping[str, _Curve]],
        heading: tuple[str, str],
        ylabel: str,
        unit: str,
    ) -> Any:
        """Draw the panels: an arm each on one data set, else a data set each."""
        report, theme = data.report, data.theme
        first, one = next(iter(curves)), len(curves) == 1
        coloured = [arm for arm in report["arms"] if theme[arm].highlighted]
        shown = [arm for arm in coloured if arm in curves[first]]
        drawn = [(first, arm) for arm in shown] if one else [(problem, "") for problem in curves]
        left, low, height, gap, between = 0.62, 0.5, 1.55, 0.5, 0.5
        columns, width = drawing.fit_columns(len(drawn), 4, data.width - left - 0.2, 1.6, gap)
        width = width if len(drawn) == 1 else min(width, 3.4)
        rows = math.ceil(len(drawn) / columns)
        legend = drawing.Legend([] if one else coloured, data.width - 0.4)
        above = 0.3 if one else 0.36 + legend.height
        body = rows * height + (rows - 1) * between + low + above
        sheet = drawing.new_sheet(data.width, body, *heading, theme)
        if not one:
            legend.draw(sheet, 0.2, body - legend.height, theme)
        axes = drawing.panels(
            sheet, len(drawn), columns, (width, height), left=left, bottom=low, gaps=(gap, between)
        )
        for i, (ax, (problem, arm)) in enumerate(zip(axes, drawn, strict=True)):
            self._panel(ax, curves[problem], arm, theme)
            drawing.panel_title(ax, curves[problem][arm].label(arm) if arm else problem)
            if i + columns >= len(drawn):
                ax.set_xlabel("configurations tried, k (log)")
        logs = [" (log)" if ax.get_yscale() == "log" else "" for ax in axes]
        drawing.y_labels(axes, columns, [ylabel + (unit or log) for log in logs])
        return sheet

    def _panel(self, ax: Any, curves: Mapping[str, _Curve], only: str, theme: Any) -> None:
        """Draw all curves of a data set: with the band of `only`, or marked at their ends where it is ""."""
        full = max(curve.n for curve in curves.values())
        bands = curves.values() if only else ()  # the panels of one data set share an axis
        low, high, log = self._range(ax, list(curves.values()), list(bands))
        drawing.log_axis(ax.xaxis, 1, full)
        ticks = [2**i for i in range(int(math.log2(full)) + 1)]
        ax.set_xticks(ticks[:: math.ceil(len(ticks) / 6)])
        for arm in sorted(curves, key=lambda arm: (theme[arm].highlighted, arm == only)):
            curve, style = curves[arm], theme[arm]
            coloured = style.highlighted and only in ("", arm)
            there = np.isfinite(curve.center)
            ax.plot(
                curve.k[there],
                np.maximum(curve.center[there], low) if log else curve.center[there],
                color=style.color if coloured else theme.token("others"),
                linewidth=1.5 if coloured else 0.8,
                label=arm,
                zorder=3 if coloured else 2,
            )
        if only:
            # An end of the band that rests on nothing is infinite: there it leaves the panel.
            ends = [np.clip(end, low, high) for end in (curves[only].low, curves[only].high)]
            ax.fill_between(curves[only].k, *ends, color=theme[only].color, alpha=0.15, linewidth=0, zorder=1)
            return
        self._ends(ax, {arm: curve for arm, curve in curves.items() if theme[arm].highlighted}, low, theme)
        lost = [
            (curve.label(arm), theme[arm].color)
            for arm, curve in curves.items()
            if curve.lost and theme[arm].highlighted
        ]
        drawing.corner_texts(ax, lost, theme)

    def _ends(self, ax: Any, curves: Mapping[str, _Curve], low: float, theme: Any) -> None:
        """Mark the scores at the full budget on a strip: filled where the leader's band leaves them out."""
        leader = curves.get(_leader(curves, max(curve.n for curve in curves.values())) or "")
        ends = {
            arm: float(curve.center[-1]) for arm, curve in curves.items() if math.isfinite(curve.center[-1])
        }
        for x, (arm, value) in zip(drawing.side_strip(ax, len(ends), theme), ends.items(), strict=True):
            style = theme[arm]
            clear = leader is None or curves[arm] is leader or leader.leaves_out(curves[arm])
            ax.plot(
                [x],
                [max(value, low)],
                style.marker,
                color=style.color,
                markerfacecolor=style.color if clear else theme.token("paper"),
                markersize=5,
                markeredgewidth=1.1,
                clip_on=False,
                zorder=4,
            )

    def _range(self, ax: Any, curves: Sequence[_Curve], bands: Sequence[_Curve]) -> tuple[float, float, bool]:
        """Fit the axis to the curves and to as much of the bands as leaves them readable."""
        seen = np.concatenate([curve.center for curve in curves])
        seen = seen[np.isfinite(seen)]
        # A loss of exactly 0 has no place on a log axis; it lies on its lower end.
        log = all(curve.sign > 0 for curve in curves) and bool((seen >= 0).all() and (seen > 0).any())
        seen = seen[seen > 0] if log else seen
        to, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
        low, high = float(to(seen.min())), float(to(seen.max()))
        span = max(high - low, 0.1 if log else 0.05 * abs(high), 1e-9)
        ends = np.concatenate([[], *(end for curve in bands for end in (curve.low, curve.high))])
        ends = to(ends[np.isfinite(ends) & ((ends > 0) | (not log))])
        low = float(min([low, *ends[ends >= low - 0.6 * span]]))
        high = float(max([high, *ends[ends <= high + 0.6 * span]]))
        low, high = drawing.padded(float(back(low)), float(back(high)), log)
        if log:
            drawing.log_axis(ax.yaxis, low, high, 5)
        else:
            drawing.plain_axis(ax.yaxis, low, high, 5)
        return low, high, log

    def _title(self, curves: Mapping[str, Mapping[str, _Curve]], problems: Sequence[str], units: str) -> str:
        """Say who leads with one configuration and who with all, on how many data sets."""
        full = max(curve.n for own in curves.values() for curve in own.values())
        arms = {arm for own in curves.values() for arm in own}
        if len(arms) == 1:
            (arm,) = arms
            late = [own[arm].settles for own in curves.values()]
            where = "" if len(problems) == 1 else f" in the median over {units}"
            return (
                f"{arm} is within 10 % of its best of {full} after "
                f"{counted(round(np.median(late)), 'configurations')}{where}"
            )
        if len(problems) == 1:
            return self._leads(curves[problems[0]], full)
        leads = []
        for k in (1, full):
            leaders = [lead for p in problems if (lead := _leader(curves[p], k)) is not None]
            most = max((leaders.count(arm) for arm in leaders), default=0)
            leads.append(([arm for arm in dict.fromkeys(leaders) if leaders.count(arm) == most], most))
        (first, n), (last, m) = leads
        of, apiece = f"{len(problems)} {units}", "" if len(last) == 1 else " each"
        end = f"{joined(last, 3)} {'does' if len(last) == 1 else 'do'} best"
        sure = self._sure(curves, full)
        if not first:
            said = f"With {full} configurations {end} on {m} of {of}{apiece}; with one no arm has a score"
            return said + sure
        begin, early = "does" if len(first) == 1 else "do", "" if len(first) == 1 else " each"
        if set(first) == set(last):
            said = f"{joined(first, 3)} {begin} best on {n} of {of}{early} with one configuration"
            return f"{said}, and on {m} with {full}{sure}"
        said = f"With one configuration {joined(first, 3)} {begin} best (on {n} of {of}{early})"
        return f"{said}, with {full} {joined(last, 3)} (on {m}{apiece}){sure}"

    def _sure(self, curves: Mapping[str, Mapping[str, _Curve]], full: int) -> str:
        """Say on how many data sets the best arm's band leaves out all others with all configurations."""
        leads = [(own, lead) for own in curves.values() if (lead := _leader(own, full)) is not None]
        clear = sum(
            len(own) > 1 and all(own[lead].leaves_out(curve) for arm, curve in own.items() if arm != lead)
            for own, lead in leads
        )
        where = {0: "none", len(curves): "all"}.get(clear, str(clear))
        return f"; the best arm's band leaves out every other arm on {where}"

    def _leads(self, curves: Mapping[str, _Curve], full: int) -> str:
        """Say from which k on each arm leads on one data set, and whether the bands part at the end."""
        runs: list[tuple[str, int]] = []
        for k in range(1, full + 1):
            lead = _leader(curves, k)
            if lead is not None and (not runs or runs[-1][0] != lead):
                runs.append((lead, k))
        if len(runs) == 1:
            said = f"{runs[0][0]} leads at every budget"
        elif len(runs) < 4:
            said = ", ".join(f"{arm} leads {'from' if k > 1 else 'at'} {k}" for arm, k in runs)
            said += " configurations"
        else:
            said = f"{runs[0][0]} leads at {runs[0][1]} and {runs[-1][0]} at {full} configurations"
        last = runs[-1][0]
        near = [arm for arm in curves if arm != last and not curves[last].apart(curves[arm])]
        if not near:
            return f"{said}; with all {full} its band lies clear of the others"
        return f"{said}; with all {full} its band overlaps with {joined(near, 4)}"

    def _subtitle(
        self, curves: Mapping[str, Mapping[str, _Curve]], which: str, metric: str, report: Any
    ) -> str:
        words = metric_words(metric, report["unit"])
        every = [curve for own in curves.values() for curve in own.values()]
        sizes = sorted({curve.n for curve in every})
        n = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        said = f"Line: {which} {words} of the best of k of the {n} configurations tried. "
        if len(curves) == 1:
            said += (
                "Band: simultaneous 95 % (DKW), for configurations drawn at random; open where the data end."
            )
        else:
            said += self._apart(curves)
        if any(curve.sign > 0 and np.nanmin(curve.center) == 0 for curve in every):
            said += " A value of exactly 0 lies on its log axis' lower edge."
        if any(curve.lost for curve in every):
            said += " ×k/n: k configurations did not finish and count as the worst."
        if len(curves) == 1 and len(every) > 1:
            said += " Grey: the other arms."
        elif len(report["arms"]) > 8:
            said += " Grey: arms that rank lower."
        return said

    def _apart(self, curves: Mapping[str, Mapping[str, _Curve]]) -> str:
        """Say what the marks mean, and on how many data sets the leader's band leaves an arm out."""
        said = (
            "Marks on the right, with all of them: filled for the leader and the arms that its simultaneous "
            "95 % band leaves out (DKW, for configurations drawn at random), hollow for those inside it"
        )
        clear = 0
        for own in curves.values():
            leader = own.get(_leader(own, max(curve.n for curve in own.values())) or "")
            clear += leader is not None and any(
                leader.leaves_out(curve)
                for curve in own.values()
                if curve is not leader and math.isfinite(curve.center[-1])
            )
        return said + (
            f"; the band leaves out an arm in {clear} of {len(curves)} panels."
            if clear
            else "; it leaves out none: so few configurations tell no arm apart from the leader."
        )

    def _words(self, title: str, curves: Mapping[str, Mapping[str, _Curve]], which: str, unit: str) -> str:
        parts = [
            f"{arm} on {problem}: {curve.center[-1]:.3g}{unit} with {curve.n}"
            for problem, own in list(curves.items())[:12]
            for arm, curve in list(own.items())[:8]
            if math.isfinite(curve.center[-1])
        ]
        return f"Curves of the {which} best score over the tuning budget. {title}. {'; '.join(parts)}."


def _curves(scores: Any, goal: str, bounds: tuple[float, float], which: str) -> dict[str, dict[str, _Curve]]:
    """Return the curves by problem and arm, without those that have no finite point."""
    by_problem: dict[str, dict[str, _Curve]] = {}
    numbers = scores.groupby(["problem", "arm"])["config"].nunique()
    for (problem, arm), rows in budget_curve(
        scores, goal=goal, bounds=bounds, sizes=_sizes({int(n) for n in numbers})
    ).groupby(["problem", "arm"], sort=False):
        curve = _Curve(rows, goal, which)
        if curve.n >= FEWEST and np.isfinite(curve.center).any():
            by_problem.setdefault(str(problem), {})[str(arm)] = curve
    whole = scores["score"].notna().groupby([scores[name] for name in ("problem", "arm", "config")]).all()
    for (problem, arm), lost in (~whole).groupby(["problem", "arm"]).sum().items():
        if arm in by_problem.get(problem, {}):
            by_problem[problem][arm].lost = int(lost)
    return by_problem


def _without(scores: Any, curves: Mapping[str, Mapping[str, _Curve]]) -> list[str]:
    """Return the arms of which no configuration finished where others have a curve."""
    pairs = scores[["problem", "arm"]].drop_duplicates()
    done = scores["score"].notna().groupby([scores["problem"], scores["arm"]]).any().to_dict()
    return [
        f"{arm} on {problem}"
        for problem, arm in zip(pairs["problem"], pairs["arm"], strict=True)
        if problem in curves and arm not in curves[problem] and not done[problem, arm]
    ]


def _sizes(ends: set[int]) -> list[int]:
    """Return the k that are drawn: all up to EVERY, then as many as a log axis shows, and all ends."""
    octaves = max(0.0, math.log2(max(ends, default=1) / EVERY))
    further = np.geomspace(EVERY, max(ends, default=1), math.ceil(AN_OCTAVE * octaves) + 1) if octaves else ()
    return sorted({*range(1, EVERY + 1), *(int(k) for k in further), *ends})


class _Curve:
    """One arm's budget curve on one data set."""

    def __init__(self, rows: Any, goal: str, which: str) -> None:
        self.k = rows["k"].to_numpy(float)
        self.n = int(rows["n"].iloc[0])  # configurations
        self.center = rows[which].to_numpy(float)
        self.low, self.high = (rows[f"{which}_{end}"].to_numpy(float) for end in ("low", "high"))
        self.sign = -1.0 if goal == "max" else 1.0
        self.lost = 0  # configurations with a seed that has no score

    def times(self, factor: float) -> _Curve:
        """Return the curve in another unit, such as per cent."""
        scaled = copy(self)
        scaled.center, scaled.low, scaled.high = (
            factor * line for line in (self.center, self.low, self.high)
        )
        return scaled

    def cost(self, k: int) -> float:
        value = self.center[np.searchsorted(self.k, min(k, self.n))]
        return float(self.sign * value) if math.isfinite(value) else math.inf

    def label(self, arm: str) -> str:
        return f"{arm} ×{self.lost}/{self.n}" if self.lost else arm

    def apart(self, other: _Curve) -> bool:
        return bool(self.high[-1] < other.low[-1] or other.high[-1] < self.low[-1])

    def leaves_out(self, other: _Curve) -> bool:
        """Say whether this arm's band leaves out the other's score with all configurations."""
        return not self.low[-1] <= other.center[-1] <= self.high[-1]

    @property
    def settles(self) -> int:
        """The first k that is within 10 % of the last value."""
        last = self.center[-1]
        return int(self.k[np.argmax(np.abs(self.center - last) <= 0.1 * abs(last))])


def _leader(curves: Mapping[str, _Curve], k: int) -> str | None:
    """Return the arm with the best expectation at k, None where no arm has any."""
    costs = {arm: curve.cost(k) for arm, curve in curves.items()}
    best = min(costs, key=lambda arm: costs[arm], default=None)
    return best if best is not None and math.isfinite(costs[best]) else None


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [BudgetCurves]
