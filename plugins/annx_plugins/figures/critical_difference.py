"""Arms by mean rank over data sets, joined where the tests do not tell them apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, NamedTuple

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    agreeing,
    drawing,
    hookimpl,
    joined,
    singular,
)

MOST_BARS = 12
ROW, BAR, GAP = 0.24, 0.17, 0.12  # inches
BESIDE = (0.48, 0.12)  # inches between names and axis: with the ranks in between, or on the lines on a phone


class _Label(NamedTuple):
    """An arm's name beside the axis: at the left or the right end, at a height in inches."""

    name: str
    rank: float
    place: float  # of its mark on the axis: the rank, or beside it
    y: float
    left: bool


@dataclass(frozen=True)
class CriticalDifference(Figure):
    """Mean ranks on one axis; a bar joins every largest set of arms no two of which are told apart.

    The tests are the report's: the exact signed-rank test on data sets, Holm-adjusted over all pairs. As
    they do not follow from the ranks, a bar may pass an arm that does not belong to it: dots mark the
    members. With a control only its own pairs were tested, so one bar joins the control with every arm not
    told apart from it. With too few data sets for any test there are no bars.

    Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006, drew it first;
    the tests follow Benavoli, Corani & Mangili, JMLR 17(5), 2016.
    """

    name: ClassVar[str] = "critical_difference"
    question: ClassVar[str] = "Which arms differ over the data sets?"
    order: ClassVar[int] = 25
    section: ClassVar[str] = "differences"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        board = sorted(report["leaderboard"]["overall"], key=lambda row: float(row["mean_rank"]))
        ranks = {row["arm"]: row["mean_rank"] for row in board}
        comparisons = report["comparisons"]["overall"]
        if len(ranks) < 2 or not comparisons or any(math.isnan(rank) for rank in ranks.values()):
            return f"It takes two arms and two {report['unit']} to rank arms over all of them."
        if any(row["not_run"] for row in report["leaderboard"]["overall"]):
            return "Arms are ranked when all report trials have run."
        groups = _groups(list(ranks), comparisons, report["control"])
        title, subtitle = self._title(report, list(ranks)), self._subtitle(report, len(groups))
        if len(set(ranks.values())) < len(ranks):
            subtitle += " Marks of equal ranks stand side by side."
        levels = _levels([(ranks[group[0]], ranks[group[-1]]) for group in groups[:MOST_BARS]])
        phone = data.width <= drawing.PHONE
        longest = 0.8 if phone else 1.5
        names = {arm: _name(arm, longest) for arm in ranks}
        wide = min(drawing.NARROW, data.width)
        lines = [line for name in names.values() for line in name.split("\n")]
        side = 0.16 + max(drawing.text_width(line, 8, "bold") for line in lines) + BESIDE[phone]
        top = GAP + BAR * (max(levels, default=-1) + 1) + 0.08
        rows = math.ceil(len(ranks) / 2)
        height = top + ROW * rows
        sheet = drawing.new_sheet(wide, height + 0.62, title, subtitle, theme)
        ax = drawing.place(sheet, side, 0.12, wide - 2 * side, height)
        self._axis(ax, len(ranks), height, report)
        inch = (len(ranks) - 1) / (wide - 2 * side)  # in ranks
        # Marks of nearly equal ranks would cover each other: they stand side by side around their ranks.
        places = dict(
            zip(ranks, drawing.spread(list(ranks.values()), 0.1 * inch, 1, len(ranks)), strict=True)
        )
        for i, (arm, rank) in enumerate(ranks.items()):
            left = i < rows
            row = i if left else len(ranks) - 1 - i
            label = _Label(names[arm], rank, places[arm], top + ROW * (row + 0.5), left)
            self._arm(ax, label, inch, len(ranks), theme, theme[arm], phone)
        for group, level in zip(groups, levels, strict=False):
            y = GAP + BAR * (level + 0.5)
            ends = [min(ranks[group[0]], places[group[0]]), max(ranks[group[-1]], places[group[-1]])]
            ax.plot(ends, [y, y], color=theme.token("frame"), linewidth=4, solid_capstyle="butt", zorder=2)
            for arm in group:
                self._dot(ax, places[arm], y, theme[arm], theme, 4.5)
        for arm, place in places.items():
            self._dot(ax, place, 0, theme[arm], theme, 6)
        return Drawing(sheet, self.name, title, self._words(title, ranks, groups), subtitle)

    def _axis(self, ax: Any, arms: int, height: float, report: Any) -> None:
        ax.set(xlim=(1, arms), ylim=(height, 0))
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        # At most ten ticks, whole ranks each.
        ax.set_xticks(range(1, arms + 1, math.ceil(arms / 10)))
        sets = report["leaderboard"]["overall"][0]["data_sets"]
        room = ax.get_position().width * ax.figure.get_figwidth() + 0.6
        texts = (f"mean rank over {sets} {report['unit']} (1 is best)", "mean rank (1 is best)")
        ax.set_xlabel(next((text for text in texts if drawing.text_width(text, 8) < room), "mean rank"))
        ax.set_yticks([])
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.spines["top"].set_visible(True)
        ax.grid(visible=False)

    def _arm(
        self, ax: Any, label: _Label, inch: float, arms: int, theme: Any, style: Any, phone: bool
    ) -> None:
        edge = 1 - 0.06 * inch if label.left else arms + 0.06 * inch
        width = 1.3 if style.highlighted else 0.9
        x, y = [label.place, label.place, edge], [0, label.y, label.y]
        ax.plot(x, y, color=style.color, linewidth=width, clip_on=False, zorder=1.5)
        away = -inch if label.left else inch
        text = {"va": "center", "ha": "right" if label.left else "left"}
        muted, number = theme.token("muted"), f"{label.rank:.2f}"
        if phone:
            side = "left" if label.left else "right"
            bare = {"facecolor": theme.token("paper"), "edgecolor": "none", "pad": 0.3}
            ax.text(edge, label.y - 0.03, number, size=6.5, color=muted, va="bottom", ha=side, bbox=bare)
        else:
            ax.text(edge + 0.05 * away, label.y, number, size=7, color=muted, **text)
        color = style.color if style.highlighted else muted
        at = edge + (BESIDE[phone] - 0.06) * away
        size = 6.5 if "\n" in label.name else 8
        ax.text(at, label.y, label.name, size=size, weight="bold", color=color, linespacing=1, **text)

    def _dot(self, ax: Any, x: float, y: float, style: Any, theme: Any, size: float) -> None:
        ax.plot(
            [x],
            [y],
            style.marker if style.highlighted else "o",
            color=style.color,
            markersize=size,
            markeredgecolor=theme.token("paper"),
            markeredgewidth=0.8,
            clip_on=False,
            zorder=4,
        )

    def _title(self, report: Any, arms: Sequence[str]) -> str:
        comparisons, control, units = report["comparisons"]["overall"], report["control"], report["unit"]
        n = max(c["n"] for c in comparisons)
        lead = control or arms[0]
        board = sorted(report["leaderboard"]["overall"], key=lambda row: float(row["mean_rank"]))
        ranks = {row["arm"]: row["mean_rank"] for row in board}
        tied = [arm for arm in arms if ranks[arm] == ranks[arms[0]]]
        best = f"{joined(tied, 4)} {agreeing(len(tied), 'rank')} best"
        same = f"All {len(arms)} arms share the mean rank {ranks[arms[0]]:.2f}"
        own = [c for c in comparisons if lead in (c["a"], c["b"])]
        if any(c["verdict"] == "too_few" for c in comparisons):
            few = f"{n} {units} are too few to tell arms apart"
            if len(tied) == len(arms):
                return f"{same}; {few}"
            return f"{best} on average ({ranks[arms[0]]:.2f} of {len(arms)}), but {few}"
        better = [c["b"] for c in own if c["verdict"] == "better" and c["a"] == lead]
        worse = [c["a"] for c in own if c["verdict"] == "better" and c["b"] == lead]
        if control:
            if not better and not worse:
                return f"No arm is told apart from the control {control} over {n} {units}"
            parts = [
                f"{joined(names)} {'is' if len(names) == 1 else 'are'} {word} than the control {control}"
                for names, word in ((worse, "better"), (better, "worse"))
                if names
            ]
            return f"Over {n} {units} {'; '.join(parts)}"
        # Of several that share the best rank, the tests are those of the first.
        opening = f"{same if len(tied) == len(arms) else best} over {n} {units}"
        if len(tied) > 1:
            opening += f"; {lead} is"
        comma = "," if len(tied) == 1 else ""
        if len(better) == len(arms) - 1:
            return f"{opening}{comma} told apart from {'every' if len(arms) > 2 else 'the'} other arm"
        if not better:
            return f"{opening}{comma and ', but is'} told apart from no other arm"
        rest = [arm for arm in arms if arm != lead and arm not in better]
        if len(rest) < len(better):
            return f"{opening}{comma} told apart from every other arm but {joined(rest)}"
        others = f"{len(better)} of {len(arms) - 1} other arms ({joined(better)})"
        return f"{opening}{comma} told apart from {others}"

    def _subtitle(self, report: Any, groups: int) -> str:
        comparisons, control, units = report["comparisons"]["overall"], report["control"], report["unit"]
        if any(c["verdict"] == "too_few" for c in comparisons):
            needed = max(c["needed"] or 0 for c in comparisons)
            return (
                f"Description only: with so few {units} no p-value could be small enough, so no bars "
                f"join or part the arms. {needed:.0f} {units} would be enough to let a difference show."
            )
        pairs = comparisons[0]["comparisons"]
        said = (
            f"Bar: the arms that are not told apart from the control {control}; dots mark them. "
            if control
            else "Bars join sets of arms no two of which are told apart; dots mark the members. "
        )
        if not groups:
            said = f"No bar: {'the two are' if pairs == 1 else 'every pair is'} told apart. "
        if groups > MOST_BARS:
            said += f"The first {MOST_BARS} of the bars. "
        said += f"Exact Wilcoxon signed-rank test on {singular(units).replace(' ', '-')} means, "
        said += f"Holm-adjusted over {pairs} pair"
        said += f"{'s' if pairs != 1 else ''}, α = 0.05."
        test = report["comparisons"]["friedman"]
        if test and math.isfinite(test["F"]) and math.isfinite(test["p"]):
            p = "< .001" if test["p"] < 0.001 else f"= {test['p']:.3f}".replace("0.", ".", 1)
            said += f" Friedman (Iman–Davenport): F({test['df1']}, {test['df2']}) = {test['F']:.1f}, p {p}."
        blocked = {c["reason"] for c in comparisons if c["verdict"] == "blocked"}
        if blocked:
            said += " No claim where trials failed or have not run."
        return said

    def _words(self, title: str, ranks: Mapping[str, float], groups: Sequence[Sequence[str]]) -> str:
        said = ", ".join(f"{arm} {rank:.2f}" for arm, rank in list(ranks.items())[:12])
        bars = "; ".join(joined(group) for group in groups[:6])
        return f"Critical difference diagram. {title}. Mean ranks: {said}." + (
            f" Not told apart: {bars}." if bars else ""
        )


