"""Schedules and initializers that are wrong on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
from right.schedules import Fitting, Heedful, Spread, Tilting, Watched

from anncore import ref
from anncore.contract.kinds import Array
from wrong.base import wrong, wrong_form

# Schedules and initializers


def not_a_number(self: Any, t: int, steps: int, state: Any) -> float:
    return float("nan")


def transposed(self: Any, rng: Any, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    return rng.standard_normal(shape[::-1])


ALWAYS_THE_SAME = {shape: np.ones(shape) for shape in ((1, 1), (3, 8), (64, 32))}


def kept(self: Any, rng: Any, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    return ALWAYS_THE_SAME[shape]


def one_for_all(self: Any, ones: Array) -> Watched:
    return Watched(np.inf * ones[:1], ones[:1] + 0)


def growing(self: Any, state: Watched, score: Array, t: int) -> Watched:
    return Watched(np.concatenate([state.best, score], axis=2), state.rate)


def by_the_best_trial(self: Any, state: Watched, score: Array, t: int) -> Watched:
    rate = np.where(score > score.min(), self.fall * state.rate, state.rate)
    return Watched(np.minimum(state.best, score), rate)


HIDDEN: list[Any] = [0]


def forgets(self: Any, t: int, steps: int, state: Watched) -> Any:
    HIDDEN[0] = 1 if t == 1 else HIDDEN[0] + 1
    return state.rate / HIDDEN[0]


def overwritten(self: Any, state: Watched, score: Array, t: int) -> Watched:
    state.rate[...] *= self.fall
    return state


SCHEDULES = [
    wrong(
        "schedule",
        "well_formed",
        "refers to a schedule, which may need the losses",
        after=ref("schedule", "constant"),
    ),
    wrong_form("schedule", "state", "first axis must be the trials", Heedful, init=one_for_all),
    wrong_form(
        "schedule", "state", "must be a NamedTuple of arrays", Heedful, init=lambda self, ones: 1 * ones
    ),
    wrong_form("schedule", "state", "observe changes the state's shapes", Heedful, observe=growing),
    wrong_form("schedule", "state", "after the state was saved and read", Heedful, factor=forgets),
    wrong_form(
        "schedule", "isolated", "beside one of nan and without it", Heedful, observe=by_the_best_trial
    ),
    wrong_form("schedule", "stacked_as_alone", "in a stack of 2", Heedful, observe=by_the_best_trial),
    wrong_form(
        "schedule", "inputs_unchanged", "writes to an array it was handed", Heedful, observe=overwritten
    ),
    wrong("schedule", "factors", "of update 1 of 1 is [nan]", factor=not_a_number),
    wrong("schedule", "factors", "the factor is 0 throughout", factor=lambda self, t, steps, state: 0.0),
]


def endless(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    return weight


def until_all_are_small(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    return 0.5 * weight if np.abs(z).max() > 1 else None


def unless_one_is_sick(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    return 0.5 * weight if attempt == 0 and not np.isnan(z).any() else None


def widened(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    return weight * np.float64(0.5) if attempt == 0 else None


def in_place(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    weight *= 0.5
    return weight if attempt == 0 else None


def no_weights(self: Any, rng: Any, specs: Any) -> Any:
    return {spec.name: np.ones(spec.shape) for spec in specs if spec.role == "bias"}


def of_another_network(self: Any, rng: Any, specs: Any) -> Any:
    return {**Spread.draw(self, rng, specs), "W9": np.ones((2, 2))}


def flat(self: Any, rng: Any, specs: Any) -> Any:
    return {spec.name: np.ones(spec.shape[1]) for spec in specs}


def counted(self: Any, rng: Any, specs: Any) -> Any:
    HIDDEN[0] += 1
    return {spec.name: np.full(spec.shape, float(HIDDEN[0])) for spec in specs}


INITIALIZERS = [
    wrong("initializer", "weights", "shape (8, 3) in place of (3, 8)", sample=transposed),
    wrong("initializer", "weights", "two draws share their memory", sample=kept),
    wrong_form("initializer", "adjust", "still returns weights after 200 attempts", Fitting, adjust=endless),
    wrong_form("initializer", "adjust", "in a stack of 7 and alone", Fitting, adjust=until_all_are_small),
    wrong_form("initializer", "adjust", "beside one of nan", Fitting, adjust=unless_one_is_sick),
    wrong_form("initializer", "adjust", "adjust gives float64", Fitting, adjust=widened),
    wrong_form("initializer", "adjust", "read-only", Fitting, adjust=in_place),
    wrong_form("initializer", "draw", "no values for the weight ['W1']", Tilting, draw=no_weights),
    wrong_form("initializer", "draw", "W9, which the network does not", Tilting, draw=of_another_network),
    wrong_form("initializer", "draw", "shape (8,) in place of (3, 8)", Tilting, draw=flat),
    wrong_form("initializer", "draw", "from equal generators", Tilting, draw=counted),
]
