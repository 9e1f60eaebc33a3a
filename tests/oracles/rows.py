"""What an oracle's row is, and what our component makes of the same inputs.

A row names a component, its hyperparameters, a library, and how the library says the same thing. From
fixed inputs both sides compute a list of figures, which must agree. Inputs are plain arithmetic, not
draws, so that figures recorded once stay comparable whatever generator NumPy ships.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from shipped import REGISTRY

from anncore import Array, Moment, WeightSpec, build
from anncore.contract.hyperparameters import declared, references, resolve
from anncore.engine.activations import gates
from anncore.engine.nested import fit, rates
from anncore.engine.network import PlacedNetwork

STEPS, HALVED_AT = 60, 31  # an optimizer's steps; from this one on with half the learning rate
SEEN = (1, 2, 3, 5, 10, 20, 30, 31, 32, 40, 50, 60)  # the steps after which θ is compared
UPDATES = 40  # the length of a schedule, after each update of which one that watches sees one of SCORES
FAN_IN, FAN_OUT = 300, 200


@dataclass(frozen=True)
class Row:
    """One component against one library.

    theirs: what the library's driver needs, a function of the library's module at least.
    inputs: which of INPUTS, for losses and metrics; which of PATHS, for optimizers; "training", "evaluation"
    or "learning", by a rule of its own, for networks. rtol, atol: how closely they agree, with the reason in
    `why` where the library cannot do better. halves: whether an optimizer's learning rate changes on the way;
    inside: name and hyperparameters of the optimizer in it; problem: which of PROBLEMS it descends.
    """

    library: str
    kind: str
    name: str
    theirs: Callable[..., Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    inputs: str = ""
    rtol: float = 1e-10
    atol: float = 1e-12
    why: str = ""
    halves: bool = True
    inside: tuple[str, Mapping[str, Any]] = ("", {})
    problem: str = "given"

    @property
    def id(self) -> str:
        """Its name in test reports and in the file of recorded figures."""
        settings = [f"{key}={value}" for key, value in self.values.items()]
        inside = [f"around {self.inside[0]}"] if self.inside[0] else []
        words = [f"{self.library}: {self.kind} {self.name}", *settings, *inside, self.inputs]
        return " ".join(words).strip()


def spread(count: int, low: float, high: float, turn: int = 0) -> Array:
    """Return numbers that fill [low, high) evenly in no visible order: multiples of the golden ratio."""
    return low + (high - low) * ((np.arange(1, count + 1) + 100 * turn) * 0.6180339887498949 % 1)


START = np.array([1.0, -0.5, 0.25])
GRADS = spread(3 * STEPS, -1, 1).reshape(STEPS, 3) * np.array([1, 0.05, 1e-3])  # three scales, both signs
# By name, where an optimizer starts and the gradients it meets; matrices are (fan_in, fan_out), as ours are.
PATHS: Mapping[str, tuple[Array, Array]] = {
    "": (START, GRADS),
    "wide": (
        spread(12, -1, 1, turn=9).reshape(3, 4),
        spread(12 * STEPS, -1, 1, turn=10).reshape(STEPS, 3, 4),
    ),
    "tall": (
        spread(12, -1, 1, turn=9).reshape(4, 3),
        spread(12 * STEPS, -1, 1, turn=10).reshape(STEPS, 4, 3),
    ),
}
Z = np.concatenate([spread(36, -6, 6), [-100, -30, -12, 12, 30, 100]]).reshape(14, 3)
WIDE_Z = spread(84, -6, 6, turn=9).reshape(14, 6)  # for gates
UPSTREAM = spread(42, -2, 2, turn=1).reshape(14, 3)

# Losses that fall for ten updates and then stand still, but for two jolts and ever smaller gains
SCORES = [2 - 0.1 * min(t, 10) + (t in (13, 25)) * 0.5 - 1e-5 * t - (t == 30) * 0.2 for t in range(UPDATES)]

_P = spread(24, 0.05, 1, turn=2).reshape(8, 3)
INPUTS: Mapping[str, tuple[Array, Array]] = {
    "regression": (
        spread(24, -3, 3, turn=3).reshape(8, 3),
        spread(24, -2, 2, turn=4).reshape(8, 3),
    ),
    # Sizes and counts, and shares of a picture of which a half is marked
    "positive": (
        spread(24, 0.1, 6, turn=18).reshape(8, 3),
        np.floor(spread(24, 0, 6, turn=19)).reshape(8, 3),
    ),
    "picture": (
        spread(48, 0.02, 0.98, turn=20).reshape(8, 6),
        (spread(48, 0, 1, turn=21) > 0.5).astype(float).reshape(8, 6),
    ),
    "binary": (spread(12, 0.02, 0.98, turn=5).reshape(12, 1), np.array([[0.0], [1], [1]] * 4)),
    "multiclass": (_P / _P.sum(axis=1, keepdims=True), np.eye(3)[[0, 1, 1, 2, 0, 2, 2, 2]]),
    "binary logits": (spread(12, -9, 9, turn=6).reshape(12, 1), np.array([[0.0], [1], [1]] * 4)),
    "multiclass logits": (
        spread(24, -9, 9, turn=7).reshape(8, 3),
        np.eye(3)[[0, 1, 1, 2, 0, 2, 2, 2]],
    ),
    "margin": (spread(12, -3, 3, turn=9).reshape(12, 1), np.array([[0.0], [1], [1]] * 4)),
    "margins": (spread(24, -3, 3, turn=10).reshape(8, 3), np.eye(3)[[0, 1, 1, 2, 0, 2, 2, 2]]),
    # Three means, then what gives three variances
    "gaussian": (
        np.concatenate(
            [spread(24, -3, 3, turn=11).reshape(8, 3), spread(24, -4, 4, turn=12).reshape(8, 3)], 1
        ),
        spread(24, -2, 2, turn=13).reshape(8, 3),
    ),
    # Targets that are no class but a distribution
    "soft multiclass logits": (spread(24, -3, 3, turn=8).reshape(8, 3), _P / _P.sum(axis=1, keepdims=True)),
}


def given(theta: Any, grad: Any) -> Any:
    """g θ: gradients that do not depend on θ."""
    return (grad * theta).sum(-1)


def tilted(theta: Any, grad: Any) -> Any:
    """Σ θ⁴ / 4 + g θ: another function in every step."""
    return (theta**4 / 4 + grad * theta).sum(-1)


def valley(theta: Any, grad: Any) -> Any:
    """Rosenbrock's function of three numbers, the same in every step."""
    ahead, behind = theta[..., 1:], theta[..., :-1]
    return (100 * (ahead - behind**2) ** 2 + (1 - behind) ** 2).sum(-1)


