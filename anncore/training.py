"""Training: a stack of trials in, one result per trial out."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.batches import load
from anncore.data import Prepared
from anncore.head import Head
from anncore.process import one_blas_thread, prepare_process
from anncore.registry import Registry
from anncore.stack import Stack
from anncore.trial import Status, Train, Trial, TrialResult
from anncore.types import Array


def train_stack(trials: Sequence[Trial], registry: Registry) -> list[TrialResult]:
    """Train trials of equal shapes at once; return their results in the same order.

    Each result is bit for bit what the trial gives alone. A trial whose loss becomes NaN or infinite
    stops there and is `diverged`, as is one that ends worse than `train.diverged_above` times always
    predicting the mean target. An exception raised by a component is not caught.
    """
    prepare_process()
    started = time.perf_counter()
    with one_blas_thread(), np.errstate(all="ignore"):
        data = load(trials, registry)
        rows: dict[tuple[Any, ...], list[int]] = {}
        for row, each in enumerate(data):
            rows.setdefault(_shapes(each), []).append(row)
        results: dict[int, TrialResult] = {}
        for group in rows.values():
            run = _Run([trials[row] for row in group], registry, [data[row] for row in group])
            results.update(zip(group, run.train(), strict=True))
    share = (time.perf_counter() - started) / len(trials)
    return [results[row]._replace(train_seconds=share) for row in range(len(trials))]


def _shapes(data: Prepared) -> tuple[Any, ...]:
    splits = (data.x_train, data.x_valid, data.x_test, data.y_train)
    return (data.task, *(split.shape for split in splits))


def total_steps(train: Train, n_train: int) -> int:
    """Return the number of updates: `steps`, or `epochs` times the batches of an epoch."""
    if train.steps is not None:
        return train.steps
    batch = n_train if train.batch_size == "full" else min(int(train.batch_size), n_train)
    return int(train.epochs or 0) * -(-n_train // batch)


class _Record:
    """What is written down about one trial while it trains."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.curves: dict[str, list[float]] = {}
        self.best = math.inf
        self.waited = 0

    def add(self, t: int, values: dict[str, float]) -> None:
        self.steps.append(t)
        for name, value in values.items():
            self.curves.setdefault(name, []).append(value)

    def finished(self, train: Train, values: dict[str, float]) -> str:
        """Return why training ends here, or ""."""
        stop = train.stop
        if stop.loss is not None and values["train_loss"] <= stop.loss:
            return "loss"
        if stop.patience is not None:
            if values[stop.monitor] < self.best - stop.min_delta:
                self.best, self.waited = values[stop.monitor], 0
            else:
                self.waited += 1
            if self.waited >= stop.patience:
                return "patience"
        return ""


