"""Metric: modes_covered."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from anncore import NetworkMetric, Task, hookimpl


@dataclass(frozen=True)
class ModesCovered(NetworkMetric):
    """Number of clusters of the data in which a generator makes something.

        Σ_c [some generated example has a distance of at most 3 σ_c from the middle of cluster c]

    Clusters are found by single linkage, cut at the largest jump of its distances, so they must lie apart;
    σ_c is the standard deviation of an example of the cluster along one axis. A generator that collapses
    makes few of them. Where clusters touch, take `coverage`, which asks the same around every example.

    Srivastava, Valkov, Russell, Gutmann & Sutton, "VEEGAN: Reducing Mode Collapse in GANs using Implicit
    Variational Learning", NIPS 2017, counts so, with the true middles and deviations in place of those of the
    clusters. https://arxiv.org/abs/1705.07761
    """

    name: ClassVar[str] = "modes_covered"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "[0, inf)"
    curve: ClassVar[bool] = True


@hookimpl
def annx_metrics() -> list[type[NetworkMetric]]:
    return [ModesCovered]
