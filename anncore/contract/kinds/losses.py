"""Losses: what training descends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

from anncore.contract.derivatives import pullback
from anncore.contract.errors import ComponentError
from anncore.contract.kinds.base import Array, Component, Task

Likelihood = Literal["", "example", "output"]
"""Of what a loss is the likelihood: see `Loss.likelihood`."""


class Draws(Protocol):
    """Random numbers of a step's batch: see `Loss.draw`. The same call gives the same numbers."""

    def uniform(self, like: Array) -> Array:
        """Return numbers in [0, 1), with shape and dtype of `like` (T, N, D)."""
        ...

    def normal(self, like: Array) -> Array:
        """Return numbers from N(0, 1), with shape and dtype of `like` (T, N, D)."""
        ...


class Loss(Component):
    """A mean over N of a per-example loss between predictions and targets.

    The loss of an example is the mean over D if each output is a separate prediction (squared error, binary
    cross-entropy), and the sum over D if the outputs form one distribution (categorical cross-entropy).

    `output` is what the network predicts, after its output activation: a probability for a cross-entropy, a
    real number for a squared error.
    """

    outputs: ClassVar[Mapping[Task, str]]
    """The natural output activation, for each task that the loss can train."""

    accepts: ClassVar[str] = "(-inf, inf)"
    """The interval in which its outputs must lie."""

    targets: ClassVar[str] = "(-inf, inf)"
    """The interval in which targets must lie that are real numbers, as they are in training: those of a
    regression, and the inputs of an unsupervised task."""

    natural_for: ClassVar[tuple[Task, ...]] = ()
    """The tasks for which the loss "auto" means this one."""

    trainable: ClassVar[bool] = True
    """False for a loss without a usable gradient; it is for evaluation only."""

    kinks: ClassVar[tuple[float, ...]] = ()
    """The differences output - target at which the gradient jumps; gradient checks avoid them."""

    outputs_per_target: ClassVar[int] = 1
    """The number of output units for each target; with K of them output is (T, N, K D)."""

    joint: ClassVar[tuple[str, ...]] = ()
    """The output activations with which it has a joint form: see `JointLoss`."""

    @abstractmethod
    def value(self, output: Array, target: Array) -> Array:
        """Return the mean loss of each trial, (T,), from predictions and targets (T, N, D)."""

    def grad(self, output: Array, target: Array) -> Array:
        """Return ∂value/∂output, shaped as output. Default: derived from value."""
        return pullback(self, _value, [output, target], name="value")[0]

    def predict(self, output: Array) -> Array:
        """Return predictions (T, N, D) for metrics. By default these are the outputs.

        A loss on margins, or on a mean and a variance, replaces this method.
        """
        return output

    def residuals(self, output: Array, target: Array) -> Array:
        """Return r, shaped as output; the squares of an example's residuals add up to its loss.

        A loss that is a sum of squares has this method; `levenberg_marquardt` needs it. Each residual depends
        on the outputs of its own example. The core derives its gradient.
        """
        raise ComponentError(f"{self.name} is no sum of squares: it gives no residuals")

    @property
    def likelihood(self) -> Likelihood:
        """Of what the loss is -log p(target | output), up to a constant. May be a class attribute.

        "example": of an example, whose outputs form one distribution. "output": of each output by itself, and
        the loss of an example is their mean. "": of nothing. Other than "", it has `draw`, and its second
        derivative by the output activation's input is the same for all targets, or is so on average.
        """
        return ""

    def draw(self, output: Array, draws: Draws) -> Array:
        """Return targets (T, N, D) drawn from p(target | output), in the dtype of output.

        `sophia` needs it with the estimate of Gauss, Newton and Bartlett.
        """
        raise ComponentError(f"{self.name} is no likelihood: no targets can be drawn from it")


class JointLoss(Loss):
    """A loss with a stable joint form for the output activations that `joint` names.

    With one of these, `link`, the core calls the two methods below with the pre-activation z (T, N, D). Their
    result must equal that of the activation followed by the loss, if that is finite.
    """

    @abstractmethod
    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        """Return the mean loss of each trial, (T,)."""

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        """Return ∂value/∂z, (T, N, D). Default: derived from value_from_logits."""

        def value(component: JointLoss, z: Array, target: Array) -> Array:
            return component.value_from_logits(z, target, link)

        return pullback(self, value, [z, target], name=f"value_from_logits {link}")[0]


def _value(component: Loss, output: Array, target: Array) -> Array:
    return component.value(output, target)
