"""Activations: functions of a layer's pre-activation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from anncore.contract.derivatives import pullback
from anncore.contract.kinds.base import Array, Component, Hyper


class WeightSpec(NamedTuple):
    """One array of a network's weights, per trial (the trial axis is left out).

    role: "weight" is drawn by the initializer; "bias" and "gain" start at `initial`; "state" is not trained:
    it starts at `initial` and the network writes it (running statistics, masks).
    initial: a number, or (T, 1, 1) where it is a hyperparameter.
    place: where in the network it stands; optimizers may treat "hidden" matrices differently.
    kernel: of a convolution's weight the lengths of its kernel, (3, 3) or (5,): its rows are then the places
    of the kernel, row by row, each with all input channels.
    """

    name: str
    shape: tuple[int, int]  # (fan_in, fan_out), or (1, fan_out) for a bias
    fan_in: int
    fan_out: int
    role: Literal["weight", "bias", "gain", "state"] = "weight"
    initial: Hyper = 0.0
    place: Literal["input", "hidden", "output", ""] = ""
    kernel: tuple[int, ...] = ()


Weights = Mapping[str, Array]
"""The weights and the state of a network by name, each (T, *shape)."""


class AnyActivation(Component):
    """What activations of every form have."""

    range: ClassVar[str] = "(-inf, inf)"
    """The interval in which its values lie."""

    kinks: ClassVar[tuple[float, ...]] = ()
    """The points where f' jumps; gradient checks avoid them."""

    learns: ClassVar[bool] = False
    """Whether it has weights of its own: see `LearnedActivation`."""

    random: ClassVar[bool] = False
    """Whether it draws random numbers in training: see `RandomActivation`."""

    multiple: ClassVar[int] = 1
    """Its units come in multiples of this number; a layer of another number of units is refused."""

    def width(self, units: int) -> int:
        """Return the number of pre-activations for this number of units; a gate needs several for each."""
        return units


class Activation(AnyActivation):
    """A function of a layer's pre-activation, elementwise or over the last axis."""

    @abstractmethod
    def forward(self, z: Array) -> Array:
        """Return f(z), shaped as z (T, N, D)."""

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return ∂L/∂z from grad = ∂L/∂a, with a = forward(z); all (T, N, D).

        By default it is derived from forward.
        """
        return pullback(self, _forward, [z], name="forward", grad=grad, result=a)[0]


class LearnedActivation(AnyActivation):
    """An activation with its own weights; every place in a network has its own set of them.

    `weights` and `grads` hold arrays by the names that `specs` gives.
    """

    learns: ClassVar[bool] = True

    @abstractmethod
    def specs(self, units: int) -> Sequence[WeightSpec]:
        """Return the specs of its weights at a place with this number of units."""

    @abstractmethod
    def forward(self, z: Array, weights: Weights) -> Array:
        """Return f(z), (T, N, D)."""

    def backward(self, grad: Array, z: Array, a: Array, weights: Weights, grads: Weights) -> Array:
        """Return ∂L/∂z, (T, N, D), and write ∂L/∂weight into the arrays of `grads`. Default: derived."""

        def forward(component: LearnedActivation, z: Array, *arrays: Array) -> Array:
            return component.forward(z, dict(zip(weights, arrays, strict=True)))

        inputs, places = [z, *weights.values()], range(1 + len(weights))
        by_z, *by_weight = pullback(self, forward, inputs, name="forward", grad=grad, result=a, wrt=places)
        for name, gradient in zip(weights, by_weight, strict=True):
            grads[name][...] = gradient
        return by_z


class RandomActivation(AnyActivation):
    """An activation that draws random numbers in training, new ones for every step.

    `noise` holds the numbers from `draw` for all trials, (T, N, D); in evaluation it is None. Trials of one
    seed share these numbers, so they must not depend on a hyperparameter: for U(low, high), `draw` draws from
    U(0, 1) and `forward` scales.
    """

    random: ClassVar[bool] = True

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return the numbers of one trial, of `shape` (N, D)."""

    @abstractmethod
    def forward(self, z: Array, noise: Array | None) -> Array:
        """Return f(z), (T, N, D)."""

    def backward(self, grad: Array, z: Array, a: Array, noise: Array | None) -> Array:
        """Return ∂L/∂z, (T, N, D). Default: derived from forward."""

        def forward(component: RandomActivation, z: Array, drawn: Array | None = None) -> Array:
            return component.forward(z, drawn)

        inputs = [z] if noise is None else [z, noise]
        return pullback(self, forward, inputs, name="forward", grad=grad, result=a)[0]


def _forward(component: Activation, z: Array) -> Array:
    return component.forward(z)
