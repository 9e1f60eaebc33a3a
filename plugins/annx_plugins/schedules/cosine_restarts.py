"""Schedule: cosine_restarts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper, linear


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Cosine annealing with warm restarts: the rate falls along a half cosine and then jumps up again.

        factor(t) = alpha + (1 - alpha) m_mult^i (1 + cos(π p)) / 2

    i counts the restarts before s = t - 1 from 0, and p in [0, 1) is the share of the present period that has
    passed. Periods have period, period t_mult, period t_mult², ... updates. A restart shakes the weights out
    of a narrow minimum; the weights at the end of each period are usable models. `cosine` is one period of
    the run's length.

    Domain: t = 1 ... steps; period and t_mult whole numbers from 1; m_mult in (0, 1]; alpha in [0, 1].

    Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, equation 5.
    https://arxiv.org/abs/1608.03983. PyTorch's CosineAnnealingWarmRestarts (no m_mult) has t_mult = 1 by
    default, Keras's CosineDecayRestarts 2.
    """

    name: ClassVar[str] = "cosine_restarts"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"t_mult": 1},
        "keras": {"t_mult": 2},
    }

    period: int = hyper(100, "int [1, inf)")
    t_mult: int = hyper(1, "int [1, inf)")
    m_mult: Hyper = hyper(1.0, "(0, 1]", search=linear(0.5, 1.0))
    alpha: Hyper = hyper(0.0, "[0, 1]")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        restarts, place, period = 0, t - 1, self.period
        if self.t_mult == 1:
            restarts, place = divmod(place, period)
        while place >= period:  # in whole numbers: a logarithm may round to the wrong side of a restart
            restarts, place, period = restarts + 1, place - period, period * self.t_mult
        falling = 0.5 * (1 + math.cos(math.pi * place / period))
        return self.alpha + (1 - self.alpha) * (self.m_mult**restarts * falling)


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [CosineRestarts]
