"""Data sets: sources of examples."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from anncore.contract.kinds.base import Array, Component, Task
from anncore.contract.shown import Shown, listed


@dataclass(frozen=True, repr=False)
class Data(Shown):
    """A data set before splitting and standardising.

    x (N, D) real; y (N,) class numbers 0 ... C-1 for classification, (N,) or (N, K) for regression, None for
    an unsupervised task, which has no targets: a network is then scored by how well it gives back its input.
    `clean_y`, shaped as y, holds the targets before label noise or outliers: the test split is
    scored against these, while training and validation use y. `test_index` fixes the test split
    if the data set comes with one.
    """

    x: Array
    y: Array | None
    task: Task
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    clean_y: Array | None = None
    test_index: Array | None = None

    def _facts(self) -> dict[str, object]:
        return {
            "task": self.task,
            "x": np.shape(self.x),
            "y": "none" if self.y is None else np.shape(self.y),
            "classes": listed(self.classes),
            "features": listed(self.features),
        }


class Dataset(Component):
    """A source of examples: a generator or a file."""

    @abstractmethod
    def make(self, rng: np.random.Generator) -> Data:
        """Return the data; synthetic sets draw everything from `rng`, real ones ignore it."""
