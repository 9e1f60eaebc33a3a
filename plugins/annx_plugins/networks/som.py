"""Network: som."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    ComponentError,
    Hyper,
    LearnMode,
    RuleNetwork,
    Task,
    Weights,
    WeightSpec,
    hookimpl,
    hyper,
    linear,
    ref,
)


@dataclass(frozen=True)
class SelfOrganizingMap(RuleNetwork):
    """Self-organising map: units on a grid, and the winner's neighbours on the grid learn with it.

        c_n = argmin_k ‖x_n - w_k‖,  x̂_n = w_c
        w_k ← w_k + lr Σ_n h(d_ck, σ) (x_n - w_k) / max(1, Σ_n h(d_ck, σ))

        h(d, σ) = exp(-d² / 2σ²)        neighbourhood = "gaussian"
                  1 where d ≤ σ, else 0                 "bubble"
                  1 where d = 0, else 0                 "none", a competitive layer
        σ = radius + (end_radius - radius) t/S        shrink = "linear"
            radius (end_radius / radius)^(t/S)                 "exponential"

    d_ck is the distance of two units on the grid, whose sides are 1; t is the step and S the number of steps.
    Nothing is learned from a gradient: the optimizer descends w_k minus what is added, and sgd applies its
    rate. With one example at a time this is Kohonen's rule; with the full batch and lr 1 it is the batch map,
    in which every unit goes to the weighted mean.

    Domain: rows and columns at least 1, both not 1; radius ≥ end_radius > 0. As many outputs as inputs, so a
    data set without targets. Shapes: x and result (T, N, D), w (T, rows · columns, D), row by row.

    Kohonen, "Self-organized formation of topologically correct feature maps", Biological Cybernetics 43
    (1982), 59-69. https://doi.org/10.1007/BF00337288. Kohonen, "Self-Organizing Maps", 3rd edition, 2001,
    section 3.6, for the batch map. https://doi.org/10.1007/978-3-642-56927-2
    """

    name: ClassVar[str] = "som"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    measured: ClassVar[tuple[str, ...]] = ("topographic_error", "idle_prototypes")

    rows: int = hyper(8, "int [1, inf)")
    columns: int = hyper(8, "int [1, inf)")
    neighbourhood: str = hyper("gaussian", ("gaussian", "bubble", "none"))
    shrink: str = hyper("exponential", ("linear", "exponential"))
    radius: Hyper = hyper(6.0, "(0, inf)", search=linear(3.0, 8.0))
    end_radius: Hyper = hyper(0.4, "(0, inf)", search=linear(0.2, 1.0))
    output: Any = ref("activation", "identity")

    def validate(self) -> None:
        if self.rows * self.columns < 2:
            raise ValueError("a map needs two units, got rows = 1 and columns = 1")
        if np.any(np.asarray(self.end_radius) > self.radius):
            raise ValueError(f"end_radius must be at most radius = {self.radius}, got {self.end_radius}")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(
                f"{self.name}: it gives back its inputs, got {inputs} inputs and {outputs} outputs; use a "
                "data set without targets, for example unit_square or unlabelled"
            )
        units = self.rows * self.columns
        return [WeightSpec("w", (units, inputs), inputs, units, place="hidden")]

    def forward(self, weights: Weights, x: Array) -> Array:
        winners = self._distances(weights, x).argmin(axis=2)
        return np.take_along_axis(weights["w"], winners[:, :, None], axis=1)

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights, mode: LearnMode) -> None:
        winners = self._distances(weights, x).argmin(axis=2)
        near = self._near(mode.step / mode.steps).astype(x.dtype)  # (T or 1, units, units)
        won = (winners[:, :, None] == np.arange(self.rows * self.columns)).astype(x.dtype)
        pull = np.matmul(won, near)
        total = pull.sum(axis=1)[:, :, None]
        sums = np.matmul(pull.swapaxes(1, 2), x)
        grads["w"][...] = (total * weights["w"] - sums) / np.maximum(total, 1)

    def measures(self, weights: Weights, x: Array) -> Mapping[str, Array]:
        distances = self._distances(weights, x)
        first = distances.argmin(axis=2)
        np.put_along_axis(distances, first[:, :, None], np.inf, axis=2)
        second = distances.argmin(axis=2)
        apart = np.abs(self._grid()[first] - self._grid()[second]).max(axis=2) > 1
        won = first[:, :, None] == np.arange(self.rows * self.columns)
        return {"topographic_error": apart.mean(axis=1), "idle_prototypes": 1 - won.any(axis=1).mean(axis=1)}

    def snapshot(self, weights: Weights, x: Array, y: Array) -> Mapping[str, Array]:
        grid = np.broadcast_to(self._grid().astype(x.dtype), (len(x), *self._grid().shape))
        return {"prototypes": weights["w"], "grid": grid}

    def _grid(self) -> Array:
        """Return row and column of each unit, (units, 2)."""
        return np.stack(np.divmod(np.arange(self.rows * self.columns), self.columns), axis=1)

    def _near(self, progress: float) -> Array:
        """Return how much each unit (last axis) learns with each winner."""
        grid = self._grid()
        squares = ((grid[:, None] - grid) ** 2).sum(axis=2)[None]
        radius, end = np.asarray(self.radius), np.asarray(self.end_radius)
        if self.shrink == "linear":
            sigma = radius + (end - radius) * progress
        else:
            sigma = radius * (end / radius) ** progress
        if self.neighbourhood == "gaussian":
            return np.exp(-squares / (2 * sigma * sigma))
        return squares <= (sigma * sigma if self.neighbourhood == "bubble" else 0)

    def _distances(self, weights: Weights, x: Array) -> Array:
        """Return ‖x - w‖² without ‖x‖², which is the same for all units: (T, N, units)."""
        w = weights["w"]
        return (w * w).sum(axis=2)[:, None, :] - 2 * np.matmul(x, w.swapaxes(1, 2))


@hookimpl
def annx_networks() -> list[type[RuleNetwork]]:
    return [SelfOrganizingMap]
