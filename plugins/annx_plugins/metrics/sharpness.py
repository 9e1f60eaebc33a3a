"""Metric: sharpness."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Moment, ProbingMetric, Task, Weights, hookimpl, hyper

SAME_SIGN = 0.99  # vᵀ H v / ‖H v‖ is nearly 1 where eigenvalues of one sign are all that is left in v


@dataclass(frozen=True)
class Sharpness(ProbingMetric):
    """Sharpness of the training loss: the largest eigenvalue of its Hessian, by power iteration.

        v ← H v / ‖H v‖,  λ = vᵀ H v,  H v ≈ (g(θ + r v) - g(θ - r v)) / 2r

    g is the gradient of the loss on the sample of the training split that curves use, by all weights and
    biases, and r is ∛ε √(1 + ‖θ‖²) with the machine epsilon ε of the weights' type. If the eigenvalue of
    largest size is negative, or a positive and a negative one are of nearly equal size, as near 0 in linear
    layers, then λ < ‖H v‖. The iteration runs again on H + ‖H v‖ I, whose eigenvalues have one sign, so that
    the result is the largest one and not the one of largest size.

    Watch it to see why a learning rate diverges: gradient descent with a full batch is stable up to lr = 2 /
    sharpness, and while it trains the sharpness often rises to just that value, the edge of stability. It
    belongs to the loss as it is written, and changes if weights are rescaled, so compare it between equal
    networks only. It costs two gradients for each of `iterations`, twice as many where it
    runs again; `[metrics.sharpness] iterations = 100` is for eigenvalues that lie close together.

    Choose it to see how large a rate the loss bears, 2 / sharpness for plain descent, and how flat the
    minimum is. It costs many gradients; `gradient_norm` costs none.

    Domain: iterations, a whole number from 1 up.
    Columns: `train_sharpness`. NaN if weights or gradients are not finite, or the network learns by a rule in
    place of a gradient. With dtype = "float32" about three digits are right.

    Cohen, Kaur, Li, Kolter & Talwalkar, "Gradient Descent on Neural Networks Typically Occurs at the Edge of
    Stability", ICLR 2021. https://arxiv.org/abs/2103.00065. Power iteration: Golub & Van Loan, "Matrix
    Computations", 4th edition (2013), section 7.3.1.
    """

    name: ClassVar[str] = "sharpness"
    goal: ClassVar[Literal["min", "max"]] = "min"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression", "unsupervised")
    bounds: ClassVar[str] = "(-inf, inf)"

    iterations: int = hyper(30, "int [1, 10000]")

    def score(self, moment: Moment) -> Mapping[str, Array]:
        trials = len(moment.layers[0].z)
        if moment.gradient is None:
            return {"": np.full(trials, np.nan)}
        theta = _flat(moment.grads, moment.weights)
        both = np.concatenate([theta, _flat(moment.grads, moment.grads)], axis=1)
        sound = np.asarray(np.isfinite(both).all(axis=1))
        theta = np.where(sound[:, None], theta, 0)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            eigenvalue, size = self._largest(moment, theta, np.zeros((trials, 1)))
            mixed = eigenvalue < SAME_SIGN * size
            if mixed.any():
                again, _ = self._largest(moment, theta, np.where(mixed, -size, 0))
                # No vᵀ H v is above the largest eigenvalue, so that of two the larger is nearer to it.
                eigenvalue = np.where(mixed, np.maximum(eigenvalue, again), eigenvalue)
        return {"": np.where(sound, eigenvalue[:, 0], np.nan)}

    def _largest(self, moment: Moment, theta: Array, shift: Array) -> tuple[Array, Array]:
        """Return vᵀ H v and ‖H v - shift v‖, both (T, 1), after a power iteration on H - shift I."""
        start = np.random.default_rng(0).standard_normal(theta.shape[1])  # the same for every trial
        v = np.broadcast_to(start / np.linalg.norm(start), theta.shape)
        eps = float(np.finfo(next(iter(moment.grads.values())).dtype).eps)
        radius = eps ** (1 / 3) * np.sqrt(1 + (theta * theta).sum(axis=1, keepdims=True))
        eigenvalue = length = np.zeros((len(theta), 1))
        for _ in range(self.iterations):
            ahead, behind = (_gradient(moment, theta + sign * radius * v) for sign in (1, -1))
            curved = (ahead - behind) / (2 * radius)
            eigenvalue = np.sum(v * curved, axis=1, keepdims=True)
            moved = curved - shift * v
            length = np.sqrt(np.square(moved).sum(axis=1, keepdims=True))
            v = np.where(length > 0, moved / length, v)
        return eigenvalue, length


def _flat(names: Weights, arrays: Weights) -> Array:
    """Return all arrays of a trial in one row, (T, P), in float64."""
    return np.concatenate(
        [arrays[name].reshape(len(arrays[name]), -1) for name in names], axis=1, dtype=np.float64
    )


def _gradient(moment: Moment, theta: Array) -> Array:
    """Return the gradient at the weights θ (T, P), likewise."""
    weights, start = {}, 0
    for name, grad in moment.grads.items():
        size = grad.shape[1] * grad.shape[2]
        weights[name] = theta[:, start : start + size].reshape(grad.shape).astype(grad.dtype)
        start += size
    assert moment.gradient is not None
    return _flat(moment.grads, moment.gradient(weights))


@hookimpl
def annx_metrics() -> list[type[ProbingMetric]]:
    return [Sharpness]
