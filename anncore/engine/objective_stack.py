"""Objectives: functions that are minimised in place of a network. A stack of them, and its evaluation.

The weights of a trial are one array "x", (1, D). The objective draws the start from the stream "init". A
noisy objective draws the noise of each step from the stream "batches". Both are the same for all arms of a
seed. The score is the function's value without noise, the same on every split, above the value at its minimum
if that is known. In report trials, with few arguments or on request, the curves "x.1", "x.2", ... hold the
arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anncore.contract.columns import argument_curve, metric_column
from anncore.contract.derivatives import pullback
from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array, Evaluation, WeightSpec
from anncore.contract.registry import Registry
from anncore.contract.streams import stream
from anncore.contract.trial import Trial
from anncore.engine.build import build_part, build_slices
from anncore.engine.optimizing import OptimizerRun, Trained, optimizer_runs

FEW = 2
"""The largest number of arguments that curves hold unasked: a plane can be drawn, more fill the store."""


def dimensions(trial: Trial, registry: Registry) -> int:
    """Return the number of arguments of a trial's objective."""
    return int(build_part(trial.parts["objective"], registry).dimensions)


def specs(size: int) -> list[WeightSpec]:
    """Return the spec of an objective's arguments, for optimizers."""
    return [WeightSpec("x", (1, size), 1, size, "weight")]


