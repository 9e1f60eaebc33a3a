"""What each kind of component offers: the contract between the core and every plugin, as base classes.

A component derives from the base class of its kind. It must write the methods that the base class marks as
abstract. Every other attribute and method has a default, which it may replace. `help(anncore.Network)` shows
them all.

The axis convention, once. T trials, N examples, D units:

    activations, outputs, targets   (T, N, D)
    a dense weight                  (T, fan_in, fan_out)
    a bias                          (T, 1, fan_out)
    a hyperparameter                a float, or an array (T, 1, 1) in the data's dtype
    a loss, a metric                (T,)

Every array has three axes, so everything broadcasts. No component reduces over axis 0, and none changes an
array that it gets: a trial must give the same numbers alone and in any stack.

A component is a frozen dataclass. Its fields are its hyperparameters, each declared by `anncore.hyper`; its
docstring is its documentation. A field declared by `anncore.ref(kind, ...)` holds, when the core calls a
method, a tuple of components of that kind.

Some kinds have several forms. Their methods take more arguments than the plain ones: a `LearnedActivation`
gets its own weights, an `AskingOptimizer` a function that gives further gradients. Each form has its own base
class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import references

Array = npt.NDArray[Any]
"""A NumPy array."""

Hyper = Any
"""A hyperparameter: a float, or an array (T, 1, 1) with one value per trial."""

Task = Literal["binary", "multiclass", "regression"]
"""binary: target (N, 1) in {0, 1}. multiclass: one-hot (N, C). regression: real (N, K)."""

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


class Component(ABC):
    """What every component of every kind has."""

    name: ClassVar[str]
    """The name in experiment files: snake_case, as PyTorch and Keras users know it."""

    default: ClassVar[bool] = False
    """Whether annx's own component of this name is used if an experiment names none of the kind."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Values of hyperparameters by the name of a convention ("torch", "keras"), which `preset` selects."""

    def validate(self) -> None:
        """Raise ValueError for hyperparameters that do not fit together. By default all do."""
        return None

    def fingerprint(self) -> str:
        """Return a digest of outside content (a file) that the results depend on, for the run key.

        By default "": the results depend on the hyperparameters alone.
        """
        return ""


# Activations


class WeightSpec(NamedTuple):
    """One array of a network's weights, per trial (the trial axis is left out).

    role: "weight" is drawn by the initializer; "bias" and "gain" start at `initial`; "state" is not trained:
    it starts at `initial` and the network writes it (running statistics, masks).
    initial: a number, or (T, 1, 1) where it is a hyperparameter.
    place: where in the network it stands; optimizers may treat "hidden" matrices differently.
    """

    name: str
    shape: tuple[int, int]  # (fan_in, fan_out), or (1, fan_out) for a bias
    fan_in: int
    fan_out: int
    role: Literal["weight", "bias", "gain", "state"] = "weight"
    initial: Hyper = 0.0
    place: Literal["input", "hidden", "output", ""] = ""


Weights = Mapping[str, Array]
"""The weights and the state of a network by name, each (T, *shape)."""


class AnyActivation(Component):
    """What activations of every form have."""

    range: ClassVar[str] = "(-inf, inf)"
    """The interval in which its values lie."""

    kinks: ClassVar[tuple[float, ...]] = ()
    """The points where f' jumps; gradient checks avoid them."""

    learns: ClassVar[bool] = False
    """Whether it has weights of its own: see `LearnedActivation`."""

    random: ClassVar[bool] = False
    """Whether it draws random numbers in training: see `RandomActivation`."""

    def width(self, units: int) -> int:
        """Return the number of pre-activations for this number of units; a gate needs several for each."""
        return units


