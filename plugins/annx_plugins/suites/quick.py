"""Suite: quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from anncore import Problem, Suite, hookimpl

GROUPS: dict[str, dict[str, dict[str, object]]] = {
    "tables": {"iris": {}, "wine": {}, "breast_cancer": {}},
    "curved borders": {
        "two_moons": {"noise": 0.2},
        "circles": {"noise": 0.15, "factor": 0.6},
        "spirals": {"turns": 1.5},
    },
    "hidden rules": {"xor": {"bits": 3, "noise": 0.4}, "parity": {"bits": 8, "relevant": 2}},
    "smooth functions": {"friedman": {}, "diabetes": {}},
    "noisy problems": {
        "wrong_labels": {"use": "two_moons", "noise": 0.2, "label_noise": 0.2},
        "outliers": {"use": "friedman", "outliers": 0.1},
    },
}
"""By group the data sets: by label the keys of a section."""


@dataclass(frozen=True)
class Quick(Suite):
    """Twelve small problems for a first look: ten arms are compared in about a minute on two cores.

    Two or three problems of each group of `core`, with one hidden layer of 8 units and 200 steps of 32
    examples. Enough problems for a claim over all of them, too few and too easy to rest a decision on.

    What holds here should be asked again of `core`.
    """

    name: ClassVar[str] = "quick"
    version: ClassVar[int] = 1

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {label: dict(keys) for named in GROUPS.values() for label, keys in named.items()},
            "network": {"tiny": {"use": "mlp", "hidden": [8]}},
        }

    def problems(self) -> Sequence[Problem]:
        return [
            Problem(label, group, {"dataset": label, "network": "tiny"}, {"steps": 200})
            for group, named in GROUPS.items()
            for label in named
        ]


@hookimpl
def annx_suites() -> list[type[Suite]]:
    return [Quick]
