"""Schedule: triangular."""

from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl, hyper, linear


@dataclass(frozen=True)
class Triangular(Schedule):
    """Cyclical learning rate: it rises and falls along straight lines, again and again.

        factor(t) = low + (1 - low) h(s) c(s),  s = t - 1
        h(s) = rises from 0 to 1 within `up` updates, then falls to 0 within `down`, and so on
        c(s) = 1                    mode "triangular"
               1 / 2^cycle          mode "triangular2": half as high in every cycle = ⌊s / (up + down)⌋
               gamma^s              mode "exp_range"

    down = 0, the default, stands for as many as up. Where the best rate is unknown, it visits a range of
    them; the paper takes 2 to 10 epochs for `up`. `one_cycle` does it once, with the end of the run far
    below.

    Domain: t = 1 ... steps; low in [0, 1], the lowest rate as a fraction of the highest; up a whole number
    from 1, down from 0; gamma in (0, 1].

    Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3, with low = 1/4 or
    1/3. https://arxiv.org/abs/1506.01186. As PyTorch's CyclicLR, whose lr cycles from base_lr to max_lr; it
    also cycles momentum, unless cycle_momentum=False.
    """

    name: ClassVar[str] = "triangular"

    low: Hyper = hyper(0.25, "[0, 1]", search=linear(0.0, 0.5))
    up: int = hyper(50, "int [1, inf)")
    down: int = hyper(0, "int [0, inf)")
    mode: str = hyper("triangular", ("triangular", "triangular2", "exp_range"))
    gamma: Hyper = hyper(0.999, "(0, 1]")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        s, down = t - 1, self.down or self.up
        cycle, place = divmod(s, self.up + down)
        height = place / self.up if place <= self.up else (self.up + down - place) / down
        if self.mode == "triangular2":
            height *= 0.5**cycle
        elif self.mode == "exp_range":
            height = height * self.gamma**s
        return self.low + (1 - self.low) * height


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Triangular]
