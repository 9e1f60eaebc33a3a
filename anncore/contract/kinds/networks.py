"""Networks: maps with weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from anncore.contract.kinds.activations import Weights, WeightSpec
from anncore.contract.kinds.base import TASKS, Array, Component, Task, overrides


class Layer(NamedTuple):
    """The values of a layer in a forward pass, for initializers and metrics: see `Network.layers`."""

    weight: str  # the name of its weight
    z: Array  # pre-activations (T, N, D)
    a: Array | None = None  # activations, None at the output
    slope: Callable[[], Array] | None = None
    """Returns f'(z), shaped as a, if the network offers it: `slope(z, a)` of its activation. NaN if f is not
    a function of each z alone (a gate, a softmax)."""


class Mode(Protocol):
    """The mode in which a network runs, and its source of random numbers."""

    training: bool
    first: bool  # False if the step uses its batch again: running statistics must not change

    def uniform(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return numbers in [0, 1), (T, *shape): new at each step, equal within it. Training only."""
        ...


class LearnMode(Protocol):
    """The step that a learning rule makes, and its source of random numbers: see `RuleNetwork`."""

    step: int  # 1 for the first one
    steps: int  # of the whole training, if it does not stop early
    turn: int | None  # whose directions are asked for, from 0: see `RuleNetwork.turns`; None for all at once

    def uniform(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return numbers in [0, 1), (T, *shape): new at each step, equal for the same name within it."""
        ...

    def normal(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return numbers from N(0, 1), (T, *shape): new at each step, equal for the same name within it."""
        ...


class AnyNetwork(Component):
    """What networks of every form have.

    A network maps inputs (T, N, D) to pre-activations of the output layer (T, N, K), with weights.

    The output activation and the loss belong to the core, since they may have a joint form. A field
    declared by `ref("activation", ...)` holds, when the methods below are called, a tuple of activations:
    one, or one per hidden layer; with `places`, one per place.

    A class gives `specs` and `forward`; the core derives the gradient. It gives `backward` too for speed or
    numerics. In an unsupervised task the inputs are the targets, so what `forward` returns is scored as a
    reconstruction of its input.
    """

    tasks: ClassVar[tuple[Task, ...]] = TASKS
    """The tasks that it fits. A network that gives back its input, and has no use for a target, names
    "unsupervised" alone."""

    accepts: ClassVar[str] = "(-inf, inf)"
    """The interval in which its inputs must lie, as they are in training."""

    only: ClassVar[tuple[float, ...]] = ()
    """The only numbers that inputs and targets may be, as they are in training, such as (-1.0, 1.0)."""

    measured: ClassVar[tuple[str, ...]] = ()
    """The metrics whose values `measures` returns, by name: see `NetworkMetric`."""

    @property
    def modes(self) -> bool:
        """Whether training differs from evaluation: see `ModalNetwork`."""
        return False

    @abstractmethod
    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        """Return the weights for `inputs` features and `outputs` units, in forward order."""

    def backward(self, weights: Weights, tape: Any, grad: Array, grads: Weights) -> None:
        """Write ∂L/∂weight into the arrays of `grads` from grad = ∂L/∂(pre-activation of the output).

        A class without this method gets it from the core, derived from `forward`.
        """
        raise NotImplementedError("the core derives this gradient from forward")

    def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]:
        """Return, by field, the number of units of each place of an activation. By default it names none.

        A network that names its places can hold activations that learn, draw or gate. In `specs` and
        `forward` the field then holds one activation per place, with `width(units)`.
        """
        return {}

    def draw(self, rng: np.random.Generator, spec: WeightSpec) -> Array:
        """Return the first value of a "state" for one trial, of spec.shape. By default all are `initial`.

        `rng` is a stream of its own. The core calls the method on a network of that trial alone, in which
        hyperparameters are plain numbers.
        """
        return np.full(spec.shape, spec.initial, dtype=float)

    def layers(self, tape: Any) -> Sequence[Layer]:
        """Return the values inside, for initializers and metrics that need them.

        Without `backward`, by default: for every "weight" in a matrix product, the product with what is added
        to it, and the activation that it enters. With `backward`, by default none.
        """
        return ()

    def measures(self, weights: Weights, x: Array) -> Mapping[str, Array]:
        """Return the values of the metrics that `measured` names, each (T,), for the examples of a split."""
        return {}

    def unmeasured(self, inputs: int, outputs: int) -> Mapping[str, str]:
        """Return the metrics of `measured` that are NaN for a network of this size, each with the reason.

        An experiment that selects by one of them is refused, in a line that says the reason.
        """
        return {}

    def snapshot(self, weights: Weights, x: Array, y: Array) -> Mapping[str, Array]:
        """Return arrays (T, ...) by name that figures draw, for some test examples x and their targets y.

        The core keeps them for the trials of the report, together with these examples, up to
        `anncore.Snapshot.MOST` numbers for a trial.
        """
        return {}

    def after_step(self, weights: Weights, mode: LearnMode) -> None:
        """Change weights and state in place after an update: prune, regrow, keep within bounds.

        By default nothing changes.
        """


class Network(AnyNetwork):
    """A network that computes the same in training and in evaluation."""

    @abstractmethod
    def forward(self, weights: Weights, x: Array) -> Any:
        """Return the output's pre-activation z (T, N, K).

        A class with `backward` or `layers` returns (z, tape): the tape holds the values that these need.
        """

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights) -> None:
        """Write the direction to descend into `grads`, by a learning rule that is not a gradient.

        If a network has this method, training calls it in place of `backward`. A rule that needs random
        numbers, or the number of the step, is that of a `RuleNetwork`.
        """


class RuleNetwork(AnyNetwork):
    """A network with a rule of its own in place of a gradient, which may be random or depend on the step."""

    @abstractmethod
    def forward(self, weights: Weights, x: Array) -> Any:
        """Return the output's pre-activation z (T, N, K), for evaluation: see `Network.forward`."""

    @abstractmethod
    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights, mode: LearnMode) -> None:
        """Write the direction to descend into `grads`. The optimizer applies it: sgd with lr 1 subtracts it.

        It may write into arrays of role "state": `weights["chain"][...] = value`.
        """

    def turns(self) -> Sequence[Sequence[str]]:
        """Return the names of the weights that each turn of a step updates; by default () for all at once.

        In a turn the core calls `learn` at the weights that the turns before have left, with `mode.turn`, and
        updates the weights of this turn alone. They have an optimizer of their own, with its own state. A
        metric that watches asks for the directions of all weights in one call, in which `mode.turn` is None.
        """
        return ()


class ModalNetwork(AnyNetwork):
    """A network that computes differently in training and in evaluation (dropout, batch statistics).

    If that depends on hyperparameters, replace the property `modes`, and give `mode` the default None.
    """

    @property
    def modes(self) -> bool:
        """Whether training differs from evaluation."""
        return True

    @abstractmethod
    def forward(self, weights: Weights, x: Array, mode: Mode) -> Any:
        """Return z, or (z, tape), in training or in evaluation: see `Network.forward`.

        In training, if `mode.first`, it writes running statistics: `weights["mean"][...] = value`.
        """

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights) -> None:
        """Write the direction to descend, in place of a gradient: see `Network.learn`."""


def learns_by_rule(cls: Any) -> bool:
    """Tell whether a network class has a learning rule in place of a gradient."""
    forms: tuple[Any, ...] = (Network, ModalNetwork)
    return issubclass(cls, RuleNetwork) or any(
        issubclass(cls, form) and overrides(cls, form.learn) for form in forms
    )
