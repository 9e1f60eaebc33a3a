"""Optimizer: ftrl."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, choice, hookimpl, hyper, log, power


class FTRLState(NamedTuple):
    """The state of FTRL for each weight."""

    z: Array  # the linear term: gradients, less what holds the weight where it is
    n: Array  # the sum of squares of gradients


@dataclass(frozen=True)
class FTRL(Optimizer):
    """Follow the regularized leader: each weight is the minimiser of all past gradients and the penalties.

        z ← z + g - ((n + g²)^p - n^p) / lr θ
        n ← n + g²
        θ ← 0                                                where |z| ≤ l1
        θ ← -(z - sign(z) l1) / ((beta + n^p) / lr + l2)     elsewhere;  p = 1/2

    With l1 = l2 = beta = 0 it is `adagrad` without eps. Its L1 penalty makes weights exactly 0, which
    gradient descent with `l1_penalty` does not; choose it for sparse linear models. p is power.

    n starts at initial. start "kept" begins with the z that belongs to the given weights; "zero" begins with
    z = 0, as do the paper and the libraries, whose weights are 0 at first: other weights are lost in the
    first steps unless beta, l1, l2 and initial are 0.

    Domain: lr > 0, power in [0, 1], beta, l1, l2 and initial ≥ 0. A weight that has met no gradient yet, with
    beta = l2 = initial = 0, stays. With a schedule, the lr of a step holds for the whole denominator, as
    in the libraries, so weights shrink towards 0 as lr falls: leave lr constant, n lowers the rate by itself.
    A step with lr = 0 changes nothing.

    McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013, algorithm 1, with beta = 1.
    https://doi.org/10.1145/2487575.2488200. Keras has initial = 0.1 and beta = 0, and its l2 is half of this
    one.
    """

    name: ClassVar[str] = "ftrl"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"power": 0.5, "beta": 1.0, "initial": 0.0, "start": "zero"},
        "keras": {
            "lr": 1e-3,
            "power": 0.5,
            "beta": 0.0,
            "l1": 0.0,
            "l2": 0.0,
            "initial": 0.1,
            "start": "zero",
        },
    }

    lr: Hyper = hyper(0.1, "(0, inf)", search=log(1e-3, 3.0))
    power: Hyper = hyper(0.5, "[0, 1]", search=choice(0.3, 0.5, 0.7))
    beta: Hyper = hyper(1.0, "[0, inf)")
    l1: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    l2: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    initial: Hyper = hyper(0.0, "[0, inf)")
    start: str = hyper("kept", ("kept", "zero"))

    def init(self, weight: Array) -> FTRLState:
        n = np.zeros_like(weight) + self.initial
        if self.start == "zero":
            return FTRLState(np.zeros_like(weight), n)
        held = (self.beta + power(n, self.power)) / self.lr + self.l2
        return FTRLState(-held * weight - self.l1 * np.sign(weight), n)

    def step(self, weight: Array, grad: Array, state: FTRLState, t: int) -> tuple[Array, FTRLState]:
        # Where a schedule makes lr 0 there is no step, and nothing is remembered of the gradient.
        moves = np.greater(self.lr, 0)
        lr = np.where(moves, self.lr, 1)
        n = np.where(moves, state.n + grad * grad, state.n)
        root = power(n, self.power)
        z = np.where(moves, state.z + grad - (root - power(state.n, self.power)) / lr * weight, state.z)
        size = (self.beta + root) / lr + self.l2
        beyond = np.sign(z) * np.maximum(np.abs(z) - self.l1, 0)
        after = np.where(moves & (size > 0), -beyond / np.where(size > 0, size, 1), weight)
        return after - weight, FTRLState(z, n)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [FTRL]
