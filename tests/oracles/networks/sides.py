"""What a network is given, and what we and PyTorch make of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from oracles.rows import Row, spread
from shipped import REGISTRY

from anncore import Array, WeightSpec, build
from anncore.engine.network import PlacedNetwork


def torch(name: str, inputs: str, theirs: Any, **values: Any) -> Row:
    """Return a row of a network with tanh; theirs(torch, x, parameters and state by name, in training?).

    For one that learns by a rule it returns, in place of its output, the loss whose gradient the rule gives.
    """
    return Row("torch", "network", name, theirs, values, inputs)


# Inputs and outputs of a network, where these are not 3 and 2.
SIZES: Mapping[str, tuple[int, int]] = {
    "hopfield": (4, 4),
    "maxnet": (5, 5),
    "lattice": (16, 16),
    "autoencoder": (3, 3),
    "gan": (3, 3),
    **dict.fromkeys(("elman", "rnn", "lstm", "gru", "echo_state", "transformer"), (8, 2)),
    "jordan": (12, 8),  # four steps of three columns, and of two outputs each
    "cnn": (64, 3),
    "locally_connected": (36, 3),
}


class Pass(NamedTuple):
    """What goes into a pass through a network, without the trial axis."""

    specs: Sequence[WeightSpec]
    weights: Mapping[str, Array]
    x: Array
    grad: Array

    @property
    def trained(self) -> list[str]:
        """The names of what is no state."""
        return [spec.name for spec in self.specs if spec.role != "state"]

    @property
    def state(self) -> list[str]:
        """The names of what is."""
        return [spec.name for spec in self.specs if spec.role == "state"]


class Drawn:
    """Numbers in place of random ones, equal for both sides."""

    def of(self, name: str, trials: slice, draw: Callable[[np.random.Generator], Array]) -> Array:
        """Return numbers of the shape that is drawn, the same for every name."""
        shape = draw(np.random.default_rng(0)).shape
        return drawn(shape)[None]


def drawn(shape: tuple[int, ...]) -> Array:
    """Return what stands for random numbers of a shape."""
    return spread(math.prod(shape), -1.5, 1.5, turn=12).reshape(shape)


def placed(component: Any, row: Row) -> PlacedNetwork:
    """Return a network with tanh in its places, if it has any."""
    tanh = REGISTRY.get("activation", "tanh").cls()
    if hasattr(component, "activation"):
        component = dataclasses.replace(component, activation=(tanh,))
    return PlacedNetwork(component, *SIZES.get(row.name, (3, 2)), Drawn())


def a_pass(row: Row) -> Pass:
    """Return what a row's network is given; every number is another, variances are positive."""
    component = build(REGISTRY.get("network", row.name).cls, **row.values)
    specs = placed(component, row).specs
    weights = {
        spec.name: spec.initial + spread(spec.shape[0] * spec.shape[1], -0.6, 0.6, turn=i).reshape(spec.shape)
        for i, spec in enumerate(specs, start=20)
    }
    inputs, outputs = SIZES.get(row.name, (3, 2))
    x = spread(7 * inputs, -2, 2, turn=10).reshape(7, inputs)
    return Pass(specs, weights, x, spread(7 * outputs, -2, 2, turn=11).reshape(7, outputs))


def layer_norm(t: Any, h: Any, p: Any, which: Any, **values: Any) -> Any:
    """Return PyTorch's layer norm with the gain and the shift of that name."""
    gain, shift = p[f"gain{which}"][0], p[f"shift{which}"][0]
    return t.nn.functional.layer_norm(h, h.shape[-1:], gain, shift, **values)


def ours(component: Any, row: Row) -> Any:
    """Return our figures."""
    given = a_pass(row)
    network, weights = (
        placed(component, row),
        {name: value[None].copy() for name, value in given.weights.items()},
    )
    grads = {name: np.full_like(weights[name], np.nan) for name in given.trained}
    if row.inputs == "learning":
        network.learn(weights, given.x[None], given.x[None], grads, now=(1, 1))
        return np.concatenate([np.ravel(grad) for grad in grads.values()])
    z, tape = network.forward(weights, given.x[None], training=row.inputs == "training")
    network.backward(weights, tape, given.grad[None], grads)
    figures = [z, *grads.values(), *(weights[name] for name in given.state)]
    return np.concatenate([np.ravel(figure) for figure in figures])


def _by_torch(row: Row) -> Any:
    import torch

    given = a_pass(row)
    arrays = {
        name: torch.tensor(value, requires_grad=name in given.trained)
        for name, value in given.weights.items()
    }
    z = row.theirs(torch, torch.tensor(given.x), arrays, row.inputs == "training")
    if row.inputs == "learning":
        z.backward()
        return np.concatenate([arrays[name].grad.numpy().ravel() for name in given.trained])
    z.backward(torch.tensor(given.grad))
    figures = [z.detach(), *(arrays[name].grad for name in given.trained)]
    figures += [arrays[name] for name in given.state]
    return np.concatenate([tensor.numpy().ravel() for tensor in figures])


THEIRS: Mapping[str, Callable[[Row], Any]] = {"torch": _by_torch}
