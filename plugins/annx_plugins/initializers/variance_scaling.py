"""Initializer: variance_scaling."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper, log, truncated_normal


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Weights of a variance that falls with the width of the layer: the family of LeCun, Glorot and He.

        Var W = scale / n,  n = fan_in, fan_out or (fan_in + fan_out) / 2, by mode

    The distribution is "normal", "truncated_normal" (cut at two deviations and widened, so that the variance
    holds) or "uniform", U(-b, b) with b = √(3 scale / n). To search for the scale that a network wants:

        lecun    scale 1, mode "fan_in"           glorot   scale 1, mode "fan_avg"
        he       scale 2, mode "fan_in"           PyTorch's linear layers   scale 1/3, "fan_in", "uniform"

    Choose it for a rule that has no name: `glorot_uniform`, `he_normal`, `lecun_normal` and others are this
    with fixed settings.

    Domain: scale > 0.

    He, Zhang, Ren & Sun, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification", ICCV 2015, section 2.2. https://arxiv.org/abs/1502.01852. As Keras's VarianceScaling,
    whose "untruncated_normal" is "normal" here, as in JAX's variance_scaling.
    """

    name: ClassVar[str] = "variance_scaling"

    scale: Hyper = hyper(1.0, "(0, inf)", search=log(0.1, 10.0))
    mode: str = hyper("fan_in", ("fan_in", "fan_out", "fan_avg"))
    distribution: str = hyper("truncated_normal", ("normal", "truncated_normal", "uniform"))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        std = np.sqrt(self.scale / n)
        if self.distribution == "uniform":
            return rng.uniform(-math.sqrt(3) * std, math.sqrt(3) * std, shape)
        normal = self.distribution == "normal"
        return std * (rng.standard_normal(shape) if normal else truncated_normal(rng, shape))


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [VarianceScaling]
