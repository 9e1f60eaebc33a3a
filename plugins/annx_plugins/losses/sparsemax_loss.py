"""Loss: sparsemax_loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Loss, Task, hookimpl


@dataclass(frozen=True)
class SparsemaxLoss(Loss):
    """The loss that goes with sparsemax, as cross-entropy goes with softmax.

        p = sparsemax(z): p_c = max(z_c - τ, 0),  τ such that Σ_c p_c = 1
        ℓ(z, y) = Σ_c (p_c (2 z_c - p_c) - y_c (2 z_c - y_c)) / 2
        ∂ℓ/∂z_c = p_c - y_c

    It is 0 where the right class leads all others by 1 at least, as a hinge loss is, and grows like a line
    where another one leads; between it is smooth and convex. Choose it where predictions should be exactly 0
    for most classes: `categorical_cross_entropy` never stops to pull at an example that is right, and is
    infinite where sparsemax gives 0. What the network gives to metrics are the p_c.

    One output z is the first of two classes, the other one having 0: ℓ is `sparse_plus` of -z or z.

    Domain: output z real; target y_c ≥ 0 with sum 1, one-hot or a distribution.
    Shapes: z and y (T, N, D); value (T,), the sum over D and the mean over N.

    Martins & Astudillo, "From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label
    Classification", ICML 2016, equations 8 and 9. https://arxiv.org/abs/1602.02068. For distributions:
    Blondel, Martins & Niculae, "Learning with Fenchel-Young Losses", JMLR 21 (2020), table 1.
    https://jmlr.org/papers/v21/19-021.html. optax has sparsemax_loss and multiclass_sparsemax_loss.
    """

    name: ClassVar[str] = "sparsemax_loss"
    outputs: ClassVar[Mapping[Task, str]] = {"binary": "identity", "multiclass": "identity"}

    def value(self, output: Array, target: Array) -> Array:
        z, y = _both(output), _both_shares(target)
        z = z - z.max(axis=2, keepdims=True)  # changes nothing, as p and y have the same sum
        p = _sparsemax(z)
        # p (2 z - p) - y (2 z - y), without the difference of large numbers
        return 0.5 * ((p - y) * (2 * z - p - y)).sum(axis=2).mean(axis=1)

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for speed: it is p - y, and nothing need be sorted twice.
        z, y = _both(output), _both_shares(target)
        p = _sparsemax(z - z.max(axis=2, keepdims=True))
        return (p - y)[:, :, : output.shape[2]] / output.shape[1]

    def predict(self, output: Array) -> Array:
        z = _both(output)
        return _sparsemax(z - z.max(axis=2, keepdims=True))[:, :, : output.shape[2]]


def _sparsemax(z: Array) -> Array:
    falling = -np.sort(-z, axis=-1)
    count = np.arange(1, z.shape[2] + 1, dtype=z.dtype)
    inside = 1 + count * falling > np.cumsum(falling, axis=-1)
    size = inside.sum(axis=-1, keepdims=True).astype(z.dtype)
    tau = (np.where(inside, falling, 0).sum(axis=-1, keepdims=True) - 1) / size
    return np.maximum(z - tau, 0)


def _both(z: Array) -> Array:
    """Return z of all classes: of two for one output."""
    return z if z.shape[2] > 1 else np.concatenate([z, np.zeros_like(z)], axis=2)


def _both_shares(y: Array) -> Array:
    """Return the targets of all classes."""
    return y if y.shape[2] > 1 else np.concatenate([y, 1 - y], axis=2)


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [SparsemaxLoss]
