"""Made-up sweeps for figures to draw: the frames of real sweeps, with every number from a formula.

Unlike a real sweep they hold data for every figure: scores of networks, and paths on objectives.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore.contract.kinds import Array, FigureInput, Task
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import Phase, PlannedRow, Split, Status, Train, TrialResult
from anncore.engine.decision_maps import DecisionMap, quantized
from anncore.evidence.results import Cost, PlanSummary, Results, curves_frame, trials_frame
from anncore.evidence.selection import select, with_fresh_scores
from anncore.experiment.model import Experiment, Limits, Select

STEPS = (0, 10, 20, 50, 100)
RATES = (0.001, 0.01, 0.1)
SIDE = 12  # cells of a map
TUNE = (0, 1)

StatusOf = Callable[[str, int], Status]
"""The status of a report trial, from its arm and its seed."""


@dataclass(frozen=True)
class Bend:
    """An activation with a kink: z above 0, slope z below."""

    slope: float
    name: ClassVar[str] = "bend"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, z: Array) -> Array:
        """Return f(z)."""
        return np.where(z > 0, z, self.slope * z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return grad f'(z)."""
        return grad * np.where(z > 0, 1.0, self.slope)


@dataclass(frozen=True)
class Scaled:
    """A loss for regression: the squared error, scaled."""

    scale: float
    name: ClassVar[str] = "scaled"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "made_up"}

    def value(self, output: Array, target: Array) -> Array:
        """Return the mean loss, (T,)."""
        return self.scale * ((output - target) ** 2).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        """Return its gradient."""
        return 2 * self.scale * (output - target) / (output.shape[1] * output.shape[2])


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


WATCHED = tuple(Registered("metric", cls.name, cls, "made_up", "1", "made_up") for cls in (Flow, Idle))


@dataclass(frozen=True)
class Slope:
    """An objective: a bowl of two numbers, steeper one way than the other."""

    name: ClassVar[str] = "slope"
    dimensions: ClassVar[int] = 2
    minimum: ClassVar[tuple[float, ...]] = (0.0, 0.0)

    def start(self, rng: np.random.Generator) -> Array:
        """Return where a trial starts."""
        return np.array([-1.0, 1.0])

    def value(self, x: Array) -> Array:
        """Return f(x), (T,)."""
        return (x * x * [1.0, 9.0]).sum(axis=(1, 2))

    def grad(self, x: Array) -> Array:
        """Return its gradient."""
        return 2 * x * [1.0, 9.0]


PARTS: Mapping[str, type[Any]] = {"activation": Bend, "loss": Scaled}


class Made(NamedTuple):
    """One sweep to draw: its special feature, and the input of a figure."""

    label: str
    data: FigureInput


def ordinary() -> Made:
    """Return a sweep without problems: three arms tuned on two data sets, every trial ok."""
    return Made("a tuned sweep", _input())


def hard() -> Iterator[Made]:
    """Yield sweeps with unusual contents."""
    yield Made("one arm on one data set", _input(arms=("first",), problems=("near",)))
    yield Made("nothing tuned", _input(tune=()))
    yield Made("one seed", _input(seeds=(100,)))
    yield Made("one arm always diverges", _input(status=lambda arm, seed: _if(arm == "first", "diverged")))
    yield Made("every trial diverged", _input(status=lambda arm, seed: "diverged"))
    yield Made("every trial failed", _input(status=lambda arm, seed: "failed"))
    yield Made("half the seeds crashed", _input(status=lambda arm, seed: _if(seed % 2, "crashed")))
    yield Made("names in markup", _input(arms=("$\\alpha^{", "<b>&", "二"), problems=("_{", "</svg>")))
    yield Made("twelve arms", _input(arms=tuple(f"arm_{i}" for i in range(12)), seeds=(100, 101), tune=(0,)))
    yield Made("no trial at all", _input(seeds=(), tune=()))


def _if(condition: Any, status: Status) -> Status:
    return status if condition else "ok"


def copied(data: FigureInput) -> FigureInput:
    """Return a copy that shares nothing with the original."""
    return replace(
        data, trials=data.trials.copy(), curves=data.curves.copy(), report=copy.deepcopy(data.report)
    )


def _input(
    arms: tuple[str, ...] = ("first", "second", "third"),
    problems: tuple[str, ...] = ("near", "far"),
    seeds: tuple[int, ...] = tuple(range(100, 106)),
    tune: tuple[int, ...] = TUNE,
    status: StatusOf = lambda arm, seed: "ok",
) -> FigureInput:
    """Return the input of a figure for a sweep over `arms` and `problems`."""
    from anncore.evidence.study import Study
    from anncore.report.build import build_report
    from anncore.report.theme import Theme

    results = _results(arms, problems, seeds, tune, status)
    report = build_report(results, {})
    study = Study(results)
    ranked = [row["arm"] for row in report["leaderboard"]["overall"]]
    trials = study.all_trials.assign(label=study.all_trials["arm"])
    trials.loc[study.trials.index, "label"] = study.trials["label"]
    theme = Theme.of(report["arms"], ranked)
    components = {kind: dict(zip(arms, _parts(cls), strict=False)) for kind, cls in PARTS.items()}
    return FigureInput(
        trials,
        study.curves,
        report,
        theme,
        study.options,
        components,
        maps=results.maps,
        objectives={problem: Slope() for problem in problems},
    )


