"""Data set: classification."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import (
    Array,
    Data,
    Dataset,
    Hyper,
    clusters_on_corners,
    flip_labels,
    hookimpl,
    hyper,
    linear,
)


@dataclass(frozen=True)
class Classification(Dataset):
    """Gaussian clusters on the corners of a hypercube, among redundant and useless features.

    Each class has `clusters` normal clusters of random covariance, centred on different corners of a
    hypercube with sides 2 · separation in `informative` dimensions. `redundant` features are random
    linear combinations of those; the other features are standard normal and useless. The columns are
    in random order. noise · N(0, I) is added.

    Label noise: each label is replaced by another class with probability `label_noise`. The test split is
    scored on the original labels.

    Domain: noise ≥ 0, separation > 0, label_noise in [0, 1); informative + redundant ≤ features;
    classes · clusters ≤ 2^informative, classes ≤ n.
    Shapes: x (n, features), y (n,) in {0, ..., classes - 1}; classes of nearly equal size.

    Guyon, "Design of experiments of the NIPS 2003 variable selection benchmark", 2003 (the generator
    of Madelon); scikit-learn, `make_classification`, which by default also replaces 1 % of the labels
    at random (flip_y).
    https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_classification.html
    """

    name: ClassVar[str] = "classification"

    n: int = hyper(1000, "int [10, inf)")
    noise: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 1.0))
    features: int = hyper(20, "int [1, inf)")
    informative: int = hyper(5, "int [1, inf)")
    redundant: int = hyper(2, "int [0, inf)")
    classes: int = hyper(2, "int [2, inf)")
    clusters: int = hyper(2, "int [1, inf)")
    separation: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 2.0))
    label_noise: Hyper = hyper(0.0, "[0, 1)", search=linear(0.0, 0.4))

    def validate(self) -> None:
        if self.informative + self.redundant > self.features:
            raise ValueError(
                f"informative + redundant must be at most features, {self.features}, "
                f"got {self.informative} + {self.redundant}"
            )
        if self.classes * self.clusters > 2**self.informative:
            raise ValueError(
                f"classes · clusters must be at most 2^informative, {2**self.informative}, "
                f"got {self.classes} · {self.clusters}; raise informative"
            )
        if self.classes > self.n:
            raise ValueError(f"classes must be at most n, {self.n}, got {self.classes}")

    def make(self, rng: np.random.Generator) -> Data:
        x, y = self._drawn(int(rng.integers(2**32)))
        x = x + self.noise * rng.standard_normal(x.shape)
        noisy = flip_labels(rng, y, self.label_noise, self.classes)
        return Data(x, noisy, "binary" if self.classes == 2 else "multiclass", clean_y=y)

    def _drawn(self, seed: int) -> tuple[Array, Array]:
        count = self.classes * self.clusters
        sizes = [int(self.n * (1.0 / self.classes) / self.clusters)] * count
        for k in range(self.n - sum(sizes)):
            sizes[k % count] += 1
        drawn = clusters_on_corners(
            seed,
            sizes,
            classes=self.classes,
            features=self.features,
            informative=self.informative,
            redundant=self.redundant,
            separation=self.separation,
        )
        return self._by_scikit_learn(seed) if drawn is None else drawn

    def _by_scikit_learn(self, seed: int) -> tuple[Array, Array]:
        from sklearn.datasets import make_classification

        made: tuple[Array, Array] = make_classification(
            self.n,
            n_features=self.features,
            n_informative=self.informative,
            n_redundant=self.redundant,
            n_classes=self.classes,
            n_clusters_per_class=self.clusters,
            class_sep=self.separation,
            flip_y=0,
            random_state=seed,
        )
        return made


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Classification]