class Functions:
    """The objectives of T trials as one object: each acts on its own slice of the trials."""

    def __init__(self, trials: Sequence[Trial], registry: Registry, dtype: str, size: int) -> None:
        parts = [trial.parts["objective"] for trial in trials]
        self._runs = build_slices(parts, registry, dtype)
        plain = {part.text: build_part(part, registry) for part in parts}
        lowest = {text: _lowest(objective) for text, objective in plain.items()}
        self._lowest = np.array([lowest[part.text] for part in parts], dtype)
        limited = [plain[part.text].bounds or (-np.inf, np.inf) for part in parts]
        self._limits = None
        if any(objective.bounds for objective in plain.values()):
            self._limits = np.array(
                [[np.broadcast_to(edge, size) for edge in edges] for edges in limited], dtype
            ).swapaxes(0, 1)

    def value(self, x: Array) -> Array:
        """Return every trial's f(x), (T,), of x (T, 1, D), counted from its minimum if that is known."""
        pieces = [component.value(x[rows]) for component, rows, _ in self._runs]
        value = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return value - self._lowest if self._lowest.any() else value

    def put_back(self, theta: Array) -> None:
        """Put arguments (T, D) that are beyond their bounds to the edge, in place."""
        if self._limits is not None:
            np.clip(theta, *self._limits, out=theta)

    def grad(self, x: Array, noise: Array) -> Array:
        """Return every trial's ∂f/∂x, (T, 1, D); `noise` is of that shape."""
        pieces = [
            component.grad(x[rows], noise[rows]) if component.noisy else component.grad(x[rows])
            for component, rows, _ in self._runs
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def residuals(self, x: Array) -> tuple[Array, Array]:
        """Return the residuals (T, 1, M) and their derivatives (T, M, D).

        The objectives must be alike but for their numbers; ComponentError for one that gives no residuals.
        """
        pieces = [_residuals(component, x[rows]) for component, rows, _ in self._runs]
        values, slopes = ([piece[i] for piece in pieces] for i in (0, 1))
        return np.concatenate(values), np.concatenate(slopes)


def _residuals(objective: Any, x: Array) -> tuple[Array, Array]:
    values = objective.residuals(x)
    slopes = np.empty((len(x), values.shape[2], x.shape[2]), x.dtype)
    for m in range(values.shape[2]):
        grad = np.zeros_like(values)
        grad[:, :, m] = 1
        [slope] = pullback(objective, _formula_of_residuals, [x], name="residuals", grad=grad)
        slopes[:, m] = slope[:, 0]
    return values, slopes


def _formula_of_residuals(objective: Any, x: Array) -> Any:
    return objective.residuals(x)


def _lowest(objective: Any) -> float:
    """Return f at its minimum, 0 if that is not known."""
    if objective.minimum is None:
        return 0.0
    places = np.atleast_2d(np.asarray(objective.minimum, dtype=np.float64))
    return float(np.min(objective.value(places[:, None, :])))


class Noise:
    """The noise of every trial's step, (T, 1, D); 0 for an objective without noise."""

    def __init__(self, trials: Sequence[Trial], registry: Registry, dtype: str, size: int) -> None:
        self._rows: dict[tuple[Any, ...], list[int]] = {}
        self._drawing: dict[tuple[Any, ...], Any] = {}
        self.generators: dict[tuple[Any, ...], np.random.Generator] = {}
        for row, trial in enumerate(trials):
            part = trial.parts["objective"]
            key = (part.text, trial.sweep_seed, trial.seed)
            self._rows.setdefault(key, []).append(row)  # all arms of a seed see the same noise
            if key not in self._drawing:
                objective = build_part(part, registry)
                if objective.noisy:
                    self._drawing[key] = objective
                    self.generators[key] = stream(trial.sweep_seed, trial.seed, "batches")
        self._all = np.zeros((len(trials), 1, size), dtype)

    def go_on(self, before: Noise) -> None:
        """Continue the streams of a larger stack."""
        self.generators = before.generators

    def at(self, t: int) -> Array:
        """Return the noise of step t, which comes after that of step t - 1."""
        for key, objective in self._drawing.items():
            self._all[self._rows[key]] = objective.draw_at(self.generators[key], t)
        return self._all


class ObjectiveStack:
    """T trials that minimise objectives of equally many arguments: see `network_stack.Stack`."""

    def __init__(self, trials: Sequence[Trial], registry: Registry) -> None:
        self.trials = list(trials)
        self.registry = registry
        self.train = trials[0].train
        self.dtype = self.train.dtype
        size = dimensions(trials[0], registry)
        self.functions = Functions(trials, registry, self.dtype, size)
        self.noise = Noise(trials, registry, self.dtype, size)
        self.theta, self.grads = np.zeros((2, len(trials), size), self.dtype)
        self.optimizers = optimizer_runs(
            self.trials, registry, Trained(specs(size), self.theta, self.grads), self._evaluate
        )
        self.first = np.zeros(len(trials))  # the value at the start
        self._noise = np.zeros(0)

    def initialize(self) -> None:
        """Put every trial at the start of its objective, and set the optimizers' first state."""
        starts: dict[tuple[Any, ...], Array] = {}
        for row, trial in enumerate(self.trials):
            part = trial.parts["objective"]
            key = (part.text, trial.sweep_seed, trial.seed)
            if key not in starts:
                rng = stream(trial.sweep_seed, trial.seed, "init")
                start = starts[key] = np.asarray(build_part(part, self.registry).start(rng))
                if start.shape != self.theta.shape[1:]:
                    raise ComponentError(
                        f"{part.name}: start must return ({self.theta.shape[1]},) numbers, got {start.shape}"
                    )
            self.theta[row] = starts[key]
        self.functions.put_back(self.theta)
        self.first = self.functions.value(self.theta[:, None, :])  # no optimizer has a state yet
        for optimizer in self.optimizers:
            optimizer.initialize()

    def narrowed(self, keep: Array) -> ObjectiveStack:
        """Return a stack of the trials at the rows `keep`; they continue with the same numbers."""
        smaller = ObjectiveStack([self.trials[row] for row in keep], self.registry)
        smaller.theta[...] = self.theta[keep]
        smaller.first = self.first[keep]
        states = [self._run_of(row).state_of(row) for row in keep]
        for optimizer in smaller.optimizers:
            optimizer.restore(states[optimizer.rows])
        smaller.noise.go_on(self.noise)
        return smaller

    def _run_of(self, row: int) -> OptimizerRun:
        return next(
            optimizer for optimizer in self.optimizers if optimizer.rows.start <= row < optimizer.rows.stop
        )

    strides = False

    def advance(self, first: int, last: int, steps: int) -> None:
        """Make the updates from `first` to `last` of `steps`."""
        for t in range(first, last + 1):
            self.step(t, steps)

    def step(self, t: int, steps: int) -> None:
        """Make update t of `steps`."""
        self._noise = self.noise.at(t)
        self.grads[...] = self.functions.grad(self.theta[:, None, :], self._noise)[:, 0]
        for optimizer in self.optimizers:
            optimizer.step(t, steps)
        self.functions.put_back(self.theta)

    def _evaluate(self, rows: slice) -> Evaluation:
        """Return what answers questions about arguments, with the step's noise, for one run."""
        return _Asked(self.functions, self.theta[:, None, :].copy(), self._noise, rows)

    def stuck(self) -> dict[int, str]:
        """Return the rows whose optimizer's state is not finite, each with the reason."""
        return {row: why for run in self.optimizers for row, why in run.stuck().items()}

    def value(self) -> Array:
        """Return every trial's value without noise, (T,), at the arguments to evaluate at."""
        return self.functions.value(self.evaluated()[:, None, :])

    def evaluated(self) -> Array:
        """Return the arguments to evaluate at, (T, D); some optimizers train others."""
        theta = self.theta
        if any(optimizer.elsewhere for optimizer in self.optimizers):
            theta = theta.copy()
            for optimizer in self.optimizers:
                theta[optimizer.rows] = optimizer.evaluated()
            self.functions.put_back(theta)
        return theta

    def observe(self, score: Array, t: int) -> None:
        """Give the values (T,) after step t to the schedules that use them."""
        for optimizer in self.optimizers:
            optimizer.observe(score[optimizer.rows], t)


class _Asked:
    """What an asking optimizer asks of objectives: an `Evaluation` for the trials at `rows`."""

    def __init__(self, functions: Functions, x: Array, noise: Array, rows: slice) -> None:
        self._functions, self._x, self._noise, self._rows = functions, x, noise, rows

    def __call__(self, weight: Array, /) -> tuple[Array, Array]:
        """Return value and gradient."""
        self._x[self._rows] = weight
        value = self._functions.value(self._x)[self._rows].astype(weight.dtype)
        return value[:, None, None], self._functions.grad(self._x, self._noise)[self._rows]

    def residuals(self, weight: Array) -> tuple[Array, Array]:
        """Return the residuals and their derivatives."""
        self._x[self._rows] = weight
        values, slopes = self._functions.residuals(self._x)
        return values[self._rows], slopes[self._rows]

    def sampled_gradient(self, weight: Array) -> Array:
        """Raise ComponentError: an objective predicts nothing."""
        raise ComponentError("an objective predicts nothing from which targets could be drawn")


class ObjectiveEvaluator:
    """The values of a stack's trials under the names of losses: see `anncore.engine.evaluation.Evaluator`."""

    def __init__(self, stack: ObjectiveStack) -> None:
        self._stack = stack
        # There are many tuning trials, and no figure needs their paths.
        few = stack.theta.shape[1] <= FEW
        asked = stack.train.paths
        self._path = stack.trials[0].test and (few if asked is None else asked)

    def curve(self, metrics: Sequence[Any]) -> dict[str, Array]:
        """Return the value as the loss on training and validation, and the arguments of a report trial."""
        place = self._stack.evaluated()
        value = self._stack.functions.value(place[:, None, :])
        columns = {"train_loss": value, "valid_loss": value}
        if self._path:
            columns |= {argument_curve(i + 1): place[:, i] for i in range(place.shape[1])}
        return columns

    def has(self, name: str) -> bool:
        """Return True: a function's value stands for the loss on every split."""
        return True

    def watched(
        self, metrics: Sequence[Any], now: tuple[int, int], changes: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Return nothing. Raises ComponentError if a metric looks into a network."""
        if metrics:
            raise ComponentError(f"{metrics[0].name} looks into a network, and an objective has none.")
        return {}

    def split(self, name: str, metrics: Sequence[Any]) -> dict[str, Array]:
        """Return the value as the loss on a split."""
        return {metric_column(name): self._stack.value()}

    def maps(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return nothing: there are no features."""
        return {}

    def snapshots(self, rows: Sequence[int]) -> dict[int, bytes]:
        """Return nothing: there is no network."""
        return {}

    def chance(self) -> Array:
        """Return the value at the start, (T,)."""
        return self._stack.first
