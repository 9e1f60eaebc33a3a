"""Schedule: warmup."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from anncore import Array, Hyper, Schedule, hookimpl, hyper, linear, ref


class WarmupState(NamedTuple):
    """The state of the schedule after the warm-up."""

    after: Any


@dataclass(frozen=True)
class Warmup(Schedule):
    """Linear warm-up in front of any other schedule.

        ramp(t)   = start + (1 - start) (t - 1) / updates,  1 for t > updates
        factor(t) = ramp(t) after(max(t - updates, 1), steps - updates)   with count = "after"
                    ramp(t) after(t, steps)                               with count = "through"

    The first update has `start` of the rate; update number updates + 1 is the first with ramp 1. `after`
    names the other schedule, "constant" by default. With count = "after" it begins when the warm-up ends
    and gets the validation losses from then on; the ramp leads to its first factor. With "through" it runs
    from the first update, multiplied by the ramp.

    Choose it where the first steps at the full rate would diverge, as with transformers and large batches;
    `radam` has a warm-up of its own.

    Domain: start in [0, 1], updates a whole number from 0; a shorter run stays on the ramp.

    Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2.
    https://arxiv.org/abs/1706.02677. "after" is PyTorch's SequentialLR of a LinearLR and another,
    optax's warmup_cosine_decay_schedule and Keras's CosineDecay with warmup_steps; "through" is PyTorch's
    ChainedScheduler. PyTorch's LinearLR starts from 1/3 and takes 5 updates.
    """

    name: ClassVar[str] = "warmup"

    start: Hyper = hyper(0.1, "[0, 1]", search=linear(0.0, 0.5))
    updates: int = hyper(100, "int [0, inf)")
    count: str = hyper("after", ("after", "through"))
    after: Any = ref("schedule", "constant")

    def init(self, ones: Array) -> WarmupState:
        return WarmupState(self.after[0].init(ones))

    def observe(self, state: WarmupState, score: Array, t: int) -> WarmupState:
        since = t - self._skipped
        return state if since < 0 else WarmupState(self.after[0].observe(state.after, score, since))

    def factor(self, t: int, steps: int, state: WarmupState) -> Hyper:
        skipped = self._skipped
        behind = self.after[0].factor(max(t - skipped, 1), max(steps - skipped, 1), state.after)
        if t > self.updates:
            return behind
        return (self.start + (1 - self.start) * ((t - 1) / self.updates)) * behind

    @property
    def _skipped(self) -> int:
        return self.updates if self.count == "after" else 0


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Warmup]