def _name(arm: str, room: float) -> str:
    """Return a name of at most `room` inches, on two lines of smaller type where it needs them."""
    if drawing.text_width(arm, 8, "bold") <= room:
        return arm
    lines = drawing.name_lines(arm, room, 7, 2)
    return "\n".join(lines) if lines else drawing.shorten(arm, room, 8, "bold")


def _groups(
    arms: Sequence[str], comparisons: Sequence[Mapping[str, Any]], control: str | None
) -> list[list[str]]:
    """Return the largest sets of arms that are not told apart, each by rank, the best set first."""
    places = {arm: i for i, arm in enumerate(arms)}
    near: dict[str, set[str]] = {arm: set() for arm in arms}
    if any(c["verdict"] == "too_few" for c in comparisons):
        return []
    for c in comparisons:
        if c["verdict"] in ("undecided", "tie", "equivalent"):
            near[c["a"]].add(c["b"])
            near[c["b"]].add(c["a"])
    if control in near:
        groups = [[control, *near[control]]] if near[control] else []
    else:
        # There may be exponentially many; the drawing shows a dozen.
        groups = [list(group) for group in islice(_cliques(set(), set(arms), set(), near), 1000)]
    groups = [sorted(group, key=places.__getitem__) for group in groups if len(group) > 1]
    return sorted(groups, key=lambda group: [places[arm] for arm in group])


def _cliques(
    group: set[str], open_: set[str], done: set[str], near: Mapping[str, set[str]]
) -> Iterator[set[str]]:
    """Yield the maximal cliques (Bron & Kerbosch, Communications of the ACM 16(9), 1973, with a pivot)."""
    if not open_ and not done:
        yield group
        return
    # Sorted, as the order of a set of texts differs from run to run.
    pivot = max(sorted(open_ | done), key=lambda arm: len(near[arm] & open_))
    for arm in sorted(open_ - near[pivot]):
        yield from _cliques(group | {arm}, open_ & near[arm], done & near[arm], near)
        open_ = open_ - {arm}
        done = done | {arm}


def _levels(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return a level for each span, the first on which it overlaps no other."""
    ends: list[float] = []
    levels = []
    for low, high in spans:
        level = next((i for i, end in enumerate(ends) if end < low - 1e-9), len(ends))
        ends[level : level + 1] = [high]
        levels.append(level)
    return levels


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [CriticalDifference]
