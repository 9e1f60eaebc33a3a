"""Objectives as PyTorch computes them from the formulas of their papers, in the papers' own form."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from oracles.rows import Row, spread
from shipped import REGISTRY

from anncore import Array, build


def torch(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row; theirs(torch, x), x (5, D), returns (5,)."""
    return Row("torch", "objective", name, theirs, values)


def points(row: Row) -> Array:
    """Return where an objective is evaluated, (5, 1, D)."""
    size = int(build(REGISTRY.get("objective", row.name).cls, **row.values).dimensions)
    return spread(5 * size, -2, 2, turn=17).reshape(5, 1, size)


def ours(component: Any, row: Row) -> Any:
    """Return our figures."""
    x = points(row)
    given = [x, np.zeros_like(x)] if component.noisy else [x]
    return np.concatenate([component.value(x), np.ravel(component.grad(*given))])


def rosenbrock(x: Any) -> Any:
    """Return the values of Rosenbrock's function over the last axis, of tensors and arrays."""
    ahead, behind = x[..., 1:], x[..., :-1]
    return (100 * (ahead - behind**2) ** 2 + (1 - behind) ** 2).sum(-1)


def _corners(t: Any, x: Any) -> Any:
    return sum((c - x[:, 0] * (1 - x[:, 1] ** i)) ** 2 for i, c in enumerate((1.5, 2.25, 2.625), start=1))


def _four(t: Any, x: Any) -> Any:
    return (x[:, 0] ** 2 + x[:, 1] - 11) ** 2 + (x[:, 0] + x[:, 1] ** 2 - 7) ** 2


def _game(t: Any, x: Any, curvature: float = 0.0) -> Any:
    """Return the distance to the equilibrium, with the slopes of the players as its gradient."""

    def payoff(one: Any, other: Any) -> Any:
        return one * other + curvature / 2 * (one**2 - other**2)

    one, other = x[:, 0], x[:, 1]
    slopes = payoff(one, other.detach()) - payoff(one.detach(), other)
    return (x**2).sum(1).detach() / 2 + slopes - slopes.detach()


def _branin(t: Any, x: Any) -> Any:
    u, v = x[:, 0], x[:, 1]
    curve = v - 5.1 / (4 * math.pi**2) * u**2 + 5 / math.pi * u - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * t.cos(u) + 10


def _ackley(t: Any, x: Any) -> Any:
    bowl = -20 * t.exp(-0.2 * t.sqrt((x**2).mean(1)))
    return bowl - t.exp(t.cos(2 * math.pi * x).mean(1)) + 20 + math.e


def _griewank(t: Any, x: Any) -> Any:
    roots = t.sqrt(t.arange(1, x.shape[1] + 1, dtype=x.dtype))
    return 1 + (x**2).sum(1) / 4000 - t.cos(x / roots).prod(1)


def _levy(t: Any, x: Any) -> Any:
    w = 1 + (x - 1) / 4
    inner = (w[:, :-1] - 1) ** 2 * (1 + 10 * t.sin(math.pi * w[:, :-1] + 1) ** 2)
    end = (w[:, -1] - 1) ** 2 * (1 + t.sin(2 * math.pi * w[:, -1]) ** 2)
    return t.sin(math.pi * w[:, 0]) ** 2 + inner.sum(1) + end


def _goldstein_price(t: Any, x: Any) -> Any:
    u, v = x[:, 0], x[:, 1]
    one = 1 + (u + v + 1) ** 2 * (19 - 14 * u + 3 * u**2 - 14 * v + 6 * u * v + 3 * v**2)
    other = 18 - 32 * u + 12 * u**2 + 48 * v - 36 * u * v + 27 * v**2
    return one * (30 + (2 * u - 3 * v) ** 2 * other)


def _camel(t: Any, x: Any) -> Any:
    u, v = x[:, 0], x[:, 1]
    return (4 - 2.1 * u**2 + u**4 / 3) * u**2 + u * v + (-4 + 4 * v**2) * v**2


