"""Loss: tversky."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, linear, log


@dataclass(frozen=True)
class Tversky(Loss):
    """Tversky loss: how little prediction and target overlap, with a weight for either kind of mistake.

        ℓ(a, y) = 1 - (both + smooth) / (both + alpha extra + beta missed + smooth)
        both = Σ_d a_d y_d,  extra = Σ_d a_d (1 - y_d),  missed = Σ_d (1 - a_d) y_d

    alpha = beta = 1/2 is `dice` with twice the smooth, alpha = beta = 1 is 1 minus the Jaccard index
    (intersection over union). Choose it over `dice` if it is worse to miss a marked pixel than to mark one
    too many, with beta > alpha; the paper found 0.3 and 0.7 best for small lesions.

    Domain: output a and target y in [0, 1]; alpha and beta ≥ 0; smooth > 0.
    Shapes: a and y (T, N, D); value (T,), the mean over N of one ratio for each example.

    Salehi, Erdogmus & Gholipour, "Tversky loss function for image segmentation using 3D fully convolutional
    deep networks", MLMI 2017, equation 3. https://arxiv.org/abs/1706.05721. Keras and pytorch-optimizer take
    one ratio of the whole batch, Keras unless its `axis` says otherwise. In Keras 3.15 alpha weighs what is
    missed, and beta what is extra, against its own description.
    """

    name: ClassVar[str] = "tversky"
    outputs: ClassVar[Mapping[Task, str]] = {"multiclass": "softmax", "unsupervised": "sigmoid"}
    accepts: ClassVar[str] = "[0, 1]"
    targets: ClassVar[str] = "[0, 1]"

    alpha: Hyper = hyper(0.5, "[0, inf)", search=linear(0.1, 0.9))
    beta: Hyper = hyper(0.5, "[0, inf)", search=linear(0.1, 0.9))
    smooth: Hyper = hyper(1.0, "(0, inf)", search=log(1e-3, 10.0))

    def value(self, output: Array, target: Array) -> Array:
        both = (output * target).sum(axis=2, keepdims=True)
        extra = (output * (1 - target)).sum(axis=2, keepdims=True)
        missed = ((1 - output) * target).sum(axis=2, keepdims=True)
        share = (both + self.smooth) / (both + self.alpha * extra + self.beta * missed + self.smooth)
        return (1 - share).mean(axis=(1, 2))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [Tversky]
