"""Updates: optimizers with their schedules, each on its own trials of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import AnyOptimizer, Array, WeightSpec, overrides
from anncore.contract.registry import Registry
from anncore.contract.streams import stream
from anncore.contract.trial import LANES, Trial
from anncore.engine.asking import Ask
from anncore.engine.build import build_stack, runs_of_equal, structure
from anncore.engine.fusing import Unfusable, Update
from anncore.engine.lanes.facts import facts
from anncore.engine.nested import asks, fit, nested, rates, scope_of, seeded
from anncore.engine.probing import refuse_hidden_changes


class Trained(NamedTuple):
    """The weights that optimizers update: all numbers of some trials, in the order of the specs."""

    specs: Sequence[WeightSpec]
    theta: Array  # (T, P)
    grads: Array  # (T, P)

    def of(self, rows: slice) -> Trained:
        """Return the numbers of the trials at these rows."""
        return Trained(self.specs, self.theta[rows], self.grads[rows])


class Turn:
    """The weights that one turn of a step updates, (T, P) of all (T, Q), with their optimizers.

    names: of these weights; None for all of them, which then are no copy.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        registry: Registry,
        trained: Trained,
        names: Sequence[str] | None,
        evaluate: Any,
    ) -> None:
        self._all = trained
        self.columns: Any = slice(None)
        self._own = trained
        if names is not None:
            ends = np.cumsum([0, *(spec.shape[0] * spec.shape[1] for spec in trained.specs)])
            mine = [at for at, spec in enumerate(trained.specs) if spec.name in names]
            self.columns = np.concatenate([np.arange(ends[at], ends[at + 1]) for at in mine])
            # What NumPy picks by index lies column by column, which no kernel takes.
            theta, grads = (
                np.ascontiguousarray(numbers[:, self.columns]) for numbers in (trained.theta, trained.grads)
            )
            self._own = Trained([trained.specs[at] for at in mine], theta, grads)
        ask = None if evaluate is None else (lambda rows: evaluate(rows, self))
        self.runs = optimizer_runs(trials, registry, self._own, ask)

    def load(self) -> None:
        """Take weights and directions from those of the whole stack."""
        if self._own is not self._all:
            self._own.theta[...] = self._all.theta[:, self.columns]
            self._own.grads[...] = self._all.grads[:, self.columns]

    def step(self, t: int, steps: int) -> None:
        """Make update t of the turn's weights."""
        self.load()
        for run in self.runs:
            run.step(t, steps)
        if self._own is not self._all:
            self._all.theta[:, self.columns] = self._own.theta

    def state_of(self, row: int) -> Any:
        """Return the optimizer's state of one row of the stack."""
        return next(run for run in self.runs if run.rows.start <= row < run.rows.stop).state_of(row)

    def write_evaluated(self, theta: Array) -> None:
        """Write the weights to evaluate at into those of the whole stack, (T, Q)."""
        own = self._own.theta.copy()
        for run in self.runs:
            own[run.rows] = run.evaluated()
        theta[:, self.columns] = own


def optimizer_runs(
    trials: Sequence[Trial], registry: Registry, trained: Trained, evaluate: Any = None
) -> list[OptimizerRun]:
    """Build one run for consecutive trials that share optimizer and schedule, in lanes a kernel too.

    evaluate: returns an `Evaluate` for the rows of a run; only asking optimizers need it.
    """

    def alike(trial: Trial) -> str:
        own = [structure(trial.parts[kind], registry) for kind in ("optimizer", "schedule")]
        if trial.train.engine == LANES:
            own += facts(trial, registry)
        return "\n".join(own)

    runs: list[OptimizerRun] = []
    for _, members, rows in runs_of_equal(trials, alike):
        ask = None if evaluate is None else (lambda rows=rows: evaluate(rows))
        runs.append(OptimizerRun(members, registry, rows, trained.of(rows), ask))
    return runs


def refuse_unfit(trial: Trial, registry: Registry, specs: Sequence[WeightSpec]) -> None:
    """Raise the ComponentError of an optimizer, with its schedule, that cannot update these weights."""
    size = sum(spec.shape[0] * spec.shape[1] for spec in specs)
    theta, grads = np.zeros((2, 1, size), trial.train.dtype)  # never written to, so they take no memory
    optimizer_runs([trial], registry, Trained(specs, theta, grads))
    optimizer = build_stack([trial.parts["optimizer"]], registry, "float64")
    try:
        refuse_hidden_changes(optimizer)
    except ComponentError:
        raise
    except Exception:  # a fault of a component, which the checks of components name
        return


