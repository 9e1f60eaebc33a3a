"""Schedule: constant."""

from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Hyper, Schedule, hookimpl


@dataclass(frozen=True)
class Constant(Schedule):
    """The optimizer's own learning rate throughout.

        factor(t) = 1

    Choose it to compare optimizers without a second thing to tune, or for those that set their own rate. With
    noise, the end of training gains from one that falls, as `cosine` or `linear`.

    Domain: t = 1 ... steps.

    Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 8.3.1, which calls for a decreasing
    rate. https://www.deeplearningbook.org. PyTorch's ConstantLR is different: a third of the rate for five
    steps.
    """

    name: ClassVar[str] = "constant"
    default: ClassVar[bool] = True
    constant: ClassVar[bool] = True

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        return 1.0


@hookimpl
def annx_schedules() -> list[type[Schedule]]:
    return [Constant]
