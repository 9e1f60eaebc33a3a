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

from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.activations import needs_place
from anncore.engine.packing import pack
from anncore.engine.training import train_stack
from anncore.running.store import Store

ACTIVATIONS, TRIAL_SEEDS = 20, 5
OPTIMIZERS = ("adagrad", "adam", "momentum", "rmsprop", "sgd")
NETWORK = ("mlp", {"hidden": [32, 32]})


def twenty_activations(registry: Registry) -> list[str]:
    """Return the names of twenty elementwise activations."""
    known = [
        component.name
        for component in registry.of_kind("activation")
        if component.dist == "annx"
        and component.name not in ("softmax", "identity")
        and not needs_place(component.cls)
    ]
    return known[:ACTIVATIONS]


def many_groups(registry: Registry, activations: Sequence[str]) -> list[Trial]:
    """Return 20 activations x 5 optimizers x 5 seeds."""
    rows = itertools.product(activations, OPTIMIZERS, range(TRIAL_SEEDS))
    return [
        _trial(registry, activation, (optimizer, {"lr": 1e-3}), seed) for activation, optimizer, seed in rows
    ]


def one_group(registry: Registry, activations: Sequence[str]) -> list[Trial]:
    """Return 500 trials that differ in learning rate and seed alone."""
    rates = [1e-4 * 1.02**i for i in range(len(activations) * len(OPTIMIZERS))]
    rows = itertools.product(rates, range(TRIAL_SEEDS))
    return [_trial(registry, "relu", ("adam", {"lr": lr}), seed) for lr, seed in rows]


def unshared(registry: Registry, activations: Sequence[str]) -> list[list[Trial]]:
    """Return the many groups' formulas without slices: for each pair of components a stack of equals."""
    networks = []
    for trial in many_groups(registry, activations)[::TRIAL_SEEDS]:
        activation = trial.parts["network"].refs["activation"][0].name
        optimizer = (trial.parts["optimizer"].name, {"lr": 1e-3})
        networks.append([_trial(registry, activation, optimizer, i % TRIAL_SEEDS) for i in range(64)])
    return networks


def _trial(registry: Registry, activation: str, optimizer: Any, seed: int) -> Trial:
    return make_trial(
        registry, network=NETWORK, activation=activation, optimizer=optimizer, seed=seed, batch_size=32
    )


def rates(steps: int, repetitions: int) -> dict[str, float]:
    """Return CPU us per trial-step of the many groups, of one group, and of the formulas unshared."""
    registry, activations = twenty_activations()
    sweeps = {
        "many groups": list(pack(many_groups(registry, activations), registry)),
        "equal trials": list(pack(one_group(registry, activations), registry)),
        "same formulas, no slices": unshared(registry, activations),
    }
    turns: dict[str, list[float]] = {name: [] for name in sweeps}
    stacks = {name: [built(trials, registry) for trials in groups] for name, groups in sweeps.items()}
    t = 0
    with np.errstate(all="ignore"):
        for repetition in range(-1, repetitions):
            for name, members in stacks.items():
                start = time.process_time()
                for stack in members:
                    for i in range(steps):
                        stack.step(t + i + 1, 1 << 30)
                trial_steps = steps * sum(len(stack.trials) for stack in members)
                if repetition >= 0:
                    turns[name].append((time.process_time() - start) * 1e6 / trial_steps)
            t += steps
    return {
        **{name: statistics.median(values) for name, values in turns.items()},
        "registered": float(sum(not name.startswith("more_activations") for name in activations)),
    }


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
