"""Data sets: sources of examples."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore.contract.kinds.base import Array, Component, Task
from anncore.contract.shown import Shown, listed


@dataclass(frozen=True)
class Column:
    """What one column of `Data.x` holds, where annx is to encode it.

    kind: "number", or "category": then x holds places in `categories`, 0, 1, ... NaN is a missing value.
    how: what the data set did to get these numbers, for the report: "days since 1970-01-01".

    The columns are fitted on the training split of each seed, after the split, by scikit-learn's
    transformers: a missing number becomes the median, a missing category the most frequent one, and a column
    with missing values gets an input more that is 1 where one was missing. A category becomes an input for
    each of its categories, 1 for the one at hand; these, and the marks of missing values, are not
    standardised. A category, or a missing value, that the training split does not have is 0 everywhere, so
    that no weight is used which training never moved. The number of inputs follows from the data alone, so
    networks have one shape for all seeds.
    """

    kind: Literal["number", "category"] = "number"
    categories: tuple[str, ...] = ()
    how: str = ""


@dataclass(frozen=True, repr=False)
class Data(Shown):
    """A data set before splitting, encoding and standardising.

    x (N, D) real; y (N,) class numbers 0 ... C-1 for classification, (N,) or (N, K) for regression, None for
    an unsupervised task, which has no targets: a network is then scored by how well it gives back its input.
    `clean_y`, shaped as y, holds the targets before label noise or outliers: the test split is
    scored against these, while training and validation use y. `test_index` fixes the test split
    if the data set comes with one, and `valid_index` the validation split; an empty one leaves it out.

    columns: what each column of x holds, if annx is to encode them (see `Column`); the class then declares
    `encodes`. `groups` (N,) numbers the rows of one group alike: no group is divided between splits.
    `weights` (N,) says how much each example counts in the loss and in metrics: at least 0, finite.
    """

    x: Array
    y: Array | None
    task: Task
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    clean_y: Array | None = None
    test_index: Array | None = None
    valid_index: Array | None = None
    columns: tuple[Column, ...] = ()
    groups: Array | None = None
    weights: Array | None = None

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

    encodes: ClassVar[bool] = False
    """Whether `make` may return `columns` for annx to encode; plan and report then say what was done."""

    @abstractmethod
    def make(self, rng: np.random.Generator) -> Data:
        """Return the data; synthetic sets draw everything from `rng`, real ones ignore it."""
