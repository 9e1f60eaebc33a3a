"""Loss: asymmetric."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, JointLoss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class Asymmetric(JointLoss):
    """Asymmetric loss: a focal loss that pays less attention to easy negatives than to easy positives.

        ℓ(p, y) = -y (1 - p)^gamma_pos log p - (1 - y) p_m^gamma_neg log(1 - p_m)
        p_m     = max(p - clip, 0)

    A negative with p ≤ clip costs nothing, so clip takes the easiest ones out of training altogether. Choose
    it if positives are rare: `focal` has one exponent for both classes, and what makes it forget the many
    easy negatives makes it neglect the few positives as well. gamma_pos = gamma_neg with clip = 0 is `focal`
    without balance; both 0 is binary cross-entropy. The probabilities it learns are too low for negatives, so
    judge it by `average_precision` and not by `log_loss`.

    Training uses the joint form with the sigmoid. If the loss gets probabilities, a logarithm is at least
    -100, and a probability in the gradient at least 1e-12.

    Domain: output p in [0, 1]; target y in [0, 1]; gamma_pos and gamma_neg ≥ 0; clip in [0, 1).
    Shapes: p and y (T, N, D); value (T,), the mean over N and D; each unit is a separate prediction.

    Ridnik et al., "Asymmetric Loss For Multi-Label Classification", ICCV 2021, equations 5 to 7, with
    gamma_pos = 0, gamma_neg = 4 and clip = 0.05; their code has gamma_pos = 1.
    https://arxiv.org/abs/2009.14119
    """

    name: ClassVar[str] = "asymmetric"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid"}
    accepts: ClassVar[str] = "[0, 1]"
    joint: ClassVar[tuple[str, ...]] = ("sigmoid",)

    gamma_pos: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 2.0))
    gamma_neg: Hyper = hyper(4.0, "[0, inf)", search=linear(0.0, 6.0))
    clip: Hyper = hyper(0.05, "[0, 1)", search=linear(0.0, 0.2))

    def value(self, output: Array, target: Array) -> Array:
        p, q = output, 1 - output
        positive = target * np.exp(self.gamma_pos * _log(q)) * _log(p)
        shifted, rest = np.maximum(p - self.clip, 0), np.minimum(q + self.clip, 1)
        negative = (1 - target) * np.exp(self.gamma_neg * _log(shifted)) * _log(rest)
        return -(positive + negative).mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: the limits at p = 0 and p = 1, and a wrong certain probability keeps a slope.
        p, q = output, 1 - output
        positive = target * _slope(p, q, self.gamma_pos)
        shifted, rest = np.maximum(p - self.clip, 0), np.minimum(q + self.clip, 1)
        negative = (1 - target) * (shifted > 0) * _slope(rest, shifted, self.gamma_neg)
        return (negative - positive) / (output.shape[1] * output.shape[2])

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        log_p, log_q = -np.logaddexp(0, -z), -np.logaddexp(0, z)
        positive = target * np.exp(self.gamma_pos * log_q) * log_p
        shifted = np.maximum(np.exp(log_p) - self.clip, 0)
        # -1e30 for the logarithm of a clip of 0, which -∞ would do as well but for its warning
        log_clip = np.where(self.clip > 0, np.log(np.where(self.clip > 0, self.clip, 1)), -1e30)
        log_rest = np.minimum(np.logaddexp(log_q, log_clip), 0)
        negative = (1 - target) * np.exp(self.gamma_neg * _log(shifted)) * log_rest
        return -(positive + negative).mean(axis=(1, 2))


def _slope(p: Array, q: Array, gamma: Hyper) -> Array:
    """Return ∂/∂p of q^gamma log p, q = 1 - p."""
    ratio = np.divide(p * _log(p), q, out=np.full_like(p, -1), where=q > 0)  # tends to -1 as p tends to 1
    return np.exp(gamma * _log(q)) * (1 - gamma * ratio) / np.maximum(p, 1e-12)


def _log(p: Array) -> Array:
    return np.where(p > 0, np.maximum(np.log(np.where(p > 0, p, 1)), -100), -100)


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [Asymmetric]
