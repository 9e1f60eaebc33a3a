"""Label noise and outliers, defined once for every data set that offers them.

Both functions draw the same numbers for every `share`. So a larger share changes the examples that a smaller
one changes, and some more; nothing else differs.
"""

from __future__ import annotations

import numpy as np

from anncore.contract.kinds import Array


def flip_labels(rng: np.random.Generator, y: Array, share: float, classes: int) -> Array:
    """Return class numbers y (N,), each replaced by another class with probability `share`.

    The other class is drawn evenly from the classes - 1 remaining ones: symmetric label noise, for
    two classes the classification noise of Angluin & Laird, "Learning from Noisy Examples", Machine
    Learning 2 (1988), 343-370. https://doi.org/10.1023/A:1022873112823
    """
    chosen = rng.random(len(y)) < share
    other = (y + rng.integers(1, classes, size=len(y))) % classes
    return np.where(chosen, other, y)


def add_outliers(rng: np.random.Generator, y: Array, share: float, size: float = 5.0) -> Array:
    """Return targets y (N,), each with a gross error with probability `share`.

    A chosen target moves up or down, with equal probability, by `size` standard deviations of y: the gross
    errors of Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35
    (1964), 73-101. https://doi.org/10.1214/aoms/1177703732
    """
    chosen = rng.random(len(y)) < share
    sign = rng.choice([-1.0, 1.0], size=len(y))
    return np.where(chosen, y + sign * size * y.std(), y)
