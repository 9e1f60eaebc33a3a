"""Suite: core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from anncore import Problem, Suite, hookimpl

GROUPS: dict[str, dict[str, dict[str, object]]] = {
    "tables": {
        "iris": {},
        "wine": {},
        "breast_cancer": {},
        "digits": {},
        "diabetes": {},
        "useless_features": {"use": "classification", "n": 600},
        "rare_class": {"use": "imbalanced", "n": 800, "ratio": 9},
        "overlap": {"use": "gaussian_mixture", "n": 600, "classes": 4, "features": 8},
    },
    "curved borders": {
        "two_moons": {"noise": 0.2},
        "circles": {"noise": 0.15, "factor": 0.6},
        "spirals": {"turns": 1.5, "n": 600},
        "checkerboard": {},
        "shells": {"features": 5, "classes": 3, "n": 800},
        "mnist1d": {"n": 1000},
    },
    "hidden rules": {
        "xor": {"bits": 3, "noise": 0.4},
        "parity": {"bits": 10, "relevant": 2, "label_noise": 0.05},
        "staircase": {"bits": 12, "height": 3, "noise": 0.2},
        "teacher_signs": {"use": "teacher_student", "answers": "sign"},
    },
    "smooth functions": {
        "friedman_1": {"use": "friedman"},
        "friedman_2": {"use": "friedman", "problem": 2, "noise": 100.0},
        "friedman_3": {"use": "friedman", "problem": 3, "noise": 0.1},
        "sum": {"use": "additive_regression"},
        "product": {"use": "multiplicative_regression"},
        "teacher": {"use": "teacher_student", "n": 600, "noise": 0.2},
        "sine": {},
    },
    "noisy problems": {
        "wrong_labels": {"use": "two_moons", "noise": 0.2, "label_noise": 0.2},
        "wrong_digits": {"use": "digits", "label_noise": 0.3},
        "outliers": {"use": "friedman", "outliers": 0.1},
        "heavy_tails": {"df": 1.5},
        "uneven_noise": {"use": "heteroscedastic"},
        "loud_line": {"use": "linear_regression", "noise": 100.0},
    },
}
"""By group the data sets: by label the keys of a section. Each is a problem with a small network."""

LARGE = (
    "breast_cancer",
    "digits",
    "spirals",
    "checkerboard",
    "mnist1d",
    "parity",
    "friedman_1",
    "wrong_labels",
)
"""Those that are a second problem with a large network."""

STEPS = 200


@dataclass(frozen=True)
class Core(Suite):
    """Data sets and networks that separate components in general: where none is named, compare on these.

    31 data sets that packages ship or that are made, for classes and for numbers, with a small network of one
    hidden layer; 8 of them once more with a large one of two. Groups: tables, curved borders, hidden rules,
    smooth functions, noisy problems. A trial takes 200 steps of 32 examples.

    Problems were chosen so that known differences show: Adam is ahead of SGD, above all on curved borders and
    hidden rules, and behind it on some tables. The README beside this file says how small a difference the
    suite detects.
    """

    name: ClassVar[str] = "core"
    version: ClassVar[int] = 2
    default: ClassVar[bool] = True

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {label: dict(keys) for named in GROUPS.values() for label, keys in named.items()},
            "network": {
                "small": {"use": "mlp", "hidden": [16]},
                "large": {"use": "mlp", "hidden": [32, 32]},
            },
        }

    def problems(self) -> Sequence[Problem]:
        small = [
            Problem(label, group, {"dataset": label, "network": "small"}, {"steps": STEPS})
            for group, named in GROUPS.items()
            for label in named
        ]
        large = [
            Problem(f"{label} large", group, {"dataset": label, "network": "large"}, {"steps": STEPS})
            for group, named in GROUPS.items()
            for label in named
            if label in LARGE
        ]
        return [*small, *large]


@hookimpl
def annx_suites() -> list[type[Suite]]:
    return [Core]
