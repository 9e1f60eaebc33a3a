"""Loss: dice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Array, Hyper, Loss, Task, hookimpl, hyper, log


@dataclass(frozen=True)
class Dice(Loss):
    """Dice loss: how little the parts overlap that prediction and target mark.

        ℓ(a, y) = 1 - (2 Σ_d a_d y_d + smooth) / (Σ_d a_d + Σ_d y_d + smooth)

    with Σ a² + Σ y² in the denominator if `squares` is on. The outputs of an example are shares of one
    picture, such as pixels; what neither marks does not count. Choose it over binary cross-entropy if few
    pixels are marked, as then answering 0 everywhere looks good to the latter. Its gradient depends on all
    outputs at once and is small for an empty target. `tversky` weighs the two kinds of mistakes differently.
    For one-hot targets under a softmax it is 1 - p_y, times 2 / (2 + smooth), which is slow to learn.

    Domain: output a and target y in [0, 1], smooth > 0: of an empty target it counts how little is marked.
    Shapes: a and y (T, N, D); value (T,), the mean over N of one ratio for each example. (Keras takes one
    ratio of the whole batch, unless its `axis` says otherwise.)

    Milletari, Navab & Ahmadi, "V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image
    Segmentation", 3DV 2016, equation 1, which has squares, as Flux has. https://arxiv.org/abs/1606.04797.
    Keras and optax have none.
    """

    name: ClassVar[str] = "dice"
    outputs: ClassVar[Mapping[Task, str]] = {"multiclass": "softmax", "unsupervised": "sigmoid"}
    accepts: ClassVar[str] = "[0, 1]"
    targets: ClassVar[str] = "[0, 1]"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"squares": True},
        "flux": {"squares": True, "smooth": 1.0},
        "optax": {"squares": False, "smooth": 2.0},
    }

    smooth: Hyper = hyper(1.0, "(0, inf)", search=log(1e-3, 10.0))
    squares: bool = hyper(False, "bool")

    def value(self, output: Array, target: Array) -> Array:
        both = (output * target).sum(axis=2, keepdims=True)
        marked = output * output + target * target if self.squares else output + target
        total = marked.sum(axis=2, keepdims=True)
        return (1 - (2 * both + self.smooth) / (total + self.smooth)).mean(axis=(1, 2))


@hookimpl
def annx_losses() -> list[type[Loss]]:
    return [Dice]
