"""Schedule: step."""

from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper, linear


@dataclass(frozen=True)
class Step(Schedule):
    """Step decay: the learning rate is multiplied by gamma after every step_size updates.

        factor(t) = gamma ^ ⌊(t - 1) / step_size⌋,  t = 1 ... steps

    Updates 1 ... step_size have the full rate, the next step_size have gamma of it, and so on.

    Choose it to repeat older papers, or where the moments to lower the rate are known. `exponential` does the
    same without jumps, `piecewise` names each rate.

    Domain: gamma in (0, 1], step_size a whole number from 1.

    Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
    NeurIPS 2012, section 5, divides by 10 when the validation error stops improving. With fixed
    intervals it is PyTorch's StepLR, stepped once per update. Keras's PiecewiseConstantDecay makes each
    change one update later, because its boundaries are inclusive.
    """

    name: ClassVar[str] = "step"

    gamma: Hyper = hyper(0.1, "(0, 1]", search=linear(0.1, 0.9))
    step_size: int = hyper(100, "int [1, inf)")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        return self.gamma ** ((t - 1) // self.step_size)


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Step]
