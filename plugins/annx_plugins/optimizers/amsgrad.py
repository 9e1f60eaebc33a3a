"""Optimizer: amsgrad."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, hookimpl, hyper, log


class AMSGradState(NamedTuple):
    """The state of AMSGrad for each weight."""

    m: Array  # first moment
    v: Array  # second moment, uncentred
    peak: Array  # the largest second moment so far


@dataclass(frozen=True)
class AMSGrad(WeightDecay, Optimizer):
    """Adam with steps divided by the root of the largest second moment so far, which never falls.

        m ← beta1 m + (1 - beta1) g         m̂ = m / (1 - beta1ᵗ)
        v ← beta2 v + (1 - beta2) g²
        p ← max(p, v),  v̂ = p / (1 - beta2ᵗ)       max_over "raw"
        p ← max(p, v / (1 - beta2ᵗ)),  v̂ = p       max_over "corrected"
        θ ← θ - lr m̂ / (√v̂ + eps)

    t = 1, 2, ... counts the steps. With `bias_correction` off, m̂ = m and v̂ = p = max(p, v). m, v and p
    start at `initial`. eps_mode "outside" is as written; "inside" is √(v̂ + eps), and "hat" is
    √v̂ + eps / √(1 - beta2ᵗ).

    Choose it where `adam` forgets rare large gradients and does not converge, as in its authors' example;
    elsewhere its steps only get shorter.

    Domain: lr > 0, beta1 and beta2 in [0, 1), eps ≥ 0, initial ≥ 0, weight_decay ≥ 0. With eps = 0, a weight
    whose gradients were all 0 stays where it is. Weight decay acts on the gradient (decay_mode "coupled", as
    in PyTorch) or on θ itself, times lr ("decoupled", as in Keras) or not ("independent").

    Reddi, Kale & Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, algorithm 2.
    https://arxiv.org/abs/1904.09237. It has no bias correction and no eps, for simplicity; Flux has no bias
    correction either and starts at eps. PyTorch and Keras ("hat") take the maximum of raw moments, so their
    v̂ falls at first; optax takes that of corrected ones.
    """

    name: ClassVar[str] = "amsgrad"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"beta1": 0.9, "beta2": 0.999, "bias_correction": False, "initial": 0.0},
        "torch": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "outside",
            "max_over": "raw",
            "decay_mode": "coupled",
        },
        "keras": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-7,
            "eps_mode": "hat",
            "max_over": "raw",
            "decay_mode": "decoupled",
        },
        "optax": {
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "outside",
            "max_over": "corrected",
        },
        "flux": {
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "eps_mode": "outside",
            "bias_correction": False,
            "initial": 1e-8,
        },
    }

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 0.1))
    beta1: Hyper = hyper(0.9, "[0, 1)", search=choice(0.0, 0.5, 0.9, 0.95))
    beta2: Hyper = hyper(0.999, "[0, 1)", search=choice(0.9, 0.99, 0.999))
    eps: Hyper = hyper(1e-8, "[0, inf)")
    eps_mode: str = hyper("outside", ("outside", "inside", "hat"))
    max_over: str = hyper("raw", ("raw", "corrected"))
    bias_correction: bool = hyper(True, "bool")
    initial: Hyper = hyper(0.0, "[0, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-5, 0.1))
    decay_mode: str = hyper("coupled", DECAY_MODES)

    _bare: ClassVar[bool]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_bare", bool(np.any(np.equal(self.eps, 0))))  # once for all steps

    def init(self, weight: Array) -> AMSGradState:
        start = np.zeros_like(weight) + self.initial
        return AMSGradState(start, start.copy(), start.copy())

    def step(self, weight: Array, grad: Array, state: AMSGradState, t: int) -> tuple[Array, AMSGradState]:
        grad = self.decay_gradient(weight, grad)
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        v = self.beta2 * state.v + (1 - self.beta2) * (grad * grad)
        c1 = c2 = 1.0
        if self.bias_correction:
            c1, c2 = 1 - self.beta1**t, 1 - self.beta2**t
        # v̂ = p / c: as in adam.py, numerator and denominator are multiplied by √c, one number per trial.
        if self.max_over == "raw":
            peak, c = np.maximum(state.peak, v), c2
        else:
            peak, c = np.maximum(state.peak, v / c2), 1.0
        lr = self.lr * c**0.5 / c1
        if self.eps_mode == "outside":
            size = np.sqrt(peak) + self.eps * c**0.5
        elif self.eps_mode == "inside":
            size = np.sqrt(peak + self.eps * c)
        else:
            size = np.sqrt(peak) + self.eps * (c / c2) ** 0.5
        if self._bare:
            size = np.where(size == 0, 1, size)  # there all gradients were 0
        return self.decay_change(weight, -lr * m / size), AMSGradState(m, v, peak)


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [AMSGrad]
