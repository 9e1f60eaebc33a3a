"""Schedule: inverse_time."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper, log


@dataclass(frozen=True)
class InverseTime(Schedule):
    """Inverse time decay: the learning rate falls as 1 / t.

        factor(t) = 1 / (1 + decay_rate s / decay_steps),  s = t - 1
        factor(t) = 1 / (1 + decay_rate ⌊s / decay_steps⌋)       staircase on

    decay_steps = 0, the default, stands for the whole run, which then ends near 1 / (1 + decay_rate). The
    classical rate of stochastic approximation: with noisy gradients, rates whose sum is infinite and whose
    squares have a finite sum converge. It falls fast at first and then hardly; `inverse_sqrt` falls less.

    Domain: t = 1 ... steps; decay_rate ≥ 0; decay_steps a whole number from 0; staircase on needs decay_steps
    of at least 1.

    Robbins & Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics 22 (1951),
    400-407. https://doi.org/10.1214/aoms/1177729586. As Keras's InverseTimeDecay.
    """

    name: ClassVar[str] = "inverse_time"

    decay_rate: Hyper = hyper(10.0, "[0, inf)", search=log(1.0, 100.0))
    decay_steps: int = hyper(0, "int [0, inf)")
    staircase: bool = hyper(False, "bool")

    def validate(self) -> None:
        """Refuse stairs as long as the run, which would be no decay."""
        if self.staircase and not self.decay_steps:
            raise ValueError("staircase needs decay_steps of at least 1, got 0, the whole run")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        passed = (t - 1) / (self.decay_steps or steps)
        return 1 / (1 + self.decay_rate * (math.floor(passed) if self.staircase else passed))


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [InverseTime]
