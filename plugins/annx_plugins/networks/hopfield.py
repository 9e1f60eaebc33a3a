"""Network: hopfield."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, ComponentError, Network, Weights, WeightSpec, hookimpl, ref


@dataclass(frozen=True)
class Hopfield(Network):
    """Hopfield network: patterns of ±1 stored by Hebb's rule, and one synchronous step of retrieval.

        W    = 1/D Σ_μ ξ_μ ξ_μᵀ, its diagonal 0      over the different targets ξ of a batch
        z    = x W                                   the new state is sign(z)

    Nothing is learned from a gradient: the optimizer descends -W, so one step of sgd with lr 1 and the full
    batch stores the patterns. A target that several examples share, for instance noisy copies of one pattern,
    is stored once. Weights start at 0 for every initializer. Each further step adds the same again, which
    changes no sign.

    With P random stored patterns, a step from one of them makes a bit wrong with probability
    erfc(√(D / 2P)) / 2.

    Domain: as many outputs as inputs, targets of -1 and 1; leave them as they are ([split] standardize =
    false). Shapes: x, targets and result (T, N, D), W (T, D, D).

    Hopfield, "Neural networks and physical systems with emergent collective computational abilities", PNAS
    79 (1982), 2554-2558. https://doi.org/10.1073/pnas.79.8.2554. There units change one at a time, and are
    0 or 1. The error probability is that of Hertz, Krogh & Palmer, "Introduction to the Theory of Neural
    Computation", 1991, section 2.2. `backward` has the true gradient of z, for training with a loss.
    """

    name: ClassVar[str] = "hopfield"

    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(
                f"{self.name}: a pattern has as many outputs as inputs, got {inputs} inputs and {outputs} "
                "outputs; use a data set with patterns as targets, for example stored_patterns"
            )
        # Not "weight", which an initializer draws: the memory must be empty at first.
        return [WeightSpec("W", (inputs, outputs), inputs, outputs, "gain", place="hidden")]

    def forward(self, weights: Weights, x: Array) -> tuple[Array, Array]:
        return np.matmul(x, weights["W"]), x

    def backward(self, weights: Weights, tape: Array, grad: Array, grads: Weights) -> None:
        np.matmul(tape.swapaxes(1, 2), grad, out=grads["W"])

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights) -> None:
        size = y.shape[2]
        products = np.matmul(y, y.swapaxes(1, 2))
        squares = np.diagonal(products, axis1=1, axis2=2)[:, :, None]
        apart = squares + squares.swapaxes(1, 2) - 2 * products
        copies = (apart <= 1e-5 * squares).sum(axis=2, keepdims=True).astype(y.dtype)
        np.matmul((y / copies).swapaxes(1, 2), y, out=grads["W"])
        grads["W"][...] *= (np.eye(size, dtype=y.dtype) - 1) / size


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Hopfield]