def _parts(cls: type[Any]) -> Iterator[Any]:
    """Yield components without end: a figure must handle one for each arm."""
    return (cls(0.5 + 0.1 * i) for i in itertools.count())


def _results(
    arms: tuple[str, ...],
    problems: tuple[str, ...],
    seeds: tuple[int, ...],
    tune: tuple[int, ...],
    status: StatusOf,
) -> Results:
    rows: list[PlannedRow] = []
    results: list[TrialResult] = []
    maps: dict[str, DecisionMap] = {}

    def add(phase: Phase, problem: str, arm: str, rate: float, seed: int, status: Status) -> None:
        labels = {"dataset": problem, "network": "mlp", "optimizer": arm}
        key = f"{len(rows):064x}"
        config = f"lr={rate:g}" if tune else ""
        rows.append(PlannedRow(key, phase, problem, arm, config, labels, {"optimizer.lr": rate}, seed))
        # A level for the data set, a lag for the arm, a valley over the rate, and a wobble for the seed.
        level = 0.3 + 0.2 * problems.index(problem) + 0.05 * arms.index(arm)
        loss = level * (1 + 0.3 * math.log10(rate / RATES[1]) ** 2) * (1 + 0.1 * math.sin(7.3 * seed))
        seconds = 0.01 * (1 + arms.index(arm))
        results.append(_result(key, status, loss, seconds, report=phase == "report"))
        if phase == "report" and status == "ok":
            maps[key] = _map(problem, 2 + problems.index(problem), arms.index(arm), seed)

    for problem in problems:
        for arm in arms:
            for rate in RATES if tune else ():
                for seed in tune:
                    add("tune", problem, arm, rate, seed, "ok")
            for seed in seeds:
                add("report", problem, arm, RATES[1], seed, status(arm, seed))
    frame = trials_frame(rows, {result.key: result for result in results})
    experiment = _experiment(seeds, tune)
    phases = [frame[frame["phase"] == phase] for phase in ("tune", "report")]
    selection = with_fresh_scores(select(phases[0], experiment.select), phases[1], experiment.select.metric)
    curves = curves_frame(results, [row.key for row in rows])
    plan = PlanSummary(arms, problems, {"total": len(rows)})
    config = f"lr={RATES[1]:g}" if tune else ""
    seconds = [2e-5 * (1 + i) for i in range(len(arms))]
    costs = tuple(
        Cost(problem, arm, config, cost, 1.1 * cost, 1.2 * cost, len(seeds))
        for problem in problems
        for arm, cost in zip(arms, seconds, strict=True)
    )
    return Results(experiment, plan, frame, curves, selection, maps=maps, costs=costs)


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


def _result(key: str, status: Status, loss: float, seconds: float, report: bool) -> TrialResult:
    if status not in ("ok", "diverged"):
        return TrialResult(key, status, error="ValueError: no luck")
    steps = STEPS if status == "ok" else STEPS[:3]
    end = -1 / 30 if status == "ok" else 1 / 10
    path = [loss + float(np.exp(end * step)) for step in steps]
    curves = {"train_loss": tuple(0.8 * value for value in path), "valid_loss": tuple(path)}
    if report:
        # More units idle, and the flow fades, from layer to layer.
        for layer in (1, 2, 3):
            idle = [min(1.0, layer * step / 400) for step in steps]
            curves[f"train_idle.{layer}"] = tuple(idle)
            curves[f"train_flow.{layer}"] = tuple(loss * 10.0 ** (layer - 3 - value) for value in idle)
    done = loss if status == "ok" else math.nan
    metrics = {"train_loss": 0.8 * done, "valid_loss": done}
    if report:
        metrics["test_loss"] = 1.1 * done
        curves |= {"x.1": tuple(-value for value in path), "x.2": tuple(value - 0.5 for value in path)}
    return TrialResult(key, status, metrics, steps, curves, steps[-1], train_seconds=seconds)


def _experiment(seeds: tuple[int, ...], tune: tuple[int, ...]) -> Experiment:
    return Experiment(
        name="made_up",
        title="A made-up sweep",
        question="Which is best?",
        path=None,
        base=Path(),
        text="",
        document={},
        overrides=(),
        only=(),
        skip=(),
        quick=False,
        vary=("optimizer",),
        train=Train(steps=STEPS[-1], watch=tuple(component.full_name for component in WATCHED)),
        split=Split(),
        sweep_seed=0,
        tune_seeds=tune,
        report_seeds=seeds,
        select_metric="valid_loss",
        select_goal="min",
        selection=Select("valid_loss", "min"),
        entries={"loss": ()},
        search=None,
        exclude=(),
        include=(),
        limits=Limits(),
        report={},
        plugin_files=(),
        registry=Registry(WATCHED, ()),
    )
