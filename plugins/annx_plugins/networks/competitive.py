"""Network: competitive."""

from collections.abc import Mapping, Sequence
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
    hookimpl,
    hyper,
    ref,
)


@dataclass(frozen=True)
class Competitive(RuleNetwork):
    """Competitive layer: the unit nearest to an example wins it, and only the winner learns.

        c_n = argmin_k ‖x_n - w_k‖,  x̂_n = w_c
        w_k ← w_k + lr (m_k - w_k),  m_k the mean of the x_n with c_n = k      without any, w_k stays

    It is a vector quantizer. Nothing is learned from a gradient: the optimizer descends w_k - m_k, and sgd
    applies its rate. With the full batch and lr 1 a step is one of Lloyd's k-means; with a batch of one
    example it is MacQueen's rule with a constant rate. A unit that never wins stays where the initializer put
    it; `idle_prototypes` counts these.

    Domain: units at least 2; as many outputs as inputs, so a data set without targets.
    Shapes: x and result (T, N, D), w (T, units, D).

    Rumelhart & Zipser, "Feature discovery by competitive learning", Cognitive Science 9 (1985), 75-112.
    https://doi.org/10.1207/s15516709cog0901_5. There inputs are binary and weights sum to 1, and the winner
    is the unit with the largest product. Lloyd, "Least squares quantization in PCM", IEEE Transactions on
    Information Theory 28 (1982), 129-137. https://doi.org/10.1109/TIT.1982.1056489
    """

    name: ClassVar[str] = "competitive"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    measured: ClassVar[tuple[str, ...]] = ("idle_prototypes",)

    units: int = hyper(16, "int [2, inf)")
    output: Any = ref("activation", "identity")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(
                f"{self.name}: it gives back its inputs, got {inputs} inputs and {outputs} outputs; use a "
                "data set without targets, for example unit_square or unlabelled"
            )
        return [WeightSpec("w", (self.units, inputs), inputs, self.units, place="hidden")]

    def forward(self, weights: Weights, x: Array) -> Array:
        return np.take_along_axis(weights["w"], self._winners(weights, x)[:, :, None], axis=1)

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights, mode: LearnMode) -> None:
        won = self._won(weights, x)
        counts = won.sum(axis=1)[:, :, None]
        sums = np.matmul(won.swapaxes(1, 2), x)
        grads["w"][...] = (counts * weights["w"] - sums) / np.maximum(counts, 1)

    def measures(self, weights: Weights, x: Array) -> Mapping[str, Array]:
        return {"idle_prototypes": (self._won(weights, x).sum(axis=1) == 0).mean(axis=1)}

    def snapshot(self, weights: Weights, x: Array, y: Array) -> Mapping[str, Array]:
        return {"prototypes": weights["w"], "wins": self._won(weights, x).sum(axis=1)}

    def _winners(self, weights: Weights, x: Array) -> Array:
        """Return the number of the nearest unit of each example, (T, N); of equally near ones the first."""
        w = weights["w"]
        # ‖x - w‖² without ‖x‖², which is the same for all units.
        return ((w * w).sum(axis=2)[:, None, :] - 2 * np.matmul(x, w.swapaxes(1, 2))).argmin(axis=2)

    def _won(self, weights: Weights, x: Array) -> Array:
        """Return 1 where a unit wins an example, else 0: (T, N, units)."""
        return (self._winners(weights, x)[:, :, None] == np.arange(self.units)).astype(x.dtype)


@hookimpl
def annx_networks() -> list[type[RuleNetwork]]:
    return [Competitive]
