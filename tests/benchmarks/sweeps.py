"""What a sweep costs beyond its steps: many small groups, evaluation, history, storage."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.contenders import built
from benchmarks.networks import Case, trials_of
from trial_factory import make_trial

from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.activations import needs_place
from anncore.engine.lanes.choice import why_not_lanes
from anncore.engine.packing import pack
from anncore.engine.training import train_stack
from anncore.running.store import Store

ACTIVATIONS, TRIAL_SEEDS = 20, 5
OPTIMIZERS = ("adagrad", "adam", "momentum", "rmsprop", "sgd")
NETWORK = ("mlp", {"hidden": [32, 32]})


def twenty_activations(registry: Registry) -> list[str]:
    """Return the names of twenty elementwise activations that both engines compute."""
    known = [
        component.name
        for component in registry.of_kind("activation")
        if component.dist == "annx"
        and component.name not in ("softmax", "identity")
        and not needs_place(component.cls)
    ]
    fitting = [
        name
        for name in known
        if not why_not_lanes(_trial(registry, name, ("sgd", {"lr": 1e-3}), 0, "lanes"), registry)
    ]
    return fitting[:ACTIVATIONS]


def many_groups(registry: Registry, activations: Sequence[str], seeds: int, engine: str) -> list[Trial]:
    """Return 20 activations x 5 optimizers x so many seeds."""
    rows = itertools.product(activations, OPTIMIZERS, range(seeds))
    return [
        _trial(registry, activation, (optimizer, {"lr": 1e-3}), seed, engine)
        for activation, optimizer, seed in rows
    ]


def one_group(registry: Registry, trials: int, seeds: int, engine: str) -> list[Trial]:
    """Return so many trials that differ in learning rate and seed alone."""
    rates = [1e-4 * 1.005**i for i in range(trials // seeds)]
    rows = itertools.product(rates, range(seeds))
    return [_trial(registry, "relu", ("adam", {"lr": lr}), seed, engine) for lr, seed in rows]


def unshared(registry: Registry, activations: Sequence[str], engine: str) -> list[list[Trial]]:
    """Return the many groups' formulas in stacks of equals: one for each pair of components, filled."""
    return [
        [_trial(registry, activation, (optimizer, {"lr": 1e-3}), i % TRIAL_SEEDS, engine) for i in range(64)]
        for activation, optimizer in itertools.product(activations, OPTIMIZERS)
    ]


def _trial(registry: Registry, activation: str, optimizer: Any, seed: int, engine: str) -> Trial:
    return make_trial(
        registry,
        network=NETWORK,
        activation=activation,
        optimizer=optimizer,
        seed=seed,
        batch_size=32,
        engine=engine,
    )


def rates(engine: str, seeds: int, steps: int, repetitions: int) -> dict[str, float]:
    """Return CPU us per trial-step of the many groups, of one group, and of the many groups' formulas alone.

    So many steps are one call, as between two evaluations.
    """
    registry = load_registry()
    activations = twenty_activations(registry)
    mixed = many_groups(registry, activations, seeds, engine)
    sweeps = {
        "many groups": list(pack(mixed, registry)),
        "equal trials": list(pack(one_group(registry, len(mixed), seeds, engine), registry)),
        "the same formulas, full stacks": unshared(registry, activations, engine),
    }
    turns: dict[str, list[float]] = {name: [] for name in sweeps}
    stacks = {name: [built(trials, registry) for trials in groups] for name, groups in sweeps.items()}
    t = 0
    with np.errstate(all="ignore"):
        for repetition in range(-1, repetitions):
            for name, members in stacks.items():
                start = time.process_time()
                for stack in members:
                    stack.advance(t + 1, t + steps, 1 << 30)
                trial_steps = steps * sum(len(stack.trials) for stack in members)
                if repetition >= 0:
                    turns[name].append((time.process_time() - start) * 1e6 / trial_steps)
            t += steps
    return {name: statistics.median(values) for name, values in turns.items()}


def beyond_training(case: Case, registry: Registry, folder: Path, repetitions: int) -> dict[str, float]:
    """Return what evaluation, history and storage add to training at the default cadence, as a share.

    Default: 500 steps, evaluated every 50. Building the stack and its data is paid once and not counted.
    """
    trials = next(iter(pack(trials_of(case, registry), registry)))
    shares = []
    built(trials, registry)
    train_stack(trials, registry)
    for repetition in range(repetitions):
        start = time.process_time()
        stack = built(trials, registry)
        made = time.process_time()
        with np.errstate(all="ignore"):
            for t in range(1, 501):
                stack.step(t, 500)
        trained = time.process_time()
        results = train_stack(trials, registry)
        with Store(folder / f"{case.name}-{repetition}.sqlite") as store:
            store.add(zip(trials, results, strict=True))
        stored = time.process_time()
        shares.append(((stored - trained) - (made - start)) / (trained - made) - 1)
    return {"stack": float(len(trials)), "share": statistics.median(shares)}
