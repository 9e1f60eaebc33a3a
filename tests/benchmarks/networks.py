"""What is compared: four networks, and the trials that train them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from trial_factory import make_trial

from anncore.contract.registry import Registry
from anncore.contract.trial import Trial

BATCH = 32
SEEDS = 8  # the trials of one network: so many seeds, times as many learning rates as it takes


class Target(NamedTuple):
    """What is asked of a network: at most so many us per trial-step, at least so many times a peer.

    lanes: us per trial-step and times JAX of the engine "lanes"; NaN for a network that is left to BLAS.
    """

    us: float
    against_torch: float
    against_jax: float
    lanes: tuple[float, float]


class Case(NamedTuple):
    """A network and how many trials of it train at once."""

    inputs: int
    hidden: tuple[int, ...]
    outputs: int  # 1: a sigmoid with binary cross-entropy; more: softmax with categorical cross-entropy
    trials: int
    target: Target

    @property
    def name(self) -> str:
        """Return "2-16-1"."""
        return "-".join(map(str, self.widths))

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the units of every layer, inputs first."""
        return (self.inputs, *self.hidden, self.outputs)

    @property
    def learning_rates(self) -> list[float]:
        """Return the learning rates of the trials of one seed, all of them calm."""
        return [1e-4 * 1.3**i for i in range(self.trials // SEEDS)]


CASES = (
    Case(2, (16,), 1, 128, Target(2.5, 120, 3, (0.15, 12))),
    Case(2, (32, 32), 1, 128, Target(6.5, 60, 2, (1.3, 4.8))),
    Case(20, (64, 64), 1, 64, Target(16, 28, 2, (6, 3.5))),
    Case(20, (256, 256), 10, 16, Target(220, 3.5, 1.4, (math.nan, math.nan))),
)


def trials_of(case: Case, registry: Registry, **changed: Any) -> list[Trial]:
    """Return the case's trials: equal but for learning rate and seed."""
    several = case.outputs > 1
    settings: dict[str, Any] = {
        "dataset": "two_moons" if case.inputs == 2 else ("classification", _classification(case)),
        "network": ("mlp", {"hidden": list(case.hidden)}),
        "output": "softmax" if several else "sigmoid",
        "loss": "categorical_cross_entropy" if several else "binary_cross_entropy",
        "steps": 500,
        "eval_every": 50,
        "batch_size": BATCH,
        **changed,
    }
    return [
        make_trial(registry, optimizer=("adam", {"lr": lr}), seed=seed, **settings)
        for lr in case.learning_rates
        for seed in range(SEEDS)
    ]


def _classification(case: Case) -> dict[str, Any]:
    informative = max(5, case.outputs)
    return {"features": case.inputs, "classes": max(2, case.outputs), "informative": informative}
