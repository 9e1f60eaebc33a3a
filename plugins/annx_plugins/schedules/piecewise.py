"""Schedule: piecewise."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper


@dataclass(frozen=True)
class Piecewise(Schedule):
    """Piecewise constant: the learning rates of your own plan.

        factor(t) = values[i],  i = the number of boundaries ≤ t - 1

    Updates 1 ... boundaries[0] have values[0], the next ones values[1], and so on: there is one value more
    than boundaries. For plans of the literature ("divide by 10 at updates 32000 and 48000"); `step` has equal
    distances and one ratio.

    Domain: t = 1 ... steps; boundaries whole numbers from 1, rising; values ≥ 0, the largest above 0.

    He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2.
    https://arxiv.org/abs/1512.03385. PyTorch's MultiStepLR and optax's piecewise_constant_schedule change at
    the same updates, by ratios in place of values. Keras's PiecewiseConstantDecay changes one update later.
    """

    name: ClassVar[str] = "piecewise"

    boundaries: tuple[int, ...] = hyper((250, 375), "list int [1, inf)")
    values: tuple[float, ...] = hyper((1.0, 0.1, 0.01), "list [0, inf)")

    def validate(self) -> None:
        """Refuse boundaries that do not rise, and values that do not fit them."""
        if any(later <= earlier for earlier, later in pairwise(self.boundaries)):
            raise ValueError(f"boundaries must rise, got {list(self.boundaries)}")
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must be one more than the {len(self.boundaries)} boundaries, got {len(self.values)}"
            )
        if max(self.values) <= 0:
            raise ValueError("values must not all be 0: nothing would be learned")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        return self.values[bisect_right(self.boundaries, t - 1)]


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Piecewise]
