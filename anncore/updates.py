"""Updates: optimizers with their schedules, each on its own trials of a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from anncore.assembly import build_stack, structure
from anncore.errors import ComponentError
from anncore.fusing import Unfusable, Update
from anncore.registry import Registry
from anncore.trial import Trial
from anncore.types import Array

Buffer = tuple[Array, Mapping[str, Array]]
"""All numbers of a stack (T, P), and the same memory as one view (T, *shape) per parameter array."""


def optimizer_runs(
    trials: Sequence[Trial], registry: Registry, dtype: str, params: Buffer, grads: Buffer
) -> list[OptimizerRun]:
    """Build one run for consecutive trials that share optimizer and schedule."""

    def alike(trial: Trial) -> str:
        return "".join(structure(trial.parts[kind], registry) for kind in ("optimizer", "schedule"))

    runs: list[OptimizerRun] = []
    start = 0
    for _, group in groupby(trials, key=alike):
        members = list(group)
        rows = slice(start, start + len(members))
        runs.append(OptimizerRun(members, registry, dtype, rows, params, grads))
        start += len(members)
    return runs


class OptimizerRun:
    """One optimizer with its schedule on its own trials of a stack."""

    def __init__(
        self,
        trials: Sequence[Trial],
        registry: Registry,
        dtype: str,
        rows: slice,
        params: Buffer,
        grads: Buffer,
    ) -> None:
        self.rows = rows
        self._optimizer = build_stack([trial.parts["optimizer"] for trial in trials], registry, dtype)
        self._schedule = build_stack([trial.parts["schedule"] for trial in trials], registry, dtype)
        constant = getattr(self._schedule, "constant", False)
        if not constant and not hasattr(self._optimizer, "lr"):
            raise ComponentError(
                f"{self._optimizer.name} has no learning rate lr, so schedule {self._schedule.name} "
                "cannot act on it. Use the default schedule."
            )
        self._base = None if constant else self._optimizer.lr.copy()
        if getattr(self._optimizer, "elementwise", True):
            self._params, self._grads = [params[0][rows, None, :]], [grads[0][rows, None, :]]
        else:
            self._params = [view[rows] for view in params[1].values()]
            self._grads = [view[rows] for view in grads[1].values()]
        self._states: list[Any] = []
        self._updates: list[Update] | None = None  # None: not yet tried

    def initialize(self) -> None:
        """Make the state before the first step."""
        self._states = [self._optimizer.init(param) for param in self._params]
        self._updates = None

    def state_of(self, row: int) -> list[Any]:
        """Return the state of one of the stack's rows, each array with a trial axis of one."""
        at = row - self.rows.start
        return [_map(lambda array: array[at : at + 1], state) for state in self._states]

    def restore(self, states: Sequence[Sequence[Any]]) -> None:
        """Go on from the states of this run's trials, one after the other."""
        self._states = [
            _map(lambda *rows: np.concatenate(rows), *column) for column in zip(*states, strict=True)
        ]
        self._updates = None

    def step(self, t: int, steps: int) -> None:
        """Make update t: the change of every parameter is added in place."""
        if self._base is not None:
            np.multiply(
                self._base, self._schedule.factor(t, steps), out=self._optimizer.lr, casting="same_kind"
            )
        if self._updates is None:
            self._updates = self._fused()
        for update in self._updates:
            update.step(t)
        if self._updates:
            return
        for i, (param, grad) in enumerate(zip(self._params, self._grads, strict=True)):
            change, self._states[i] = self._optimizer.step(param, grad, self._states[i], t)
            param += change

    def _fused(self) -> list[Update]:
        """Return updates that overwrite parameters and states in place; none where they cannot be fused."""
        if not getattr(self._optimizer, "elementwise", True):
            return []
        try:
            return [
                Update(self._optimizer, param, grad, state, scheduled=self._base is not None)
                for param, grad, state in zip(self._params, self._grads, self._states, strict=True)
            ]
        except Unfusable:
            return []


def _map(function: Any, *states: Any) -> Any:
    """Apply `function` to the arrays of equally built states: arrays, tuples, NamedTuples, dicts, None."""
    first = states[0]
    if isinstance(first, np.ndarray):
        return function(*states)
    if isinstance(first, dict):
        return {key: _map(function, *(state[key] for state in states)) for key in first}
    if isinstance(first, tuple):
        items = [_map(function, *column) for column in zip(*states, strict=True)]
        return type(first)(*items) if hasattr(first, "_fields") else tuple(items)
    return first
