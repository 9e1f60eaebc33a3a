"""Initializer: truncated_normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper, log


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """Normal weights without tails, the same in every layer.

        W = std x,  x ~ N(0, 1) given |x| ≤ limit            bounds "deviations"
                    x ~ N(0, 1) given |std x| ≤ limit        bounds "absolute"

    Where a single large weight could spoil a start, such as embeddings of transformers (std = 0.02). The
    truncation lowers the standard deviation, at two deviations to 0.8796 std; `glorot_normal` and its kin
    make up for that, this does not, like the libraries.

    Domain: std > 0, limit > 0.

    Devlin, Chang, Lee & Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers for Language
    Understanding", NAACL 2019, whose code has std = 0.02. https://arxiv.org/abs/1810.04805. Keras's
    TruncatedNormal has std = 0.05, JAX's truncated_normal 0.01, both two deviations; PyTorch's trunc_normal_
    has std = 1 and absolute bounds of ±2, which do not shrink with std.
    """

    name: ClassVar[str] = "truncated_normal"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "torch": {"std": 1.0, "limit": 2.0, "bounds": "absolute"},
        "keras": {"std": 0.05, "limit": 2.0, "bounds": "deviations"},
        "optax": {"std": 0.01, "limit": 2.0, "bounds": "deviations"},
    }

    std: Hyper = hyper(0.02, "(0, inf)", search=log(1e-3, 1.0))
    limit: Hyper = hyper(2.0, "(0, inf)")
    bounds: str = hyper("deviations", ("deviations", "absolute"))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        from scipy.special import ndtr, ndtri

        limit = self.limit / self.std if self.bounds == "absolute" else self.limit
        below = rng.uniform(ndtr(-limit), ndtr(limit), shape)
        return self.std * np.clip(ndtri(below), -limit, limit)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [TruncatedNormal]
