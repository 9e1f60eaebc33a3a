"""Suite: tabular."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from anncore import Problem, Suite, hookimpl

GROUPS: dict[str, dict[str, dict[str, object]]] = {
    "real classes": {
        "iris": {},
        "wine": {},
        "breast_cancer": {},
        "digits": {},
    },
    "real numbers": {
        "diabetes": {},
        "linnerud": {},
    },
    "made classes": {
        "useless_features": {"use": "classification", "features": 30, "informative": 5, "n": 600},
        "many_classes": {"use": "classification", "classes": 6, "informative": 8, "n": 900},
        "rare_class": {"use": "imbalanced", "n": 800, "ratio": 19},
        "overlap": {"use": "gaussian_mixture", "n": 600, "classes": 4, "features": 8},
        "correlated": {"use": "gaussian_mixture", "n": 600, "features": 10, "ratio": 100.0},
    },
    "made numbers": {
        "linear": {"use": "linear_regression", "features": 20, "informative": 5},
        "friedman_1": {"use": "friedman"},
        "friedman_2": {"use": "friedman", "problem": 2},
        "friedman_3": {"use": "friedman", "problem": 3, "noise": 0.1},
        "sum": {"use": "additive_regression", "features": 10},
        "product": {"use": "multiplicative_regression", "features": 5},
    },
}
"""By group the data sets: by label the keys of a section."""


@dataclass(frozen=True)
class Tabular(Suite):
    """Tables of numbers, real ones and made ones, for classes and for numbers.

    The six real tables that scikit-learn ships, and eleven that are made with what real ones suffer from:
    features that say nothing, rare classes, overlap, correlation, noise. Each with one hidden layer of 32
    units, 400 steps of 32 examples.

    For questions about tables alone; `core` asks about more.
    """

    name: ClassVar[str] = "tabular"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {label: dict(keys) for named in GROUPS.values() for label, keys in named.items()},
            "network": {"mlp": {"hidden": [32]}},
        }

    def problems(self) -> Sequence[Problem]:
        return [
            Problem(label, group, {"dataset": label, "network": "mlp"}, {"steps": 400})
            for group, named in GROUPS.items()
            for label in named
        ]


@hookimpl
def annx_suites() -> list[type[Suite]]:
    return [Tabular]
