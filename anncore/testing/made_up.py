"""Made-up sweeps: results that no trial was run for, every number from a formula.

`MadeUp` says what a sweep asks and how its trials end; `results` returns what `sweep` would. Tables, figures
and reports are tested with them, here and by the conformance kit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from anncore.contract.kinds import Array, Objective, Task
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import Phase, PlannedRow, Split, Status, Train, TrialResult
from anncore.engine.decision_maps import DecisionMap, quantized
from anncore.evidence.curves import curves_frame
from anncore.evidence.measures import with_floor_steps
from anncore.evidence.results import Cost, PlanSummary, Results, trials_frame
from anncore.evidence.selection import select, with_fresh_scores
from anncore.experiment.model import Entry, Experiment, Limits, Select

if TYPE_CHECKING:
    import pandas as pd

SIDE = 12  # cells of a map
EVERY = 10  # steps between two evaluations

StatusOf = Callable[[str, str, int], Status]
"""How a report trial ends, from its problem, arm and seed."""
ScoreOf = Callable[[str, str, int], float]
"""The validation loss of a report trial, from its problem, arm and seed."""


@dataclass(frozen=True)
class Idle:
    """Return the share of idle units."""

    name: ClassVar[str] = "idle"
    goal: ClassVar[str] = "min"
    bounds: ClassVar[str] = "[0, 1]"
    watches: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ()


@dataclass(frozen=True)
class Flow:
    """Size of what flows through a layer."""

    name: ClassVar[str] = "flow"
    goal: ClassVar[str] = "min"
    bounds: ClassVar[str] = "[0, inf)"
    watches: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ()


@dataclass(frozen=True)
class Slope(Objective):
    """An objective: a bowl of two numbers, steeper one way than the other."""

    name: ClassVar[str] = "slope"
    dimensions: ClassVar[int] = 2
    minimum: ClassVar[Array | None] = np.zeros(2)

    def start(self, rng: np.random.Generator) -> Array:
        """Return where a trial starts."""
        return np.array([-1.0, 1.0])

    def value(self, x: Array) -> Array:
        """Return f(x), (T,)."""
        return (x * x * [1.0, 9.0]).sum(axis=(1, 2))

    def grad(self, x: Array) -> Array:
        """Return its gradient."""
        return 2 * x * [1.0, 9.0]


WATCHED = tuple(Registered("metric", cls.name, cls, "made_up", "1", "made_up") for cls in (Flow, Idle))
OBJECTIVE = Registered("objective", Slope.name, Slope, "made_up", "1", "made_up")


class _Point(NamedTuple):
    """Where a trial stands in the plan."""

    phase: Phase
    problem: str
    arm: str
    rate: float
    seed: int


class _Trials(NamedTuple):
    """All trials of a sweep, in plan order, with what became of them."""

    rows: list[PlannedRow]
    results: dict[str, TrialResult]
    maps: dict[str, DecisionMap]
    moments: dict[str, dict[int, DecisionMap]]


@dataclass(frozen=True)
class MadeUp:
    """A sweep over optimizers and their learning rates that never ran.

        loss = exp(level of the problem + lag of the arm + 0.35 log10(rate / best rate)² + noise of the seed)

    The last arm has no lag, so it is the best, and the best rate is the middle one. Where there are
    `tune_seeds`, each arm's best rate is chosen and reported on `seeds`; else every rate is. Tuning trials of
    the first two arms diverge at rates from 1.

    metric, goal: what configurations are chosen by, on validation. status, score: how a report trial ends and
    its validation loss; by default all end well. regression: the problems that have an RMSE, where the others
    have an accuracy. datasets: the data set's label of a problem, where that is a variant. report: the
    experiment's [report] table. vary: the factors of which the arms' names hold levels. functions: whether
    objectives are minimised in place of training networks. whole: whether the trials hold all that any figure
    looks at: watched metrics, decision maps (also along the way), paths, costs of steps. registry: what is
    installed.
    """

    arms: Sequence[str]
    problems: Sequence[str]
    seeds: Sequence[int] = tuple(range(100, 110))
    tune_seeds: Sequence[int] = (0, 1, 2)
    rates: Sequence[float] = (1e-3, 1e-2, 1e-1, 1.0)
    metric: str = "valid_loss"
    goal: Any = "min"
    status: StatusOf | None = None
    score: ScoreOf | None = None
    regression: Sequence[str] = ()
    datasets: Mapping[str, str] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 500
    title: str = "Which optimizer wins on small MLPs?"
    vary: Sequence[str] = ("optimizer",)
    functions: bool = False
    whole: bool = False
    registry: Registry = field(default_factory=lambda: Registry(WATCHED, ()))

    def results(self, kept: Callable[[PlannedRow], bool] = lambda row: True) -> Results:
        """Return what the sweep found so far: the results of the planned trials that are `kept`.

        As in a real sweep nothing is chosen before all tuning trials have a result.
        """
        rows, every, maps, moments = self._trials
        ended = {row.key: every[row.key] for row in rows if kept(row)}
        experiment = self._experiment
        curves = curves_frame(ended.values(), [row.key for row in rows])
        trials = with_floor_steps(trials_frame(rows, ended), curves, experiment)
        tuned = all(row.key in ended for row in rows if row.phase == "tune")
        return Results(
            experiment,
            PlanSummary(tuple(self.arms), tuple(self.problems), {"total": len(rows)}),
            trials,
            curves,
            self._selection(trials if tuned else trials.iloc[:0]),
            maps={key: learned for key, learned in maps.items() if key in ended},
            moments={key: by_step for key, by_step in moments.items() if key in ended},
            costs=self._costs(trials) if self.whole else (),
            planned=tuple(rows),
        )

    @cached_property
    def _trials(self) -> _Trials:
        trials = _Trials([], {}, {}, {})
        losses = _Losses(self)
        for problem, arm in itertools.product(self.problems, self.arms):
            rates = list(self.rates)
            if self.tune_seeds:
                means: dict[float, float] = {}
                for rate in self.rates:
                    points = [_Point("tune", problem, arm, rate, seed) for seed in self.tune_seeds]
                    results = [self._add(trials, point, losses.of(point)) for point in points]
                    worst = [result.metrics["valid_loss"] for result in results]
                    means[rate] = float(np.mean([math.inf if math.isnan(loss) else loss for loss in worst]))
                rates = [min(means, key=lambda rate: means[rate])]
            for rate, seed in itertools.product(rates, self.seeds):
                point = _Point("report", problem, arm, rate, seed)
                self._add(trials, point, losses.of(point))
        trials.rows.sort(key=lambda row: row.phase != "tune")  # as a sweep runs them
        return trials

    def _add(self, trials: _Trials, point: _Point, loss: float) -> TrialResult:
        key = f"{len(trials.rows):064x}"
        where = self.datasets.get(point.problem, point.problem)
        labels = {"objective": where} if self.functions else {"dataset": where, "network": "mlp"}
        config = f"lr={point.rate:g}" if len(self.rates) > 1 else ""
        trials.rows.append(
            PlannedRow(
                key,
                point.phase,
                point.problem,
                point.arm,
                config,
                {**labels, "optimizer": point.arm},
                {"optimizer.lr": point.rate},
                point.seed,
            )
        )
        result = self._result(key, point, loss)
        trials.results[key] = result
        if self.whole and point.phase == "report" and result.status == "ok" and not self.functions:
            place = list(self.problems).index(point.problem)
            arm = list(self.arms).index(point.arm)
            trials.maps[key] = _map(point.problem, 2 + place, arm, point.seed)
            # In the beginning the borders lean more.
            leaning = {0: 12, self.steps // 10: 6, self.steps // 2: 1, self.steps: 0}
            trials.moments[key] = {
                step: _map(point.problem, 2 + place, arm + more, point.seed) for step, more in leaning.items()
            }
        return result

    def _status(self, point: _Point) -> Status:
        if point.phase == "tune":
            return "diverged" if point.rate >= 1.0 and point.arm in list(self.arms)[:2] else "ok"
        return "ok" if self.status is None else self.status(point.problem, point.arm, point.seed)

    def _result(self, key: str, point: _Point, loss: float) -> TrialResult:
        status, place = self._status(point), list(self.arms).index(point.arm)
        seconds = 0.01 * (1 + place) if self.whole else 0.01
        error = "Traceback\nValueError: bad <b>luck</b>" if status in ("failed", "crashed") else ""
        steps, curves = self._curves(point, status, loss) if status in ("ok", "diverged") else ((), {})
        metrics = self._metrics(point, loss if status == "ok" else math.nan)
        return TrialResult(
            key, status, metrics, steps, curves, self.steps, error=error, train_seconds=seconds
        )

    def _metrics(self, point: _Point, loss: float) -> dict[str, float]:
        """Return the metrics of a trial by column, on validation, and on test too in the report phase."""
        metrics = {"train_loss": 0.8 * loss, "valid_loss": loss}
        splits = ["valid"]
        if point.phase == "report":
            metrics["test_loss"] = 1.05 * loss
            splits.append("test")
        if self.functions or math.isnan(loss):
            return metrics
        name, value = "accuracy", float(np.clip(1 - loss / 2.5, 0, 1))
        if point.problem in self.regression:
            name, value = "rmse", math.sqrt(loss)
        return metrics | {f"{split}_{name}": value for split in splits}

    def _curves(
        self, point: _Point, status: Status, loss: float
    ) -> tuple[tuple[int, ...], dict[str, tuple[float, ...]]]:
        """Return a report trial's evaluations and its curves: a decay to its loss, or a divergence."""
        if point.phase == "tune":
            return (), {}
        at = np.unique(np.concatenate([np.arange(0, self.steps + 1, EVERY), [self.steps]]))
        lag = 0.18 * (len(self.arms) - 1 - list(self.arms).index(point.arm))
        path = loss + (1.2 - min(loss, 1.1)) * np.exp(-at / (60 * (1 + lag)))
        if status == "diverged":
            path = path * np.exp(at / 50)
            at, path = at[: len(at) // 2], path[: len(path) // 2]
        curves = {"train_loss": path * 0.8, "valid_loss": path}
        if self.whole and not self.functions:
            # More units idle, and the flow fades, from layer to layer.
            for layer in (1, 2, 3):
                curves[f"train_idle.{layer}"] = np.minimum(1.0, layer * at / (4 * self.steps))
                curves[f"train_flow.{layer}"] = loss * 10.0 ** (layer - 3 - path)
        if self.whole:
            curves |= {"x.1": -path, "x.2": path - 0.5}
        return tuple(at.tolist()), {name: tuple(values.tolist()) for name, values in curves.items()}

    def _selection(self, trials: pd.DataFrame) -> pd.DataFrame:
        """Choose by the metric; on problems that do not have it, by the loss."""
        import pandas as pd

        tune, report = (trials[trials["phase"] == phase] for phase in ("tune", "report"))
        by_loss = Select("valid_loss", "min")
        parts = []
        for problem in self.problems:
            mine = tune[tune["problem"] == problem]
            known = self.metric in mine and mine[self.metric].notna().any()
            parts.append(select(mine, self._experiment.select if known else by_loss))
        chosen = pd.concat([part for part in parts if len(part)] or parts[:1] or [select(tune, by_loss)])
        return with_fresh_scores(chosen.reset_index(drop=True), report, self.metric)

    def _costs(self, trials: pd.DataFrame) -> tuple[Cost, ...]:
        """Return what a step costs: each arm's twice as much as the first one's, three times, ..."""
        report = trials[trials["phase"] == "report"]
        ran = report[["problem", "arm", "config"]].drop_duplicates().itertuples(index=False, name=None)
        seconds = {arm: 2e-5 * (1 + place) for place, arm in enumerate(self.arms)}
        return tuple(
            Cost(problem, arm, config, cost, 1.1 * cost, 1.2 * cost, len(self.seeds))
            for problem, arm, config in ran
            for cost in [seconds[arm]]
        )

    @cached_property
    def _experiment(self) -> Experiment:
        watched = WATCHED if self.whole and not self.functions else ()
        objectives = [Entry("objective", self.datasets.get(p, p), OBJECTIVE) for p in self.problems]
        return Experiment(
            name="optimizers",
            title=self.title,
            question="Which optimizer is best on small networks?",
            path=None,
            base=Path(),
            text='title = "t"\nvary = ["optimizer"]\n',
            document={"title": "t", "report": dict(self.report)},
            overrides=(),
            only=(),
            skip=(),
            quick=False,
            vary=tuple(self.vary),
            train=Train(steps=self.steps, watch=tuple(component.full_name for component in watched)),
            split=Split(),
            sweep_seed=0,
            tune_seeds=tuple(self.tune_seeds),
            report_seeds=tuple(self.seeds),
            select_metric=self.metric,
            select_goal=self.goal,
            selection=Select(self.metric, self.goal),
            entries={"objective": tuple(objectives)} if self.functions else {},
            search=None,
            exclude=(),
            include=(),
            limits=Limits(),
            report=dict(self.report),
            plugin_files=(),
            registry=self.registry,
        )


class _Losses:
    """The validation losses of a made-up sweep's trials, drawn in plan order."""

    def __init__(self, made: MadeUp) -> None:
        rng = np.random.default_rng(5)
        seeds = (*made.tune_seeds, *made.seeds)
        self.made, self.rng = made, rng
        self.level = {problem: rng.normal(-1.5, 0.6) for problem in made.problems}
        self.lag = {arm: 0.18 * (len(made.arms) - 1 - place) for place, arm in enumerate(made.arms)}
        self.shared = {pair: rng.normal(0, 0.15) for pair in itertools.product(made.problems, seeds)}

    def of(self, point: _Point) -> float:
        """Return the loss of the next trial."""
        rates = self.made.rates
        off = 0.35 * abs(math.log10(point.rate / rates[len(rates) // 2])) ** 2
        noise = self.shared[point.problem, point.seed] + self.rng.normal(0, 0.08)
        loss = math.exp(self.level[point.problem] + self.lag[point.arm] + off + noise)
        if point.phase == "report" and self.made.score is not None:
            return self.made.score(point.problem, point.arm, point.seed)
        return loss


def _map(problem: str, classes: int, arm: int, seed: int) -> DecisionMap:
    """Return classes side by side; their borders lean with the arm and move with the seed."""
    steps = (np.arange(SIDE) + 0.5) / SIDE
    along = steps[None, :] + 0.05 * arm * steps[:, None] + 0.04 * math.sin(7.3 * seed)
    likely = np.exp(-(((along[..., None] - (np.arange(classes) + 0.5) / classes) * 2 * classes) ** 2))
    shares = (likely / likely.sum(axis=2, keepdims=True)).reshape(SIDE * SIDE, classes)
    levels = quantized(shares[:, 1:] if classes == 2 else shares)
    assert levels is not None
    levels = levels.reshape(-1, SIDE, SIDE)
    examples = np.column_stack([(np.arange(classes) + 0.5) / classes, np.full(classes, 0.5)])
    labels = np.arange(classes)
    for array in (levels, examples, labels):
        array.flags.writeable = False
    names = tuple(f"{problem} {k}" for k in range(classes))
    return DecisionMap(("x1", "x2"), names, (0.0, 0.0), (1.0, 1.0), levels, examples, labels)


def endless(cls: type[Any]) -> Iterator[Any]:
    """Yield components without end: a figure must handle one for each arm."""
    return (cls(0.5 + 0.1 * i) for i in itertools.count())
