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


@dataclass(frozen=True)
class BudgetCurves(Figure):
    """What the best of k of the N configurations tried scores, with a simultaneous 95 % band.

        E(k) = Σ_i C(i-1, k-1) / C(N, k) v_(i)        v_(1) to v_(N), worst to best

    for shares, which have a worst value; for losses the median over all choices of k in its place, as one
    configuration that diverged makes the mean infinite, and nothing bounds it from above. A configuration
    without a score on one of its seeds is the worst there is.

    On one data set every arm has a panel with its own band, the others grey; on several every data set has
    a panel, with the band of the arm that leads at the full budget only, as many wide bands hide each other.

    Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020; the band is that of Lourie, Cho & He,
    NAACL 2024, and supposes configurations drawn at random.
    """

    name: ClassVar[str] = "budget_curves"
    question: ClassVar[str] = "Which arm is best at my tuning budget?"
    order: ClassVar[int] = 45
    section: ClassVar[str] = "sensitivity"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        if not report["select"]["tuned"]:
            return "Nothing is tuned."
        metric, goal = report["select"]["metric"], report["select"]["goal"]
        shares = goal == "max" and {m["scale"] for m in report["measures"].values()} == {"unit"}
        bounds = (0.0, 1.0) if shares else (-math.inf, math.inf)
        which = "expected" if shares else "median"
        tried = tuning_scores(data)
        curves = _curves(tried, goal, bounds, which)
        problems = [p for p in report["problems"] if p in curves]
        if not problems:
            return "No arm has two configurations whose tuning trials have run."
        title = self._title(curves, problems, report["problem_unit"])
        problems, left_out = drawing.shown_problems(report, problems)
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
        shown = [arm for arm in report["arms"] if arm in curves[problems[0]] and theme[arm].highlighted]
        one = len(problems) == 1
        drawn = [(problems[0], arm) for arm in shown] if one else [(p, "") for p in problems]
        columns = min(4 if one else 3, len(drawn))
        rows = math.ceil(len(drawn) / columns)
        labels = [curve.label(arm) for own in curves.values() for arm, curve in own.items()]
        room = 0.0 if one else 0.3 + min(1.1, max(drawing.text_width(label, 7.5, "bold") for label in labels))
        left, low, height = 0.62, 0.5, 1.55
        width = (drawing.WIDE - left - columns * room - (columns - 1) * 0.42 - 0.1) / columns
        size, gaps = (min(width, 3.4), height), (room + 0.42, 0.5)
        sheet = drawing.new_sheet(
            drawing.WIDE, rows * (height + 0.5) - 0.5 + low + 0.3, title, subtitle, theme
        )
        axes = drawing.panels(sheet, len(drawn), columns, size, left=left, bottom=low, gaps=gaps)
        for i, (ax, (problem, arm)) in enumerate(zip(axes, drawn, strict=True)):
            own = curves[problem]
            self._panel(ax, own, arm, theme, room)
            drawing.panel_title(ax, own[arm].label(arm) if arm else problem)
            if i % columns == 0:
                words = metric_words(metric, report["unit"])
                ax.set_ylabel(
                    f"{which} {words}" + (" (%)" if shares else " (log)" if ax.get_yscale() == "log" else "")
                )
            if i + columns >= len(drawn):
                ax.set_xlabel("configurations tried, k (log)")
        return Drawing(
            sheet, self.name, title, self._words(title, curves, which, " %" if shares else ""), subtitle
        )

    def _panel(self, ax: Any, curves: Mapping[str, _Curve], only: str, theme: Any, room: float) -> None:
        """Draw all curves of a data set, with the band of `only`, or of the leader where it is ""."""
        full = max(len(curve.k) for curve in curves.values())
        banded = only or _leader(curves, full) or next(iter(curves))
        bands = curves.values() if only else [curves[banded]]  # the panels of one data set share an axis
        low, high, log = self._range(ax, list(curves.values()), list(bands))
        labels = []
        for arm in sorted(curves, key=lambda arm: (theme[arm].highlighted, arm == banded)):
            curve, style = curves[arm], theme[arm]
            coloured = style.highlighted and only in ("", arm)
            there = np.isfinite(curve.center)
            ax.plot(
                curve.k[there],
                np.maximum(curve.center[there], low) if log else curve.center[there],
                color=style.color if coloured else theme.token("others"),
                linestyle=style.dash if coloured else "-",
                linewidth=1.8 if coloured else 0.8,
                label=arm,
                zorder=3 if coloured else 2,
            )
            if coloured and not only and there.any():
                labels.append((max(float(curve.center[there][-1]), low), curve.label(arm), style.color))
        # An end of the band that rests on nothing is infinite: there it leaves the panel.
        ends = [np.clip(end, low, high) for end in (curves[banded].low, curves[banded].high)]
        color = theme[banded].color
        ax.fill_between(curves[banded].k, *ends, color=color, alpha=0.15, linewidth=0, zorder=1)
        drawing.log_axis(ax.xaxis, 1, full)
        ticks = [2**i for i in range(int(math.log2(full)) + 1)]
        ax.set_xticks(ticks[:: math.ceil(len(ticks) / 6)])
        drawing.end_labels(ax, labels, room=room)

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
        ends = np.concatenate([end for curve in bands for end in (curve.low, curve.high)])
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
        full = max(len(curve.k) for own in curves.values() for curve in own.values())
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
            found = [lead for p in problems if (lead := _leader(curves[p], k)) is not None]
            best = max(dict.fromkeys(found), key=found.count, default="")
            leads.append((best, found.count(best)))
        (first, n), (last, m) = leads
        of = f"{len(problems)} {units}"
        if not first:
            return f"With {full} configurations {last} does best on {m} of {of}; with one no arm has a score"
        if first == last:
            return f"{first} does best on {n} of {of} with one configuration, and on {m} with {full}"
        return f"With one configuration {first} does best (on {n} of {of}), with {full} {last} (on {m})"

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
        sizes = sorted({len(curve.k) for curve in every})
        n = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        whose = "" if len(curves) == 1 else " of the arm that leads with all"
        said = (
            f"Line: {which} {words} of the best of k of the {n} configurations tried. Band{whose}: "
            "simultaneous 95 % (DKW), for configurations drawn at random; open where the data end."
        )
        if any(curve.lost for curve in every):
            said += " ×k/n: k configurations did not finish and count as the worst."
        if len(curves) == 1 and len(every) > 1:
            said += " Grey: the other arms."
        elif len(report["arms"]) > 8:
            said += " Grey: arms that rank lower."
        return said

    def _words(self, title: str, curves: Mapping[str, Mapping[str, _Curve]], which: str, unit: str) -> str:
        parts = [
            f"{arm} on {problem}: {curve.center[-1]:.3g}{unit} with {len(curve.k)}"
            for problem, own in list(curves.items())[:12]
            for arm, curve in list(own.items())[:8]
            if math.isfinite(curve.center[-1])
        ]
        return f"Curves of the {which} best score over the tuning budget. {title}. {'; '.join(parts)}."


