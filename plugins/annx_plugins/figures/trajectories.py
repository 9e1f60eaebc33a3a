"""The paths of optimizers over the contours of functions of two numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import (
    Array,
    Drawing,
    Figure,
    FigureInput,
    agreeing,
    drawing,
    hookimpl,
    joined,
    number,
)

PLACES = ("x.1", "x.2")
REACHED = 1e-6  # of f - min at the start
MOST_ARMS, MOST_FUNCTIONS, MOST_COLUMNS = 8, 6, 5
NOTE = 0.115  # inches of a line above a panel
BANDS, DOTS, FINE = 14, 125, 3  # of the contours: how many, pixels to the inch, samples to a pixel's side
Window = tuple[float, float, float, float]  # the ends of both axes, as matplotlib's extent
SHADE = (0x5B / 255, 0x87 / 255, 0xAE / 255)  # half-transparent it suits white and black paper alike


@dataclass(frozen=True)
class Trajectories(Figure):
    """Paths over contours, a row per function of two arguments and a column per arm.

    The rate is the one that tuning chose. One seed stands for all, the same for every arm of a function: the
    one whose final values lie nearest to each arm's median; where the other seeds end is marked. Contours are
    equally spaced in log(f - min), the minimum being the objective's own or else the lowest value drawn. The
    window holds start, minimum and the paths, but for excursions far beyond; a noisy objective is drawn
    without its noise. An arm reaches the minimum where, in the median over seeds, f - min falls to a
    millionth of what it was at the start.
    """

    name: ClassVar[str] = "trajectories"
    question: ClassVar[str] = "Why: which way does each arm take, and where does it end?"
    order: ClassVar[int] = 21
    section: ClassVar[str] = "data-sets"

    def draw(self, data: FigureInput) -> Drawing | str:
        functions = _functions(data)
        if not functions:
            return "No report trial on a function of two numbers has run."
        report, theme = data.report, data.theme
        arms = list(report["arms"])
        if len(arms) > MOST_ARMS:
            arms = [arm for arm in arms if theme[arm].highlighted]
        drawn = functions[:MOST_FUNCTIONS]
        title = drawing.so_far(report, self._title(functions, list(report["arms"]), report["problem_unit"]))
        every = _round_step(max(path.steps[-1] for f in drawn for path in f.paths.values()))
        subtitle = self._subtitle(data, drawn, every, arms)
        left, low, gap = 0.62, 0.3, 0.14
        columns, width = drawing.fit_columns(len(arms), MOST_COLUMNS, data.width - left - 0.16, 1.3, gap)
        lines = math.ceil(len(arms) / columns)
        columns = math.ceil(len(arms) / lines)
        width = min(2.6, (data.width - left - 0.16 - gap * (columns - 1)) / columns)
        height = min(1.75, 0.86 * width)
        notes = {(f.problem, arm): _lines(f, arm, data) for f in drawn for arm in arms}
        above = 0.07 + NOTE * max(map(len, notes.values()))
        between = 0.4 + above
        rows = len(drawn) * lines
        sheet = drawing.new_sheet(
            data.width, rows * height + (rows - 1) * between + low + 0.22 + above, title, subtitle, theme
        )
        axes = drawing.panels(
            sheet, rows * columns, columns, (width, height), left=left, bottom=low, gaps=(gap, between)
        )
        for i, function in enumerate(drawn):
            picture = function.contours(width, height)
            for j in range(lines * columns):
                ax = axes[i * lines * columns + j]
                if j >= len(arms):
                    ax.remove()
                    continue
                ax.imshow(
                    picture, extent=function.window, origin="lower", aspect="auto", interpolation="none"
                )
                _write_notes(ax, arms[j], notes[function.problem, arms[j]], theme)
                self._panel(ax, function, arms[j], data, every)
                if j % columns:
                    ax.tick_params(labelleft=False)
                else:
                    name = drawing.shorten(function.problem, height, 8.5, "bold")
                    ax.set_ylabel(name, size=8.5, weight="bold", labelpad=4)
        return Drawing(sheet, self.name, title, self._words(title, drawn, arms), subtitle)

    def _panel(self, ax: Any, function: _Function, arm: str, data: FigureInput, every: int) -> None:
        theme = data.theme
        style, ink, paper = theme[arm], theme.token("ink"), theme.token("paper")
        x_low, x_high, y_low, y_high = function.window
        ax.set(xlim=(x_low, x_high), ylim=(y_low, y_high))
        ax.grid(visible=False)
        ax.locator_params(nbins=4)
        ax.tick_params(labelsize=6.5)
        ends = function.ends(arm)
        rings = {"markerfacecolor": paper, "markeredgecolor": style.color, "markeredgewidth": 0.8}
        ax.plot(*ends.T, "o", markersize=3, zorder=4, **rings)
        ax.plot(*function.minima.T, "P", color=ink, markersize=6.5, markeredgecolor=paper, mew=0.9, zorder=5)
        path = function.paths.get(arm)
        if path is not None and len(path.places):
            x, y = path.places.T
            ax.plot(x, y, color=paper, linewidth=2.6, alpha=0.6, zorder=2.5)
            ax.plot(x, y, color=style.color, linewidth=1.3, label=arm, zorder=3)
            here = (path.steps % every == 0) & (path.steps > 0)
            ax.plot(
                x[here],
                y[here],
                style.marker if style.highlighted else "o",
                color=style.color,
                markersize=4,
                markeredgecolor=paper,
                markeredgewidth=0.5,
                zorder=3.5,
            )
            if path.diverged:
                inside = (min(max(x[-1], x_low), x_high), min(max(y[-1], y_low), y_high))
                ax.plot(
                    *inside, "x", color=theme.token("alarm"), markersize=7, mew=1.8, zorder=6, clip_on=False
                )
            ax.plot(x[:1], y[:1], "o", color=paper, markersize=6, markeredgecolor=ink, mew=1.2, zorder=5)

    def _title(self, functions: Sequence[_Function], arms: Sequence[str], units: str) -> str:
        """Say who reaches the minimum how often, and who ends lowest where nobody does."""
        if not any(math.isfinite(f.median(arm)) for f in functions for arm in arms):
            return f"Every path diverges on {_these(functions)}"
        known = [f for f in functions if len(f.minima)]
        reached = {arm: [f for f in known if f.reaches(arm)] for arm in arms}
        most = max(len(own) for own in reached.values())
        rest = [f for f in functions if not any(f in own for own in reached.values())]
        lowest: dict[str, list[str]] = {}
        for f in rest:
            best = min(arms, key=f.median)
            if math.isfinite(f.median(best)):
                lowest.setdefault(best, []).append(f.problem)
        where = [f"{arm} ends lowest on {joined(names, 3)}" for arm, names in lowest.items()]
        if len(lowest) > 2:
            arm, names = max(lowest.items(), key=lambda item: len(item[1]))
            where = [f"{arm} ends lowest on {len(names)} of the {len(rest)} others"]
            if not most:
                where = [f"{arm} ends lowest on {len(names)} of {len(rest)} {units}"]
        if not most:
            return "; ".join(where) + ("; no arm reaches a minimum" if known else "")
        best_arms = [arm for arm in arms if len(reached[arm]) == most]
        verb = "reaches" if len(best_arms) == 1 else "reach"
        said = f"{joined(best_arms, 5)} {verb} the minimum "
        said += f"of {known[0].problem}" if len(known) == 1 else f"on {most} of {len(known)} {units}"
        return "; ".join([said, *where])

    def _subtitle(
        self, data: FigureInput, drawn: Sequence[_Function], every: int, arms: Sequence[str]
    ) -> str:
        n = len(data.report["seeds"]["report"])
        said = (
            f"One marker every {every} steps from the large ring; the cross is a minimum. Contours are "
            "equally spaced in log(f − min). "
        )
        if n > 1:
            said += (
                f"Path: one of {n} seeds, per function the same for all arms, nearest to each arm's median; "
                "small rings: where the others end. "
            )
        if any(_tried(data, f.problem, arm)[1] > 1 for f in drawn for arm in arms):
            said += "Above: what tuning chose, the final value in the median seed, what diverged in tuning. "
        if any(len(f.minima) for f in drawn):
            said += "Reached: f − min at a millionth of the start's in the median seed. "
        unknown = [f.problem for f in drawn if not len(f.minima)]
        if unknown:
            said += f"No minimum is known of {joined(unknown, 3)}: the lowest value drawn stands for it. "
        left_out = [arm for arm in data.report["arms"] if arm not in arms]
        if left_out:
            said += f"Not drawn: {joined(left_out, 4)}. "
        if len(drawn) == MOST_FUNCTIONS and (more := len(_problems(data)) - MOST_FUNCTIONS) > 0:
            said += f"Not drawn: {more} more {data.report['problem_unit']}. "
        return said.rstrip()

    def _words(self, title: str, functions: Sequence[_Function], arms: Sequence[str]) -> str:
        parts = [
            f"{f.problem}: " + ", ".join(f"{arm} {_value(f.median(arm))}" for arm in arms) for f in functions
        ]
        return f"Paths over contours. {title}. Final values in the median over seeds: {'; '.join(parts)}."


class _Path(NamedTuple):
    """One trial's finite places at its recorded steps."""

    steps: Array
    places: Array
    diverged: bool


