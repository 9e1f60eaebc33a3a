"""Data set: unlabelled."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl, ref


@dataclass(frozen=True)
class Unlabelled(Dataset):
    """The inputs of another data set without its targets, for unsupervised learning.

        y = none      x and a given test split as they are

    `dataset` names the other one; its hyperparameters are set by "dataset.KEY", for example
    dataset = "two_moons" and "dataset.noise" = 0.05.

    Shapes: x (N, D). Saul & Roweis, "Think Globally, Fit Locally: Unsupervised Learning of Low Dimensional
    Manifolds", JMLR 4 (2003), 119-155, and many others, treat labelled data in this way.
    https://jmlr.org/papers/v4/saul03a.html
    """

    name: ClassVar[str] = "unlabelled"
    encodes: ClassVar[bool] = True  # as the other set does

    dataset: Any = ref("dataset", "digits")

    def make(self, rng: np.random.Generator) -> Data:
        (dataset,) = self.dataset
        data: Data = dataset.make(rng)
        return replace(data, y=None, clean_y=None, classes=(), task="unsupervised")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Unlabelled]
