"""Metric: idle_prototypes."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from anncore import NetworkMetric, Task, hookimpl


@dataclass(frozen=True)
class IdlePrototypes(NetworkMetric):
    """Share of prototypes that are the nearest one of no example of the split.

        prototype k is idle  ⇔  there is no n with k = argmin_j ‖x_n - w_j‖

    With more prototypes than examples some are always idle. Networks with prototypes measure it.

    Ahalt, Krishnamurthy, Chen & Melton, "Competitive learning algorithms for vector quantization", Neural
    Networks 3 (1990), 277-290, call them underutilised. https://doi.org/10.1016/0893-6080(90)90071-R
    """

    name: ClassVar[str] = "idle_prototypes"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "[0, 1]"


@hookimpl
def annx_metrics() -> list[type[NetworkMetric]]:
    return [IdlePrototypes]
