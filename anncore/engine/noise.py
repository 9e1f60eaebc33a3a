"""Random numbers that a network draws while it trains: dropout masks, noise of activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.contract.streams import stream
from anncore.contract.trial import Trial


class StackMode:
    """See `anncore.contract.kinds.Mode`."""

    def __init__(self, training: bool, first: bool, noise: Any) -> None:
        self.training, self.first, self._noise = training, first, noise

    def uniform(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return numbers in [0, 1), (T, *shape)."""
        return self._noise.of(name, slice(None), lambda rng: rng.random(shape))


class StackLearnMode:
    """See `anncore.contract.kinds.LearnMode`."""

    def __init__(self, step: int, steps: int, noise: Any, turn: int | None = None) -> None:
        self.step, self.steps, self.turn, self._noise = step, steps, turn, noise

    def uniform(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return numbers in [0, 1), (T, *shape)."""
        return self._noise.of(name, slice(None), lambda rng: rng.random(shape))

    def normal(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return numbers from N(0, 1), (T, *shape)."""
        return self._noise.of(name, slice(None), lambda rng: rng.standard_normal(shape))


class Noise:
    """Random numbers of training. Each trial has its own streams; trials of one seed share them.

    Within a step the same name always gives the same numbers.
    """

    def __init__(self, trials: Sequence[Trial], dtype: str) -> None:
        self._dtype = dtype
        self._owners = [(trial.sweep_seed, trial.seed) for trial in trials]
        self.generators: dict[tuple[str, int, int], np.random.Generator] = {}
        self._drawn: dict[tuple[str, int, int], Array] = {}  # each trial's, as generators

    def renew(self) -> None:
        """Forget all drawn numbers, so that the next step draws new ones."""
        self._drawn.clear()

    def go_on(self, before: Noise) -> None:
        """Continue the streams of a larger stack."""
        self.generators = before.generators

    def of(self, name: str, trials: slice, draw: Callable[[np.random.Generator], Array]) -> Array:
        """Return the numbers of a name for some of the trials; `draw` draws those of one trial."""
        owners = self._owners[trials]
        index = {owner: i for i, owner in enumerate(dict.fromkeys(owners))}
        draws = [self._one(name, owner, draw) for owner in index]
        return np.stack(draws)[[index[owner] for owner in owners]]

    def _one(self, name: str, owner: tuple[int, int], draw: Callable[[np.random.Generator], Array]) -> Array:
        # The key has the trial too: equal activations may lie in several places of a stack.
        numbers = self._drawn.get((name, *owner))
        if numbers is None:
            numbers = np.asarray(draw(self.generator(name, *owner)), self._dtype)
            self._drawn[(name, *owner)] = numbers
        return numbers

    def generator(self, name: str, sweep_seed: int, seed: int) -> np.random.Generator:
        """Return the stream of a name, of the trials of one seed."""
        key = (name, sweep_seed, seed)
        if key not in self.generators:
            self.generators[key] = stream(sweep_seed, seed, f"noise {name}")
        return self.generators[key]
