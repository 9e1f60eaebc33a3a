"""Schedule: polynomial."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper, linear


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Polynomial decay from the full learning rate to the fraction alpha of it, with restarts on request.

        factor(t) = alpha + (1 - alpha) (1 - s / n)^power,  s = t - 1
        n = decay_steps,  s at most n              cycle off
        n = decay_steps max(⌈s / decay_steps⌉, 1)  cycle on

    decay_steps = 0, the default, stands for the whole run. power = 1 is `linear`; above 1 the rate falls fast
    at first and flattens out, below 1 it stays high and falls late. With cycle on, the decay stretches to the
    next multiple of decay_steps whenever it ends, so the rate jumps up to lower and lower peaks.

    Domain: t = 1 ... steps; power > 0; alpha in [0, 1]; decay_steps a whole number from 0.

    Chen, Papandreou, Kokkinos, Murphy & Yuille, "DeepLab: Semantic Image Segmentation with Deep
    Convolutional Nets, Atrous Convolution, and Fully Connected CRFs", TPAMI 40 (2018), section 4, the "poly"
    policy with power 0.9. https://arxiv.org/abs/1606.00915. Keras's PolynomialDecay, with an end rate of 1e-4
    in place of a fraction; PyTorch's PolynomialLR and optax's polynomial_schedule have no cycles.
    """

    name: ClassVar[str] = "polynomial"

    power: Hyper = hyper(1.0, "(0, inf)", search=linear(0.5, 3.0))
    alpha: Hyper = hyper(0.0, "[0, 1]", search=linear(0.0, 0.2))
    decay_steps: int = hyper(0, "int [0, inf)")
    cycle: bool = hyper(False, "bool")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        s, span = t - 1, self.decay_steps or steps
        if self.cycle:
            span *= max(math.ceil(s / span), 1)
        return self.alpha + (1 - self.alpha) * (1 - min(s, span) / span) ** self.power


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Polynomial]
