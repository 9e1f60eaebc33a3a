"""What a step of an experiment's trials costs on each engine of this machine: is `engine = "lanes"` worth it?

For each problem the first trials of its plan that make one stack in lanes train for a moment, on one core, on
both engines by turns, as machines drift. A turn makes the steps up to the next evaluation of the losses, and
this evaluation.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from anncore.contract.registry import Registry
from anncore.contract.trial import BLAS, LANES, Trial
from anncore.engine.fusing.emit import available
from anncore.engine.lanes.choice import why_not_lanes
from anncore.engine.packing import pack
from anncore.engine.process import one_blas_thread, prepare_process
from anncore.engine.training import make_stack, rehearse, total_steps

REPETITIONS = 9
SECONDS = 5e-3  # a turn lasts at least this long
MOST_TRIALS = 64  # of a problem
Engine = Literal["blas", "lanes"]
ENGINES: tuple[Engine, ...] = (BLAS, LANES)


class EngineCost(NamedTuple):
    """What a step costs on one problem, by engine; NaN where lanes cannot compute a trial of it.

    trials: that trained side by side. left: of those looked at how many lanes cannot compute; why_not: the
    reason of the first. steps: seconds per trial-step. evaluation: the seconds of
    an evaluation as a share of the steps between two. made: seconds to write kernels, to compile them or to
    find them on disk, and to make the first step, once for each process.
    """

    problem: str
    weights: int
    trials: int
    left: int
    why_not: str
    steps: dict[str, float]
    evaluation: dict[str, float]
    made: float

    @property
    def ratio(self) -> float:
        """How many times as long a step takes on blas as in lanes."""
        return self.steps[BLAS] / self.steps[LANES]

    def to_json(self) -> dict[str, Any]:
        """Return the cost as plain JSON; what is not known is None."""
        plain = {"problem": self.problem, "weights": self.weights, "trials": self.trials}
        times = {f"us_per_trial_step_{engine}": self.steps[engine] * 1e6 for engine in ENGINES}
        shares = {f"evaluation_{engine}": self.evaluation[engine] for engine in ENGINES}
        numbers = {**times, **shares, "ratio": self.ratio, "kernels_seconds": self.made}
        known = {name: value if np.isfinite(value) else None for name, value in numbers.items()}
        return {**plain, **known, "left_to_blas": self.left, "why_not": self.why_not}


def measure_engines(
    trials: Iterable[Trial],
    registry: Registry,
    problems: int,
    *,
    repetitions: int = REPETITIONS,
    seconds: float = SECONDS,
) -> list[EngineCost]:
    """Return what a step costs on each problem, in the order of the trials; problems: how many there are."""
    chosen: dict[str, list[Trial]] = {}
    for trial in trials:
        members = chosen.setdefault(trial.problem, [])
        if len(members) < MOST_TRIALS:
            members.append(trial)
        elif len(chosen) == problems and all(len(own) == MOST_TRIALS for own in chosen.values()):
            break
    prepare_process()
    with one_blas_thread(), np.errstate(all="ignore"):
        return [_cost(members, registry, repetitions, seconds) for members in chosen.values()]


def _cost(members: Sequence[Trial], registry: Registry, repetitions: int, seconds: float) -> EngineCost:
    reasons = [_why_not(trial, registry) for trial in members]
    fitting = [trial for trial, why in zip(members, reasons, strict=True) if not why]
    engine: Engine = LANES if fitting else BLAS
    timed = max(pack(_on(fitting or members, engine), registry), key=len)
    running, made = {BLAS: _Running(_on(timed, BLAS), registry, seconds)}, np.nan
    if fitting:
        started = time.perf_counter()
        rehearse(timed, registry, set())
        made = time.perf_counter() - started
        running[LANES] = _Running(timed, registry, seconds)
    for _ in range(repetitions):
        for one in running.values():
            one.turn()
    steps: dict[str, float] = dict.fromkeys(ENGINES, np.nan)
    evaluation = dict(steps)
    for name, one in running.items():
        steps[name], evaluation[name] = one.medians()
    first = running[BLAS]
    return EngineCost(
        members[0].problem,
        first.weights,
        first.size,
        len(members) - len(fitting),
        next((why for why in reasons if why), ""),
        steps,
        evaluation,
        made,
    )


def _why_not(trial: Trial, registry: Registry) -> str:
    return why_not_lanes(trial, registry) if available() else "llvmlite does not work here"


def _on(trials: Sequence[Trial], engine: Engine) -> list[Trial]:
    return [replace(trial, train=replace(trial.train, engine=engine)) for trial in trials]


class _Running:
    """A stack in training; it begins anew where its steps end."""

    def __init__(self, trials: Sequence[Trial], registry: Registry, seconds: float) -> None:
        self._trials, self._registry, self._seconds = trials, registry, seconds
        self._times: list[tuple[float, float]] = []  # of a step of one trial, of an evaluation as a share
        self._begin()
        self.turn()  # what is slow at first does not count
        self._times.clear()

    def _begin(self) -> None:
        self._stack, self._evaluator, n_train = make_stack(self._trials, self._registry)
        self.size, self.weights = len(self._stack.trials), self._stack.theta.shape[1]
        self._steps, self._t = total_steps(self._stack.train, n_train), 0
        self._every = min(self._stack.train.eval_every, self._steps)
        self._stack.initialize()
        scores = self._evaluator.curve([])
        self._stack.observe(scores.get("valid_loss", scores["train_loss"]), 0)

    def turn(self) -> None:
        """Train for a moment, and keep what a step of a trial and an evaluation took."""
        steps, evaluations, done, count = 0.0, 0.0, 0, 0
        while steps < self._seconds:
            if self._t + self._every > self._steps:
                self._begin()
            first, self._t = self._t + 1, self._t + self._every
            started = time.perf_counter()
            self._stack.advance(first, self._t, self._steps)
            stepped = time.perf_counter()
            self._evaluator.curve([])
            evaluations += time.perf_counter() - stepped
            steps, done, count = steps + stepped - started, done + self._every, count + 1
        self._times.append((steps / done / self.size, evaluations / steps))

    def medians(self) -> tuple[float, float]:
        """Return the medians of all turns."""
        step, share = np.median(self._times, axis=0)
        return float(step), float(share)
