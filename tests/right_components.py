"""A component of each kind that keeps every promise, for the kit's tests to spoil in one way at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from forward_only import BatchNorm, Residual
from right_doors import DOORS
from scipy import special

from anncore import (
    Activation,
    AskingOptimizer,
    ComponentError,
    CurvatureOptimizer,
    Data,
    Dataset,
    Drawing,
    Draws,
    Evaluate,
    Evaluation,
    Executor,
    Figure,
    FigureInput,
    Game,
    Hyper,
    Initializer,
    JointLoss,
    Layer,
    LearnMode,
    Likelihood,
    Loss,
    Metric,
    ModalNetwork,
    Network,
    NetworkMetric,
    NoisyObjective,
    Objective,
    Optimizer,
    OptimizerWrapper,
    RuleNetwork,
    Schedule,
    Task,
    WatchingMetric,
    WeightSpec,
    drawing,
    hyper,
    linear,
    ref,
)
from anncore.contract.kinds import Array
from anncore.testing.places import Drawing as Drawn, Gating, Learning


@dataclass(frozen=True)
class Bent(Activation):
    """A line with a bend at 0.

        f(z) = z where z > 0, slope z elsewhere

    Domain: slope in [0, 1]. Nobody, "Bent lines", 2020.
    """

    name: ClassVar[str] = "bent"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    slope: Hyper = hyper(0.1, "[0, 1]", search=linear(0.1, 0.5))

    def forward(self, z: Array) -> Array:
        return np.where(z > 0, z, self.slope * z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return np.where(z > 0, grad, self.slope * grad)


@dataclass(frozen=True)
class Written(Activation):
    """An activation of which only the formula is written, and which `FORMULAS` gives."""

    name: ClassVar[str] = "written"
    which: str = hyper(
        "mish",
        ("mish", "swish", "celu", "squareplus", "power", "snake", "tanhexp", "xlogy", "hypot", "halves"),
    )
    alpha: Hyper = hyper(1.5, "(0, inf)")

    def forward(self, z: Array) -> Array:
        return FORMULAS[self.which](z, self.alpha)


FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "mish": lambda z, alpha: z * np.tanh(np.logaddexp(0, z)),
    "swish": lambda z, alpha: z * special.expit(alpha * z),
    "celu": lambda z, alpha: np.maximum(z, 0) + np.minimum(0, alpha * np.expm1(z / alpha)),
    "squareplus": lambda z, alpha: (z + np.sqrt(z**2 + alpha)) / 2,
    "power": lambda z, alpha: np.sign(z) * np.abs(z) ** alpha + np.maximum(z, 0) ** 1.7,
    "snake": lambda z, alpha: z + np.sin(alpha * z) ** 2 / alpha,
    "tanhexp": lambda z, alpha: z * np.tanh(np.exp(np.minimum(z, 30))),
    "xlogy": lambda z, alpha: special.xlogy(np.abs(z), np.abs(z) + alpha) + np.arctan2(z, alpha),
    "halves": lambda z, alpha: np.tanh(np.where(z > 20, z, np.log1p(np.exp(np.minimum(alpha * z, 20))))),
    "hypot": lambda z, alpha: np.hypot(z, alpha) + 2.0 ** -np.abs(z) + (1 + z * z) ** -1,
}


@dataclass(frozen=True)
class Quartic(JointLoss):
    """Mean of the fourth power of the error.

        ℓ = (a - y)⁴

    Domain: real. From logits with the identity it is the same. Nobody, "Fourth powers", 2020.
    """

    name: ClassVar[str] = "quartic"
    outputs: ClassVar[dict[str, str]] = {"regression": "identity"}
    joint: ClassVar[tuple[str, ...]] = ("identity",)

    def value(self, output: Array, target: Array) -> Array:
        return ((output - target) ** 4).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        return 4 * (output - target) ** 3 / (output.shape[1] * output.shape[2])

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        return self.value(z, target)

    def grad_from_logits(self, z: Array, target: Array, link: str) -> Array:
        return self.grad(z, target)


@dataclass(frozen=True)
class Scaled(Loss):
    """Squared error over a predicted scale, from the prediction and the scale's logarithm.

        ℓ = ((a - y)² exp(-s) + s) / 2

    Domain: real. Nobody, "Scales", 2020.
    """

    name: ClassVar[str] = "scaled"
    outputs: ClassVar[dict[str, str]] = {"regression": "identity"}
    outputs_per_target: ClassVar[int] = 2

    def value(self, output: Array, target: Array) -> Array:
        a, s = np.split(np.clip(output, -20, 1e9), 2, axis=2)
        return 0.5 * ((a - target) ** 2 * np.exp(-s) + s).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        a, s = np.split(np.clip(output, -20, 1e9), 2, axis=2)
        error, size = a - target, target.shape[1] * target.shape[2]
        return np.concatenate([error * np.exp(-s), 0.5 * (1 - error**2 * np.exp(-s))], axis=2) / size

    def predict(self, output: Array) -> Array:
        return np.split(output, 2, axis=2)[0]


@dataclass(frozen=True)
class Sides(Loss):
    """Squared lack of a margin of 1.

        ℓ = max(0, 1 - (2y - 1) x)²

    Domain: real. Nobody, "Sides", 2020.
    """

    name: ClassVar[str] = "sides"
    outputs: ClassVar[dict[str, str]] = {"binary": "identity"}

    def value(self, output: Array, target: Array) -> Array:
        return (np.maximum(1 - (2 * target - 1) * output, 0) ** 2).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        sign = 2 * target - 1
        return -2 * sign * np.maximum(1 - sign * output, 0) / (output.shape[1] * output.shape[2])

    def predict(self, output: Array) -> Array:
        return 0.5 * (1 + np.tanh(output))


@dataclass(frozen=True)
class Squares(Loss):
    """Half the squared error.

        ℓ = (a - y)² / 2

    Domain: real. Nobody, "Squares", 2020.
    """

    name: ClassVar[str] = "squares"
    outputs: ClassVar[dict[str, str]] = {"regression": "identity"}
    likelihood: ClassVar[Likelihood] = "output"

    def value(self, output: Array, target: Array) -> Array:
        return 0.5 * ((output - target) ** 2).mean(axis=(1, 2))

    def residuals(self, output: Array, target: Array) -> Array:
        return (output - target) * np.sqrt(np.asarray(0.5 / output.shape[2], output.dtype))

    def draw(self, output: Array, draws: Draws) -> Array:
        return output + draws.normal(output)


@dataclass(frozen=True)
class Tosses(Loss):
    """Cross-entropy of a coin.

        ℓ = -y log p - (1 - y) log(1 - p)

    Domain: p in (0, 1). Nobody, "Tosses", 2020.
    """

    name: ClassVar[str] = "tosses"
    outputs: ClassVar[dict[str, str]] = {"binary": "sigmoid"}
    accepts: ClassVar[str] = "[0, 1]"
    likelihood: ClassVar[Likelihood] = "output"

    def value(self, output: Array, target: Array) -> Array:
        p = np.clip(output, 1e-9, 1 - 1e-7)
        return -(target * np.log(p) + (1 - target) * np.log1p(-p)).mean(axis=(1, 2))

    def draw(self, output: Array, draws: Draws) -> Array:
        return (draws.uniform(output) < output).astype(output.dtype)


@dataclass(frozen=True)
class Faces(Loss):
    """Cross-entropy of a die.

        ℓ = -Σ y log p

    Domain: p in (0, 1). Nobody, "Faces", 2020.
    """

    name: ClassVar[str] = "faces"
    outputs: ClassVar[dict[str, str]] = {"multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    likelihood: ClassVar[Likelihood] = "example"

    def value(self, output: Array, target: Array) -> Array:
        return -(target * np.log(np.maximum(output, 1e-9))).sum(axis=2).mean(axis=1)

    def draw(self, output: Array, draws: Draws) -> Array:
        below = (draws.uniform(output[:, :, :1]) < np.cumsum(output, axis=2)).astype(output.dtype)
        below[:, :, -1] = 1
        return np.concatenate([below[:, :, :1], below[:, :, 1:] - below[:, :, :-1]], axis=2)


class State(NamedTuple):
    v: Array


@dataclass(frozen=True)
class Plain(Optimizer):
    """Gradient descent that remembers the last gradient for no reason.

        θ ← θ - lr g

    Domain: lr > 0. Nobody, "Down", 2020.
    """

    name: ClassVar[str] = "plain"
    lr: Hyper = hyper(0.01, "(0, inf)")

    def init(self, weight: Array) -> State:
        return State(np.zeros_like(weight))

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -self.lr * grad, State(grad + 0)


@dataclass(frozen=True)
class Foresight(AskingOptimizer):
    """Gradient descent by the gradient where the last one leads.

        θ ← θ - lr ∇(θ - lr g)

    Domain: lr > 0. Nobody, "Ahead", 2020.
    """

    name: ClassVar[str] = "foresight"
    scope: ClassVar[str] = "trial"
    lr: Hyper = hyper(0.01, "(0, inf)")

    def init(self, weight: Array) -> tuple[()]:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluate) -> tuple[Array, Any]:
        _, ahead = evaluate(weight - self.lr * grad)
        return -self.lr * ahead, state


@dataclass(frozen=True)
class Curved(CurvatureOptimizer):
    """Gradient descent with shorter steps where the curvature is large.

        θ ← θ - lr g / (1 + s²)

    Domain: lr > 0. Nobody, "Curves", 2020.
    """

    name: ClassVar[str] = "curved"
    needs: ClassVar[str] = "sampled_gradient"
    lr: Hyper = hyper(0.01, "(0, inf)")

    def init(self, weight: Array) -> tuple[()]:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int, evaluate: Evaluation) -> tuple[Array, Any]:
        sampled = evaluate.sampled_gradient(weight)
        return -self.lr * grad / (1 + sampled * sampled), state


class Halves(NamedTuple):
    mean: Array
    inner: Any


@dataclass(frozen=True)
class Halfway(OptimizerWrapper):
    """Any optimizer, evaluated at a running mean of where it was; biases are left to another.

        m ← (m + θ) / 2

    Nobody, "Means", 2020. optimizer: what moves weights; rest: what moves all else.
    """

    name: ClassVar[str] = "halfway"
    optimizer: Any = ref("optimizer", "sgd")
    rest: Any = ref("optimizer", "sgd")

    def init(self, weight: Array) -> Halves:
        return Halves(weight + 0, self.wrapped.init(weight))

    def step(self, weight: Array, grad: Array, state: Halves, t: int) -> tuple[Array, Halves]:
        change, inner = self.wrapped.step(weight, grad, state.inner, t)
        return change, Halves((state.mean + self.wrapped.evaluated(weight + change, inner)) / 2, inner)

    def evaluated(self, weight: Array, state: Halves) -> Array:
        return state.mean

    def route(self, spec: WeightSpec) -> str:
        return "" if spec.role == "weight" else "rest"


@dataclass(frozen=True)
class Fade(Schedule):
    """Falls with t.

        rate / t

    Domain: rate > 0. Nobody, "Fading", 2020.
    """

    name: ClassVar[str] = "fade"
    rate: Hyper = hyper(1.0, "(0, inf)")

    def factor(self, t: int, steps: int, state: Any) -> Hyper:
        return self.rate / t


class Watched(NamedTuple):
    best: Array
    rate: Array


@dataclass(frozen=True)
class Heedful(Schedule):
    """Falls by a factor whenever the loss is no better than the best.

        rate ← rate fall

    Domain: fall in (0, 1). Nobody, "Heed", 2020.
    """

    name: ClassVar[str] = "heedful"
    fall: Hyper = hyper(0.5, "(0, 1)")

    def init(self, ones: Array) -> Watched:
        return Watched(np.inf * ones, 1 * ones)

    def observe(self, state: Watched, score: Array, t: int) -> Watched:
        rate = np.where(score < state.best, state.rate, self.fall * state.rate)
        return Watched(np.minimum(state.best, score), rate)

    def factor(self, t: int, steps: int, state: Watched) -> Hyper:
        return state.rate


@dataclass(frozen=True)
class Spread(Initializer):
    """Weights from N(0, 1).

        W ~ N(0, 1)

    Nobody, "Spread", 2020.
    """

    name: ClassVar[str] = "spread"

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.standard_normal(shape)


@dataclass(frozen=True)
class Fitting(Spread):
    """Weights from N(0, 1), then divided once by the largest pre-activation.

        W ← W / max |z|

    Nobody, "Fits", 2020.
    """

    name: ClassVar[str] = "fitting"

    def adjust(self, weight: Array, z: Array, attempt: int) -> Array | None:
        return weight / np.abs(z).max(axis=(1, 2), keepdims=True) if attempt == 0 else None


@dataclass(frozen=True)
class Tilting(Spread):
    """Weights from N(0, 1) and biases of 1.

        W ~ N(0, 1),  b = 1

    Nobody, "Tilts", 2020.
    """

    name: ClassVar[str] = "tilting"

    def draw(self, rng: np.random.Generator, specs: Sequence[WeightSpec]) -> Mapping[str, Array]:
        biases = {spec.name: np.ones(spec.shape) for spec in specs if spec.role == "bias"}
        return {**super().draw(rng, specs), **biases}


@dataclass(frozen=True)
class Coins(Dataset):
    """Coin tosses.

    x ~ N(0, 1), y a coin. n examples.
    """

    name: ClassVar[str] = "coins"
    n: int = hyper(50, "int [10, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        return Data(rng.standard_normal((self.n, 2)), np.arange(self.n) % 2, "binary")


@dataclass(frozen=True)
class Shallow(Network):
    """A hidden layer of two units.

        z = f(x A) B

    Nobody, "Shallow", 2020.
    """

    name: ClassVar[str] = "shallow"
    output: Any = ref("activation", "auto")
    activation: Any = ref("activation", "tanh")

    def specs(self, inputs: int, outputs: int) -> list[WeightSpec]:
        return [WeightSpec("A", (inputs, 2), inputs, 2), WeightSpec("B", (2, outputs), 2, outputs)]

    def forward(self, weights: Any, x: Array) -> tuple[Array, Any]:
        z = x @ weights["A"]
        a = self.activation[0].forward(z)
        return a @ weights["B"], (x, z, a)

    def backward(self, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
        x, z, a = tape
        grads["B"][:] = a.swapaxes(1, 2) @ grad
        back = self.activation[0].backward(grad @ weights["B"].swapaxes(1, 2), z, a)
        grads["A"][:] = x.swapaxes(1, 2) @ back


@dataclass(frozen=True)
class Bowl(NoisyObjective):
    """A round bowl, seen through noise.

        f(x) = ½ Σᵢ xᵢ²

    From dimensions numbers of 1. Nobody, "Bowls", 2020.
    """

    name: ClassVar[str] = "bowl"
    dimensions: int = hyper(3, "int [1, inf)")

    @property
    def minimum(self) -> Array:
        return np.zeros(self.dimensions)

    def start(self, rng: np.random.Generator) -> Array:
        return np.ones(self.dimensions)

    def value(self, x: Array) -> Array:
        return (x * x).sum(axis=(1, 2)) / 2

    def draw(self, rng: np.random.Generator) -> Array:
        return rng.standard_normal(self.dimensions)

    def grad(self, x: Array, noise: Array) -> Array:
        return x + noise


@dataclass(frozen=True)
class Ditch(Objective):
    """A ditch with a round floor.

        f(x) = (x₁ - 1)² + 4 (x₂ - x₁²)²

    Nobody, "Ditches", 2020.
    """

    name: ClassVar[str] = "ditch"
    dimensions: ClassVar[int] = 2

    @property
    def minimum(self) -> Array:
        return np.ones(2)

    def start(self, rng: np.random.Generator) -> Array:
        return np.zeros(2)

    def value(self, x: Array) -> Array:
        one, other = x[:, 0, 0] - 1, x[:, 0, 1] - x[:, 0, 0] * x[:, 0, 0]
        return one * one + 4 * (other * other)

    def residuals(self, x: Array) -> Array:
        first, second = x[:, :, :1], x[:, :, 1:]
        return np.concatenate([first - 1, 2 * (second - first * first)], axis=2)


@dataclass(frozen=True)
class Share(Metric):
    """Share of the outputs that are on the right side of 1/2.

        mean [p > 1/2] = y

    Nobody, "Sides", 2020.
    """

    name: ClassVar[str] = "share"
    goal: ClassVar[str] = "max"
    tasks: ClassVar[tuple[str, ...]] = ("binary",)
    bounds: ClassVar[str] = "[0, 1]"

    def score(self, output: Array, target: Array) -> Array:
        right = ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, right)


@dataclass(frozen=True)
class Loudness(WatchingMetric):
    """Mean size of the pre-activations, layer by layer.

        mean |z|

    Nobody, "Noise", 2020.
    """

    name: ClassVar[str] = "loudness"
    goal: ClassVar[str] = "min"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass", "regression")
    bounds: ClassVar[str] = "[0, inf)"

    def score(self, layers: Any, weights: Any, grads: Any) -> dict[str, Array]:
        return {layer.weight: np.abs(layer.z).mean(axis=(1, 2)) for layer in layers}


@dataclass(frozen=True)
class Bars(Figure):
    """A bar per arm, as long as its mean rank.

    Nothing where there is no arm.
    """

    name: ClassVar[str] = "bars"
    question: ClassVar[str] = "Who is ahead?"
    order: ClassVar[int] = 90

    def draw(self, data: FigureInput) -> Drawing | None:
        rows = data.report["leaderboard"]["overall"]
        if not rows:
            return None
        title = f"{len(rows)} arms, best first"
        sheet = drawing.new_sheet(6.0, 2.0, title, "A bar is a mean rank.", data.theme)
        drawing.place(sheet, 0.5, 0.3, 5.0, 1.5).barh(range(len(rows)), [row["mean_rank"] for row in rows])
        return Drawing(sheet, self.name, title, f"Bars of mean ranks. {title}.")


@dataclass(frozen=True)
class Meek(Executor):
    """One task after the other, in this process.

    jobs has no meaning here.
    """

    name: ClassVar[str] = "meek"

    def run(self, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
        for task in tasks:
            if stop():
                return
            yield task, work(task)


# Special forms and optional methods


@dataclass(frozen=True)
class Tilted(Learning):
    """A bend with a tilt to learn.

        f(z) = z / √(1 + z²) + tilt z

    Domain: real. Nobody, "Tilts", 2020.
    """

    name: ClassVar[str] = "tilted"


@dataclass(frozen=True)
class Shaken(Drawn):
    """A bend of a height that is drawn.

        f(z) = (1 + u) z / √(1 + z²),  u ~ U(0, 1)

    Domain: real. Nobody, "Shaken, not bent", 2020.
    """

    name: ClassVar[str] = "shaken"


@dataclass(frozen=True)
class Gated(Gating):
    """A gate.

        f(u, v) = u v / √(1 + v²)

    Domain: real. Nobody, "Gates", 2020.
    """

    name: ClassVar[str] = "gated"


@dataclass(frozen=True)
class Furnished(ModalNetwork):
    """A hidden layer of two units with all that there is.

        z = f(x' (A ∘ mask) - mean) B

    In training x' is x with holes and the mean is the batch's, remembered for evaluation.
    Nobody, "Interiors", 2020.
    """

    name: ClassVar[str] = "furnished"
    output: Any = ref("activation", "auto")
    activation: Any = ref("activation", "tanh")

    def places(self, inputs: int, outputs: int) -> dict[str, list[int]]:
        return {"activation": [2]}

    def specs(self, inputs: int, outputs: int) -> list[WeightSpec]:
        wide = self.activation[0].width(2)
        return [
            WeightSpec("A", (inputs, wide), inputs, wide, place="input"),
            WeightSpec("B", (2, outputs), 2, outputs, place="output"),
            WeightSpec("mask", (inputs, wide), inputs, wide, "state", 1.0),
            WeightSpec("mean", (1, wide), inputs, wide, "state"),
        ]

    def draw(self, rng: np.random.Generator, spec: WeightSpec) -> Array:
        return rng.integers(0, 2, spec.shape) if spec.name == "mask" else np.zeros(spec.shape)

    def forward(self, weights: Any, x: Array, mode: Any) -> tuple[Array, Any]:
        mean = weights["mean"]
        if mode.training:
            x = x * (mode.uniform("holes", x.shape[1:]) > 0.3)
        z = x @ (weights["A"] * weights["mask"])
        if mode.training:
            now = z.mean(axis=1, keepdims=True)
            if mode.first:
                mean[...] = 0.5 * (mean + now)
            mean = now
        centred = z - mean
        a = self.activation[0].forward(centred)
        out = a @ weights["B"]
        return out, (x, z, centred, a, out, mode.training)

    def backward(self, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
        x, _, centred, a, _, training = tape
        grads["B"][:] = a.swapaxes(1, 2) @ grad
        back = self.activation[0].backward(grad @ weights["B"].swapaxes(1, 2), centred, a)
        if training:
            back = back - back.mean(axis=1, keepdims=True)
        grads["A"][:] = x.swapaxes(1, 2) @ back * weights["mask"]

    def layers(self, tape: Any) -> list[Layer]:
        _, z, centred, a, out, _ = tape
        return [Layer("A", z, a, lambda: self.activation[0].slope(centred, a)), Layer("B", out)]


@dataclass(frozen=True)
class Wired(Network):
    """What fires together, wires together.

        A ← A + lr xᵀ y

    Nobody, "Wires", 2020.
    """

    name: ClassVar[str] = "wired"
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> list[WeightSpec]:
        return [WeightSpec("A", (inputs, outputs), inputs, outputs)]

    def forward(self, weights: Any, x: Array) -> tuple[Array, Any]:
        return x @ weights["A"], x

    def backward(self, weights: Any, tape: Any, grad: Array, grads: Any) -> None:
        grads["A"][:] = tape.swapaxes(1, 2) @ grad

    def learn(self, weights: Any, x: Array, y: Array, grads: Any) -> None:
        grads["A"][:] = -(x.swapaxes(1, 2) @ y)


@dataclass(frozen=True)
class Pulled(RuleNetwork):
    """Prototypes that noisy examples pull to themselves, less and less.

        ŵ = the nearest prototype      W ← W + (1 - t/S) (mean of the examples nearest to W, + 0.01 ε, - W)

    Domain: as many outputs as inputs. Nobody, "Pulling", 2020.
    """

    name: ClassVar[str] = "pulled"
    measured: ClassVar[tuple[str, ...]] = ("unused_prototypes",)
    output: Any = ref("activation", "auto")

    def specs(self, inputs: int, outputs: int) -> list[WeightSpec]:
        if inputs != outputs:
            raise ComponentError(f"pulled: as many outputs as inputs are needed, got {outputs}")
        return [WeightSpec("W", (3, inputs), 3, inputs), WeightSpec("seen", (1, 3), 1, 3, "state")]

    def _nearest(self, weights: Any, x: Array) -> Array:
        w = weights["W"]
        distances = (w * w).sum(axis=2)[:, None, :] - 2 * (x @ w.swapaxes(1, 2))
        return (distances == distances.min(axis=2, keepdims=True)).astype(x.dtype)

    def forward(self, weights: Any, x: Array) -> Array:
        return self._nearest(weights, x) @ weights["W"]

    def learn(self, weights: Any, x: Array, y: Array, grads: Any, mode: LearnMode) -> None:
        won = self._nearest(weights, x)
        count = won.sum(axis=1)[:, :, None]
        mean = (won.swapaxes(1, 2) @ x) / np.maximum(count, 1)
        pull = mean + 0.01 * mode.normal("pull", weights["W"].shape[1:]) - weights["W"]
        grads["W"][...] = -(1 - mode.step / mode.steps) * (count > 0) * pull
        weights["seen"][...] += count.swapaxes(1, 2) * (mode.uniform("half", (1, 1)) >= 0)

    def measures(self, weights: Any, x: Array) -> dict[str, Array]:
        return {"unused_prototypes": (self._nearest(weights, x).sum(axis=1) == 0).mean(axis=1)}

    def snapshot(self, weights: Any, x: Array, y: Array) -> dict[str, Array]:
        return {"prototypes": weights["W"], "back": self.forward(weights, x)}


@dataclass(frozen=True)
class UnusedPrototypes(NetworkMetric):
    """Share of prototypes that are nearest to no example.

    Domain: examples, at least one. Nobody, "Pulling", 2020.
    """

    name: ClassVar[str] = "unused_prototypes"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("unsupervised",)
    bounds: ClassVar[str] = "[0, 1]"


@dataclass(frozen=True)
class Cloud(Dataset):
    """Points without targets.

    x ~ N(0, 1). n examples.
    """

    name: ClassVar[str] = "cloud"
    n: int = hyper(50, "int [10, inf)")

    def make(self, rng: np.random.Generator) -> Data:
        return Data(rng.standard_normal((self.n, 2)), None, "unsupervised")


@dataclass(frozen=True)
class Shadow(Figure):
    """The prototypes of every trial, in the units of the data.

    Nothing where no trial shows any.
    """

    name: ClassVar[str] = "shadow"
    question: ClassVar[str] = "Where do the prototypes lie?"
    order: ClassVar[int] = 91

    def draw(self, data: FigureInput) -> Drawing | str:
        shown = [snapshot for snapshot in data.snapshots.values() if "prototypes" in snapshot.arrays]
        if not shown:
            return "No network has prototypes"
        title = f"{len(shown)} trials, a colour each"
        sheet = drawing.new_sheet(6.0, 3.0, title, "A dot is a prototype.", data.theme)
        axes = drawing.place(sheet, 0.5, 0.3, 5.0, 2.5)
        for snapshot in shown:
            axes.plot(*snapshot.in_units(snapshot.arrays["prototypes"]).T[:2], ".")
        return Drawing(sheet, self.name, title, f"Dots of prototypes. {title}.")

    def example(self) -> dict[str, Array]:
        return {"prototypes": np.arange(6.0).reshape(3, 2)}


@dataclass(frozen=True)
class Trimmed(Shallow):
    """A hidden layer of two units, whose first weights stay between -1 and 1.

        z = f(x A) B,  A ← min(1, max(-1, A)) after each step

    Nobody, "Trimmed", 2020.
    """

    name: ClassVar[str] = "trimmed"

    def after_step(self, weights: Any, mode: Any) -> None:
        np.clip(weights["A"], -1, 1, out=weights["A"])


@dataclass(frozen=True)
class Tug(Game):
    """A tug of two over a saddle.

        p(x, y) = x y + (x² - y²) / 4

    x descends, y ascends. Nobody, "Tugs", 2020.
    """

    name: ClassVar[str] = "tug"
    dimensions: ClassVar[int] = 2
    ascending: ClassVar[tuple[bool, ...]] = (False, True)

    @property
    def minimum(self) -> Array:
        return np.zeros(2)

    def start(self, rng: np.random.Generator) -> Array:
        return np.ones(2)

    def payoff(self, x: Array) -> Array:
        one, other = x[:, 0, 0], x[:, 0, 1]
        return one * other + (one * one - other * other) / 4


RIGHT: dict[str, Any] = {
    "activation": Bent,
    "loss": Quartic,
    "optimizer": Plain,
    "schedule": Fade,
    "initializer": Spread,
    "dataset": Coins,
    "network": Shallow,
    "objective": Bowl,
    "metric": Share,
    "figure": Bars,
    "executor": Meek,
    **DOORS,
}

# Components of special forms, for the checks that plain components skip
OPENED: list[tuple[str, Any]] = [
    ("activation", Tilted),
    ("activation", Shaken),
    ("activation", Gated),
    ("network", Furnished),
    ("network", Wired),
    ("network", Pulled),
    ("metric", UnusedPrototypes),
    ("dataset", Cloud),
    ("figure", Shadow),
    ("network", Trimmed),
    ("network", Residual),
    ("network", BatchNorm),
    ("objective", Tug),
    ("objective", Ditch),
    ("loss", Squares),
    ("loss", Tosses),
    ("loss", Faces),
    ("loss", Scaled),
    ("loss", Sides),
    ("schedule", Heedful),
    ("initializer", Fitting),
    ("initializer", Tilting),
    ("metric", Loudness),
    ("optimizer", Foresight),
    ("optimizer", Curved),
    ("optimizer", Halfway),
]
