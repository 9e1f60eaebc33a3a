"""Sweeps for figures to draw: inputs for every figure at once, ordinary ones and hard ones.

Unlike a real sweep they hold data for every figure: scores of networks, and paths on objectives.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore.contract.kinds import Array, FigureInput, Task
from anncore.contract.trial import Status
from anncore.testing.made_up import MadeUp, Slope, endless

RATES = (0.001, 0.01, 0.1)
STEPS = 100


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


PAIRS: Mapping[str, Any] = {
    "arms": tuple(f"{first} + {second}" for first in ("a", "<b>") for second in ("$x", "y", "z")),
    "vary": ("optimizer", "schedule"),
}
PARTS: Mapping[str, type[Any]] = {"activation": Bend, "loss": Scaled}


class Made(NamedTuple):
    """One sweep to draw: its special feature, and the input of a figure."""

    label: str
    data: FigureInput


@cache
def ordinary() -> Made:
    """Return a sweep without problems: three arms tuned on two data sets, every trial ok.

    It is made once; `copied` gives a component frames of its own.
    """
    data = figure_input(_sweep())
    # What figures of two factors show is that of another sweep, on the same data sets.
    report = {**data.report, "factorial": figure_input(_sweep(**PAIRS)).report["factorial"]}
    return Made("a tuned sweep", replace(data, report=report))


@cache
def hard() -> tuple[Made, ...]:
    """Return sweeps with unusual contents, which are made once."""
    return tuple(_unusual())


def _unusual() -> Iterator[Made]:

    def case(label: str, **options: Any) -> Made:
        return Made(label, figure_input(_sweep(**options)))

    yield case("one arm on one data set", arms=("first",), problems=("near",))
    two = ("first", "second")  # where a third arm would show nothing more
    yield case("nothing tuned", arms=two, tune_seeds=(), rates=(0.01,))
    yield case("one seed", arms=two, seeds=(100,))
    yield case("one arm always diverges", status=lambda p, arm, seed: _if(arm == "first", "diverged"))
    yield case("every trial diverged", status=lambda p, arm, seed: "diverged")
    yield case("every trial failed", status=lambda p, arm, seed: "failed")
    yield case("half the seeds crashed", arms=two, status=lambda p, arm, seed: _if(seed % 2, "crashed"))
    yield case("names in markup", arms=("$\\alpha^{", "<b>&", "二"), problems=("_{", "</svg>"))
    yield case("twelve arms", arms=tuple(f"arm_{i}" for i in range(12)), seeds=(100, 101), tune_seeds=(0,))
    yield case("no trial at all", seeds=(), tune_seeds=())
    both = {**PAIRS, "problems": ("near",)}
    yield case("two factors", **both)
    lost = PAIRS["arms"][0]
    yield case("two factors with a gap", **both, status=lambda p, arm, s: _if(arm == lost, "diverged"))
    yield Made("tuning not finished", _part(1))
    yield Made("one report trial has run", _part(2 * 3 * len(RATES) + 1))
    yield Made("one data set has not run", _part(3 * (2 * len(RATES) + 6)))


def _sweep(**options: Any) -> MadeUp:
    given: dict[str, Any] = {
        "arms": ("first", "second", "third"),
        "problems": ("near", "far"),
        "seeds": tuple(range(100, 106)),
        "tune_seeds": (0, 1),
        "rates": RATES,
        "steps": STEPS,
        "whole": True,
        "report": {"success": {"at_most": 0.12}},
    }
    return MadeUp(**(given | options))


def _part(trials: int) -> FigureInput:
    """Return the input after the first trials, those of tuning first."""
    sweep = _sweep()
    rows = sweep.results().planned or ()
    return figure_input(sweep, {row.key for row in rows[:trials]})


def _if(condition: Any, status: Status) -> Status:
    return status if condition else "ok"


def copied(data: FigureInput) -> FigureInput:
    """Return a copy that shares nothing with the original."""
    report = pickle.loads(pickle.dumps(data.report))  # a fifth of the time of a deep copy
    return replace(data, trials=data.trials.copy(), curves=data.curves.copy(), report=report)


def figure_input(sweep: MadeUp, kept: set[str] | None = None) -> FigureInput:
    """Return what a figure is handed of a made-up sweep, or of its trials with the keys that are kept."""
    from anncore.evidence.study import Study
    from anncore.report.build import build_report
    from anncore.report.theme import Theme

    results = sweep.results(lambda row: kept is None or row.key in kept)
    report = build_report(results, {})
    report["importance"] = _importance(report) if report["select"]["tuned"] else None
    study = Study(results)
    ranked = [row["arm"] for row in report["leaderboard"]["overall"]]
    trials = study.all_trials.assign(label=study.all_trials["arm"])
    trials.loc[study.trials.index, "label"] = study.trials["label"]
    theme = Theme.of(report["arms"], ranked)
    components = {kind: dict(zip(sweep.arms, endless(cls), strict=False)) for kind, cls in PARTS.items()}
    return FigureInput(
        trials,
        study.curves,
        report,
        theme,
        study.options,
        components,
        maps=results.maps,
        snapshots=results.snapshots,
        moments=results.moments,
        objectives={problem: Slope() for problem in sweep.problems},
    )


def _importance(report: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a report says of hyperparameters that mattered, as a made-up sweep tunes a single one."""
    import numpy as np
    import pandas as pd

    from anncore.evidence.importance import importance
    from anncore.report.importance import importance_of

    grid = pd.MultiIndex.from_product([RATES, ["low", "high"]], names=["optimizer.lr", "schedule.start"])
    rows = []
    for problem in report["problems"]:
        for place, row in enumerate(report["leaderboard"]["overall"]):
            costs = np.log(grid.get_level_values(0).to_numpy(float)) * (place - 1.0)
            costs = costs + np.arange(len(grid)) % 2
            made = importance(grid.to_frame(), costs[:, None] + [0.0, 0.1], problem, row["arm"])
            rows += [made] if made is not None else []
    return importance_of(rows, report["problem_unit"]) if rows else None
