"""Network: hopfield."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, ComponentError, Network, Task, Weights, WeightSpec, hookimpl, hyper, ref

SHOWN = 100  # steps of retrieval whose energies a snapshot keeps


class Tape(NamedTuple):
    """The states that the last step of retrieval looked at."""

    before: Array  # the state before it, (T, N, D)
    after: Array  # and after it


@dataclass(frozen=True)
class Hopfield(Network):
    """Hopfield network: an associative memory of patterns of ±1, and its retrieval.

        W    = 1/D Σ_μ ξ_μ ξ_μᵀ                  rule "hebb", over the different targets ξ of a batch
        W    = Ξ⁺ Ξ, the rows of Ξ are the ξ_μ   rule "pseudo_inverse": the projection onto their span
        z    = s W,  s ← sign(z)                 a step of retrieval from s = x; where z = 0 a unit stays
        E(s) = -½ s W sᵀ                         its energy

    The diagonal of W is 0 in both. The network returns the z of the last of `steps` steps, so the retrieved
    state is sign(z). With update "synchronous" all units change at once, and the state may end in a cycle of
    two. With "asynchronous" they change one after the other, each seeing those before it, and E never rises:
    the state comes to rest. They do so in the order of the columns, in every step the same: any order lowers
    E, and evaluation has no random numbers.

    Nothing is learned from a gradient. Weights start at 0 for every initializer, and one step of sgd with lr
    1 and the full batch stores the patterns: the optimizer descends -W for "hebb", where each further step
    adds the same again, which changes no sign, and the difference from the projection for "pseudo_inverse",
    where a further step changes nothing. A target that several examples share, for instance noisy copies of
    one pattern, is stored once.

    With P random patterns stored by "hebb", a step from one of them makes a bit wrong with probability
    erfc(√(D / 2P)) / 2, and beyond P = 0.138 D retrieval breaks down. By "pseudo_inverse" all patterns are
    fixed points as long as they are linearly independent and fewer than D, however much they resemble each
    other.

    Domain: as many outputs as inputs, inputs and targets of -1 and 1; leave them as they are ([split]
    standardize = false). Shapes: x, targets and result (T, N, D), W (T, D, D).

    Hopfield, "Neural networks and physical systems with emergent collective computational abilities", PNAS
    79 (1982), 2554-2558. https://doi.org/10.1073/pnas.79.8.2554. There units change one at a time in random
    order, and are 0 or 1. Error probability: Hertz, Krogh & Palmer, "Introduction to the Theory of Neural
    Computation", 1991, section 2.2. 0.138: Amit, Gutfreund & Sompolinsky, "Storing Infinite Numbers of
    Patterns in a Spin-Glass Model of Neural Networks", Physical Review Letters 55 (1985), 1530-1533.
    https://doi.org/10.1103/PhysRevLett.55.1530. pseudo_inverse: Personnaz, Guyon & Dreyfus, "Collective
    computational properties of neural networks: New learning mechanisms", Physical Review A 34 (1986),
    4217-4228. https://doi.org/10.1103/PhysRevA.34.4217; its diagonal set to 0, which recalls from further
    away: Kanter & Sompolinsky, "Associative recall of memory without errors", Physical Review A 35 (1987),
    380-392. https://doi.org/10.1103/PhysRevA.35.380. `backward` has the true gradient of z, for training
    with a loss; sign passes no gradient on.
    """

    name: ClassVar[str] = "hopfield"
    tasks: ClassVar[tuple[Task, ...]] = ("regression", "unsupervised")
    only: ClassVar[tuple[float, ...]] = (-1.0, 1.0)

    rule: str = hyper("hebb", ("hebb", "pseudo_inverse"))
    update: str = hyper("synchronous", ("synchronous", "asynchronous"))
    steps: int = hyper(1, "int [1, inf)")
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(
                f"{self.name}: a pattern has as many outputs as inputs, got {inputs} inputs and {outputs} "
                "outputs; use a data set with patterns as targets, for example stored_patterns"
            )
        # Not "weight", which an initializer draws: the memory must be empty at first.
        return [WeightSpec("W", (inputs, outputs), inputs, outputs, "gain", place="hidden")]

    def forward(self, weights: Weights, x: Array) -> tuple[Array, Tape]:
        steps = list(self.retrieval(weights, x))
        z, after = steps[-1]
        return z, Tape(steps[-2][1] if len(steps) > 1 else x, after)

    def backward(self, weights: Weights, tape: Tape, grad: Array, grads: Weights) -> None:
        np.matmul(tape.before.swapaxes(1, 2), grad, out=grads["W"])
        if self.update == "asynchronous":
            # A unit saw the new states of those before it: the rows above the diagonal of its column.
            seen = np.triu(np.ones(grads["W"].shape[1:], bool), k=1)
            np.copyto(grads["W"], np.matmul(tape.after.swapaxes(1, 2), grad), where=seen)

    def retrieval(self, weights: Weights, x: Array) -> Iterator[tuple[Array, Array]]:
        """Yield z and the new state of each of `steps` steps of retrieval from x, all (T, N, D)."""
        state = x
        for _ in range(self.steps):
            if self.update == "asynchronous":
                z, state = _one_by_one(weights["W"], state)
            else:
                z = np.matmul(state, weights["W"])
                state = _signs(z, state)
            yield z, state

    def energy(self, weights: Weights, state: Array) -> Array:
        """Return E of every state, (T, N), for states (T, N, D)."""
        return -0.5 * (state * np.matmul(state, weights["W"])).sum(axis=2)

    def snapshot(self, weights: Weights, x: Array, y: Array) -> Mapping[str, Array]:
        energies = [self.energy(weights, x)]
        for _, state in self.retrieval(weights, x):
            energies.append(self.energy(weights, state))
        energy = np.stack(energies[: SHOWN + 1], axis=2)
        return {"recalled": state, "energy": energy, "pattern_energy": self.energy(weights, y)}

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights) -> None:
        size = y.shape[2]
        if self.rule == "pseudo_inverse":
            grads["W"][...] = weights["W"] + _projection(y) * (np.eye(size, dtype=y.dtype) - 1)
            return
        products = np.matmul(y, y.swapaxes(1, 2))
        squares = np.diagonal(products, axis1=1, axis2=2)[:, :, None]
        apart = squares + squares.swapaxes(1, 2) - 2 * products
        copies = (apart <= 1e-5 * squares).sum(axis=2, keepdims=True).astype(y.dtype)
        np.matmul((y / copies).swapaxes(1, 2), y, out=grads["W"])
        grads["W"][...] *= (np.eye(size, dtype=y.dtype) - 1) / size


def _signs(z: Array, state: Array) -> Array:
    """Return the new state: the signs of z, and the old state where z is 0."""
    return np.where(z == 0, state, np.sign(z))


def _one_by_one(weight: Array, state: Array) -> tuple[Array, Array]:
    """Let the units change in the order of the columns; return the z that each of them saw, and the state."""
    state, z = state.copy(), np.empty_like(state)
    into = np.ascontiguousarray(weight.swapaxes(1, 2))  # a row has the weights into one unit
    for unit in range(state.shape[2]):
        seen = np.matmul(state, into[:, unit, :, None])[:, :, 0]
        z[:, :, unit] = seen
        state[:, :, unit] = _signs(seen, state[:, :, unit])
    return z, state


def _projection(y: Array) -> Array:
    """Return Ξ⁺ Ξ, (T, D, D), the projection onto the span of the examples (T, N, D)."""
    finite = np.isfinite(y).all(axis=(1, 2), keepdims=True)
    # LAPACK would give up on the whole stack for one trial of NaN.
    _, sizes, directions = np.linalg.svd(np.where(finite, y, 0), full_matrices=False)
    rounding = sizes[:, :1] * (max(y.shape[1:]) * np.finfo(y.dtype).eps)
    spanning = directions * (sizes > rounding)[:, :, None]
    return np.where(finite, np.matmul(spanning.swapaxes(1, 2), spanning), np.nan).astype(y.dtype)


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Hopfield]
