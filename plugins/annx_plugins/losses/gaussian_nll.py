"""Loss: gaussian_nll."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, log


@dataclass(frozen=True)
class GaussianNLL(Loss):
    """Negative log-likelihood of a normal distribution; the network predicts its mean and variance.

        ℓ(μ, s, y) = (log v + (y - μ)² / v) / 2,  plus log(2π) / 2 if `full` is on
        v = max(σ², eps),  σ² = exp(s) with variance = "log", log(1 + exp(s)) with variance = "softplus"

        ∂ℓ/∂μ = (μ - y) / v
        ∂ℓ/∂s = (1 - (y - μ)² / v) σ²' / 2v,  σ²' = dσ²/ds

    For D targets there are 2D outputs: the means first, then s of each. Both gradients ignore
    the lower bound eps, as in PyTorch, so that a variance below it can rise again. Metrics get the mean.

    Choose it where the noise differs from example to example and should be predicted too. `mse` takes it for
    equal everywhere, `quantile` predicts bounds without a form of the noise.

    Domain: outputs and target real; eps > 0. The value may be negative.
    Shapes: output (T, N, 2D), y (T, N, D); value (T,), the mean over N and D.

    Nix & Weigend, "Estimating the mean and variance of the target probability distribution", ICNN 1994,
    equation 4. https://doi.org/10.1109/ICNN.1994.374138. PyTorch's GaussianNLLLoss takes the variance
    itself, so the network must keep it positive; "log" is the common way, as in Kendall & Gal, "What
    Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?", NeurIPS 2017, equation 8,
    https://arxiv.org/abs/1703.04977, and "softplus" that of Lakshminarayanan, Pritzel & Blundell, "Simple
    and Scalable Predictive Uncertainty Estimation using Deep Ensembles", NeurIPS 2017, section 2.2.1,
    https://arxiv.org/abs/1612.01474, who add 1e-6 in place of the bound.
    """

    name: ClassVar[str] = "gaussian_nll"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "identity", "unsupervised": "identity"}
    outputs_per_target: ClassVar[int] = 2

    variance: str = hyper("log", ("log", "softplus"))
    eps: Hyper = hyper(1e-6, "(0, inf)", search=log(1e-6, 1e-2))
    full: bool = hyper(False, "bool")

    def value(self, output: Array, target: Array) -> Array:
        mean, s = _halves(output)
        error = target - mean
        if self.variance == "log":
            log_v = np.maximum(s, _log(self.eps, s.dtype))
            cost = log_v + error * error * np.exp(-log_v)  # exp of a large s is never needed
        else:
            v = np.maximum(_softplus(s), self.eps)
            cost = np.log(v) + error * error / v
        if self.full:
            cost = cost + float(np.log(2 * np.pi))
        return 0.5 * cost.mean(axis=(1, 2))

    def grad(self, output: Array, target: Array) -> Array:
        # By hand for speed (twice), and because below the bound the derived slope by s would be 0.
        mean, s = _halves(output)
        error = target - mean
        if self.variance == "log":
            log_v = np.maximum(s, _log(self.eps, s.dtype))
            precision = np.exp(-log_v)
            relative = np.exp(s - log_v)  # σ²' / v: 1 except below the bound
        else:
            v = np.maximum(_softplus(s), self.eps)
            precision = 1 / v
            relative = 0.5 * (1 + np.tanh(0.5 * s)) / v
        to_mean = -error * precision
        to_s = 0.5 * (1 - error * error * precision) * relative
        return np.concatenate([to_mean, to_s], axis=2) / (target.shape[1] * target.shape[2])

    def predict(self, output: Array) -> Array:
        return _halves(output)[0]


def _halves(output: Array) -> tuple[Array, Array]:
    middle = output.shape[2] // 2
    return output[:, :, :middle], output[:, :, middle:]


def _log(eps: Hyper, dtype: np.dtype[Any]) -> Any:
    return np.log(np.asarray(eps, dtype))  # of a plain number NumPy would make float64


def _softplus(s: Array) -> Array:
    return np.maximum(s, 0) + np.log1p(np.exp(-np.abs(s)))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [GaussianNLL]
