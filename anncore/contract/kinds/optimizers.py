"""Optimizers: update rules, alone and around each other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import references
from anncore.contract.kinds.activations import WeightSpec
from anncore.contract.kinds.base import Array, Component, overrides

Evaluate = Callable[[Array], tuple[Array, Array]]
"""From weights (T, 1, P) to the loss (T, 1, 1) and its gradient (T, 1, P), on the step's batch and with its
random numbers."""


class Evaluation(Protocol):
    """What a `CurvatureOptimizer` asks during a step, about any weights (T, 1, P) of its trials.

    All answers are about the step's batch, with its random numbers. Those beyond loss and gradient are for
    the curvature by Gauss and Newton, Jᵀ H J: J has the derivatives of what the network predicts, H is the
    Hessian of the loss with respect to predictions.
    """

    def __call__(self, weight: Array, /) -> tuple[Array, Array]:
        """Return the loss (T, 1, 1) and its gradient (T, 1, P), as an `Evaluate` does."""
        ...

    def residuals(self, weight: Array) -> tuple[Array, Array]:
        """Return residuals r (T, 1, M) and their derivatives J = ∂r/∂weight (T, M, P).

        The loss is Σ r² and a constant, so its gradient is 2 r J, and 2 JᵀJ its curvature. M is the number of
        outputs of all examples, and J takes as many passes backward.
        """
        ...

    def sampled_gradient(self, weight: Array) -> Array:
        """Return √n times the gradient (T, 1, P) for targets drawn from what the network predicts.

        n is the number of observations of which the loss is the mean. So the expected value of the square of
        each number is the diagonal of the curvature. A step always draws by the same random numbers.
        """
        ...


class AnyOptimizer(Component):
    """What optimizers of every form have. The core counts t from 1, keeps the state and adds the change."""

    asks: ClassVar[bool] = False
    """Whether `step` asks for further gradients: see `AskingOptimizer`."""

    full_batch: ClassVar[bool] = False
    """Whether it needs [train] batch_size = "full"."""

    @property
    def scope(self) -> str:
        """What the update of a number may depend on, and so the shape of `weight`. May be a class attribute.

        "number": only on the history of that number; `weight` has any shape, often (T, 1, P) for all weights.
        "array": on its whole array; `weight` is (T, fan_in, fan_out) or (T, 1, fan_out).
        "arrays": on all the arrays that it gets; `weight` is (T, 1, P), and `fitted_to` tells their shapes.
        "trial": on all weights of its trial; `weight` is (T, 1, P), in the order of the network's specs.
        """
        return "number"

    def fitted_to(self, specs: Sequence[WeightSpec]) -> AnyOptimizer:
        """Return the optimizer for arrays of these specs, which lie side by side in `weight`.

        By default it is this one. An optimizer of scope "arrays" keeps their shapes.
        """
        return self

    def seeded(self, seeds: Array) -> AnyOptimizer:
        """Return the optimizer with a seed for each trial, (T, 1, 1) of uint64. By default it is this one.

        The core calls it before `fitted_to`, for optimizers with random numbers of their own: what they draw
        in step t must depend on the seeds and on t alone (`counted_normal`, `counted_signs`), so that a trial
        is the same alone, in a stack and after an interruption. All arms of one seed get the same numbers.
        """
        return self

    @abstractmethod
    def init(self, weight: Array) -> Any:
        """Return the state before the first step: a NamedTuple of arrays with leading axis T.

        It may hold `weight` itself, and that of a step `grad` or `self.lr`: the core keeps copies of these.
        """

    def evaluated(self, weight: Array, state: Any) -> Array:
        """Return the weights to evaluate at, shaped as `weight`. By default the trained ones."""
        return weight

    def route(self, spec: WeightSpec) -> str:
        """Return which optimizer updates an array: "" for this one, or the field that holds another."""
        return ""


class Optimizer(AnyOptimizer):
    """An update rule."""

    @abstractmethod
    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        """Return the change to add to `weight` and the next state; arguments stay as they are."""


class AskingOptimizer(AnyOptimizer):
    """An optimizer that asks for the loss and its gradient at other weights in the middle of a step."""

    asks: ClassVar[bool] = True
    scope: ClassVar[str] = "trial"

    @abstractmethod
    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        """Return the change to add to `weight` (T, 1, P) and the next state; `evaluate` may be called."""


class CurvatureOptimizer(AnyOptimizer):
    """An optimizer that asks for the curvature of its loss by Gauss and Newton: see `Evaluation`.

    It trains networks with a gradient, on losses that can answer (`Loss.residuals`, `Loss.likelihood`), or
    objectives that are sums of squares (`Objective.residuals`); a plan with others is refused. Wrappers may
    stand around it that leave loss and gradient as they are.
    """

    asks: ClassVar[bool] = True
    scope: ClassVar[str] = "trial"

    @property
    @abstractmethod
    def needs(self) -> str:
        """What `step` asks beyond loss and gradient: "residuals", "sampled_gradient", or "" for nothing.

        May be a class attribute, or depend on hyperparameters.
        """

    @abstractmethod
    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluation) -> tuple[Array, Any]:
        """Return the change to add to `weight` (T, 1, P) and the next state; `evaluate` may be asked."""


class _Wrapping:
    """The methods that an optimizer around another one delegates to it."""

    @property
    def wrapped(self) -> Optimizer:
        """The optimizer inside; call its methods with arrays of the shape that this one gets."""
        cls: Any = type(self)
        fields = (key for key, reference in references(cls).items() if reference.kind == "optimizer")
        return getattr(self, next(fields))[0]

    def init(self, weight: Array) -> Any:
        """Return the inner optimizer's state.

        A wrapper with more state returns a NamedTuple with the inner optimizer's state in a field `inner`.
        """
        return self.wrapped.init(weight)

    def inner_state(self, weight: Array, state: Any) -> Any:
        """Return the inner optimizer's state: the whole state, or its field `inner`; see `init`."""
        if type(self).init is _Wrapping.init or _form(state) == _form(self.wrapped.init(weight)):
            return state
        try:
            return state.inner
        except AttributeError:
            raise ComponentError(
                f"{type(self).__name__}.init must return a NamedTuple with the state of the optimizer inside "
                "in its field inner; or write inner_state, which returns that state."
            ) from None

    def evaluated(self, weight: Array, state: Any) -> Array:
        """Return the weights at which the inner optimizer is evaluated."""
        return self.wrapped.evaluated(weight, self.inner_state(weight, state))

    def evaluate_inside(self, evaluate: Evaluate, state: Any, t: int) -> Evaluate:
        """Return the function that an asking optimizer inside gets in step t, by default `evaluate` itself.

        state: as in `step`. The optimizer inside must see one problem: at the step's own weights the function
        returns the gradient that `step` hands on. A nest in which it does not is refused.
        """
        return evaluate


