"""Objective: logistic_regression."""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear, log

MOST_STEPS = 20_000  # of the search for the minimum


@cache
def signed(seed: int, examples: int, dimensions: int, dtype: Any) -> Array:
    """Return every example times its label ±1, (n, D): all that the loss sees of the data."""
    rng = np.random.default_rng(seed)
    features, weights = rng.standard_normal((examples, dimensions)), rng.standard_normal(dimensions)
    positive = rng.random(examples) < 1 / (1 + np.exp(-features @ weights))
    made = (np.where(positive, 1, -1)[:, None] * features).astype(dtype)
    made.setflags(write=False)
    return made


@dataclass(frozen=True)
class LogisticRegression(Objective):
    """Logistic regression by itself: convex, smooth but for the L1 penalty, with a known minimum.

        f(x) = mean log(1 + exp(-yᵢ aᵢ·x)) + ½ l2 Σⱼ xⱼ² + l1 Σⱼ |xⱼ|        n examples
        aᵢ ~ N(0, I),  yᵢ = ±1 with P(yᵢ = 1) = 1 / (1 + exp(-aᵢ·w)),  w ~ N(0, I)

    The L1 penalty has kinks where an argument is 0, and its minimum lies on them: a gradient step jumps over
    the kink back and forth, only proximal methods or falling rates come to rest. At 0 the gradient is the
    shortest of all that are possible there, so that it is 0 at the minimum. Choose it as the convex problem
    that theory speaks of, with l1 for sparse solutions; `least_squares` has an answer in one formula.
    The minimum is found by iteration, once; without any penalty there is none if the classes are separable.
    Data are random by `data_seed`. Training starts at spread · N(0, 1) in each argument.

    Domain: examples and dimensions D whole numbers of at least 1, l1 ≥ 0, l2 ≥ 0, spread ≥ 0, data_seed a
    whole number of at least 0.

    Cox, "The Regression Analysis of Binary Sequences", Journal of the Royal Statistical Society B 20 (1958),
    215-242. https://doi.org/10.1111/j.2517-6161.1958.tb00292.x. L1: Koh, Kim & Boyd, "An Interior-Point
    Method for Large-Scale l1-Regularized Logistic Regression", Journal of Machine Learning Research 8 (2007),
    1519-1555. https://jmlr.org/papers/v8/koh07a.html
    """

    name: ClassVar[str] = "logistic_regression"

    examples: int = hyper(200, "int [1, inf)")
    dimensions: int = hyper(10, "int [1, inf)")
    l2: Hyper = hyper(0.01, "[0, inf)", search=log(1e-4, 1.0))
    l1: Hyper = hyper(0.0, "[0, inf)", search=log(1e-3, 0.1))
    data_seed: int = hyper(0, "int [0, inf)")
    spread: Hyper = hyper(1.0, "[0, inf)", search=linear(0.5, 2.0))

    def start(self, rng: np.random.Generator) -> Array:
        return self.spread * rng.standard_normal(self.dimensions)

    @property
    def minimum(self) -> Array | None:
        l1, l2 = (float(np.ravel(penalty)[0]) for penalty in (self.l1, self.l2))
        place = _lowest(self.data_seed, self.examples, self.dimensions, l1, l2)
        return None if place is None else place.copy()

    def value(self, x: Array) -> Array:
        margins = np.matmul(x, signed(self.data_seed, self.examples, self.dimensions, x.dtype).T)
        penalty = 0.5 * self.l2 * x * x + self.l1 * np.abs(x)
        return np.logaddexp(0, -margins).sum(axis=(1, 2)) / self.examples + penalty.sum(axis=(1, 2))

    def grad(self, x: Array) -> Array:
        # By hand because the derived one takes |x|' = 0 at the kink, and is then not 0 at the minimum.
        data = signed(self.data_seed, self.examples, self.dimensions, x.dtype)
        smooth = -np.matmul(_wrong(np.matmul(x, data.T)), data) / self.examples + self.l2 * x
        at_kink = np.sign(smooth) * np.maximum(np.abs(smooth) - self.l1, 0)
        return np.where(x == 0, at_kink, smooth + self.l1 * np.sign(x))


def _wrong(margins: Array) -> Array:
    """Return 1 / (1 + exp(margin)), the probability of the other label."""
    small = np.exp(-np.abs(margins))
    return np.where(margins > 0, small, 1) / (1 + small)


@cache
def _lowest(seed: int, examples: int, dimensions: int, l1: float, l2: float) -> Array | None:
    """Return the minimum (D,), None where there is none: proximal gradient steps, then Newton's."""
    data = signed(seed, examples, dimensions, np.dtype(np.float64))
    if l1 == l2 == 0 and _separable(data):
        return None
    rate = 1 / (np.linalg.norm(data, 2) ** 2 / (4 * examples) + l2)
    x = ahead = np.zeros(dimensions)
    pace = 1.0
    for _ in range(MOST_STEPS):
        moved = ahead - rate * (-_wrong(data @ ahead) @ data / examples + l2 * ahead)
        shrunk = np.sign(moved) * np.maximum(np.abs(moved) - rate * l1, 0)
        if (ahead - shrunk) @ (shrunk - x) > 0:  # it goes uphill: begin anew without momentum
            pace = 1.0
        faster = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        step = shrunk - x
        ahead, x, pace = shrunk + (pace - 1) / faster * step, shrunk, faster
        if np.abs(step).max() <= 1e-10 * max(1.0, float(np.abs(x).max())):
            return _polished(data, x, l1, l2)
    return None


def _separable(data: Array) -> bool:
    """Say whether some direction is wrong for no example and right for one: then the loss falls for ever."""
    from scipy.optimize import linprog

    limits = np.repeat([0.0, 1.0], len(data))
    best = linprog(-data.sum(axis=0), np.concatenate([-data, data]), limits, bounds=(None, None))
    return best.fun is not None and best.fun < -1e-6


def _polished(data: Array, x: Array, l1: float, l2: float) -> Array:
    """Return a place near x where the gradient is 0 but for rounding; arguments that are 0 stay 0."""
    free = x != 0
    mine, signs = data[:, free], np.sign(x[free])
    for _ in range(3):
        wrong = _wrong(mine @ x[free])
        slope = -wrong @ mine / len(data) + l2 * x[free] + l1 * signs
        curved = (mine.T * (wrong * (1 - wrong))) @ mine / len(data) + l2 * np.eye(len(signs))
        x = x.copy()
        x[free] -= np.linalg.lstsq(curved, slope, rcond=None)[0]
    return x


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [LogisticRegression]
