"""Data set: linnerud."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, hookimpl


@dataclass(frozen=True)
class Linnerud(Dataset):
    """Weight, waist and pulse of twenty men in a fitness club, from what they did at three exercises.

    Three targets at once, and so few examples that a split holds four: a set for trying things out, on which
    next to nothing can be decided. Real data, bundled with scikit-learn. `diabetes` has 442 examples.

    Domain: no hyperparameters.
    Shapes: x (20, 3): chins, situps and jumps; y (20, 3).

    Tenenhaus, "La régression PLS: théorie et pratique", Technip, Paris 1998, table 1; collected by A. C.
    Linnerud, North Carolina State University.
    """

    name: ClassVar[str] = "linnerud"

    def make(self, rng: np.random.Generator) -> Data:
        from sklearn.datasets import load_linnerud

        bunch = load_linnerud()
        features = tuple(map(str, bunch.feature_names))
        return Data(bunch.data, bunch.target, "regression", features=features)


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [Linnerud]
