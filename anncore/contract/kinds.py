"""What each kind of component must offer: the contract between the core and every plugin.

The axis convention, once. T trials, N examples, D units:

    activations, outputs, targets   (T, N, D)
    a dense weight                  (T, fan_in, fan_out)
    a bias                          (T, 1, fan_out)
    a hyperparameter                a float, or an array (T, 1, 1) in the data's dtype
    a loss, a metric                (T,)

Three axes everywhere, so everything broadcasts. No component reduces over axis 0, and none changes
an array it was handed: a trial must come out the same alone and in any stack.

A component is a frozen dataclass. Its fields are its hyperparameters, each declared by
`anncore.param`; its docstring is its documentation. Protocols list the methods the core calls;
where a class attribute has a value here, leaving it out means that value.

What a protocol lists as optional is a door: a component that needs more than the plain form opens it by
an attribute or a method, and those that do not open it neither see it nor pay for it. A field declared
by `anncore.ref(kind, ...)` holds, when the methods are called, a tuple of components of that kind: for a
wrapper, one, to be called as the methods of its kind say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Hyper = Any
"""A hyperparameter: a float, or an array (T, 1, 1) with one value per trial."""

Task = Literal["binary", "multiclass", "regression"]
"""binary: target (N, 1) in {0, 1}. multiclass: one-hot (N, C). regression: real (N, K)."""

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


class Activation(Protocol):
    """A function of a layer's pre-activation, elementwise or over the last axis."""

    name: ClassVar[str]
    # Optional class attributes:
    #   range: ClassVar[str] = "(-inf, inf)"        the interval its values lie in
    #   kinks: ClassVar[tuple[float, ...]] = ()     where f' jumps; gradient checks keep away
    #   default: ClassVar[bool] = False             the kind's default where an experiment names none
    #   learns: ClassVar[bool] = False              it has parameters of its own
    #   random: ClassVar[bool] = False              it draws random numbers, in training only

    def forward(self, z: Array) -> Array:
        """Return f(z), shaped as z (T, N, D)."""
        ...

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return ∂L/∂z from grad = ∂L/∂a, with a = forward(z); all (T, N, D)."""
        ...

    # Optional, where the layer before must be of another width than the one after (a gate):
    #   def width(self, units: int) -> int          z's D for a's `units`; by default the same
    # Where it learns, forward and backward take its parameters, by the names of its specs, and backward
    # writes ∂L/∂θ into `grads` (every place in a network has parameters of its own):
    #   def specs(self, units: int) -> Sequence[ParamSpec]
    #   def forward(self, z: Array, params: Params) -> Array
    #   def backward(self, grad: Array, z: Array, a: Array, params: Params, grads: Params) -> Array
    # Where it is random, one trial's numbers are drawn anew for every step, and `noise` holds all trials',
    # (T, N, D); in evaluation it is None. Trials of one seed share what is drawn, so no hyperparameter may
    # enter it: `forward` makes U(low, high) of a U(0, 1):
    #   def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array
    #   def forward(self, z: Array, noise: Array | None) -> Array
    #   def backward(self, grad: Array, z: Array, a: Array, noise: Array | None) -> Array


class Loss(Protocol):
    """A mean over N of a per-example loss between predictions and targets.

    An example's loss is the mean over D where the outputs are questions of their own (squared error,
    binary cross-entropy), the sum over D where they make one distribution (categorical cross-entropy).

    `output` is what the network predicts, after its output activation: a probability for a
    cross-entropy, a real number for a squared error. Where the pair of output activation and loss
    has a stable joint form, the loss names that activation in `joint` and offers
    `value_from_logits` and `grad_from_logits`; the core then calls these with the pre-activation z,
    and the result equals the chained one wherever that one is finite.
    """

    name: ClassVar[str]
    outputs: ClassVar[Mapping[Task, str]]  # for each task it can train, the natural output activation
    # Optional class attributes:
    #   joint: ClassVar[tuple[str, ...]] = ()       output activations with a joint form
    #   accepts: ClassVar[str] = "(-inf, inf)"      the interval its outputs must lie in
    #   natural_for: ClassVar[tuple[Task, ...]] = ()  the tasks whose "auto" loss it is
    #   trainable: ClassVar[bool] = True            False: for evaluation only, no usable gradient
    #   kinks: ClassVar[tuple[float, ...]] = ()     differences output - target where the gradient jumps
    #   outputs_per_target: ClassVar[int] = 1       output units for each target: output (T, N, K D)

    def value(self, output: Array, target: Array) -> Array:
        """Return the mean loss of each trial, (T,), from predictions and targets (T, N, D)."""
        ...

    def grad(self, output: Array, target: Array) -> Array:
        """Return ∂value/∂output, (T, N, D)."""
        ...

    # Optional, for the activations in `joint` (`link` is the one in use):
    #   def value_from_logits(self, z: Array, target: Array, link: str) -> Array
    #   def grad_from_logits(self, z: Array, target: Array, link: str) -> Array
    # Optional, where outputs are not themselves predictions of the target (margins, a mean with a variance):
    #   def predict(self, output: Array) -> Array   predictions (T, N, D) as metrics want them


class Optimizer(Protocol):
    """An update rule. The core counts t from 1, keeps the state and adds the change.

    `scope` says what a number's update may depend on, and so what `param` is:
    "number": on that number's own history alone; any shape, often all parameters of a stack as (T, 1, P);
    "array": on its parameter array, one at a time: (T, fan_in, fan_out) or (T, 1, fan_out);
    "trial": on all parameters of its trial: they come as one (T, 1, P), in the order of the network's specs.

    A wrapper refers to another optimizer by a field `ref("optimizer", ...)` and calls `init`, `step` and
    `evaluated` of the one object in it with arrays of the shape it was given; that object sees to the
    scope of what is inside.
    """

    name: ClassVar[str]
    # Optional class attributes:
    #   scope: ClassVar[Literal["number", "array", "trial"]] = "number"   a property where a field decides
    #   asks: ClassVar[bool] = False          step takes `evaluate`, to ask for more gradients; scope "trial"
    #   full_batch: ClassVar[bool] = False    it needs [train] batch_size = "full"

    def init(self, param: Array) -> Any:
        """Return the state before the first step: a NamedTuple of arrays with leading axis T."""
        ...

    def step(self, param: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        """Return the change to add to `param` and the next state; arguments stay as they are."""
        ...

    # Optional:
    #   def evaluated(self, param: Array, state: Any) -> Array
    #       the parameters to evaluate at, where these are others than the trained ones
    #   def route(self, spec: ParamSpec) -> str
    #       "" for a parameter array of its own, or the name of the field (a reference) that updates it
    # Where it asks:
    #   def step(self, param: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]


Evaluate = Callable[[Array], tuple[Array, Array]]
"""From parameters (T, 1, P) to the loss (T, 1, 1) and its gradient (T, 1, P), on the step's batch and with
its random numbers."""


class Schedule(Protocol):
    """A factor on the optimizer's learning rate over the course of training."""

    name: ClassVar[str]
    # Optional class attributes:
    #   constant: ClassVar[bool] = False   True: the factor is always 1, and the core need not ask
    #   watches: ClassVar[bool] = False    it follows the validation loss, and remembers

    def factor(self, t: int, steps: int) -> Hyper:
        """Return the factor for update t = 1 ... steps: a float or (T, 1, 1)."""
        ...

    # A wrapper refers to another schedule by a field `ref("schedule", ...)` and calls `init`, `observe` and
    # `factor` of the one object in it, with a state, whether that one watches or not.
    # Where it watches, which a wrapper must, lest the one inside do:
    #   def init(self, ones: Array) -> Any
    #       the state before the first step; `ones` is (T, 1, 1)
    #   def observe(self, state: Any, score: Array, t: int) -> Any
    #       the state after an evaluation at step t with validation losses (T, 1, 1)
    #   def factor(self, t: int, steps: int, state: Any) -> Hyper


