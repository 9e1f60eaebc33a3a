"""Loss: bi_tempered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, linear

ROUNDS = 10  # of Newton's method: 7 are enough for 2 to 1000 classes and every t2


@dataclass(frozen=True)
class BiTempered(Loss):
    """Cross-entropy with a bounded loss and a softmax of heavy tails, for labels of which some are wrong.

        log_t(x) = (x^(1-t) - 1) / (1 - t)          exp_t(x) = (1 + (1-t) x)^(1/(1-t))
        p_c = exp_t2(z_c - λ),  λ such that Σ_c p_c = 1
        ℓ(z, y) = Σ_c y_c (log_t1 y_c - log_t1 p_c) - (y_c^(2-t1) - p_c^(2-t1)) / (2 - t1)
        ∂ℓ/∂z_c = e_c - p_c^t2 / Σ_k p_k^t2 Σ_k e_k,  e_c = (p_c - y_c) p_c^(t2-t1)

    With temperatures of 1 it is the cross-entropy of the softmax. t1 < 1 bounds the loss by 1 / (1 - t1), so
    that examples far on the wrong side lose their influence; t2 > 1 lets the probabilities of z fall slowly,
    so that a few wrong labels near the boundary do not bend it. Choose it over cross-entropy under label
    noise of both kinds; `generalized_cross_entropy` bounds the loss alone, with one number to tune. What the
    network gives to metrics are the p_c. One output z is the first of two classes, the other one having 0.

    Domain: output z real; target y_c ≥ 0, with sum 1; t1 in [0, 1], t2 in [1, 10].
    Shapes: z and y (T, N, D); value (T,), the sum over D and the mean over N.

    Amid, Warmuth, Anil & Koren, "Robust Bi-Tempered Logistic Loss Based on Bregman Divergences", NeurIPS
    2019, equations 4 and 5. https://arxiv.org/abs/1906.03361. λ is computed to the last digits by Newton's
    method; the authors' code and pytorch_optimizer make 5 rounds of a slower one, and the latter takes -z and
    z for one output. A t2 below 1, whose tails end, is not offered.
    """

    name: ClassVar[str] = "bi_tempered"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "identity", "multiclass": "identity"}

    t1: Hyper = hyper(0.8, "[0, 1]", search=linear(0.2, 1.0))
    t2: Hyper = hyper(1.2, "[1, 10]", search=linear(1.0, 3.0))

    def value(self, output: Array, target: Array) -> Array:
        log_p, y = self._log_p(_both(output)), _both_shares(target)
        known = np.where(y > 0, y, 1)
        divergence = y * (self._log_t(np.log(known)) - self._log_t(log_p))
        rest = np.exp((2 - self.t1) * log_p) - np.where(y > 0, np.exp((2 - self.t1) * np.log(known)), 0)
        return (divergence + rest / (2 - self.t1)).sum(axis=2).mean(axis=1)

    def grad(self, output: Array, target: Array) -> Array:
        # By hand because λ is the root of an equation, which is solved in rounds.
        log_p, y = self._log_p(_both(output)), _both_shares(target)
        e = (np.exp(log_p) - y) * np.exp((self.t2 - self.t1) * log_p)
        escort = np.exp(self.t2 * log_p)
        grad = e - escort / escort.sum(axis=2, keepdims=True) * e.sum(axis=2, keepdims=True)
        return grad[:, :, : output.shape[2]] / output.shape[1]

    def predict(self, output: Array) -> Array:
        return np.exp(self._log_p(_both(output)))[:, :, : output.shape[2]]

    def _log_t(self, log_x: Array) -> Array:
        """Return log_t1 of what has this logarithm."""
        power = np.where(self.t1 == 1, 1, 1 - self.t1)
        return np.where(self.t1 == 1, log_x, np.expm1(power * log_x) / power)

    def _log_p(self, z: Array) -> Array:
        """Return the logarithms of the tempered probabilities."""
        plain = self.t2 == 1
        k = np.where(plain, 1, self.t2 - 1)
        below = z.max(axis=2, keepdims=True) - z
        # s is λ - max z. Newton's method comes to it from below, as the mean is concave.
        s = np.zeros_like(below[:, :, :1])
        for _ in range(ROUNDS):
            log_p = -np.log1p(k * (s + below)) / k
            total = np.exp(log_p).sum(axis=2, keepdims=True)
            # The equation is that of a mean of the bases, total^-k = 1, which is nearly a straight line.
            slope = np.exp((1 + k) * log_p).sum(axis=2, keepdims=True) / total
            s = s - np.expm1(-k * np.log(total)) / k / np.exp(-k * np.log(total)) / slope
        softmax = -below - np.log(np.exp(-below).sum(axis=2, keepdims=True))
        return np.where(plain, softmax, -np.log1p(k * (s + below)) / k)


def _both(z: Array) -> Array:
    """Return z of all classes: of two for one output."""
    return z if z.shape[2] > 1 else np.concatenate([z, np.zeros_like(z)], axis=2)


def _both_shares(y: Array) -> Array:
    """Return the targets of all classes."""
    return y if y.shape[2] > 1 else np.concatenate([y, 1 - y], axis=2)


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [BiTempered]
