"""Schedule: exponential."""

from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper, log


@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay: every update multiplies the learning rate by the same number.

        factor(t) = gamma ^ ((t - 1) / decay_steps)

    decay_steps = 0, the default, stands for the whole run, so that a run of any length ends near gamma;
    decay_steps = 1 multiplies by gamma after every update. It is `step` without its stairs. Much of the run
    has a small rate, so tune the initial rate higher than for `linear` or `cosine`.

    Domain: t = 1 ... steps; gamma in (0, 1]; decay_steps a whole number from 0.

    Li & Arora, "An Exponential Learning Rate Schedule for Deep Learning", ICLR 2020, which studies rising
    rates, has the formula with gamma above 1. https://arxiv.org/abs/1910.07454. PyTorch's ExponentialLR has
    decay_steps = 1; Keras's ExponentialDecay and optax's exponential_decay are the same, and with staircase
    on they are `step`.
    """

    name: ClassVar[str] = "exponential"

    gamma: Hyper = hyper(0.01, "(0, 1]", search=log(1e-3, 0.5))
    decay_steps: int = hyper(0, "int [0, inf)")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        return self.gamma ** ((t - 1) / (self.decay_steps or steps))


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Exponential]
