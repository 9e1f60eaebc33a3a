"""Suite: pathologies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from anncore import Problem, Suite, hookimpl

STEPS = 1000
LONG = 2020  # twenty periods of Reddi's trap, so that the last step is the last of a period

GROUPS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "ravines": {
        "ravine_1e2": {"use": "quadratic", "condition": 1e2, "dimensions": 10},
        "ravine_1e4": {"use": "quadratic", "condition": 1e4, "dimensions": 10},
        "ravine_1e6": {"use": "quadratic", "condition": 1e6, "dimensions": 10},
        "rotated_1e2": {"use": "quadratic", "condition": 1e2, "dimensions": 10, "rotated": True},
        "rotated_1e4": {"use": "quadratic", "condition": 1e4, "dimensions": 10, "rotated": True},
        "rotated_1e6": {"use": "quadratic", "condition": 1e6, "dimensions": 10, "rotated": True},
        "spectrum_of_a_deep_net": {"use": "deep_quadratic"},
    },
    "curved valleys": {
        "rosenbrock": {},
        "rosenbrock_10": {"use": "rosenbrock", "dimensions": 10},
        "beale": {},
    },
    "saddles and plateaus": {
        "saddle": {"wall": 0.25},
        "monkey_saddle": {"wall": 0.25},
        "factors_near_0": {"use": "matrix_factorization", "scale": 1e-3},
        "plain": {"use": "gaussian_well", "distance": 4.0},
        "wide_plain": {"use": "gaussian_well", "distance": 6.0},
        "vanishing_chain": {"use": "deep_chain", "begin": 0.3},
    },
    "walls": {
        "cliff": {"use": "recurrent_wall"},
        "exploding_chain": {"use": "deep_chain", "begin": 2.0},
        "goldstein_price": {},
        "far_start": {"use": "logistic_regression", "spread": 30.0},
    },
    "sizes of gradients": {
        "gradients_1e-6": {"use": "units", "scale": 1e-6},
        "gradients_1e6": {"use": "units", "scale": 1e6},
        "squares_underflow": {"use": "units", "scale": 1e-25},
        "units_1e3": {"use": "units", "ratio": 1e3},
        "units_1e6": {"use": "units", "ratio": 1e6},
    },
    "data": {
        "sparse_features": {"use": "least_squares", "density": 0.05, "dimensions": 50},
        "feature_sizes": {"use": "least_squares", "ratio": 1e2},
        "rank_one": {"use": "least_squares", "examples": 1},
        "kinks": {"use": "logistic_regression", "l1": 0.05},
    },
    "noise": {
        "batch_noise": {"use": "noisy_quadratic", "batch": 10.0},
        "gaussian_noise": {"use": "student_noise", "tails": 100.0},
        "heavy_tails": {"use": "student_noise"},
        "cauchy_noise": {"use": "student_noise", "tails": 1.0},
    },
    "traps": {
        "reddi": {"steep": 1050.0},
        "rotation_of_a_game": {"use": "bilinear_game"},
    },
    "many minima": {
        "rastrigin": {},
        "ackley": {},
        "griewank": {},
        "styblinski_tang": {},
    },
}
"""By group the pathologies: by label the keys of an objective's section."""

SPREADS = {"saddle": 0.01, "monkey_saddle": 0.01, "vanishing_chain": 0.02, "exploding_chain": 0.02}
FIXED = ("spectrum_of_a_deep_net", "factors_near_0", "far_start", "kinks", "batch_noise", "reddi")
"""Those whose start is random by itself, or has none to vary."""


@dataclass(frozen=True)
class Pathologies(Suite):
    """Functions that are hard for one named reason each: what an optimizer stands, and what it does not.

    Ravines along the axes and rotated, curved valleys, saddles and plateaus, walls, gradients of unusual
    size, data that are rare, uneven or of rank one, kinks, noise with light and heavy tails, Reddi's trap,
    the rotation of a game, many minima. Each is small and takes 1000 steps, Reddi's trap 2020: twenty
    periods, so that the last step does not decide. It is made for shares of successes:
    `reports/field/optimizer` states for each problem the value that counts as one.

    Rates that pass one pathology need not pass another, so that the rate is tuned for each by itself.
    """

    name: ClassVar[str] = "pathologies"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "objective": {
                label: {**keys, **_spread(label)}
                for named in GROUPS.values()
                for label, keys in named.items()
            }
        }

    def problems(self) -> Sequence[Problem]:
        return [
            Problem(label, group, {"objective": label}, {"steps": LONG if label == "reddi" else STEPS})
            for group, named in GROUPS.items()
            for label in named
        ]


def _spread(label: str) -> dict[str, object]:
    return {} if label in FIXED else {"spread": SPREADS.get(label, 0.2)}


@hookimpl
def annx_suites() -> list[type[Suite]]:
    return [Pathologies]
