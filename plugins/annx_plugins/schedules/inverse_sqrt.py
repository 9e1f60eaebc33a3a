"""Schedule: inverse_sqrt."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """Inverse square root decay after a linear warm-up, as transformers began with.

        factor(t) = min(t / warmup, √(warmup / t))      ramp on
        factor(t) = min(1, √(warmup / t))               ramp off

    The peak, 1, is at t = warmup. The decay does not depend on the length of the run, so a run can go on for
    ever; `cosine` and `linear` must know where it ends and reach lower losses there. It falls more slowly
    than `inverse_time`.

    Domain: t = 1 ... steps; warmup a whole number from 1.

    Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation 3, with 4000 updates; there the peak
    is 1 / √(d_model warmup), here it is lr. https://arxiv.org/abs/1706.03762. Without the ramp: Raffel et
    al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", JMLR 21 (2020),
    section 3.1.2. https://arxiv.org/abs/1910.10683
    """

    name: ClassVar[str] = "inverse_sqrt"

    warmup: int = hyper(100, "int [1, inf)")
    ramp: bool = hyper(True, "bool")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        if t < self.warmup:
            return t / self.warmup if self.ramp else 1.0
        return math.sqrt(self.warmup / t)


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [InverseSqrt]