def _curves(scores: Any, goal: str, bounds: tuple[float, float], which: str) -> dict[str, dict[str, _Curve]]:
    """Return the curves by problem and arm, without those that have no finite point."""
    by_problem: dict[str, dict[str, _Curve]] = {}
    for (problem, arm), rows in budget_curve(scores, goal=goal, bounds=bounds).groupby(
        ["problem", "arm"], sort=False
    ):
        curve = _Curve(rows, goal, which)
        if len(rows) >= FEWEST and np.isfinite(curve.center).any():
            by_problem.setdefault(str(problem), {})[str(arm)] = curve
    whole = scores["score"].notna().groupby([scores[name] for name in ("problem", "arm", "config")]).all()
    for (problem, arm), ok in whole.groupby(["problem", "arm"]):
        if arm in by_problem.get(problem, {}):
            by_problem[problem][arm].lost = int((~ok).sum())
    return by_problem


def _without(scores: Any, curves: Mapping[str, Mapping[str, _Curve]]) -> list[str]:
    """Return the arms of which no configuration finished where others have a curve."""
    pairs = scores[["problem", "arm"]].drop_duplicates()
    done = scores.groupby(["problem", "arm"])["score"].apply(lambda own: bool(own.notna().any())).to_dict()
    return [
        f"{arm} on {problem}"
        for problem, arm in zip(pairs["problem"], pairs["arm"], strict=True)
        if problem in curves and arm not in curves[problem] and not done[problem, arm]
    ]


class _Curve:
    """One arm's budget curve on one data set."""

    def __init__(self, rows: Any, goal: str, which: str) -> None:
        self.k = rows["k"].to_numpy(float)
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
        value = self.center[min(k, len(self.k)) - 1]
        return float(self.sign * value) if math.isfinite(value) else math.inf

    def label(self, arm: str) -> str:
        return f"{arm} ×{self.lost}/{len(self.k)}" if self.lost else arm

    def apart(self, other: _Curve) -> bool:
        return bool(self.high[-1] < other.low[-1] or other.high[-1] < self.low[-1])

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
