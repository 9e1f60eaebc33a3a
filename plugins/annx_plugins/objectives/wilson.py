"""Objective: wilson."""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@cache
def examples(positives: int, negatives: int, dtype: Any) -> tuple[Array, Array]:
    """Return features (n, 3 + 5n) and labels ±1, (n,): the positive examples first."""
    labels = np.repeat([1.0, -1.0], [positives, negatives])
    features = np.zeros((len(labels), 3 + 5 * len(labels)))
    features[:, 0], features[:, 1:3] = labels, 1
    for i, label in enumerate(labels):
        own = 3 + 5 * i
        features[i, own : own + (1 if label > 0 else 5)] = 1
    made = features.astype(dtype), labels.astype(dtype)
    for array in made:
        array.setflags(write=False)
    return made


@dataclass(frozen=True)
class Wilson(Objective):
    """A separable problem on which adaptive methods find another solution than gradient descent.

        f(x) = ½ ‖A x - y‖²,  y = ±1
        row i of A: (yᵢ, 1, 1), then zeros but for i's own five columns: 1 in the first of them where yᵢ = 1,
        1 in all five where yᵢ = -1

    There are more unknowns than examples, and every method reaches f = 0; where it ends is the point. From 0
    gradient descent ends at the solution of smallest norm, named as the minimum, whose first number decides:
    it is right on new examples too. Methods that scale each argument by its own gradients (AdaGrad, RMSprop,
    Adam) end where all numbers have one size and the sign of Aᵀy: on a new example 1 + 1 - 1 > 0, so that
    they call everything positive. [report] paths = true shows x. Choose it for the question of where, not how
    fast; on the data set `own_features` test accuracy tells the same.

    Training starts at 0 plus spread · N(0, 1) in each argument: with spread 0 nothing is random, and all
    seeds give the same.

    Domain: positives and negatives whole numbers of at least 1, with positives above negatives; spread ≥ 0.

    Wilson, Roelofs, Stern, Srebro & Recht, "The Marginal Value of Adaptive Gradient Methods in Machine
    Learning", NeurIPS 2017, section 3.3. https://arxiv.org/abs/1705.08292
    """

    name: ClassVar[str] = "wilson"

    positives: int = hyper(12, "int [1, inf)")
    negatives: int = hyper(8, "int [1, inf)")
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.5))

    def validate(self) -> None:
        if self.positives <= self.negatives:
            raise ValueError(f"positives must be above negatives, {self.negatives}, got {self.positives}")

    @property
    def dimensions(self) -> int:
        return 3 + 5 * (self.positives + self.negatives)

    def start(self, rng: np.random.Generator) -> Array:
        return self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array:
        features, labels = examples(self.positives, self.negatives, np.dtype(np.float64))
        return features.T @ np.linalg.solve(features @ features.T, labels)

    def value(self, x: Array) -> Array:
        features, labels = examples(self.positives, self.negatives, x.dtype)
        residuals = np.matmul(x, features.T) - labels
        return 0.5 * (residuals * residuals).sum(axis=(1, 2))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Wilson]
