"""Packing: which trials are trained as one stack, and how many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from anncore.contract.registry import Registry
from anncore.contract.trial import LANES, Trial
from anncore.engine.build import build_part, structure
from anncore.engine.curvature import asks_for_residuals
from anncore.engine.lanes.facts import facts
from anncore.engine.nested import asks
from anncore.engine.problem import Known, problem_of

# Measured on a 2-core AMD EPYC (1 MiB of second-level cache per core, 32 MiB shared third-level): smaller
# stacks pay for calls from Python, larger ones for memory. Microseconds per trial-step of Adam: 2-16-1 takes
# 1.26 with 64 trials, 0.99 with 128 and 0.84 with 256; 2-32-32-1 5.3, 4.6 and 4.7; 20-64-64-1 16.9 with 32,
# 16.1 with 64 and 18.3 with 128; 20-256-256-10 222 with 4, 217 with 8 and 249 with 16.
CACHE_BYTES = 16 << 20
MOST_TRIALS = 256


def pack(trials: Iterable[Trial], registry: Registry, *, jobs: int = 1) -> Iterator[list[Trial]]:
    """Divide trials into stacks of equal shapes, each small enough for the cache.

    Trials with equal components lie next to each other. A group that fills fewer stacks than there are jobs
    is divided among the jobs. None of this changes the numbers of a trial.
    """
    groups: dict[str, list[Trial]] = {}
    known: Known = {}
    for trial in trials:
        groups.setdefault(_shape_key(trial, registry, known), []).append(trial)
    for members in groups.values():
        members.sort(key=lambda trial: _order(trial, registry))
        size = stack_size(members[0], registry)
        stacks = max(-(-len(members) // size), min(jobs, -(-len(members) // 8)))
        for rows in np.array_split(np.arange(len(members)), stacks):
            yield [members[row] for row in rows]


def _shape_key(trial: Trial, registry: Registry, known: Known) -> str:
    # If an optimizer asks for more gradients, the whole stack computes them: it has stacks of its own.
    optimizer = trial.parts["optimizer"]
    asking = structure(optimizer, registry) if asks(build_part(optimizer, registry)) else ""
    if asking and "objective" in trial.parts:  # of another one the residuals may be more or fewer
        asking += structure(trial.parts["objective"], registry)
    problem = problem_of(trial)
    shape = problem.shape(trial, registry, known)
    if trial.train.engine == LANES:  # all lanes of a kernel make the same passes
        shape = "\n".join([shape, *problem.order(trial, registry)[: -len(problem.parts)]])
    return "\n".join([shape, trial.train.text, asking, repr((trial.test, trial.timeout))])


def _order(trial: Trial, registry: Registry) -> tuple[str, ...]:
    """Return by what the trials of a stack are sorted, so that equal components lie side by side."""
    order = problem_of(trial).order(trial, registry)
    if trial.train.engine != LANES:
        return order
    at = len(order) - len(problem_of(trial).parts) + 1  # behind the optimizer
    return (*order[:at], *facts(trial, registry), *order[at:])


def stack_size(trial: Trial, registry: Registry) -> int:
    """Return the number of trials like this one that make a stack small enough for the cache."""
    weights, batch, units, outputs = problem_of(trial).working_set(trial, registry)
    # Weights, gradients, two moments and temporaries; z and a of each unit, and their gradients.
    size = sum(spec.shape[0] * spec.shape[1] for spec in weights)
    numbers = 7 * size + 4 * batch * units
    if asks_for_residuals(build_part(trial.parts["optimizer"], registry)):
        numbers += 3 * batch * outputs * size  # their derivatives, and these taken apart
    return int(np.clip(CACHE_BYTES // (numbers * np.dtype(trial.train.dtype).itemsize), 2, MOST_TRIALS))
