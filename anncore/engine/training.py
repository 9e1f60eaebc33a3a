"""Training: a stack of trials in, one result per trial out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from anncore.contract.columns import metric_column
from anncore.contract.float_maps import numbers_of
from anncore.contract.hyperparameters import build
from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.contract.trial import Status, Train, Trial, TrialResult
from anncore.engine.batches import total_steps as total_steps
from anncore.engine.evaluation import History, of_one_sign
from anncore.engine.problem import PROBLEMS, problem_of
from anncore.engine.process import one_blas_thread, prepare_process

Beat = Callable[[Callable[[], float]], None]
"""Called after every step with a function that tells how many trials are done, parts of trials included."""


MOST_STEPS = 200
"""The steps of one call where a stack makes several at once, so that progress and time are looked at."""


def train_stack(trials: Sequence[Trial], registry: Registry, beat: Beat | None = None) -> list[TrialResult]:
    """Train trials of equal shapes at once; return their results in the same order.

    Each result is bit for bit what the trial gives alone. A trial whose training or validation loss becomes
    NaN or infinite stops there and is `diverged`. So is one whose optimizer's state is no longer finite, with
    the reason in `error`, and one that ends with a training, validation or test loss that is not finite or
    above `train.diverged_above` times the training loss of always predicting the mean training target (for an
    objective, the value at its start). An exception raised by a component is not caught, nor one raised by
    `beat`.
    """
    prepare_process()
    with one_blas_thread(), np.errstate(all="ignore"):
        data = _loaded(trials, registry)
        started = time.perf_counter()
        rows: dict[tuple[Any, ...], list[int]] = {}
        shapes = _shapes(trials, data)
        for row in range(len(trials)):
            rows.setdefault(shapes[row], []).append(row)
        results: dict[int, TrialResult] = {}
        aside = 0.0
        for group in rows.values():
            run = _Run([trials[row] for row in group], registry, [data[row] for row in group])
            results.update(zip(group, run.train(beat, len(results)), strict=True))
            aside += run.aside
    share = (time.perf_counter() - started - aside) / len(trials)
    return [results[row]._replace(train_seconds=share) for row in range(len(trials))]


def rehearse(trials: Sequence[Trial], registry: Registry, known: set[tuple[str, ...]]) -> None:
    """Do what a process does once, so that no trial's time counts it: import, make data, compile formulas.

    One trial of every structure that is not `known` yet makes its first step and its last evaluation, for
    nothing; `known` grows by these. Raises what a component raises.
    """
    prepare_process()
    with one_blas_thread(), np.errstate(all="ignore"):
        data = _loaded(trials, registry)
        shapes = _shapes(trials, data)
        looked_at: set[tuple[Any, ...]] = set()  # trials of one configuration share their parts
        for row, trial in enumerate(trials):
            same = id(trial.parts), id(trial.train), shapes[row]
            if same in looked_at:
                continue
            looked_at.add(same)
            structure = (trial.train.text, repr(shapes[row]), *problem_of(trial).order(trial, registry))
            if structure in known:
                continue
            known.add(structure)
            run = _Run([trial], registry, [data[row]])
            steps = total_steps(trial.train, run.n_train)
            run.stack.initialize()
            run.evaluate(0, steps)
            if len(run.active):
                run.stack.step(1, steps)
                run.evaluate(steps, steps)


def _loaded(trials: Sequence[Trial], registry: Registry) -> list[Any]:
    """Return each trial's data, as its problem loads them."""
    problems = [problem_of(trial) for trial in trials]
    loaded: dict[int, Any] = {}
    for problem in PROBLEMS:
        rows = [row for row, mine in enumerate(problems) if mine is problem]
        loaded.update(zip(rows, problem.load([trials[row] for row in rows], registry), strict=True))
    return [loaded[row] for row in range(len(trials))]