class Initializer(Protocol):
    """Initial weights of one trial. Biases start at zero."""

    name: ClassVar[str]

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return float64 weights of `shape`, (fan_in, fan_out) for a dense layer."""
        ...

    # Optional, for one that looks at data; called layer by layer from the first, each time with what the
    # layer gives by now, until it returns None (the network must offer `layers`):
    #   def adjust(self, weight: Array, z: Array, attempt: int) -> Array | None
    #       new weights (T, fan_in, fan_out) from those that gave z (T, N, fan_out); attempt = 0, 1, ...


@dataclass(frozen=True)
class Data:
    """A data set as its component returns it, before splitting and standardising.

    x (N, D) real; y (N,) class numbers 0 ... C-1 for classification, (N,) or (N, K) for regression.
    `clean_y`, shaped as y, holds the targets before label noise or outliers: the test split is
    scored against these, while training and validation see y. `test_index` fixes the test split
    where the data set comes with one.
    """

    x: Array
    y: Array
    task: Task
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    clean_y: Array | None = None
    test_index: Array | None = None


class Dataset(Protocol):
    """A source of examples: a generator or a file."""

    name: ClassVar[str]

    def make(self, rng: np.random.Generator) -> Data:
        """Return the data; synthetic sets draw everything from `rng`, real ones ignore it."""
        ...

    # Optional: def fingerprint(self) -> str
    #   a digest of outside content (a file) that determines the data; it enters the run key


class ParamSpec(NamedTuple):
    """One parameter array of a network, per trial (the trial axis left out).

    role: "weight" is drawn by the initializer; "bias" and "gain" start at `initial`; "state" is no
    parameter: it starts at `initial` and is the network's to write (running statistics, masks).
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


