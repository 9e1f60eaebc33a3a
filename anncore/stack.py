"""Stacks: trials of equal array shapes, trained at once along a leading trial axis.

All parameters of a stack lie in one buffer (T, P) with a view per array, so an elementwise optimizer is
called once per step and not once per array. Components that differ between the trials act on their own
contiguous slices of the trial axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from anncore.assembly import build_part, build_stack, structure
from anncore.batches import Batches
from anncore.data import Prepared, inspect
from anncore.head import OUTPUT, Head, head_structure
from anncore.registry import Registry
from anncore.rng import stream
from anncore.trial import Part, Trial
from anncore.types import Array, ParamSpec
from anncore.updates import OptimizerRun, optimizer_runs

# Measured on a 2-core AMD EPYC (512 KiB of second-level cache per core, 8 MiB shared third-level): smaller
# stacks pay for NumPy's calls, larger ones for memory. Microseconds per trial-step of Adam: 2-16-1 takes 7.7
# with 64 trials and 6.0 with 128; 2-32-32-1 36 with 32 and 33 with 64; 20-64-64-1 115 with 13 and 96 with
# 32; 20-256-256-1 987 with 1 and 1108 with 4.
CACHE_BYTES = 16 << 20
MOST_TRIALS = 256


def pack(trials: Iterable[Trial], registry: Registry, *, jobs: int = 1) -> Iterator[list[Trial]]:
    """Divide trials into stacks of equal shapes, each small enough for the cache.

    Trials with equal components come to lie next to each other. Where a group would fill fewer stacks
    than there are jobs, it is divided among them. None of this changes any trial's numbers.
    """
    groups: dict[str, list[Trial]] = {}
    shapes: dict[tuple[Any, ...], str] = {}
    for trial in trials:
        groups.setdefault(_shape_key(trial, registry, shapes), []).append(trial)
    for members in groups.values():
        members.sort(key=lambda trial: _component_key(trial, registry))
        size = stack_size(members[0], registry)
        stacks = max(-(-len(members) // size), min(jobs, -(-len(members) // 8)))
        for rows in np.array_split(np.arange(len(members)), stacks):
            yield [members[row] for row in rows]


def _shape_key(trial: Trial, registry: Registry, shapes: dict[tuple[Any, ...], str]) -> str:
    part = trial.parts["dataset"]
    dataset = (part.text, *sorted(part.paths.items()), trial.split.text)
    if dataset not in shapes:
        seen = inspect(part, trial.split, trial.sweep_seed, trial.seed, registry)
        shapes[dataset] = repr(seen)
    network = structure(trial.parts["network"], registry, refs=False)
    return "\n".join([shapes[dataset], network, trial.train.text, repr((trial.test, trial.timeout))])


def _component_key(trial: Trial, registry: Registry) -> tuple[str, ...]:
    return (
        *(structure(trial.parts[kind], registry) for kind in ("optimizer", "schedule")),
        head_structure(trial, registry),
        structure(trial.parts["network"], registry),
    )


def stack_size(trial: Trial, registry: Registry) -> int:
    """Return how many trials like this one make a stack whose working set stays in the cache."""
    seen = inspect(trial.parts["dataset"], trial.split, trial.sweep_seed, trial.seed, registry)
    network = build_part(trial.parts["network"], registry)
    specs = network.specs(seen.inputs, seen.outputs)
    batch = seen.n_train if trial.train.batch_size == "full" else trial.train.batch_size
    units = seen.inputs + sum(spec.shape[1] for spec in specs if spec.role == "weight")
    # Parameters, gradients, two moments and the update's temporaries; each unit's z, a, their gradients.
    numbers = 7 * sum(spec.shape[0] * spec.shape[1] for spec in specs) + 4 * batch * units
    return int(np.clip(CACHE_BYTES // (numbers * np.dtype(trial.train.dtype).itemsize), 2, MOST_TRIALS))


class Stack:
    """T trials in training: parameters, gradients, optimizer states, data and order of batches."""

    def __init__(self, trials: Sequence[Trial], registry: Registry, data: Sequence[Prepared]) -> None:
        first = trials[0]
        self.trials = list(trials)
        self.registry = registry
        self.train = first.train
        self.dtype = first.train.dtype
        self.data = list(data)
        self.network = build_stack([_body(trial) for trial in trials], registry, self.dtype)
        self.specs = list(self.network.specs(data[0].inputs, data[0].outputs))
        self.head = Head(trials, registry, self.dtype)
        numbers = sum(spec.shape[0] * spec.shape[1] for spec in self.specs)
        self.theta = np.zeros((len(trials), numbers), self.dtype)
        self.grads = np.zeros_like(self.theta)
        self.params = _views(self.theta, self.specs)
        self.grad_views = _views(self.grads, self.specs)
        self.optimizers = optimizer_runs(
            self.trials, registry, self.dtype, (self.theta, self.params), (self.grads, self.grad_views)
        )
        self.batches = Batches(self.trials, self.data)

    def initialize(self) -> None:
        """Draw the initial weights of every trial from its own stream, and the optimizers' first state."""
        drawn: dict[tuple[Any, ...], list[Array]] = {}
        weights = [spec for spec in self.specs if spec.role == "weight"]
        for row, trial in enumerate(self.trials):
            part = trial.parts["initializer"]
            key = (part.text, *sorted(part.paths.items()), trial.sweep_seed, trial.seed)
            if key not in drawn:  # all arms of a seed start from the same weights
                rng = stream(trial.sweep_seed, trial.seed, "init")
                initializer = build_part(part, self.registry)
                drawn[key] = [
                    initializer.sample(rng, spec.shape, spec.fan_in, spec.fan_out) for spec in weights
                ]
            for spec, values in zip(weights, drawn[key], strict=True):
                self.params[spec.name][row] = values
        for optimizer in self.optimizers:
            optimizer.initialize()

    def narrowed(self, keep: Array) -> Stack:
        """Return a stack of the trials at the rows `keep`, in mid-training; their numbers go on as before."""
        smaller = Stack([self.trials[row] for row in keep], self.registry, [self.data[row] for row in keep])
        smaller.theta[...] = self.theta[keep]
        states = [optimizer.state_of(row) for row in keep for optimizer in self._holder(row)]
        for optimizer in smaller.optimizers:
            optimizer.restore(states[optimizer.rows])
        smaller.batches.go_on(self.batches)
        return smaller

    def _holder(self, row: int) -> Iterator[OptimizerRun]:
        return (each for each in self.optimizers if each.rows.start <= row < each.rows.stop)

    def step(self, t: int, steps: int) -> None:
        """Make update t of `steps` on the next batch."""
        x, y = self.batches.take()
        z, tape = self.network.forward(self.params, x)
        self.network.backward(self.params, tape, self.head.grad(z, y), self.grad_views)
        for optimizer in self.optimizers:
            optimizer.step(t, steps)


def _body(trial: Trial) -> Part:
    """Return the network's part without its output activation, which the head owns."""
    part = trial.parts["network"]
    refs = {key: refs for key, refs in part.refs.items() if key != OUTPUT}
    return Part(part.kind, part.name, part.version, part.params, refs, part.paths)


def _views(buffer: Array, specs: Iterable[ParamSpec]) -> Mapping[str, Array]:
    views, start = {}, 0
    for spec in specs:
        size = spec.shape[0] * spec.shape[1]
        # Rows of `buffer` are contiguous, so this reshape is a view (NumPy copies where it cannot be).
        views[spec.name] = buffer[:, start : start + size].reshape(len(buffer), *spec.shape)
        start += size
    return views
