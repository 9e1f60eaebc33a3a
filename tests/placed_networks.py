"""Networks of the catalogue with activations in their places, and weights for one trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from shipped import REGISTRY

from anncore import Array, build
from anncore.engine.network import PlacedNetwork


def placed(name: str, inputs: int, outputs: int, activation: str = "tanh", **values: Any) -> PlacedNetwork:
    """Return a network with an activation in all of its places, if it has any."""
    cls = REGISTRY.get("network", name).cls
    if "activation" in cls.__dataclass_fields__:
        values["activation"] = (REGISTRY.get("activation", activation).cls(),)
    return PlacedNetwork(build(cls, **values), inputs, outputs, None)


def drawn(network: PlacedNetwork, seed: int = 0, scale: float = 0.5) -> dict[str, Array]:
    """Return weights of one trial around their initial values, and its state as it is drawn."""
    rng = np.random.default_rng(seed)
    return {
        spec.name: network.component.draw(rng, spec)[None]
        if spec.role == "state"
        else spec.initial + scale * rng.normal(size=(1, *spec.shape))
        for spec in network.specs
    }


def output(network: PlacedNetwork, weights: Mapping[str, Array], x: Any, training: bool = False) -> Array:
    """Return what it makes of one trial's inputs (N, D)."""
    return network.forward(weights, np.atleast_2d(np.asarray(x, float))[None], training=training)[0][0]
