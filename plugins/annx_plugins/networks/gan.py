"""Network: gan."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    ComponentError,
    LearnMode,
    RuleNetwork,
    Task,
    Weights,
    WeightSpec,
    dense,
    hookimpl,
    hyper,
    ref,
    sum_examples,
)

NEIGHBOURS = 5  # of `coverage`
FAR = 3  # standard deviations from the middle of a cluster, within which a generated example belongs to it
MOST = 2_000_000  # differences between examples that are held at once


@dataclass(frozen=True)
class GAN(RuleNetwork):
    """Generative adversarial network: a generator learns to make what a discriminator takes for real.

        G(u) = f(u A₁ + a₁) A₂ + a₂,  u ~ N(0, 1)^latent        D(x) = σ(g(x B₁ + b₁) B₂ + b₂)
        the discriminator descends   -mean ln D(x) - mean ln (1 - D(G(u)))
        the generator descends       -mean ln D(G(u))

    With updates "alternating" a step has two turns: first the discriminator is updated, then the generator,
    against the new discriminator and with new u; each has an optimizer of its own. With "simultaneous" both
    descend at the same weights and with the same u. Neither is the gradient of one loss: the two turn around
    each other, and adam with beta1 = 0.5 or 0 is customary. The result for an example is the nearest of
    `samples` generated ones, made of latent numbers that stay the same throughout. So the reconstruction
    error says how far the data lie from what is generated.

    Domain: hidden, latent and samples at least 1. As many outputs as inputs, so a data set without targets.
    Shapes: x and result (T, N, D), A₁ (T, latent, hidden), A₂ (T, hidden, D), B₁ (T, D, hidden),
    B₂ (T, hidden, 1).

    Goodfellow et al., "Generative Adversarial Nets", NIPS 2014, with the generator's loss of its section 3.
    https://arxiv.org/abs/1406.2661; its algorithm 1 with k = 1 is "alternating". Radford, Metz & Chintala,
    2016, for beta1 = 0.5. https://arxiv.org/abs/1511.06434
    """

    name: ClassVar[str] = "gan"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    measured: ClassVar[tuple[str, ...]] = ("coverage", "modes_covered")

    hidden: int = hyper(16, "int [1, inf)", help="width of the hidden layer of both")
    latent: int = hyper(2, "int [1, inf)")
    samples: int = hyper(256, "int [1, inf)", help="generated examples in evaluation")
    updates: str = hyper("alternating", ("alternating", "simultaneous"))
    activation: Any = ref("activation", "tanh")
    output: Any = ref("activation", "identity")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(
                f"{self.name}: it makes inputs, got {inputs} inputs and {outputs} outputs; use a data set "
                "without targets, for example gaussian_ring"
            )
        specs = []
        for one, (first, last) in {"A": (self.latent, inputs), "B": (inputs, 1)}.items():
            for i, (fan_in, fan_out) in enumerate(((first, self.hidden), (self.hidden, last)), start=1):
                place: Any = "input" if i == 1 else "output"
                specs.append(WeightSpec(f"{one}{i}", (fan_in, fan_out), fan_in, fan_out, place=place))
                specs.append(
                    WeightSpec(f"{one.lower()}{i}", (1, fan_out), fan_in, fan_out, "bias", place=place)
                )
        return [*specs, WeightSpec("latents", (self.samples, self.latent), 1, 1, "state")]

    def draw(self, rng: np.random.Generator, spec: WeightSpec) -> Array:
        return rng.standard_normal(spec.shape)

    def forward(self, weights: Weights, x: Array) -> Array:
        made = self._made(weights)
        nearest = _by_example(x, made, lambda distances: distances.argmin(axis=2))
        return np.take_along_axis(made, nearest[:, :, None], axis=1)

    def turns(self) -> Sequence[Sequence[str]]:
        players = [f"{one}{i}" for i in (1, 2) for one in "Bb"], [f"{one}{i}" for i in (1, 2) for one in "Aa"]
        return players if self.updates == "alternating" else ()

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights, mode: LearnMode) -> None:
        n = x.shape[1]
        u = mode.normal("latents" if mode.turn != 1 else "latents of the generator", (n, self.latent))
        z, a = self._hidden(weights, "A", u)
        made = dense(a, weights["A2"], weights["a2"])
        both = np.concatenate([x, made], axis=1)
        hidden = self._hidden(weights, "B", both)
        scores = dense(hidden[1], weights["B2"], weights["b2"])
        real = 1 / (1 + np.exp(-scores))
        real[:, :n] -= 1
        if mode.turn != 1:
            self._descend(weights, grads, "B", both, hidden, real / n)
        if mode.turn == 0:
            return
        # ∂ -ln D(G(u)) / ∂ score = D - 1, back through the discriminator as it is.
        fooled = (real[:, n:] - 1) / n
        z_of_made, a_of_made = (values[:, n:] for values in hidden)
        back = self.activation[0].backward(
            np.matmul(fooled, weights["B2"].swapaxes(1, 2)), z_of_made, a_of_made
        )
        self._descend(weights, grads, "A", u, (z, a), np.matmul(back, weights["B1"].swapaxes(1, 2)))

    def measures(self, weights: Weights, x: Array) -> Mapping[str, Array]:
        rank = min(NEIGHBOURS, x.shape[1] - 1)  # 0 is the example itself
        within = _by_example(x, x, lambda distances: np.partition(distances, rank, axis=2)[:, :, rank])
        made = self._made(weights)
        covered = _by_example(x, made, lambda distances: distances.min(axis=2)) <= within
        modes = [_modes_covered(*pair) for pair in zip(x, made, strict=True)]
        return {"coverage": covered.mean(axis=1), "modes_covered": np.array(modes, dtype=float)}

    def snapshot(self, weights: Weights, x: Array, y: Array) -> Mapping[str, Array]:
        return {"samples": self._made(weights)}

    def _made(self, weights: Weights) -> Array:
        """Return the generated examples of evaluation, (T, samples, D)."""
        _, a = self._hidden(weights, "A", weights["latents"])
        return dense(a, weights["A2"], weights["a2"])

    def _hidden(self, weights: Weights, one: str, values: Array) -> tuple[Array, Array]:
        """Return the hidden layer of the generator (A) or the discriminator (B): z and a."""
        z = dense(values, weights[f"{one}1"], weights[f"{one.lower()}1"])
        return z, self.activation[0].forward(z)

    def _descend(
        self,
        weights: Weights,
        grads: Weights,
        one: str,
        values: Array,
        hidden: tuple[Array, Array],
        grad: Array,
    ) -> None:
        """Write the gradients of one player's weights from the gradient at its output."""
        z, a = hidden
        np.matmul(a.swapaxes(1, 2), grad, out=grads[f"{one}2"])
        sum_examples(grad, out=grads[f"{one.lower()}2"])
        below = self.activation[0].backward(np.matmul(grad, weights[f"{one}2"].swapaxes(1, 2)), z, a)
        np.matmul(values.swapaxes(1, 2), below, out=grads[f"{one}1"])
        sum_examples(below, out=grads[f"{one.lower()}1"])


