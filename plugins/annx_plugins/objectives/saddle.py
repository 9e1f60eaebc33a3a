"""Objective: saddle."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from anncore import Array, Hyper, Objective, hookimpl, hyper, linear


@dataclass(frozen=True)
class Saddle(Objective):
    """A saddle: training starts beside its ridge and must find the way down.

        f(x) = x₁² - x₂² + wall x₂⁴

    At (0, 0) the gradient is 0, the Hessian has the eigenvalues 2 and -2. Gradient descent with rate lr
    leaves along x₂ by a factor of 1 + 2 lr a step, after about log(1 / x₂) / log(1 + 2 lr) steps from x₂; a
    method that only looks at signs needs none of that time. Without a wall f has no minimum: values below 0,
    the saddle's own, count as escaped, and the steps to get there decide. Let [train] stop = { loss = 0 } end
    such trials. With a wall the minimum is f = -1 / (4 wall) at x₂ = ±√(1 / (2 wall)), x₁ = 0, and values
    count from there. `monkey_saddle` is flatter: its Hessian is 0.

    Training starts at (1, 0.001), where f = 0.999999 without a wall, plus spread · N(0, 1) in each argument:
    with spread 0 nothing is random, and all seeds give the same.

    Domain: wall ≥ 0, spread ≥ 0.

    Dauphin, Pascanu, Gulcehre, Cho, Ganguli & Bengio, "Identifying and attacking the saddle point problem in
    high-dimensional non-convex optimization", NeurIPS 2014, section 3. https://arxiv.org/abs/1406.2572
    """

    name: ClassVar[str] = "saddle"
    dimensions: ClassVar[int] = 2

    wall: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 1.0))
    spread: Hyper = hyper(0.0, "[0, inf)", search=linear(0.0, 0.1))

    def start(self, rng: np.random.Generator) -> Array:
        return np.array([1.0, 1e-3]) + self.spread * rng.standard_normal(2)

    @property
    def minimum(self) -> Array | None:
        if np.any(np.asarray(self.wall) == 0):
            return None
        aside = np.sqrt(0.5 / float(np.ravel(self.wall)[0]))
        return np.array([[0.0, aside], [0.0, -aside]])

    def value(self, x: Array) -> Array:
        first, second = x[:, :, :1] * x[:, :, :1], x[:, :, 1:] * x[:, :, 1:]
        return (first - second + self.wall * second * second).sum(axis=(1, 2))


@hookimpl
def annx_objectives() -> list[type[Objective]]:
    return [Saddle]
