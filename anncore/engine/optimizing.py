"""Updates: optimizers with their schedules, each on its own trials of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import AnyOptimizer, Array, WeightSpec, overrides
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.build import build_stack, runs_of_equal, structure
from anncore.engine.fusing import Unfusable, Update
from anncore.engine.nested import Ask, asks, fit, nested, rates, scope_of


def optimizer_runs(
    trials: Sequence[Trial],
    registry: Registry,
    dtype: str,
    specs: Sequence[WeightSpec],
    theta: Array,
    grads: Array,
    evaluate: Any = None,
) -> list[OptimizerRun]:
    """Build one run for consecutive trials that share optimizer and schedule.

    specs: the parameter arrays whose numbers make up theta and grads, (T, P). evaluate: called with the rows
    of a run, gives an `Evaluate` for them; only where an optimizer asks.
    """

    def alike(trial: Trial) -> str:
        return "".join(structure(trial.parts[kind], registry) for kind in ("optimizer", "schedule"))

    runs: list[OptimizerRun] = []
    for _, members, rows in runs_of_equal(trials, alike):
        ask = None if evaluate is None else (lambda rows=rows: evaluate(rows))
        runs.append(OptimizerRun(members, registry, dtype, rows, specs, theta[rows], grads[rows], ask))
    return runs


class OptimizerRun:
    """One optimizer with its schedule on its own trials of a stack, with numbers theta and grads (R, P)."""

    def __init__(
        self,
        trials: Sequence[Trial],
        registry: Registry,
        dtype: str,
        rows: slice,
        specs: Sequence[WeightSpec],
        theta: Array,
        grads: Array,
        ask: Ask | None,
    ) -> None:
        self.rows = rows
        self._optimizer = build_stack([trial.parts["optimizer"] for trial in trials], registry, dtype)
        self._schedule = build_stack([trial.parts["schedule"] for trial in trials], registry, dtype)
        self._paced = [] if self._schedule.constant else list(rates(self._optimizer))
        if not self._schedule.constant and not self._paced:
            raise ComponentError(
                f"{self._optimizer.name} has no learning rate lr, so schedule {self._schedule.name} "
                "cannot act on it. Use the default schedule."
            )
        for component in _all(self._optimizer):
            if component.full_batch and trials[0].train.batch_size != "full":
                raise ComponentError(
                    f"{component.name} needs all examples in every step, got batches of "
                    f'{trials[0].train.batch_size}; set [train] batch_size = "full".'
                )
        self._bases = [component.lr.copy() for component in self._paced]
        self._param, self._grad = theta[:, None, :], grads[:, None, :]
        self._specs = list(specs)
        self._ask = ask
        self._fitted = fit(self._optimizer, self._specs, ask)
        self._state: Any = None
        self._pace: Any = ()  # what the schedule remembers
        self._update: Update | None = None
        self._tried = False  # whether the step has been looked at for fusing
        self.elsewhere = any(
            overrides(type(component), AnyOptimizer.evaluated) for component in _all(self._optimizer)
        )

    def initialize(self) -> None:
        """Make the state before the first step."""
        self._state = self._fitted.init(self._param)
        self._pace = self._schedule.init(np.ones((len(self._param), 1, 1), self._param.dtype))
        self._tried = False

    def state_of(self, row: int) -> Any:
        """Return the state of one of the stack's rows, each array with a trial axis of one."""
        at = row - self.rows.start
        return _map(lambda array: array[at : at + 1], (self._state, self._pace))

    def restore(self, states: Sequence[Any]) -> None:
        """Go on from the states of this run's trials, one after the other."""
        self._state, self._pace = _map(lambda *rows: np.concatenate(rows), *states)
        self._tried = False

    def step(self, t: int, steps: int) -> None:
        """Make update t: the change of every parameter is added in place."""
        if self._paced:
            factor = self._schedule.factor(t, steps, self._pace)
            for component, base in zip(self._paced, self._bases, strict=True):
                np.multiply(base, factor, out=component.lr, casting="same_kind")
        if not self._tried:
            self._update, self._tried = self._fused(), True
        if self._update is not None:
            self._update.step(t)
            return
        change, self._state = self._fitted.step(self._param, self._grad, self._state, t)
        self._param += change

    def observe(self, score: Array, t: int) -> None:
        """Let the schedule see validation losses (R,) measured after step t."""
        self._pace = self._schedule.observe(self._pace, score.astype(self._param.dtype)[:, None, None], t)

    def evaluated(self) -> Array:
        """Return the parameters to evaluate at, (R, P)."""
        result: Array = self._fitted.evaluated(self._param, self._state)
        return result[:, 0, :]

    def _fused(self) -> Update | None:
        """Return the update that overwrites parameters and state in place; None where it cannot be fused."""
        if scope_of(self._optimizer) != "number" or asks(self._optimizer):
            return None
        # Those inside find what offers `evaluated` around them only where they are fitted.
        optimizer = self._fitted if any(nested(self._optimizer)) else self._optimizer
        try:
            return Update(optimizer, self._param, self._grad, self._state, scheduled=bool(self._paced))
        except Unfusable:
            return None


def _all(optimizer: Any) -> list[Any]:
    return [optimizer, *(component for inner in nested(optimizer) for component in _all(inner))]


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
