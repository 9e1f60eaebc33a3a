"""Data set: shells."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class Shells(Dataset):
    """Concentric shells in any dimension, one per class: only the distance from the middle counts.

        x = r u,  u uniform on the unit sphere,  r = c + 1 + noise · N(0, 1)    for class c

    No linear model is better than chance; x² summed over the features is all that is needed. With more
    features a ball's points crowd near its shell, and a network needs more units to go round it. Choose it
    for the cost of dimension; `circles` is the plane's version, with evenly spaced points.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: noise ≥ 0, in distances of neighbouring shells; classes from 2 to n, features ≥ 1; label_noise in
    [0, 1).
    Shapes: x (n, features), y (n,) in {0, ..., classes - 1}; the classes' sizes differ by at most 1.

    Two shells are the spheres of Gilmer, Metz, Faghri, Schoenholz, Raghu, Wattenberg & Goodfellow,
    "Adversarial Spheres", 2018. https://arxiv.org/abs/1801.02774, of radius 1 and 1.3 in 500 dimensions.
    """

    name: ClassVar[str] = "shells"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(0.1, "[0, inf)", search=linear(0.0, 0.3))
    classes: int = hyper(2, "int [2, inf)")
    features: int = hyper(3, "int [1, inf)")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def validate(self) -> None:
        if self.classes > self.n:
            raise ValueError(f"classes must be at most n, {self.n}, got {self.classes}")

    def make(self, rng: np.random.Generator) -> Data:
        y = rng.permutation(self.n) % self.classes
        directions = rng.standard_normal((self.n, self.features))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        radius = y + 1 + self.noise * rng.standard_normal(self.n)
        noisy = flip_labels(rng, y, self.label_noise, self.classes)
        x = radius[:, None] * directions
        return Data(x, noisy, "binary" if self.classes == 2 else "multiclass", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Shells]
