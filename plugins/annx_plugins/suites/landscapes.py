"""Suite: landscapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from anncore import Problem, Suite, hookimpl

SPREAD = 0.2

GROUPS: dict[str, dict[str, dict[str, object]]] = {
    "separable functions": {
        "sphere": {"dimensions": 10},
        "ellipsoid": {"use": "quadratic", "condition": 1e6, "dimensions": 10},
        "rastrigin": {"dimensions": 5},
        "styblinski_tang": {"dimensions": 5},
    },
    "moderate conditioning": {
        "tilted_bowl": {"use": "quadratic", "condition": 30.0, "dimensions": 10, "rotated": True},
        "rosenbrock": {},
        "rosenbrock_5": {"use": "rosenbrock", "dimensions": 5},
        "booth": {},
        "beale": {},
    },
    "ravines": {
        "ravine_1e3": {"use": "quadratic", "condition": 1e3, "rotated": True},
        "ravine_1e4": {"use": "quadratic", "condition": 1e4, "dimensions": 10, "rotated": True},
        "ravine_1e6": {"use": "quadratic", "condition": 1e6, "dimensions": 10, "rotated": True},
        "matyas": {},
        "scaled_features": {"use": "least_squares", "ratio": 100.0},
    },
    "many minima with a trend": {
        "rotated_walls": {"use": "griewank", "dimensions": 5},
        "ackley": {"dimensions": 5},
        "levy": {"dimensions": 5},
    },
    "many minima without a trend": {
        "himmelblau": {},
        "branin": {},
        "six_hump_camel": {},
        "goldstein_price": {},
        "mccormick": {},
    },
    "saddles and plateaus": {
        "saddle": {"wall": 0.1},
        "monkey_saddle": {"wall": 0.1},
        "matrix_factorization": {"scale": 0.01},
        "phase_retrieval": {},
    },
    "noisy slopes": {
        "noisy_quadratic": {"batch": 10.0},
        "deep_quadratic": {},
        "rare_features": {"use": "least_squares", "density": 0.1, "noise": 0.1},
    },
}
"""By group the functions: by label the keys of a section."""

NARROW = ("saddle", "monkey_saddle")  # whose starts must lie near the ridge
OWN_STARTS = ("matrix_factorization", "phase_retrieval", "noisy_quadratic", "deep_quadratic")


@dataclass(frozen=True)
class Landscapes(Suite):
    """Functions of known shape, grouped as COCO groups its functions, for optimizers and schedules.

    COCO's five groups (separable, moderate conditioning, ravines, which are its high conditioning, many
    minima with and without a trend), and two that training networks adds: saddles and plateaus, and noisy
    slopes. Starts are spread, so that each seed is another one. 500 steps.

    Hansen, Auger, Ros, Mersmann, Tušar & Brockhoff, "COCO: A Platform for Comparing Continuous Optimizers in
    a Black-Box Setting", Optimization Methods and Software 36(1), 2021. https://arxiv.org/abs/1603.08785. The
    functions are not COCO's own; those of its groups that have a gradient everywhere stand here.
    """

    name: ClassVar[str] = "landscapes"
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
            Problem(label, group, {"objective": label}, {"steps": 500})
            for group, named in GROUPS.items()
            for label in named
        ]


def _spread(label: str) -> dict[str, object]:
    if label in OWN_STARTS:
        return {}
    return {"spread": 0.05 if label in NARROW else SPREAD}


@hookimpl
def annx_suites() -> list[type[Suite]]:
    return [Landscapes]
