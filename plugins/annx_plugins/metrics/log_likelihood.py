"""Metric: log_likelihood."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from anncore import NetworkMetric, Task, hookimpl


@dataclass(frozen=True)
class LogLikelihood(NetworkMetric):
    """Mean logarithm of the probability that a model gives to an example, in nats.

        (1/N) Σ_n ln p(x_n)

    A model that gives every example the probability it has in the data reaches minus their entropy; none
    gets above that but by chance. A Boltzmann machine measures it, exactly, by enumeration; it is NaN for
    machines that are too large.

    MacKay, "Information Theory, Inference, and Learning Algorithms", Cambridge 2003, chapter 43.
    http://www.inference.org.uk/mackay/itila/
    """

    name: ClassVar[str] = "log_likelihood"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "(-inf, 0]"
    curve: ClassVar[bool] = True


@hookimpl
def annx_metrics() -> list[type[NetworkMetric]]:
    return [LogLikelihood]
