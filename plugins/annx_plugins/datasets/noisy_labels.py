"""Data set: noisy_labels."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from anncore import Array, ComponentError, Data, Dataset, Hyper, flip_labels, hookimpl, hyper, linear, ref


@dataclass(frozen=True)
class NoisyLabels(Dataset):
    """Another data set with wrong labels, of one of four ways of going wrong.

        symmetric   a label becomes any other class, each equally likely
        pair        it becomes the next class, the last one the first
        one_way     only labels of class 0 go wrong, and become class 1
        near        it becomes the class whose mean is nearest of the others; likelier where that is near

    Each label goes wrong with probability `share`; with "one_way" each of class 0, with "near" on average: an
    example of rank i of n, by how much nearer its own mean is than the other, with 2 · share · (i - ½) / n.
    The first is what `label_noise` of other sets does, and what most robust losses are proven for; the
    others depend on the class or on the example, as errors of people do, and the loss that wins may be
    another one. `dataset` names the other set, a classification; its hyperparameters are set by
    "dataset.KEY", for example dataset = "two_moons" and "dataset.noise" = 0.05. The test split is scored on
    the labels that the other set calls clean.

    Domain: share in [0, 1), with "near" at most 1/2.
    Shapes: x and y as those of the other set.

    Patrini, Rozza, Menon, Nock & Qu, "Making Deep Neural Networks Robust to Label Noise: A Loss Correction
    Approach", CVPR 2017, has the first two. https://arxiv.org/abs/1609.03683. Noise that grows towards the
    boundary: Menon, van Rooyen & Natarajan, "Learning from binary labels with instance-dependent noise",
    Machine Learning 107 (2018), 1561-1595. https://doi.org/10.1007/s10994-018-5715-3
    """

    name: ClassVar[str] = "noisy_labels"
    encodes: ClassVar[bool] = True  # as the other set does

    way: str = hyper("pair", ("symmetric", "pair", "one_way", "near"))
    share: Hyper = hyper(0.2, "[0, 1)", search=linear(0.0, 0.4))
    dataset: Any = ref("dataset", "two_moons")

    def validate(self) -> None:
        if self.way == "near" and np.any(np.asarray(self.share) > 0.5):
            raise ValueError(f"share must be at most 0.5 where way is near, got {self.share}")

    def make(self, rng: np.random.Generator) -> Data:
        (dataset,) = self.dataset
        data: Data = dataset.make(rng)
        if data.task not in ("binary", "multiclass") or data.y is None:
            raise ComponentError(
                f"noisy_labels: dataset must have classes, got {dataset.name}, a {data.task} task"
            )
        y = np.asarray(data.y)
        clean_y = y if data.clean_y is None else np.asarray(data.clean_y)
        # The labels alone may lack a class: the other set's own noise can take the last one of a rare class.
        classes = len(data.classes) or 1 + int(max(y.max(), clean_y.max()))
        if self.way == "near" and data.columns:
            raise ComponentError(
                f'noisy_labels: way = "near" needs numbers that are all there, and {dataset.name} has '
                'columns to encode; choose another way, such as "symmetric"'
            )
        return replace(data, y=self._wrong(rng, np.asarray(data.x, float), y, classes), clean_y=clean_y)

    def _wrong(self, rng: np.random.Generator, x: Array, y: Array, classes: int) -> Array:
        if self.way == "symmetric":
            return flip_labels(rng, y, self.share, classes)
        luck, chance, other = rng.random(len(y)), np.full(len(y), self.share), (y + 1) % classes
        if self.way == "one_way":
            chance = np.where(y == 0, chance, 0)
        elif self.way == "near":
            nearer, other = self._nearest(x, y, classes)
            rank = np.empty(len(y))
            rank[np.argsort(nearer, kind="stable")[::-1]] = np.arange(len(y))
            chance = 2 * self.share * (rank + 0.5) / len(y)
        return np.where(luck < chance, other, y)

    def _nearest(self, x: Array, y: Array, classes: int) -> tuple[Array, Array]:
        """Return how much nearer each one's own mean is than the nearest other, and which that is, (n,)."""
        scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
        apart = np.full((len(y), classes), np.inf)  # so a class without examples is nobody's nearest
        for c in np.unique(y):
            apart[:, c] = np.linalg.norm((x - x[y == c].mean(axis=0)) / scale, axis=1)
        rows = np.arange(len(y))
        own = apart[rows, y].copy()
        apart[rows, y] = np.inf
        return apart.min(axis=1) - own, apart.argmin(axis=1)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [NoisyLabels]
