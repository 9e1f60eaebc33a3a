"""Metric: top_k."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from anncore import Array, Metric, Task, hookimpl, hyper


@dataclass(frozen=True)
class TopK(Metric):
    """Top-k accuracy: the share of examples whose true class is among the k with the largest outputs.

        (1/N) Σ [#{c : p_c > p_y or p_c = p_y with c < y} < k]

    Of equal outputs the first class comes first, so k = 1 is `accuracy` to the last bit. scikit-learn takes
    the last one first, and Keras counts all that equal the k-th output. Its value is 1 for every k from the
    number of classes on. NaN if any prediction is NaN.

    Choose it over `accuracy` if there are many classes that are easily confused, and somebody looks at
    several suggestions. scikit-learn's default is k = 2, Keras's is k = 5; `[metrics.top_k] k = 3` sets it.

    Domain: k, a whole number from 1 up.
    Shapes: output and target (T, N, C), one-hot targets; score (T,). Russakovsky et al., "ImageNet Large
    Scale Visual Recognition Challenge", International Journal of Computer Vision 115 (2015), 211-252,
    section 4.1, as 1 minus the error. https://doi.org/10.1007/s11263-015-0816-y
    """

    name: ClassVar[str] = "top_k"
    goal: ClassVar[Literal["min", "max"]] = "max"
    tasks: ClassVar[tuple[Task, ...]] = ("multiclass",)
    bounds: ClassVar[str] = "[0, 1]"

    k: int = hyper(2, "int [1, inf)")

    def score(self, output: Array, target: Array) -> Array:
        true = target.argmax(axis=-1)[..., None]
        score = np.take_along_axis(output, true, axis=-1)
        before = np.arange(output.shape[2]) < true
        ahead = ((output > score) | ((output == score) & before)).sum(axis=-1)
        return np.where(np.isnan(output).any(axis=(1, 2)), np.nan, (ahead < self.k).mean(axis=1))


@hookimpl
def annx_metrics() -> list[type[Metric]]:
    return [TopK]
