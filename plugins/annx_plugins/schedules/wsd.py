"""Schedule: wsd."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Schedule, hookimpl, hyper, linear


@dataclass(frozen=True)
class WSD(Schedule):
    """Warm-up, stable, decay: a constant learning rate between a short rise and a steep fall.

        factor(t) = start + (1 - start) s / w              s < w,  s = t - 1
                    1                                      w ≤ s < steps - d
                    alpha + (1 - alpha) f(p)               p = (s - steps + d) / d

    w and d are the fractions `warmup` and `decay` of all updates, rounded, d at most steps - w. f(p) is, by
    `shape`, 1 - p ("linear"), (1 + cos π p) / 2 ("cosine"), 1 - √p ("1-sqrt") or 1 - p² ("1-square"). As good
    as `cosine` in the papers, and the stable part can be prolonged or cut at any time: only the fall must be
    repeated.

    Domain: t = 1 ... steps; warmup, decay, start and alpha in [0, 1], warmup + decay ≤ 1.

    Hu et al., "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies",
    2024, section 4. https://arxiv.org/abs/2404.06395. The shape 1 - √p and a fall of 20 %, the defaults:
    Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations", NeurIPS 2024,
    section 3. https://arxiv.org/abs/2405.18392. pytorch_optimizer's get_wsd_schedule has start = 0.
    """

    name: ClassVar[str] = "wsd"

    warmup: Hyper = hyper(0.05, "[0, 1]")
    decay: Hyper = hyper(0.2, "[0, 1]", search=linear(0.1, 0.6))
    start: Hyper = hyper(0.1, "[0, 1]")
    alpha: Hyper = hyper(0.0, "[0, 1]")
    shape: str = hyper("1-sqrt", ("linear", "cosine", "1-sqrt", "1-square"))

    def validate(self) -> None:
        """Refuse a fall that begins before the rise has ended."""
        if self.warmup + self.decay > 1:
            raise ValueError(
                f"warmup and decay must add up to at most 1, got {self.warmup:g} and {self.decay:g}"
            )

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        s, rise = t - 1, np.rint(self.warmup * steps)
        fall = np.minimum(np.rint(self.decay * steps), steps - rise)  # both may be rounded up
        passed = np.clip((s - steps + fall) / np.maximum(fall, 1), 0, 1)
        falling = self.alpha + (1 - self.alpha) * self._fallen(passed)
        factor = np.where(s < rise, self.start + (1 - self.start) * (s / np.maximum(rise, 1)), falling)
        return factor if factor.ndim else float(factor)

    def _fallen(self, passed: Array) -> Array:
        if self.shape == "cosine":
            return 0.5 + 0.5 * np.cos(math.pi * passed)
        if self.shape == "1-sqrt":
            return 1 - np.sqrt(passed)
        return 1 - (passed * passed if self.shape == "1-square" else passed)


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [WSD]