class OptimizerRun:
    """One optimizer with its schedule, on its own R trials of a stack."""

    def __init__(
        self, trials: Sequence[Trial], registry: Registry, rows: slice, trained: Trained, ask: Ask | None
    ) -> None:
        self.rows = rows
        dtype = trained.theta.dtype.name
        optimizer = build_stack([trial.parts["optimizer"] for trial in trials], registry, dtype)
        self._optimizer = seeded(optimizer, partial(seeds_of, trials))
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
        self._weight, self._grad = trained.theta[:, None, :], trained.grads[:, None, :]
        self.specs = trained.specs
        self._fitted = fit(self._optimizer, trained.specs, ask)
        self._state: Any = None
        self._pace: Any = ()  # the state of the schedule
        self._update: Update | None = None
        self._tried = False  # whether fusing the step has been tried
        self.elsewhere = any(
            overrides(type(component), AnyOptimizer.evaluated) for component in _all(self._optimizer)
        )

    def initialize(self) -> None:
        """Set the state before the first step."""
        # Each array gets memory of its own: it may be the weights themselves, or occur several times.
        self._state = _map(lambda array: array.copy(), self._fitted.init(self._weight))
        self._pace = self._schedule.init(np.ones((len(self._weight), 1, 1), self._weight.dtype))
        self._tried = False

    @property
    def optimizer(self) -> Any:
        """The optimizer, with the learning rate that the schedule has set for the last step."""
        return self._optimizer

    def state_of(self, row: int) -> Any:
        """Return the state of one row of the stack; each array has a trial axis of length 1."""
        at = row - self.rows.start
        return _map(lambda array: array[at : at + 1], (self._state, self._pace))

    def restore(self, states: Sequence[Any]) -> None:
        """Continue from the states of this run's trials, given in their order."""
        self._state, self._pace = _map(lambda *rows: np.concatenate(rows), *states)
        self._tried = False

    def paced(self, t: int, steps: int) -> list[Array]:
        """Set and return the learning rates of step t, (R, 1, 1) each, where there is a schedule."""
        if self._paced:
            factor = self._schedule.factor(t, steps, self._pace)
            for component, base in zip(self._paced, self._bases, strict=True):
                np.multiply(base, factor, out=component.lr, casting="same_kind")
        return [component.lr for component in self._paced]

    @property
    def rates(self) -> list[Array]:
        """The learning rates that change between steps; [] without a schedule."""
        return [component.lr for component in self._paced]

    @property
    def scheduled(self) -> bool:
        """Whether its learning rates change between steps."""
        return bool(self._paced)

    @property
    def fitted(self) -> Any:
        """The optimizer as it is called on all numbers of a trial in a row."""
        return self._fitted

    @property
    def weight(self) -> Array:
        """The weights of its trials, (R, 1, P)."""
        return self._weight

    @property
    def state(self) -> Any:
        """The optimizer's state."""
        return self._state

    def step(self, t: int, steps: int) -> None:
        """Make update t: add the change to every weight in place."""
        self.paced(t, steps)
        if not self._tried:
            self._update, self._tried = self._fused(), True
        if self._update is not None:
            self._update.step(t)
            return
        change, state = self._fitted.step(self._weight, self._grad, self._state, t)
        self._state = self._kept(state)
        self._weight += change

    def _kept(self, state: Any) -> Any:
        """Return a state with copies of weights, gradient and rates, all of which change in place."""
        changing = (self._weight, self._grad, *self.rates)

        def kept(array: Array) -> Array:
            shared = any(np.may_share_memory(array, one) for one in changing)
            return array.copy() if shared else array

        return _map(kept, state)

    def stuck(self) -> dict[int, str]:
        """Return the rows of the stack whose optimizer's state is not finite, each with the reason.

        There gradients or their squares have left the range of the dtype: Adam and its like stand still from
        then on, which looks like a trial that has settled.
        """
        reason = (
            f"the state of {self._optimizer.name} is not finite: gradients, or their squares, left the range "
            f"of {self._weight.dtype}; try a smaller lr, other data or loss scales, or float64"
        )
        finite = _finite(self._state, len(self._weight))
        return {self.rows.start + int(row): reason for row in np.flatnonzero(~finite)}

    def observe(self, score: Array, t: int) -> None:
        """Give the validation losses (R,) after step t to the schedule."""
        if not self._schedule.constant:
            score = score.astype(self._weight.dtype)[:, None, None]
            self._pace = self._schedule.observe(self._pace, score, t)

    def evaluated(self) -> Array:
        """Return the weights to evaluate at, (R, P)."""
        return self._fitted.evaluated(self._weight, self._state)[:, 0, :]

    def _fused(self) -> Update | None:
        """Return the update that overwrites weights and state in place; None if it cannot be fused."""
        if scope_of(self._optimizer) != "number" or asks(self._optimizer):
            return None
        # Fusing puts symbols into the optimizers inside another one too, which only a fitted one offers.
        optimizer = self._fitted if any(nested(self._optimizer)) else self._optimizer
        try:
            return Update(optimizer, self._weight, self._grad, self._state, scheduled=bool(self._paced))
        except Unfusable:
            return None


def seeds_of(trials: Sequence[Trial], name: str) -> Array:
    """Return a seed of each trial, (T, 1, 1), the same one for trials of one seed."""
    words = [
        stream(trial.sweep_seed, trial.seed, name).integers(2**64, size=(1, 1), dtype=np.uint64)
        for trial in trials
    ]
    return np.stack(words)


def _finite(state: Any, trials: int) -> Array:
    """Return for which trials all numbers of a state are finite, (T,)."""
    if isinstance(state, np.ndarray) and state.dtype.kind == "f":
        return np.asarray(np.isfinite(state).reshape(trials, -1).all(axis=1))
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, tuple) else ()
    finite = np.ones(trials, bool)
    for part in parts:
        finite &= _finite(part, trials)
    return finite


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
