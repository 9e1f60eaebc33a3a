"""Loss: generalized_cross_entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, JointLoss, Task, hookimpl, hyper, linear


@dataclass(frozen=True)
class GeneralizedCrossEntropy(JointLoss):
    """Generalized cross-entropy: a bounded cross-entropy, for labels of which some are wrong.

        ℓ(p, y) = Σ_c y_c (1 - p_c^q) / q,  for one output p also (1 - y) (1 - (1 - p)^q) / q
        ∂ℓ/∂p_c = -y_c p_c^(q - 1)

    It tends to the cross-entropy as q tends to 0, and q = 1 is 1 - p_y, half the absolute error. An example
    that is surely predicted wrong costs 1 / q at most, and the gradient by the logits falls with p_y^q. So
    wrong labels lose their influence once the network has learned the others. Choose it over cross-entropy
    under label noise, with q near 0.7; the nearer q is to 1, the more noise it bears and the slower it
    learns. `symmetric_cross_entropy` mixes the two ends instead.

    Training uses the joint form with the sigmoid or the softmax. If the loss gets probabilities, a logarithm
    is at least -100, and a probability in the gradient at least 1e-12.

    Domain: output p in [0, 1]; target y ≥ 0, one-hot or a distribution; q in (0, 1].
    Shapes: p and y (T, N, D); value (T,), the sum over D and the mean over N.

    Zhang & Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels",
    NeurIPS 2018, equation 6, with q = 0.7. https://arxiv.org/abs/1805.07836. Keras's default is q = 0.5. The
    truncated form of section 3.3 is not here.
    """

    name: ClassVar[str] = "generalized_cross_entropy"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "sigmoid", "multiclass": "softmax"}
    accepts: ClassVar[str] = "[0, 1]"
    joint: ClassVar[tuple[str, ...]] = ("sigmoid", "softmax")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {"q": 0.7}, "keras": {"q": 0.5}}

    q: Hyper = hyper(0.7, "(0, 1]", search=linear(0.1, 1.0))

    def value(self, output: Array, target: Array) -> Array:
        cost = target * self._cost(_log(output))
        if output.shape[2] == 1:
            cost = cost + (1 - target) * self._cost(_log(1 - output))
        return cost.sum(axis=2).mean(axis=1)

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for stability: a wrong certain probability keeps a slope.
        grad = -target * self._slope(output)
        if output.shape[2] == 1:
            grad = grad + (1 - target) * self._slope(1 - output)
        return grad / output.shape[1]

    def value_from_logits(self, z: Array, target: Array, link: str) -> Array:
        if link == "softmax":
            cost = target * self._cost(_log_softmax(z))
        else:
            cost = target * self._cost(_log_sigmoid(z)) + (1 - target) * self._cost(_log_sigmoid(-z))
        return cost.sum(axis=2).mean(axis=1)

    def _cost(self, log_p: Array) -> Array:
        """Return (1 - p^q) / q, exact for a tiny q too."""
        return -np.expm1(self.q * log_p) / self.q

    def _slope(self, p: Array) -> Array:
        """Return p^(q - 1)."""
        return np.exp((self.q - 1) * np.log(np.maximum(p, 1e-12)))


def _log(p: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100)


def _log_sigmoid(z: Array) -> Array:
    return -np.logaddexp(0, -z)


def _log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@hookimpl
def annx_losses() -> list[type[JointLoss]]:
    return [GeneralizedCrossEntropy]