def valley_slope(theta: Array) -> Array:
    """Return the valley's gradient."""
    off = theta[..., 1:] - theta[..., :-1] ** 2
    slope = np.zeros_like(theta)
    slope[..., :-1] = -400 * theta[..., :-1] * off - 2 * (1 - theta[..., :-1])
    slope[..., 1:] += 200 * off
    return slope


def valley_residuals(theta: Array) -> tuple[Array, Array]:
    """Return the residuals of the valley, (1, 1, M), and their derivatives, (1, M, P)."""
    ahead, behind = theta[0, 0, 1:], theta[0, 0, :-1]
    count = len(behind)
    slopes = np.zeros((2 * count, count + 1))
    for i in range(count):
        slopes[i, i : i + 2] = -20 * behind[i], 10
        slopes[count + i, i] = -1
    return np.concatenate([10 * (ahead - behind**2), 1 - behind])[None, None], slopes[None]


class Answers:
    """What an optimizer that asks is answered in a step; residuals are the valley's."""

    def __init__(self, problem: str, grad: Array) -> None:
        self._problem, self._grad = problem, grad

    def __call__(self, theta: Array) -> tuple[Array, Array]:
        """Return the value and the gradient."""
        value = PROBLEMS[self._problem](theta, self._grad)
        return value[..., None], SLOPES[self._problem](theta, self._grad)

    def residuals(self, theta: Array) -> tuple[Array, Array]:
        """Return residuals and their derivatives."""
        return valley_residuals(theta)


