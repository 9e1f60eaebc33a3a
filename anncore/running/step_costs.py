"""What a step of each arm costs: every arm by itself, trained for a moment after the sweep.

A sweep trains many arms in one stack, so the time of a trial is a share of what all took together. Here an
arm's report trials of one problem make a stack of their own, of equally many for every arm, and the arms of
a problem take turns, since machines drift; the least of an arm's turns counts, as whatever else the machine
does can only add to it (as Python's `timeit` has it). Nothing is evaluated, and nothing that is learned kept.
Where the arms of a problem trained on different engines, all are timed on BLAS, as no arm is quicker for the
engine that it happened to have.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from anncore.contract.errors import RAISED_BY_PLUGINS
from anncore.contract.registry import Registry
from anncore.contract.trial import BLAS, Trial
from anncore.engine.process import one_blas_thread, prepare_process
from anncore.engine.training import make_stack, total_steps
from anncore.evidence.results import Cost

ROUNDS = 15
SECONDS = 5e-3  # a round lasts at least this long
MOST_TRIALS = 32  # in an arm's stack

LOG = logging.getLogger(__name__)


def measure_costs(
    trials: Iterable[Trial], registry: Registry, *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> list[Cost]:
    """Return what a step costs, per problem, arm and configuration, in the order of the trials."""
    problems: dict[str, dict[tuple[str, str], list[Trial]]] = {}
    for trial in trials:
        problems.setdefault(trial.problem, {}).setdefault((trial.arm, trial.config), []).append(trial)
    prepare_process()
    costs: list[Cost] = []
    with one_blas_thread(), np.errstate(all="ignore"):
        for problem, arms in problems.items():
            running = _started(problem, arms, registry, seconds)
            _take_turns(problem, running, rounds)
            costs += [_cost(problem, arm, stack) for arm, stack in running.items()]
    return costs


def _started(
    problem: str, arms: dict[tuple[str, str], list[Trial]], registry: Registry, seconds: float
) -> dict[tuple[str, str], _Running]:
    """Return the stacks of a problem's arms, all of one size; an arm that raises is left out."""
    size = min([MOST_TRIALS, *map(len, arms.values())])
    several = len({trial.train.engine for members in arms.values() for trial in members}) > 1
    running = {}
    for arm, members in arms.items():
        timed = members[:size]
        if several:
            timed = [replace(trial, train=replace(trial.train, engine=BLAS)) for trial in timed]
        try:
            running[arm] = _Running(timed, registry, seconds)
        except RAISED_BY_PLUGINS as error:  # a component's own; its trials have said it
            LOG.warning("no cost of %s on %s: %s", arm[0], problem, error)
    return running


def _take_turns(problem: str, running: dict[tuple[str, str], _Running], rounds: int) -> None:
    """Let the arms step by turns; one that raises leaves."""
    for _ in range(rounds):
        for arm in list(running):
            try:
                running[arm].round()
            except RAISED_BY_PLUGINS as error:
                LOG.warning("no cost of %s on %s: %s", arm[0], problem, error)
                del running[arm]


def _cost(problem: str, arm: tuple[str, str], stack: _Running) -> Cost:
    least, middle, high = np.percentile(stack.times, (0, 50, 75)) if stack.times else [np.nan] * 3
    return Cost(problem, *arm, float(least), float(middle), float(high), stack.size)


class _Running:
    """One arm's stack in training; it begins anew where its steps end."""

    def __init__(self, trials: Sequence[Trial], registry: Registry, seconds: float) -> None:
        self._trials, self._registry, self._seconds = trials, registry, seconds
        self.times: list[float] = []
        self._begin()
        self.round()  # what is slow at first is not the arm's
        self.times.clear()

    def _begin(self) -> None:
        self._stack, evaluator, n_train = make_stack(self._trials, self._registry)
        self.size = len(self._stack.trials)
        self._steps, self._t = total_steps(self._stack.train, n_train), 0
        self._stack.initialize()
        if "valid_loss" in (curve := evaluator.curve([])):
            self._stack.observe(curve["valid_loss"], 0)

    def round(self) -> None:
        """Step for a moment, and keep what a step of a trial took."""
        spent, done = 0.0, 0
        while spent < self._seconds:
            if self._t == self._steps:
                self._begin()
            chunk = min(16, self._steps - self._t)
            started = time.perf_counter()
            self._stack.advance(self._t + 1, self._t + chunk, self._steps)
            spent += time.perf_counter() - started
            self._t, done = self._t + chunk, done + chunk
        self.times.append(spent / done / self.size)
