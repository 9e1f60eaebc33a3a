"""Loss: poisson_nll."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, log

LARGEST = 50.0  # exp of it, 5e21, leaves room for sums and products in float32


@dataclass(frozen=True)
class PoissonNLL(Loss):
    """Negative log-likelihood of a Poisson distribution, for targets that are counts.

        ℓ(x, y) = r - y log r,  r = exp(x) with rate = "log"
                  r - y log(r + eps),  r = log(1 + exp(x)) with rate = "softplus"
        plus y log y - y + log(2πy) / 2 where y > 1, Stirling's approximation of log y!, if `full` is on

    The network predicts x, and metrics get the rate r, the expected count. Choose it if targets count events:
    their variance then grows with their mean, which `mse` ignores. `msle` needs no distribution. With
    rate = "log", effects multiply, as is common; "softplus" lets r grow no faster than x, which is safer with
    large inputs.

    Beyond x = 50, a rate of 5e21, exp(x) goes on as a straight line, so that it does not overflow.

    Domain: output x real; target y ≥ 0, a count or any size: set [split] standardize = false. eps > 0.
    Shapes: x and y (T, N, D); value (T,), the mean over N and D. It may be negative.

    Nelder & Wedderburn, "Generalized Linear Models", Journal of the Royal Statistical Society A 135 (1972),
    370-384. https://doi.org/10.2307/2344614. PyTorch's PoissonNLLLoss is rate = "log"; with log_input off,
    and in Keras, it takes the rate itself, so the network must keep it positive, as softplus does. PyTorch
    adds 1e-8 to it there, Keras 1e-7."""

    name: ClassVar[str] = "poisson_nll"
    outputs: ClassVar[Mapping[Task, str]] = {"regression": "identity"}
    targets: ClassVar[str] = "[0, inf)"

    rate: str = hyper("log", ("log", "softplus"))
    eps: Hyper = hyper(1e-8, "(0, inf)", search=log(1e-8, 1e-2))
    full: bool = hyper(False, "bool")

    def value(self, output: Array, target: Array) -> Array:
        rate = self.predict(output)
        log_rate = output if self.rate == "log" else np.log(rate + self.eps)
        cost = rate - target * log_rate
        if self.full:
            y = np.maximum(target, 1)
            stirling = y * np.log(y) - y + 0.5 * np.log(2 * np.pi * y)
            cost = cost + np.where(target > 1, stirling, 0)
        return cost.mean(axis=(1, 2))

    def predict(self, output: Array) -> Array:
        if self.rate == "softplus":
            return np.logaddexp(0, output)
        kept = np.minimum(output, LARGEST)
        return np.exp(kept) * (1 + (output - kept))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [PoissonNLL]
