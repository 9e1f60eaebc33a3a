"""Loss: cosine_similarity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper


@dataclass(frozen=True)
class CosineSimilarity(Loss):
    """Cosine loss: the angle between prediction and target counts, and their lengths do not.

        ℓ(a, y) = o - Σ_d a_d y_d / (max(‖a‖, eps) max(‖y‖, eps)),  o = 1, or 0 if `negative` is true
        ∂ℓ/∂a   = (cos(a, y) a / ‖a‖ - y / ‖y‖) / ‖a‖

    It is 0 for the same direction, 1 for a right angle and 2 for the opposite one. Choose it if several
    targets form a direction or an embedding whose length means nothing. The gradient is at a right angle to a
    and falls with ‖a‖, so outputs grow while they learn. A single output has only a sign: there is no
    gradient, so it needs two targets or more.

    Domain: output a and target y real, eps > 0. A vector shorter than eps is divided by eps.
    Shapes: a and y (T, N, D); value (T,), the mean over N of one cosine for each example.

    Barz & Denzler, "Deep Learning on Small Datasets without Pre-Training using Cosine Loss", WACV 2020.
    https://arxiv.org/abs/1901.09054. PyTorch's CosineEmbeddingLoss and optax's cosine_distance are 1 - cos;
    Keras's CosineSimilarity is -cos, with the same gradient.
    """

    name: ClassVar[str] = "cosine_similarity"
    outputs: ClassVar[Mapping[Task, str]] = {
        "regression": "identity",
        "multiclass": "softmax",
        "unsupervised": "identity",
    }
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"negative": False},
        "keras": {"negative": True},
        "optax": {"negative": False},
    }

    negative: bool = hyper(False, "bool")
    eps: Hyper = hyper(1e-8, "(0, inf)")

    def value(self, output: Array, target: Array) -> Array:
        cosine = (self._direction(output) * self._direction(target)).sum(axis=2).mean(axis=1)
        return -cosine if self.negative else 1 - cosine

    def _direction(self, vectors: Array) -> Array:
        """Return vectors of length 1, or shorter where they were shorter than eps."""
        # The largest component first, as squares of 1e154 overflow, and those of 1e-170 are 0.
        largest = np.maximum(np.abs(vectors).max(axis=2, keepdims=True), self.eps)
        scaled = vectors / largest
        squares = (scaled * scaled).sum(axis=2, keepdims=True)
        shortest = self.eps / largest
        return scaled / np.sqrt(np.maximum(squares, shortest * shortest))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [CosineSimilarity]
