"""Stacks: trials of equal array shapes, trained at once along a leading trial axis.

All weights of a stack lie in one buffer (T, P) with a view per array, so an optimizer that updates each
number by itself is called once per step and not once per array. Components that differ between the trials
act on their own contiguous slices of the trial axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import Array, Evaluation, Initializer, WeightSpec, overrides
from anncore.contract.registry import Registry
from anncore.contract.streams import stream
from anncore.contract.trial import Trial
from anncore.engine.asked import Asked, Place
from anncore.engine.batches import Batches
from anncore.engine.build import build_part, build_slices
from anncore.engine.datasets import Prepared, refuse_changed
from anncore.engine.network import StackNetwork, without_output
from anncore.engine.noise import Noise
from anncore.engine.optimizing import OptimizerRun, Trained, Turn, seeds_of
from anncore.engine.output_and_loss import OutputAndLoss, outputs_per_target
from anncore.engine.split import spread_over
from anncore.engine.weighting import weighted_mean

INITIALIZER_EXAMPLES = 256  # the number of training examples that a data-dependent initializer sees


class Buffer:
    """Numbers of a stack, (T, P), and the same memory as one view (T, *shape) per array."""

    def __init__(self, trials: int, specs: Iterable[WeightSpec], dtype: str) -> None:
        self.specs = list(specs)
        self.all = np.zeros((trials, sum(spec.shape[0] * spec.shape[1] for spec in self.specs)), dtype)
        self.views = self.as_arrays(self.all)

    def as_arrays(self, numbers: Array) -> dict[str, Array]:
        """Return numbers of this layout, (T, P), as one view per array."""
        views, start = {}, 0
        for spec in self.specs:
            size = spec.shape[0] * spec.shape[1]
            # Rows are contiguous, so this reshape is a view and not a copy.
            views[spec.name] = numbers[:, start : start + size].reshape(len(numbers), *spec.shape)
            start += size
        return views


class Stack:
    """T trials in training: weights, gradients, optimizer states, data and order of batches.

    strides: whether several steps are best made in one call of `advance`.
    """

    strides = False

    def __init__(self, trials: Sequence[Trial], registry: Registry, data: Sequence[Prepared]) -> None:
        first = trials[0]
        self.trials = list(trials)
        self.registry = registry
        self.train = first.train
        self.dtype = first.train.dtype
        self.data = list(data)
        outputs = data[0].outputs * outputs_per_target(first, registry)
        self.network = StackNetwork(trials, registry, self.dtype, data[0].inputs, outputs)
        self.output = OutputAndLoss(trials, registry, self.dtype)
        self.specs = [spec for spec in self.network.specs if spec.role != "state"]
        self._trained = Buffer(len(trials), self.specs, self.dtype)
        self._state = Buffer(
            len(trials), (spec for spec in self.network.specs if spec.role == "state"), self.dtype
        )
        self._gradients = Buffer(len(trials), self.specs, self.dtype)
        self._weights: Mapping[str, Array] = {**self._trained.views, **self._state.views}
        self.grads = self._gradients.all
        self.grad_views: Mapping[str, Array] = self._gradients.views
        trained = Trained(self.specs, self._trained.all, self.grads)
        self._turns = [
            Turn(self.trials, registry, trained, names, self._evaluate)
            for names in self.network.turns or (None,)
        ]
        self._runs = [run for turn in self._turns for run in turn.runs]
        self._batch: tuple[Array, Array] | None = None
        self.now = (0, 0)  # the step and the number of steps

    @cached_property
    def batches(self) -> Batches:
        """The order of the training examples, and copies of them."""
        return Batches(self.trials, self.data)

    @property
    def theta(self) -> Array:
        """All weights that are trained, (T, P)."""
        return self._trained.all

    @property
    def weights(self) -> Mapping[str, Array]:
        """The weights and the network's state by name, (T, fan_in, fan_out) each."""
        return self._weights

    @property
    def optimizers(self) -> list[OptimizerRun]:
        """The optimizers, each on its own trials."""
        return self._runs

    def stuck(self) -> dict[int, str]:
        """Return the rows whose optimizer's state is not finite, each with the reason."""
        return {row: why for run in self.optimizers for row, why in run.stuck().items()}

    def initialize(self) -> None:
        """Draw the initial weights of every trial from its own stream; set the optimizers' first state."""
        drawn: dict[tuple[Any, ...], int] = {}
        weights: list[Mapping[str, Array]] = []
        owner = np.empty(len(self.trials), np.intp)
        for spec in self.network.specs:
            if spec.role != "weight":
                self.weights[spec.name][...] = spec.initial
        for row, trial in enumerate(self.trials):
            part = trial.parts["initializer"]
            key = (id(part), trial.sweep_seed, trial.seed)
            if key not in drawn:  # all arms of a seed start from the same weights
                named = (part.text, *sorted(part.paths.items()), trial.sweep_seed, trial.seed)
                if named not in drawn:
                    drawn[named] = len(weights)
                    rng = stream(trial.sweep_seed, trial.seed, "init")
                    initializer = build_part(part, self.registry)
                    refuse_changed(part, initializer)
                    weights.append(initializer.draw(rng, self.specs))
                    self._refuse_misfits(initializer.name, weights[-1])
                drawn[key] = drawn[named]
            owner[row] = drawn[key]
        for at, values in enumerate(weights):
            rows = np.flatnonzero(owner == at)
            for name, value in values.items():
                self.weights[name][rows] = value
        self._draw_state()
        self._adjust()
        for turn in self._turns:
            turn.load()
        for optimizer in self._runs:
            optimizer.initialize()

    def _refuse_misfits(self, name: str, drawn: Mapping[str, Array]) -> None:
        """Refuse initial values of other arrays or shapes than the network has, which would be broadcast."""
        shapes = {spec.name: spec.shape for spec in self.specs}
        required = {spec.name for spec in self.specs if spec.role == "weight"}
        for array in [*drawn, *sorted(required - set(drawn))]:
            given = np.shape(drawn[array]) if array in drawn else "no values"
            if given != shapes.get(array):
                wanted = shapes.get(array, "no such array")
                raise ComponentError(f"{name}: draw gives {given} for {array}, the network has {wanted}")

    def _draw_state(self) -> None:
        if not self._state.specs:
            return
        drawn: dict[tuple[Any, ...], list[Array]] = {}
        for row, trial in enumerate(self.trials):
            part = without_output(trial.parts["network"])
            key = (part.text, trial.sweep_seed, trial.seed)
            if key not in drawn:
                # The stack's network holds all trials' hyperparameters; this one is for one trial.
                network = build_part(part, self.registry)
                rng = stream(trial.sweep_seed, trial.seed, "network")
                drawn[key] = [network.draw(rng, spec) for spec in self._state.specs]
            for spec, values in zip(self._state.specs, drawn[key], strict=True):
                self.weights[spec.name][row] = values

    def _adjust(self) -> None:
        """Let data-dependent initializers adjust the weights, layer by layer from the first."""
        parts = [trial.parts["initializer"] for trial in self.trials]
        for initializer, rows, _ in build_slices(parts, self.registry, self.dtype):
            if overrides(type(initializer), Initializer.adjust):
                self._adjust_rows(initializer, rows)

    def _adjust_rows(self, initializer: Any, rows: slice) -> None:
        examples = spread_over(len(self.data[0].x_train), INITIALIZER_EXAMPLES)
        x = np.stack([data.x_train[examples] for data in self.data])
        for index in range(len(self.network.layers(self.network.forward(self.weights, x)[1]))):
            attempt = 0
            while True:
                layer = self.network.layers(self.network.forward(self.weights, x)[1])[index]
                weight = self.weights[layer.weight][rows]
                changed = initializer.adjust(weight.copy(), layer.z[rows], attempt)
                if changed is None:
                    break
                weight[...] = changed
                attempt += 1

    def narrowed(self, keep: Array) -> Stack:
        """Return a stack of the trials at the rows `keep`; they continue with the same numbers."""
        smaller = type(self)(
            [self.trials[row] for row in keep], self.registry, [self.data[row] for row in keep]
        )
        smaller.theta[...] = self.theta[keep]
        smaller._state.all[...] = self._state.all[keep]
        for mine, turn in zip(self._turns, smaller._turns, strict=True):
            turn.load()
            states = [mine.state_of(row) for row in keep]
            for optimizer in turn.runs:
                optimizer.restore(states[optimizer.rows])
        smaller._follow(self)
        smaller.network.noise.go_on(self.network.noise)
        return smaller

    def _follow(self, before: Any) -> None:
        """Continue where the batches of a larger stack are."""
        self.batches.go_on(before.batches)

    def advance(self, first: int, last: int, steps: int) -> None:
        """Make the updates from `first` to `last` of `steps`."""
        for t in range(first, last + 1):
            self.step(t, steps)

    def step(self, t: int, steps: int) -> None:
        """Make update t of `steps` on the next batch."""
        x, y = self._batch = self.batches.take()
        self.now = (t, steps)
        network = self.network
        network.begin_step()
        if not network.learns:
            z, tape = network.forward(self.weights, x, training=True)
            network.backward(self.weights, tape, self.loss_grad(z, y), self.grad_views)
        for turn in self._turns:
            if network.learns:
                network.learn(self.weights, x, y, self.grad_views, now=self.now, turn=self._number(turn))
            turn.step(t, steps)
        network.after_step(self.weights, now=self.now)

    def update(self, t: int, steps: int) -> None:
        """Make update t of `steps` with the gradients that are in `grads`."""
        for turn in self._turns:
            turn.step(t, steps)

    def loss_grad(self, z: Array, y: Array) -> Array:
        """Return ∂loss/∂z on the step's batch, that of each example times its weight, where it has one."""
        grad, weights = self.output.grad(z, y), self.batches.weights
        return grad if weights is None else grad * weights

    def loss(self, z: Array, y: Array) -> Array:
        """Return the loss on the step's batch, (T,), of which `loss_grad` is the slope."""
        weights = self.batches.weights
        if weights is None:
            return self.output.value(z, y)
        return weighted_mean(self.output.value, (z, y), weights[:, :, 0]) * weights.mean(axis=(1, 2))

    def _number(self, turn: Turn) -> int | None:
        """Return which turn it is; None where a step has but one."""
        return self._turns.index(turn) if len(self._turns) > 1 else None

    @property
    def batch(self) -> tuple[Array, Array]:
        """Inputs and targets of the last step, (T, N, D) and (T, N, K)."""
        assert self._batch is not None, "there is no batch before the first step"
        return self._batch

    def _evaluate(self, rows: slice, turn: Turn) -> Evaluation:
        """Return what answers questions about a turn's weights on the step's batch, for one run."""
        theta = self.theta.copy()
        weights = {**self._trained.as_arrays(theta), **self._state.views}
        gradients = Buffer(len(theta), self.specs, self.dtype)
        return Asked(self, theta, weights, gradients, Place(rows, turn.columns, self._number(turn)))

    def seeds(self, name: str) -> Array:
        """Return a seed of each trial for a stream of this name, (T, 1, 1)."""
        return seeds_of(self.trials, name)

    def apart(self, weights: Mapping[str, Array]) -> dict[str, Array]:
        """Return weights with copies of their state, for a learning rule whose writing must not last."""
        return {**weights, **{name: state.copy() for name, state in self._state.views.items()}}

    def watched_directions(
        self,
        weights: Mapping[str, Array],
        x: Array,
        y: Array,
        grads: Mapping[str, Array],
        now: tuple[int, int],
    ) -> None:
        """Write what the learning rule gives for other examples than a step's; training goes on as without.

        The random numbers are the first ones of each trial's streams, the same at every call.
        """
        noise = Noise(self.trials, self.dtype)
        self.network.learn(self.apart(weights), x, y, grads, now=now, noise=noise)

    def evaluated(self) -> Mapping[str, Array]:
        """Return the weights to evaluate at; for some optimizers these are not the weights in training."""
        if not any(optimizer.elsewhere for optimizer in self._runs):
            return self.weights
        theta = self.theta.copy()
        for turn in self._turns:
            turn.write_evaluated(theta)
        return {**self._trained.as_arrays(theta), **self._state.views}

    def changes(self, before: Array) -> Mapping[str, Array]:
        """Return what has been added to the weights since they were `before`, a copy of `theta`."""
        return self._trained.as_arrays(self.theta - before)

    def observe(self, score: Array, t: int) -> None:
        """Give the validation losses (T,) after step t to the schedules that use them."""
        for optimizer in self._runs:
            optimizer.observe(score[optimizer.rows], t)