class _Run:
    """The training of one stack; trials leave it when they are finished."""

    def __init__(self, trials: list[Trial], registry: Registry, data: list[Prepared]) -> None:
        self.trials = trials
        self.train_settings = trials[0].train
        self.registry = registry
        self.stack = Stack(trials, registry, data)
        self.rows = np.arange(len(trials))  # the trial at each row of the stack
        self.active = np.ones(len(trials), bool)  # by row of the stack
        self.records = [_Record() for _ in trials]
        self.results: dict[int, TrialResult] = {}
        self.metrics = [component.cls() for component in registry.metrics(data[0].task)]
        self.curve_metrics = [metric for metric in self.metrics if getattr(metric, "curve", False)]
        self.evaluator = _Evaluator(self.stack)

    def train(self) -> list[TrialResult]:
        train = self.train_settings
        steps = total_steps(train, len(self.stack.data[0].x_train))
        self.stack.initialize()
        self.evaluate(0, steps)
        for t in range(1, steps + 1):
            if not self.active.any():
                break
            self.stack.step(t, steps)
            if t % train.eval_every == 0 or t == steps:
                self.evaluate(t, steps)
        return [self.results[index] for index in range(len(self.trials))]

    def evaluate(self, t: int, steps: int) -> None:
        """Record losses and curves; close the trials that are finished."""
        columns = self.evaluator.columns("train", self.stack.head, ())
        columns |= self.evaluator.columns("valid", self.stack.head, self.curve_metrics)
        closing: dict[int, tuple[Status, str]] = {}
        for row in map(int, np.flatnonzero(self.active)):
            values = {name: float(column[row]) for name, column in columns.items()}
            record = self.records[self.rows[row]]
            record.add(t, values)
            if not (math.isfinite(values["train_loss"]) and math.isfinite(values["valid_loss"])):
                closing[row] = "diverged", ""
            elif stopped := record.finished(self.train_settings, values):
                closing[row] = "ok", stopped
            elif t == steps:
                closing[row] = "ok", ""
        if closing:
            self.close(closing, t)
        if t < steps and 0 < self.active.mean() <= 0.5:
            keep = np.flatnonzero(self.active)
            self.stack = self.stack.narrowed(keep)
            self.rows, self.active = self.rows[keep], np.ones(len(keep), bool)
            self.evaluator = _Evaluator(self.stack)

    def close(self, closing: dict[int, tuple[Status, str]], t: int) -> None:
        """Write the results of the trials at these rows of the stack and leave them out from here on."""
        splits = ("train", "valid", "test") if self.trials[0].test else ("train", "valid")
        columns: dict[str, Array] = {}
        for split in splits:
            columns |= self.evaluator.columns(split, self.stack.head, self.metrics)
        limits = self.train_settings.diverged_above * self.evaluator.chance(self.stack.head)
        for row, (status, stopped) in closing.items():
            index = int(self.rows[row])
            record = self.records[index]
            metrics = {name: float(column[row]) for name, column in columns.items()}
            if status == "diverged":
                # NaN still falls on one side of a threshold, so a score of such predictions means nothing.
                metrics = {name: v if name.endswith("_loss") else math.nan for name, v in metrics.items()}
            elif math.isfinite(limits[row]) and 0 < limits[row] < metrics["train_loss"]:
                status = "diverged"
            self.results[index] = TrialResult(
                key=self.trials[index].key,
                status=status,
                metrics=metrics,
                steps=tuple(record.steps),
                curves={name: tuple(values) for name, values in record.curves.items()},
                steps_done=t,
                stopped=stopped,
            )
            self.active[row] = False


class _Evaluator:
    """Forward passes over whole splits, outside training."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._splits: dict[str, tuple[Array, Array]] = {}
        self._scale = np.stack([data.y_scale for data in stack.data])[:, None, :]
        self._shift = np.stack([data.y_shift for data in stack.data])[:, None, :]

    def _split(self, name: str) -> tuple[Array, Array]:
        """Return a split's x (T, N, D) and y (T, N, K), laid out once."""
        if name not in self._splits:
            x = np.stack([getattr(data, f"x_{name}") for data in self.stack.data])
            y = np.stack([getattr(data, f"y_{name}") for data in self.stack.data])
            self._splits[name] = x, y
        return self._splits[name]

    def columns(self, name: str, head: Head, metrics: Sequence[Any]) -> dict[str, Array]:
        """Return the loss and the metrics of every trial on a split, each (T,)."""
        x, y = self._split(name)
        z, _ = self.stack.network.forward(self.stack.params, x)
        columns = {f"{name}_loss": head.value(z, y)}
        if metrics:
            output = head.predict(z) * self._scale + self._shift
            target = y * self._scale + self._shift
            for metric in metrics:
                columns[f"{name}_{metric.name}"] = metric.score(output, target)
        return columns

    def chance(self, head: Head) -> Array:
        """Return the training loss of always predicting the mean training target, (T,)."""
        _, y = self._split("train")
        return head.value_of(np.broadcast_to(y.mean(1, keepdims=True), y.shape), y)