Params = Mapping[str, Array]
"""A network's parameters and state by name, each (T, *shape)."""


class Layer(NamedTuple):
    """What a layer did in a forward pass, for those who look inside: see `Network.layers`."""

    weight: str  # the name of its weight
    z: Array  # pre-activations (T, N, D)
    a: Array | None = None  # activations, None at the output
    slope: Callable[[], Array] | None = None
    """Gives f'(z), shaped as a, where the network offers it: `slope(z, a)` of the activation it holds. NaN
    where f is no function of each z alone (a gate, a softmax)."""


class Mode(Protocol):
    """How a network with modes is run, and where its random numbers come from."""

    training: bool
    first: bool  # False where a step's batch is gone through again: running statistics stay as they are

    def uniform(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return numbers in [0, 1), (T, *shape), new for every step and the same within it; training only."""
        ...


class Network(Protocol):
    """A parametrised map from inputs (T, N, D) to pre-activations of the output layer (T, N, K).

    The output activation and the loss belong to the core, since they may have a joint form. A field
    declared by `ref("activation", ...)` holds, when the methods below are called, a tuple of
    Activation objects: one, or one per hidden layer; with `places`, one per place.
    """

    name: ClassVar[str]
    # Optional class attributes:
    #   modes: ClassVar[bool] = False   forward takes a `mode`: training differs from evaluation. Where that
    #                                   hangs on hyperparameters, a property, and `mode` is None by default

    def specs(self, inputs: int, outputs: int) -> Sequence[ParamSpec]:
        """Return the parameters for `inputs` features and `outputs` units, in forward order."""
        ...

    def forward(self, params: Params, x: Array) -> tuple[Array, Any]:
        """Return the output's pre-activation (T, N, K) and whatever backward needs (the tape)."""
        ...

    def backward(self, params: Params, tape: Any, grad: Array, grads: Params) -> None:
        """Write ∂L/∂θ into the arrays of `grads` from grad = ∂L/∂(pre-activation of the output)."""
        ...

    # Optional:
    #   def places(self, inputs: int, outputs: int) -> Mapping[str, Sequence[int]]
    #       by field the units that each use of an activation gives: what lets activations learn, draw and
    #       gate. `specs` and `forward` then find one activation per place in the field, with `width(units)`
    #   def draw(self, rng: np.random.Generator, spec: ParamSpec) -> Array
    #       one trial's initial value of each "state", drawn from a stream of its own; called on a network of
    #       that trial alone, whose hyperparameters are plain numbers
    #   def layers(self, tape: Any) -> Sequence[Layer]
    #       what happened inside, for initializers and metrics that look there
    #   def learn(self, params: Params, x: Array, y: Array, grads: Params) -> None
    #       a learning rule that is no gradient: called instead of forward and backward, it writes what the
    #       optimizer is to descend into `grads`
    # With modes:
    #   def forward(self, params: Params, x: Array, mode: Mode) -> tuple[Array, Any]


class Objective(Protocol):
    """A function of D numbers to be minimised, in place of data set, network and loss.

    What is trained is one array "x" of shape (1, D) per trial.
    """

    name: ClassVar[str]

    @property
    def dimensions(self) -> int:
        """The number D of its arguments."""
        ...

    def start(self, rng: np.random.Generator) -> Array:
        """Return where one trial starts, (D,)."""
        ...

    def value(self, x: Array) -> Array:
        """Return f(x), (T,), of x (T, 1, D), without noise."""
        ...

    def grad(self, x: Array) -> Array:
        """Return ∂f/∂x, (T, 1, D)."""
        ...

    # Optional, an attribute or a property:
    #   minimum: Array     where f is lowest, (D,), or (K, D) where it is equally low at K places
    # Optional, for a noisy one; `noise` is (T, 1, D), drawn anew for every step, and 0 means none:
    #   def draw(self, rng: np.random.Generator) -> Array      one trial's noise of one step, (D,)
    #   def grad(self, x: Array, noise: Array) -> Array


class Metric(Protocol):
    """A score of predictions, computed outside training."""

    name: ClassVar[str]
    goal: ClassVar[Literal["min", "max"]]
    tasks: ClassVar[tuple[Task, ...]]
    # Optional class attributes:
    #   primary_for: ClassVar[tuple[Task, ...]] = ()   the tasks whose headline metric it is
    #   bounds: ClassVar[str] = "(-inf, inf)"          the interval its values lie in
    #   curve: ClassVar[bool] = False                  also recorded at every evaluation
    #   watches: ClassVar[bool] = False                it looks into the network, where [train] watch names it

    def score(self, output: Array, target: Array) -> Array:
        """Return (T,) from predictions and targets (T, N, D); NaN where it is undefined.

        Classification: probabilities and 0/1 targets. Regression: both in the target's own units.
        """
        ...

    # Where it watches, at every evaluation, on the sample of the training split that curves use:
    #   def score(self, layers: Sequence[Layer], params: Params, grads: Params) -> Mapping[str, Array]
    #       (T,) by a suffix, "" or for instance "1" for the first layer


class Lost(NamedTuple):
    """A task whose result never came back."""

    status: Literal["crashed", "timeout"]
    reason: str


class Executor(Protocol):
    """A way to run tasks: here, in worker processes, on a cluster."""

    name: ClassVar[str]

    def run(
        self,
        work: Callable[[Any], Any],
        tasks: Iterable[Any],
        *,
        jobs: int,
        stop: Callable[[], bool],
    ) -> Iterator[tuple[Any, Any]]:
        """Yield (task, work(task)) or (task, Lost(...)) for each task, in any order.

        `work` is a picklable callable that does its own set-up at its first call in a process; a
        method `prepare()`, where it has one, does it beforehand, outside of any task's time, and a
        method `warm_up(task)` what one task needs. A task may have an attribute `timeout` in seconds,
        which is for the task itself. No new task starts once `stop()` is true; those
        that are running are finished and yielded. What `work` raises is raised here.
        """
        ...


@dataclass(frozen=True)
class FigureInput:
    """What a figure may draw from; see `anncore.report` for the frames' columns."""

    trials: Any  # DataFrame, one row per trial
    curves: Any  # DataFrame, long: key, step, metric, value
    report: Mapping[str, Any]  # report.json's content so far
    theme: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    components: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By varied kind and label, the components under comparison, with the values of most of their trials."""
    maps: Mapping[str, Any] = field(default_factory=dict)
    """By a trial's key what it learned of two features, a `DecisionMap`; there may be none for a trial."""
    objectives: Mapping[str, Any] = field(default_factory=dict)
    """By problem the objective that was minimised there, with its values; empty where there are data sets.

    The paths of trials on objectives of two arguments are the curves "x.1" and "x.2"."""


class Figure(Protocol):
    """A question, and the drawing that answers it."""

    name: ClassVar[str]
    question: ClassVar[str]
    order: ClassVar[int]  # place in the report

    def draw(self, data: FigureInput) -> Any:
        """Return an `anncore.report.Drawing`, or None where the data cannot answer the question."""
        ...
