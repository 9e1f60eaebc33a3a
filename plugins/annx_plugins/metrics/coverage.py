"""Metric: coverage."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from anncore import NetworkMetric, Task, hookimpl


@dataclass(frozen=True)
class Coverage(NetworkMetric):
    """Share of examples that have a generated one nearby.

        (1/N) #{n : a generated example lies no farther from x_n than its 5th nearest neighbour in the split}

    A generator that has lost seven of eight equal modes reaches 1/8 at most; one that makes the data's own
    distribution, with as many examples, about 1 - 2^-5 = 0.97. A network that generates examples measures it.

    Naeem, Oh, Uh, Choi & Yoo, "Reliable Fidelity and Diversity Metrics for Generative Models", ICML 2020,
    section 3.2. https://arxiv.org/abs/2002.09797
    """

    name: ClassVar[str] = "coverage"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "[0, 1]"


@hookimpl
def annx_metrics() -> list[type[NetworkMetric]]:
    return [Coverage]