class Activation(AnyActivation):
    """A function of a layer's pre-activation, elementwise or over the last axis."""

    @abstractmethod
    def forward(self, z: Array) -> Array:
        """Return f(z), shaped as z (T, N, D)."""

    @abstractmethod
    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return ∂L/∂z from grad = ∂L/∂a, with a = forward(z); all (T, N, D)."""


class LearnedActivation(AnyActivation):
    """An activation with its own weights; every place in a network has its own set of them.

    `weights` and `grads` hold arrays by the names that `specs` gives.
    """

    learns: ClassVar[bool] = True

    @abstractmethod
    def specs(self, units: int) -> Sequence[WeightSpec]:
        """Return the specs of its weights at a place with this number of units."""

    @abstractmethod
    def forward(self, z: Array, weights: Weights) -> Array:
        """Return f(z), (T, N, D)."""

    @abstractmethod
    def backward(self, grad: Array, z: Array, a: Array, weights: Weights, grads: Weights) -> Array:
        """Return ∂L/∂z, (T, N, D), and write ∂L/∂weight into the arrays of `grads`."""


class RandomActivation(AnyActivation):
    """An activation that draws random numbers in training, new ones for every step.

    `noise` holds the numbers from `draw` for all trials, (T, N, D); in evaluation it is None. Trials of one
    seed share these numbers, so they must not depend on a hyperparameter: for U(low, high), `draw` draws from
    U(0, 1) and `forward` scales.
    """

    random: ClassVar[bool] = True

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return the numbers of one trial, of `shape` (N, D)."""

    @abstractmethod
    def forward(self, z: Array, noise: Array | None) -> Array:
        """Return f(z), (T, N, D)."""

    @abstractmethod
    def backward(self, grad: Array, z: Array, a: Array, noise: Array | None) -> Array:
        """Return ∂L/∂z, (T, N, D)."""


# Losses


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

    @abstractmethod
    def grad(self, output: Array, target: Array) -> Array:
        """Return ∂value/∂output, shaped as output."""

    def predict(self, output: Array) -> Array:
        """Return predictions (T, N, D) for metrics. By default these are the outputs.

        A loss on margins, or on a mean and a variance, replaces this method.
        """
        return output


class JointLoss(Loss):
    """A loss with a stable joint form for the output activations that `joint` names.

    With one of these, `link`, the core calls the two methods below with the pre-activation z (T, N, D). Their
    result must equal that of the activation followed by the loss, if that is finite.
    """

    @abstractmethod
    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        """Return the mean loss of each trial, (T,)."""

    @abstractmethod
    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        """Return ∂value/∂z, (T, N, D)."""


# Optimizers

Evaluate = Callable[[Array], tuple[Array, Array]]
"""From weights (T, 1, P) to the loss (T, 1, 1) and its gradient (T, 1, P), on the step's batch and with its
random numbers."""


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
        "trial": on all weights of its trial; `weight` is (T, 1, P), in the order of the network's specs.
        """
        return "number"

    @abstractmethod
    def init(self, weight: Array) -> Any:
        """Return the state before the first step: a NamedTuple of arrays with leading axis T."""

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


def _form(state: Any) -> Any:
    """Return how a state is built, without its numbers: two states of one optimizer are built alike."""
    if isinstance(state, Mapping):
        return [(key, _form(state[key])) for key in state]
    return (type(state), [_form(item) for item in state] if isinstance(state, tuple) else [])


class OptimizerWrapper(_Wrapping, Optimizer):
    """An optimizer around another one, to which a field refers: `optimizer: Any = ref("optimizer", ...)`.

    By default it has the state of the inner optimizer and is evaluated at that optimizer's weights.
    """


class AskingWrapper(_Wrapping, AskingOptimizer):
    """An `OptimizerWrapper` that asks for more gradients, as an `AskingOptimizer` does."""


# Schedules


class Schedule(Component):
    """A factor on the optimizer's learning rate over the course of training."""

    constant: ClassVar[bool] = False
    """True if the factor is always 1; the core then does not call it."""

    def init(self, ones: Array) -> Any:
        """Return the state before the first step; `ones` is (T, 1, 1). By default it is empty."""
        return ()

    def observe(self, state: Any, score: Array, t: int) -> Any:
        """Return the state after an evaluation at step t with validation losses (T, 1, 1).

        By default the state stays the same.
        """
        return state

    @abstractmethod
    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        """Return the factor for update t = 1 ... steps: a float or (T, 1, 1)."""


# Initializers


class Initializer(Component):
    """Initial weights of one trial. Biases start at zero."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return float64 weights of `shape`, (fan_in, fan_out) for a dense layer."""

    def adjust(self, weight: Array, z: Array, attempt: int) -> Array | None:
        """Return new weights (T, fan_in, fan_out) for a layer, given its z (T, N, fan_out), or None.

        A data-dependent initializer replaces this method. The core calls it layer by layer from the first,
        with attempt = 0, 1, ... and the layer's present z, until it returns None. The network must show its
        `layers`.
        """
        return None


