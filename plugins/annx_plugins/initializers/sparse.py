"""Initializer: sparse."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Initializer, hookimpl, hyper, log


@dataclass(frozen=True)
class Sparse(Initializer):
    """Sparse weights: every unit begins with few incoming connections.

        Wᵢⱼ ~ N(0, std²)  for `connections` inputs i of each unit j, chosen at random,  0  elsewhere

    The sum that a unit gets does not grow with the width of the layer below, and units differ more than with
    dense weights. All weights are trained, also those that begin at 0; the network `sparse` leaves
    connections out for good. A layer with fewer inputs is dense.

    Domain: connections a whole number from 1, std > 0.

    Martens, "Deep learning via Hessian-free optimization", ICML 2010, section 5, with 15 connections and std
    1. https://icml.cc/Conferences/2010/papers/458.pdf. PyTorch's sparse_ sets a share of the outgoing weights
    of each input to 0 instead, and has std 0.01.
    """

    name: ClassVar[str] = "sparse"

    connections: int = hyper(15, "int [1, inf)")
    std: Hyper = hyper(1.0, "(0, inf)", search=log(0.01, 1.0))

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        weights = self.std * rng.standard_normal(shape).reshape(-1, shape[-1])
        order = rng.random(weights.shape).argsort(axis=0)
        np.put_along_axis(weights, order[self.connections :], 0.0, axis=0)
        return weights.reshape(shape)


@hookimpl
def annx_initializers() -> list[type[Initializer]]:
    return [Sparse]
