"""Metrics: scores of predictions, and what is seen inside a network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

from anncore.contract.kinds.activations import Weights
from anncore.contract.kinds.base import Array, Component, Task
from anncore.contract.kinds.networks import Layer


class AnyMetric(Component):
    """What metrics of every form have."""

    goal: ClassVar[Literal["min", "max"]]
    """Whether lower or higher scores are better."""

    tasks: ClassVar[tuple[Task, ...]]
    """The tasks that it fits."""

    primary_for: ClassVar[tuple[Task, ...]] = ()
    """The tasks for which it is the headline metric."""

    bounds: ClassVar[str] = "(-inf, inf)"
    """The interval in which its values lie."""

    worth: ClassVar[float | None] = None
    """The smallest difference worth having: what is surely smaller counts as equivalent.

    In the metric's own unit; for one that is compared by ratios, as losses are, a relative change. None: half
    a point (0.005) for shares, 1 % for what is compared by ratios, nothing for others. `[report] rope` takes
    its place.
    """

    curve: ClassVar[bool] = False
    """Whether it is also recorded at every evaluation."""

    watches: ClassVar[bool] = False
    """Whether it needs the values inside the network: see `WatchingMetric`."""

    probes: ClassVar[bool] = False
    """Whether it looks further than at the layers: see `ProbingMetric`."""

    from_network: ClassVar[bool] = False
    """Whether networks return its values themselves: see `NetworkMetric`."""


class Metric(AnyMetric):
    """A score of predictions, computed outside training."""

    @abstractmethod
    def score(self, output: Array, target: Array) -> Array:
        """Return (T,) from predictions and targets (T, N, D); NaN if the score is undefined.

        Classification: probabilities and 0/1 targets. Regression: both in the target's own units.
        Unsupervised: the input as the network gives it back, and the input, in its own units.
        """


class NetworkMetric(AnyMetric):
    """A score that needs a network's weights and its structure, so that the network computes it itself.

    A network that names the metric in `measured` returns its values from `measures`; others have no such
    score. It is recorded, selected by and compared like the score of a `Metric`.
    """

    from_network: ClassVar[bool] = True


class WatchingMetric(AnyMetric):
    """A metric of the values inside a network, at every evaluation, if [train] watch names it.

    It gets the sample of the training split that curves use.
    """

    watches: ClassVar[bool] = True

    @abstractmethod
    def score(self, layers: Sequence[Layer], weights: Weights, grads: Weights) -> Mapping[str, Array]:
        """Return (T,) by a suffix, "" or for instance "1" for the first layer."""


class Moment(NamedTuple):
    """A network at an evaluation, for a metric that needs more than its layers."""

    layers: Sequence[Layer]
    weights: Weights  # those that are evaluated, (T, fan_in, fan_out) by name, and the network's state
    grads: Weights  # the gradient of the loss on the sample, of everything that is trained
    changes: Weights | None = None
    """What the last update added to everything that is trained; None before the first."""
    gradient: Callable[[Weights], Weights] | None = None
    """Returns the gradient of the same loss at other weights, shaped as `grads`; None if a network learns by
    a rule in place of a gradient. It may overwrite the values of `layers`."""


class ProbingMetric(AnyMetric):
    """A metric of the last update, or of the loss around the weights, at every evaluation, if [train] watch
    names it.
    """

    watches: ClassVar[bool] = True
    probes: ClassVar[bool] = True

    @abstractmethod
    def score(self, moment: Moment) -> Mapping[str, Array]:
        """Return (T,) by a suffix, "" or for instance "1" for the first layer."""
