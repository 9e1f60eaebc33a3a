"""Data set: gaussian_ring."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Data, Dataset, Hyper, hookimpl, hyper, linear


@dataclass(frozen=True)
class GaussianRing(Dataset):
    """Gaussian clouds on a ring, without targets: a generator must make all of them.

        m ~ U{0 ... modes - 1}
        x = radius (cos 2πm/modes, sin 2πm/modes) + noise ε,  ε ~ N(0, 1)²

    Domain: n at least 5, modes at least 1, radius and noise above 0. Shapes: x (n, 2).

    Metz, Poole, Pfau & Sohl-Dickstein, "Unrolled Generative Adversarial Networks", ICLR 2017, section 3.1:
    eight clouds of standard deviation 0.02 on a ring of radius 2. https://arxiv.org/abs/1611.02163
    """

    name: ClassVar[str] = "gaussian_ring"

    n: int = hyper(1000, "int [5, inf)")
    modes: int = hyper(8, "int [1, inf)")
    radius: Hyper = hyper(2.0, "(0, inf)")
    noise: Hyper = hyper(0.1, "(0, inf)", search=linear(0.02, 0.3))

    def make(self, rng: np.random.Generator) -> Data:
        angle = 2 * np.pi * rng.integers(self.modes, size=self.n) / self.modes
        middle = self.radius * np.column_stack([np.cos(angle), np.sin(angle)])
        return Data(middle + self.noise * rng.standard_normal((self.n, 2)), None, "unsupervised")


@hookimpl
def annx_datasets() -> list[type[Dataset]]:
    return [GaussianRing]
