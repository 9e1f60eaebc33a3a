"""Schedule: linear."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper, linear


@dataclass(frozen=True)
class Linear(Schedule):
    """A straight line from one fraction of the learning rate to another.

        factor(t) = start + (end - start) s / decay_steps,  s = min(t - 1, decay_steps)

    decay_steps = 0, the default, stands for the whole run; a shorter line stays at its end. From 1 to 0 it is
    the decay that comes out best for many models, and that theory finds optimal for averages of the last
    updates (Defazio et al., below). `cosine` stays high longer and ends flatter.

    Domain: t = 1 ... steps; start and end ≥ 0, not both 0; decay_steps a whole number from 0. The last
    update, t = steps, is one update before the end.

    Defazio, Cutkosky, Mehta & Mishchenko, "Optimal Linear Decay Learning Rate Schedules and Further
    Refinements", 2023. https://arxiv.org/abs/2310.07831. PyTorch's LinearLR and optax's linear_schedule are
    the same; PyTorch's default rises from 1/3 to 1 within 5 updates. It is `polynomial` with power 1.
    """

    name: ClassVar[str] = "linear"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"start": 1 / 3, "end": 1.0, "decay_steps": 5},
    }

    start: Hyper = hyper(1.0, "[0, inf)")
    end: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.2))
    decay_steps: int = hyper(0, "int [0, inf)")

    def validate(self) -> None:
        """Refuse a rate of 0 throughout."""
        if self.start == 0 and self.end == 0:
            raise ValueError("start and end must not both be 0: nothing would be learned")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        span = self.decay_steps or steps
        return self.start + (self.end - self.start) * (min(t - 1, span) / span)


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Linear]
