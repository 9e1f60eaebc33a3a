"""Schedule: cosine."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper, linear


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine annealing from the full learning rate down to the fraction alpha of it.

        factor(t) = alpha + (1 - alpha) (1 + cos(π s / steps)) / 2,  s = min(t - 1, steps)

    The first update, t = 1, has the full rate. The last, t = steps, is one update before the end, where the
    factor would be alpha.

    Choose it as the usual one if the number of steps is known: it stays high for long and ends smoothly.
    `linear` falls evenly, `wsd` lets the end be moved.

    Domain: t = 1 ... steps, alpha in [0, 1].

    Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, equation 5,
    without restarts. https://arxiv.org/abs/1608.03983. Keras's CosineDecay and optax's
    cosine_decay_schedule are the same, with alpha, and stay at alpha after the end, as here. PyTorch's
    CosineAnnealingLR is equal up to the end; it has a rate (eta_min) instead of a fraction, and rises again
    after the end.
    """

    name: ClassVar[str] = "cosine"

    alpha: Hyper = hyper(0.0, "[0, 1]", search=linear(0.0, 0.2))

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        falling = 0.5 * (1 + math.cos(math.pi * min(t - 1, steps) / steps))
        return self.alpha + (1 - self.alpha) * falling


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Cosine]
