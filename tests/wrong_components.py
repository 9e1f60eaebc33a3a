"""Components that are wrong on purpose, at least one for every check of every kind.

Each is the right one of its kind with a member replaced. All of them can be imported, so that they reach
another process as a plugin's do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from right_components import (
    RIGHT,
    Bars,
    Fitting,
    Foresight,
    Furnished,
    Gated,
    Halfway,
    Heedful,
    Loudness,
    Scaled,
    Shaken,
    Sides,
    State,
    Tilted,
    Watched,
    Wired,
)

from anncore import Data, Drawing, Layer, Lost, ParamSpec, param, ref
from anncore.types import Array


class Wrong(NamedTuple):
    """A component, the check it must fail, and a part of what the check must say."""

    kind: str
    check: str
    because: str
    cls: Any


NUMBERS = count(1)


def spoilt(right: Any, **members: Any) -> Any:
    """Return a subclass of a component with members replaced; a field's annotation is the field's own."""
    fields = {key: "Any" for key, value in members.items() if hasattr(value, "metadata")}
    name = f"{right.__name__}{next(NUMBERS)}"
    own = {"__doc__": right.__doc__, "__module__": __name__, "__annotations__": fields, **members}
    globals()[name] = made = dataclass(frozen=True)(type(name, (right,), own))
    return made


def wrong(kind: str, check: str, because: str, **members: Any) -> Wrong:
    """Spoil the right component of a kind."""
    return Wrong(kind, check, because, spoilt(RIGHT[kind], **members))


def opened(kind: str, check: str, because: str, right: Any, **members: Any) -> Wrong:
    """Spoil a component that opens a door."""
    return Wrong(kind, check, because, spoilt(right, **members))


# What can go wrong with a component of any kind


class Anything:
    """Equal to all there is."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def stays_at_home(self: Any) -> Any:
    raise TypeError("not to be sent")


METHODS = {
    "activation": "forward",
    "loss": "value",
    "optimizer": "step",
    "schedule": "factor",
    "initializer": "sample",
    "dataset": "make",
    "network": "forward",
    "objective": "value",
    "metric": "score",
    "figure": "draw",
    "executor": "run",
}


def any_kind(kind: str) -> list[Wrong]:
    pair = param((1, 2), ((1, 2), (3, 4)))  # JSON knows no tuples
    return [
        wrong(kind, "well_formed", "it has no method", **{METHODS[kind]: None}),
        wrong(kind, "documentation", "must open with one line and a full stop", __doc__="Words"),
        wrong(kind, "defaults", "preset odd sets slop", presets={"odd": {"slop": 1.0}}),
        wrong(kind, "pickles", "cannot be pickled: not to be sent", __reduce__=stays_at_home),
        wrong(kind, "json_round_trip", "pair must be one of (1, 2), (3, 4), got [1, 2]", pair=pair),
        wrong(kind, "out_of_domain", "'no such value' was accepted", how=param("a", ("a", Anything()))),
    ]


# What can go wrong with a component that computes: its result is changed on the way out


