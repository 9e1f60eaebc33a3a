"""Data set: own_features."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class OwnFeatures(Dataset):
    """One feature tells the class; every example also has features that no other example has.

        x = (y, 1, 1), then five columns for each example: of its own five, 1 in the first if y = 1, in all
        five if y = -1; 0 in the columns of all others

    The first column is all that a new example can be judged by. A linear model without a bias, trained by
    gradient descent from 0 on the squared error, finds the solution of smallest norm and is right on all new
    examples; one trained by AdaGrad, RMSprop or Adam gives all columns weights of one size and calls
    everything positive. Both fit the training data exactly. Choose it with [split] standardize = false and a
    network without hidden layers, to ask where a method ends, not how fast. The objective `wilson` is the
    same, without test examples.

    Domain: positives in (1/2, 1), the share of class 1, rounded: more than half of the examples, and at
    most all but two.
    Shapes: x (n, 3 + 5n), y (n,), 1 for y = 1 and 0 for y = -1.

    Wilson, Roelofs, Stern, Srebro & Recht, "The Marginal Value of Adaptive Gradient Methods in Machine
    Learning", NeurIPS 2017, section 3.3. https://arxiv.org/abs/1705.08292
    """

    name: ClassVar[str] = "own_features"

    n: int = hyper(100, "int [10, 2000]")
    positives: Hyper = hyper(0.6, "(0.5, 1)", search=linear(0.55, 0.9))

    def make(self, rng: np.random.Generator) -> Data:
        count = min(self.n - 2, max(self.n // 2 + 1, round(self.n * self.positives)))
        y = rng.permutation(np.arange(self.n) < count).astype(np.intp)
        x = np.zeros((self.n, 3 + 5 * self.n))
        x[:, 0], x[:, 1:3] = 2.0 * y - 1, 1
        own = 3 + 5 * np.arange(self.n)[:, None] + np.arange(5)
        rows = np.arange(self.n)[:, None]
        x[rows, own] = np.where((y[:, None] == 1) & (np.arange(5) > 0), 0, 1)
        return Data(x, y, "binary")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [OwnFeatures]