# Data sets


@dataclass(frozen=True)
class Data:
    """A data set before splitting and standardising.

    x (N, D) real; y (N,) class numbers 0 ... C-1 for classification, (N,) or (N, K) for regression.
    `clean_y`, shaped as y, holds the targets before label noise or outliers: the test split is
    scored against these, while training and validation use y. `test_index` fixes the test split
    if the data set comes with one.
    """

    x: Array
    y: Array
    task: Task
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    clean_y: Array | None = None
    test_index: Array | None = None


class Dataset(Component):
    """A source of examples: a generator or a file."""

    @abstractmethod
    def make(self, rng: np.random.Generator) -> Data:
        """Return the data; synthetic sets draw everything from `rng`, real ones ignore it."""


# Networks


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


class AnyNetwork(Component):
    """What networks of every form have.

    A network maps inputs (T, N, D) to pre-activations of the output layer (T, N, K), with weights.

    The output activation and the loss belong to the core, since they may have a joint form. A field
    declared by `ref("activation", ...)` holds, when the methods below are called, a tuple of activations:
    one, or one per hidden layer; with `places`, one per place.
    """

    @property
    def modes(self) -> bool:
        """Whether training differs from evaluation: see `ModalNetwork`."""
        return False

    @abstractmethod
    def specs(self, inputs: int, outputs: int) -> Sequence[WeightSpec]:
        """Return the weights for `inputs` features and `outputs` units, in forward order."""

    @abstractmethod
    def backward(self, weights: Weights, tape: Any, grad: Array, grads: Weights) -> None:
        """Write ∂L/∂weight into the arrays of `grads` from grad = ∂L/∂(pre-activation of the output)."""

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
        """Return the values inside, for initializers and metrics that need them. By default none."""
        return ()

    def learn(self, weights: Weights, x: Array, y: Array, grads: Weights) -> None:
        """Write the direction to descend into `grads`, by a learning rule that is not a gradient.

        If a network has this method, training calls it in place of `backward`.
        """


class Network(AnyNetwork):
    """A network that computes the same in training and in evaluation."""

    @abstractmethod
    def forward(self, weights: Weights, x: Array) -> tuple[Array, Any]:
        """Return the output's pre-activation (T, N, K) and the values that backward needs (the tape)."""


class ModalNetwork(AnyNetwork):
    """A network that computes differently in training and in evaluation (dropout, batch statistics).

    If that depends on hyperparameters, replace the property `modes`, and give `mode` the default None.
    """

    @property
    def modes(self) -> bool:
        """Whether training differs from evaluation."""
        return True

    @abstractmethod
    def forward(self, weights: Weights, x: Array, mode: Mode) -> tuple[Array, Any]:
        """Return the output's pre-activation (T, N, K) and the tape, in training or in evaluation."""


# Objectives


class AnyObjective(Component):
    """What objectives of every form have: functions to be minimised, in place of data set and network.

    Each trial trains one array "x" of shape (1, D).
    """

    noisy: ClassVar[bool] = False
    """Whether its gradient is noisy: see `NoisyObjective`."""

    floor: ClassVar[float] = 2.0**-52
    """The value at or below which values are rounding, in float64; in float32 it is 2²⁹ times as large.

    It is 2⁻⁵² times the size of the terms that cancel at the minimum; the default is that of terms of size 1.
    Values at or below it count as equal, and the steps to reach it decide.
    """

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """The number D of its arguments. May be a class attribute or a hyperparameter."""

    @property
    def minimum(self) -> Array | None:
        """The minimiser of f, (D,), or (K, D) for K equally low places; None if it is not known."""
        return None

    @abstractmethod
    def start(self, rng: np.random.Generator) -> Array:
        """Return the start of one trial, (D,)."""

    @abstractmethod
    def value(self, x: Array) -> Array:
        """Return f(x), (T,), of x (T, 1, D), without noise."""


class Objective(AnyObjective):
    """A function of D numbers to be minimised."""

    @abstractmethod
    def grad(self, x: Array) -> Array:
        """Return ∂f/∂x, (T, 1, D)."""


