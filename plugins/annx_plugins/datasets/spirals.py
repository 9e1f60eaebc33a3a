"""Data set: spirals."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear


@dataclass(frozen=True)
class Spirals(Dataset):
    """Intertwined spirals, one per class: hard for small networks.

        r = 6.5 (1 - 96/104 s)    φ = 2π (turns · s + c / classes)    s evenly spaced in [0, 1]
        x = (r sin φ, r cos φ) + noise · N(0, I)                      for class c

    With n = 194, two classes, three turns and no noise these are the points of the original benchmark.
    Neighbouring arms are then 1 apart.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: noise ≥ 0, turns > 0, classes from 2 to n, label_noise in [0, 1).
    Shapes: x (n, 2), y (n,) in {0, ..., classes - 1}; the classes' sizes differ by at most 1.

    Lang & Witbrock, "Learning to Tell Two Spirals Apart", Proceedings of the 1988 Connectionist Models
    Summer School, Morgan Kaufmann, 52-59. The points are in the CMU neural-network benchmark
    collection. http://www.cs.cmu.edu/afs/cs/project/ai-repository/ai/areas/neural/bench/cmu/0.html
    """

    name: ClassVar[str] = "spirals"

    n: int = hyper(500, "int [10, inf)")
    noise: Hyper = hyper(0.1, "[0, inf)", search=linear(0.0, 0.3))
    turns: Hyper = hyper(3.0, "(0, inf)", search=linear(0.5, 3.0))
    classes: int = hyper(2, "int [2, inf)")
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def validate(self) -> None:
        if self.classes > self.n:
            raise ValueError(f"classes must be at most n, {self.n}, got {self.classes}")

    def make(self, rng: np.random.Generator) -> Data:
        order = rng.permutation(self.n)
        y = order % self.classes
        s = order // self.classes / max((self.n - 1) // self.classes, 1)
        radius = 6.5 * (1 - 96 / 104 * s)
        angle = 2 * np.pi * (self.turns * s + y / self.classes)
        x = np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])
        x += self.noise * rng.standard_normal(x.shape)
        noisy = flip_labels(rng, y, self.label_noise, self.classes)
        return Data(x, noisy, "binary" if self.classes == 2 else "multiclass", clean_y=y)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Spirals]