def _form(state: Any) -> Any:
    """Return how a state is built, without its numbers: two states of one optimizer are built alike."""
    if isinstance(state, Mapping):
        return [(key, _form(state[key])) for key in state]
    return (type(state), [_form(item) for item in state] if isinstance(state, tuple) else [])


class OptimizerWrapper(_Wrapping, Optimizer):
    """An optimizer around another one, to which a field refers: `optimizer: Any = ref("optimizer", ...)`.

    By default it is the inner optimizer: with its state and its steps, and evaluated at its weights. One that
    changes the gradient writes `gradient`, one that adds to the loss `loss` too; then all gradients are
    changed alike, that of a step and those that an inner optimizer asks for (`sam`, `lbfgs`). One that
    changes what the inner optimizer returns writes `step`.
    """

    def gradient(self, weight: Array, grad: Array, state: Any, t: int) -> Array:
        """Return the gradient that the inner optimizer gets for `grad` at `weight`, by default `grad`.

        Called for every gradient of step t, with the state before it; it must return the same each time.
        """
        return grad

    def loss(self, weight: Array, loss: Array, state: Any, t: int) -> Array:
        """Return the loss (T, 1, 1) that goes with `gradient`, for all weights of the trials (T, 1, P).

        Only inner optimizers that ask see it; what is recorded is the loss without it. By default `loss`.
        """
        return loss

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        """Return the inner optimizer's change for the changed gradient, and the next state."""
        inner = self.inner_state(weight, state)
        change, after = self.wrapped.step(weight, self.gradient(weight, grad, state, t), inner, t)
        return change, after if inner is state else state._replace(inner=after)

    def evaluate_inside(self, evaluate: Evaluate, state: Any, t: int) -> Evaluate:
        """Return the function that an asking optimizer inside gets: `evaluate`, by `loss` and `gradient`."""
        if not changes_the_problem(type(self)):
            return evaluate

        def inside(weight: Array) -> tuple[Array, Array]:
            loss, grad = evaluate(weight)
            return self.loss(weight, loss, state, t), self.gradient(weight, grad, state, t)

        return inside


class AskingWrapper(_Wrapping, AskingOptimizer):
    """An `OptimizerWrapper` that asks for more gradients, as an `AskingOptimizer` does.

    One that hands on another gradient than it got writes `evaluate_inside`, for inner optimizers that ask.
    """


def changes_the_problem(cls: Any) -> bool:
    """Tell whether a wrapper shows another loss or gradient than its own to what is inside it."""
    changing = (_Wrapping.evaluate_inside, OptimizerWrapper.evaluate_inside)
    ways = (OptimizerWrapper.gradient, OptimizerWrapper.loss)
    by_methods = issubclass(cls, OptimizerWrapper) and any(overrides(cls, way) for way in ways)
    return by_methods or cls.evaluate_inside not in changing