class NoisyObjective(AnyObjective):
    """An objective with a noisy gradient; the noise is drawn anew for every step."""

    noisy: ClassVar[bool] = True

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Array:
        """Return one trial's noise of one step, (D,)."""

    @abstractmethod
    def grad(self, x: Array, noise: Array) -> Array:
        """Return ∂f/∂x, (T, 1, D), with noise (T, 1, D); a noise of 0 means none."""


# Metrics


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

    curve: ClassVar[bool] = False
    """Whether it is also recorded at every evaluation."""

    watches: ClassVar[bool] = False
    """Whether it needs the values inside the network: see `WatchingMetric`."""


class Metric(AnyMetric):
    """A score of predictions, computed outside training."""

    @abstractmethod
    def score(self, output: Array, target: Array) -> Array:
        """Return (T,) from predictions and targets (T, N, D); NaN if the score is undefined.

        Classification: probabilities and 0/1 targets. Regression: both in the target's own units.
        """


class WatchingMetric(AnyMetric):
    """A metric of the values inside a network, at every evaluation, if [train] watch names it.

    It gets the sample of the training split that curves use.
    """

    watches: ClassVar[bool] = True

    @abstractmethod
    def score(self, layers: Sequence[Layer], weights: Weights, grads: Weights) -> Mapping[str, Array]:
        """Return (T,) by a suffix, "" or for instance "1" for the first layer."""


# Executors


class Lost(NamedTuple):
    """The outcome of a task whose result did not come back."""

    status: Literal["crashed", "timeout"]
    reason: str


class Executor(Component):
    """A way to run tasks: here, in worker processes, on a cluster."""

    @abstractmethod
    def run(
        self,
        work: Callable[[Any], Any],
        tasks: Iterable[Any],
        *,
        jobs: int,
        stop: Callable[[], bool],
    ) -> Iterator[tuple[Any, Any]]:
        """Yield (task, work(task)) or (task, Lost(...)) for each task, in any order.

        `work` is a picklable callable that sets itself up at its first call in a process. If it has a
        method `prepare()`, call that first, and a method `warm_up(task)` before a task: both prepare,
        outside of the time of any task. A task may have an attribute `timeout` in seconds, for the task
        itself. No new task starts once `stop()` is true; running tasks are finished and yielded. An
        exception from `work` is raised here.
        """


# Figures


@dataclass(frozen=True)
class FigureInput:
    """The data that a figure may draw; see `anncore.report` for the columns of the frames."""

    trials: Any  # DataFrame, one row per trial
    curves: Any  # DataFrame, long: key, step, metric, value
    report: Mapping[str, Any]  # report.json's content so far
    theme: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    components: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By varied kind and label, the components under comparison, with the values of most of their trials."""
    maps: Mapping[str, Any] = field(default_factory=dict)
    """By the key of a trial its `DecisionMap` of two features; a trial may have none."""
    objectives: Mapping[str, Any] = field(default_factory=dict)
    """By problem its objective, with the values of its hyperparameters; empty for data sets.

    The paths of trials on objectives of two arguments are the curves "x.1" and "x.2"."""


class Figure(Component):
    """A question, and the drawing that answers it."""

    question: ClassVar[str]
    """The reader's question, with a question mark."""

    order: ClassVar[int]
    """Its place in the report."""

    section: ClassVar[str] = "diagnostics"
    """Its section of the report."""

    @abstractmethod
    def draw(self, data: FigureInput) -> Any:
        """Return an `anncore.report.Drawing`, or None if the data cannot answer the question."""


BASES: Mapping[str, type[Component]] = {
    "activation": AnyActivation,
    "loss": Loss,
    "optimizer": AnyOptimizer,
    "schedule": Schedule,
    "initializer": Initializer,
    "dataset": Dataset,
    "network": AnyNetwork,
    "objective": AnyObjective,
    "metric": AnyMetric,
    "figure": Figure,
    "executor": Executor,
}
"""The base class of each kind: what all its forms derive from."""


def overrides(cls: type[Any], method: Callable[..., Any]) -> bool:
    """Tell whether a class replaces a base class's default method.

    The core uses it only to save time, by leaving out calls that would change nothing.
    """
    return getattr(cls, method.__name__) is not method