PROBLEMS: Mapping[str, Callable[[Any, Any], Any]] = {"given": given, "tilted": tilted, "valley": valley}
SLOPES: Mapping[str, Callable[[Array, Array], Array]] = {
    "given": lambda theta, grad: grad + 0 * theta,
    "tilted": lambda theta, grad: theta**3 + grad,
    "valley": lambda theta, grad: valley_slope(theta),
}


def ours(row: Row) -> Array:
    """Return our component's figures, hyperparameters as training hands them over: arrays, in float64."""
    component = built(row.kind, row.name, row.values)
    if row.inside[0]:
        (field,) = references(type(component))
        component = dataclasses.replace(component, **{field: (built(row.kind, *row.inside),)})
    return np.ravel(FIGURES[row.kind](component, row))


def built(kind: str, name: str, given: Mapping[str, Any]) -> Any:
    """Return a component whose stackable hyperparameters are arrays (1, 1, 1)."""
    cls: Any = REGISTRY.get(kind, name).cls
    values = resolve(cls, given) | {
        key: (REGISTRY.get(reference.kind, given.get(key, reference.default)).cls(),)
        for key, reference in references(cls).items()
        if reference.kind == kind
    }
    for key, declaration in declared(cls).items():
        if declaration.stackable:
            values[key] = np.full((1, 1, 1), float(values[key]))
    return cls(**values)


def halved(t: int, row: Row) -> float:
    """Return the factor on the learning rate at step t."""
    return 0.5 if row.halves and t >= HALVED_AT else 1.0


def _optimizer(component: Any, row: Row) -> Any:
    start, grads = PATHS[row.inputs]
    shape = np.atleast_2d(start).shape
    theta, places = start.reshape(1, 1, -1), []
    bases = [(rate, rate.lr.copy()) for rate in rates(component)]
    slope = SLOPES[row.problem]

    def ask() -> Any:
        return Answers(row.problem, grad)

    driver = fit(component, [WeightSpec("W", shape, *shape, place="hidden")], ask)
    state = driver.init(theta)
    for t, grad in enumerate(grads.reshape(len(grads), 1, 1, -1), start=1):
        for rate, base in bases:
            np.multiply(base, halved(t, row), out=rate.lr)  # as the engine does
        change, state = driver.step(theta, slope(theta, grad), state, t)
        theta = theta + change
        places += [driver.evaluated(theta, state)[0].reshape(shape)] * (t in SEEN)
    return places


def z_of(row: Row) -> Array:
    """Return an activation's pre-activations, (14, D)."""
    cls = REGISTRY.get("activation", row.name).cls
    return WIDE_Z if gates(cls) and cls.multiple == 1 else Z


def upstream_of(row: Row) -> Array:
    """Return the gradient from the next layer, (14, units)."""
    pairs = REGISTRY.get("activation", row.name).cls.multiple
    return UPSTREAM if pairs == 1 else spread(42 * pairs, -2, 2, turn=1).reshape(14, 3 * pairs)


def own(row: Row) -> dict[str, Array]:
    """Return an activation's own parameters, moved from where they start; none where it does not learn."""
    component = build(REGISTRY.get("activation", row.name).cls, **row.values)
    specs = component.specs(Z.shape[1]) if component.learns else ()
    return {spec.name: spec.initial + spread(spec.shape[1], -0.2, 0.2).reshape(spec.shape) for spec in specs}


def _activation(component: Any, row: Row) -> Any:
    z, grad, weights = (
        z_of(row)[None],
        upstream_of(row)[None],
        {name: weight[None] for name, weight in own(row).items()},
    )
    if component.random:  # as in evaluation
        a = component.forward(z, None)
        return a, component.backward(grad, z, a, None)
    if not weights:
        a = component.forward(z)
        return np.concatenate([np.ravel(a), np.ravel(component.backward(grad, z, a))])
    grads = {name: np.empty_like(weight) for name, weight in weights.items()}
    a = component.forward(z, weights)
    back = component.backward(grad, z, a, weights, grads)
    return np.concatenate([np.ravel(result) for result in (a, back, *grads.values())])


