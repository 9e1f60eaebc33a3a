"""Metric: cohen_kappa."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl, hyper


@dataclass(frozen=True)
class CohenKappa(Metric):
    """Cohen's kappa: how much better predictions agree with the targets than by chance.

        κ = 1 - Σ_ij w_ij n_ij / Σ_ij w_ij (p_i t_j / N)

    n_ij examples are predicted as class i and belong to class j, p_i are predicted as i, and t_j belong to j.
    `weights` says how wrong it is to take j for i: "none": w_ij = 1 if i ≠ j, so that κ = (p_o - p_e) / (1 -
    p_e), with the shares p_o of observed agreement and p_e of that expected by chance; "linear": |i - j|;
    "quadratic": (i - j)², for classes that have an order. 1 is perfect, and 0 is as good as chance. NaN if
    all predictions and all targets are of one class, as chance then agrees too, or if any prediction is NaN.

    Choose it over `accuracy` if classes are of unequal size, or for ordered classes, such as grades, with
    weights = "quadratic". With two classes it comes close to `mcc`, which is more common there.
    `[metrics.cohen_kappa] weights = "quadratic"` sets them.

    Shapes: output and target (T, N, D); score (T,). One output predicts class 1 if p > 1/2, several predict
    the class of the largest. Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and
    Psychological Measurement 20 (1960), 37-46. https://doi.org/10.1177/001316446002000104. Weights: Cohen,
    "Weighted kappa", Psychological Bulletin 70 (1968), 213-220. https://doi.org/10.1037/h0026256
    """

    name: ClassVar[str] = "cohen_kappa"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass")
    bounds: ClassVar[str] = "[-1, 1]"

    weights: str = hyper("none", ("none", "linear", "quadratic"))

    def score(self, output: Array, target: Array) -> Array:
        if output.shape[2] == 1:
            predicted, true = (output > 0.5)[..., 0], (target > 0.5)[..., 0]
        else:
            predicted, true = output.argmax(axis=-1), target.argmax(axis=-1)
        classes = np.arange(max(output.shape[2], 2))
        guesses, sizes = _counts(predicted, len(classes)), _counts(true, len(classes))
        if self.weights == "none":
            observed = (predicted != true).sum(axis=1).astype(float)
        else:
            observed = self._cost(predicted - 1.0 * true).sum(axis=1)
        pairs = guesses[:, :, None] * sizes[:, None, :] / output.shape[1]
        by_chance = (self._cost(classes[:, None] - classes) * pairs).sum(axis=(1, 2))
        worse = np.divide(observed, by_chance, out=np.full(len(output), np.nan), where=by_chance > 0)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, np.clip(1 - worse, -1, 1))

    def _cost(self, distance: Array) -> Array:
        """Return w_ij of the differences i - j."""
        if self.weights == "none":
            return np.not_equal(distance, 0).astype(float)
        return np.abs(distance) if self.weights == "linear" else distance**2


def _counts(labels: Array, classes: int) -> Array:
    """Return how often each class occurs, (T, C); an array (T, N, C) of all of them takes longer."""
    if labels.dtype == bool:
        ones = labels.sum(axis=1)
        return np.stack([labels.shape[1] - ones, ones], axis=1).astype(float)
    return np.stack([(labels == label).sum(axis=1) for label in range(classes)], axis=1).astype(float)


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [CohenKappa]