def _by_example(x: Array, others: Array, summary: Callable[[Array], Array]) -> Array:
    """Return a number for each example (T, N): a summary of its squared distances to others, (T, n, M)."""
    size = max(1, MOST // others.size)
    pieces = []
    for start in range(0, x.shape[1], size):
        apart = x[:, start : start + size, None, :] - others[:, None, :, :]
        pieces.append(summary((apart * apart).sum(axis=3)))
    return np.concatenate(pieces, axis=1)


def _modes_covered(x: Array, made: Array) -> int:
    """Return in how many clusters of x (n, D) a generated example (M, D) lies: see `modes_covered`."""
    if len(x) < 3:
        return 0
    cluster, covered = _clusters(x.astype(float)), 0
    for which in range(cluster.max() + 1):
        members = x[cluster == which]
        apart = members - members.mean(axis=0)
        spread = np.sqrt((apart * apart).sum(axis=1).mean() / x.shape[1])
        distance = np.sqrt(((made - members.mean(axis=0)) ** 2).sum(axis=1))
        covered += bool((distance <= FAR * spread).any())
    return covered


def _clusters(x: Array) -> Array:
    """Return the number of each example's cluster, (n,): single linkage, cut at the largest jump.

    That is the shortest tree that joins all examples (Prim's algorithm) without its long edges.
    """
    n = len(x)
    nearest = np.linalg.norm(x - x[0], axis=1)  # the distance of each example from the tree so far
    parent, order, lengths = np.zeros(n, int), [0], [0.0]
    nearest[0] = np.inf
    outside = np.arange(n) > 0
    while outside.any():
        new = int(np.where(outside, nearest, np.inf).argmin())
        outside[new] = False
        order.append(new)
        lengths.append(float(nearest[new]))
        distance = np.linalg.norm(x - x[new], axis=1)
        closer = outside & (distance < nearest)
        nearest[closer], parent[closer] = distance[closer], new
    heights = np.sort(lengths[1:])
    jump = int(np.argmax(np.diff(heights)))
    cluster = np.zeros(n, int)
    for example, length in zip(order[1:], lengths[1:], strict=True):
        cut = length > heights[jump]
        cluster[example] = cluster.max() + 1 if cut else cluster[parent[example]]
    return cluster


@hookimpl
def annx_networks() -> list[type[RuleNetwork]]:
    return [GAN]