def _loss(component: Any, row: Row) -> Any:
    output, target = (array[None] for array in INPUTS[row.inputs])
    if "logits" in row.inputs:
        link = "sigmoid" if row.inputs.startswith("binary") else "softmax"
        value = component.value_from_logits(output, target, link)
        grad = component.grad_from_logits(output, target, link)
    else:
        value, grad = component.value(output, target), component.grad(output, target)
    return np.concatenate([value, np.ravel(grad)])


def points(row: Row) -> Array:
    """Return where an objective is evaluated, (5, 1, D)."""
    size = int(build(REGISTRY.get("objective", row.name).cls, **row.values).dimensions)
    return spread(5 * size, -2, 2, turn=17).reshape(5, 1, size)


def _objective(component: Any, row: Row) -> Any:
    x = points(row)
    given = [x, np.zeros_like(x)] if component.noisy else [x]
    return np.concatenate([component.value(x), np.ravel(component.grad(*given))])


def _schedule(component: Any, row: Row) -> Any:
    factors = []
    state = component.init(np.ones((1, 1, 1)))
    for t, score in enumerate(SCORES, start=1):
        factors.append(np.ravel(component.factor(t, UPDATES, state)))
        state = component.observe(state, np.full((1, 1, 1), score), t)
    return factors


def _initializer(component: Any, row: Row) -> Any:
    plain = {key: float(np.ravel(value)[0]) for key, value in vars(component).items() if np.ndim(value) == 3}
    component = dataclasses.replace(component, **plain)
    return facts(component.sample(np.random.default_rng(0), (FAN_IN, FAN_OUT), FAN_IN, FAN_OUT))


def facts(weights: Array) -> Array:
    """Return what can be compared of random weights: their spread and the quantiles of their sizes."""
    quantiles = np.quantile(np.abs(weights), [0.25, 0.5, 0.75, 0.9, 0.99])
    return np.concatenate([[np.std(weights)], quantiles])


# A network with two hidden layers of ReLU under the mean squared error: units 2 of the first and 1 of the
# second are dead
NETWORK = {
    "W1": spread(12, -1, 1, turn=14).reshape(3, 4),
    "b1": np.array([[0.1, -9, 0.2, 0.3]]),
    "W2": spread(8, -1, 1, turn=15).reshape(4, 2),
    "b2": np.array([[-9, 0.5]]),
    "W3": spread(6, -1, 1, turn=16).reshape(2, 3),
    "b3": np.array([[0.1, 0.2, 0.3]]),
}


def _watching(component: Any) -> Any:
    x, y = (array[None] for array in INPUTS["regression"])
    classes = {kind: REGISTRY.get(kind, name).cls for kind, name in COMPONENTS.items()}
    plain: Any = classes["network"](hidden=(4, 2), activation=(classes["activation"](),))
    network = PlacedNetwork(plain, 3, 3, None)
    weights = {name: array[None] for name, array in NETWORK.items()}
    grads = {name: np.zeros_like(array) for name, array in weights.items()}
    z, tape = network.forward(weights, x)
    network.backward(weights, tape, classes["loss"]().grad(z, y), grads)
    layers = network.layers(tape)
    if not component.probes:
        scores = component.score(layers, weights, grads)
        return [scores[suffix] for suffix in sorted(scores)]

    def gradient(other: Any) -> Any:
        z, tape = network.forward(other, x)
        grads = {name: np.zeros_like(array) for name, array in other.items()}
        network.backward(other, tape, classes["loss"]().grad(z, y), grads)
        return grads

    changes = {name: array[None] for name, array in CHANGES.items()}
    scores = component.score(Moment(layers, weights, grads, changes, gradient))
    return [scores[suffix] for suffix in sorted(scores)]


# What the last update is said to have added to it
CHANGES = {
    name: spread(array.size, -0.01, 0.02, turn=i).reshape(array.shape)
    for i, (name, array) in enumerate(NETWORK.items(), start=30)
}