def _shapes(trials: Sequence[Trial], data: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the shapes of each trial's data; many trials have the same data."""
    known: dict[int, tuple[Any, ...]] = {}
    for trial, mine in zip(trials, data, strict=True):
        if id(mine) not in known:
            known[id(mine)] = problem_of(trial).shapes_of(mine)
    return [known[id(mine)] for mine in data]


def make_stack(trials: Sequence[Trial], registry: Registry) -> tuple[Any, Any, int]:
    """Return the stack of those trials whose shapes are the first one's, its evaluator, and its examples."""
    data = _loaded(trials, registry)
    shapes = _shapes(trials, data)
    alike = [row for row, shape in enumerate(shapes) if shape == shapes[0]]
    run = _Run([trials[row] for row in alike], registry, [data[row] for row in alike])
    return run.stack, run.evaluator, run.n_train


def moments_of(train: Train, steps: int) -> set[int]:
    """Return the steps at which `maps_at` asks for maps.

    Of a number, so many moments from before the first step to the last one, as squares: networks change most
    in the beginning. Of several steps, those that the training has.
    """
    asked = train.maps_at
    if isinstance(asked, int):
        return {round(steps * (i / (asked - 1)) ** 2) for i in range(asked)} if asked else set()
    return {step for step in asked if step <= steps}


def _exploded(losses: Array, limits: Array) -> Array:
    """Say of which trials a final loss (T, splits) is not finite or above the limit, (T,); a limit that is
    NaN or 0 sets none.
    """
    bounds = np.where(np.isfinite(limits) & (limits > 0), limits, math.inf)
    return np.asarray(~(np.isfinite(losses) & (losses <= bounds[:, None])).all(axis=1))


class _Stopping:
    """Tells which trials stop early: at their target loss, or after too long without improvement."""

    def __init__(self, train: Train, trials: int) -> None:
        self._stop = train.stop
        self._best = np.full(trials, np.inf)
        self._waited = np.zeros(trials, int)

    def reasons(self, rows: Array, columns: dict[str, Array]) -> dict[int, str]:
        """Return why training ends for those of the trials `rows` for which it does, by place in `rows`."""
        stop, reasons = self._stop, {}
        if stop.patience is not None:
            value = columns[stop.monitor]
            better = value < self._best[rows] - stop.min_delta
            self._best[rows] = np.where(better, value, self._best[rows])
            self._waited[rows] = np.where(better, 0, self._waited[rows] + 1)
            reasons = dict.fromkeys(np.flatnonzero(self._waited[rows] >= stop.patience).tolist(), "patience")
        if stop.loss is not None:
            reasons |= dict.fromkeys(np.flatnonzero(columns["train_loss"] <= stop.loss).tolist(), "loss")
        return reasons


class _Run:
    """The training of one stack; trials leave it when they are finished."""

    def __init__(self, trials: list[Trial], registry: Registry, data: list[Any]) -> None:
        self.trials = trials
        self.settings = trials[0].train
        self.problem = problem_of(trials[0])
        self.n_train = self.problem.examples(data[0])
        self.stack = self.problem.stack(trials, registry, data)
        self.evaluator = self.problem.evaluator(self.stack)
        self.rows = np.arange(len(trials))  # the trial at each row of the stack
        self.active = np.arange(len(trials))  # the rows of the stack whose trials still train
        self.history = History(len(trials))
        self.stopping = _Stopping(self.settings, len(trials))
        self.results: dict[int, TrialResult] = {}
        self.moments: dict[int, list[tuple[int, bytes]]] = {}  # by trial, maps along the way
        self.aside = 0.0  # seconds spent on maps and snapshots, which are no part of any trial's time
        fitting = self.problem.metrics(data[0], registry, self.stack)
        given = self.settings.metrics
        scoring = [
            (component, build(component.cls, **given.get(component.full_name, {})))
            for component in fitting
            if not component.cls.watches
        ]
        self.metrics = [metric for _, metric in scoring]
        self.watching = [
            build(registry.get("metric", name).cls, **given.get(name, {})) for name in self.settings.watch
        ]
        self.probes = any(metric.probes for metric in self.watching)
        self.curve_metrics = [
            metric
            for component, metric in scoring
            if metric.curve or component.full_name in self.settings.curves
        ]

    def train(self, beat: Beat | None = None, before: int = 0) -> list[TrialResult]:
        """Train all trials to their end; `before` trials were done when this run began."""
        steps = total_steps(self.settings, self.n_train)
        moments = moments_of(self.settings, steps)
        self.stack.initialize()
        self.keep_moment(0, moments)
        self.evaluate(0, steps)
        t = 0
        while t < steps and len(self.active):
            first, t = t + 1, self.until(t, steps, moments)
            evaluates = t % self.settings.eval_every == 0 or t == steps
            if evaluates and self.probes and first < t:
                first, t, evaluates = first, t - 1, False  # what the last step changes is asked for
            weights = self.stack.theta.copy() if evaluates and self.probes else None
            self.stack.advance(first, t, steps)
            self.keep_moment(t, moments)
            if evaluates:
                self.evaluate(t, steps, weights)
            if beat is not None:
                beat(lambda t=t: before + self.done(t / steps))  # type: ignore[misc]
        return [self.results[index] for index in range(len(self.trials))]

    def until(self, t: int, steps: int, moments: Collection[int]) -> int:
        """Return the step after t up to which nobody looks in between."""
        if not self.stack.strides:
            return t + 1
        every = self.settings.eval_every
        ends = [steps, (t // every + 1) * every, t + MOST_STEPS, *(at for at in moments if at > t)]
        return min(ends)

    def done(self, share: float) -> float:
        """Return how many trials are done, where those that still train made this share of their steps."""
        return len(self.trials) - len(self.active) * (1 - share)

    def evaluate(self, t: int, steps: int, before: Array | None = None) -> None:
        """Record losses and curves; close the trials that are finished.

        before: the weights before the last update, if a metric wants to know what it changed.
        """
        changes = None if before is None else self.stack.changes(before)
        watched = self.evaluator.watched(self.watching, (max(t, 1), steps), changes)
        measured = self.evaluator.curve(self.curve_metrics) | watched
        if "valid_loss" in measured:
            self.stack.observe(measured["valid_loss"], t)
        places = self.active
        columns = {name: values[places] for name, values in measured.items()}
        trials = self.rows[places]
        self.history.add(t, trials, columns)
        sound = np.isfinite(columns["train_loss"]) & np.isfinite(columns.get("valid_loss", 0.0))
        reasons = self.stopping.reasons(trials, columns)
        overflowed = self.stack.stuck()
        if overflowed:
            sound &= [int(place) not in overflowed for place in places]
        closing: dict[int, tuple[Status, str]] = {}
        ends = [*reasons] if sound.all() else {*np.flatnonzero(~sound).tolist(), *reasons}
        for i in range(len(places)) if t == steps else ends:
            closing[int(places[i])] = ("ok", reasons.get(i, "")) if sound[i] else ("diverged", "")
        if closing:
            self.close(closing, t, watched, overflowed)
        if closing and t < steps and 0 < len(self.active) <= len(self.rows) / 2:
            self.stack, self.rows = self.stack.narrowed(self.active), self.rows[self.active]
            self.active = np.arange(len(self.rows))
            self.evaluator = self.problem.evaluator(self.stack)

    def close(
        self,
        closing: dict[int, tuple[Status, str]],
        t: int,
        watched: dict[str, Array],
        overflowed: Mapping[int, str],
    ) -> None:
        """Write the results of the trials at these rows of the stack and leave them out from here on.

        watched: what metrics that look inside have just found.
        overflowed: by row, why its optimizer is stuck.
        """
        asked = ("train", "valid", "test") if self.trials[0].test else ("train", "valid")
        splits = [split for split in asked if self.evaluator.has(split)]
        columns: dict[str, Array] = {}
        for split in splits:
            # What training examples are scored by beyond their loss tells of over-fitting; a few scores do.
            scores = self.curve_metrics if split == "train" else self.metrics
            columns |= self.evaluator.split(split, scores)
        columns |= watched
        rows, names = list(closing), tuple(columns)
        table = np.array([column[rows] for column in columns.values()], float).T
        limits = self.settings.diverged_above * self.evaluator.chance()[rows]
        finals = table[:, [names.index(metric_column(split)) for split in splits]]
        diverged = np.array([status == "diverged" for status, _ in closing.values()])
        # NaN still falls on one side of a threshold, so a score of such predictions means nothing.
        others = np.array([not name.endswith("_loss") for name in names])
        table[diverged[:, None] & others] = math.nan
        diverged |= _exploded(finals, limits)
        indices = self.rows[rows].tolist()
        steps, metrics, curves = (
            self.history.steps,
            numbers_of(names, of_one_sign(table)),
            self.history.curves(indices),
        )
        for i, (_, stopped) in enumerate(closing.values()):
            self.results[indices[i]] = TrialResult(
                key=self.trials[indices[i]].key,
                status="diverged" if diverged[i] else "ok",
                metrics=metrics[i],
                steps=steps,
                curves=curves[i],
                steps_done=t,
                stopped=stopped,
                error=overflowed.get(rows[i], ""),
                moments=tuple(self.moments.get(indices[i], ())),
            )
        self.map(rows)
        self.active = np.setdiff1d(self.active, rows)

    def keep_moment(self, t: int, moments: Collection[int]) -> None:
        """Keep a map of every report trial that still trains, if step t is one of the moments."""
        if t not in moments:
            return
        started = time.perf_counter()
        rows = [int(row) for row in self.active if self.trials[self.rows[row]].test]
        for row, blob in self.evaluator.maps(rows).items():
            if blob:
                self.moments.setdefault(int(self.rows[row]), []).append((t, blob))
        self.aside += time.perf_counter() - started

    def map(self, rows: list[int]) -> None:
        """Add to their results what figures draw of the trials at these rows that report and ended well."""
        indices = {row: int(self.rows[row]) for row in rows}
        wanted = [row for row, i in indices.items() if self.trials[i].test and self.results[i].status == "ok"]
        if not wanted:
            return
        started = time.perf_counter()
        for row, blob in self.evaluator.maps(wanted).items():
            self.results[indices[row]] = self.results[indices[row]]._replace(map=blob)
        for row, blob in self.evaluator.snapshots(wanted).items():
            self.results[indices[row]] = self.results[indices[row]]._replace(snapshot=blob)
        self.aside += time.perf_counter() - started