class _Function:
    """One problem: its objective, every arm's paths, which seed is shown, and what to see of the plane."""

    def __init__(self, problem: str, objective: Any, trials: Any, paths: Mapping[str, Array], column: str):
        self.problem, self._objective = problem, objective
        minimum = getattr(objective, "minimum", None)
        self.minima = np.zeros((0, 2)) if minimum is None else np.atleast_2d(np.asarray(minimum, float))
        final = trials[column].where(trials["status"] == "ok", math.inf)
        trials = trials.assign(final=final.where(trials["status"].isin(["ok", "diverged"])))
        self._ended = dict(list(trials.groupby("label")["status"]))
        self._finals = trials.pivot_table(index="seed", columns="label", values="final", sort=False)
        self._of = {
            (str(row["label"]), int(row["seed"])): _path(paths[row["key"]], row["status"] == "diverged")
            for row in trials.to_dict("records")
            if row["key"] in paths
        }
        self.seed = self._typical()
        self.paths = {arm: path for (arm, seed), path in self._of.items() if seed == self.seed}
        self.window = self._window()
        known = [self._values(self.minima)]
        if not len(self.minima):
            known = [self._grid(60, 60).ravel(), *(self._values(path.places) for path in self.paths.values())]
        self.least = float(np.concatenate(known).min())
        # Trials count their values from the minimum's where it is known.
        self._lowest_final = 0.0 if len(self.minima) else self.least

    def _typical(self) -> int:
        """Return the seed whose final values lie nearest to every arm's median, by rank."""
        seeds = list(dict.fromkeys(seed for _, seed in self._of))
        table = self._finals.reindex(seeds)
        off = (table.rank() - (table.count() + 1) / 2).abs().sum(axis=1)
        lacking = {seed: sum((arm, seed) not in self._of for arm in table.columns) for seed in seeds}
        return min(seeds, key=lambda seed: (lacking[seed], float(off[seed])))

    def median(self, arm: str) -> float:
        """Return the median final value over seeds, infinite where half of them diverged or none ended."""
        own = self._finals[arm].dropna().to_numpy(float) if arm in self._finals else np.array([])
        ordered = np.sort(own)
        if not len(ordered):
            return math.inf
        low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        return float(low + high) / 2

    def reaches(self, arm: str) -> bool:
        path = self.paths.get(arm)
        if path is None:
            return False
        first = float(self._values(path.places[:1])[0])
        return self.median(arm) - self._lowest_final <= REACHED * (first - self.least)

    def ends(self, arm: str) -> Array:
        """Return where the other seeds of an arm end, (n, 2)."""
        ends = [
            path.places[-1]
            for (label, seed), path in self._of.items()
            if label == arm and seed != self.seed and not path.diverged
        ]
        return np.array(ends).reshape(-1, 2)

    def lost(self, arm: str) -> tuple[int, int]:
        """Return how many of an arm's seeds did not finish, and of how many."""
        own = self._ended.get(arm, ())
        return sum(status != "ok" for status in own), len(own)

    def statuses(self, arm: str) -> Sequence[str]:
        return list(self._ended.get(arm, ()))

    def _window(self) -> Window:
        """Return the part of the plane to show: start, minima that paths lead to, and most of the paths."""
        paths = [path.places for path in self.paths.values()]
        ends = [path.places[-1] for path in self.paths.values() if not path.diverged]
        near = [
            self.minima[((self.minima - end) ** 2).sum(axis=1).argmin()] for end in ends if len(self.minima)
        ]
        core = np.array([paths[0][0], *(near or self.minima[:1])])
        low, high = core.min(axis=0), core.max(axis=0)
        reach = max((high - low).max(), 1e-9 * max(np.abs(core).max(), 1e-300))
        if len(core) == 1 or reach <= 1e-9 * np.abs(core).max():
            spans = [
                np.ptp(path, axis=0).max() for path, path_ in zip(paths, self.paths.values(), strict=True)
            ]
            reach = min((span for span in spans if span > 0), default=1.0)
        # The last but one of several: a single arm that leaps far away must not shrink what the others do.
        rank = 1 if len(paths) > 2 else 0
        lows, highs = (np.sort([end(path, axis=0) for path in paths], axis=0) for end in (np.min, np.max))
        lows, highs = (np.stack([path_[i], *ends]) for path_, i in ((lows, rank), (highs, -1 - rank)))
        low = np.minimum(low, np.maximum(lows.min(axis=0), low - 0.8 * reach))
        high = np.maximum(high, np.minimum(highs.max(axis=0), high + 0.8 * reach))
        # What hardly moves along one axis would be drawn as if that were all there is.
        room = np.maximum(0.45 * (high - low).max() - (high - low), 0) / 2
        pad = 0.14 * np.maximum(high - low, 0.45 * (high - low).max())
        low, high = low - room - pad, high + room + pad
        bounds = getattr(self._objective, "bounds", None)
        if bounds is not None:  # nothing is ever taken beyond them
            low, high = np.clip(low, *bounds), np.clip(high, *bounds)
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])

    def _values(self, places: Array) -> Array:
        with np.errstate(all="ignore"):  # a path that diverges leads through places that overflow
            values = self._objective.value(places[:, None, :])
        return np.where(np.isfinite(values), values, np.inf)

    def _grid(self, across: int, up: int) -> Array:
        """Return f at the middles of a grid's cells, (up, across)."""
        x_low, x_high, y_low, y_high = self.window
        x = x_low + (np.arange(across) + 0.5) / across * (x_high - x_low)
        y = y_low + (np.arange(up) + 0.5) / up * (y_high - y_low)
        return self._values(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(up, across)

    def contours(self, width: float, height: float) -> Array:
        """Return bands equally high in log(f - min) as an image (rows, columns, 4) of one colour."""
        up, across = (max(8, round(DOTS * inches)) for inches in (height, width))
        above = self._grid(across * FINE, up * FINE) - self.least
        there = above[np.isfinite(above) & (above > 0)]
        if not len(there):
            return np.zeros((up, across, 4))
        low, high = np.log(np.quantile(there, 0.004)), np.log(there.max())
        with np.errstate(all="ignore"):
            share = (np.log(np.maximum(above, 1e-300)) - low) / max(high - low, 1e-12)
        band = np.clip(np.floor(np.where(np.isfinite(share), share, 1) * BANDS), -1, BANDS - 1)
        shade = 0.08 + 0.5 * (band + 1) / BANDS
        # Between two bands runs a thin line of bare paper.
        for axis in (0, 1):
            edge = np.diff(band, axis=axis) != 0
            for side in (slice(1, None), slice(None, -1)):
                part = shade[side] if axis == 0 else shade[:, side]
                part[edge] *= 0.35
        alpha = shade.reshape(up, FINE, across, FINE).mean(axis=(1, 3))
        picture = np.empty((up, across, 4))
        # Few levels, so that the picture packs well: a report holds one for every arm.
        picture[..., :3], picture[..., 3] = SHADE, np.round(alpha * 40) / 40
        return np.round(picture * 255).astype(np.uint8)


def _path(rows: Array, diverged: bool) -> _Path:
    lost = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    last = int(lost[0]) if len(lost) else len(rows)
    return _Path(rows[:last, 0].astype(int), rows[:last, 1:], diverged)


def _problems(data: FigureInput) -> list[str]:
    """Return the problems on functions of two arguments."""
    objectives = data.objectives
    return [
        p for p in data.report["problems"] if p in objectives and int(objectives[p].dimensions) == len(PLACES)
    ]


def _functions(data: FigureInput) -> list[_Function]:
    problems = _problems(data)
    trials = data.trials[(data.trials["phase"] == "report") & data.trials["problem"].isin(problems)]
    curves = data.curves[data.curves["metric"].isin(PLACES) & data.curves["key"].isin(trials["key"])]
    if not len(curves):
        return []
    wide = curves.pivot_table(index=["key", "step"], columns="metric", values="value", dropna=False)
    if not set(PLACES) <= set(wide.columns):
        return []
    paths = {
        str(key): rows.reset_index()[["step", *PLACES]].dropna(how="all").to_numpy(float)
        for key, rows in wide.groupby(level="key", sort=False)
    }
    paths = {key: rows for key, rows in paths.items() if len(rows) and np.isfinite(rows[0]).all()}
    functions = []
    for problem in problems:
        mine = trials[trials["problem"] == problem]
        column = data.report["measures"][problem]["column"]
        if column in mine and mine["key"].isin(list(paths)).any():
            functions.append(_Function(problem, data.objectives[problem], mine, paths, column))
    return functions


def _tried(data: FigureInput, problem: str, arm: str) -> tuple[int, int]:
    """Return how many configurations diverged on a tuning seed, and how many were tried."""
    trials = data.trials
    mine = trials[(trials["phase"] == "tune") & (trials["problem"] == problem) & (trials["arm"] == arm)]
    lost = [bool((statuses == "diverged").any()) for _, statuses in mine["status"].groupby(mine["config"])]
    return sum(lost), len(lost)


def _lines(function: _Function, arm: str, data: FigureInput) -> list[tuple[str, str]]:
    """Return what is written in a panel: text and the token of its colour."""
    board = data.report["leaderboard"]["problems"][function.problem]
    config = next((row["config"] for row in board if row["arm"] == arm), "")
    path = function.paths.get(arm)
    if path is None:
        return [("no path: trial failed", "alarm")]
    # The median over seeds, which the title speaks of: one path may end lower than another arm's anyhow.
    middle = function.median(arm)
    end = f"diverged at step {path.steps[-1]}" if path.diverged else f"f = {_value(middle)}"
    lines = [(f"{config.replace('=', ' ')} · {end}" if config else end, "alarm" if path.diverged else "ink")]
    lost, tried = _tried(data, function.problem, arm)
    if tried > 1:
        names = {part.partition("=")[0] for part in config.split(", ")}
        lines.append(
            (
                f"{lost} of {tried} {'rates' if names == {'lr'} else 'values'} {agreeing(lost, 'diverge')}",
                "muted",
            )
        )
    gone, seeds = function.lost(arm)
    if gone:
        ended = "diverged" if set(function.statuses(arm)) <= {"ok", "diverged"} else "did not finish"
        lines.append((f"{gone} of {seeds} seeds {ended}", "alarm"))
    return lines


def _write_notes(ax: Any, arm: str, notes: Sequence[tuple[str, str]], theme: drawing.Theme) -> None:
    """Write the arm's name and the notes above the panel, where they cover no path."""
    width = ax.get_position().width * ax.figure.get_figwidth()
    height = ax.get_position().height * ax.figure.get_figheight()
    lines = [(drawing.shorten(text, width, 6.5), theme.token(token)) for text, token in notes]
    for place, (text, color) in enumerate(reversed(lines)):
        at = 1 + (0.03 + NOTE * place) / height
        ax.text(0, at, text, transform=ax.transAxes, size=6.5, va="bottom", color=color)
    name = drawing.shorten(arm, width, 8, "bold")
    pad = 72 * (0.06 + NOTE * len(lines))
    ax.set_title(name, size=8, weight="bold", loc="left", y=1.0, color=theme[arm].color, pad=pad)


def _value(value: float) -> str:
    return number(value, 2) if math.isfinite(value) else "diverged"


def _round_step(steps: float) -> int:
    """Return about a tenth of the steps, as 1, 2 or 5 times a power of ten."""
    tenth = max(steps / 10, 1)
    power = 10.0 ** math.floor(math.log10(tenth))
    return int(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= tenth))


def _these(functions: Sequence[_Function]) -> str:
    return joined([function.problem for function in functions], 3)


@hookimpl
def annx_figures() -> list[type[Figure]]:
    return [Trajectories]
