"""Initializers: where weights start."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from anncore.contract.kinds.base import Array, Component


class Initializer(Component):
    """Initial weights of one trial. Biases start at zero."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return float64 weights of `shape`, (fan_in, fan_out) for a dense layer."""

    def adjust(self, weight: Array, z: Array, attempt: int) -> Array | None:
        """Return new weights (T, fan_in, fan_out) for a layer, given its z (T, N, fan_out), or None.

        A data-dependent initializer replaces this method. The core calls it layer by layer from the first,
        with attempt = 0, 1, ... and the layer's present z, until it returns None. The network must show its
        `layers`.
        """
        return None
