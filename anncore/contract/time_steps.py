"""Windows in time: how networks on sequences divide an example's columns into steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from anncore.contract.arrays import Array
from anncore.contract.errors import ComponentError


class OnSequences(Protocol):
    """A network whose examples are windows in time."""

    @property
    def name(self) -> str:
        """Its name, for messages."""

    @property
    def features(self) -> int:
        """The number of columns of one time step."""

    @property
    def read(self) -> str:
        """When it gives outputs: after the "last" step or after "every" step; other words mean once."""


def time_steps(network: OnSequences, inputs: int, outputs: int) -> tuple[int, int]:
    """Return the number S of time steps of a window, and the number of outputs each time it is read.

    Of `inputs` = S · features columns the first `features` are step 1, and so on. A network that is read
    after every step gives S times as many outputs, in the order of time. Raises ComponentError for sizes
    that do not fit.
    """
    steps, rest = divmod(inputs, network.features)
    if rest:
        raise ComponentError(
            f"{network.name}: inputs must be a multiple of features, {network.features}, got {inputs}; set "
            "features to the columns that a time step has"
        )
    if network.read != "every":
        return steps, outputs
    if outputs % steps:
        raise ComponentError(
            f'{network.name}: with read "every" outputs must be a multiple of the {steps} steps, got '
            f'{outputs}; use read "last", or a data set with targets for every step'
        )
    return steps, outputs // steps


def steps_first(network: OnSequences, x: Array) -> Array:
    """Return windows (T, N, S · features) as (T, S · N, features): all examples of step 1, then of step 2.

    So what a step reads lies together in memory, and one product serves all steps.
    """
    trials, examples, columns = x.shape
    steps = columns // network.features
    by_step = x.reshape(trials, examples, steps, network.features).swapaxes(1, 2)
    return by_step.reshape(trials, steps * examples, network.features)


def read_states(network: OnSequences, states: Sequence[Array]) -> Array:
    """Return the states from which a network gives outputs; states: one (T, N, units) for each step.

    With read "every" all of them, (T, N · S, units), an example's steps one after the other; else the last.
    """
    if network.read != "every":
        return states[-1]
    trials, examples, units = states[-1].shape
    return np.stack(states, axis=2).reshape(trials, examples * len(states), units)
