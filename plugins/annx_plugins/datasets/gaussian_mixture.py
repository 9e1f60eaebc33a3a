"""Data set: gaussian_mixture."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class GaussianMixture(Dataset):
    """Gaussian classes that overlap by a known amount: the best possible error has a formula.

        x | class c ~ N(μ_c, I),  ‖μ_c - μ_d‖ = distance    for any two classes
        share of class c ∝ ratio^(-c / (classes - 1))

    Two classes with a ratio of 1 have the Bayes error Φ(-distance / 2): 0.159 at 2, 0.023 at 4. With a ratio
    r = p₀ / p₁ it is p₀ Φ(-d/2 - log(r) / d) + p₁ Φ(-d/2 + log(r) / d), and of C equally likely ones

        1 - ∫ φ(t) Φ(t + d / √2)^(C - 1) dt over t from -∞ to ∞.

    Linear models reach it. Choose it where a score must be compared with the best one there is; `blobs` has
    random centres, whose overlap nobody knows.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: distance ≥ 0, in standard deviations; classes ≥ 2, at most features and n; ratio ≥ 1, the largest
    class to the smallest; label_noise in [0, 1).
    Shapes: x (n, features), y (n,) in {0, ..., classes - 1}; sizes are rounded, at least 1.

    Duda, Hart & Stork, "Pattern Classification", 2nd edition, Wiley 2001, section 2.6. The integral: Proakis,
    "Digital Communications", McGraw-Hill, on orthogonal signals, whose correct decisions it counts.
    """

    name: ClassVar[str] = "gaussian_mixture"

    n: int = hyper(500, "int [10, inf)")
    distance: Hyper = hyper(2.0, "[0, inf)", search=linear(0.5, 4.0))
    classes: int = hyper(2, "int [2, inf)")
    features: int = hyper(2, "int [2, inf)")
    ratio: Hyper = hyper(1.0, "[1, inf)", search=log(1, 100))
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def validate(self) -> None:
        if self.classes > self.features:
            raise ValueError(f"classes must be at most features, {self.features}, got {self.classes}")
        if self.classes > self.n:
            raise ValueError(f"classes must be at most n, {self.n}, got {self.classes}")

    def make(self, rng: np.random.Generator) -> Data:
        sizes = self._sizes()
        y = rng.permutation(np.repeat(np.arange(self.classes), sizes))
        # Orthogonal directions of length distance / √2 are all equally far apart.
        directions = np.linalg.qr(rng.standard_normal((self.features, self.classes)))[0]
        means = self.distance / np.sqrt(2) * directions.T
        x = means[y] + rng.standard_normal((self.n, self.features))
        noisy = flip_labels(rng, y, self.label_noise, self.classes)
        return Data(x, noisy, "binary" if self.classes == 2 else "multiclass", clean_y=y)

    def _sizes(self) -> list[int]:
        last = self.classes - 1
        shares = [self.ratio ** ((last - c) / last) for c in range(self.classes)]
        rare = [max(1, round(self.n * share / sum(shares))) for share in shares[1:]]
        while sum(rare) >= self.n:  # of few examples in many classes: what was rounded up goes back
            rare[rare.index(max(rare))] -= 1
        return [self.n - sum(rare), *rare]


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [GaussianMixture]