COMPONENTS = {"network": "mlp", "activation": "relu", "loss": "mse"}


def _metric(component: Any, row: Row) -> Any:
    if component.watches:
        return _watching(component)
    output, target = INPUTS[row.inputs]
    return component.score(output[None], target[None])


# Inputs and outputs of a network, where these are not 3 and 2.
SIZES: Mapping[str, tuple[int, int]] = {
    "hopfield": (4, 4),
    "maxnet": (5, 5),
    "lattice": (16, 16),
    "autoencoder": (3, 3),
    "gan": (3, 3),
    **dict.fromkeys(("elman", "rnn", "lstm", "gru", "echo_state", "transformer"), (8, 2)),
    "jordan": (12, 8),  # four steps of three columns, and of two outputs each
    "cnn": (64, 3),
    "locally_connected": (36, 3),
}


class Pass(NamedTuple):
    """What goes into a pass through a network, without the trial axis."""

    specs: Sequence[WeightSpec]
    weights: Mapping[str, Array]
    x: Array
    grad: Array

    @property
    def trained(self) -> list[str]:
        """The names of what is no state."""
        return [spec.name for spec in self.specs if spec.role != "state"]

    @property
    def state(self) -> list[str]:
        """The names of what is."""
        return [spec.name for spec in self.specs if spec.role == "state"]


class Drawn:
    """Numbers in place of random ones, equal for both sides."""

    def of(self, name: str, trials: slice, draw: Callable[[np.random.Generator], Array]) -> Array:
        """Return numbers of the shape that is drawn, the same for every name."""
        shape = draw(np.random.default_rng(0)).shape
        return drawn(shape)[None]


def drawn(shape: tuple[int, ...]) -> Array:
    """Return what stands for random numbers of a shape."""
    return spread(math.prod(shape), -1.5, 1.5, turn=12).reshape(shape)


def placed(component: Any, row: Row) -> PlacedNetwork:
    """Return a network with tanh in its places, if it has any."""
    tanh = REGISTRY.get("activation", "tanh").cls()
    if hasattr(component, "activation"):
        component = dataclasses.replace(component, activation=(tanh,))
    return PlacedNetwork(component, *SIZES.get(row.name, (3, 2)), Drawn())


def a_pass(row: Row) -> Pass:
    """Return what a row's network is given; every number is another, variances are positive."""
    component = build(REGISTRY.get("network", row.name).cls, **row.values)
    specs = placed(component, row).specs
    weights = {
        spec.name: spec.initial + spread(spec.shape[0] * spec.shape[1], -0.6, 0.6, turn=i).reshape(spec.shape)
        for i, spec in enumerate(specs, start=20)
    }
    inputs, outputs = SIZES.get(row.name, (3, 2))
    x = spread(7 * inputs, -2, 2, turn=10).reshape(7, inputs)
    return Pass(specs, weights, x, spread(7 * outputs, -2, 2, turn=11).reshape(7, outputs))


def _network(component: Any, row: Row) -> Any:
    given = a_pass(row)
    network, weights = (
        placed(component, row),
        {name: value[None].copy() for name, value in given.weights.items()},
    )
    grads = {name: np.full_like(weights[name], np.nan) for name in given.trained}
    if row.inputs == "learning":
        network.learn(weights, given.x[None], given.x[None], grads, now=(1, 1))
        return np.concatenate([np.ravel(grad) for grad in grads.values()])
    z, tape = network.forward(weights, given.x[None], training=row.inputs == "training")
    network.backward(weights, tape, given.grad[None], grads)
    figures = [z, *grads.values(), *(weights[name] for name in given.state)]
    return np.concatenate([np.ravel(figure) for figure in figures])


FIGURES: Mapping[str, Callable[[Any, Row], Any]] = {
    "optimizer": _optimizer,
    "activation": _activation,
    "loss": _loss,
    "objective": _objective,
    "schedule": _schedule,
    "initializer": _initializer,
    "metric": _metric,
    "network": _network,
}
