"""How often each arm beats each other one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    counted,
    drawing,
    hookimpl,
    joined,
    pair_percent,
    probability_of_improvement,
    scores,
)

KEY = 0.56  # inches below the cells, for the legend
MOST = 12  # arms; twenty would be 400 cells nobody reads


@dataclass(frozen=True)
class ProbabilityOfImprovement(Figure):
    """The share of paired seeds on which the row's arm beats the column's, with its own 95 % interval.

    Over several data sets it is the mean of their shares, and the interval takes the data set as the unit;
    on one, the interval is Wilson's over seeds. Where one arm wins always the data bound the share on one
    side only, so a dash stands for the interval. Nothing is adjusted for the number of cells.

    Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021;
    theirs is unpaired.
    """

    name: ClassVar[str] = "probability_of_improvement"
    question: ClassVar[str] = "Who beats whom, and how often?"
    order: ClassVar[int] = 35
    section: ClassVar[str] = "differences"

    def draw(self, data: FigureInput) -> Drawing | str:
        report, theme = data.report, data.theme
        everyone = [row["arm"] for row in report["leaderboard"]["overall"]]
        arms = everyone[:MOST]
        if len(arms) < 2 or not report["problems"] or not report["seeds"]["report"]:
            return "There are not two arms to compare."
        several = len(set(report["data_sets"].values())) > 1
        if not several and len(report["problems"]) > 1:  # of variants, none speaks for the others
            return "All variants are of one data set, and none speaks for the others."
        frame = scores(data)
        own: dict[str, Any] = (
            {"over": "data sets"} if several else {"over": "seeds", "level": report["level"]}
        )
        table = probability_of_improvement(frame[frame["arm"].isin(arms)], **own)
        columns = (table[name] for name in ("a", "b", "probability", "low", "high", "n"))
        cells = {(a, b): _Cell(*map(float, rest)) for a, b, *rest in zip(*columns, strict=True)}
        if all(math.isnan(cell.share) for cell in cells.values()):
            return "No two arms have a pair of trials with equal seeds."
        title = drawing.so_far(report, self._title(arms, cells, len(everyone)))
        always = any(cell.share in (0, 1) for cell in cells.values())
        subtitle = self._subtitle(report, several, len(everyone), always)
        plan = _Plan.of(arms, min(drawing.NARROW, data.width))
        sheet = drawing.new_sheet(plan.sheet, plan.body, title, subtitle, theme)
        ax = drawing.place(sheet, plan.left, KEY, plan.width * len(arms), plan.height * len(arms))
        self._cells(ax, arms, cells, theme, plan.width)
        ax.set_yticks(range(len(arms)), plan.rows, size=8)
        ax.set_xticks(range(len(arms)), plan.heads, size=7.5, rotation=90 if plan.upright else 0)
        muted = theme.token("muted")
        ax.set_xlabel("… beats this one (column)", size=7.5, color=muted)
        ax.set_ylabel("this arm (row) …", size=7.5, color=muted)
        ticks = [(0.0, "50 %"), (0.5, "75 %"), (1.0, "100 %")]
        drawing.ramp_key(sheet, plan.left, 0.26, 1.4, drawing.RampKey("wins at least", ticks), theme)
        return Drawing(sheet, self.name, title, self._words(title, arms, cells), subtitle)

    def _cells(
        self, ax: Any, arms: Sequence[str], cells: Mapping[tuple[str, str], _Cell], theme: Any, width: float
    ) -> None:
        from matplotlib.patches import Rectangle

        size = 9 if width > 0.6 else 7.5 if width > 0.28 else 6
        for y, a in enumerate(arms):
            for x, b in enumerate(arms):
                if a == b:
                    continue
                cell = cells[a, b]
                # The shade is what the data vouch for: three wins of three are no more than a hint.
                level = theme.level(2 * cell.at_least - 1)
                sure = cell.ahead and cell.sure
                face = theme.ramp[level] if sure else theme.token("zebra")
                ax.add_patch(Rectangle((x - 0.48, y - 0.47), 0.96, 0.94, facecolor=face, linewidth=0))
                ink = theme.text_on(level) if sure else theme.token("ink")
                weight = "bold" if cell.sure else "normal"
                text = cell.text if width > 0.36 else cell.text.removesuffix(" %")
                spread = next((s for s in cell.spreads if drawing.text_width(s, 6.5) < width - 0.03), "")
                up = 0.13 if spread else 0
                ax.text(x, y - up, text, ha="center", va="center", size=size, weight=weight, color=ink)
                ax.text(x, y + 0.24, spread, ha="center", va="center", size=6.5, color=ink)
        ax.set(xlim=(-0.5, len(arms) - 0.5), ylim=(len(arms) - 0.5, -0.5))
        ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        ax.xaxis.set_label_position("top")
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)

    def _title(self, arms: Sequence[str], cells: Mapping[tuple[str, str], _Cell], total: int) -> str:
        """Name the arm that is ahead of every other one, and claim it only where the intervals do."""
        whole = "every other arm" if total <= MOST else f"each of the other {len(arms) - 1} drawn"
        for arm in arms:
            own = {other: cells[arm, other] for other in arms if other != arm}
            if all(cell.ahead for cell in own.values()):
                near = min(own, key=lambda other: own[other].share)
                if own[near].share == 1:
                    return f"{arm} beats {whole if len(own) > 1 else near} in every pair"
                if not all(cell.sure for cell in own.values()):
                    return self._ahead(arm, own, whole)
                spread = f", 95 % interval {own[near].interval} %" if own[near].bounded else ""
                if len(own) == 1:
                    return f"{arm} beats {near} in {own[near].text} of pairs{spread}"
                return f"{arm} beats {whole}; least often {near}, in {own[near].text} of pairs{spread}"
        if not any(cell.ahead for cell in cells.values()):
            return "No arm beats another more often than it loses to it"
        sure = sum(cell.sure and cell.ahead for cell in cells.values())
        pairs = len(cells) // 2
        which = f"{sure} of {pairs} pairs {'has' if sure == 1 else 'have'}" if pairs > 1 else "no pair has"
        return f"No arm is ahead of all others; {which} an interval that leaves out 50 %"

    def _ahead(self, arm: str, own: Mapping[str, _Cell], whole: str) -> str:
        """Say which intervals hold one half where an arm is ahead of all others: there it beats nobody."""
        least = min(own.values(), key=lambda cell: cell.share)
        most = max(own.values(), key=lambda cell: cell.share)
        if len(own) == 1:
            (other,) = own
            interval = f"its 95 % interval, {least.interval} %, holds 50 %"
            return f"{arm} is ahead of {other} in {least.text} of pairs, but {interval}"
        shares = f"{least.text.removesuffix(' %')} to {most.text}" if least.text != most.text else most.text
        sure = [other for other in own if own[other].sure]
        open_ = [other for other in own if not own[other].sure]
        if not sure:
            but = "every 95 % interval holds 50 %"
        elif len(open_) <= len(sure):
            but = f"the 95 % interval against {joined(open_, 3)} holds 50 %"
        else:
            but = f"only against {joined(sure, 3)} does the 95 % interval leave out 50 %"
        return f"{arm} is ahead of {whole}, in {shares} of pairs, but {but}"

    def _subtitle(self, report: Any, several: bool, total: int, always: bool) -> str:
        n, sets = len(report["seeds"]["report"]), len(set(report["data_sets"].values()))
        where = f", mean over {sets} {report['unit']}" if several else f" on {report['problems'][0]}"
        said = f"Share of {counted(n, 'paired seeds')} on which the row beats the column{where}; "
        said += f"below, its 95 % interval over {report['unit'] if several else 'seeds'}. "
        said += "Bold: it leaves out 50 %; colour: then the share that its lower end allows. "
        if always:
            said += "–: one wins always, so nothing bounds the share on one side; Wilson's end counts. "
        said += "Not multiplicity-adjusted. Ties count half; a diverged run loses to any that finished."
        gone = sum(row["blocked"] for row in report["leaderboard"]["overall"])
        if gone:
            said += (
                f" {counted(gone, 'trials')} failed or {'has' if gone == 1 else 'have'} not run: left out."
            )
        return said + (f" The {MOST} best of {total} arms." if total > MOST else "")

    def _words(self, title: str, arms: Sequence[str], cells: Mapping[tuple[str, str], _Cell]) -> str:
        parts = [f"{a} over {b} {cells[a, b].text}" for i, a in enumerate(arms) for b in arms[i + 1 :]]
        return f"Matrix of win probabilities. {title}. {'; '.join(parts[:20])}."


class _Cell(NamedTuple):
    """One ordered pair's share with its interval."""

    share: float
    low: float
    high: float
    n: float

    @property
    def bounded(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high) and 0 < self.share < 1

    @property
    def ahead(self) -> bool:
        """Whether the share is above one half as it is written: what reads "50 %" is a tie."""
        return pair_percent(self.share) != pair_percent(0.5) and self.share > 0.5

    @property
    def sure(self) -> bool:
        if self.share in (0, 1):
            return self._unanimous > 0.5
        return self.bounded and not self.low <= 0.5 <= self.high

    @property
    def _unanimous(self) -> float:
        """Wilson's lower end where one of the two wins all n times, n / (n + 1.96²)."""
        return self.n / (self.n + 1.96**2) if self.n > 0 else 0.0

    @property
    def at_least(self) -> float:
        """The least share that the data allow, at least one half: the interval's lower end.

        Where one wins all n times it is Wilson's, as a t-interval has no width there.
        """
        if self.share == 1:
            return max(0.5, self._unanimous)
        return max(0.5, self.low) if self.bounded else 0.5

    @property
    def text(self) -> str:
        return pair_percent(self.share)

    @property
    def interval(self) -> str:
        return f"{100 * self.low:.0f} to {100 * self.high:.0f}" if self.bounded else "–"

    @property
    def spreads(self) -> tuple[str, str]:
        """The interval in words, and shorter for a narrow cell."""
        return self.interval, self.interval.replace(" to ", "–")


class _Plan(NamedTuple):
    """The sizes of sheet and cells in inches, and what is written beside them."""

    sheet: float
    body: float
    left: float
    width: float
    height: float
    rows: list[str]
    heads: list[str]
    upright: bool

    @classmethod
    def of(cls, arms: Sequence[str], sheet: float) -> _Plan:
        names = [drawing.shorten(arm, 1.3 if sheet > drawing.PHONE else 0.85, 8) for arm in arms]
        left = 0.5 + max(drawing.text_width(name, 8) for name in names)
        width = min(1.1, (sheet - left - 0.16) / len(arms))
        height = min(0.62, max(0.42, 0.7 * width)) if width > 0.36 else max(0.22, width)
        broken = [drawing.name_lines(arm, width - 0.04, 7.5, 3) for arm in arms]
        lines = [part for part in broken if part is not None]
        upright = len(lines) < len(arms)
        heads = names if upright else ["\n".join(part) for part in lines]
        head = (
            max(drawing.text_width(name, 7.5) for name in names) if upright else 0.13 * max(map(len, lines))
        )
        body = height * len(arms) + head + 0.36 + KEY
        return cls(sheet, body, left, width, height, names, heads, upright)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [ProbabilityOfImprovement]
