"""Objectives that are wrong on purpose."""

from __future__ import annotations

import numpy as np
from right.objectives import Ditch, Tug

from wrong.base import wrong, wrong_form

STILL = np.ones(3)
OBJECTIVES = [
    wrong("objective", "start", "start has shape (1, 3), not (D,)", start=lambda self, rng: np.ones((1, 3))),
    wrong("objective", "start", "start is float32, not", start=lambda self, rng: np.ones(3, "float32")),
    wrong("objective", "start", "a start that is not", start=lambda self, rng: np.full(3, np.inf)),
    wrong(
        "objective",
        "start",
        "a different start from an equal generator",
        start=lambda self, rng: np.random.default_rng().normal(size=3),
    ),
    wrong("objective", "start", "two starts share their memory", start=lambda self, rng: STILL),
    wrong("objective", "gradient", "grad for argument", grad=lambda self, x, noise: 2 * x + noise),
    wrong(
        "objective", "noise", "draw gives (1, 3), not (D,)", draw=lambda self, rng: rng.normal(size=(1, 3))
    ),
    wrong("objective", "minimum", "minimum is (1, 2), not (K, D)", minimum=np.zeros(2)),
    wrong("objective", "minimum", "a minimum that is not finite", minimum=np.full(3, np.nan)),
    wrong("objective", "minimum", "a minimum beyond its bounds", minimum=np.zeros(3), bounds=(1.0, 2.0)),
    wrong("objective", "start", "a start beyond its bounds", bounds=(np.full(3, 5.0), np.full(3, 6.0))),
    wrong("objective", "minimum", "the gradient at its minimum is", minimum=np.full(3, 0.01)),
    wrong(
        "objective",
        "minimum",
        "lower at another place than at its minimum",
        minimum=np.zeros(3),
        value=lambda self, x: -(x * x).sum(axis=(1, 2)),
        grad=lambda self, x, noise: noise - 2 * x,
    ),
    wrong("objective", "noise", "noise that is not finite", draw=lambda self, rng: np.full(3, np.nan)),
    wrong("objective", "noise", "two steps have the same", draw=lambda self, rng: np.ones(3)),
    wrong("objective", "noise", "does not change the gradient", grad=lambda self, x, noise: x + 0),
    wrong_form(
        "objective",
        "gradient",
        "grad differs from the derivative of payoff",
        Tug,
        grad=lambda self, x: (x[:, :, ::-1] * np.array([1, -1]) + 0.5 * x) * (1 + 1e-6),
    ),
    wrong_form(
        "objective",
        "gradient",
        "grad for argument",
        Tug,
        grad=lambda self, x: x[:, :, ::-1] + 0.5 * x * np.array([1, -1]),  # both descend
    ),
    wrong_form("objective", "equilibrium", "ascending must be 2 of True or False", Tug, ascending=(0, 1)),
    wrong_form("objective", "equilibrium", "all arguments move the same way", Tug, ascending=(True, True)),
    wrong_form(
        "objective",
        "equilibrium",
        "those that descend gain",
        Tug,
        payoff=lambda self, x: x[:, 0, 0] * x[:, 0, 1] - x[:, 0, 0] * x[:, 0, 0],
    ),
    wrong_form(
        "objective",
        "equilibrium",
        "those that ascend gain",
        Tug,
        payoff=lambda self, x: x[:, 0, 0] * x[:, 0, 1] + x[:, 0, 1] * x[:, 0, 1],
    ),
    wrong_form(
        "objective",
        "residuals",
        "residuals are (3, 2), not (T, 1, M)",
        Ditch,
        residuals=lambda self, x: x[:, 0],
    ),
    wrong_form(
        "objective",
        "residuals",
        "the sum of the squares of the residuals and the value",
        Ditch,
        residuals=lambda self, x: x - 1,
    ),
]
