"""Metric: reconstruction_error."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from anncore import Array, Metric, Task, hookimpl, root_mean_squares


@dataclass(frozen=True)
class ReconstructionError(Metric):
    """Root mean squared error of inputs that a network gives back, in the units of the data.

        (1/D) Σ_d √((1/N) Σ_n (x̂_nd - x_nd)²)

    It is the mean over the D features of their errors, so that a large feature counts more than a small one
    only as far as its error is larger. For the principal components as for a linear autoencoder, its least
    value on standardised features is known from the eigenvalues that are left out.

    Choose it for networks that give back their input; it is `rmse` for that task.

    Shapes: output x̂ and target x (T, N, D); score (T,). Hinton & Salakhutdinov, "Reducing the Dimensionality
    of Data with Neural Networks", Science 313 (2006), 504-507, compare squared reconstruction errors with
    those of principal components. https://doi.org/10.1126/science.1127647
    """

    name: ClassVar[str] = "reconstruction_error"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    primary_for: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "[0, inf)"
    curve: ClassVar[bool] = True

    def score(self, output: Array, target: Array) -> Array:
        return root_mean_squares(output.astype(float) - target).mean(axis=1)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [ReconstructionError]
