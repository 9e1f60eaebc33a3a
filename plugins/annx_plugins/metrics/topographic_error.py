"""Metric: topographic_error."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from anncore import NetworkMetric, Task, hookimpl


@dataclass(frozen=True)
class TopographicError(NetworkMetric):
    """Share of examples whose two nearest prototypes are no neighbours on the map.

        (1/N) #{n : the first and the second nearest prototype of x_n are not adjacent}

    Adjacent are units side by side or corner to corner. 0 means that the map has no fold where examples are.
    A self-organising map measures it.

    Kiviluoto, "Topology preservation in self-organizing maps", ICNN 1996, 294-299.
    https://doi.org/10.1109/ICNN.1996.548907. MiniSom counts the same neighbours on a rectangular grid.
    """

    name: ClassVar[str] = "topographic_error"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "[0, 1]"


@hookimpl
def annx_metrics() -> list[type[NetworkMetric]]:
    return [TopographicError]