def changed(kind: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the kind's method with its result changed."""
    original = getattr(RIGHT[kind], METHODS[kind])

    def method(self: Any, *arguments: Any) -> Any:
        result = original(self, *arguments)
        if isinstance(result, tuple):  # an optimizer's change and state, a network's output and tape
            return change(result[0]), *result[1:]
        if isinstance(result, Data):
            return replace(result, x=change(result.x))
        if isinstance(result, Drawing):
            result.figure.text(0.5, 0.5, str(change(np.zeros(1))))
            return result
        return change(result)

    return {METHODS[kind]: method}


def unrepeatable(result: Any) -> Any:
    return result + np.random.default_rng().normal()


def drawn_by_all(result: Any) -> Any:
    return result + 0 * np.random.rand()  # noqa: NPY002


def hashed(result: Any) -> Any:
    return result + hash("a word") / 2**61


def computing_kind(kind: str) -> list[Wrong]:
    return [
        wrong(kind, "deterministic", "another result the second time", **changed(kind, unrepeatable)),
        wrong(kind, "no_global_rng", "draws from a global generator", **changed(kind, drawn_by_all)),
        wrong(kind, "other_process", "another result in another process", **changed(kind, hashed)),
    ]


# What can go wrong with a component that acts on a stack


def by_size(result: Any) -> Any:
    return result + float(np.shape(result)[:1] > (1,))


def touched(result: Any) -> Any:
    return result + 0 * result.sum()


def another_type(result: Any) -> Any:
    return np.asarray(result).astype("complex128")


def written(kind: str) -> dict[str, Any]:
    """Return the kind's method, which first writes to an array it can lay hands on."""
    original = getattr(RIGHT[kind], METHODS[kind])

    def method(self: Any, *arguments: Any) -> Any:
        arrays = [each for each in (*arguments, *vars(self).values()) if isinstance(each, np.ndarray)]
        arrays[0][...] = 0
        return original(self, *arguments)

    return {METHODS[kind]: method}


def stacked_kind(kind: str) -> list[Wrong]:
    found = [
        wrong(kind, "stacked_as_alone", "in a stack of 2 and alone", **changed(kind, by_size)),
        wrong(kind, "keeps_dtype", "is complex128 for float32 inputs", **changed(kind, another_type)),
        wrong(kind, "inputs_unchanged", "writes to an array it was handed", **written(kind)),
    ]
    if kind == "schedule":
        return found  # it is handed no array in which a trial could be sick
    return [*found, wrong(kind, "isolated", "beside one of nan and without it", **changed(kind, touched))]


# Activations


def summed(self: Any, z: Array) -> Array:
    return z.sum(axis=1)


def overflowing(self: Any, z: Array) -> Array:
    return np.log(1 + np.exp(z))


def its_slope(self: Any, grad: Array, z: Array, a: Array) -> Array:
    return grad / (1 + np.exp(-z))


ACTIVATIONS = [
    wrong(
        "activation", "documentation", "mention the hyperparameter slope", __doc__="Bent.\n\nNobody, 2020."
    ),
    wrong("activation", "documentation", "where it comes from", __doc__="Bent.\n\nBy its slope."),
    wrong("activation", "gradient", "backward at z = -1", backward=lambda self, grad, z, a: grad),
    wrong("activation", "gradient", "declare a corner there in kinks", kinks=()),
    wrong("activation", "gradient", "forward gives (3, 3) for z (3, 7, 3)", forward=summed),
    wrong("activation", "gradient", "nothing was left to check", kinks=tuple(np.linspace(-9, 9, 18001))),
    wrong("activation", "range", "outside the declared range [0, inf)", range="[0, inf)"),
    wrong("activation", "extremes_finite", "overflow", forward=overflowing, backward=its_slope),
]


# Activations that open a door


def forgets_its_own(self: Any, grad: Array, z: Array, a: Array, params: Any, grads: Any) -> Array:
    return grad * ((1 + z * z) ** -1.5 + params["tilt"])


def mean_height(self: Any, z: Array, noise: Any) -> Array:
    return 1.5 * z / np.sqrt(1 + z * z)


def mean_slope(self: Any, grad: Array, z: Array, a: Array, noise: Any) -> Array:
    return 1.5 * grad * (1 + z * z) ** -1.5


def drawn_for_all(self: Any, rng: Any, shape: tuple[int, int]) -> Array:
    return rng.random((3, *shape))


OPEN_ACTIVATIONS = [
    Wrong("activation", "learns", "the gradient of tilt: nan", spoilt(Tilted, backward=forgets_its_own)),
    Wrong(
        "activation",
        "random",
        "two draws give the same values",
        spoilt(Shaken, forward=mean_height, backward=mean_slope),
    ),
    Wrong("activation", "random", "it is one trial's", spoilt(Shaken, draw=drawn_for_all)),
    Wrong(
        "activation",
        "width",
        "must be a positive whole number, got 2.0",
        spoilt(Gated, width=lambda self, units: 2.0 * units),
    ),
]


# Losses


def never_wrong(self: Any, output: Array, target: Array) -> Array:
    return np.zeros(len(output), dtype=output.dtype)


def not_per_trial(self: Any, output: Array, target: Array) -> Any:
    return np.float64(0)


def sum_over_examples(self: Any, output: Array, target: Array) -> Array:
    return ((output - target) ** 4).sum(axis=(1, 2))


def gradient_of_the_sum(self: Any, output: Array, target: Array) -> Array:
    return 4 * (output - target) ** 3


def absolute(self: Any, output: Array, target: Array) -> Array:
    return np.abs(output - target).mean(axis=(1, 2))


def sign(self: Any, output: Array, target: Array) -> Array:
    return np.sign(output - target) / (output.shape[1] * output.shape[2])


def exponential(self: Any, output: Array, target: Array) -> Array:
    return np.exp(np.abs(output - target)).mean(axis=(1, 2))


def doubled(self: Any, z: Array, target: Array, link: str) -> Array:
    return 2 * self.grad(z, target)


def means_alone(self: Any, output: Array, target: Array) -> Array:
    a, s = np.split(output, 2, axis=2)
    return np.concatenate([(a - target) * np.exp(-s), 0 * s], axis=2) / (a.shape[1] * a.shape[2])


def as_they_are(self: Any, output: Array) -> Array:
    return output + 0


def winners(self: Any, output: Array) -> Array:
    return (output > 0).astype(output.dtype)


def above_the_mean(self: Any, output: Array) -> Array:
    return 0.5 * (1 + np.tanh(output - output.mean()))


LOSSES = [
    wrong("loss", "attributes", "there is no value_from_logits", value_from_logits=None),
    wrong("loss", "attributes", "natural_for names a task that outputs does not", natural_for=("binary",)),
    wrong("loss", "gradient", "grad for output", value=never_wrong),
    wrong("loss", "gradient", "declare a corner in kinks", value=absolute, grad=sign),
    wrong("loss", "mean_over_examples", "given twice", value=sum_over_examples, grad=gradient_of_the_sum),
    wrong("loss", "extremes_finite", "overflow", value=exponential),
    wrong(
        "loss", "joint_as_chained", "grad_from_logits with identity against grad", grad_from_logits=doubled
    ),
    wrong("loss", "stacked_as_alone", "not (T,)", value=not_per_trial),
    opened("loss", "attributes", "must be a whole number from 1, got 2.0", Scaled, outputs_per_target=2.0),
    wrong("loss", "attributes", "2 outputs per target need predict", outputs_per_target=2),
    opened("loss", "gradient", "grad for output", Scaled, grad=means_alone),
    opened("loss", "predict", "shape (3, 9, 2) for 1 targets", Scaled, predict=as_they_are),
    opened("loss", "predict", "outside [0, 1]", Sides, predict=as_they_are),
    opened("loss", "predict", "an output that is NaN predicts", Sides, predict=winners),
    opened("loss", "stacked_as_alone", "prediction of a trial in a stack", Sides, predict=above_the_mean),
]


# Optimizers


def uphill(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    return self.lr * grad, state


def normed(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    return -self.lr * grad / np.sqrt((grad * grad).sum(axis=2, keepdims=True) + 1e-8), state


def normed_inside(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    size = 1 + np.abs(grad).max(axis=2, keepdims=True)
    change, inner = self.optimizer[0].step(param, grad / size, state.inner, t)
    return change, state._replace(mean=(state.mean + param + change) / 2, inner=inner)


def divided_by_zero(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    return -self.lr * grad / np.abs(grad), state


def written_state(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    state.v[:] = 0.9 * state.v + grad
    return -self.lr * state.v, state


def without_trials(self: Any, param: Array) -> State:
    return State(np.zeros(2))


HIDDEN: list[Any] = [0]


def remembers_elsewhere(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    HIDDEN[0] = grad if t == 1 else HIDDEN[0] * 0.9 + grad
    return -self.lr * HIDDEN[0], state


def by_the_last_array(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    before, HIDDEN[0] = HIDDEN[0], np.abs(grad).mean()
    return -self.lr * grad * (1 + before * (param.size > 20)), state


def by_all_trials(self: Any, param: Array, grad: Array, state: Any, t: int) -> Any:
    return -self.lr * grad / (1 + np.abs(grad).mean()), state


def silent_step(self: Any, param: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    return -self.lr * grad, state


def asks_at_nothing(self: Any, param: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    return -self.lr * evaluate(param[:, :, :1])[1], state


def asks_too_finely(self: Any, param: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    return (-self.lr * evaluate(param.astype("float64"))[1]).astype(param.dtype), state


def spoils_the_answer(self: Any, param: Array, grad: Array, state: Any, t: int, evaluate: Any) -> Any:
    ahead = evaluate(param)[1]
    ahead *= -self.lr
    return ahead, state


def spoilt_optimizer(check: str, because: str, right: Any, **members: Any) -> Wrong:
    return Wrong("optimizer", check, because, spoilt(right, **members))


OPTIMIZERS = [
    wrong("optimizer", "scope", "alone and beside others", scope="array", step=by_the_last_array),
    wrong("optimizer", "scope", "beside other trials", scope="trial", step=by_all_trials),
    spoilt_optimizer("asks", "declares asks but never asks", Foresight, step=silent_step),
    spoilt_optimizer("asks", "parameters of shape (3, 1, 1)", Foresight, step=asks_at_nothing),
    spoilt_optimizer("asks", "parameters of dtype float64", Foresight, step=asks_too_finely),
    spoilt_optimizer("asks", 'must have scope "trial", it has "number"', Foresight, scope="number"),
    spoilt_optimizer("inputs_unchanged", "writes to an array", Foresight, step=spoils_the_answer),
    spoilt_optimizer(
        "evaluated",
        "halfway.evaluated gives shape (3,)",
        Halfway,
        evaluated=lambda self, param, state: param[:, 0, 0],
    ),
    spoilt_optimizer("evaluated", "and the start", Halfway, evaluated=lambda self, param, state: 2 * param),
    spoilt_optimizer(
        "stacked_as_alone",
        "evaluated 1 of a trial in a stack of 2",
        Halfway,
        evaluated=lambda self, param, state: by_size(state.mean),
    ),
    spoilt_optimizer("route", "to 'nowhere', not its own", Halfway, route=lambda self, spec: "nowhere"),
    spoilt_optimizer("scope", "a change of W1 alone and beside others", Halfway, step=normed_inside),
    wrong("optimizer", "state", "first axis must be the trials", init=without_trials),
    wrong("optimizer", "state", "must be a NamedTuple of arrays", init=lambda self, param: param),
    wrong("optimizer", "state_round_trip", "after the state was saved and read", step=remembers_elsewhere),
    wrong("optimizer", "quadratic", "the quadratic goes from", step=uphill),
    wrong("optimizer", "zero_gradient", "invalid value", step=divided_by_zero),
    wrong("optimizer", "scope", "declare a wider scope", step=normed),
    wrong("optimizer", "inputs_unchanged", "writes to an array it was handed", step=written_state),
]


# Schedules and initializers


def not_a_number(self: Any, t: int, steps: int) -> float:
    return float("nan")


def transposed(self: Any, rng: Any, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    return rng.standard_normal(shape[::-1])


ALWAYS_THE_SAME = {shape: np.ones(shape) for shape in ((1, 1), (3, 8), (64, 32))}


def kept(self: Any, rng: Any, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    return ALWAYS_THE_SAME[shape]


def one_for_all(self: Any, ones: Array) -> Watched:
    return Watched(np.inf * ones[:1], ones[:1] + 0)


def growing(self: Any, state: Watched, score: Array, t: int) -> Watched:
    return Watched(np.concatenate([state.best, score], axis=2), state.rate)


def by_the_best_trial(self: Any, state: Watched, score: Array, t: int) -> Watched:
    rate = np.where(score > score.min(), self.fall * state.rate, state.rate)
    return Watched(np.minimum(state.best, score), rate)


def forgets(self: Any, t: int, steps: int, state: Watched) -> Any:
    HIDDEN[0] = 1 if t == 1 else HIDDEN[0] + 1
    return state.rate / HIDDEN[0]


def overwritten(self: Any, state: Watched, score: Array, t: int) -> Watched:
    state.rate[...] *= self.fall
    return state


SCHEDULES = [
    wrong(
        "schedule", "well_formed", "refers to a schedule, which may watch", after=ref("schedule", "constant")
    ),
    opened("schedule", "state", "first axis must be the trials", Heedful, init=one_for_all),
    opened("schedule", "state", "must be a NamedTuple of arrays", Heedful, init=lambda self, ones: 1 * ones),
    opened("schedule", "state", "observe changes the state's shapes", Heedful, observe=growing),
    opened("schedule", "state", "after the state was saved and read", Heedful, factor=forgets),
    opened("schedule", "isolated", "beside one of nan and without it", Heedful, observe=by_the_best_trial),
    opened("schedule", "stacked_as_alone", "in a stack of 2", Heedful, observe=by_the_best_trial),
    opened("schedule", "inputs_unchanged", "writes to an array it was handed", Heedful, observe=overwritten),
    wrong("schedule", "factors", "of update 1 of 1 is [nan]", factor=not_a_number),
    wrong("schedule", "factors", "the factor is 0 throughout", factor=lambda self, t, steps: 0.0),
]


def endless(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    return weight


def until_all_are_small(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    return 0.5 * weight if np.abs(z).max() > 1 else None


def unless_one_is_sick(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    return 0.5 * weight if attempt == 0 and not np.isnan(z).any() else None


def widened(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    return weight * np.float64(0.5) if attempt == 0 else None


def in_place(self: Any, weight: Array, z: Array, attempt: int) -> Any:
    weight *= 0.5
    return weight if attempt == 0 else None


INITIALIZERS = [
    wrong("initializer", "weights", "shape (8, 3) where (3, 8)", sample=transposed),
    wrong("initializer", "weights", "two draws share their memory", sample=kept),
    opened("initializer", "adjust", "not content after 200 attempts", Fitting, adjust=endless),
    opened("initializer", "adjust", "in a stack of 7 and alone", Fitting, adjust=until_all_are_small),
    opened("initializer", "adjust", "beside one of nan", Fitting, adjust=unless_one_is_sick),
    opened("initializer", "adjust", "adjust gives float64", Fitting, adjust=widened),
    opened("initializer", "adjust", "read-only", Fitting, adjust=in_place),
]


# Objectives

STILL = np.ones(3)
OBJECTIVES = [
    wrong("objective", "start", "start has shape (1, 3), not (D,)", start=lambda self, rng: np.ones((1, 3))),
    wrong("objective", "start", "start is float32, not", start=lambda self, rng: np.ones(3, "float32")),
    wrong("objective", "start", "a start that is not", start=lambda self, rng: np.full(3, np.inf)),
    wrong(
        "objective",
        "start",
        "another start from an equal generator",
        start=lambda self, rng: np.random.default_rng().normal(size=3),
    ),
    wrong("objective", "start", "two starts share their memory", start=lambda self, rng: STILL),
    wrong("objective", "gradient", "grad for argument", grad=lambda self, x, noise: 2 * x + noise),
    wrong(
        "objective", "noise", "draw gives (1, 3), not (D,)", draw=lambda self, rng: rng.normal(size=(1, 3))
    ),
    wrong("objective", "minimum", "minimum is (1, 2), not (K, D)", minimum=np.zeros(2)),
    wrong("objective", "minimum", "a minimum that is not finite", minimum=np.full(3, np.nan)),
    wrong("objective", "minimum", "the gradient at its minimum is", minimum=np.full(3, 0.01)),
    wrong(
        "objective",
        "minimum",
        "at another place than its minimum",
        minimum=np.zeros(3),
        value=lambda self, x: -(x * x).sum(axis=(1, 2)),
        grad=lambda self, x, noise: noise - 2 * x,
    ),
    wrong("objective", "noise", "noise that is not finite", draw=lambda self, rng: np.full(3, np.nan)),
    wrong("objective", "noise", "two steps have the same", draw=lambda self, rng: np.ones(3)),
    wrong("objective", "noise", "changes no gradient", grad=lambda self, x, noise: x + 0),
]


# Data sets

SHARED = np.random.default_rng(0).standard_normal((20, 2))


def shared(self: Any, rng: Any) -> Data:
    return Data(SHARED, np.arange(20) % 2, "binary")


def with_holes(self: Any, rng: Any) -> Data:
    return Data(np.full((20, 2), np.nan), np.arange(20) % 2, "binary")


def tested_twice(self: Any, rng: Any) -> Data:
    return Data(SHARED + 0, np.arange(20) % 2, "binary", test_index=np.array([1, 2, 2]))


def tested_beyond(self: Any, rng: Any) -> Data:
    return Data(SHARED + 0, np.arange(20) % 2, "binary", test_index=np.array([1, 20]))


def never_seen(self: Any, rng: Any) -> Data:
    return Data(SHARED + 0, np.arange(20) // 18, "binary", test_index=np.array([18, 19]))


DATASETS = [
    wrong("dataset", "data", "x must be finite", make=with_holes),
    wrong("dataset", "rows_unshared", "two calls share x", make=shared),
    wrong("dataset", "splits", "test_index must hold different row numbers", make=tested_twice),
    wrong("dataset", "splits", "test_index must lie in 0 ... 19", make=tested_beyond),
    wrong("dataset", "splits", "training never sees class [1]", make=never_seen),
]


# Networks


def namesakes(self: Any, inputs: int, outputs: int) -> list[ParamSpec]:
    return [ParamSpec("A", (inputs, 2), inputs, 2), ParamSpec("A", (2, outputs), 2, outputs)]


def half_a_gradient(self: Any, params: Any, tape: Any, grad: Array, grads: Any) -> None:
    grads["B"][:] = tape[2].swapaxes(1, 2) @ grad  # and A is forgotten


NETWORKS = [
    wrong("network", "specs", "two parameters share a name", specs=namesakes),
    wrong("network", "gradient", "backward for A: nan", backward=half_a_gradient),
]


# Networks that open a door


def of_no_role(self: Any, inputs: int, outputs: int) -> list[ParamSpec]:
    return [spec._replace(role="brain") for spec in Furnished.specs(self, inputs, outputs)]


def narrow(self: Any, inputs: int, outputs: int) -> list[ParamSpec]:
    a, *rest = Furnished.specs(self, inputs, outputs)
    return [a._replace(shape=(inputs, 2)), *(spec._replace(shape=(*spec.shape[:1], 2)) for spec in rest)]


class Reading:
    """A mode that says it is in training."""

    first = training = True

    def __init__(self, mode: Any) -> None:
        self.uniform = mode.uniform


def always_in_training(self: Any, params: Any, x: Array, mode: Any) -> Any:
    return Furnished.forward(self, params, x, mode if mode.training else Reading(mode))


def twice_in_a_step(self: Any, params: Any, x: Array, mode: Any) -> Any:
    return Furnished.forward(self, params, x, Reading(mode) if mode.training else mode)


class Calm:
    """A mode that says it is in evaluation."""

    first = True
    training = False


def never_in_training(self: Any, params: Any, x: Array, mode: Any) -> Any:
    return Furnished.forward(self, params, x, Calm())


def scalar(self: Any, rng: Any, spec: ParamSpec) -> float:
    return 1.0


def upside_down(self: Any, tape: Any) -> list[Layer]:
    return Furnished.layers(self, tape)[::-1]


def with_flat_slopes(self: Any, tape: Any) -> list[Layer]:
    first, *rest = Furnished.layers(self, tape)
    return [first._replace(slope=lambda: first.z.mean(axis=(1, 2))), *rest]


OPEN_NETWORKS = [
    Wrong("network", "specs", "A has role 'brain'", spoilt(Furnished, specs=of_no_role)),
    Wrong(
        "network",
        "places",
        "activation2, which forward never calls",
        spoilt(Furnished, places=lambda self, inputs, outputs: {"activation": [2, 2]}),
    ),
    Wrong("network", "places", "activation1 makes 2 units of 4 columns", spoilt(Furnished, specs=narrow)),
    Wrong("network", "modes", "in evaluation mean must stay", spoilt(Furnished, forward=always_in_training)),
    Wrong("network", "modes", "is gone through again mean must", spoilt(Furnished, forward=twice_in_a_step)),
    Wrong("network", "modes", "leave modes out", spoilt(Furnished, forward=never_in_training)),
    Wrong("network", "draw", "draw gives shape () for mask", spoilt(Furnished, draw=scalar)),
    Wrong("network", "layers", "comes after layer 1, whose z changes", spoilt(Furnished, layers=upside_down)),
    Wrong(
        "network",
        "layers",
        "weight 'C', which is no parameter",
        spoilt(Furnished, layers=lambda self, tape: [Layer("C", tape[1])]),
    ),
    Wrong(
        "network",
        "layers",
        "slope has shape (2,), not that of a",
        spoilt(Furnished, layers=with_flat_slopes),
    ),
    Wrong(
        "network",
        "learn",
        "leaves the change of A open",
        spoilt(Wired, learn=lambda self, params, x, y, grads: None),
    ),
]


# Metrics


def beyond(self: Any, output: Array, target: Array) -> Array:
    return 2 * ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))


def blind_to_nan(self: Any, output: Array, target: Array) -> Array:
    return ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))


def first_matters(self: Any, output: Array, target: Array) -> Array:
    return (output[:, 0, 0] > 0.5) * 0.5 + 0.5 * (np.abs(output - target).max(axis=(1, 2)) == 0)


def of_the_first(self: Any, layers: Any, params: Any, grads: Any) -> Any:
    return {"": np.abs(layers[0].z[:, 0]).mean(axis=1)}


def of_what_is_loud(self: Any, layers: Any, params: Any, grads: Any) -> Any:
    return {"": (np.abs(layers[0].z) > 1).mean(axis=(1, 2))}


def of_all_trials(self: Any, layers: Any, params: Any, grads: Any) -> Any:
    return {"": np.full(len(layers[0].z), np.abs(layers[0].z).mean())}


def of_nothing(self: Any, layers: Any, params: Any, grads: Any) -> Any:
    return {}


def badly_named(self: Any, layers: Any, params: Any, grads: Any) -> Any:
    return {"the first": layers[0].z.mean(axis=(1, 2))}


METRICS = [
    wrong("metric", "attributes", "goal must be 'min' or 'max', got 'up'", goal="up"),
    wrong("metric", "bounds", "outside the bounds [0, 1]", score=beyond),
    wrong("metric", "goal", "the goal is min", goal="min"),
    wrong("metric", "order_free", "in another order", score=first_matters),
    wrong("metric", "nan", "a NaN prediction scores", score=blind_to_nan),
    opened("metric", "attributes", "nobody's headline", Loudness, primary_for=("binary",)),
    opened("metric", "bounds", "outside the bounds [0, 1]", Loudness, bounds="[0, 1]"),
    opened("metric", "order_free", "in another order", Loudness, score=of_the_first),
    opened("metric", "nan", "of a trial of NaN is 0", Loudness, score=of_what_is_loud),
    opened("metric", "stacked_as_alone", "in a stack of 2 and alone", Loudness, score=of_all_trials),
    opened("metric", "stacked_as_alone", "score gives nothing", Loudness, score=of_nothing),
    opened("metric", "stacked_as_alone", "a suffix must be", Loudness, score=badly_named),
]


# Figures


def nothing(self: Any, data: Any) -> None:
    return None


def a_picture(self: Any, data: Any) -> Any:
    return "a picture"


def untitled(self: Any, data: Any) -> Any:
    drawing = Bars.draw(self, data)
    return drawing and replace(drawing, title=" ")


def wordy(self: Any, data: Any) -> Any:
    drawing = Bars.draw(self, data)
    return drawing and replace(drawing, alt="The best scored nan.")


def only_with_several(self: Any, data: Any) -> Any:
    if len(data.report["arms"]) < 2:
        raise IndexError("no second arm")
    return Bars.draw(self, data)


def writes_to_the_frame(self: Any, data: Any) -> Any:
    data.trials["label"] = "mine"
    return Bars.draw(self, data)


def corrects_the_report(self: Any, data: Any) -> Any:
    data.report["arms"].reverse()
    return Bars.draw(self, data)


def restyles(self: Any, data: Any) -> Any:
    import matplotlib

    matplotlib.rcParams["font.size"] = 30
    return Bars.draw(self, data)


def opens_a_window(self: Any, data: Any) -> Any:
    import matplotlib.pyplot as plt

    plt.figure()
    return Bars.draw(self, data)


FIGURES = [
    wrong("figure", "attributes", "question must end with a question mark", question="Who wins"),
    wrong("figure", "attributes", "section must be one of leaderboard", section="leader"),
    wrong("figure", "drawing", "draws nothing of a tuned sweep", draw=nothing),
    wrong("figure", "drawing", "must return a Drawing or None, got <class 'str'>", draw=a_picture),
    wrong("figure", "drawing", "title is empty", draw=untitled),
    wrong("figure", "drawing", "alt says nan", draw=wordy),
    wrong(
        "figure",
        "hard_cases",
        "one arm on one data set: raised IndexError: no second",
        draw=only_with_several,
    ),
    wrong("figure", "data_unchanged", "it changes data.trials", draw=writes_to_the_frame),
    wrong("figure", "data_unchanged", "it changes data.report", draw=corrects_the_report),
    wrong("figure", "settings_kept", "it changes matplotlib's font.size", draw=restyles),
    wrong("figure", "settings_kept", "it leaves a figure in pyplot", draw=opens_a_window),
]


# Executors


def forgetful(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in list(tasks)[1:]:
        if stop():
            return
        yield task, work(task)


def stammering(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in tasks:
        yield task, work(task)
        yield task, work(task)


def giving_up(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in tasks:
        yield task, Lost("crashed", "too hard")


def eager(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    yield None, None
    yield from ((task, work(task)) for task in tasks)


def unstoppable(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    yield from ((task, work(task)) for task in tasks)


def stops_only_before(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    if not stop():
        yield from ((task, work(task)) for task in tasks)


def silent(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in tasks:
        try:
            yield task, work(task)
        except Exception as error:
            yield task, error


def rewording(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in tasks:
        try:
            yield task, work(task)
        except Exception:
            raise RuntimeError("a worker had a problem") from None


def clinging(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    try:
        yield from ((task, work(task)) for task in tasks)
    except GeneratorExit:
        raise RuntimeError("stay") from None


EXECUTORS = [
    wrong("executor", "results", "1 of 12 tasks never come back", run=forgetful),
    wrong("executor", "results", "task [0] comes back more than once", run=stammering),
    wrong("executor", "results", "task 0 comes back with Lost(", run=giving_up),
    wrong("executor", "no_task", "of no task comes [(None, None)]", run=eager),
    wrong("executor", "stops", "12 tasks are done though stop() is true from the start", run=unstoppable),
    wrong("executor", "stops", "though stop() is true after the first", run=stops_only_before),
    wrong("executor", "raises", "the work raises, and 3 results come back", run=silent),
    wrong("executor", "raises", "Refusal arrives as RuntimeError: a worker had a problem", run=rewording),
    wrong("executor", "leaving_early", "raised RuntimeError: stay", run=clinging),
]


STACKED = ("activation", "loss", "optimizer", "schedule", "network", "objective", "metric")

WRONG = [
    *(each for kind in RIGHT for each in any_kind(kind)),
    *(each for kind in RIGHT if kind != "executor" for each in computing_kind(kind)),
    *(each for kind in STACKED for each in stacked_kind(kind)),
    *ACTIVATIONS,
    *OPEN_ACTIVATIONS,
    *LOSSES,
    *OPTIMIZERS,
    *SCHEDULES,
    *INITIALIZERS,
    *DATASETS,
    *NETWORKS,
    *OPEN_NETWORKS,
    *OBJECTIVES,
    *METRICS,
    *FIGURES,
    *EXECUTORS,
]