def _mccormick(t: Any, x: Any) -> Any:
    u, v = x[:, 0], x[:, 1]
    return t.sin(u + v) + (u - v) ** 2 - 1.5 * u + 2.5 * v + 1


def _saddle(t: Any, x: Any, wall: float = 0.0) -> Any:
    return x[:, 0] ** 2 - x[:, 1] ** 2 + wall * x[:, 1] ** 4


def _monkey(t: Any, x: Any, wall: float = 0.0) -> Any:
    radius, angle = t.hypot(x[:, 0], x[:, 1]), t.atan2(x[:, 1], x[:, 0])
    return radius**3 * t.cos(3 * angle) + wall * radius**4


def _wall(t: Any, x: Any, length: int = 50) -> Any:
    state = t.full_like(x[:, 0], 0.5)
    for _ in range(length):
        state = x[:, 0] * t.sigmoid(state) + x[:, 1]
    return (t.sigmoid(state) - 0.7) ** 2


def _units(t: Any, x: Any, scale: float = 1.0, ratio: float = 1.0) -> Any:
    sizes = ratio ** t.linspace(0.5, -0.5, x.shape[1], dtype=x.dtype)
    return scale / 2 * ((sizes * x - 1) ** 2).sum(1)


def _wilson(t: Any, x: Any) -> Any:
    """Two positive examples and a negative one: label, 1, 1, then five columns of each one's own."""
    features = t.zeros(3, 18, dtype=x.dtype)
    features[:, 0] = labels = t.tensor([1, 1, -1], dtype=x.dtype)
    features[:, 1:3] = features[0, 3] = features[1, 8] = features[2, 13:18] = 1
    return ((x @ features.T - labels) ** 2).sum(1) / 2


# These data are ours, random by a seed; what is compared is the formula over them.


def _tensors(name: str, function: str, t: Any, *given: Any) -> list[Any]:
    module = inspect.getmodule(REGISTRY.get("objective", name).cls)
    arrays = getattr(module, function)(*given, np.dtype("float64"))
    return [t.tensor(array) for array in (arrays if isinstance(arrays, tuple) else (arrays,))]


def _deep(t: Any, x: Any) -> Any:
    (curved,) = _tensors("deep_quadratic", "hessian", t)
    return (x @ curved * x).sum(1) / 2 + 0.18 * t.trace(curved)


def _factors(t: Any, x: Any) -> Any:
    (left,) = _tensors("matrix_factorization", "directions", t, 0, 4, 2, 0)
    (right,) = _tensors("matrix_factorization", "directions", t, 0, 2, 2, 1)
    wanted = left @ t.diag(t.tensor([1.0, 0.1], dtype=x.dtype)) @ right.T
    return t.stack([t.linalg.norm(t.outer(row[:4], row[4:]) - wanted) ** 2 / 2 for row in x])


def _least_squares(t: Any, x: Any, density: float = 1.0, ratio: float = 1.0, noise: float = 0.0) -> Any:
    normal, uniform, weights, errors = _tensors("least_squares", "drawn", t, 0, 30, 6)
    sizes = ratio ** -t.linspace(0, 1, 6, dtype=x.dtype)
    features = normal * (uniform < density) * sizes
    targets = features @ weights + noise * errors
    return ((x @ features.T - targets) ** 2).mean(1) / 2


def _logistic(t: Any, x: Any, l1: float = 0.0, l2: float = 0.01) -> Any:
    (data,) = _tensors("logistic_regression", "signed", t, 0, 30, 6)
    losses = t.nn.functional.softplus(-x @ data.T)
    return losses.mean(1) + l2 / 2 * (x**2).sum(1) + l1 * x.abs().sum(1)


def _phase(t: Any, x: Any) -> Any:
    along, _, signal = _tensors("phase_retrieval", "measured", t, 0, 30, 6)
    return (((x @ along.T) ** 2 - (along @ signal) ** 2) ** 2).mean(1) / 4


_SMALL: Mapping[str, Any] = {"examples": 30, "dimensions": 6}
_RARE: Mapping[str, Any] = {"density": 0.4, "ratio": 20.0, "noise": 0.5}


