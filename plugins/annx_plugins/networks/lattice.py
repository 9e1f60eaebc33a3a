"""Network: lattice."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from typing import Any, ClassVar

import numpy as np

from anncore import Array, ComponentError, Hyper, Network, Weights, WeightSpec, hookimpl, hyper, linear, ref


@dataclass(frozen=True)
class Lattice(Network):
    """Cellular neural network: the cells of a grid, each connected with its neighbours only.

        u = the picture,  s₀ = u, or 1, or 0
        y = min(1, max(-1, s))                                              each cell's output
        s ← s + rate (-s + Σ_j A_j y_j + Σ_j B_j u_j + I)                   `steps` times
        z = s

    j runs over a cell's square neighbourhood of side 2 radius + 1, itself included. A, B and I are the same
    for all cells and are trained, by back-propagation through the steps. `start` says where all cells begin:
    with the "picture", with "ink" (1) everywhere, which paper can then eat from the border, or at "zero". The
    cells around the grid keep the value `border`. What is farther away than `radius` reaches a cell only step
    by step: after S steps it has seen what is up to S radius cells away. The sign of z is the picture that
    comes out.

    For rate → 0 this is the circuit's differential equation. If the middle of A is greater than 1, A is
    symmetric and the circuit comes to rest, all cells rest outside of (-1, 1): the picture is black and
    white.

    Domain: inputs a square number, row by row, and as many outputs; rate in (0, 1], border in [-1, 1].
    Shapes: x and result (T, N, side²), A and B (T, (2 radius + 1)², 1), I (T, 1, 1).

    Chua & Yang, "Cellular Neural Networks: Theory", IEEE Transactions on Circuits and Systems 35 (1988),
    1257-1272, with C = R = 1 and by Euler's method. https://doi.org/10.1109/31.7600. There A, B and I are
    designed and not trained; `locally_connected` networks have other weights at every place.
    """

    name: ClassVar[str] = "lattice"

    radius: int = hyper(1, "int [1, inf)")
    steps: int = hyper(10, "int [1, inf)")
    rate: Hyper = hyper(0.5, "(0, 1]", search=linear(0.1, 1.0))
    border: Hyper = hyper(-1.0, "[-1, 1]")
    start: str = hyper("picture", ("picture", "ink", "zero"))
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        if isqrt(inputs) ** 2 != inputs or inputs != outputs:
            raise ComponentError(
                f"{self.name}: inputs must be a square picture, a square number of columns, and outputs as "
                f"many, got {inputs} and {outputs}; use a data set of pictures, for example pixel_shapes"
            )
        side = 2 * self.radius + 1
        cells, kernel = side**2, (side, side)
        return [
            WeightSpec("A", (cells, 1), cells, cells, place="hidden", kernel=kernel),
            WeightSpec("B", (cells, 1), cells, cells, place="input", kernel=kernel),
            WeightSpec("I", (1, 1), cells, cells, "bias", place="hidden"),
        ]

    def forward(self, weights: Weights, x: Array) -> Array:
        wiring, outside = _wiring(isqrt(x.shape[2]), self.radius, x.dtype.char)
        feedback, control = (_connections(weights[name], wiring) for name in "AB")
        driven = np.matmul(x, control) + weights["I"]
        for name in "AB":
            driven = driven + self.border * np.matmul(weights[name].swapaxes(1, 2), outside)
        state = x if self.start == "picture" else np.full_like(x, 1 if self.start == "ink" else 0)
        for _ in range(self.steps):
            change = np.matmul(np.clip(state, -1, 1), feedback) + driven - state
            state = state + self.rate * change
        return state


def _connections(template: Array, wiring: Array) -> Array:
    """Return the connections (T, side², side²) from every cell to every cell; most are 0."""
    # One product with a matrix for each step is several times as fast as gathering neighbourhoods is, on
    # pictures of up to some thousand cells.
    cells, size, _ = wiring.shape
    flat = np.matmul(template.swapaxes(1, 2), wiring.reshape(cells, size * size))
    return flat.reshape(len(template), size, size)


@lru_cache(maxsize=16)
def _wiring(side: int, radius: int, dtype: str) -> tuple[Array, Array]:
    """Return which cells a template's places connect, (places, from, to), and which it lacks, (places, to).

    Both have 1 for yes and 0 for no. A place is a row and a column of the neighbourhood.
    """
    row, column = np.divmod(np.arange(side * side), side)
    places = [(down, right) for down in range(-radius, radius + 1) for right in range(-radius, radius + 1)]
    wiring = np.array(
        [(row[:, None] == row + down) & (column[:, None] == column + right) for down, right in places]
    )
    outside = ~wiring.any(axis=1)
    arrays = wiring.astype(dtype), outside.astype(dtype)
    for array in arrays:
        array.flags.writeable = False
    return arrays


@hookimpl
def annx_networks() -> list[type[Network]]:
    return [Lattice]
