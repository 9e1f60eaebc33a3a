"""Initializers: where weights start."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from anncore.contract.kinds.activations import WeightSpec
from anncore.contract.kinds.base import Array, Component


class Initializer(Component):
    """Initial weights of one trial. Biases and gains start where the network says, biases at 0 as a rule."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return float64 weights of `shape`, (fan_in, fan_out) for a dense layer."""

    def draw(self, rng: np.random.Generator, specs: Sequence[WeightSpec]) -> Mapping[str, Array]:
        """Return the initial values of a network's arrays by name, float64 of each spec's shape.

        `specs` are all arrays that are trained. Those that are left out start at their `initial`, which a
        weight cannot: it must be there. By default `sample` is called for each weight, in order. Replace this
        method if the values depend on an array's name, role or place, or if biases are to be given.
        """
        return {
            spec.name: self.sample(rng, spec.shape, spec.fan_in, spec.fan_out)
            for spec in specs
            if spec.role == "weight"
        }

    def adjust(self, weight: Array, z: Array, attempt: int) -> Array | None:
        """Return new weights (T, fan_in, fan_out) for a layer, given its z (T, N, fan_out), or None.

        A data-dependent initializer replaces this method. The core calls it layer by layer from the first,
        with attempt = 0, 1, ... and the layer's present z, until it returns None. The network must show its
        `layers`.
        """
        return None