ROWS = [
    torch("rosenbrock", lambda t, x: rosenbrock(x)),
    torch("rosenbrock", lambda t, x: rosenbrock(x), dimensions=6),
    torch("beale", _corners),
    torch("himmelblau", _four),
    torch("quadratic", lambda t, x: x[:, 0] ** 2 / 2 + 50 * x[:, 1] ** 2),
    torch(
        "quadratic",
        lambda t, x: (x**2 * t.logspace(0, 3, 6, dtype=x.dtype)).sum(1) / 2,
        dimensions=6,
        condition=1e3,
    ),
    torch("noisy_quadratic", lambda t, x: (x**2 / t.arange(1, 7)).sum(1) / 2, dimensions=6),
    torch("bilinear_game", _game),
    torch("bilinear_game", partial(_game, curvature=0.3), curvature=0.3),
    torch("sphere", lambda t, x: (x**2).sum(1)),
    torch("sphere", lambda t, x: (x**2).sum(1), dimensions=1),
    torch("booth", lambda t, x: (x[:, 0] + 2 * x[:, 1] - 7) ** 2 + (2 * x[:, 0] + x[:, 1] - 5) ** 2),
    torch("matyas", lambda t, x: 0.26 * (x**2).sum(1) - 0.48 * x.prod(1)),
    torch("branin", _branin),
    torch("styblinski_tang", lambda t, x: (x**4 - 16 * x**2 + 5 * x).sum(1) / 2, dimensions=6),
    *(torch("ackley", _ackley, dimensions=size) for size in (1, 2, 6)),
    *(
        torch("rastrigin", lambda t, x: (10 + x**2 - 10 * t.cos(2 * math.pi * x)).sum(1), dimensions=size)
        for size in (1, 6)
    ),
    *(torch("griewank", _griewank, dimensions=size) for size in (1, 2, 6)),
    *(torch("levy", _levy, dimensions=size) for size in (1, 2, 6)),
    torch("goldstein_price", _goldstein_price),
    torch("saddle", _saddle),
    torch("saddle", partial(_saddle, wall=0.5), wall=0.5),
    torch("monkey_saddle", _monkey),
    torch("monkey_saddle", partial(_monkey, wall=0.5), wall=0.5),
    torch("mccormick", _mccormick),
    torch("six_hump_camel", _camel),
    torch("reddi", lambda t, x: 10 / 101 * x[:, 0]),
    torch("reddi", lambda t, x: (4 - 2) / 3 * x[:, 0], period=3, steep=4.0, gentle=1.0),
    torch("wilson", _wilson, positives=2, negatives=1),
    torch("deep_quadratic", _deep),
    torch("matrix_factorization", _factors, rows=4, columns=2, rank=2, width=1),
    torch("least_squares", _least_squares, **_SMALL),
    torch("least_squares", partial(_least_squares, **_RARE), **_SMALL, **_RARE),
    *(
        torch("logistic_regression", partial(_logistic, **penalty), **_SMALL, **penalty)
        for penalty in ({}, {"l1": 0.1, "l2": 0.0})
    ),
    torch("gaussian_well", lambda t, x: 1 - t.exp(-(x**2).sum(1) / 2), dimensions=3),
    torch("deep_chain", lambda t, x: (x.prod(1) - 1) ** 2 / 2, dimensions=6),
    torch("recurrent_wall", _wall),
    torch("recurrent_wall", partial(_wall, length=5), length=5),
    *(
        torch("units", partial(_units, **values), dimensions=3, **values)
        for values in ({}, {"scale": 1e-3, "ratio": 100.0})
    ),
    torch("student_noise", lambda t, x: (x**2).sum(1) / 2, dimensions=6),
    torch("phase_retrieval", _phase, dimensions=6, measurements=30),
]


def _by_torch(row: Row) -> Any:
    import torch

    x = torch.tensor(points(row)[:, 0], requires_grad=True)
    value = row.theirs(torch, x)
    value.sum().backward()
    return np.concatenate([value.detach().numpy(), x.grad.numpy().ravel()])


THEIRS: Mapping[str, Callable[[Row], Any]] = {"torch": _by_torch}
