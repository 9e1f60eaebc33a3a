"""How soon each arm reaches the target, against the fastest and in steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Drawing,
    Figure,
    FigureInput,
    counted,
    curve_frame,
    drawing,
    hookimpl,
    joined,
    mean_band,
    metric_words,
    performance_ratios,
    performance_scores,
    singular,
    targets,
    time_to_target,
    typical_times,
)

MOST_RATIO = 4.0  # AlgoPerf's
FEWEST = 6  # data sets for an interval over them
BESIDE = 8  # data sets
LANE = 0.62  # inches
PROFILE_LEFT, PROFILE_LOW = 0.62, 0.5  # inches
ROW = 0.115  # inches of an arm: its count is a line of small text
APART = 1.9  # points between lines that coincide
ORIGINS = {
    "file": "Targets: named by the experiment",
    "tuning": "Targets: what three quarters of the arms reached while tuning, with a tenth of the way to "
    "spare, fixed before the reported runs",
    "report": "Targets: what three quarters of the arms reached in these very runs, with a tenth of the way "
    "to spare, so chosen after the fact",
}


class _StepAxis(NamedTuple):
    """A log axis of steps with a lane at its right end for what never arrives."""

    low: float  # the fewest steps
    least: float  # the axis' left end
    high: float  # where the lane begins
    zero: float  # where a log axis shows what takes no step
    instant: bool  # whether anything takes no step
    width: float  # inches

    @classmethod
    def of(cls, times: Any, width: float) -> _StepAxis:
        """Return the axis for these times."""
        finite = times[np.isfinite(times) & (times > 0)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (1.0, 10.0)
        # What the initial weights meet takes no step: a log axis has no place for it but one of its own.
        instant, zero = bool((times == 0).any()), low / 1.6
        least = (zero if instant else low) / 1.15
        return cls(low, least, max(high * 1.15, 2 * least), zero, instant, width)

    def lane(self, inches: float) -> float:
        """Return the place so many inches into the lane."""
        return float(self.high * (self.high / self.least) ** (inches / (self.width - LANE)))


@dataclass(frozen=True)
class PerformanceProfile(Figure):
    """Dolan and Moré's profile of the steps to target, scored as AlgoPerf does, beside the raw steps.

        ρ_arm(τ) = share of data sets on which the arm took at most τ times as long as the fastest arm
        score    = area under ρ_arm from τ = 1 to 4, divided by 3

    An arm's time on a data set is the median over seeds; a seed that never arrives takes infinitely long
    and stands in the lane "never". Ratios depend on who is present: the brackets behind a score hold its
    range when any one other arm is left out. A target that some arm's initial weights meet already times
    nothing and is left out of the profile.

    Dolan & Moré, Mathematical Programming 91(2), 2002; Dahl et al., "Benchmarking Neural Network Training
    Algorithms", 2023, arXiv:2306.07179.
    """

    name: ClassVar[str] = "performance_profile"
    question: ClassVar[str] = "Who is fast on most data sets, and who never arrives?"
    order: ClassVar[int] = 22
    section: ClassVar[str] = "speed"

    def draw(self, data: FigureInput) -> Drawing | str:
        speed = data.once(PerformanceProfile, lambda: _speed(data))
        if isinstance(speed, str):
            return speed
        report, theme = data.report, data.theme
        ranked = [row["arm"] for row in report["leaderboard"]["overall"]]
        arms = [arm for arm in report["arms"] if theme[arm].highlighted]
        ranges = data.width > drawing.PHONE
        title = drawing.so_far(report, self._title(speed, ranked))
        subtitle = self._subtitle(speed, report, arms, ranges)
        labels = self._labels(speed, theme, ranges) if speed.scores is not None else {}
        problems, left_out = drawing.shown_problems(report, list(speed.median.columns), data.width)
        subtitle += left_out
        plan = _Plan.of(problems, arms, labels, data.width)
        sheet = drawing.new_sheet(data.width, plan.body, title, subtitle, theme)
        if labels:
            ax = drawing.place(sheet, PROFILE_LEFT, plan.profile_bottom, *plan.profile)
            self._profile(ax, speed, labels, theme, plan.room)
        for part, (x, y, width, height) in plan.raws:
            ax = drawing.place(sheet, x, y, width, height)
            self._raw(ax, speed, part, arms, theme, width)
            ax.set_yticks(*_row_ticks(part, arms, bool(labels), plan.names))
        return Drawing(sheet, self.name, title, self._words(title, speed, ranked), subtitle)

    def _labels(self, speed: _Speed, theme: Any, ranges: bool) -> dict[str, str]:
        """Return the profile's labels by arm, best score first."""
        labels, longest = {}, 1.3 if ranges else 0.9
        for row in speed.scores.to_dict("records"):
            if theme[row["arm"]].highlighted:
                around = f" ({row['low']:.2f}–{row['high']:.2f})" if ranges and "low" in row else ""
                labels[row["arm"]] = (
                    f"{drawing.shorten(row['arm'], longest, 7.5, 'bold')} {row['score']:.2f}{around}"
                )
        return labels

    def _profile(self, ax: Any, speed: _Speed, labels: Mapping[str, str], theme: Any, room: float) -> None:
        total = speed.ratios.shape[1]
        ends, most = [], 0.0
        rows = speed.scores.to_dict("records")
        coloured = [row["arm"] for row in rows if row["arm"] in labels]
        # The best score is drawn last, on top.
        for row in reversed(rows):
            arm, style = row["arm"], theme[row["arm"]]
            ratios = np.sort(speed.ratios.loc[arm].to_numpy(float))
            ratios = ratios[ratios <= MOST_RATIO]
            x = np.concatenate([[1.0], ratios, [MOST_RATIO]])
            y = np.concatenate([[0.0], np.arange(1, len(ratios) + 1) / total, [len(ratios) / total]])
            (line,) = ax.plot(
                x,
                100 * y,
                drawstyle="steps-post",
                color=style.color,
                linewidth=1.8 if style.highlighted else 0.8,
                label=arm,
                zorder=3 if style.highlighted else 2,
                solid_capstyle="butt",
            )
            most = max(most, 100 * y[-1])
            if arm in labels:
                _beside(line, len(coloured) / 2 - 0.5 - coloured.index(arm))
                ends.append((100 * y[-1], labels[arm], style.color))
        # What nobody reaches needs no room: the axis ends with the next tick above the highest line.
        step = 20 if most > 50 else 10 if most > 20 else 5
        top = min(100, step * math.ceil(most / step + 0.2))
        drawing.log_axis(ax.xaxis, 1.0, MOST_RATIO)
        width = ax.get_position().width * ax.figure.get_figwidth()
        ticks = (1, 1.5, 2, 3, 4) if width > 2 else (1, 2, 4)
        ax.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
        ax.set_ylim(-0.06 * top, 1.06 * top)
        ax.set_yticks(range(0, top + 1, step))
        ax.set_xlabel(f"steps ÷ {'those of the fastest arm' if width > 2.4 else 'the fastest'}, τ (log)")
        ax.set_ylabel(f"{speed.places} reached within τ (%)")
        ax.set_title("Performance profile and score", size=8.5, weight="bold", loc="left", y=1.0)
        drawing.end_labels(ax, ends, room=room)  # of equal ones the better label comes to lie above

    def _raw(
        self, ax: Any, speed: _Speed, problems: Sequence[str], arms: Sequence[str], theme: Any, width: float
    ) -> None:
        """Draw every seed's steps, the median, and what never arrived in a lane of its own."""
        axis = _StepAxis.of(speed.times["time"].to_numpy(float), width)
        for y in range(0, len(problems), 2):
            ax.axhspan(y - 0.5, y + 0.5, color=theme.token("zebra"), linewidth=0, zorder=0)
        ax.axvspan(axis.high, axis.lane(LANE), color=theme.token("alarm_fill"), linewidth=0, zorder=0.5)
        seeds = {key: rows.to_numpy(float) for key, rows in speed.times.groupby(["arm", "problem"])["time"]}
        for arm, shift in zip(arms, _shifts(len(arms)), strict=True):
            own = [seeds.get((arm, problem), np.array([])) for problem in problems]
            medians = [speed.median.loc[arm, problem] for problem in problems]
            self._steps(ax, axis, own, shift, theme[arm])
            self._medians(ax, axis, medians, shift, arm, theme)
            for y, times in enumerate(own):
                self._missed(ax, axis.lane(LANE - 0.03), y + shift, times, theme[arm].color)
        self._raw_axes(ax, axis, len(problems), theme)
        titles = ("Steps: every seed | and the median", "Steps: seeds | and median", "Steps")
        room = width - LANE - 0.05  # the lane has a title of its own
        fits = [text for text in titles if drawing.text_width(text, 8.5, "bold") <= room]
        drawing.panel_title(ax, (fits or titles)[0 if fits else -1])

    def _steps(self, ax: Any, axis: _StepAxis, own: Sequence[Any], shift: float, style: Any) -> None:
        """Draw a tick for every seed that reached the target."""
        ticks = [
            (step or axis.zero, y + shift)
            for y, times in enumerate(own)
            for step in times[np.isfinite(times)]
        ]
        # Seeds are evaluated at the same steps: three ticks on one place are as dark as a hundred.
        places, counts = np.unique(np.array(ticks).reshape(-1, 2), axis=0, return_counts=True)
        x, y_of = np.repeat(places, np.minimum(counts, 3), axis=0).T
        ax.plot(x, y_of, "|", color=style.color, markersize=3.5, markeredgewidth=0.9, alpha=0.7)

    def _medians(
        self, ax: Any, axis: _StepAxis, medians: Sequence[float], shift: float, arm: str, theme: Any
    ) -> None:
        places = [step or axis.zero if math.isfinite(step) else axis.lane(0.12) for step in medians]
        ax.plot(
            places,
            np.arange(len(places)) + shift,
            theme[arm].marker,
            color=theme[arm].color,
            markersize=4.5,
            markeredgecolor=theme.token("paper"),
            markeredgewidth=0.5,
            linestyle="",
            label=arm,
            zorder=4,
        )

    def _missed(self, ax: Any, x: float, y: float, times: Any, color: str) -> None:
        """Write how many seeds never arrived; nothing where all did."""
        missed = int((~np.isfinite(times)).sum())
        if missed:
            text = f"{missed}/{len(times)}"
            ax.text(x, y, text, ha="right", va="center", size=6.5, weight="bold", color=color)

    def _raw_axes(self, ax: Any, axis: _StepAxis, problems: int, theme: Any) -> None:
        drawing.log_axis(ax.xaxis, axis.least, axis.high)
        shown = [tick for tick in ax.get_xticks() if axis.low * (1 - 1e-9) <= tick <= axis.high]
        shown = [tick for tick in shown if tick == round(tick)]  # there is no half of a step
        words = [drawing.tick_text(tick) for tick in shown]
        ax.set_xticks(
            [axis.zero, *shown] if axis.instant else shown, ["0", *words] if axis.instant else words
        )
        ax.set_xlim(axis.least, axis.lane(LANE))
        ax.set_ylim(problems - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("optimizer steps to target (log)")
        ax.text(
            1.0,
            1.01,
            "never",
            transform=ax.transAxes,
            ha="right",
            va="bottom",
            size=7.5,
            weight="bold",
            color=theme.token("alarm"),
        )

    def _title(self, speed: _Speed, ranked: Sequence[str]) -> str:
        """Say who is fastest overall, and who misses the target where."""
        total = speed.median.shape[1]
        sets, one = counted(total, speed.places), singular(speed.places)
        missed = {arm: int(np.isinf(speed.median.loc[arm].to_numpy(float)).sum()) for arm in ranked}
        if all(count == total for count in missed.values()):
            some = np.isfinite(speed.times["time"].to_numpy(float)).any()
            seeds = " in more than half of its seeds" if some else ""
            return f"No arm reaches the target on {'the' if total == 1 else 'any'} {one}{seeds}"
        lost = sorted((arm for arm in ranked if missed[arm]), key=lambda arm: -missed[arm])
        if speed.scores is None or not speed.scores["score"].max() > 0:
            return self._of_few(speed, ranked, missed)
        top = float(speed.scores["score"].max())
        # Scores that read alike are shared: the figure shows two digits.
        lead = [
            row["arm"] for row in speed.scores.to_dict("records") if f"{row['score']:.2f}" == f"{top:.2f}"
        ]
        if len(lead) == len(ranked) > 1 and len(set(missed.values())) == 1:
            where = f"miss the target on {missed[lead[0]]} of {sets}" if lost else "reach every target"
            return f"{_all_of(ranked)} have the same time-to-target score ({top:.2f}) and {where}"
        said = (
            f"{joined(lead)} {'has' if len(lead) == 1 else 'have'} the best time-to-target score ({top:.2f}"
        )
        said += f"{self._sure(speed, lead)})"
        if not lost:
            return f"{said}; every arm reaches every target"
        if len(set(missed.values())) == 1:
            return f"{said}; every arm misses the target on {missed[lead[0]]} of {sets}"
        if len(lead) == 1 and missed[lead[0]]:
            said += f" but misses the target on {missed[lead[0]]} of {sets}"
        worst = [arm for arm in lost if missed[arm] == missed[lost[0]]]
        if worst == lead:
            return said
        word, what = "misses" if len(worst) == 1 else "miss", "it" if " but " in said else "the target"
        where = f"most often ({missed[worst[0]]} of {total})"
        if set(lost) <= {*worst, *lead}:
            where = f"on {missed[worst[0]]}" + ("" if " but " in said else f" of {sets}")
        return f"{said}; {joined(worst, 4)} {word} {what} {where}"

    def _sure(self, speed: _Speed, lead: Sequence[str]) -> str:
        """Say from which arms the leader's score surely differs; "" where no interval could say so.

        A score is the mean over data sets of what a ratio is worth, (4 - ratio) / 3 and 0 beyond 4, so that
        the difference of two has a paired t-interval. Variants of a data set count as one.
        """
        worth = ((MOST_RATIO - speed.ratios) / (MOST_RATIO - 1)).clip(0, 1).T
        worth = worth.groupby([speed.data_sets[problem] for problem in worth.index]).mean()
        others = [arm for arm in worth.columns if arm not in lead]
        if len(lead) > 1 or not others or len(worth) < FEWEST:
            return ""
        gaps = worth[lead[0]].to_numpy(float)[:, None] - worth[others].to_numpy(float)
        _, low, _ = mean_band(gaps, "linear", speed.level)
        near = [arm for arm, end in zip(others, low, strict=True) if not end > 0]
        lead_over = f"; the {100 * speed.level:g} % interval of its lead over"
        if len(near) not in (0, len(others)):
            return f"{lead_over} {joined(near, 3)} holds 0"
        whom = "each other arm" if len(others) > 1 else "the other arm"
        return f"{lead_over} {whom} {'holds' if near else 'leaves out'} 0"

    def _of_few(self, speed: _Speed, ranked: Sequence[str], missed: Mapping[str, int]) -> str:
        """Say who reaches what where there is no profile to score."""
        total = speed.median.shape[1]
        if total > 1:
            least = min(missed.values())
            most, s = _leaders(ranked, [arm for arm in ranked if missed[arm] == least])
            return f"{most} reach{s} the target on {total - least} of {total} {speed.places}"
        times = {arm: speed.median.loc[arm].iloc[0] for arm in ranked}
        soonest = min(times.values())
        first = [arm for arm in ranked if times[arm] == soonest]
        never = [arm for arm in ranked if missed[arm]]
        how = "first, after" if len(first) < len(ranked) else "after"
        unit = "step" if soonest == 1 else "steps"
        who, s = _leaders(ranked, first)
        said = f"{who} reach{s} the target {how} {soonest:g} {unit} in the median"
        return said + (f"; {joined(never, 4)} never" if never else "")

    def _subtitle(self, speed: _Speed, report: Any, arms: Sequence[str], ranges: bool) -> str:
        metric = metric_words(speed.metric, speed.unit)
        said = f"{ORIGINS[speed.origin]} ({metric}). "
        if speed.scores is not None:
            said += "Score: area under the profile up to 4× (AlgoPerf)"
            if ranges:
                which = "any one other arm" if len(report["arms"]) > 2 else "the other arm"
                said += f"; in brackets its range when {which} is left out, as ratios move with the pool"
            said += ". Lines of equal height lie side by side. "
        said += "An arm never arrives where half of its seeds do not; k/n counts such seeds."
        if speed.instant:
            said += f" Not in the profile: {joined(speed.instant, 3)}, met before the first step."
        if len(arms) < len(report["arms"]):
            said += " Grey in the profile, left out of the steps: the other arms."
        return said

    def _words(self, title: str, speed: _Speed, ranked: Sequence[str]) -> str:
        parts = []
        for arm in ranked[:8]:
            steps = speed.median.loc[arm].to_numpy(float)
            there = steps[np.isfinite(steps)]
            text = f"{arm} reaches {len(there)} of {len(steps)} targets"
            parts.append(text + (f", in {np.median(there):.0f} steps in the median" if len(there) else ""))
        return f"Performance profile and steps to target. {title}. {'; '.join(parts)}."


def _all_of(arms: Sequence[str]) -> str:
    return "Both arms" if len(arms) == 2 else f"All {len(arms)} arms"


def _leaders(arms: Sequence[str], leaders: Sequence[str]) -> tuple[str, str]:
    """Return how a title names the arms that share the lead, and the ending of its verb "reach"."""
    if len(leaders) == len(arms) > 1:
        return _all_of(arms), ""
    return joined(list(leaders), 4), "es" if len(leaders) == 1 else ""


def _shifts(arms: int) -> Any:
    """Return where the arms' rows lie within a data set's, which is 1 high."""
    return (np.arange(arms) + 0.5) / max(arms, 2) * 0.86 - (0.43 if arms > 1 else 0.215)


def _beside(line: Any, places: float) -> None:
    """Move a line on the paper, so that lines of equal values lie side by side and none hides another."""
    from matplotlib.transforms import ScaledTranslation

    move = ScaledTranslation(0, places * APART / 72, line.figure.dpi_scale_trans)
    line.set_transform(line.axes.transData + move)


def _row_ticks(
    problems: Sequence[str], arms: Sequence[str], told_by_colour: bool, room: float
) -> tuple[list[float], list[str]]:
    """Return the places and names of the rows: the profile's labels tell the arms by their colours;
    without a profile every arm has a tick of its own."""
    if told_by_colour:
        names = list(problems)
        places = [float(y) for y in range(len(problems))]
    else:
        names = [arm if len(problems) == 1 else f"{p}: {arm}" for p in problems for arm in arms]
        places = [y + shift for y in range(len(problems)) for shift in _shifts(len(arms))]
    lines = drawing.two_lines if told_by_colour else drawing.shorten
    return places, [lines(name, room, 7.5) for name in names]


class _Plan(NamedTuple):
    """Where the profile and the panels of steps lie on the sheet, in inches."""

    body: float
    profile: tuple[float, float]  # width and height
    profile_bottom: float
    room: float  # of the profile's labels
    names: float  # of the rows' names
    raws: list[tuple[list[str], tuple[float, float, float, float]]]  # problems; left, bottom, width, height

    @classmethod
    def of(
        cls, problems: Sequence[str], arms: Sequence[str], labels: Mapping[str, str], width: float
    ) -> _Plan:
        """Put the steps beside the profile where few data sets leave room, else below it."""
        room = 0.3 + max((drawing.text_width(text, 7.5, "bold") for text in labels.values()), default=0)
        wide = width > 6
        below = bool(labels) and (len(problems) > BESIDE or not wide)
        columns = 2 if below and wide else 1
        share = math.ceil(len(problems) / columns)
        parts = [list(problems[i * share : (i + 1) * share]) for i in range(columns)]
        row = max(0.3, (ROW if labels else 0.16) * len(arms))
        rows = _row_ticks(problems, arms, bool(labels), 0.95 if not wide else 1.4 if labels else 2.8)[1]
        names = max(drawing.text_width(line, 7.5) for name in rows for line in name.split("\n")) + 0.01
        raw = row * share
        profile = (width - PROFILE_LEFT - room - 0.1 if below else 3.0, 2.0 if below else max(raw, 2.3))
        if labels and not below:
            raw = max(raw, min(profile[1], 0.45 * share))
        left = 0.1 if below or not labels else PROFILE_LEFT + profile[0] + room
        reach = (width - left - 0.1) / columns
        raws = []
        for i, part in enumerate(parts):
            height = raw * len(part) / share
            bottom = PROFILE_LOW + raw - height if below or not labels else PROFILE_LOW + profile[1] - raw
            raws.append((part, (left + i * reach + 0.1 + names, bottom, reach - names - 0.2, height)))
        under = raw + 0.86 if below else 0.0
        body = under + (profile[1] if labels else raw) + 0.82
        return cls(body, profile, PROFILE_LOW + under, room, names, [r for r in raws if r[0]])


class _Speed(NamedTuple):
    """Times to target by seed and by arm, and the profile's numbers where there is more than one arm."""

    times: Any
    median: Any
    ratios: Any
    scores: Any
    metric: str
    origin: str
    instant: list[str]
    unit: str
    places: str  # what the problems are, in the plural
    data_sets: Mapping[str, str]  # by problem
    level: float


def _speed(data: FigureInput) -> _Speed | str:
    """Return the times on the problems whose trials have all run; why there are none in a sentence."""
    boards = data.report["leaderboard"]["problems"]
    whole = [problem for problem, board in boards.items() if not any(row["not_run"] for row in board)]
    goals = targets(data)
    goals = goals[goals["target"].notna()]
    if not len(goals):
        return "No arm has a validation score that could be a target."
    goals = goals[goals["problem"].isin(whole)]
    if not len(goals):
        return f"No {singular(data.report['problem_unit'])} has all its report trials yet."
    metric = goals["metric"].iloc[0]
    if not (data.curves["metric"] == metric).any():
        return "No report trial that has a learning curve has run."
    times = time_to_target(curve_frame(data, metric), goals, goal=goals["goal"].iloc[0])
    if not len(times):
        return "No report trial that has a learning curve has run."
    median = typical_times(times)
    median = median.reindex(index=[arm for arm in data.report["arms"] if arm in median.index])
    median = median.fillna(math.inf)
    instant = [str(problem) for problem in median.columns if (median[problem] <= 0).any()]
    timed = median.drop(columns=instant)
    ratios = scored = None
    if len(timed) > 1 and timed.shape[1] > 1:
        ratios, scored = performance_ratios(timed), performance_scores(timed)
        if not scored["score"].max() > 0:  # a profile of nobody is empty
            ratios = scored = None
    words = data.report["unit"], data.report["problem_unit"]
    sets, level = data.report["data_sets"], data.report["level"]
    return _Speed(
        times, median, ratios, scored, metric, goals["origin"].iloc[0], instant, *words, sets, level
    )


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [PerformanceProfile]
