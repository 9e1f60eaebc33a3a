"""Optimizer: soap."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from anncore import DECAY_MODES, Array, Hyper, Optimizer, WeightDecay, choice, eigh, hookimpl, hyper, log


class SOAPState(NamedTuple):
    """The state of SOAP for each array; None on a side that is not rotated."""

    m: Array  # first moment, not rotated
    v: Array  # second moment of the rotated gradient, uncentred
    left: Array | None  # running mean of G Gᵀ, (T, fan_in, fan_in)
    right: Array | None  # running mean of Gᵀ G, (T, fan_out, fan_out)
    left_basis: Array | None  # their eigenvectors, in columns, from the last refresh
    right_basis: Array | None


@dataclass(frozen=True)
class SOAP(WeightDecay, Optimizer):
    """Adam in the eigenbasis of Shampoo's preconditioner.

        M ← beta1 M + (1 - beta1) G,  M' = Q_Lᵀ M Q_R,  G' = Q_Lᵀ G Q_R
        V ← beta2 V + (1 - beta2) G'²
        W ← W - lr √(1 - beta2ᵗ) / (1 - beta1ᵗ) Q_L (M' / (√V + eps)) Q_Rᵀ
        L ← shampoo_beta L + (1 - shampoo_beta) G Gᵀ,  R with Gᵀ G

    Q_L and Q_R hold the eigenvectors of L and R: exact after the first gradient, then refreshed after every
    `every` steps. refresh "qr" makes a step of the power method, Q ← QR(L Q), after sorting the columns,
    and V with them, by qᵀ L q. "eigh" computes the eigenvectors again, in the order of the eigenvalues, and
    does not change V. first_step "skip" uses the first gradient only for the bases, as the authors do, and
    Adam's t counts from the second; "take" also makes a step with it.

    A side of length 1, or longer than max_dim, is not rotated. A bias, an array of one row, is not rotated
    either, unless rotate_vectors is true; it then gets Adam's update.

    Choose it where `shampoo` is used: Adam in its basis needs decompositions less often. It keeps more and
    costs more than `adamw` and `muon`.

    Domain: lr > 0, beta1, beta2 and shampoo_beta in [0, 1), eps > 0, every ≥ 1, max_dim ≥ 1,
    weight_decay ≥ 0, decay_mode as for all.

    Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", ICLR 2025, algorithm 3.
    https://arxiv.org/abs/2409.11321. The defaults are those of the authors' code except for
    weight_decay. It is 0.01 there (preset "paper"), and the weights shrink after each step except the skipped
    one; here they shrink with every step.
    """

    name: ClassVar[str] = "soap"
    scope: ClassVar[str] = "array"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "lr": 3e-3,
            "beta1": 0.95,
            "beta2": 0.95,
            "shampoo_beta": 0.95,
            "eps": 1e-8,
            "every": 10,
            "refresh": "qr",
            "first_step": "skip",
            "rotate_vectors": False,
            "max_dim": 10_000,
            "weight_decay": 0.01,
            "decay_mode": "decoupled",
        },
    }

    lr: Hyper = hyper(3e-3, "(0, inf)", search=log(3e-4, 0.3))
    beta1: Hyper = hyper(0.95, "[0, 1)", search=choice(0.8, 0.9, 0.95))
    beta2: Hyper = hyper(0.95, "[0, 1)", search=choice(0.9, 0.95, 0.99))
    shampoo_beta: Hyper = hyper(0.95, "[0, 1)", search=choice(0.9, 0.95, 0.99))
    eps: Hyper = hyper(1e-8, "(0, inf)")
    every: int = hyper(10, "int [1, inf)")
    refresh: str = hyper("qr", ("qr", "eigh"))
    first_step: str = hyper("skip", ("skip", "take"))
    rotate_vectors: bool = hyper(False, "bool")
    max_dim: int = hyper(10_000, "int [1, inf)")
    weight_decay: Hyper = hyper(0.0, "[0, inf)", search=log(1e-4, 1.0))
    decay_mode: str = hyper("decoupled", DECAY_MODES)

    def init(self, weight: Array) -> SOAPState:
        zeros = np.zeros_like(weight)
        left, right = (self._square(weight, side) for side in weight.shape[1:])
        return SOAPState(zeros, zeros, left, right, left, right)

    def _square(self, weight: Array, side: int) -> Array | None:
        vector = weight.shape[1] == 1 and not self.rotate_vectors
        if vector or side == 1 or side > self.max_dim:
            return None
        return np.zeros((len(weight), side, side), weight.dtype)

    def step(self, weight: Array, grad: Array, state: SOAPState, t: int) -> tuple[Array, SOAPState]:
        grad = self.decay_gradient(weight, grad)
        if t == 1:
            state = self._begun(state, grad)
            if self.first_step == "skip":
                return self.decay_change(weight, np.zeros_like(weight)), state
        count = t - 1 if self.first_step == "skip" else t
        bases = state.left_basis, state.right_basis
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        rotated = _rotate(grad, *bases)
        v = self.beta2 * state.v + (1 - self.beta2) * (rotated * rotated)
        lr = self.lr * (1 - self.beta2**count) ** 0.5 / (1 - self.beta1**count)
        # As in the authors' code eps is added to √v without correction, which adam.py calls "hat".
        change = -lr * _rotate(_rotate(m, *bases) / (np.sqrt(v) + self.eps), *map(_transposed, bases))
        state = state._replace(m=m, v=v)
        if t > 1:
            state = self._observed(state, grad)
        if count % self.every == 0:
            state = self._refreshed(state)
        return self.decay_change(weight, change), state

    def _begun(self, state: SOAPState, grad: Array) -> SOAPState:
        state = self._observed(state, grad)
        return state._replace(left_basis=_eigenvectors(state.left), right_basis=_eigenvectors(state.right))

    def _observed(self, state: SOAPState, grad: Array) -> SOAPState:
        """Return the state with L and R updated by a gradient."""
        across, beta = grad.swapaxes(1, 2), self.shampoo_beta
        left, right = state.left, state.right
        if left is not None:
            left = beta * left + (1 - beta) * (grad @ across)
        if right is not None:
            right = beta * right + (1 - beta) * (across @ grad)
        return state._replace(left=left, right=right)

    def _refreshed(self, state: SOAPState) -> SOAPState:
        """Return the state with refreshed bases."""
        if self.refresh == "eigh":
            return state._replace(
                left_basis=_eigenvectors(state.left), right_basis=_eigenvectors(state.right)
            )
        v, left_basis, right_basis = state.v, state.left_basis, state.right_basis
        if state.left is not None and left_basis is not None:
            order, left_basis = _powered(state.left, left_basis)
            v = np.take_along_axis(v, order[:, :, None], axis=1)
        if state.right is not None and right_basis is not None:
            order, right_basis = _powered(state.right, right_basis)
            v = np.take_along_axis(v, order[:, None, :], axis=2)
        return state._replace(v=v, left_basis=left_basis, right_basis=right_basis)


def _rotate(array: Array, left: Array | None, right: Array | None) -> Array:
    """Return leftᵀ array right."""
    array = array if left is None else left.swapaxes(1, 2) @ array
    return array if right is None else array @ right


def _transposed(basis: Array | None) -> Array | None:
    return None if basis is None else basis.swapaxes(1, 2)


def _eigenvectors(matrices: Array | None) -> Array | None:
    return None if matrices is None else eigh(matrices)[1]


def _powered(matrices: Array, basis: Array) -> tuple[Array, Array]:
    """Return the order of the columns, (T, n), and the basis after a step of the power method."""
    moved = matrices @ basis
    order = np.argsort(-(basis * moved).sum(axis=1), axis=1, kind="stable")
    return order, np.linalg.qr(np.take_along_axis(moved, order[:, None, :], axis=2))[0]


@hookimpl
def annx_optimizers() -> list[type[Optimizer]]:
    return [SOAP]
