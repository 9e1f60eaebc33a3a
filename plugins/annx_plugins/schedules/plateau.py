"""Schedule: plateau."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Schedule, hookimpl, hyper, linear


class PlateauState(NamedTuple):
    """The state of each trial, all arrays (T, 1, 1)."""

    best: Array  # the validation loss that last counted as better
    bad: Array  # evaluations since then that were not better
    resting: Array  # remaining evaluations of the cooldown
    factor: Array


@dataclass(frozen=True)
class Plateau(Schedule):
    """Reduction on a plateau: the rate is cut when the validation loss stops improving.

        better:  loss < best (1 - threshold)  with mode = "relative"
                 loss < best - threshold      with mode = "absolute"

    After `patience` evaluations in a row that are not better, the next one that is not better multiplies the
    factor by gamma, but not below min_factor. After a cut, evaluations do not count as bad for `cooldown`
    evaluations. The evaluations are those of the curves, including the one before the first update: with
    [train] eval_every = 50 a patience of 10 means 500 updates. NaN is never better. The factor of a trial
    depends only on its own losses.

    Choose it where the number of steps that is needed is unknown: it waits until the validation loss stops to
    fall. It depends on noise in that loss; `cosine` and `linear` do not look at it.

    Domain: gamma in (0, 1); patience and cooldown whole numbers from 0; threshold ≥ 0; min_factor in [0, 1).
    For a loss that may be negative use "absolute": for a negative best, best (1 - threshold) is above best.

    From practice: Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural
    Networks", NeurIPS 2012, section 5, did it by hand. This is PyTorch's ReduceLROnPlateau, which also
    skips cuts of the rate by less than 1e-8. Keras and optax cut at the patience-th bad evaluation and not
    after it, so their 10 is 9 here; Keras's cooldown is also shorter by one evaluation.
    """

    name: ClassVar[str] = "plateau"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"gamma": 0.1, "patience": 10, "mode": "relative", "threshold": 1e-4},
        "keras": {"gamma": 0.1, "patience": 9, "mode": "absolute", "threshold": 1e-4},
        "optax": {"gamma": 0.1, "patience": 9, "mode": "relative", "threshold": 1e-4},
    }

    gamma: Hyper = hyper(0.1, "(0, 1)", search=linear(0.1, 0.9))
    patience: int = hyper(10, "int [0, inf)")
    mode: str = hyper("relative", ("relative", "absolute"))
    threshold: Hyper = hyper(1e-4, "[0, inf)")
    cooldown: int = hyper(0, "int [0, inf)")
    min_factor: Hyper = hyper(0.0, "[0, 1)")

    def init(self, ones: Array) -> PlateauState:
        return PlateauState(np.inf * ones, 0 * ones, 0 * ones, 1 * ones)

    def observe(self, state: PlateauState, score: Array, t: int) -> PlateauState:
        if self.mode == "relative":
            better = score < state.best * (1 - self.threshold)
        else:
            better = score < state.best - self.threshold
        resting = state.resting > 0
        bad = np.where(better | resting, 0, state.bad + 1)
        cut = bad > self.patience
        lower = np.maximum(state.factor * self.gamma, self.min_factor)
        return PlateauState(
            best=np.where(better, score, state.best),
            bad=np.where(cut, 0, bad),
            resting=np.where(cut, self.cooldown, np.maximum(state.resting - 1, 0)),
            factor=np.where(cut, lower, state.factor),
        )

    def factor(self, t: int, steps: int, state: PlateauState) -> Hyper:
        return state.factor


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Plateau]
