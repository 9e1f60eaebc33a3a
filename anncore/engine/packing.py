"""Packing: which trials are trained as one stack, and how many of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from anncore.contract.kinds import ParamSpec
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.build import build_part, structure
from anncore.engine.datasets import inspect
from anncore.engine.nested import asks
from anncore.engine.network import body_specs
from anncore.engine.objective_stack import dimensions, specs
from anncore.engine.output_and_loss import head_structure, outputs_per_target

# Measured on a 2-core AMD EPYC (1 MiB of second-level cache per core, 32 MiB shared third-level): smaller
# stacks pay for calls from Python, larger ones for memory. Microseconds per trial-step of Adam: 2-16-1 takes
# 1.26 with 64 trials, 0.99 with 128 and 0.84 with 256; 2-32-32-1 5.3, 4.6 and 4.7; 20-64-64-1 16.9 with 32,
# 16.1 with 64 and 18.3 with 128; 20-256-256-10 222 with 4, 217 with 8 and 249 with 16.
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
        members.sort(key=lambda trial: component_key(trial, registry))
        size = stack_size(members[0], registry)
        stacks = max(-(-len(members) // size), min(jobs, -(-len(members) // 8)))
        for rows in np.array_split(np.arange(len(members)), stacks):
            yield [members[row] for row in rows]


def _shape_key(trial: Trial, registry: Registry, shapes: dict[tuple[Any, ...], str]) -> str:
    # An optimizer that asks for more gradients has the whole stack compute them; so its trials share none.
    optimizer = trial.parts["optimizer"]
    asking = structure(optimizer, registry) if asks(build_part(optimizer, registry)) else ""
    rest = "\n".join([trial.train.text, asking, repr((trial.test, trial.timeout))])
    if "objective" in trial.parts:
        function = ("objective", trial.parts["objective"].text)
        if function not in shapes:
            shapes[function] = f"objective {dimensions(trial, registry)}"
        return f"{shapes[function]}\n{rest}"
    part = trial.parts["dataset"]
    dataset = (part.text, *sorted(part.paths.items()), trial.split.text)
    if dataset not in shapes:
        seen = inspect(part, trial.split, trial.sweep_seed, trial.seed, registry)
        shapes[dataset] = repr(seen)
    network = trial.parts["network"]
    body = (shapes[dataset], network.text, trial.parts["loss"].name)
    if body not in shapes:
        shapes[body] = repr((structure(network, registry, refs=False), _specs(trial, registry)))
    return "\n".join([shapes[dataset], shapes[body], rest])


def _specs(trial: Trial, registry: Registry) -> list[ParamSpec]:
    seen = inspect(trial.parts["dataset"], trial.split, trial.sweep_seed, trial.seed, registry)
    outputs = seen.outputs * outputs_per_target(trial, registry)
    return body_specs(trial.parts["network"], registry, seen.inputs, outputs)


def component_key(trial: Trial, registry: Registry) -> tuple[str, ...]:
    """Return what trials whose components run in one call have in common; they come to lie side by side."""
    if "objective" in trial.parts:
        return tuple(
            structure(trial.parts[kind], registry) for kind in ("optimizer", "schedule", "objective")
        )
    # A step calls an activation several times and an optimizer once, so it is the activations' runs that are
    # to be long: 20 activations x 5 optimizers x 5 seeds take 0.6 of what they take the other way round.
    return (
        structure(trial.parts["network"], registry),
        head_structure(trial, registry),
        *(structure(trial.parts[kind], registry) for kind in ("optimizer", "schedule", "initializer")),
    )


def stack_size(trial: Trial, registry: Registry) -> int:
    """Return how many trials like this one make a stack whose working set stays in the cache."""
    batch, units = 1, 0
    if "objective" in trial.parts:
        arrays = specs(dimensions(trial, registry))
    else:
        seen = inspect(trial.parts["dataset"], trial.split, trial.sweep_seed, trial.seed, registry)
        arrays = _specs(trial, registry)
        batch = seen.n_train if trial.train.batch_size == "full" else trial.train.batch_size
        units = seen.inputs + sum(spec.shape[1] for spec in arrays if spec.role == "weight")
    # Parameters, gradients, two moments and what lies between; each unit's z, a, their gradients.
    numbers = 7 * sum(spec.shape[0] * spec.shape[1] for spec in arrays) + 4 * batch * units
    return int(np.clip(CACHE_BYTES // (numbers * np.dtype(trial.train.dtype).itemsize), 2, MOST_TRIALS))
