"""Network: sparse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    Hyper,
    LearnMode,
    Network,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    linear,
    ref,
)


@dataclass(frozen=True)
class Sparse(Network):
    """Multilayer perceptron in which every unit is connected to a few units of the layer below.

        zᵢ = aᵢ₋₁ (Wᵢ ∘ Mᵢ) + bᵢ,  aᵢ = fᵢ(zᵢ)

    Each column of the mask M has k = max(1, round(density · fan_in)) ones; the rest is 0. The mask is drawn
    when a trial begins and, by default, stays. The fan_in units below and the fan_out units of the layer lie
    evenly on a ring. `range` says which are connected: "random" any k, "near" the k nearest, "far" the k
    farthest; equally distant ones are chosen at random. With "small_world" they are the k nearest, of which
    each is replaced with probability `rewire` by any unit that is not connected yet: a few shortcuts make
    paths through the layers short, while neighbours still share most of their inputs. The output layer has
    all connections.

    With regrow_every = s connections move during training: after every s-th step, but not the last, the share
    zeta of a layer's connections with the smallest |W| goes, and as many others, random ones that did not
    exist before, come in anywhere in the layer, with weight 0. A layer keeps its number of connections, a
    unit does not.

    For one seed, the connections of a smaller density are a part of those of a larger one. Masked weights are
    not trained. Initial weights are those of the full layer: with density d the variance of z is d times
    that of the full layer.

    Domain: `hidden` is the width of each hidden layer; density in (0, 1]; rewire in [0, 1], for
    "small_world" alone: 0 is "near", 1 as good as "random"; regrow_every ≥ 0, 0 for never; zeta in (0, 1).
    Shapes: x (T, N, inputs), Wᵢ and Mᵢ (T, fan_in, fan_out), bᵢ (T, 1, fan_out), result (T, N, outputs).

    Mocanu et al., "Scalable training of artificial neural networks with adaptive sparse connectivity
    inspired by network science", Nature Communications 9 (2018), 2383: sparse evolutionary training (SET),
    and its fixed control. https://doi.org/10.1038/s41467-018-04316-3. There each connection exists
    independently with one probability, here every unit has equally many at first; there the smallest positive
    and the smallest negative weights go by themselves, after every epoch, and new ones are random. 0 is that
    of Evci, Gale, Menick, Castro & Elsen, "Rigging the Lottery: Making All Tickets Winners", ICML 2020.
    https://arxiv.org/abs/1911.11134. small_world: Watts & Strogatz, "Collective dynamics of 'small-world'
    networks", Nature 393 (1998), 440-442. https://doi.org/10.1038/30918. The seed document's
    sparse network, connected to "few distant" units, is range "far"; elsewhere sparse means few of any.
    """

    name: ClassVar[str] = "sparse"

    hidden: tuple[int, ...] = hyper((32, 32), "list int [1, inf)")
    density: Hyper = hyper(0.25, "(0, 1]", search=linear(0.05, 1.0))
    range: str = hyper("random", ("random", "near", "far", "small_world"))
    rewire: Hyper = hyper(0.1, "[0, 1]", search=linear(0.0, 1.0))
    regrow_every: int = hyper(0, "int [0, inf)")
    zeta: Hyper = hyper(0.3, "(0, 1)", search=linear(0.1, 0.5))
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")

    def validate(self) -> None:
        """Refuse a list of activations that does not fit the hidden layers."""
        given = self.activation
        if isinstance(given, (list, tuple)) and len(given) not in (1, len(self.hidden)):
            raise ValueError(
                f"activation must be one name or one per hidden layer ({len(self.hidden)}), got {len(given)}"
            )

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        return {"activation": self.hidden}

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        specs = []
        for i, (fan_in, units) in enumerate(pairwise((inputs, *self.hidden, outputs)), start=1):
            hidden = i <= len(self.hidden)
            place: Any = "output" if not hidden else "input" if i == 1 else "hidden"
            fan_out = self.activation[i - 1].width(units) if hidden else units
            weight = WeightSpec(f"W{i}", (fan_in, fan_out), fan_in, fan_out, place=place)
            specs.append(weight)
            specs.append(WeightSpec(f"b{i}", (1, fan_out), fan_in, fan_out, "bias", place=place))
            if hidden:
                specs.append(weight._replace(name=f"M{i}", role="state", initial=1.0))
        return specs

    def draw(self, rng: np.random.Generator, spec: WeightSpec) -> Array:
        below, units = spec.shape
        count = max(1, round(self.density * below))
        luck = rng.random((below, units))
        chosen = _first(count, self._distance(below, units), luck)
        if self.range == "small_world":
            stays = chosen & (rng.random((below, units)) >= self.rewire)
            chosen = _first(count, ~stays, rng.random((below, units)))
        return chosen.astype(float)

    def forward(self, weights: Weights, x: Array) -> Array:
        a = x
        for i, activation in enumerate(self.activation[: len(self.hidden)], start=1):
            a = activation.forward(dense(a, weights[f"W{i}"] * weights[f"M{i}"], weights[f"b{i}"]))
        last = len(self.hidden) + 1
        return dense(a, weights[f"W{last}"], weights[f"b{last}"])

    def after_step(self, weights: Weights, mode: LearnMode) -> None:
        if not self.regrow_every or mode.step % self.regrow_every or mode.step == mode.steps:
            return
        for i in range(1, len(self.hidden) + 1):
            weight, mask = weights[f"W{i}"], weights[f"M{i}"]
            luck = mode.uniform(f"regrow{i}", mask.shape[1:])
            connected = mask > 0
            existing = connected.sum(axis=(1, 2), keepdims=True)
            count = np.minimum(np.floor(self.zeta * existing), connected[0].size - existing)
            gone = _ranks(np.where(connected, np.abs(weight), np.inf)) < count
            new = _ranks(np.where(connected, np.inf, luck)) < count
            mask[...] = (connected & ~gone) | new
            weight[new] = 0

    def _distance(self, below: int, units: int) -> Array:
        """Return a number for each connection, (below, units); the smallest of a unit are chosen."""
        apart = np.abs((np.arange(below)[:, None] + 0.5) / below - (np.arange(units) + 0.5) / units)
        around = np.round(np.minimum(apart, 1 - apart), 9)  # equal distances must be equal numbers
        return {"random": 0 * around, "far": -around}.get(self.range, around)


def _first(count: int, distance: Array, luck: Array) -> Array:
    """Return in each column the `count` places of smallest distance, of equal ones those of smallest luck."""
    order = np.lexsort((luck, distance), axis=0)
    return np.argsort(order, axis=0) < count


def _ranks(numbers: Array) -> Array:
    """Return the place of each number among those of its trial, (T, below, units), 0 for the smallest."""
    flat = numbers.reshape(len(numbers), -1)
    return np.argsort(np.argsort(flat, axis=1, kind="stable"), axis=1).reshape(numbers.shape)


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Sparse]
