"""Schedule: one_cycle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Hyper, Schedule, choice, hookimpl, hyper, linear


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One cycle: the learning rate rises to its maximum, then falls far below its start.

        start = 1 / div_factor,  floor = start / final_div_factor
        factor(t) = start → 1 → floor                 three_phase off
        factor(t) = start → 1 → start → floor         three_phase on

    With s = t - 1 = 0 ... steps - 1 and `reached` "last", the turns are at s = pct_start steps - 1 (the
    peak), with three phases at pct_final steps - 2, and at steps - 1: the last update has the floor. This
    is PyTorch. With "after" the turns are at ⌊pct_start steps⌋, ⌊pct_final steps⌋ and steps: the floor
    would come one update after the last. This is optax. Between the turns the factor follows a half cosine
    (anneal "cos") or a line ("linear").

    Choose it for short trainings with a high peak. `triangular` repeats the cycle, `warmup` with `cosine`
    after it has a similar form.

    Domain: t = 1 ... steps; div_factor and final_div_factor ≥ 1; pct_start < pct_final in (0, 1);
    pct_final matters only with three phases. lr is the peak, PyTorch's max_lr. Momentum stays constant:
    PyTorch's OneCycleLR lowers it while the rate rises, unless cycle_momentum=False; optax does not.

    Smith & Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates",
    2017, section 3. https://arxiv.org/abs/1708.07120. The paper has three linear phases; two phases with
    cosines are the default of fastai and PyTorch. PyTorch's pct_final is 2 pct_start; optax's three-phase
    linear_onecycle_schedule has 0.85.
    """

    name: ClassVar[str] = "one_cycle"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"anneal": "linear", "three_phase": True, "reached": "last"},
        "torch": {
            "pct_start": 0.3,
            "div_factor": 25.0,
            "final_div_factor": 1e4,
            "anneal": "cos",
            "three_phase": False,
            "pct_final": 0.6,
            "reached": "last",
        },
        "optax": {
            "pct_start": 0.3,
            "div_factor": 25.0,
            "final_div_factor": 1e4,
            "anneal": "cos",
            "three_phase": False,
            "pct_final": 0.85,
            "reached": "after",
        },
    }

    pct_start: Hyper = hyper(0.3, "(0, 1)", search=linear(0.1, 0.5))
    div_factor: Hyper = hyper(25.0, "[1, inf)", search=choice(5.0, 10.0, 25.0))
    final_div_factor: Hyper = hyper(1e4, "[1, inf)")
    anneal: str = hyper("cos", ("cos", "linear"))
    three_phase: bool = hyper(False, "bool")
    pct_final: Hyper = hyper(0.6, "(0, 1)")
    reached: str = hyper("last", ("last", "after"))

    def validate(self) -> None:
        if self.three_phase and np.any(self.pct_final <= self.pct_start):
            raise ValueError(f"pct_final must be above pct_start, {self.pct_start}, got {self.pct_final}")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        if self.reached == "last":
            peak, back, end = self.pct_start * steps - 1, self.pct_final * steps - 2, steps - 1
        else:
            peak, back, end = np.floor(self.pct_start * steps), np.floor(self.pct_final * steps), steps
        start = 1 / self.div_factor
        floor = start / self.final_div_factor
        s = t - 1
        if self.three_phase:
            falling = np.where(
                s < back, self._leg(s, (peak, 1), (back, start)), self._leg(s, (back, start), (end, floor))
            )
        else:
            falling = self._leg(s, (peak, 1), (end, floor))
        factor = np.where(s < peak, self._leg(s, (0, start), (peak, 1)), falling)
        return factor if factor.ndim else float(factor)

    def _leg(self, s: int, here: tuple[Hyper, Hyper], there: tuple[Hyper, Hyper]) -> Hyper:
        """Return the factor at s on the way between two turns, each (place, factor)."""
        length = there[0] - here[0]
        # In runs of a few updates turns may coincide or swap; these count as passed.
        ahead = np.where(length > 0, np.clip((there[0] - s) / np.where(length > 0, length, 1), 0, 1), 0)
        if self.anneal == "cos":
            ahead = 0.5 - 0.5 * np.cos(np.pi * ahead)
        return there[1] + (here[1] - there[1]) * ahead  # exact at the end, even for a very small floor


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [OneCycle]
